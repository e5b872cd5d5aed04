"""The minutes on paper: the same parts as on the page, for the same reader. The file itself says nothing about people."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext as _

from signaltable.flow.table.minutes import MinutesView, SeenPart
from signaltable.reports.blocks import Block, Code, Facts, Grid, Heading, Words
from signaltable.reports.paper import paper
from signaltable.web.dossier_words import forms_label
from signaltable.web.minutes_words import (
    absent_words,
    case_outcome,
    hours,
    left_out_words,
    person,
    presence_word,
    state_sentence,
    task_state,
    task_words,
    written_day,
)


def on_paper(view: MinutesView, lang: str) -> bytes:
    """The minutes as PDF: title, foot and blocks; the title of the file names a table and a day, nobody."""
    title = _("Minutes of %(title)s", title=view.head["title"])
    foot = f"{view.head['table']} · {written_day(view.head['held_on'])} · {state_sentence(view)}"
    return paper(title, list(_blocks(view)), foot=foot, lang=lang)


def _blocks(view: MinutesView) -> Iterable[Block]:
    head = view.head
    yield Facts(
        (
            (_("Table"), head["table"]),
            (_("Day"), written_day(head["held_on"])),
            (_("Time"), hours(head) or "–"),
            (_("Place"), head["place"] or "–"),
            (_("Chair"), head["chair"] or "–"),
            (_("State"), state_sentence(view)),
        ),
    )
    yield Heading(_("Who was there"))
    yield from _attendance(view.attendance)
    yield Heading(_("Cases"))
    if view.left_out:
        yield Words(left_out_words(view.left_out))
    if not view.cases and not view.left_out:
        yield Words(_("No case was on the agenda."))
    for number, one in enumerate(view.cases, start=1):
        yield from _case(number, one)
    if view.followed:
        yield Heading(_("Tasks of earlier meetings"))
        yield _earlier(view.followed)
    if view.corrections:
        yield Heading(_("Corrections"))
        yield from _corrections(view.corrections)
    yield Heading(_("Digests of the parts"))
    parts = (*view.cases, *view.followed, *view.corrections)
    yield Code("\n".join(f"{one.reference or '-'} {one.kind} {one.digest}" for one in parts) or "-")


def _attendance(content: Mapping[str, Any]) -> Iterable[Block]:
    if not content["noted"]:
        yield Words(_("Nobody noted who was there."))
    if content["people"]:
        rows = tuple((one["agency"], person(one), presence_word(one["presence"])) for one in content["people"])
        yield Grid((_("Organisation"), _("Who"), _("Attendance")), rows, (0.4, 0.4, 0.2))
    if content["absent_agencies"]:
        yield Words(_("Nobody came for: %(agencies)s", agencies=absent_words(content["absent_agencies"])))


def _case(number: int, one: SeenPart) -> Iterable[Block]:
    yield Heading(f"{number}. {one.reference}")
    if one.gone:
        yield Words(_("This signal was taken back or erased. Nothing more is told of it."))
        return
    content = one.content
    rows = [(_("Decision"), case_outcome(content))]
    rows += [(_("Forms"), forms_label(content["forms"]))] if content.get("forms") else []
    rows += [(_("Why"), content["reason"])] if content.get("reason") else []
    rows += [(_("Who acts on this"), content["holder"])] if content.get("holder") else []
    rows += [(_("Done by"), written_day(content["due_on"]))] if content.get("due_on") else []
    rows += [
        (_("Task"), f"{task['agency']}: {task['text']} ({written_day(task['due_on'])})")
        for task in content.get("tasks", ())
    ]
    rows += [(_("Said by %(agency)s", agency=note["agency"]), note["text"]) for note in content.get("notes", ())]
    if content.get("left_room"):
        rows.append((_("Was not in the room"), ", ".join(content["left_room"])))
    yield Facts(tuple(rows))


def _earlier(parts: Iterable[SeenPart]) -> Grid:
    rows = tuple(
        (one.reference, task["agency"], task_words(task), written_day(task["due_on"]), _became(task))
        for one in parts
        for task in one.content["tasks"]
    )
    heads = (_("Signal"), _("Who"), _("What"), _("Done by"), _("State"))
    return Grid(heads, rows, (0.14, 0.2, 0.3, 0.16, 0.2))


def _became(task: Mapping[str, Any]) -> str:
    return f"{task_state(task)}: {task['answer']}" if task["answer"] else task_state(task)


def _corrections(parts: Iterable[SeenPart]) -> Iterable[Block]:
    for one in parts:
        if one.gone:
            continue
        about = one.reference or _("The minutes as a whole")
        when = _(
            "%(about)s, by %(agency)s on %(day)s",
            about=about,
            agency=one.content["agency"],
            day=written_day(one.content["on"]),
        )
        yield Words(f"{when}\n{one.content['text']}")
