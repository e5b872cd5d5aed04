"""Finding identifying words in a text: the same reading as for a signal, for a text on standard input."""

import json
import sys
from typing import TYPE_CHECKING

import click

from signaltable.cli.kit import UNUSABLE, Stop, plainly
from signaltable.settings import Settings

if TYPE_CHECKING:
    from signaltable.text import Span

MOST_CHARACTERS = 1_000_000


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A list of start, end, kind and text instead of a table.")
@click.option("--thorough", is_flag=True, help="With the text reader too; loaded here (seconds) where none runs.")
@click.option("--light", is_flag=True, help="The light scan alone, also where a text reader runs.")
@plainly
def scan(*, as_json: bool, thorough: bool, light: bool) -> None:
    """Say which words of a text (standard input, UTF-8) tell who it is about. Nothing is stored."""
    from signaltable.identity import load_identifiers
    from signaltable.text import merged, without_organisations
    from signaltable.text import scan as light_scan

    if thorough and light:
        raise Stop("expected --thorough or --light, not both", UNUSABLE)
    text = _standard_input()
    settings = Settings.from_env()
    organisations = load_identifiers(settings.policies).text.organisations
    found = list(light_scan(text, (), organisations=organisations))
    reader, more = ("the light scan", []) if light else _heavy(settings, text, load=thorough)
    click.echo(f"signaltable: read by {reader}", err=True)
    spans = merged([*found, *without_organisations(text, more, organisations)])
    if as_json:
        click.echo(json.dumps([_told(text, one) for one in spans], ensure_ascii=False))
        return
    for one in spans:
        click.echo(f"{one.start:>6} {one.end:>6}  {one.kind:<12} {' '.join(text[one.start : one.end].split())}")


def _told(text: str, span: "Span") -> dict[str, object]:
    return {"start": span.start, "end": span.end, "kind": span.kind, "text": text[span.start : span.end]}


def _standard_input() -> str:
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise Stop("expected a text in UTF-8 on standard input", UNUSABLE) from None
    if len(text) > MOST_CHARACTERS:
        raise Stop(f"expected a text of at most {MOST_CHARACTERS} characters", UNUSABLE)
    return text


def _heavy(settings: Settings, text: str, *, load: bool) -> tuple[str, "list[Span]"]:
    """What the text reader of the home finds, or deduce loaded here where that is asked; with who read."""
    from signaltable.text_reader import client

    spans = client.read(settings.home, text) if client.is_there(settings.home) else None
    if spans is not None:
        return "the light scan and the text reader of the home", list(spans)
    if not load:
        return "the light scan", []
    from signaltable.text_reader import heavy

    cache = settings.home / heavy.CACHE if settings.home.is_dir() else None
    return "the light scan and deduce, loaded for this text", list(heavy.load(cache)(text))
