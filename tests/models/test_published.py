"""Released files are read as data: good ones give tensors, hostile ones run nothing."""

import builtins
import contextlib
import io
import os
import pickle
import struct
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the train extra")

from segassay.errors import ModelError  # noqa: E402
from segassay.files.zip_in_memory import read_zip  # noqa: E402
from segassay.judge.networks.quality_sentinel import QualitySentinelNet  # noqa: E402
from segassay.models import published  # noqa: E402
from segassay.models.plain_pickle import MOST_STEPS  # noqa: E402
from segassay.models.published import read_sentinel_weights, read_text_vectors  # noqa: E402
from segassay.models.torch_files import read_tensors  # noqa: E402


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
    with pytest.raises(ModelError, match=r"best\.pth: .*posix\.system") as caught:
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
    with pytest.raises(ModelError, match=r"w\.pth"):
        read_sentinel_weights(path)
    memo = tmp_path / "v.pkl"
    memo.write_bytes(b"\x80\x04}r\xff\xff\xff\xff.")  # keeps a dict in place four billion
    with pytest.raises(ModelError):
        read_text_vectors(memo)


MOST = 2**20


def refused_at_once(content: bytes) -> str:
    """The message with which a file is refused, in a second and in one line."""
    begun = time.monotonic()
    with pytest.raises(ModelError) as caught:
        read_tensors(content, "a.pth", most_bytes=MOST)
    assert time.monotonic() - begun < 5
    assert caught.value.exit_code == 5
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_a_damaged_byte_of_an_archive_is_found(tmp_path: Path, place: float) -> None:
    content = bytearray(saved({"a": torch.arange(4096.0), "b": torch.ones(2048)}))
    content[int(place * len(content))] ^= 0xFF
    refused_at_once(bytes(content))


def other_kinds() -> dict[str, Any]:
    whole = torch.ones(2, 3)
    return {
        "sparse": torch.sparse_coo_tensor(torch.zeros((2, 1), dtype=torch.long), [1.0], (2, 3)),
        "csr": whole.to_sparse_csr(),
        "meta": torch.empty((2, 3), device="meta"),
        "quantized": torch.quantize_per_tensor(whole, 0.1, 0, torch.qint8),
        "complex": whole.to(torch.complex64),
        "nested": torch.nested.nested_tensor([whole]),
        "conjugate": torch.ones(2, dtype=torch.complex64).conj(),
        "float8": whole.to(torch.float8_e4m3fn),
    }


@pytest.mark.filterwarnings("ignore")  # torch warns of kinds that it may change
@pytest.mark.parametrize("new", [True, False])
def test_tensors_of_other_kinds_are_refused(new: bool) -> None:
    for kind in other_kinds().values():
        refused_at_once(saved({"a": kind}, new=new))


def storage(count: int) -> Any:
    numbers = torch.zeros(count).untyped_storage()
    return torch.storage.TypedStorage(wrap_storage=numbers, dtype=torch.float32, _internal=True)


def rebuilt(offset: Any, size: Any, stride: Any, count: int = 512) -> bytes:
    rebuild = torch._utils._rebuild_tensor_v2
    arguments: tuple[Any, ...] = (storage(count), offset, size, stride, False, OrderedDict())
    return pickle.dumps({13: Calls(rebuild, *arguments)})


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (10**8, (1, 512), (512, 1)),
        (1, (512,), (1,)),
        (0, (512,), (2,)),
        (-1, (512,), (1,)),
        (0, (2**40,), (0,)),
        (0, (2, 512), (0, 1)),
        (0, (512,), (-1,)),
        (0, (512,), (1, 1)),
        (0, (True,), (1,)),
        (0, (1.5,), (1,)),
        (0, [512], [1]),
        (2**70, (1,), (1,)),
        (0, (1,) * 600, (1,) * 600),
    ],
)
def test_tensors_beyond_what_is_stored_are_refused(offset: Any, size: Any, stride: Any) -> None:
    refused_at_once(rebuilt(offset, size, stride))


def test_a_tensor_is_read_as_it_lies() -> None:
    turned = torch.arange(6.0).reshape(2, 3).t()
    nothing = torch.empty(0, 4)
    for new in (True, False):
        content = saved({"a": turned, "b": turned[1:], "c": nothing, "d": torch.tensor(3)}, new=new)
        found = read_tensors(content, "a.pth", most_bytes=MOST)
        assert torch.equal(found["a"], turned)
        assert torch.equal(found["b"], turned[1:])
        assert found["c"].shape == (0, 4)
        assert found["d"].item() == 3
    parameter = torch.nn.Parameter(turned)
    found = read_tensors(saved({"a": parameter}), "a.pth", most_bytes=MOST)
    assert torch.equal(found["a"], turned)


def laughs(n: int = 60) -> bytes:
    """Tuples of tuples, each held twice by the next, as a key: hashing it doubles with each."""
    nested = b"".join(b"h%ch%c\x86q%c0" % (i, i, i + 1) for i in range(n))
    return b"\x80\x04K\x00\x85q\x000" + nested + b"}h%cNs." % n


def test_programs_that_cost_more_than_they_hold_are_refused() -> None:
    inner = pickle.dumps(storage(2**16))
    hashed = b"\x80\x02ccollections\nOrderedDict\n(" + laughs()[2:-4] + b"h\x3cK\x00\x86\x85\x85R."
    programs = {
        "hashing": laughs(),
        "hashing for an ordered dictionary": hashed,
        "hashing in an archive": zipped({"a/data.pkl": laughs()}),
        "hashing in an old file": old_file(laughs()),
        "steps": b"\x80\x04" + b"N0" * MOST_STEPS + b".",
        "a file inside, again and again": b"".join(
            (
                b"\x80\x04ctorch.storage\n_load_from_bytes\nq\x000",
                b"B" + struct.pack("<I", len(inner)) + inner + b"\x85q\x010",
                b"h\x00h\x01R0" * 1000,
                b"N.",
            )
        ),
        "numbers that are announced": old_file(
            b"\x80\x02X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
            b"X\x03\x00\x00\x00cpu\x8a\x06\x00\x00\x00\x00\x00\x10N(tQ."
        ),
        "a key that is a list": b"\x80\x04}]Ns.",
        "no mark": b"\x80\x04t.",
        "nothing": b"\x80\x04.",
        "no end": b"\x80\x04NN",
        "itself": b"\x80\x04]q\x00h\x00ah\x00",
    }
    for program in programs.values():
        refused_at_once(program)


def old_file(program: bytes) -> bytes:
    """What older versions of torch write, with a program of somebody else."""
    magic, version = pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2)
    return magic + version + pickle.dumps({"little_endian": True}, 2) + program


def zipped(parts: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for place, content in parts.items():
            archive.writestr(place, content)
    return buffer.getvalue()


def test_archives_that_unpack_to_more_than_they_say_are_refused() -> None:
    for how in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        honest = zipped({"a/data.pkl": bytes(2 * MOST)}, how)
        refused_at_once(honest)
        size = struct.pack("<I", 2 * MOST)
        refused_at_once(honest.replace(size, struct.pack("<I", 100)))
    packed = zipped({"a/data.pkl": pickle.dumps("x" * 100_000)}, zipfile.ZIP_DEFLATED)
    refused_at_once(packed)  # within the limit, but torch writes no file that unpacks to so much
    refused_at_once(zipped({f"a/data/{n}": b"" for n in range(5000)}))
    lying = bytearray(zipped({f"a/data/{n}": b"" for n in range(60_000)}))
    at = lying.rfind(b"PK\x05\x06")
    lying[at + 8 : at + 12] = b"\x01\x00\x01\x00"  # says that it holds one file
    refused_at_once(bytes(lying))
    refused_at_once(zipped({"a/data.pkl": b"N.", "b/data.pkl": b"N."}))
    refused_at_once(zipped({"a/data.pkl": pickle.dumps(1, 2), "a/byteorder": b"big"}))


def test_a_zip_is_read_as_a_whole() -> None:
    parts = {"a": b"1", "b/c": bytes(1000)}
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        content = io.BytesIO(zipped(parts, how))
        assert read_zip(content, "a.zip", most_bytes=1001, most_files=2) == parts
        for most_bytes, most_files in ((1000, 2), (1001, 1)):
            with pytest.raises(ModelError):
                read_zip(content, "a.zip", most_bytes=most_bytes, most_files=most_files)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless file here")
def test_files_without_an_end_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.pth"
    os.mkfifo(pipe)
    for path in (Path("/dev/zero"), pipe, tmp_path):
        for read in (read_sentinel_weights, read_text_vectors):
            with pytest.raises(ModelError):
                read(path)


_GOOD = (
    saved({"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(1)}),
    saved({"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(1)}, new=False),
    pickle.dumps({13: torch.ones(1, 4), 14: torch.zeros(1, 4)}),
    laughs(3),
)


@given(st.sampled_from(_GOOD), st.integers(0, 10**6), st.binary(min_size=1, max_size=6))
@example(_GOOD[2], 30, b"\x93")
@settings(max_examples=120, deadline=5000, suppress_health_check=[HealthCheck.too_slow])
def test_any_change_of_a_file_is_read_or_refused(good: bytes, place: int, other: bytes) -> None:
    at = place % len(good)
    content = good[:at] + other + good[at + len(other) :]
    with contextlib.suppress(ModelError):
        read_tensors(content, "a.pth", most_bytes=MOST)
