"""Comparing an own list with the open questions, without a browser."""

import json
from pathlib import Path

import click

from signaltable.cli.kit import plainly, progress_bar
from signaltable.settings import Settings


@click.command("blind-check")
@click.option(
    "--file",
    "source",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="A CSV file with headings such as given, infix, surname, birth_date, phone, postcode; or - for standard input.",
)
@click.option(
    "--as", "login", default="", help="Whose questions; without it those to all agencies, which the log then tells."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: lines, questions, hits, unreadable, left.")
@plainly
def blind_check(source: Path, login: str, *, as_json: bool) -> None:
    """Compare a list with the open questions of the table. The list stays in memory and is forgotten.

    Only hits come back: which line may be the subject of which question. Nothing is answered by it; a person does that.
    """
    from signaltable.flow import setup
    from signaltable.flow.blind_check import check
    from signaltable.flow.coming_in import actors
    from signaltable.program import open_program
    from signaltable.transaction import transaction

    with click.open_file(str(source), "rb") as file:
        content = file.read()
    program = open_program(Settings.from_env())
    actor = actors.actor_of_login(program, login) if login else setup.INSTALLER
    found = check(program, lambda: transaction(program, actor), content, progress=progress_bar())
    if as_json:
        click.echo(
            json.dumps(
                {
                    "lines": found.lines,
                    "questions": found.questions,
                    "hits": [
                        {
                            "question": hit.question,
                            "agency": hit.agency,
                            "subject": hit.pseudonym,
                            "line": hit.line,
                            "id": hit.id,
                            "outcome": hit.outcome,
                            "compared": dict(hit.compared),
                        }
                        for hit in found.hits
                    ],
                    "unreadable": [{"line": one.line, "field": one.field} for one in found.unreadable],
                    "left": found.left,
                },
                ensure_ascii=False,
            )
        )
        return
    for hit in found.hits:
        click.echo(f"line {hit.line:<6} {hit.outcome:<9} {hit.pseudonym}  question {hit.question} to {hit.agency}")
    for one in found.unreadable:
        click.echo(f"line {one.line:<6} could not be read: {one.field}", err=True)
    click.echo(f"{found.lines} lines, {found.questions} open questions, {len(found.hits)} hits")
