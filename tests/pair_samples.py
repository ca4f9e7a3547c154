"""Pairs of mask and gold on phantoms, as a user would bring them."""

import csv
from pathlib import Path

import numpy as np

from conftest import write_nifti
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom

COLUMNS = ("image", "mask", "gold", "structure", "subject", "set", "modality", "gold_value")
SHIFTS = (0, 2, 6, 14)


def pair_row(seed: int, mask: str, structure: str) -> dict[str, str]:
    """One row of the table; the gold is the phantom's label file."""
    return {
        "image": f"i{seed}.nii.gz",
        "mask": mask,
        "gold": f"g{seed}.nii.gz",
        "structure": structure,
        "subject": f"s{seed}",
        "set": "phantoms",
        "modality": "CT",
        "gold_value": str(LABELS[structure]),
    }


def write_pairs(root: Path, *, seeds: tuple[int, ...] = (1, 2)) -> list[dict[str, str]]:
    """Write phantoms with moved masks of two structures, and return the rows of their table."""
    rows = []
    for seed in seeds:
        phantom = make_phantom(seed)
        write_nifti(root / f"i{seed}.nii.gz", phantom.image, phantom.affine)
        write_nifti(root / f"g{seed}.nii.gz", phantom.labels, phantom.affine)
        for structure in ("liver", "spleen"):
            gold = phantom.labels == LABELS[structure]
            for shift in SHIFTS:
                name = f"m{seed}_{structure}_{shift}.nii.gz"
                moved = np.roll(gold, shift, axis=0).astype(np.uint8)
                write_nifti(root / name, moved, phantom.affine)
                rows.append(pair_row(seed, name, structure))
    return rows


def write_pair_table(path: Path, rows: list[dict[str, str]], *, delimiter: str = ";") -> Path:
    """Write rows as spreadsheets of half of Europe do: semicolons and a BOM."""
    columns = list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, columns, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path
