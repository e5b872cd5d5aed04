"""`python -m audit`, as an auditor runs it: the folder copied to a machine that has nothing else."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from email.message import EmailMessage
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_samples import KEY, SIGNED_AT, SIGNER, STRANGER, change, entry_lines, put_lines, sample_log, sign_at

import audit
from audit import bundle, receipt
from audit.__main__ import main
from audit.merkle import inclusion_proof
from audit.note import Signer
from audit.progress import Progress

ROOT = Path(audit.__file__).parents[1]

# Runs a copied audit folder with only the standard library and cryptography (with its C helpers) to import.
ALONE = """
import runpy, sys
folder, *arguments = sys.argv[1:]
allowed = sys.stdlib_module_names | {"audit", "cryptography", "_cffi_backend"}
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ModuleNotFoundError(f"{name} is not here", name=name)
sys.meta_path.insert(0, Guard())
sys.path.insert(0, folder)
for absent in ("flask", "sqlalchemy", "signaltable"):
    try:
        __import__(absent)
    except ModuleNotFoundError:
        continue
    sys.exit(f"{absent} could be imported")
sys.argv = ["audit", *arguments]
runpy.run_module("audit", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "key.txt"
    path.write_text(KEY + "\n")
    return str(path)


@pytest.fixture
def receipt_file(tmp_path: Path) -> str:
    log = sample_log()
    proof = inclusion_proof([one.leaf_hash for one in log], 13)
    note = sign_at(log, [24])[0]
    path = tmp_path / "one.tlog-proof"
    path.write_text(receipt.write(index=13, proof=proof, checkpoint_note=note, entry_bytes=log[13].entry_bytes))
    return str(path)


def spoil(directory: Path) -> None:
    lines = entry_lines(directory)
    lines[3] = change(lines[3], actor="p-9")
    put_lines(directory, bundle.ENTRIES, lines)


def test_it_stands_alone(exported: Path, key_file: str, receipt_file: str, tmp_path: Path) -> None:
    # Given a copy of the folder, and an interpreter in which nothing of ours or of the web can be imported
    copied = tmp_path / "copied"
    shutil.copytree(Path(audit.__file__).parent, copied / "audit")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-W", "error", "-c", ALONE, str(copied), *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    # When an honest export, a receipt and a spoilt export are verified
    honest = run("verify", str(exported), "--public-key", key_file, "--json")
    single = run("receipt", receipt_file, "--public-key", key_file)
    spoil(exported)
    spoilt = run("verify", str(exported), "--public-key", key_file, "--json")
    # Then the outcomes are right and nothing is said on stderr
    assert (honest.returncode, honest.stderr) == (0, "")
    assert json.loads(honest.stdout)["ok"] is True
    assert (single.returncode, single.stderr) == (0, "")
    assert "OK" in single.stdout
    assert (spoilt.returncode, spoilt.stderr) == (1, "")
    assert {"changed-entry", "changed-tree", "changed-file"} <= {
        one["kind"] for one in json.loads(spoilt.stdout)["findings"]
    }


def test_json_of_an_honest_export(exported: Path, key_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(exported), "--public-key", key_file, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "ok": True,
        "entries": 24,
        "size": 24,
        "root": json.loads((exported / bundle.MANIFEST).read_bytes())["root"],
        "key": {"source": "given", "fingerprint": SIGNER.verifier().fingerprint},
        "findings": [],
    }


def test_people_read_what_was_checked(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(exported)]) == 0
    said = capsys.readouterr().out
    assert "came with the export" in said
    assert SIGNER.verifier().fingerprint in said
    assert "OK" in said
    spoil(exported)
    assert main(["verify", str(exported)]) == 1
    assert "changed-entry  entry 3" in capsys.readouterr().out


def test_held_checkpoints_as_mail_delivers_them(exported: Path, tmp_path: Path) -> None:
    paths = []
    for number, note in enumerate(sign_at(sample_log(), SIGNED_AT[:2])):
        path = tmp_path / f"held-{number}.txt"
        path.write_bytes(b"\xef\xbb\xbf" + note.replace("\n", "\r\n").encode())
        paths += ["--checkpoint", str(path)]
    assert main(["verify", str(exported), *paths]) == 0


def test_a_fork_is_reported(exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "held.txt"
    path.write_text(sign_at(sample_log(history="other"), [8])[0])
    assert main(["verify", str(exported), "--checkpoint", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["kind"] == "fork"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"garbage\n"])
def test_a_held_file_with_rubbish_is_a_finding(
    exported: Path, tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "held.txt"
    path.write_bytes(content)
    assert main(["verify", str(exported), "--checkpoint", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["kind"] == "bad-held-checkpoint"


def test_a_receipt(receipt_file: str, key_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry_file = tmp_path / "entry.json"
    entry_file.write_bytes(sample_log()[13].entry_bytes + b"\n")
    assert main(["receipt", receipt_file, "--public-key", key_file, "--entry", str(entry_file), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["entries"], said["size"]) == (True, 1, 24)
    entry_file.write_bytes(sample_log()[12].entry_bytes)
    assert main(["receipt", receipt_file, "--public-key", key_file, "--entry", str(entry_file), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["kind"] == "bad-receipt"


def test_a_receipt_names_the_key_that_signed_it(
    receipt_file: str, key_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = Signer(SIGNER.name, b"2" * 32).verifier()
    both = tmp_path / "both.txt"
    both.write_text(f"{SIGNER.verifier().to_text()}\n{later.to_text()}\n")
    assert main(["receipt", receipt_file, "--public-key", str(both), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["key"]["fingerprint"] == SIGNER.verifier().fingerprint
    assert main(["receipt", receipt_file, "--public-key", str(both)]) == 0
    assert later.fingerprint not in capsys.readouterr().out


def test_a_receipt_under_another_key(receipt_file: str, tmp_path: Path) -> None:
    path = tmp_path / "other.txt"
    path.write_text(STRANGER.verifier().to_text())
    assert main(["receipt", receipt_file, "--public-key", str(path)]) == 1


@pytest.mark.parametrize("command", ["verify", "receipt"])
@pytest.mark.parametrize("key", [b"", b"no key", b"\xff", b"x" * 2_000_000, None])
def test_an_unusable_key_is_one_line(
    exported: Path,
    receipt_file: str,
    tmp_path: Path,
    command: str,
    key: bytes | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "bad-key.txt"
    if key is not None:
        path.write_bytes(key)
    subject = str(exported) if command == "verify" else receipt_file
    assert main([command, subject, "--public-key", str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("audit: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "nowhere"],
        ["verify", __file__],
        ["verify", ".", "--checkpoint", "nowhere.txt"],
        ["verify", ".", "--checkpoint", "."],
        ["receipt", "nowhere", "--public-key", "nowhere"],
    ],
)
def test_unusable_input_is_one_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_unusable_arguments_are_status_2_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        [],
        ["verify"],
        ["receipt", "x"],
        ["unknown"],
        ["verify", "x", "--jobs", "0"],
        ["verify", "x", "--\x1b[2J\n"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr().err
        assert (ended.value.code, said.count("\n"), said.isascii(), "\x1b" in said) == (2, 1, True, False)


# --- what people keep, and how they run it


def mailed(note: str, encoding: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Stand van het logboek"
    message["From"], message["To"] = "log@example.org", "agency@example.org"
    message.set_content("Bewaar deze e-mail.\n\n" + note, cte=encoding)
    return message.as_bytes()


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64", "8bit"])
def test_a_saved_mail_is_a_held_checkpoint(
    exported: Path, tmp_path: Path, encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kept.eml"
    path.write_bytes(mailed(sign_at(sample_log(), [8])[0], encoding))
    assert main(["verify", str(exported), "--checkpoint", str(path)]) == 0
    assert "1 kept elsewhere" in capsys.readouterr().out
    path.write_bytes(mailed(sign_at(sample_log(history="other"), [8])[0], encoding))
    assert main(["verify", str(exported), "--checkpoint", str(path), "--json"]) == 1
    assert {one["kind"] for one in json.loads(capsys.readouterr().out)["findings"]} == {"fork"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"Subject: x\n", b"Content-Type: multipart/mixed; boundary=a\n\n--a\n"]),
)
def test_no_kept_file_breaks_the_command(exported: Path, tmp_path: Path, rubbish: bytes, head: bytes) -> None:
    path = tmp_path / "held.eml"
    path.write_bytes(head + rubbish)
    with redirect_stdout(StringIO()):
        assert main(["verify", str(exported), "--checkpoint", str(path)]) == 1


def run(
    *arguments: str, given_input: bytes | None = None, options: Sequence[str] = ("-m", "audit")
) -> tuple[int, bytes, bytes]:
    ran = subprocess.run(
        [sys.executable, *options, *arguments],
        input=given_input,
        capture_output=True,
        check=False,
        cwd=ROOT,
        timeout=300,
    )
    return ran.returncode, ran.stdout, ran.stderr


def test_more_processes_say_the_same(exported: Path) -> None:
    # Given an export that was tampered with, and a pipe where a person would sit
    spoil(exported)
    outcomes = {run("verify", str(exported), "--jobs", jobs, "--json", given_input=b"y\n") for jobs in ("1", "2", "9")}
    assert len(outcomes) == 1
    assert next(iter(outcomes))[0::2] == (1, b"")


SPAWNED = """
import sys, threading, time
from pathlib import Path
from audit.verify import verify
if __name__ == "__main__":
    # Another thread: a process may not be copied then, so new ones are started.
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    report = verify(Path(sys.argv[1]), jobs=2, part_bytes=4000)
    print(report.ok, report.entries)
"""


@pytest.mark.parametrize("way", ["file", "stdin"])
def test_new_processes_can_be_started_from_anywhere(exported: Path, tmp_path: Path, way: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SPAWNED)
    options = (str(script),) if way == "file" else ("-",)
    environment = {"PYTHONPATH": str(ROOT)} | os.environ
    ran = subprocess.run(
        [sys.executable, *options, str(exported)],
        input=SPAWNED.encode() if way == "stdin" else b"",
        capture_output=True, check=False, timeout=300, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert (ran.stdout, ran.returncode) == (b"True 24\n", 0), ran.stderr


@pytest.mark.parametrize("jobs", ["0", "-1", "x", "1.5", "9" * 5000, "\u0661"])
def test_an_unusable_number_of_processes_is_status_2(exported: Path, jobs: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(exported), "--jobs", jobs])
    assert ended.value.code == 2


def test_a_terminal_shows_how_far_it_is() -> None:
    screen, now = StringIO(), [0.0]
    progress = Progress(screen, lambda: now[0])
    for now[0], done in ((1.0, 100_000_000), (1.01, 101_000_000), (2.0, 200_000_000), (8.0, 800_000_000)):
        progress(done, 800_000_000)
    shown = screen.getvalue().split("\r")[1:]
    assert [line.split(" ]")[0].split("%")[0].strip() for line in shown] == ["12", "25", "100"]
    assert "100 MB/s, 0:07 left" in shown[0]
    assert shown[-1].endswith("\n")
    progress(0, 0)
    assert "100" not in screen.getvalue().split("\r")[-1]
