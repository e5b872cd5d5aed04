"""The command line. Exit codes: 0 done, 1 refused or findings, 2 unusable input (one line on stderr, no traceback).

Commands import what they need when they run: `signaltable route` must not wait for the web or the database.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from audit.errors import AuditError
from signaltable.domain import Conflict, NotFound, Refused, SignaltableError, UnusableInput
from signaltable.facts import UnusableFacts, parse_facts
from signaltable.policy_errors import BrokenPolicy
from signaltable.settings import Settings, UnusableSettings

if TYPE_CHECKING:
    from signaltable.transaction import Program

REFUSED = 1
UNUSABLE = 2


class Stop(click.ClickException):
    """End with one line on stderr and an exit code of the contract."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(" ".join(message.split()))
        self.exit_code = code  # type: ignore[misc]

    def show(self, file: Any = None) -> None:  # noqa: ARG002
        click.echo(f"signaltable: {self.message}", err=True)


def plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Turn every error that is meant for people into one line and the right exit code."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except (UnusableInput, UnusableFacts, UnusableSettings) as error:
            raise Stop(str(error), UNUSABLE) from None
        except BrokenPolicy as error:
            raise Stop("; ".join(str(finding) for finding in error.findings), UNUSABLE) from None
        except (Refused, NotFound, Conflict) as error:
            raise Stop(f"refused: {error}", REFUSED) from None
        except (SignaltableError, AuditError) as error:
            raise Stop(str(error), REFUSED) from None
        except OSError as error:
            where = Path(str(error.filename)).name if error.filename else "file or folder"
            raise Stop(f"{where}: expected to read or write it: {error.strerror}", UNUSABLE) from None
        except UnicodeEncodeError:
            raise Stop("expected text in UTF-8", UNUSABLE) from None

    return run


@contextmanager
def _usage_in_one_line() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:  # Nothing was asked, so the help is the answer.
        raise
    except click.UsageError as error:
        raise Stop(error.format_message(), UNUSABLE) from None


class Commands(click.Group):
    """Commands whose unknown options and values are told in one line, like everything else."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what stands in front of the command."""
        with _usage_in_one_line():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _usage_in_one_line():
            return super().invoke(ctx)


@click.group(cls=Commands)
@click.version_option(package_name="signaltable")
def main() -> None:
    """Open source software for the Dutch signaaltafel mensenhandel."""


@main.command()
@click.option("--demo", is_flag=True, help="With the demo region, its people and the worked cases.")
@click.option(
    "--administrator",
    metavar="LOGIN",
    default="beheer",
    show_default=True,
    help="Without --demo: the first account; its password is printed once.",
)
@click.option("--keep", is_flag=True, help="Say nothing and do nothing when it exists already.")
@plainly
def init(*, demo: bool, administrator: str, keep: bool) -> None:
    """Create SIGNALTABLE_HOME: keys, database, log."""
    from signaltable.flow import setup
    from signaltable.program import migrate, open_program

    settings = Settings.from_env()
    if demo and not settings.demo:
        raise Stop("refused: --demo is not for SIGNALTABLE_MODE=production", REFUSED)
    if settings.key_ring.exists():
        if not keep:
            raise Stop(f"refused: {settings.home} exists already; nothing was changed", REFUSED)
        _refuse_half_made(settings)
        migrate(settings)
        return
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (settings.home / setup.UNFINISHED).touch()
    setup.make_keys(settings)
    migrate(settings)
    program = open_program(settings)
    if demo:
        _make_demo(program)
    else:
        setup.start_log(program)
        password = setup.first_administrator(program, administrator)
        click.echo(f"{administrator}  {password}   (shown once; add agencies and people at /beheer)")
    (settings.home / setup.UNFINISHED).unlink()
    click.echo(f"created {settings.home}", err=True)


def _refuse_half_made(settings: Settings) -> None:
    from signaltable.flow.setup import UNFINISHED

    if (settings.home / UNFINISHED).exists():
        raise Stop(f"refused: {settings.home} was only half made; remove it and try again", REFUSED)


def _make_demo(program: "Program") -> None:
    """The region as it was before the first case, and then the cases, so that the log tells them in order of time."""
    from signaltable.demo import cases
    from signaltable.flow import setup

    before = cases.beginning(program)
    setup.start_log(before)
    setup.remember_demo_accounts(program.settings, setup.seed_region(before, setup.new_demo_password()))
    with click.progressbar(cases.steps(program), label="demo cases", file=sys.stderr) as steps:
        for step in steps:
            step()


@main.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@plainly
def run(port: int) -> None:
    """Serve on 127.0.0.1 with the scheduler, until Ctrl-C."""
    from signaltable import serve
    from signaltable.flow import setup
    from signaltable.program import migrate, open_program

    settings = Settings.from_env()
    _refuse_half_made(settings)
    if settings.key_ring.exists():
        migrate(settings)
    setup.note_policy(open_program(settings))
    click.echo(f"signaltable on http://127.0.0.1:{port}  (stop with Ctrl-C)")
    if settings.demo and (settings.home / setup.DEMO_ACCOUNTS).exists():
        click.echo(_accounts_table(setup.demo_accounts(settings)))
    serve.serve(settings, port)


@main.command()
@click.option("--json", "as_json", is_flag=True)
@plainly
def accounts(*, as_json: bool) -> None:
    """The demo accounts (demo mode only)."""
    from signaltable.flow import setup

    settings = Settings.from_env()
    if not settings.demo:
        raise Stop("refused: demo accounts exist in demo mode only", REFUSED)
    if not (settings.home / setup.DEMO_ACCOUNTS).exists():
        raise Stop(f"refused: no demo accounts in {settings.home}; make them with `signaltable init --demo`", REFUSED)
    found = setup.demo_accounts(settings)
    click.echo(json.dumps(found, ensure_ascii=False, indent=1) if as_json else _accounts_table(found))


def _accounts_table(found: list[dict[str, Any]]) -> str:
    lines = [f"demo accounts, all with password  {found[0]['password']}"] if found else []
    lines += [f"  {one['login']:<14} {', '.join(one['roles']):<20} {one['agency']}" for one in found]
    return "\n".join(lines)


@main.command()
@click.option("--as", "login", help="The login of the account that submits.")
@click.option("--file", "source", help="A JSON file, or - for standard input.")
@click.option("--example", is_flag=True, help="Print a complete file.")
@click.option("--json", "as_json", is_flag=True)
@plainly
def submit(login: str | None, source: str | None, *, example: bool, as_json: bool) -> None:
    """Submit a signal: the same use case as the form."""
    from signaltable.intake import EXAMPLE, parse

    if example:
        click.echo(json.dumps(EXAMPLE, ensure_ascii=False, indent=1))
        return
    if not login or not source:
        raise Stop("expected --as LOGIN and --file FILE (or --example)", UNUSABLE)
    draft = parse(_read_json(source))

    from signaltable.flow import accounts as accounts_flow
    from signaltable.flow import signals
    from signaltable.program import open_program
    from signaltable.route import to_json
    from signaltable.transaction import transaction

    program = open_program(Settings.from_env())
    with transaction(program, accounts_flow.actor_of_login(program, login)) as tx:
        receipt = signals.submit(tx, draft)
    answer = {
        "reference": receipt.reference,
        "routes": to_json(receipt.advice, "nl")["routes"],
        "links": [{"id": link.id, "outcome": link.outcome} for link in receipt.links],
    }
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    click.echo(receipt.reference)
    for one in answer["routes"]:
        click.echo(f"  {one['id']:<4} {one['destination']:<18} {one['urgency']:<18} {one['reason']}")
    click.echo(f"  links proposed: {len(receipt.links)}")


@main.command()
@click.option("--facts", "source", required=True, help="A JSON file with facts, or - for standard input.")
@click.option("--on", "on", help="The day whose rules count (YYYY-MM-DD); default today.")
@click.option("--lang", default="nl", type=click.Choice(["nl", "en"]), show_default=True)
@click.option("--json", "as_json", is_flag=True)
@plainly
def route(source: str, on: str | None, lang: str, *, as_json: bool) -> None:
    """What the meldroutekaart advises on facts, and what to ask next."""
    from signaltable import route as step
    from signaltable.policy import load

    facts = parse_facts(_read_json(source))
    settings = Settings.from_env()
    decision = step.to_json(step.decide(facts, load(settings.policies), on=_day(on)), lang)
    if as_json:
        click.echo(json.dumps(decision, ensure_ascii=False))
        return
    for one in decision["routes"]:
        click.echo(f"{one['id']:<4} {one['destination']:<18} {one['urgency']:<18} {one['reason']}  [{one['source']}]")
    for question in decision["questions"]:
        click.echo(f"?    {question['fact']:<18} {question['why']}")


@main.group()
def audit() -> None:
    """The log: export it for an auditor."""


@audit.command("export")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True)
@plainly
def audit_export(directory: Path, *, as_json: bool) -> None:
    """Write a signed export that `python -m audit verify DIRECTORY` checks on any machine."""
    from signaltable.flow import auditing, setup
    from signaltable.program import open_program

    program = open_program(Settings.from_env())
    summary = auditing.export(program, setup.INSTALLER, directory)
    click.echo(json.dumps(summary) if as_json else f"{summary['entries']} entries in {directory}")


def _read_json(source: str) -> Any:
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise Stop(f"expected a readable file: {error.strerror}", UNUSABLE) from None
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except UnicodeDecodeError:
        raise Stop("expected JSON in UTF-8", UNUSABLE) from None
    except json.JSONDecodeError as error:
        raise Stop(f"expected JSON; it goes wrong at line {error.lineno}, column {error.colno}", UNUSABLE) from None
    except ValueError:  # A number of thousands of digits.
        raise Stop("expected JSON with shorter numbers", UNUSABLE) from None
    except RecursionError:
        raise Stop("expected JSON that is not nested this deep", UNUSABLE) from None


def _no_constant(_name: str) -> None:
    raise Stop("expected JSON numbers; NaN and Infinity are none", UNUSABLE)


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _value in pairs]
    if len(set(names)) != len(names):
        raise Stop("expected every key once", UNUSABLE)
    return dict(pairs)


def _day(text: str | None) -> date:
    if text is None:
        return date.today()  # noqa: DTZ011 -- the card counts by the local day
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Stop("--on: expected a day as YYYY-MM-DD", UNUSABLE) from None


if __name__ == "__main__":
    main()
