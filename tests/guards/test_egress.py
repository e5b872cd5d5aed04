"""The program opens no connection but to what the settings name (norms 5.2, V13): who may import what connects, and proof."""

import ast
import socket
import urllib.request

import pytest

from tests.egress import Egress, is_here
from tests.guards.test_imports import MODULES

# What can open a connection -> the modules that may import it, each of which goes where a setting leads.
MAY_CONNECT = {
    "smtplib": {"signaltable.flow.mail.transports", "signaltable.doctor.outside"},  # SIGNALTABLE_SMTP
    "ssl": {"signaltable.flow.mail.transports"},
    # SIGNALTABLE_CLAMD; the text reader listens in the file system; `run` and the bench look whether a port is free.
    "socket": {
        "signaltable.flow.virus_scan",
        "signaltable.text_reader.client",
        "signaltable.text_reader.process",
        "signaltable.text_reader.wire",
        "signaltable.port",
        "signaltable.replica",  # Cuts the connection that DATABASE_REPLICA_URL names; it opens none.
        "signaltable.bench.serving",
    },
    # The bench, to the servers that it started itself on this machine.
    "http.client": {"signaltable.bench.client", "signaltable.bench.serving", "signaltable.bench.start"},
    "requests": {"signaltable.flow.coming_in.provider_connection"},  # SIGNALTABLE_IDENTITY_PROVIDERS
    "authlib": {"signaltable.flow.coming_in.provider_connection"},
}
NEVER = {
    "aiohttp", "asyncio", "ftplib", "grpc", "httpx", "imaplib", "poplib", "socketserver", "telnetlib",
    "urllib.request", "urllib3", "websockets", "xmlrpc", "webbrowser",
}  # fmt: skip


def imports():
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            yield from ((module, name) for name in names)


def test_only_named_modules_import_what_connects():
    """ASVS 13.2.4, 13.2.5"""
    found = {}
    for module, name in imports():
        for connecting in (*MAY_CONNECT, *NEVER):
            if name == connecting or name.startswith(f"{connecting}."):
                found.setdefault(connecting, set()).add(module)
    assert found == MAY_CONNECT


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
        lambda: socket.create_connection(("elders.example", 80), timeout=1),
        lambda: socket.getaddrinfo("elders.example", 443),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("198.51.100.1", 53)),
        lambda: urllib.request.urlopen("http://[2001:db8::1]/", timeout=1),
    ],
)
def test_whatever_test_reaches_out_fails(reach):
    """So every test is a test of this: the walk over all pages, the demo, the jobs, the command line."""
    with pytest.raises(Egress):
        reach()


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", True),
        ("10.0.0.1", False),
        ("x.example", False),
        (b"192.0.2.1", False),
        (None, True),
    ],
)
def test_what_is_here(host, here):
    assert is_here(host) is here
