"""One rule, readable."""

import json
from collections.abc import Iterator
from typing import Any

import click

from signaltable.cli.kit import REFUSED, Stop, day, plainly
from signaltable.settings import Settings


@click.command()
@click.argument("rule", metavar="ID")
@click.option("--on", "on", help="The day whose version is shown (YYYY-MM-DD); default today.")
@click.option("--lang", default="nl", type=click.Choice(["nl", "en"]), show_default=True)
@click.option("--json", "as_json", is_flag=True)
@plainly
def show(rule: str, on: str | None, lang: str, *, as_json: bool) -> None:
    """A rule of any kind: a meldroute (M8), ground (G1), condition (NEC), destination, purpose, fact, urgency and so on."""
    from signaltable.comparison.described import describe
    from signaltable.policy import load

    found = describe(load(Settings.from_env().policies), rule, on=day(on), lang=lang)
    if not found:
        raise Stop("refused: no rule with this id", REFUSED)
    if as_json:
        click.echo(json.dumps(found[0] if len(found) == 1 else found, ensure_ascii=False))
        return
    click.echo("\n\n".join("\n".join(_lines(one)) for one in found))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    head = f"{found['id']}  {found.get('title', '')}".rstrip()
    yield f"{head}  [{found['kind']}]"
    for key, value in found.items():
        if key in {"kind", "id", "title"} or value in (None, "", []):
            continue
        if isinstance(value, list) and not any(" " in one for one in value):
            yield f"  {key}: {', '.join(value)}"
        elif isinstance(value, list):
            yield f"  {key}:"
            yield from (f"    {one}" for one in value)
        else:
            yield f"  {key}: {_word(value)}"


def _word(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
