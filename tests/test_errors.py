"""Errors that results keep name no folder of the machine."""

import pickle

import pytest

from segassay.errors import CaseError, InternalError, ReadError


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("No such file: '/home/a b/x.nii'", "No such file: 'x.nii'"),
        ("a.nii: /home/u/y.nii is bad", "a.nii: y.nii is bad"),
        (r"bad: 'C:\Users\me\z.nii'", "bad: 'z.nii'"),
        ("set/a.nii: 1/2 and a / b / c", "set/a.nii: 1/2 and a / b / c"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
    ],
)
def test_errors_of_cases_name_files_and_no_folders(message: str, kept: str) -> None:
    assert str(CaseError(message)) == kept
    assert str(ReadError(kept)) == kept


def test_a_bug_is_told_apart_and_can_be_handed_to_another_process() -> None:
    error = InternalError.of(OSError(2, "gone", "/home/u/b.nii"))
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, InternalError)
    assert str(again) == str(error)
    assert "/home" not in str(error)
