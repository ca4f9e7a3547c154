"""Released files are read as data: good ones give tensors, hostile ones run nothing."""

import builtins
import contextlib
import io
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from segassay.errors import ModelError  # noqa: E402
from segassay.models import published  # noqa: E402
from segassay.models.published import read_sentinel_weights, read_text_vectors  # noqa: E402
from segassay.models.quality_sentinel import QualitySentinelNet  # noqa: E402


def vectors(n: int = 145) -> dict[int, Any]:
    """As released: pickled by `pickle.dump`, one tensor `(1, 512)` for each id from 0."""
    generator = torch.Generator().manual_seed(1)
    return {key: torch.randn(1, 512, generator=generator) for key in range(n)}


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    torch.manual_seed(2)
    found: dict[str, Any] = QualitySentinelNet().state_dict()
    return found


class Calls:
    """Pickles as a call of `function` with `arguments`: what a hostile file does."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


class WithState:
    """Pickles as an object that is made and then changed."""

    def __init__(self) -> None:
        self.a = 1


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_text_vectors_as_released(tmp_path: Path, protocol: int) -> None:
    path, stored = tmp_path / "label_embedding.pkl", vectors()
    path.write_bytes(pickle.dumps(stored, protocol=protocol))
    found = read_text_vectors(path)
    assert list(found) == list(range(145))
    assert all(torch.equal(found[key], stored[key][0]) for key in found)


def test_weights_as_released(tmp_path: Path, state: dict[str, Any]) -> None:
    for name, new in (("new.pth", True), ("old.pth", False)):
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=new)
        found = read_sentinel_weights(tmp_path / name)
        assert found.keys() == state.keys()
        assert all(torch.equal(found[key], state[key]) for key in state)
    parallel = OrderedDict((f"module.{key}", value) for key, value in state.items())
    torch.save(parallel, tmp_path / "parallel.pth")
    assert read_sentinel_weights(tmp_path / "parallel.pth").keys() == state.keys()


def saved(thing: Any, *, new: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(thing, buffer, _use_new_zipfile_serialization=new)
    return buffer.getvalue()


def hostile_vectors(mark: Path) -> dict[str, bytes]:
    """Several ways to have a command run by whoever loads the vectors."""
    command = Calls(os.system, f"touch {mark}")
    load = torch.storage._load_from_bytes
    return {
        "posix.system": pickle.dumps({0: command}),
        "posix.system in torch.save": pickle.dumps({0: Calls(load, saved(command))}),
        "posix.system in old torch.save": pickle.dumps({0: Calls(load, saved(command, new=False))}),
        "posix.system in plain bytes": pickle.dumps({0: Calls(load, pickle.dumps(command, 2))}),
        "builtins.exec": pickle.dumps([Calls(builtins.exec, f"open({str(mark)!r}, 'w').close()")]),
        "builtins.getattr": pickle.dumps({0: Calls(getattr, "x", "encode")}),
        "WithState": pickle.dumps({0: WithState()}),
        "torch.serialization.load": pickle.dumps({0: Calls(torch.load, "x")}),
    }


@pytest.mark.parametrize("way", list(hostile_vectors(Path("x"))))
def test_hostile_vectors_run_nothing(tmp_path: Path, way: str) -> None:
    mark, path = tmp_path / "ran", tmp_path / "label_embedding.pkl"
    path.write_bytes(hostile_vectors(mark)[way])
    with pytest.raises(ModelError, match=r"nothing was run") as caught:
        read_text_vectors(path)
    assert way.split()[0] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not mark.exists()


def test_the_hostile_files_are_hostile(tmp_path: Path) -> None:
    """Loaded as the released script does, by `pickle.load`, the same bytes do run."""
    for way, content in hostile_vectors(tmp_path / "ran").items():
        if "posix.system" in way or "exec" in way:
            mark = tmp_path / "ran"
            with contextlib.suppress(Exception):
                pickle.loads(content)
            assert mark.exists(), way
            mark.unlink()


@pytest.mark.parametrize("new", [True, False])
def test_hostile_weights_run_nothing(tmp_path: Path, state: dict[str, Any], new: bool) -> None:
    mark, path = tmp_path / "ran", tmp_path / "best.pth"
    hidden = {**state, "fc2.bias": Calls(os.system, f"touch {mark}")}
    path.write_bytes(saved(hidden, new=new))
    with pytest.raises(ModelError, match=r"best\.pth: asks for posix\.system") as caught:
        read_sentinel_weights(path)
    assert "\n" not in str(caught.value)
    assert not mark.exists()


def without(state: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in state.items() if k != key}


def test_weights_of_another_network_name_the_first_difference(
    tmp_path: Path, state: dict[str, Any]
) -> None:
    bent = torch.full_like(state["fc1.bias"], float("nan"))
    cases: list[tuple[Any, str]] = [
        ({**state, "fc2.weight": torch.zeros(1, 40)}, r"fc2.weight has shape \(1, 40\).*\(1, 50\)"),
        (without(state, "fc1.bias"), r"fc1.bias is missing; expected the ResNet-50"),
        ({**state, "extra": torch.zeros(1)}, r"extra is unknown"),
        ({**state, "fc1.bias": bent}, r"fc1.bias holds NaN"),
        ({"fc1.bias": state["fc1.bias"]}, r"\(and 333 more\)"),
        ([1, 2], r"holds a list; expected a state dictionary"),
        ({"epoch": 3}, r"holds a dict; expected a state dictionary"),
    ]
    for number, (content, words) in enumerate(cases):
        path = tmp_path / f"{number}.pth"
        torch.save(content, path)
        with pytest.raises(ModelError, match=words):
            read_sentinel_weights(path)


def test_vectors_that_are_none_are_told(tmp_path: Path) -> None:
    path = tmp_path / "label_embedding.pkl"
    for content, words in (
        ({13: torch.zeros(1, 768)}, r"id 13 is \(1, 768\); expected \(1, 512\)"),
        ({13: "liver"}, r"id 13 is str"),
        ({"liver": torch.zeros(1, 512)}, r"key 'liver'; expected structure ids"),
        ([torch.zeros(1, 512)], r"holds a list; expected vectors"),
        ({}, r"holds a dict"),
    ):
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(ModelError, match=words):
            read_text_vectors(path)


def test_truncated_and_missing_files(tmp_path: Path, state: dict[str, Any]) -> None:
    content = {
        "v.pkl": pickle.dumps(vectors()),
        "w.pth": saved(state),
        "o.pth": saved(state, new=False),
    }
    for name, whole in content.items():
        read = read_text_vectors if name.endswith("pkl") else read_sentinel_weights
        path = tmp_path / name
        for share in (0.0, 0.001, 0.5, 0.99):
            path.write_bytes(whole[: int(share * len(whole))])
            with pytest.raises(ModelError, match=r"download it again") as caught:
                read(path)
            assert "\n" not in str(caught.value)
        path.unlink()
        with pytest.raises(ModelError, match=r"No such file"):
            read(path)


def test_too_large_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(3 * 2**20))
    assert path.stat().st_size < 2**20
    monkeypatch.setattr(published, "MOST_WEIGHTS_BYTES", 2**20)
    with pytest.raises(ModelError, match=r"3 MiB unpacked; at most 1"):
        read_sentinel_weights(path)
    memo = tmp_path / "v.pkl"
    memo.write_bytes(b"\x80\x04}r\xff\xff\xff\xff.")  # keeps a dict in place four billion
    with pytest.raises(ModelError, match=r"more memory"):
        read_text_vectors(memo)
