"""The meldroutekaart as a file: a picture for a page, or a sheet for the wall."""

import sys
from pathlib import Path

import click

from signaltable.cli.kit import UNUSABLE, Stop, day, plainly
from signaltable.settings import Settings


@click.command()
@click.option("--svg", "svg", metavar="FILE", help="Write the card as a picture; - for standard output.")
@click.option("--pdf", "pdf", metavar="FILE", help="Write the card as PDF on A4; - for standard output.")
@click.option("--lang", default="nl", type=click.Choice(["nl", "en"]), show_default=True)
@click.option("--on", "on", help="The day whose rules count (YYYY-MM-DD); default today.")
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="A folder with rules; default those in use.")
@plainly
def card(svg: str | None, pdf: str | None, lang: str, on: str | None, directory: Path | None) -> None:
    """The meldroutekaart as a picture or as PDF; an earlier file with that name is replaced."""
    if not svg and not pdf:
        raise Stop("expected --svg FILE or --pdf FILE", UNUSABLE)
    if svg == pdf == "-":
        raise Stop("expected one of --svg and --pdf for standard output, found both", UNUSABLE)

    from signaltable.card.layout import draw_card
    from signaltable.card.pdf import card_pdf
    from signaltable.card.svg import card_svg
    from signaltable.policy import load

    folder = directory if directory is not None else Settings.from_env().policies
    if not folder.is_dir():
        raise Stop("--dir: expected a folder with rules, found none there", UNUSABLE)
    drawing = draw_card(load(folder), on=day(on), lang=lang)
    if svg:
        _write(svg, card_svg(drawing).encode())
    if pdf:
        _write(pdf, card_pdf(drawing))
    if len(drawing.sheets) > 1:
        click.echo(
            f"signaltable: the card needs {len(drawing.sheets)} sheets of A4 at {drawing.size:g} points", err=True
        )


def _write(target: str, content: bytes) -> None:
    if target == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        Path(target).write_bytes(content)
