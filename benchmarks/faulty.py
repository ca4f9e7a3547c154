"""Does `p_faulty` mean what it says? On simulated errors and on real predictions, judge by judge.

Audited from their files on, as a user would: every shared set of reference labels in which one
label in ten has a simulated error (the tables of `planted_faults.py`), and every set of `breadth`
twice, its reference masks and, apart, real predictions of networks for the same images. True is
the Dice against the reference: 1 of untouched labels. A label is faulty where that lies below
`records.p_faulty.FAULTY_BELOW`. Images that the judge was trained on are left out.

Audits are kept under `runs/faulty/JUDGE`, so a stopped run goes on where it was, and figures made
again from the rows cost seconds.

Usage: python benchmarks/faulty.py DATA_ROOT [--judge JUDGE] [--only SET ...] [--out docs/results]
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

from audits import SETS
from frozen import RUNS
from planted_faults import blinded, faulty_table, write_table

from segassay.data.io import read_labels
from segassay.metrics.overlap import dice
from segassay.models.folder import find_judge
from segassay.pipelines.audit import audit
from segassay.pipelines.configs import AuditConfig, SourceConfig
from segassay.types import Modality

PLANTED = ("ph2", "hc18", "busi", "isic2016", "covid_cxr", "jsrt", "chaos_t2")
PLANTED += ("hippocampus", "acdc", "btcv", "oasis")


def main() -> None:
    """Audit what is not audited yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", default="judge-small")
    parser.add_argument("--only", nargs="+", default=[], help="names of sets")
    options = parser.parse_args()
    work = RUNS / "faulty" / Path(options.judge).name
    for name, table in tables(options.data, options.only):
        audited(table, work / name, options.judge)
        print(name, flush=True)


def tables(data: Path, only: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield name and table of every set, made unless they are there."""
    by_name = {entry.name: entry for entry in SETS}
    for name in PLANTED:
        if not only or name in only:
            yield name, faulty_table(by_name[name], data)
    with (data / "breadth" / "sets.csv").open(newline="") as file:
        sets = [(row["set"], row["modality"]) for row in csv.DictReader(file)]
    for name, modality in sets:
        if not only or name in only:
            for kind in ("masks", "predictions"):
                if (data / "breadth" / name / kind).is_dir():
                    yield f"{name}-{kind}", breadth_table(data / "breadth" / name, modality, kind)


def breadth_table(root: Path, modality: str, kind: str) -> Path:
    """Write the table of the masks or the predictions of a set, with their true Dice."""
    path = RUNS / "faulty" / "tables" / root.name / kind / "labels.csv"
    if path.exists():
        return path
    images = {image.stem: image for image in sorted((root / "images").iterdir())}
    known = modality if modality in list(Modality) else Modality.OTHER
    rows = [
        {
            "case_id": label.stem,
            "subject": label.stem,
            "modality": known,
            "image": images[label.stem].resolve(),
            "structure": label.parent.name,
            "label": label.resolve(),
            "value": "",
            "true": true_dice(root, label),
        }
        for label in sorted((root / kind).glob("*/*"))
        if label.stem in images
    ]
    write_table(path, rows)
    return path


def true_dice(root: Path, label: Path) -> float:
    """Return the Dice of a label against the reference; NaN where both are empty."""
    reference = root / "masks" / label.parent.name / label.name
    if reference == label:
        return 1.0
    own, other = (read_labels(path).volume.array > 0 for path in (label, reference))
    return round(dice(own, other), 4)


def audited(table: Path, out: Path, judge: str) -> None:
    """Audit a table, unless that is done."""
    if (out / "scores.parquet").exists():
        return
    source = SourceConfig(path=blinded(table))
    audit(AuditConfig(source=source, out=out, judge=str(find_judge(judge)), n_worst=0))


if __name__ == "__main__":
    main()
