"""The process itself with deduce, whose long lists are cut short here: loading all of them takes a gigabyte and a minute."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from signaltable.text_reader import client
from signaltable.text_reader.heavy import CACHE
from signaltable.text_reader.wire import socket_path

ROOT = Path(__file__).parents[2]
# Builds deduce's tables out of lists of at most this many lines, where the process looks for tables.
BUILD = """
import sys
from deduce import Deduce
Deduce(lookup_data_path=sys.argv[1], cache_path=sys.argv[2])
"""
MOST_LINES = 300
TEXT = "Op 12 oktober 2026 sprak ik in Rotterdam met mevrouw Kanarinda over haar loon."


def short_lists(folder: Path) -> Path:
    import deduce

    shutil.copytree(Path(deduce.__file__).parent / "data" / "lookup" / "src", folder / "src")
    for path in folder.rglob("*.txt"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:: max(1, len(lines) // MOST_LINES)]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reader")
    (folder / CACHE).mkdir(mode=0o700)
    subprocess.run(
        [sys.executable, "-c", BUILD, str(short_lists(folder / "lists")), str(folder / CACHE)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return folder


@pytest.fixture(scope="module")
def process(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(
        [sys.executable, "-m", "signaltable.text_reader.process"],
        cwd=ROOT,
        env={**os.environ, "SIGNALTABLE_HOME": str(home), "SIGNALTABLE_PARENT": str(os.getpid())},
        stdout=(home / "out.txt").open("wb"),
        stderr=subprocess.STDOUT,
    )
    for _try in range(1800):
        if client.read(home, "") is not None or started.poll() is not None:
            break
        time.sleep(0.1)
    yield started
    started.kill()
    started.wait()


def test_it_reads_a_text_writes_none_of_it_and_ends_when_told(home, process, monkeypatch):
    # A machine that is busy with other tests may let a question wait for longer than a client does, or than a text may take.
    monkeypatch.setattr(client, "_PATIENCE", 60)
    monkeypatch.setattr(client, "_PAUSE", 0)
    client._Away.until.clear()
    answers = (client.read(home, TEXT) for _try in range(60))
    spans = next((one for one in answers if one is not None), ())
    assert [(one.kind, TEXT[one.start : one.end]) for one in spans] == [("name", "Kanarinda")]
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=180) == 0
    assert not socket_path(home).exists()
    assert client.read(home, TEXT) is None
    written = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".txt"] + [home / "out.txt"]
    assert not [path for path in written if b"Kanarinda" in path.read_bytes()]
