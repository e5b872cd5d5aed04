"""wapiti and sqlmap, started with what they need and read for what they found."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.attack.demo import Demo, cookie_file, cookie_header
from tests.attack.pages import LEAVING, Target

NEEDED = ("wapiti", "sqlmap")
# All modules but those that ask something of the network (ssrf, xxe, nikto, wapp) and those that guess names of files and
# passwords only (buster, brute_login_form), of which a demonstration shows the password anyway.
MODULES = (
    *("backup", "blindsql", "cookieflags", "crlf", "csp", "csrf", "exec", "file", "htaccess", "http_headers"),
    *("methods", "permanentxss", "redirect", "shellshock", "sql", "xss"),
)
# A form that stands on every page, with another token on each: sqlmap tries it once.
_EVERYWHERE = ("/taal",)
# wapiti 3.0.4 makes an expression of what it is told to leave out that Python 3.11 does not read, so it gets one that it does.
_STARTED = """
import fnmatch, re, sys, wapitiCore.net.crawler as crawler
crawler.wildcard_translate = lambda pattern: re.compile(fnmatch.translate(pattern))
from wapitiCore.main.wapiti import wapiti_main
sys.argv[0] = "wapiti"
wapiti_main()
"""
_WAPITI = ("/usr/bin/python3", "-c", _STARTED)
# What a demonstration without TLS cannot have (tests/web/test_hardening.py sees it with TLS), and a header that browsers no
# longer read and that OWASP says to leave out, since it opened holes where they did.
_WITHOUT_TLS = (
    "Strict-Transport-Security is not set",
    "Secure flag is not set in the cookie",
    "X-XSS-Protection is not set",
)
# What sqlmap says when it is done with all boxes, and when it found a way in.
_CLEAN = ("do not appear to be injectable", "no parameter(s) found for testing")
_INJECTABLE = "sqlmap identified the following injection point"
_STATUS = re.compile(r"(\d{3}) \([^)]*\) - (\d+) times")


@dataclass(frozen=True, slots=True)
class Found:
    """What a tool found in one go, in its own words, and what it did: for the summary."""

    what: str
    findings: tuple[str, ...] = ()
    note: str = ""
    untested: bool = False


def missing() -> list[str]:
    """The tools that this machine does not have."""
    return [name for name in NEEDED if shutil.which(name) is None]


def versions() -> str:
    """Which versions of the tools are here."""
    told = []
    for name in NEEDED:
        done = subprocess.run([name, "--version"], capture_output=True, text=True, check=False, timeout=60)
        number = re.search(r"\d+\.\d+(?:\.\d+)?", done.stdout + done.stderr)
        told.append(f"{name} {number[0] if number else '?'}")
    return ", ".join(told)


def wapiti(
    demo: Demo,
    who: str,
    browser: requests.Session | None,
    folder: Path,
    *,
    modules: Sequence[str],
    crawl: int,
    attack: int,
) -> Found:
    """Let wapiti crawl for `crawl` seconds and try each of its modules for `attack` seconds, signed in as `browser`."""
    report, name = folder / f"wapiti-{who}.json", f"wapiti as {who}"
    command = [*_WAPITI, "-u", f"{demo.url}/", "--scope", "domain", "-f", "json", "-o", str(report), "-v", "1"]
    command += ["-m", ",".join(modules), "--max-scan-time", str(crawl), "--max-attack-time", str(attack)]
    command += ["-t", "30", "-S", "normal", "--flush-session", "--no-bugreport", "--verify-ssl", "0"]
    command += ["--store-session", str(folder / f"session-{who}")]
    for path in (*LEAVING, *_EVERYWHERE):
        command += ["-x", f"{demo.url}{path}*"]
    if browser is not None:
        command += ["-c", str(cookie_file(browser, folder / f"cookies-{who}.json"))]
    text, late = _output("wapiti", command, crawl + attack * len(modules) + 150, folder)
    if not report.exists():
        return Found(name, untested=True, note="it ended without a report" + (", too late" if late else ""))
    told = json.loads(report.read_text())
    findings = [
        f"{kind}: {one['method']} {one['path']} {one.get('parameter') or ''} ({one['info']})"
        for part in ("vulnerabilities", "anomalies")
        for kind, ones in told[part].items()
        for one in ones
        if not one["info"].startswith(_WITHOUT_TLS)
    ]
    crawled = re.search(r"found (\d+) URLs and forms", text)
    number = int(crawled[1]) if crawled else 0
    return Found(name, tuple(dict.fromkeys(findings)), f"{number} addresses and forms", untested=not number)


def sqlmap(
    target: Target,
    browser: requests.Session | None,
    folder: Path,
    *,
    seconds: int,
    level: int = 1,
    token_page: str = "",
) -> Found:
    """Let sqlmap try every box of a form or address; `token_page` is where a fresh token of the form comes from."""
    name = f"sqlmap on {'form' if target.body else 'page'} {target.url.partition('://')[2].partition('/')[2].partition('?')[0]}"
    command = ["sqlmap", "-u", target.url, "--batch", "--level", str(level), "--risk", "2", "--dbms", "sqlite"]
    command += [
        "--flush-session",
        "--output-dir",
        str(folder / "sqlmap"),
        "--timeout",
        "30",
        "--retries",
        "0",
        "--disable-coloring",
    ]
    command += [
        "--ignore-code",
        "400,401,403,404,409,422",
        "--ignore-redirects",
        "--technique",
        "BEUST",
        "--time-sec",
        "8",
        "-v",
        "1",
    ]
    if target.body:
        command += ["--data", target.body]
    if target.boxes != ("#1*",):
        command += ["-p", ",".join(target.boxes)]
    if token_page:
        command += ["--csrf-token", "csrf_token", "--csrf-url", token_page]
    if browser is not None:
        command += ["--cookie", cookie_header(browser)]
    text, late = _output("sqlmap", command, seconds, folder)
    statuses = ", ".join(f"{code}: {times}" for code, times in _STATUS.findall(text))
    if _INJECTABLE in text:
        return Found(name, tuple(_points(text)), statuses)
    clean = any(one in text for one in _CLEAN)
    return Found(
        name,
        note=f"{statuses or 'all answered'}{'' if clean else ' (time was over)' if late else ''}",
        untested=not clean and not late,
    )


def _points(text: str) -> Iterable[str]:
    for line in text.splitlines():
        if line.startswith(("Parameter:", "    Payload:")):
            yield line.strip()


def _output(name: str, command: list[str], seconds: int, folder: Path) -> tuple[str, bool]:
    """What a tool said, and whether it was stopped because its time was over. Its output is kept beside the reports."""
    kept = folder / f"{name}.txt"
    with kept.open("a", encoding="utf-8") as log:
        begin = log.tell()
        try:
            subprocess.run(
                command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False, timeout=seconds
            )
            late = False
        except subprocess.TimeoutExpired:
            late = True
    with kept.open(encoding="utf-8", errors="replace") as log:
        log.seek(begin)
        return log.read(), late
