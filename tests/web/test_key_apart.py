"""The web never opens the signing key of the log, and in production it cannot: with the real server and a real other user."""

import http.cookiejar
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from signaltable.settings import Settings, UnusableSettings
from signaltable.users import KeyWithinReach, check_key_apart, web_user
from tests.conftest import PASSWORD
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def _usable(interpreter: str) -> bool:
    """Whether nobody in particular can run it: one below /root does not start for anybody else."""
    try:
        return not subprocess.run(
            [interpreter, "-c", "import flask"], user="nobody", env=ANY, check=False, stderr=-3
        ).returncode
    except OSError:
        return False


# Another interpreter of the same version finds the same packages.
ANY = {"PYTHONPATH": os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])}
PYTHON = next(filter(_usable, (sys.executable, f"/usr/bin/python{VERSION}")), "") if os.getuid() == 0 else ""
as_root = pytest.mark.skipif(not PYTHON, reason="only root can become somebody else, who needs a Python to run")

# Fails on the first attempt to open the key, whatever it is called and however it is done; then looks at every page that
# an auditor, a witness and a stranger can open without an argument.
VISIT = """
import re
import sys
KEY = {key!r}
def refuse(event, arguments):
    if event == "open" and str(arguments[0]).startswith(KEY):
        raise SystemExit("the web opened the signing key")
sys.addaudithook(refuse)
from wsgi import app
app.config["WTF_CSRF_ENABLED"] = False
for login in ("", "auditor", "havendam"):
    client = app.test_client()
    if login:
        page = client.post("/aanmelden", data={{"login": login, "password": {password!r}}}, follow_redirects=True).text
        given = {{"way": "code", "given": re.search(r'st-demo-code">([0-9 ]+)<', page)[1]}}
        assert client.post("/aanmelden/tweede-stap", data=given).status_code == 302
    paths = [rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods and not rule.arguments]
    assert len(paths) > 20
    for path in paths:
        assert client.get(path).status_code < 500, path
"""


def test_no_page_opens_the_signing_key(sqlite_settings):
    code = VISIT.format(key=str(sqlite_settings.log_key), password=PASSWORD)
    environment = {
        "SIGNALTABLE_HOME": str(sqlite_settings.home),
        "DATABASE_URL": sqlite_settings.database_url,
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_in_production_the_web_refuses_a_key_within_reach(sqlite_settings):
    serious = replace(sqlite_settings, mode="production")
    with pytest.raises(KeyWithinReach, match="SIGNALTABLE_LOG_KEY_SHARED"):
        check_key_apart(serious)
    check_key_apart(replace(serious, log_key_shared=True))
    check_key_apart(sqlite_settings)
    serious.log_key.unlink()
    check_key_apart(serious)  # A machine that only serves the web has no such key.


def test_a_web_user_that_cannot_be(sqlite_settings):
    for name in ("root", "no-such-user"):
        with pytest.raises(UnusableSettings, match="SIGNALTABLE_WEB_USER"):
            web_user(replace(sqlite_settings, web_user=name))


@as_root
def test_what_the_other_user_can_read_is_asked_of_the_system(open_home):
    settings = Settings.from_env(open_home)
    check_key_apart(settings)
    settings.log_key.chmod(0o644)
    check_key_apart(settings)  # Still behind a folder that only root enters.
    settings.log_key.parent.chmod(0o755)
    with pytest.raises(KeyWithinReach):
        check_key_apart(settings)


# A thread holds the key while another, which was there before, reads and writes: whether each read the key, and whether
# what it wrote is root's.
TWO_THREADS = """
import os
import sys
import threading
from pathlib import Path
from signaltable.settings import Settings
from signaltable.users import as_key_holder, can_sign, work_as_web_user
settings, shared = Settings.from_env(), Path(sys.argv[1])
work_as_web_user(settings)
def owned(name):
    (shared / name).write_text("x")
    return (shared / name).stat().st_uid == 0
def read():
    try:
        return bool(settings.log_key.read_bytes())
    except PermissionError:
        return False
told, held = [], threading.Event()
def beside():
    held.wait()
    told.append((read(), owned("other")))
other = threading.Thread(target=beside)
other.start()
with as_key_holder():
    held.set()
    other.join()
    with as_key_holder():
        told.append((read(), owned("inner")))
    told.append((read(), owned("holder")))
told += [(read(), owned("after")), can_sign(settings)]
print(told)
"""


@as_root
def test_only_the_thread_that_holds_the_key_is_root_at_files(made):
    folder, _login = made
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    done = subprocess.run(
        [PYTHON, "-c", TWO_THREADS, str(shared)],
        env=environment_in(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.stdout.strip()) == (
        "",
        "[(False, False), (True, True), (True, True), (False, False), True]",
    )


def environment_in(folder: Path) -> dict[str, str]:
    return {
        "SIGNALTABLE_HOME": str(folder / "home"),
        "SIGNALTABLE_LOG_KEY": str(folder / "key" / "log-signer.key"),
        "SIGNALTABLE_MODE": "production",
        "SIGNALTABLE_WEB_USER": "nobody",
        "SIGNALTABLE_SECURE_COOKIES": "no",
        "SIGNALTABLE_CHECKPOINT_MINUTES": "1",
        "PATH": os.environ["PATH"],
        **ANY,
    }


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Path, list[str]]]:
    """Where another user may come (the folders of pytest are closed): a home, and a key in a folder of root's. With the
    login and the password that `init` told."""
    folder = Path(tempfile.mkdtemp(prefix="signaltable-apart-"))
    folder.chmod(0o755)
    (folder / "key").mkdir(mode=0o700)
    done = signaltable(environment_in(folder), "init")
    assert done.returncode == 0, done.stderr
    yield folder, done.stdout.split()[:2]
    shutil.rmtree(folder)


@pytest.fixture
def open_home(made: tuple[Path, list[str]]) -> Iterator[dict[str, str]]:
    """The same for one test, with every owner and every mode."""
    folder = Path(tempfile.mkdtemp(prefix="signaltable-apart-"))
    subprocess.run(["cp", "-a", f"{made[0]}/.", folder], check=True)
    yield environment_in(folder)
    shutil.rmtree(folder)


def signaltable(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, "-m", "signaltable.cli", *arguments]
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=300)


@contextmanager
def running(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([PYTHON, "-m", "signaltable.cli", *arguments], env=environment, cwd="/")
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=180)


def eventually(what, seconds: float = 180):
    """What this gives as soon as it gives anything, or what it gives after so long: the machine may have much else to do."""
    until = time.monotonic() + seconds
    while True:
        try:
            found = what()
        except OSError:
            found = None
        if found or time.monotonic() > until:
            return found
        time.sleep(0.2)


def children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def uids(pid: int) -> list[str]:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Uid:"))
    return line.split()[1:5]


def served_by(master: int, user: str) -> list[int]:
    """The workers of a web that are this user for good."""
    return [pid for pid in children(master) if uids(pid) == [user] * 4]


def beside(master: int, workers: list[int]) -> list[int]:
    """The processes that are no workers: they come once the workers are there."""
    return [pid for pid in children(master) if pid not in workers]


def owners_in(folder: Path) -> Iterator[tuple[str, str]]:
    """(name, number of the user) of whatever stands there; a file that went while somebody worked is nobody's."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            yield path.name, str(path.stat().st_uid)


def try_to_come_in(port: int, login: str, code: str) -> str:
    """Use the code that `init` printed; where that leads, or the page itself when the code was not taken."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    address = f"http://127.0.0.1:{port}/activeren"
    form = opener.open(address).read().decode()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)[1]
    sent = urllib.parse.urlencode({"csrf_token": token, "login": login, "code": code}).encode()
    return opener.open(urllib.request.Request(address, sent, {"Referer": address})).geturl()


@as_root
def test_the_real_server_as_another_user_works_and_cannot_read_the_key(made, open_home):
    login, code = made[1]
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    port = free_port()

    with running(open_home, "run", "--port", str(port), "--no-reader") as server:
        assert eventually(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/aanmelden").status == 200)
        # The web is that user for good, and it writes: a code that was looked at is a step in the database.
        # One worker answers while the other one still becomes that user.
        assert eventually(lambda: len(served_by(server.pid, nobody)) == 2)
        workers = served_by(server.pid, nobody)
        assert try_to_come_in(port, login, code).endswith("/activeren/kiezen")
        # The jobs work as that user as well, and are root for the key alone.
        assert eventually(lambda: len(beside(server.pid, workers)) == 1)
        (jobs,) = beside(server.pid, workers)
        assert eventually(lambda: uids(jobs) == ["0", nobody, "0", nobody])
        notes = Path(open_home["SIGNALTABLE_LOG_KEY"]).parent / "checkpoints"
        assert eventually(lambda: list(notes.iterdir()))
        # What that user can do besides, it can do too: open no key and no note, and trace no process that holds one.
        code = f"open({open_home['SIGNALTABLE_LOG_KEY']!r})"
        for denied in (code, f"import os; os.listdir({str(notes)!r})", f"open('/proc/{jobs}/mem', 'rb')"):
            tried = subprocess.run([PYTHON, "-c", denied], user="nobody", env=ANY, capture_output=True, check=False)
            assert b"PermissionError" in tried.stderr
        home = Path(open_home["SIGNALTABLE_HOME"])
        assert [name for name, owner in owners_in(home) if owner != nobody] == []


@as_root
def test_the_web_and_the_jobs_as_two_services(open_home):
    refused = signaltable(
        open_home | {"SIGNALTABLE_WEB_USER": ""}, "run", "--port", str(free_port()), "--no-jobs", "--no-reader"
    )
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "SIGNALTABLE_WEB_USER" in refused.stderr
    port = free_port()
    with running(open_home, "run", "--port", str(port), "--no-jobs", "--no-reader") as web:
        assert eventually(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/aanmelden").status == 200)
        # One worker answers while the other one still becomes that user.
        assert eventually(lambda: {uids(pid)[0] for pid in children(web.pid)} == {str(pwd.getpwnam("nobody").pw_uid)})
        notes = Path(open_home["SIGNALTABLE_LOG_KEY"]).parent / "checkpoints"
        assert not notes.exists()
        with running(open_home, "jobs"):
            assert eventually(lambda: list(notes.iterdir()))
