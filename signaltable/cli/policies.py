"""The rules themselves: what they say, what changed between two versions, and whether decisions of the past still hold."""

import click

from signaltable.cli.kit import Commands


@click.group(cls=Commands)
def policies() -> None:
    """The rules: check, show, compare, replay, print the card."""
