"""Submitting a signal, and asking the meldroutekaart."""

import json

import click

from signaltable.cli.kit import UNUSABLE, Stop, day, plainly, read_json
from signaltable.facts import parse_facts
from signaltable.settings import Settings


@click.command()
@click.option("--as", "login", help="The login of the account that submits.")
@click.option("--file", "source", help="A JSON file, or - for standard input.")
@click.option("--example", is_flag=True, help="Print a complete file.")
@click.option("--json", "as_json", is_flag=True)
@plainly
def submit(login: str | None, source: str | None, *, example: bool, as_json: bool) -> None:
    """Submit a signal: the same use case as the form."""
    from signaltable.intake import EXAMPLE, parse

    if example:
        click.echo(json.dumps(EXAMPLE, ensure_ascii=False, indent=1))
        return
    if not login or not source:
        raise Stop("expected --as LOGIN and --file FILE (or --example)", UNUSABLE)
    draft = parse(read_json(source))

    from signaltable.flow import signals
    from signaltable.flow.coming_in import actors
    from signaltable.program import open_program
    from signaltable.route import to_json
    from signaltable.transaction import transaction

    program = open_program(Settings.from_env())
    with transaction(program, actors.actor_of_login(program, login)) as tx:
        receipt = signals.submit(tx, draft)
    answer = {
        "reference": receipt.reference,
        "routes": to_json(receipt.advice, "nl")["routes"],
        "links": [{"id": link.id, "outcome": link.outcome} for link in receipt.links],
    }
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    click.echo(receipt.reference)
    for one in answer["routes"]:
        click.echo(f"  {one['id']:<4} {one['destination']:<18} {one['urgency']:<18} {one['reason']}")
    click.echo(f"  links proposed: {len(receipt.links)}")


@click.command()
@click.option("--facts", "source", required=True, help="A JSON file with facts, or - for standard input.")
@click.option("--on", "on", help="The day whose rules count (YYYY-MM-DD); default today.")
@click.option("--lang", default="nl", type=click.Choice(["nl", "en"]), show_default=True)
@click.option("--json", "as_json", is_flag=True)
@plainly
def route(source: str, on: str | None, lang: str, *, as_json: bool) -> None:
    """What the meldroutekaart advises on facts, and what to ask next."""
    from signaltable import route as step
    from signaltable.policy import load

    facts = parse_facts(read_json(source))
    settings = Settings.from_env()
    decision = step.to_json(step.decide(facts, load(settings.policies), on=day(on)), lang)
    if as_json:
        click.echo(json.dumps(decision, ensure_ascii=False))
        return
    for one in decision["routes"]:
        click.echo(f"{one['id']:<4} {one['destination']:<18} {one['urgency']:<18} {one['reason']}  [{one['source']}]")
    for question in decision["questions"]:
        click.echo(f"?    {question['fact']:<18} {question['why']}")
