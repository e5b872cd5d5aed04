"""The scripts of the backup against files that somebody put beside it, and passwords that everybody would see."""

import hashlib
import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "deploy" / "backup"


def run(script: str, *arguments: str, **env: str) -> str:
    """What a script says that has to refuse."""
    told = subprocess.run(
        [str(SCRIPTS / script), *arguments], env=os.environ | env, capture_output=True, text=True, check=False
    )
    assert told.returncode == 1, told.stdout
    return told.stderr


def backup_in(folder: Path, ring: tarfile.TarInfo) -> Path:
    """A backup of which the list is right."""
    made = folder / "20261122T000000Z"
    for name in ("data", "keys", "public"):
        (made / name).mkdir(parents=True)
    with tarfile.open(made / "keys" / "ring.tar.000", "w") as archive:
        archive.addfile(ring, BytesIO(b"{}"))
    (made / "public" / "log-public.key").write_text("key")
    (made / "VERSION").write_text("1")
    files = sorted(path for path in made.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  ./{path.relative_to(made)}\n" for path in files]
    (made / "MANIFEST").write_text("".join(lines))
    return made


def a_ring() -> tarfile.TarInfo:
    ring = tarfile.TarInfo("keys/ring.json")
    ring.size = 2
    return ring


@pytest.mark.parametrize("name", ["data/database.sqlite.gz.000", "MANIFEST.old", "keys/MANIFEST"])
def test_a_file_that_the_list_does_not_name_is_refused(tmp_path, name):
    made = backup_in(tmp_path, a_ring())
    (made / name).write_text("mine")
    told = run("restore", "--backup", str(made), "--home", str(tmp_path / "home"))
    assert "is not what was made" in told
    assert not (tmp_path / "home").exists()


def test_a_link_to_a_file_of_this_machine_is_not_followed(tmp_path):
    made = backup_in(tmp_path, a_ring())
    secret = tmp_path / "secret"
    secret.write_text("key")  # With the very content that the list asks for.
    (made / "public" / "log-public.key").unlink()
    (made / "public" / "log-public.key").symlink_to(secret)
    assert "something else than files" in run("restore", "--backup", str(made), "--home", str(tmp_path / "home"))


def test_a_key_ring_that_is_a_link_is_refused(tmp_path):
    ring = tarfile.TarInfo("keys/ring.json")
    ring.type, ring.linkname = tarfile.SYMTYPE, str(tmp_path / "elsewhere")
    told = run("restore", "--backup", str(backup_in(tmp_path, ring)), "--home", str(tmp_path / "home"))
    assert "expected the key ring" in told
    assert list((tmp_path / "home").iterdir()) == []  # So that the next try can have it.


@pytest.mark.parametrize("given", ["postgresql://eva:geheim@h/signals", "host=h dbname=signals password=geheim"])
def test_a_password_that_everybody_would_see_is_refused_and_not_repeated(tmp_path, given):
    made = backup_in(tmp_path, a_ring())
    plain = {"SIGNALTABLE_HOME": str(tmp_path), "BACKUP_FOLDER": str(tmp_path / "backups"), "BACKUP_PLAIN": "yes"}
    for told in (
        run("backup", BACKUP_DATABASE=given, **plain),
        run("restore", "--backup", str(made), "--home", str(tmp_path / "home"), "--database", given),
    ):
        assert "PGPASSFILE" in told
        assert "geheim" not in told
