"""What reaches a terminal cannot steer it, and a terminal that takes nothing costs no result."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import write_phantoms
from segassay.cli.console import give, give_json, printable, tell
from segassay.records.shards import finished_ids

HOSTILE = "a\x1b]0;owned\x07b\nsegassay: all labels are fine\u202e\u2066\x9b\r\u2028\udc80"
STEERING = [chr(n) for n in (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029)] + [
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
    "\udc80",
    "\ud800",
]


@pytest.mark.parametrize("sign", STEERING)
def test_what_steers_a_terminal_is_written_out(sign: str) -> None:
    assert printable(f"a{sign}b") == f"a\\u{ord(sign):04x}b"


def test_plain_text_of_any_language_stays() -> None:
    text = "Leber größer 肝臓 печень …"
    assert printable(text) == text


def test_a_name_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell(HOSTILE)
    give("first", HOSTILE)
    streams = capsys.readouterr()
    assert (streams.err.count("\n"), streams.out.count("\n")) == (1, 2)
    assert not set(STEERING) - {"\n"} & set(streams.err + streams.out)


def test_json_holds_the_same_text_without_steering(capsys: pytest.CaptureFixture[str]) -> None:
    give_json({HOSTILE: [HOSTILE]})
    out = capsys.readouterr().out
    assert json.loads(out) == {HOSTILE: [HOSTILE]}
    assert not set(STEERING) - {"\n"} & set(out)


def check_in_shell(root: Path, streams: str, *options: str) -> int:
    command = f"{sys.executable} -m segassay check {root} -o {root}-out {' '.join(options)}"
    return subprocess.run(["bash", "-c", f"{command} {streams}"], check=False).returncode


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "1>&- 2>&-", "0<&- 1>&- 2>&-"])
def test_results_are_written_though_nothing_can_be_told(tmp_path: Path, streams: str) -> None:
    root = write_phantoms(tmp_path / "set", range(1, 2))
    assert check_in_shell(root, streams) == 0
    assert (tmp_path / "set-out" / "scores.csv").is_file()
    assert finished_ids(tmp_path / "set-out") == {"p1"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "words", ["info {} --json", "info {}", "--help", "check {} -o {}-o --json -q"]
)
def test_a_full_stdout_is_one_line(tmp_path: Path, words: str) -> None:
    root = write_phantoms(tmp_path / "set", range(1, 2))
    command = f"{sys.executable} -m segassay {words.replace('{}', str(root))} >/dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (told,) = done.stderr.splitlines()
    assert told.startswith("segassay: ")
    assert "None" not in told
