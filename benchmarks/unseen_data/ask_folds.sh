#!/usr/bin/env bash
# What the judges of the folds say of the frozen test's sets, which they have seen nothing of: in the
# context of other labels, of planted faults, fitted to 10 and 25 reference cases; and the sheet of
# judge-context. Goes on where it was stopped; hours of a core, two of which are used.
#
# usage: ask_folds.sh DATA
set -euo pipefail
data=$1
cd "$(dirname "$0")/../.."
export OMP_NUM_THREADS=1 SEGASSAY_JUDGE=judge-small
python=${PYTHON:-.venv/bin/python}
folds=runs/leave_set_out
for fold in 0 1 2 3; do
  mkdir -p "$folds/fold$fold"
  [ -e "$folds/fold$fold/without-fold$fold" ] ||
    ln -s "$PWD/benchmarks/judges/fold$fold" "$folds/fold$fold/without-fold$fold"
done

context() {
  "$python" -m benchmarks.unseen_data.group_in_context "$data" --runs "$folds"
  "$python" -m benchmarks.unseen_data.fit_in_context "$data" --runs "$folds"
  "$python" -m benchmarks.unseen_data.group_in_context "$data" --runs "$folds" --degrade
}
other() {
  "$python" -m benchmarks.unseen_data.planted_faults "$data" --runs "$folds"
  "$python" -m benchmarks.sheet.judge_sheet "$data" --judge judge-context
}
context >runs/ask_context.log 2>&1 &
other >runs/ask_other.log 2>&1 &
wait -n
wait -n
