"""The process that cleans a file: the same outcome as in this one, and nothing within its reach but the file."""

import json
import os
import subprocess
import sys

import pytest

from signaltable import file_cleaner
from signaltable.attached.cleaning import clean
from signaltable.attached.unfit import Unfit
from tests.attached_files import a_docx, a_pdf, a_picture

TRIES = """
import json, os, socket
from signaltable.file_cleaner import process
process._limit()
def tried(what):
    try:
        what()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"
def listen():
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname(), timeout=2)
def elsewhere():
    with open("/tmp/signaltable-file-cleaner", "wb") as file:
        file.write(b"x" * 10_000)
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
print(json.dumps({
    "network": tried(listen), "disk": tried(elsewhere), "memory": tried(lambda: bytearray(3 * 1024**3)),
    "secrets": sorted(name for name in os.environ if "SECRET" in name or "SIGNALTABLE" in name),
}))
"""


@pytest.fixture
def rules(sqlite_program):
    return sqlite_program.policy.attachments


@pytest.mark.parametrize("made", [a_pdf, a_docx, a_picture])
def test_a_file_comes_back_as_from_the_cleaning_itself(rules, made):
    data = made()
    assert file_cleaner.clean(data, rules) == clean(data, rules)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7 and nothing that follows", b"MZ\x90\x00" + b"\0" * 64])
def test_what_is_unfit_is_unfit_for_the_same_reason(rules, data):
    with pytest.raises(Unfit) as here:
        clean(data, rules)
    with pytest.raises(Unfit) as apart:
        file_cleaner.clean(data, rules)
    assert (apart.value.cause, apart.value.kind) == (here.value.cause, here.value.kind)


def test_the_process_reaches_no_network_no_disk_no_secret_and_not_all_memory(monkeypatch):
    monkeypatch.setenv("SIGNALTABLE_PKCS11_PIN_FILE", "/nowhere")
    monkeypatch.setenv("CLOUD_SECRET", "x")
    env = file_cleaner.for_child(os.environ)
    ran = subprocess.run([sys.executable, "-c", TRIES], env=env, capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    assert found["memory"] == "MemoryError"
    assert found["disk"] == "OSError"
    assert found["secrets"] == []
    if os.geteuid() == 0:  # Others need a user namespace, which not every system gives (surroundings.no_network).
        assert found["network"] != "done"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\0\0\0\x02{}",
        b"\xff\xff\xff\xff{}",
        file_cleaner.LENGTH.pack(40) + b'{"kind": "exe", "text_state": "read"}   ' + file_cleaner.LENGTH.pack(0),
    ],
)
def test_an_answer_that_is_none_counts_as_a_file_that_was_made_for_it(rules, said):
    with pytest.raises(Unfit) as refused:
        file_cleaner._answer(said, rules)
    assert refused.value.cause == "bomb"


def test_a_process_that_dies_refuses_the_file(rules, monkeypatch):
    monkeypatch.setattr(file_cleaner, "SECONDS", 0.01)
    with pytest.raises(Unfit) as refused:
        file_cleaner.clean(b"wat tekst", rules)
    assert refused.value.cause == "bomb"
