"""The structures of DAP Atlas by their ids, which Quality Sentinel and SegAE go by."""

import csv
import importlib.resources

from segassay.vocabulary.names import canonical_name


def dap_atlas_names() -> dict[int, str]:
    """Return canonical names by id; ids 0 and 1, background and not annotated, have none.

    Every id goes by the atlas' own name. The released script scores `urinary_bladder` by the
    vector of the prostate (19) and `face` by that of the left cheek (128); here the bladder is 17,
    and no id is a face.

    >>> [dap_atlas_names()[n] for n in (13, 15, 17, 19, 67)]
    ['liver', 'kidney_left', 'urinary_bladder', 'prostate', 'rib_left_1']
    """
    table = importlib.resources.files("segassay.vocabulary").joinpath("structures.csv")
    rows = csv.DictReader(table.read_text("utf-8").splitlines())
    return {
        int(row["dap_atlas_id"]): canonical_name(row["dap_atlas_name"].replace("costa", "rib"))
        for row in rows
        if row["dap_atlas_id"]
    }
