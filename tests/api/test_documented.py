"""The examples of docs/machines.md, run as they stand there, with curl against the application behind a real socket."""

import os
import re
import subprocess
from pathlib import Path
from threading import Thread

import pytest
from werkzeug.serving import make_server

from signaltable.flow import signing
from signaltable.jobs import JOBS
from tests.machine_steps import a_machine
from tests.serving import served
from tests.table_steps import asked, log, triaged

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "machines.md").read_text(encoding="utf-8")


@pytest.fixture
def address(sqlite_program):
    server = make_server("127.0.0.1", 0, served(sqlite_program), threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_every_example_goes_through(sqlite_program, actor, address, tmp_path):
    owner, coordinator = actor(sqlite_program, "havendam"), actor(sqlite_program, "coordinator")
    asked(sqlite_program, coordinator, triaged(sqlite_program, owner, coordinator), "avim")
    signing.sign_checkpoint(sqlite_program, JOBS)
    made = a_machine(sqlite_program)
    examples = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    given = {"ADDRESS": address, "CLIENT_ID": made.machine_id, "CLIENT_SECRET": made.secret, "PATH": os.environ["PATH"]}
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(examples)],
        check=False,
        cwd=tmp_path,
        env=given,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "Zaaksysteem" in run.stdout
    assert '"outcome":"match"' in run.stdout.replace(" ", "")
    assert len(examples) == 6
    ((_entry, details),) = log(sqlite_program, "enrich:answer")
    assert details["answer"] == "no_hit"
