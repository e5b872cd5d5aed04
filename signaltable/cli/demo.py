"""Making the demo anew, for a training or after one."""

import sys
from typing import TYPE_CHECKING

import click

from signaltable.cli.kit import REFUSED, UNUSABLE, Stop, plainly
from signaltable.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from signaltable.demo.making import Steps


@click.command()
@click.option("--reset", is_flag=True, help="Throw the demo away and make it again, with cases in every state.")
@plainly
def demo(*, reset: bool) -> None:
    """Rebuild the demo region with its people and cases; everything that was done in it is gone."""
    from signaltable.demo.making import NotADemo, make_anew
    from signaltable.home_in_use import HomeInUse

    if not reset:
        raise Stop("expected --reset: this command throws the demo away and makes it again", UNUSABLE)
    settings = Settings.from_env()
    try:
        states = make_anew(settings, progress)
    except (NotADemo, HomeInUse) as error:
        raise Stop(f"refused: {error}", REFUSED) from None
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    click.echo(f"made {settings.home} anew: {told}", err=True)


def progress(steps: "Steps") -> "AbstractContextManager[Iterable[Callable[[], None]]]":
    """A bar on the terminal while the cases are made."""
    return click.progressbar(steps, label="demo cases", file=sys.stderr)
