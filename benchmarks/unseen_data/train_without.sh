#!/usr/bin/env bash
# Train the judges that leave one group of data sets out, in two lanes that run side by side:
#   bash benchmarks/unseen_data/train_without.sh DATA image   # start without abdomen and heart, then the two
#   bash benchmarks/unseen_data/train_without.sh DATA volume  # start without 2D and brain, then the two
# A lane that was stopped continues. The networks whose errors the judges meet are those of
# judge-small (`segassay train segmenters --config recipes/judge-small.yaml --data DATA -o runs/judge-small/segmenters`).
set -euo pipefail
data=$1
case $2 in
    image) steps=(start-2d-brain abdomen{,-more,-parts,-untold} cardiac{,-more,-parts,-untold}) ;;
    volume) steps=(start-abdomen-cardiac 2d{,-more,-parts,-untold} brain{,-more,-parts,-untold}) ;;
    *) echo "lane must be image or volume, got '$2'" >&2; exit 64 ;;
esac
for step in "${steps[@]}"; do
    run=runs/$step
    [[ $step == start-* ]] || run=runs/without-$step
    mkdir -p "$run"
    [[ -e $run/segmenters ]] || ln -s ../judge-small/segmenters "$run/segmenters"
    python -m segassay train judge --config "recipes/without/$step.yaml" --data "$data" -o "$run"
done
