"""How a dossier, a question and the work of a table read on a page: words, timeline, the picture of the links."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Form

from signaltable import pictures
from signaltable.flow import consultation, contexts, dossier, enrich, masking, seats, table, triage
from signaltable.flow.dossier import Dossier, DossierSubject, Happening, LinkedSubject
from signaltable.flow.table import attending, moving, planning, tables
from signaltable.web.clock_words import clock_title
from signaltable.web.filters import answer_label, in_words, moment, state_label
from signaltable.web.forms import put_errors
from signaltable.web.guards import program
from signaltable.web.outcome_words import closed_label

# What the use cases found wrong, in words for people. They never repeat what was typed.
PROBLEMS: Mapping[str, Any] = {
    masking.NO_TEXT: _l("Write something here"),
    masking.HAS_BSN: _l("Take the citizen service number (BSN) out of this text"),
    masking.TOO_LONG: _l("Write this in fewer words"),
    triage.NO_REASON: _l("Say in a few words why you change the urgency"),
    triage.UNKNOWN_CHOICE: _l("Choose one of the possibilities"),
    enrich.NO_PARTNER: _l("Choose at least one partner"),
    enrich.NO_SUBJECT: _l("Choose whom or what the question is about"),
    enrich.EARLY: _l("Choose a day from today on"),
    enrich.UNCHECKED: _l("Read the question again and tick that nobody can be recognised"),
    enrich.ASKED_ALREADY: _l("One of these partners already has this question and has not answered yet"),
    enrich.TOO_MANY: _l("This is too much at once. Choose fewer partners, or ask about less"),
    enrich.TELLS_MORE: _l(
        "Your note says more than the ground of the question lets through. Shorten it, or say why they must know"
    ),
    enrich.NO_ANSWER: _l("Choose one of the four answers"),
    enrich.NO_REASON: _l("Say in a few words why"),
    enrich.NOT_LATER: _l("Choose a later day than it is now"),
    enrich.TOO_LATE: _l("Choose an earlier day: this is beyond the longest time for an answer"),
    contexts.UNCHECKED: _l("Read your text again and tick that nobody can be recognised in it"),
    contexts.NO_CAPACITY: _l("Choose the task in which you learned this"),
    enrich.NOTHING_TO_COMPARE: _l("Fill in at least one field"),
    consultation.TOO_SHORT: _l("Write at least 20 characters, in your own words"),
    table.NO_SIGNAL: _l("Choose at least one signal"),
    table.NO_HOLDER: _l("Choose who acts on this"),
    table.NO_DAY: _l("Fill in by which day this is done"),
    table.NO_DESTINATION: _l("Choose at least one destination"),
    table.FULL: _l("This agenda is full. Plan another meeting."),
    planning.NO_TIME: _l("Fill in a time, such as 13:30"),
    planning.NO_END: _l("Fill in an end after the beginning"),
    planning.NO_CHAIR: _l("Choose somebody of this table who may lead a meeting"),
    planning.TELLS_SHELTER: _l(
        "This seems to be a place where somebody is sheltered. Calendars leave the program, so choose another place."
    ),
    seats.NOT_OFFERED: _l("Choose one of the tables"),
    moving.NO_TABLE: _l("Choose one of the open tables"),
    attending.NO_COLLEAGUE: _l("Choose a colleague who can come and has not said no"),
    tables.NO_TITLE: _l("Fill in a name"),
    tables.TAKEN: _l("Choose a name that no other table has"),
    tables.NO_THEME: _l("Choose a theme from the list"),
    tables.NO_AGENCY: _l("Choose organisations from the list"),
    tables.NOBODY_COORDINATES: _l("Signals lie at this table, so keep an organisation here that has a coordinator"),
}


def problem_text(problem: str) -> str:
    """A problem of a use case in words."""
    return str(PROBLEMS.get(problem, _l("This cannot be used")))


def put_problems(form: Form, problems: Mapping[str, str]) -> None:
    """Show what a use case found wrong at the fields where it belongs."""
    put_errors(form, problems, problem_text)


def kind_label(kind: str) -> str:
    """What a subject is, in words."""
    return in_words(program().policy.identifiers.kind_of(kind).label) if kind else ""


def role_label(role: str) -> str:
    """The part that a subject plays, in words; a dash when it is not told."""
    values = {one.id: one.title for one in program().policy.scales["subject-role"].value}
    return in_words(values[role]) if role in values else "–"


def age_label(subject: DossierSubject) -> str:
    """The age band of a person; a dash for things."""
    if subject.kind == "person" and subject.age_band == "doubt":
        return _("perhaps under 18, counts as a minor")
    return _fact_label("age", subject.age_band) if subject.kind == "person" else "–"


def gender_label(subject: DossierSubject) -> str:
    """The gender of a person; a dash for things."""
    return _fact_label("gender", subject.gender) if subject.kind == "person" else "–"


def _fact_label(fact: str, value: str) -> str:
    if value in ("", "unknown"):
        return _("not known")
    return in_words(program().policy.value_label(fact, value))


def consent_label(status: str) -> str:
    """Whether the person agrees, in words."""
    return in_words(program().policy.value_label("victim_consent", status)) if status else _("not known")


def forms_label(forms: Iterable[str]) -> str:
    """The forms of exploitation in one line; a dash when none is named."""
    known = program().policy.forms
    return ", ".join(in_words(known[one].title) if one in known else one for one in forms) or "–"


def missing_label(missing: Iterable[str]) -> str:
    """What is not known yet, in one line."""
    elements = program().policy.elements
    other = {"age": _("age"), "consent": _("consent")}
    return ", ".join(in_words(elements[one].title).lower() if one in elements else other[one] for one in missing)


def flags_of(read: Dossier) -> list[Mapping[str, str]]:
    """The flags with their explanation."""
    known = program().policy.flags
    found = [known[one] for one in read.flags if one in known]
    return [{"title": in_words(one.title), "text": in_words(one.explanation)} for one in found]


def destination_label(code: str) -> str:
    """A destination of the card in words."""
    known = program().policy.destinations
    return in_words(known[code].title) if code in known else code


def reasons_label(reasons: Iterable[str]) -> str:
    """Why the rules bring a signal to an agenda, in one line; a rule that is gone since is left out."""
    rules = program().policy.agenda
    known = {one.id: one.title for one in rules.rule} if rules else {}
    return ", ".join(in_words(known[one]) for one in reasons if one in known)


def elsewhere_label(tables: Iterable[str]) -> str:
    """That the same subject lies at other tables too; empty when it does not."""
    names = ", ".join(tables)
    return _("The same subject is at another table as well: %(tables)s", tables=names) if names else ""


def destinations_label(codes: Iterable[str]) -> str:
    """Destinations in one line."""
    return ", ".join(destination_label(code) for code in codes)


def decision_label(decision: str) -> str:
    """A decision of the table in words; "not decided yet" when there is none."""
    return in_words(dossier.DECISIONS[decision]) if decision in dossier.DECISIONS else _("Not decided yet")


def compare_label(result: str) -> str:
    """What comparing found, in words."""
    return {
        "match": _("Match: this is very likely the same"),
        "possible": _("Possible: this may be the same"),
        "none": _("No match: nothing points to the same"),
    }[result]


def link_state(link: LinkedSubject) -> str:
    """How strong a link is and where it stands, in words."""
    strength = _("probably the same") if link.outcome == "match" else _("possibly the same")
    return f"{strength}, {state_label(link.state).lower()}"


# -- the timeline --------------------------------------------------------------------------------------------------


def events(read: Dossier) -> list[Mapping[str, str]]:
    """The timeline of a dossier for the macro of templates/components/timeline.html."""
    return [_event(one) for one in read.timeline]


def _event(one: Happening) -> Mapping[str, str]:
    when = moment(one.at) if one.kind != "meeting" else moment(one.at).rsplit(" ", 1)[0]
    return {
        "when": when,
        "when_iso": one.at.isoformat(timespec="minutes"),
        "title": _event_title(one),
        "text": "" if one.kind == "meeting" else one.text,
        "who": one.agency,
        "state": "future" if one.future else "done",
    }


def _event_title(one: Happening) -> str:
    if one.kind == "asked":
        return _("One partner was asked") if one.count == 1 else _("%(count)s partners were asked", count=one.count)
    if one.kind == "answered":
        return f"{_('Answered')}: {answer_label(one.code).lower()}" if one.agency else _("A partner answered")
    if one.kind == "closed":
        return closed_label(one.code)
    if one.kind == "table":
        return _("Went to another table: %(table)s", table=one.code)
    if one.kind == "meeting":
        return _("On the agenda: %(title)s", title=one.text)
    if one.kind == "decided":
        return _("Decision of the table: %(decision)s", decision=decision_label(one.code).lower())
    return clock_title(one.kind, one.code) or state_label(one.code)


# -- the picture -------------------------------------------------------------------------------------------------


def graph(read: Dossier, links: Iterable[LinkedSubject]) -> pictures.Svg:
    """The signal with its subjects and what they are linked with, all under the reader's pseudonyms."""
    nodes = {read.reference: pictures.GraphNode(read.reference, read.reference, current=True)}
    edges: list[pictures.GraphEdge] = []
    for subject in read.subjects:
        nodes[subject.pseudonym] = pictures.GraphNode(subject.pseudonym, subject.pseudonym, subject.kind)
        edges.append(pictures.GraphEdge(read.reference, subject.pseudonym))
    for link in links:
        label = _("same") if link.outcome == "match" else _("perhaps the same")
        strength: pictures.Strength = "match" if link.outcome == "match" else "possible"
        nodes.setdefault(link.other, pictures.GraphNode(link.other, link.other, link.kind))
        edges.append(pictures.GraphEdge(link.own, link.other, strength, label))
        if link.reference:
            nodes.setdefault(link.reference, pictures.GraphNode(link.reference, link.reference))
            membership = pictures.GraphEdge(link.reference, link.other)
            edges += [] if membership in edges else [membership]
    title = _("Links of signal %(reference)s", reference=read.reference)
    return pictures.link_graph(list(nodes.values()), edges, title)


WORDS: Mapping[str, Any] = {
    "age_label": age_label,
    "compare_label": compare_label,
    "consent_label": consent_label,
    "decision_label": decision_label,
    "destination_label": destination_label,
    "destinations_label": destinations_label,
    "elsewhere_label": elsewhere_label,
    "events": events,
    "flags_of": flags_of,
    "forms_label": forms_label,
    "gender_label": gender_label,
    "graph": graph,
    "kind_label": kind_label,
    "link_state": link_state,
    "missing_label": missing_label,
    "reasons_label": reasons_label,
    "role_label": role_label,
}
