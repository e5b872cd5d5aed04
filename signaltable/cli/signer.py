"""The signer of the log: the process that may read its signing key, and does nothing that needs the key ring."""

import sys
from pathlib import Path

import click

from signaltable.cli.kit import REFUSED, plainly
from signaltable.settings import Settings


@click.command()
@click.option("--once", is_flag=True, help="Do what is due now, and end. Exit code 1 when something failed.")
@plainly
def signer(*, once: bool) -> None:
    """Sign the log, its exports and reports, until Ctrl-C: as a user of its own, beside `jobs`, which then cannot read the key."""
    from signaltable.jobs.duty import Duty
    from signaltable.jobs.process import main

    if not once:
        sys.exit(main(Duty.SIGNING))
    _sign_once()


def _sign_once() -> None:
    from signaltable.home_in_use import working_in
    from signaltable.jobs.duty import Duty, require_key
    from signaltable.jobs.running import DONE, FAILED, run_due
    from signaltable.program import open_program
    from signaltable.users import work_as_web_user

    settings = Settings.from_env()
    work_as_web_user(settings)
    require_key(settings)
    program = open_program(settings)
    with working_in(settings.home):
        results = run_due(program, Duty.SIGNING)
    click.echo(
        "\n".join(f"{one.job:<14} {one.result:<8} {one.outcome}".rstrip() for one in results if one.result == DONE)
    )
    if any(one.result == FAILED for one in results):
        raise click.exceptions.Exit(REFUSED)


@click.command("for-signer")
@click.argument("file", type=click.Path(path_type=Path))
@plainly
def for_signer(file: Path) -> None:
    """Write into a new FILE what a signer with a home of its own needs of the keys: nothing that opens an identity.

    It goes to keys/for-signer.json in the home of the signer, mode 0600, owned by its user.
    """
    from signaltable.flow import key_ceremony, setup
    from signaltable.program import open_program

    key_ceremony.for_signer(open_program(Settings.from_env()), setup.INSTALLER, file)
    click.echo(f"{file}: keys for the signer; move it to keys/for-signer.json in its home")
