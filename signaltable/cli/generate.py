"""A region of invented people, as large as one wants it."""

import click

from signaltable.cli.kit import REFUSED, Stop, plainly, progress_bar
from signaltable.settings import Settings

# The worked cases need these organisations of the demo region; reading its file would keep `--help` waiting.
FEWEST_AGENCIES = 16


@click.command()
@click.option("--signals", type=click.IntRange(1, 2_000_000), required=True, help="How many signals there will be.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same people and texts.")
@click.option(
    "--agencies",
    type=click.IntRange(FEWEST_AGENCIES, 2_000),
    default=40,
    show_default=True,
    help="Organisations at the table.",
)
@click.option(
    "--months", type=click.IntRange(1, 24), default=6, show_default=True, help="How far back the oldest goes."
)
@plainly
def generate(signals: int, seed: int, agencies: int, months: int) -> None:
    """Fill a new home with a believable region of invented people, for measuring and trying out."""
    from signaltable.generate import making
    from signaltable.generate.region import TooFewAgencies
    from signaltable.home_in_use import HomeInUse

    settings = Settings.from_env()
    try:
        making.make(settings, making.Wanted(signals, seed, agencies, months), progress_bar())
    except (making.CannotGenerate, TooFewAgencies, HomeInUse) as error:
        raise Stop(f"refused: {error}", REFUSED) from None
    click.echo(f"created {settings.home}; `signaltable accounts` tells who can log in", err=True)
