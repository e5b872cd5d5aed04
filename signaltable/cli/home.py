"""Making a home, serving it, and the demo accounts."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, NoReturn

import click

from signaltable.cli.demo import progress
from signaltable.cli.kit import REFUSED, UNUSABLE, Stop, plainly
from signaltable.disk import make_private_folder
from signaltable.domain import SignaltableError
from signaltable.port import check_port
from signaltable.settings import Settings


class NotPrepared(SignaltableError):
    """Home and database are not as this program wants them. `code` is the exit code of the process that saw it."""

    def __init__(self, code: int) -> None:
        super().__init__("the program could not be prepared")
        self.code = code


@click.command()
@click.option("--demo", is_flag=True, help="With the demo region, its people and the worked cases.")
@click.option(
    "--administrator",
    metavar="LOGIN",
    default="beheer",
    show_default=True,
    help="Without --demo: the first account; the code to come in with is printed once.",
)
@click.option("--keep", is_flag=True, help="Say nothing and do nothing when it exists already.")
@plainly
def init(*, demo: bool, administrator: str, keep: bool) -> None:
    """Create SIGNALTABLE_HOME: keys, database, log."""
    from signaltable.demo import making
    from signaltable.flow import setup

    settings = Settings.from_env()
    if demo and not settings.demo:
        raise Stop("refused: --demo is not for SIGNALTABLE_MODE=production", REFUSED)
    if settings.key_ring.exists():
        if not keep:
            raise Stop(f"refused: {settings.home} exists already; nothing was changed", REFUSED)
        _refuse_half_made(settings)
        _bring_tables(settings)
        return
    setup.require_new(settings)
    if demo:
        making.make(settings, setup.new_demo_password(), progress)
    else:
        _make_home(settings, administrator)
    click.echo(f"created {settings.home}", err=True)


def _make_home(settings: Settings, administrator: str) -> None:
    """A home without a region: keys, tables, the log, and one administrator."""
    from signaltable.domain import day_of
    from signaltable.flow import setup
    from signaltable.migrating import migrate
    from signaltable.program import now, open_program

    make_private_folder(settings.home)
    (settings.home / setup.UNFINISHED).touch()
    setup.make_keys(settings, on=day_of(now()))
    migrate(settings)
    program = open_program(settings, being_made=True)
    setup.start_log(program)
    made = setup.first_administrator(program, administrator)
    click.echo(
        f"{made.login}  {made.code}   (shown once; choose a password with it at /activeren, then go on at /beheer)"
    )
    (settings.home / setup.UNFINISHED).unlink()


def _refuse_half_made(settings: Settings) -> None:
    from signaltable.flow.setup import UNFINISHED

    if (settings.home / UNFINISHED).exists():
        raise Stop(f"refused: {settings.home} was only half made; remove it and try again", REFUSED)


@click.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--no-jobs", is_flag=True, help="The web alone; `signaltable jobs` runs elsewhere, as another user.")
@click.option("--no-reader", is_flag=True, help="Without the text reader (a gigabyte); the light scan alone counts.")
@click.option("--prepared-by", type=int, hidden=True)
@plainly
def run(port: int, *, no_jobs: bool, no_reader: bool, prepared_by: int | None) -> None:
    """Serve on 127.0.0.1 with the scheduler, until Ctrl-C."""
    settings = Settings.from_env()
    if prepared_by is None:
        check_port(port)  # Before anybody is told to go there.
        if not settings.key_ring.exists():
            _prepare(settings, port, no_jobs=no_jobs)  # Says what is missing.
        preparing = _apart(plainly(lambda: _prepare(settings, port, no_jobs=no_jobs)))
        flags = _flags(no_jobs=no_jobs, no_reader=no_reader)
        _begin_anew("run", "--prepared-by", str(preparing), "--port", str(port), *flags)
    from signaltable import serve
    from signaltable.home_in_use import working_in

    reader = not no_reader and settings.text_reader != "off"
    settings = replace(settings, text_reader="on" if reader else "off")
    with ExitStack() as held:

        def prepared() -> None:
            _wait_for(prepared_by)
            held.enter_context(working_in(settings.home))

        try:
            serve.serve(settings, port, with_jobs=not no_jobs, with_reader=reader, prepared=prepared)
        except NotPrepared as ended:  # The other process said why.
            sys.exit(ended.code)


def _apart(work: Callable[[], None]) -> int:
    """Do `work` in a process of its own, beside what comes next; the end of a pipe where its exit code will be read."""
    here, there = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork():
        os.close(there)
        os.set_inheritable(here, True)
        return here
    os.close(here)
    code = UNUSABLE
    try:
        work()
        code = 0
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BaseException as error:  # noqa: BLE001 -- its text may quote data
        click.echo(f"signaltable: unexpected {type(error).__name__}", err=True)
    finally:
        sys.stdout.flush()
        with suppress(BrokenPipeError):  # The web ended meanwhile, and said why.
            os.write(there, bytes([code]))
        os._exit(code)


def _wait_for(preparing: int) -> None:
    """Wait for work that is done apart. Raises `NotPrepared` with its exit code when it did not come to its end."""
    with os.fdopen(preparing, "rb") as told:
        code = (told.read(1) or bytes([UNUSABLE]))[0]
    if code:
        raise NotPrepared(code)


def _prepare(settings: Settings, port: int, *, no_jobs: bool) -> None:
    """Bring home and database to where this program wants them, and say where it will be found."""
    from signaltable.flow import restoring, setup
    from signaltable.mail_settings import check_password
    from signaltable.program import open_program

    _refuse_half_made(settings)
    if not no_jobs:
        check_password(settings.mail_server)
    # One file that this machine alone uses is brought up to date on the way; a database that others use is not (migrate).
    if settings.key_ring.exists() and settings.database_url.startswith("sqlite"):
        _bring_tables(settings)
    program = open_program(settings)
    restoring.refuse_older(program)
    setup.finish_upgrade(program)
    setup.note_policy(program)
    click.echo(f"signaltable on http://127.0.0.1:{port}  (stop with Ctrl-C)")
    if settings.demo and (settings.home / setup.DEMO_ACCOUNTS).exists():
        click.echo(_accounts_table(setup.demo_accounts(settings)))


def _bring_tables(settings: Settings) -> None:
    """Bring the tables to the version of this program, and record it when there was something to do."""
    from signaltable.flow import setup
    from signaltable.migrating import migrate
    from signaltable.program import open_program

    done = migrate(settings)
    if done.before and done.steps:
        setup.note_migration(open_program(settings), done.before, done.after)


def _flags(**given: bool) -> list[str]:
    return [f"--{name.replace('_', '-')}" for name, yes in given.items() if yes]


def _begin_anew(*command: str) -> NoReturn:
    """Go on as a new program in the same process: what the command line loaded would stay in the memory of every worker."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "signaltable.cli", *command])  # noqa: S606 -- this program itself


@click.command()
@click.option("--json", "as_json", is_flag=True)
@plainly
def accounts(*, as_json: bool) -> None:
    """The demo accounts (demo mode only)."""
    from signaltable.flow import looks, setup
    from signaltable.program import open_program

    settings = Settings.from_env()
    if not settings.demo:
        raise Stop("refused: demo accounts exist in demo mode only", REFUSED)
    if not (settings.home / setup.DEMO_ACCOUNTS).exists():
        raise Stop(f"refused: no demo accounts in {settings.home}; make them with `signaltable init --demo`", REFUSED)
    found = setup.demo_accounts(settings)
    looks.demo_accounts(open_program(settings), setup.INSTALLER, len(found))
    click.echo(json.dumps(found, ensure_ascii=False, indent=1) if as_json else _accounts_table(found))


@click.command()
@click.argument("login")
@click.option("--factors", "second_factor", is_flag=True, help="To set up a second factor anew; the password stays.")
@plainly
def invite(login: str, *, second_factor: bool) -> None:
    """Make a code with which somebody comes in once, and print it."""
    from signaltable.flow import setup
    from signaltable.flow.coming_in import activating, actors
    from signaltable.program import open_program
    from signaltable.transaction import transaction

    program = open_program(Settings.from_env())
    account = actors.actor_of_login(program, login)
    with transaction(program, setup.INSTALLER) as tx:
        made = activating.invite(tx, account.account_id, second_factor=second_factor)
    hours = program.policy.coming_in.activation.hours
    click.echo(f"{made.login}  {made.code}   (shown once; counts for {hours} hours at /activeren)")


def _accounts_table(found: list[dict[str, Any]]) -> str:
    lines = [f"demo accounts, all with password  {found[0]['password']}"] if found else []
    lines += ["the second step shows the code that the app of each would show"] if found else []
    lines += [f"  {one['login']:<14} {', '.join(one['roles']):<20} {one['agency']}" for one in found]
    return "\n".join(lines)
