"""Two sets of rules side by side, and what the newer one would have meant for what was told and disclosed."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signaltable.cli.kit import UNUSABLE, Stop, day, plainly
from signaltable.settings import Settings

if TYPE_CHECKING:
    from signaltable.comparison.advice import AdviceChanges
    from signaltable.comparison.disclosures import DisclosureChanges
    from signaltable.comparison.permits import PermitChanges
    from signaltable.comparison.rules import Change
    from signaltable.facts import Facts
    from signaltable.policy import PolicySet
    from signaltable.transaction import Program

CURRENT = "current"
# Stored signals are about people: a number below this says too much about the few that it counts.
FEWEST = 3


@dataclass(frozen=True)
class _Compared:
    old: "PolicySet"
    new: "PolicySet"
    on: date
    source: str
    period: tuple[date | None, date | None]
    rules: "tuple[Change, ...]"
    advice: "AdviceChanges"
    permits: "PermitChanges"
    disclosures: "DisclosureChanges"

    def count(self, number: int) -> int | str:
        """A number of stored signals or disclosures; of the demo, which is about nobody, always exact."""
        return f"<{FEWEST}" if self.source == "home" and 0 < number < FEWEST else number


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--on", "on", help="The day whose rules are compared (YYYY-MM-DD); default today.")
@click.option("--from", "start", help="Only signals from this day on.")
@click.option("--until", "end", help="Only signals up to and including this day.")
@click.option("--lang", default="nl", type=click.Choice(["nl", "en"]), show_default=True)
@click.option("--json", "as_json", is_flag=True)
@plainly
def compare(
    old: str, new: str, on: str | None, start: str | None, end: str | None, lang: str, *, as_json: bool
) -> None:
    """What changes from OLD to NEW: each a folder, the digest of rules that were used here (8 or more characters), or "current"."""
    period = _optional(start, "--from"), _optional(end, "--until")
    compared = _compare(old, new, day(on), period, lang)
    click.echo(json.dumps(_to_json(compared), ensure_ascii=False) if as_json else "\n".join(_told(compared)))


def _optional(text: str | None, option: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise Stop(f"{option}: expected a day as YYYY-MM-DD", UNUSABLE) from None


def _compare(old: str, new: str, on: date, period: tuple[date | None, date | None], lang: str) -> _Compared:
    from signaltable.comparison.advice import advice_changes
    from signaltable.comparison.disclosures import disclosure_changes
    from signaltable.comparison.permits import permit_changes
    from signaltable.comparison.rules import rule_changes

    settings = Settings.from_env()
    program = _program(settings)
    before, after = _rules(old, settings, program), _rules(new, settings, program)
    told, made = _stored(program, before, after, period) if program else (_of_the_demo(before, on), [])
    return _Compared(
        old=before,
        new=after,
        on=on,
        source="home" if program else "demo",
        period=period,
        rules=rule_changes(before, after, lang),
        advice=advice_changes(told, before, after, on=on),
        permits=permit_changes(before.grounds, after.grounds, on=on, demo=settings.demo),
        disclosures=disclosure_changes(
            made, before.grounds, after.grounds, on=on, transfers=(before.transfers, after.transfers)
        ),
    )


def _program(settings: Settings) -> "Program | None":
    from signaltable.program import open_program

    return open_program(settings) if settings.key_ring.exists() else None


def _rules(name: str, settings: Settings, program: "Program | None") -> "PolicySet":
    from signaltable.domain import NotFound
    from signaltable.flow.policy_versions import find_digest, load_version
    from signaltable.policy import load
    from signaltable.transaction import reading

    if name == CURRENT:
        return load(settings.policies)
    if Path(name).is_dir():
        return load(Path(name))
    if not name or set(name.lower()) - set("0123456789abcdef"):
        raise Stop(f'expected a folder with rules, a digest or "{CURRENT}", found none of them', UNUSABLE)
    if program is None:
        raise Stop("expected a home that keeps rules of before; there is none, so name a folder", UNUSABLE)
    try:
        with reading(program) as session:
            return load_version(session, find_digest(session, name))
    except NotFound as error:
        raise Stop(str(error), UNUSABLE) from None


def _stored(
    program: "Program", old: "PolicySet", new: "PolicySet", period: tuple[date | None, date | None]
) -> "tuple[list[list[Facts]], list[dict[str, Any]]]":
    from signaltable.flow import comparing, setup
    from signaltable.transaction import transaction

    with transaction(program, setup.INSTALLER) as tx:
        told, made = comparing.told_signals(tx, *period), comparing.made_disclosures(tx, *period)
        comparing.note(tx, old.digest, new.digest, len(told))
    return told, made


def _of_the_demo(policy: "PolicySet", on: date) -> "list[list[Facts]]":
    from signaltable.demo.cases import told_facts

    return told_facts(policy, on)


# -- for a machine -------------------------------------------------------------------------------------------------


def _to_json(found: _Compared) -> dict[str, Any]:
    start, end = found.period
    return {
        "old": found.old.digest,
        "new": found.new.digest,
        "on": found.on.isoformat(),
        "rules": [
            {**asdict(change), "valid_from": change.valid_from.isoformat() if change.valid_from else None}
            for change in found.rules
        ],
        "signals": {
            "source": found.source,
            "from": start.isoformat() if start else None,
            "until": end.isoformat() if end else None,
            "count": found.advice.count,
            "elsewhere": found.count(found.advice.elsewhere),
            "other_urgency": found.count(found.advice.other_urgency),
            "routes": _moved(found, found.advice.routes),
            "destinations": _moved(found, found.advice.destinations),
            "examples": [{**asdict(one), "count": found.count(one.count)} for one in found.advice.examples],
        },
        "grounds": asdict(found.permits),
        "disclosures": {
            "count": found.disclosures.count,
            "no_longer_permitted": found.count(found.disclosures.no_longer),
            "fewer_fields": found.count(found.disclosures.fewer_fields),
            "rows": {row: found.count(number) for row, number in found.disclosures.rows.items()},
        },
    }


def _moved(found: _Compared, moved: Mapping[str, Any]) -> dict[str, dict[str, int | str]]:
    return {name: {"gained": found.count(one.gained), "lost": found.count(one.lost)} for name, one in moved.items()}


# -- for a person --------------------------------------------------------------------------------------------------


def _told(found: _Compared) -> list[str]:
    from signaltable.comparison.rules import counts

    number = counts(found.rules)
    lines = [
        f"rules {found.old.digest[:8]} -> {found.new.digest[:8]}, on {found.on}: "
        + ", ".join(f"{count} {name}" for name, count in number.items()),
    ]
    for change in found.rules:
        since = f" from {change.valid_from}" if change.valid_from else ""
        lines.append(f"  {change.change:<8} {change.kind} {change.id}{since}  [{change.file}]")
        lines += [f"             {key.key}: {key.old} -> {key.new}" for key in change.keys]
    return [*lines, *_signals_told(found), *_grounds_told(found)]


def _signals_told(found: _Compared) -> list[str]:
    advice = found.advice
    where = "stored signals" if found.source == "home" else "signals of the demo"
    elsewhere, otherwise = found.count(advice.elsewhere), found.count(advice.other_urgency)
    lines = [f"{advice.count} {where}: {elsewhere} to other destinations, {otherwise} to the same ones sooner or later"]
    for kind, moved in (("route", advice.routes), ("destination", advice.destinations)):
        for name, one in moved.items():
            lines.append(f"  {kind} {name}: +{found.count(one.gained)} -{found.count(one.lost)}")
    for example in advice.examples:
        facts = json.dumps(dict(example.facts), ensure_ascii=False)
        lines.append(f"  {found.count(example.count)} x {facts}")
        lines += [f"      - {one}" for one in example.lost]
        lines += [f"      + {one}" for one in example.gained]
    return lines


def _grounds_told(found: _Compared) -> list[str]:
    permits, made = found.permits, found.disclosures
    effects = f"{permits.permitted} permitted from now on, {permits.refused} no longer"
    lines = [f"of {permits.cells} kinds of request with all conditions met: {effects}"]
    for row in permits.rows:
        example = ", ".join(f"{name} {value}" for name, value in row.example.items())
        lines.append(f"  {row.row}: +{row.permitted} -{row.refused}, such as {example}")
    lines.append(
        f"{made.count} disclosures: {found.count(made.no_longer)} no longer permitted, "
        f"{found.count(made.fewer_fields)} with fewer fields",
    )
    lines += [f"  on {row}: {found.count(number)}" for row, number in made.rows.items()]
    return lines
