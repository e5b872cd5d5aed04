"""How the parts of a disclosure read on a page: fields, categories, articles, obligations, causes and results."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from wtforms import SelectChoice

from signaltable.flow import holders
from signaltable.grounds import LegalReference
from signaltable.payload import SentField, SentValue
from signaltable.web.filters import day, day_if_whole, in_words, lang, moment, state_label
from signaltable.web.guards import program

DAYS = frozenset({"signal.observed_on", "subject.birth_date"})


def return_causes() -> list[SelectChoice]:
    """Why a receiver may send something back, in words."""
    return [
        SelectChoice("not_our_task", _("This is not our task")),
        SelectChoice("not_our_region", _("This is not our region")),
        SelectChoice("too_little", _("There is too little to go on")),
        SelectChoice("known_already", _("We know this case already")),
        SelectChoice("no_room", _("We have no room at this moment")),
        SelectChoice("other", _("Another reason")),
    ]


def feedback_results() -> list[SelectChoice]:
    """What a receiver can tell about what came of it, in the words of feedback.toml."""
    rules = program().policy.feedback
    return [SelectChoice(one.id, in_words(one.title)) for one in (rules.category if rules else ())]


def revocation_label(cause: str) -> str:
    """Why something was taken back, in the words of transfers.toml."""
    rules = program().policy.transfers
    return next((in_words(one.title) for one in (rules.cause if rules else ()) if one.id == cause), cause)


def standing_label(state: str) -> str:
    """Where a copy stands, in words."""
    return {
        holders.ASKED_FOR: _("Waits for a second person"),
        holders.WAITING: _("Has it, has not answered yet"),
        holders.ACCEPTED: _("Has it, works on it"),
        holders.RETURNED: _("Returned it, has nothing"),
        holders.ASKED: _("Is asked to erase it"),
        holders.ERASED: _("Erased it, has nothing"),
        holders.KEPT: _("Keeps it on a ground of their own"),
    }.get(state, state)


def hindrance_label(hindrance: str, state: str) -> str:
    """Why nothing can go from here now, in words."""
    return {
        "not_accepted": _("First accept what you received. Who returns it passes nothing on."),
        "revoked": _("It was taken back, so it goes no further."),
        "consent_withdrawn": _("The person withdrew the consent on which you got it."),
        "erase_first": _("You were asked to erase it, or said that you keep no copy."),
        "gone": _("Your copy was erased."),
        "too_deep": _("It went through as many organisations as the rules allow. Ask who gave it to you."),
    }.get(hindrance, _("The state of the signal does not allow it: %(state)s.", state=state_label(state)))


def subject_label(subject: Any) -> str:
    """A subject that can go along: its number or the name it came under, and its part as far as that is known."""
    called = subject.name or subject.number
    return _("%(number)s: %(role)s", number=called, role=role_label(subject.role)) if subject.role else str(called)


def cause_label(cause: str) -> str:
    """A cause of return in words."""
    return next((found.label for found in return_causes() if found.value == cause), cause)


def result_label(result: str) -> str:
    """A result of feedback in words."""
    return next((found.label for found in feedback_results() if found.value == result), result)


def field_label(name: str) -> str:
    """A field of policies/fields.toml in words."""
    part, _dot, field = name.partition(".")
    identifiers = {identifier.id: identifier.label for identifier in program().policy.identifiers.identifier}
    if part == "subject" and field in identifiers:
        return in_words(identifiers[field])
    return {
        "signal.reference": _("Reference of the signal, for this receiver only"),
        "signal.urgency": _("How soon"),
        "signal.acute_danger": _("Acute danger"),
        "signal.forms": _("What it may be"),
        "signal.form_rows": _("First-line form"),
        "signal.indicators": _("What was noticed"),
        "signal.narrative": _("What was seen, in the reporter's words"),
        "signal.narrative_masked": _("What was seen, without names"),
        "signal.observed_on": _("Seen on"),
        "signal.municipality": _("Municipality"),
        "signal.source_quality": _("Where it comes from"),
        "signal.flags": _("Special attention"),
        "signal.residence": _("Residence status"),
        "signal.shelter_needed": _("Shelter needed"),
        "signal.suspect_may_be_forced": _("A suspect may have been forced"),
        "signal.consent": _("Does the person agree?"),
        "subject.kind": _("Kind"),
        "subject.role": _("Role"),
        "subject.age_band": _("Age"),
        "subject.gender": _("Gender"),
        "subject.note": _("Note"),
        "enrichment.answer": _("Answer of a partner"),
        "enrichment.context": _("Context from a partner"),
    }.get(name, name)


def role_label(role: str) -> str:
    """The part that a subject plays, in words."""
    known = {value.id: value.title for value in program().policy.scales["subject-role"].value}
    return in_words(known[role]) if role in known else role


def value_text(field: SentField, value: SentValue) -> str:
    """A value that was sent, in the reader's language."""
    if field.name in DAYS:
        return day_if_whole(value.words.nl)
    return in_words(value.words)


def day_text(value: str) -> str:
    """A day or moment of stored evidence in words."""
    if "T" in value:
        return moment(datetime.fromisoformat(value))
    return day(date.fromisoformat(value))


def category_label(category: str) -> str:
    """A data category in words: as the consent form calls it."""
    for row in program().policy.conditions["CONSENT"].fields:
        for option in row.options if row.name == "categories" else ():
            if option.value == category:
                return in_words(option.label)
    return {"ethnicity": _("Ethnicity"), "bsn": _("Citizen service number (BSN)")}.get(category, category)


def article(reference: LegalReference) -> str:
    """A legal reference as people write it: AVG 6(1)(e), Wmo 5.2.1(2)(a)."""
    law, _dash, rest = reference.code.partition("-")
    if reference.scheme == "eu-gdpr":
        law, rest = (_("GDPR"), f"{law[1:]}-{rest}")
    number, *parts = (part for part in rest.split("-") if part)
    return f"{law} {number}" + "".join(f"({part})" for part in parts)


def articles(references: Iterable[LegalReference]) -> str:
    """All articles of a ground in one line, each once."""
    return "; ".join(dict.fromkeys(article(reference) for reference in references))


def obligation_text(obligation: Mapping[str, Any]) -> str:
    """What is still owed after a disclosure, with its moment."""
    due = datetime.fromisoformat(str(obligation["due_at"])) if obligation.get("due_at") else None
    until = day(due) if due and obligation.get("within_days") else moment(due)
    texts = {
        "inform": _("Tell the person that data were shared"),
        "review": _("A second person looks at this afterwards"),
        "destroy": _("The receiver erases the data"),
        "record": _("Keep this disclosure on record; the program does that"),
        "inform-municipality": _("Tell the municipality"),
    }
    text = texts.get(str(obligation["kind"]), str(obligation["kind"]))
    return _("%(text)s, before %(moment)s", text=text, moment=until) if due else text


def retention_text(retention: str) -> str:
    """How long the receiver may keep it: an ISO 8601 duration in words, or as long as the case runs."""
    if retention == "case":
        return _("as long as the case runs")
    number, unit = retention[1:-1], retention[-1]
    if not number.isdigit():
        return retention
    return {
        "Y": _("%(number)s years", number=number),
        "M": _("%(number)s months", number=number),
        "W": _("%(number)s weeks", number=number),
        "D": _("%(number)s days", number=number),
    }[unit]


WORDS: Mapping[str, Any] = {
    "cause_label": cause_label,
    "hindrance_label": hindrance_label,
    "subject_label": subject_label,
    "result_label": result_label,
    "revocation_label": revocation_label,
    "standing_label": standing_label,
    "category_label": category_label,
    "field_label": field_label,
    "value_text": value_text,
    "role_label": role_label,
    "day_text": day_text,
    "articles": articles,
    "obligation_text": obligation_text,
    "retention_text": retention_text,
    "language": lang,
}


def lower_first(text: str) -> str:
    """A title within a sentence: the first letter small, unless the word is written as AVIM, KvK or E-mail."""
    first = text.partition(" ")[0]
    return text if any(sign.isupper() or sign == "-" for sign in first[1:]) else text[:1].lower() + text[1:]
