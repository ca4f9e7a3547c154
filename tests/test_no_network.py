"""Patients' data stays where it is: no command opens a socket, no library keeps a diary."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GUARD = """
import atexit, os, sys
def watch(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"}:
        os.write(2, f"network: {event} {arguments}\\n".encode())
        os._exit(99)  # also where a library would swallow an exception
sys.addaudithook(watch)
"""


def guarded(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", GUARD + code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_guard_sees_a_connection() -> None:
    code = "import socket\ntry: socket.create_connection(('127.0.0.1', 9))\nexcept OSError: pass"
    assert guarded(code).returncode == 99


@pytest.mark.parametrize("verb", ["info", "check", "score", "audit"])
def test_no_verb_needs_a_network(verb: str, phantom_set: Path, tmp_path: Path) -> None:
    out = ["-o", str(tmp_path / "out"), "--limit", "1"]
    pair = [str(phantom_set / folder / "p1.nii.gz") for folder in ("images", "labels")]
    argv = {
        "info": ["info", str(phantom_set)],
        "check": ["check", str(phantom_set), *out],
        "score": ["score", *pair, "--label", "liver"],
        "audit": ["audit", str(phantom_set), *out],
    }[verb]
    done = guarded(f"from segassay.cli import main\nmain({[*argv, '--json']!r})")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{")


def test_no_library_keeps_a_diary(tmp_path: Path) -> None:
    """Loading the judge leaves nothing in the user's home: onnxruntime would, left alone."""
    code = "from segassay import load_judge; load_judge()"
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "c")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
