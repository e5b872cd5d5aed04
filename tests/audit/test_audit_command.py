"""`python -m audit`, as an auditor runs it: the folder copied to a machine that has nothing else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from log_samples import KEY, SIGNED_AT, SIGNER, STRANGER, change, entry_lines, put_lines, sample_log, sign_at

import audit
from audit import bundle, receipt
from audit.__main__ import main
from audit.merkle import inclusion_proof

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


def test_unusable_arguments_are_status_2() -> None:
    for arguments in ([], ["verify"], ["receipt", "x"], ["unknown"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
