"""The drill in short: a real backup by the script, a disaster, a real restore, and whether all is as promised."""

import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from audit.note import Signer
from deploy import manifest
from deploy.drill import Own, machines, run, run_own
from deploy.drill.machines import SCRIPTS
from signaltable import messages
from tests.standby import programs_of_postgres


@pytest.fixture(autouse=True)
def _own_messages():
    """The drill works in this process, and its homes are gone afterwards: so is where messages go."""
    loggers = [logging.getLogger(name) for name in ("signaltable", *messages.LIBRARIES)]
    before = [list(one.handlers) for one in loggers]
    yield
    for one, handlers in zip(loggers, before, strict=True):
        one.handlers = handlers


def test_what_is_promised_of_a_restore_on_another_machine_holds(tmp_path):
    drill = run(tmp_path, lambda _line: None, serve=False)
    assert [what for what, holds in drill.promises if not holds] == []
    assert len(drill.promises) > 10
    _own_backup_would_do(tmp_path)
    _changed_backup_is_refused(tmp_path)


@pytest.mark.postgres
def test_so_it_does_on_postgresql_as_a_role_with_a_password(postgres_server, tmp_path, monkeypatch):
    path = f"{programs_of_postgres()}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    monkeypatch.setitem(machines._TOLD, "PATH", path)
    address = make_url(postgres_server.format("postgres")).set(password="proefwachtwoord")
    server = machines.Server(address.render_as_string(hide_password=False))
    server.require_tools()
    try:
        drill = run(tmp_path, lambda _line: None, server, serve=False)
    finally:
        server.end()
    assert [what for what, holds in drill.promises if not holds] == []
    assert len(drill.promises) > 10


def test_the_tools_of_postgresql_get_a_password_in_their_environment_and_not_in_the_address():
    url = make_url("postgresql+psycopg://drill:proefwachtwoord@db.example:5433/signaltable?sslmode=require")
    assert machines._libpq(url) == {
        "ADDRESS": "postgresql://drill@db.example:5433/signaltable?sslmode=require",
        "PGPASSWORD": "proefwachtwoord",
    }


def _own_backup_would_do(scratch: Path):
    """The same for a backup of one's own: here that of the drill, with what others kept of the machine that was lost."""
    (backup,) = scratch.glob("backups/20*Z")
    keepers, said = scratch / "keepers", []
    keys = (keepers / "data-key.pem", keepers / "keys-key.pem")
    own = Own(backup, *keys, exports=[scratch / "export-of-the-auditor"])
    (scratch / "again").mkdir()
    drill = run_own(scratch / "again", said.append, own, serve=False)
    assert [what for what, holds in drill.promises if not holds] == []
    assert [line for line in said if "1 done again" in line]
    assert [line for line in said if "gone: signal:withdraw" in line]


def _changed_backup_is_refused(scratch: Path):
    """A key that does not fit, a file that changed, a home that is there: each one line, and nothing half done."""
    (backup,) = scratch.glob("backups/20*Z")
    home = scratch / "third"
    keys = {name: str(scratch / "keepers" / f"{name}-key.pem") for name in ("data", "keys")}

    def restore(data: str, ring: str, to: Path = home, *more: str, programs: str = "/nowhere") -> str:
        given = ["--backup", str(backup), "--home", str(to), "--data-key", data, "--keys-key", ring, *more]
        done = subprocess.run(
            [str(SCRIPTS / "restore"), *given],
            env={"PATH": os.environ["PATH"], "SIGNALTABLE_BIN": programs},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stdout
        return done.stderr

    # Who keeps the data opens no keys, and the other way about.
    assert "does not open" in restore(keys["data"], keys["data"])
    assert not (home / "keys" / "ring.json").exists()
    assert "found files" in restore(keys["data"], keys["keys"], scratch / "elsewhere" / "second")
    (piece,) = backup.glob("data/database.sqlite.gz.000.cms")
    raw = piece.read_bytes()
    piece.write_bytes(raw[:-100] + bytes([raw[-100] ^ 1]) + raw[-99:])
    assert "is not what was made" in restore(keys["data"], keys["keys"], scratch / "fourth")
    # Nor does it help to change the list along: what is sealed is checked by the seal.
    listed = (
        (backup / "MANIFEST")
        .read_text()
        .replace(hashlib.sha256(raw).hexdigest(), hashlib.sha256(piece.read_bytes()).hexdigest())
    )
    (backup / "MANIFEST").write_text(listed)
    assert "does not open" in restore(keys["data"], keys["keys"], scratch / "fifth")
    assert not (scratch / "fifth" / "signaltable.db").exists()
    # Who changes the list along cannot sign it, and who takes the signature away is found out by the key of an agency.
    installed, kept = str(Path(sys.executable).parent), ("--log-key", str(scratch / "key-that-an-agency-keeps"))
    told = restore(keys["data"], keys["keys"], scratch / "sixth", programs=installed)
    assert "its signature does not fit" in told
    assert "did not sign it" in restore(keys["data"], keys["keys"], scratch / "sixth", *kept, programs=installed)
    assert "expected the program" in restore(keys["data"], keys["keys"], scratch / "sixth", *kept)
    note = (backup / "MANIFEST.sig").read_text()
    (backup / "MANIFEST.sig").unlink()
    assert "expected a signature" in restore(keys["data"], keys["keys"], scratch / "sixth", *kept, programs=installed)
    # A stranger who signs with a key of their own, and puts that beside it
    stranger = Signer.generate("signaltable")
    (scratch / "stranger").write_text(f"{stranger.to_text()}\n")
    (scratch / "stranger.pub").write_text(f"{stranger.verifier().to_text()}\n")
    forged = manifest.signed((backup / "MANIFEST").read_bytes(), stranger.to_text(), note.split("\n")[1])
    (backup / "MANIFEST.sig").write_text(forged)
    assert "did not sign it" in restore(keys["data"], keys["keys"], scratch / "sixth", *kept, programs=installed)
    assert not (scratch / "sixth").exists()
