"""`--bounds`: the user's table, from the file to a finding."""

from pathlib import Path

import pytest

from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.auditing.bounds import read_bounds
from segassay.checks.base import Bound
from segassay.datasets.opening import open_dataset
from segassay.errors import UsageError
from segassay.runs.configs import SourceConfig


def table(folder: Path, text: str) -> Path:
    path = folder / "bounds.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


def test_a_table_as_spreadsheets_save_it(phantom_set: Path) -> None:
    dataset = open_dataset(phantom_set)
    path = table(phantom_set, "Label;Lower;Upper;Quantity\nLiver;100;;\nspleen;;9;mean_value\n")
    assert read_bounds(path, dataset) == (
        Bound("liver", "volume_ml", 100, None),
        Bound("spleen", "mean_value", None, 9),
    )
    assert read_bounds(None, dataset) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label,lower\nliver,1\n", "no column upper"),
        ("label,lower,upper\nliver,few,9\n", "lower is 'few'"),
        ("label,lower,upper\nliver,nan,9\n", "lower is 'nan'"),
        ("label,lower,upper\nliver,9,1\n", "exchange"),
        ("label,lower,upper,quantity\nliver,1,2,mass\n", "volume_ml, voxels, mean_value"),
        ("label,lower,upper\nfemur,1,2\n", "none of its 1 rows"),
        ("", "none of its 0 rows"),
    ],
)
def test_a_table_that_cannot_be_used(phantom_set: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=r"--bounds bounds\.csv") as caught:
        read_bounds(table(phantom_set, text), open_dataset(phantom_set))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_table(phantom_set: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_bounds(phantom_set / "absent.csv", open_dataset(phantom_set))


def test_what_is_out_of_bounds_is_found(phantom_set: Path, tmp_path: Path) -> None:
    bounds = table(tmp_path, "label,lower,upper\nliver,1e5,\nspleen,0,1e5\n")
    source = SourceConfig(path=phantom_set)
    config = AuditConfig(source=source, out=tmp_path / "out", judge=None, bounds=bounds)
    findings = audit(config).findings
    told = [f for f in findings if f.check == "user_bounds"]
    assert {f.structure for f in told} == {"liver"}
    assert len(told) == 4
    bounds.write_text("label,lower,upper\nliver,1,1e5\n")
    with pytest.raises(UsageError, match="other data, options"):  # another table is another run
        audit(config)
