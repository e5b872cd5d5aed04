"""A whole home with its keys in a PKCS#11 token: made, served by processes that were forked, and checked."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.softhsm import token_environment
from tests.web.test_key_apart import ROOT, children, eventually, try_to_come_in

COMMAND = [sys.executable, "-m", "signaltable.cli"]


def signaltable(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SOFTHSM2_CONF", raising=False)
    made = token_environment(tmp_path / "softhsm")
    monkeypatch.setenv("SOFTHSM2_CONF", made["SOFTHSM2_CONF"])
    return made | {"SIGNALTABLE_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}


def test_a_home_on_a_token_is_made_served_and_checked(environment: dict[str, str]) -> None:
    made = signaltable(environment, "init")
    assert made.returncode == 0, made.stderr
    login, password = made.stdout.split()[:2]
    ring = json.loads((Path(environment["SIGNALTABLE_HOME"]) / "keys" / "ring.json").read_text())
    assert ring["place"] == "pkcs11"
    assert not any("key" in one for one in ring["keys"])
    port = free_port()
    with subprocess.Popen([*COMMAND, "run", "--port", str(port), "--no-reader"], env=environment, cwd=ROOT) as server:
        try:
            assert eventually(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/aanmelden").status == 200)
            assert len(children(server.pid)) >= 2
            # Cookies, the digest of the login and those of the rows come from the token, in workers that were forked.
            for _ in range(2):
                assert try_to_come_in(port, login, password).endswith("/activeren/kiezen")
        finally:
            server.terminate()
    checked = signaltable(environment, "audit", "fsck", "--seals", "all")
    assert checked.returncode == 0, checked.stdout + checked.stderr
