"""Our weak labels beside those that Auto-Generate-WLs published, and what our judge says of them.

usage: published_labels.py DATA OUT --judge FOLDER --prompt FOLDER [--minutes 5]

For each set below DATA/autowl: `segassay weak` from its 25 reference labels, in one command, with a
judge and a promptable segmenter that have seen nothing of it; Dice with the published labels made
by boxes and by points; the judge's score of all of them, in the context of the reference labels.
Writes `published.json`, a table, and sheets of the ten best and worst labels to OUT.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.design.make_encoder import tell
from segassay.datasets.opening import open_dataset, open_images
from segassay.datasets.read_case import read_labelled_case
from segassay.images.io import read_image
from segassay.images.mask import Mask
from segassay.judge.scoring import load_judge
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.weak.candidates import mask_dice
from segassay.weak.make_labels import open_reference, read_record, weak_path

_PUBLISHED = ("weak_box", "weak_points")
_SHOWN = 10


def main() -> None:
    """Label all sets and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--judge", required=True)
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--minutes", type=float, default=5.0)
    given = parser.parse_args()
    found = []
    for root in sorted((given.data / "autowl").iterdir()):
        out = given.out / root.name
        command = [sys.executable, "-m", "segassay", "weak", str(root / "images")]
        command += ["--gold", str(root / "gold"), "-o", str(out), "--judge", given.judge]
        command += ["--segmenter", given.prompt, "--minutes", str(given.minutes), "-q"]
        subprocess.run(command, check=True)
        found += compared(root, out, given.judge)
    (given.out / "published.json").write_text(json.dumps(found, indent=0) + "\n")
    (given.out / "published.md").write_text(page(found))


def compared(root: Path, out: Path, judge_name: str) -> list[dict[str, object]]:
    """Compare our labels of one set with the published ones, image by image."""
    judge = load_judge(judge_name)
    reference = open_reference(root / "gold", root / "images")
    if isinstance(judge, ContextJudge):
        judge = judge.with_reference(judge.reader.gather(reference.cases, trusted=True))
    structure = reference.structures[0]
    published = {
        name: {
            case.case_id: case
            for case in open_dataset(images=root / "images", labels=root / name).cases
            if case.labels
        }
        for name in _PUBLISHED
        if (root / name).is_dir()
    }
    rows: list[dict[str, object]] = []
    for case in open_images(root / "images").cases:
        record = read_record(out, case)
        theirs = {
            name: some[case.case_id] for name, some in published.items() if case.case_id in some
        }
        if record is None or record.reference or not theirs:
            continue
        label = record.labels[0]
        ours = None
        if label.chosen:
            ours = Mask.of(read_image(weak_path(out, structure, case)).array > 0)
        image = read_image(case.images[0])
        row: dict[str, object] = {
            "set": root.name,
            "case": case.case_id,
            "status": label.status,
            "expected": label.expected_dice,
        }
        masks = {}
        for name, other in theirs.items():
            masks[name] = next(mask for _, mask in read_labelled_case(other).masks())
            row[f"dice_{name}"] = None if ours is None else round(mask_dice(ours, masks[name]), 4)
        scores = judge.score_labels(
            image, [(structure, m) for m in masks.values()], modality=None, subject=case.subject_id
        )
        row |= {f"score_{n}": _number(s.value) for n, s in zip(masks, scores, strict=True)}
        rows.append(row)
    sheets(rows, root, out, structure)
    tell(f"{root.name}: {len(rows)} images")
    return rows


def sheets(rows: list[dict[str, object]], root: Path, out: Path, structure: str) -> None:
    """Draw the ten published labels that the judge calls worst, and the ten best, with ours."""
    name = next(one for one in _PUBLISHED if any(f"score_{one}" in row for row in rows))
    scored = [row for row in rows if isinstance(row.get(f"score_{name}"), float)]
    scored.sort(key=lambda row: float(str(row[f"score_{name}"])))
    cases = {case.case_id: case for case in open_images(root / "images").cases}
    theirs = {c.case_id: c for c in open_dataset(images=root / "images", labels=root / name).cases}
    for title, some in (("worst", scored[:_SHOWN]), ("best", scored[-_SHOWN:])):
        tiles = []
        for row in some:
            case = cases[str(row["case"])]
            picture = np.asarray(Image.open(case.images[0]).convert("RGB"))
            mask = next(m for _, m in read_labelled_case(theirs[case.case_id]).masks())
            path = weak_path(out, structure, case)
            ours = np.asarray(Image.open(path).convert("L")) > 0 if path.exists() else None
            published = np.asarray(mask.as_planes(2))[0]
            tiles.append(np.concatenate([_drawn(picture, published), _drawn(picture, ours)], 1))
        sheet = np.concatenate([np.concatenate(tiles[k : k + 2], 1) for k in range(0, 10, 2)], 0)
        Image.fromarray(sheet).save(out / f"{title}.png")


def _drawn(picture: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    shown = picture.copy()
    if mask is not None:
        shown[mask] = (0.55 * shown[mask] + 0.45 * np.array([230, 60, 60])).astype(np.uint8)
    return np.asarray(Image.fromarray(shown).resize((224, 224)))


def page(rows: list[dict[str, object]]) -> str:
    """Return the table as Markdown."""
    lines = [
        "| set | images | labelled | Dice with boxes | with points | score of boxes | of points |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name in sorted({str(row["set"]) for row in rows}):
        own = [row for row in rows if row["set"] == name]
        keys = [f"{kind}_{one}" for kind in ("dice", "score") for one in _PUBLISHED]
        cells = []
        for key in keys:
            values = [v for row in own if isinstance(v := row.get(key), float)]
            cells.append(f"{fmean(values):.3f} ({len(values)})" if values else "")
        labelled = sum(row["status"] in ("kept", "repaired") for row in own)
        lines.append(f"| {name} | {len(own)} | {labelled} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)


if __name__ == "__main__":
    main()
