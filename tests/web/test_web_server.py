"""What goes over the wire before and around the application: a real gunicorn with our options, asked byte by byte."""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from signaltable.answer_headers import HEADERS
from signaltable.web_server import WORDS, bare_answer

# An application that says what reached it, and one path that breaks.
APP = """
import sys
from gunicorn.app.base import BaseApplication
from signaltable.web_server import OPTIONS

def app(environ, start):
    if environ["PATH_INFO"] == "/breaks":
        raise RuntimeError("Quinzabelle")
    if environ["PATH_INFO"] == "/splits":
        start("200 OK", [("X-Y", "1\\r\\nSet-Cookie: a=b")])
        return [b""]
    told = "|".join(str(environ.get(name, "-")) for name in
        ("REQUEST_METHOD", "PATH_INFO", "wsgi.url_scheme", "SCRIPT_NAME", "REMOTE_ADDR", "HTTP_X_Y", "CONTENT_LENGTH"))
    body = told.encode() + b"|" + environ["wsgi.input"].read()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]

class Server(BaseApplication):
    def load_config(self):
        for name, value in {**OPTIONS, "bind": f"fd://{sys.argv[1]}", "workers": 1, "threads": 2}.items():
            self.cfg.set(name, value)
    def load(self):
        return app

Server().run()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    listener = socket.create_server(("127.0.0.1", 0))
    said = tmp_path_factory.mktemp("gunicorn") / "stderr"
    process = subprocess.Popen(
        [sys.executable, "-c", APP, str(listener.fileno())], pass_fds=[listener.fileno()], stderr=said.open("wb")
    )
    yield listener.getsockname(), said
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=180)
    listener.close()


def ask(server, request: bytes) -> str:
    with socket.create_connection(server[0], timeout=60) as asking:
        asking.sendall(request)
        asking.shutdown(socket.SHUT_WR)
        answer = b""
        while more := asking.recv(65536):
            answer += more
    return answer.decode("latin-1")


def test_an_answer_does_not_say_what_serves(server):
    """ASVS 13.4.6"""
    answer = ask(server, b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith("HTTP/1.1 200")
    assert not re.search(r"^server:|gunicorn|python", answer, re.IGNORECASE | re.MULTILINE)


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (400, b"Quinzabelle\r\n\r\n"),
        (400, b"GET /<script>Quinzabelle HTTP/9.9\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: localhost\r\nQuinzabelle : x\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Y: 1\r\n Quinzabelle\r\n\r\n"),
        (400, b"GET Quinzabelle HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"),
        (400, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nabcde"),
        (
            400,
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (501, b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        (414, b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-Y: 1\r\n" * 65 + b"\r\n"),
        (431, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Y: " + b"a" * 9000 + b"\r\n\r\n"),
        (500, b"GET /splits HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ],
)
def test_a_request_that_cannot_be_read_gets_a_number_with_all_headers_and_nothing_of_itself(server, status, request_):
    """ASVS 3.4.3, 3.4.4, 4.2.1, 4.2.3, 16.5.1: also what gunicorn answers by itself; smuggling is not read in two ways."""
    answer = ask(server, request_)
    head, _, body = answer.partition("\r\n\r\n")
    assert head.splitlines()[0] == f"HTTP/1.1 {status} {WORDS[status]}"
    assert body == f"{status} {WORDS[status]}\n"
    given = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    assert {**given, **HEADERS} == given
    assert given["Cache-Control"] == "no-store"
    assert "Quinzabelle" not in answer


def test_what_an_error_says_reaches_neither_the_answer_nor_the_messages(server):
    """ASVS 13.4.2, 16.2.5, 16.4.1, 16.5.1"""
    answer = ask(server, b"GET /breaks?Quinzabelle HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith("HTTP/1.1 500")
    ask(server, b"\x1b[31mQuinzabelle\r\n\r\n")
    for _try in range(3600):  # The worker writes after it answered.
        said = server[1].read_text()
        if "RuntimeError" in said and "InvalidRequestLine" in said:
            break
        time.sleep(0.05)
    assert "Quinzabelle" not in answer + said
    assert "RuntimeError" in said
    assert "\x1b" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "forged",
    [
        b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: on\r\nX-Forwarded-Protocol: ssl",
        b"SCRIPT_NAME: /elders",
        b"PATH_INFO: /elders",
        b"X_Y: under",
        b"X-Forwarded-For: 9.9.9.9\r\nForwarded: for=9.9.9.9;proto=https",
    ],
)
def test_a_client_cannot_say_which_scheme_path_or_address_it_has(server, forged):
    """ASVS 4.1.3, 12.2.1: the settings say how many proxies there are and whether browsers come over HTTPS."""
    answer = ask(server, b"GET /a HTTP/1.1\r\nHost: localhost\r\n" + forged + b"\r\n\r\n")
    assert answer.endswith("GET|/a|http||127.0.0.1|-|-|") or answer.startswith("HTTP/1.1 4")


def test_an_address_with_a_host_in_it_leads_to_the_same_page(server):
    answer = ask(server, b"GET http://elders.example/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert "GET|/a|http|" in answer


def test_a_second_request_in_the_body_of_the_first_is_its_body(server):
    """ASVS 4.2.1"""
    inner = b"GET /inner HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = b"POST /outer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(inner)
    answer = ask(server, head + inner)
    assert answer.count("HTTP/1.1 200") == 1
    assert answer.endswith(inner.decode())


def test_the_options_of_a_gunicorn_that_somebody_starts_are_the_same():
    read: dict = {}
    exec(Path(__file__).parents[2].joinpath("gunicorn.conf.py").read_text(), read)
    assert {name: read[name] for name in ("umask", "forwarded_allow_ips", "limit_request_fields")} == {
        "umask": 0o077,
        "forwarded_allow_ips": "",
        "limit_request_fields": 64,
    }


def test_a_bare_answer_is_as_long_as_it_says():
    for status in WORDS:
        head, _, body = bare_answer(status).partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")


def test_nobody_is_told_to_go_to_a_port_that_another_program_has(sqlite_settings):
    environment = {"SIGNALTABLE_HOME": str(sqlite_settings.home), "DATABASE_URL": sqlite_settings.database_url}
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "signaltable.cli", "run", "--port", str(port), "--no-jobs", "--no-reader"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"signaltable: port {port} is in use; choose another with --port\n"
