"""The rules themselves: what they say, what changed between two versions, and whether decisions of the past still hold."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from signaltable.cli.kit import REFUSED, Commands, plainly
from signaltable.settings import Settings

if TYPE_CHECKING:
    from signaltable.flow.replaying import Replayed


@click.group(cls=Commands)
def policies() -> None:
    """The rules: check, show, compare, replay, print the card."""


@policies.command()
@click.argument("reference", default="")
@click.option("--json", "as_json", is_flag=True)
@plainly
def replay(reference: str, *, as_json: bool) -> None:
    """Decide again what was decided before, of one signal or disclosure (REFERENCE) or of all. Exit 0 when all come out the same."""
    from signaltable.flow import replaying, setup
    from signaltable.program import open_program
    from signaltable.transaction import transaction

    program = open_program(Settings.from_env())
    with transaction(program, setup.INSTALLER) as tx:
        count = replaying.count_of(tx, reference)
    found: list[Replayed] = []
    with click.progressbar(length=count, label="decisions", file=sys.stderr) as bar:

        def tell(one: "Replayed") -> None:
            bar.update(1)
            if as_json or not one.same:
                found.append(one)

        summary = replaying.replay_all(program, setup.INSTALLER, reference, tell)
    told = {"count": summary.count, "same": summary.same, "different": summary.different}
    if as_json:
        click.echo(json.dumps({**told, "decisions": [_replayed(one) for one in found]}, ensure_ascii=False))
    else:
        for one in found:
            about = one.disclosure or one.signal
            click.echo(f"{one.id[:8]}  {one.kind:<7} {about:<10} rules {one.policy_digest[:8]}")
            for difference in one.differences:
                click.echo(f"  {difference}")
        click.echo(f"{summary.count} decisions, {summary.same} with the same outcome, {summary.different} not")
    if summary.different:
        raise SystemExit(REFUSED)


def _replayed(one: "Replayed") -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "at": one.at.isoformat(),
        "signal": one.signal,
        "disclosure": one.disclosure or None,
        "policy_digest": one.policy_digest,
        "same": one.same,
        "evidence": one.evidence,
        "differences": list(one.differences),
    }
