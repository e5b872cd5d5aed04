"""`make attack`: wapiti and sqlmap (Debian) against a demonstration on this machine. Ends with 1 when one finds something.

First without the rates that would stop a scanner from the outside, signed in as people who see different things; then as it
is delivered, where a scanner has to be stopped and a colleague behind the same address still comes in.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import requests

from tests.attack import demo, pages, tools
from tests.attack.demo import Demo
from tests.attack.pages import Target
from tests.attack.tools import Found

# Of the others only what follows from what they see: headers, cookies and methods are the same for everybody.
CONTENT = ("crlf", "exec", "file", "permanentxss", "redirect", "sql", "xss")
# sqlmap tries each page or form for so long, and reads so many kinds of pages before.
SQL_EACH, SQL_PAGES = 10, 150


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody as whom the tools come in, with how many seconds each tool has."""

    login: str
    modules: tuple[str, ...]
    sqlmap: int
    crawl: int
    attack: int


# Who writes and asks, who leads the table, who looks back, and last who takes rights away from the others when a tool sends
# the forms for that: together every part of the menu.
VISITS = (
    Visit("havendam", tools.MODULES, sqlmap=110, crawl=30, attack=6),
    Visit("coordinator", CONTENT, sqlmap=40, crawl=12, attack=6),
    Visit("auditor", CONTENT, sqlmap=25, crawl=15, attack=6),
    Visit("beheer", CONTENT, sqlmap=40, crawl=12, attack=4),
)
# No person asks so much in a minute, and a scanner asks more (policies/rates.toml, stranger and person).
BURST = 1500
# Whose name the tools try, and who sits at the next desk.
GUESSED, COLLEAGUE = "havendam", "delinde"


def open_doors(folder: Path) -> Iterator[Found]:
    """Every page and form, without rates in the way."""
    with tempfile.TemporaryDirectory() as home, demo.served(Path(home), limits=False) as ours:
        form = _sign_in_form(ours)
        yield tools.sqlmap(form, None, folder, seconds=90, level=2, token_page=form.page)
        yield tools.wapiti(ours, "nobody", None, folder, modules=tools.MODULES, crawl=15, attack=6)
        tried = set[tuple[str, ...]]()
        for visit in VISITS:
            yield from _visit(ours, visit, folder, tried)
        yield _served_without_fault(Path(home))


def _visit(ours: Demo, visit: Visit, folder: Path, tried: set[tuple[str, ...]]) -> Iterator[Found]:
    browser = demo.sign_in(ours, visit.login)
    yield from _questions(ours, visit, browser, folder, tried)
    yield tools.wapiti(
        ours, visit.login, browser, folder, modules=visit.modules, crawl=visit.crawl, attack=visit.attack
    )
    if not demo.is_signed_in(ours, browser):
        yield Found(f"the session of {visit.login}", untested=True, note="it ended before the tools did")


def _questions(
    ours: Demo, visit: Visit, browser: requests.Session, folder: Path, tried: set[tuple[str, ...]]
) -> Iterator[Found]:
    """sqlmap on each kind of page and form that nobody of before came to."""
    read, targets = pages.found(ours, browser, SQL_PAGES)
    until, left = time.monotonic() + visit.sqlmap, 0
    for target in targets:
        if target.kind in tried:
            continue
        if time.monotonic() < until:
            tried.add(target.kind)
            yield tools.sqlmap(target, browser, folder, seconds=SQL_EACH)
        else:
            left += 1
    click.echo(
        f"        {visit.login}: {read} kinds of pages, {len(targets)} to try, {left} of them not reached in time"
    )


def closed_doors(folder: Path) -> Iterator[Found]:
    """As it is delivered: who tries on and on is stopped, and nobody else."""
    with tempfile.TemporaryDirectory() as home, demo.served(Path(home), limits=True) as ours:
        form = _sign_in_form(ours)
        yield tools.sqlmap(form, None, folder, seconds=40, token_page=form.page)
        # Even the right password counts for nothing now, for this name, from this address and a browser that is not known.
        inside = demo.password_counts(ours, GUESSED)
        yield Found("who guesses one name on and on", ("never stopped",) if inside else (), "stopped")
        asked = [requests.get(f"{ours.url}/signalen", timeout=30, allow_redirects=False) for _one in range(BURST)]
        stopped = sum(one.status_code == 429 for one in asked)
        yield Found(
            "a stranger who asks on and on", () if stopped else ("never stopped",), f"{stopped} of {BURST} got 429"
        )
        demo.sign_in(ours, COLLEAGUE)
        yield Found("a colleague behind the same address", note="signed in")


def _sign_in_form(ours: Demo) -> Target:
    return Target(
        f"{ours.url}/aanmelden",
        f"{ours.url}/aanmelden",
        f"csrf_token=x&login={GUESSED}&password=x&next=",
        ("login", "password", "next"),
    )


def _served_without_fault(folder: Path) -> Found:
    """No request of a tool led to a fault of ours."""
    told = [
        one.read_text(errors="replace")
        for one in (folder / "served.txt", folder / "home" / "signaltable.log")
        if one.exists()
    ]
    faults = [line for text in told for line in text.splitlines() if "ERROR" in line or "Traceback" in line]
    return Found("the program's own messages", tuple(dict.fromkeys(faults))[:20], f"{len(faults)} faults")


def _tell(found: Found, since: float) -> None:
    word = "FOUND" if found.findings else "NOT TRIED" if found.untested else "nothing"
    click.echo(f"{time.monotonic() - since:5.0f} s  {word:10} {found.what}  {found.note}")
    for one in found.findings:
        click.echo(f"          {one}")


def main() -> int:
    """Prints what each tool found; 1 when something was found or could not be tried, 2 when a tool is missing."""
    if absent := tools.missing():
        click.echo(
            f"attack: {', '.join(absent)} not here; on Debian: sudo apt-get install {' '.join(absent)}", err=True
        )
        return 2
    click.echo(f"{tools.versions()}; the reports stay in build/attack")
    since, all_found = time.monotonic(), list[Found]()
    for part in (open_doors, closed_doors):
        folder = demo.CHECKOUT / "build" / "attack" / part.__name__
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        click.echo(part.__doc__ or "")
        for found in part(folder):
            _tell(found, since)
            all_found.append(found)
    bad = [one for one in all_found if one.findings or one.untested]
    click.echo(
        f"{len(all_found)} runs in {time.monotonic() - since:.0f} s: {'nothing found' if not bad else f'{len(bad)} to look at'}"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
