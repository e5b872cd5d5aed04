"""Asking the legal grounds."""

import json
from datetime import date, datetime
from typing import Any

import click

from signaltable.cli.kit import UNUSABLE, Stop, day, plainly, read_json
from signaltable.settings import Settings

_WORDS = {
    "nl": {
        "permit": "mag",
        "deny": "mag niet",
        "fields": "velden",
        "owed": "daarna",
        "at once": "meteen",
        "with the case": "als de bewaartermijn van de zaak voorbij is",
        "missing": "ontbreekt",
        "near": "komt in de buurt",
        "instead": "kan wel",
    },
    "en": {
        "permit": "permitted",
        "deny": "denied",
        "fields": "fields",
        "owed": "owed",
        "at once": "at once",
        "with the case": "when the term of the case is over",
        "missing": "missing",
        "near": "came near",
        "instead": "can be done",
    },
}
_INSTEAD = "instead:"
_FIRST_YEAR, _LAST_YEAR = 1900, 2200


@click.command()
@click.option("--request", "source", help="A JSON file with a request, or - for standard input.")
@click.option("--on", "on", help="The day whose grounds count (YYYY-MM-DD), seen from its end; default now.")
@click.option("--lang", default="nl", type=click.Choice(["nl", "en"]), show_default=True)
@click.option("--json", "as_json", is_flag=True)
@click.option("--example", is_flag=True, help="Print a request per ground that it permits.")
@plainly
def ground(source: str | None, on: str | None, lang: str, *, as_json: bool, example: bool) -> None:
    """Whether these data may go to that agency, on which ground, and what can be done if not."""
    from signaltable.ground_request import Moment, answer, examples, moment_of, parse_request
    from signaltable.policy import load

    if example == bool(source):
        raise Stop("expected --request FILE or --example", UNUSABLE)
    now = datetime.now().astimezone()
    moment = Moment(now.date(), now) if on is None else moment_of(_possible(day(on)))
    given = None if example else read_json(source or "-")
    settings = Settings.from_env()
    demo = settings.demo
    request = None if example else parse_request(given, moment, demo=demo)
    policy = load(settings.policies)
    if demo:
        click.echo("demo: grounds that no lawyer has reviewed count here", err=True)
    if request is None:
        made = examples(policy.grounds, moment, demo=demo)
        click.echo(json.dumps(made, ensure_ascii=False, indent=None if as_json else 1))
        return
    said = answer(request, policy, lang)
    click.echo(json.dumps(said, ensure_ascii=False) if as_json else _readable(said, _WORDS[lang]))


def _possible(on: date) -> date:
    """A day from which terms can be counted, forward and back, without leaving the calendar."""
    if not _FIRST_YEAR <= on.year <= _LAST_YEAR:
        raise Stop(f"--on: expected a day from {_FIRST_YEAR} to {_LAST_YEAR}", UNUSABLE)
    return on


def _readable(said: dict[str, Any], words: dict[str, str]) -> str:
    lines = [f"{words[said['effect']]}  {said['row']}"]
    if said["fields"]:
        lines.append(f"  {words['fields']}: {', '.join(said['fields'])}")
    lines += [f"  {words['owed']}: {one['kind']}  {_when(one, words)}" for one in said["obligations"]]
    why = [one for one in said["reasons"] if not one["code"].startswith(_INSTEAD)]
    lines += [f"  {one['row'] or '-':<6} {one['text']}" for one in why]
    lines += [f"  {words['missing']}: {_place(one)}: {one['problem']}" for one in said["missing"]]
    if said["near"]:
        lines.append(f"  {words['near']}: {', '.join(said['near'])}")
    lines += [f"  {words['instead']}: {one['text']}" for one in said["reasons"] if one not in why]
    return "\n".join(lines)


def _when(owed: dict[str, Any], words: dict[str, str]) -> str:
    return owed["due_at"] or words["with the case" if owed["kind"] == "destroy" else "at once"]


def _place(missing: dict[str, str]) -> str:
    return f"{missing['condition']}.{missing['field']}" if missing["field"] else missing["condition"]
