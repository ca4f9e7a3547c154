#!/usr/bin/env bash
# Train judges that differ in one thing, for the same number of updates each:
#   bash benchmarks/design/train_ablations.sh DATA [NAME ...]   # names as in recipes/ablations; default all
# One that was stopped continues. The networks whose errors the judges meet are those of
# judge-small (`segassay train segmenters --config recipes/judge-small.yaml --data DATA -o runs/judge-small/segmenters`).
set -euo pipefail
data=$1
shift
[[ $# -gt 0 ]] || set -- map direct sentinel-head hypotheses no-names no-networks no-shapes map-long direct-long
for name in "$@"; do
    run=runs/ablation-$name
    mkdir -p "$run"
    [[ -e $run/segmenters ]] || ln -s ../judge-small/segmenters "$run/segmenters"
    [[ -e $run/done ]] ||
        python -m segassay train judge --config "recipes/ablations/$name.yaml" --data "$data" -o "$run"
    touch "$run/done"
done
