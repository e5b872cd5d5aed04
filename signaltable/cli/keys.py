"""The keys of this installation."""

import click

from signaltable.cli.kit import Commands


@click.group("keys", cls=Commands)
def keys() -> None:
    """The keys of this installation: what there is, and replacing one."""
