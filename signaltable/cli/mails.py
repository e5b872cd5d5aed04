"""The mails: a test of the way they go, and how they are doing."""

import json
from typing import TYPE_CHECKING

import click

from signaltable.cli.kit import REFUSED, Stop, plainly
from signaltable.settings import Settings

if TYPE_CHECKING:
    from signaltable.flow.mail.status import Status


@click.group()
def mail() -> None:
    """The mails: a test of the way they go, and how they are doing."""


@mail.command("test")
@click.option("--to", "login", metavar="LOGIN", required=True, help="To whose address the test mail goes.")
@plainly
def test(login: str) -> None:
    """Send one mail now, to somebody with an account, and say what the mail server answered."""
    from signaltable.flow.mail import testing
    from signaltable.flow.setup import INSTALLER
    from signaltable.mail_settings import check_password
    from signaltable.program import open_program

    settings = Settings.from_env()
    check_password(settings.mail_server)
    problem = testing.send_test(open_program(settings), INSTALLER, login)
    if problem:
        raise Stop(f"the mail was not taken: {problem} (docs/mail.md says what each code means)", REFUSED)
    if settings.mail_server is None:
        click.echo("there is no mail server: the mail was written to the folder outbox")
    else:
        click.echo("the mail server took the mail; look in the mailbox whether it arrives")


@mail.command("status")
@click.option("--json", "as_json", is_flag=True)
@plainly
def status(*, as_json: bool) -> None:
    """How many mails wait, went, failed and came back, by code, and how many people cannot be reached."""
    from signaltable.flow.mail import status
    from signaltable.flow.setup import INSTALLER
    from signaltable.program import open_program
    from signaltable.transaction import transaction

    with transaction(open_program(Settings.from_env()), INSTALLER) as tx:
        state, _people = status.consult(tx, "mails_status")
    click.echo(json.dumps(state.as_json(), indent=1) if as_json else _told(state))


def _told(state: "Status") -> str:
    told = state.as_json()
    problems = told.pop("problems")
    lines = [f"{name.replace('_', ' '):<20} {value if value is not None else '-'}" for name, value in told.items()]
    lines += [f"code {code:<15} {count}" for code, count in problems.items()]
    return "\n".join(lines)
