"""The keys of the log."""

import json

import click

from signaltable.cli.kit import plainly
from signaltable.settings import Settings


@click.command("rotate-key")
@click.option("--json", "as_json", is_flag=True)
@plainly
def rotate_key(*, as_json: bool) -> None:
    """Replace the signing key of the log; the old private key is destroyed. Interrupted? Give the command again."""
    from signaltable.flow import setup, signing
    from signaltable.program import open_program

    settings = Settings.from_env()
    counting = signing.rotate_keys(open_program(settings), setup.INSTALLER)
    if as_json:
        click.echo(json.dumps({"fingerprints": counting, "public_keys": str(settings.log_public_key)}))
        return
    for fingerprint in counting:
        click.echo(f"the log is signed with {fingerprint} from now on")
    click.echo(f"give auditors and agencies the new list: {settings.log_public_key}")
