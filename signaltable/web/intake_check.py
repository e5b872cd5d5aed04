"""The last look before a signal is submitted: what is masked in its texts, what they are about, the advice; then submit.

What is submitted is what this page showed. When a choice, a text or what the scan finds is another than what was shown,
the page comes back with how it is now, and with every choice kept.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final

from flask import redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, RadioField, SelectChoice, SelectMultipleField, TextAreaField
from wtforms.validators import Length, Optional

from signaltable.access import Permission
from signaltable.disclosure.words import CATEGORY_WORDS
from signaltable.domain import UnusableInput
from signaltable.flow import attachments, drafts, seats, signals
from signaltable.flow.drafts import DraftView
from signaltable.flow.masks import PART, FoundWord, Masks, masks_of
from signaltable.intake import MAX_FREED
from signaltable.seating import Offered
from signaltable.text import Span, contains_bsn
from signaltable.text_categories import CategorySpan
from signaltable.web.filters import in_words
from signaltable.web.forms import whole_number
from signaltable.web.guards import begin, look_ahead, looks_ahead, only, permission, program, submitted
from signaltable.web.intake import (
    ALSO_ASKED,
    FILES,
    PREVIOUS,
    STEP_FACTS,
    StepForm,
    load_draft,
    open_draft,
    pages,
    prepared,
)
from signaltable.web.table_words import why_offered

__all__ = ["pages"]

REASON_LENGTHS: Final = range(3, 201)
MOST_TYPED: Final = 2000
# What the page sends besides its buttons and the words that were found.
_NAMES: Final = ("version", "action", "seen", "mask_words", "shelter_confirmed")
_REASON_FIELD: Final = re.compile(r"why-[0-9a-f]{16}")
_BACK_FROM_CHECK: Mapping[str, str] = {
    PREVIOUS: "intake.about",
    "shorten": "intake.seen",
    FILES: "attachments.draft",
}
CHANGED = _l("Your choices are kept. Look once more at what others will read, and submit when it is right.")


class CheckForm(StepForm):
    seen = HiddenField()
    mask_words = TextAreaField(_l("Other words to mask"), [Optional(), Length(max=MOST_TYPED)])
    shelter_confirmed = BooleanField(_l("I looked at this. What the text says may stay."))
    categories = SelectMultipleField(_l("Does your text say something about one of these as well?"), [Optional()])
    table = RadioField(_l("To which table does it go?"), [Optional()])


@dataclass(frozen=True, slots=True)
class WordChoice:
    """A word that was found, with what was chosen about it on the page, and what is wrong with that."""

    word: FoundWord
    kept: bool
    reason: str
    error: str


@dataclass(frozen=True, slots=True)
class _Posted:
    """What the page sent about the words: which it showed, which stay masked, and why the others do not."""

    shown: frozenset[str]
    kept: frozenset[str]
    reasons: Mapping[str, str]


@pages.route("/<draft_id>/controle", methods=["GET", "POST"])
@permission(Permission.SIGNAL_SUBMIT_OWN)
@looks_ahead
def check(draft_id: str) -> ResponseReturnValue:
    """The last look: answers, advice with reasons, and the texts with what will be masked and what is in them. Then submit."""
    posted = _posted()
    if _wants_submit() and (answer := _submit_as_shown(draft_id, posted)) is not None:
        return answer
    draft = load_draft(draft_id)
    with begin() as tx:
        own = seats.seats_of(tx, tx.actor.agency_id)
    form = _check_form(draft, own)
    if submitted(form, *posted.reasons, many=["found", "keep"]):
        choices, told = _choices_about(draft, posted)
        another_window = whole_number(form.version.data) != draft.version
        draft = _keep(draft, _chosen_on(form, draft, told, choices))
        back = _BACK_FROM_CHECK.get(form.action.data or "")
        if back:
            return redirect(url_for(back, draft_id=draft_id), 303)
        if form.action.data == "masks" and not any(one.error for one in choices):
            return redirect(url_for("intake.check", draft_id=draft_id) + "#teksten", 303)
        answer = _submit(draft, form, choices, another_window=another_window)
        if answer is not None:
            return answer
    return _check_page(draft, form, posted)


def _check_page(draft: DraftView, form: CheckForm, posted: _Posted) -> ResponseReturnValue:
    with begin() as tx:
        preview = signals.preview(tx, draft.content)
        files = attachments.count_of_draft(tx, draft.id)
    # What the program found needs no tick and cannot be taken away by one.
    form.categories.choices = [one for one in form.categories.choices if one.value not in preview.found]
    form.seen.data, form.version.data = preview.masks.token, str(draft.version)
    if preview.masks.unknown and not form.mask_words.errors:
        told = ", ".join(preview.masks.unknown)
        form.mask_words.errors = [_("Not in your text as written here: %(words)s", words=told)]
    _offer_tables(form, preview.tables)
    choices = [_choice(one, posted) for one in preview.masks.words]
    problems = [_problem(draft, place) for place in preview.problems if place != "mask_words"]
    page = render_template(
        "intake/check.html",
        draft=draft,
        form=form,
        preview=preview,
        texts=[
            (one.place, _marked(one.text, one.spans, preview.found if one.place == "narrative" else {}), one.masked)
            for one in preview.masks.texts
        ],
        choices=choices,
        kinds=_kinds(draft.content.narrative, preview.found),
        problems=[*problems, *((f"why-{one.word.key}", one.error) for one in choices if one.error)],
        places=_places(draft),
        files=files,
        table_reasons={one.seat.id: why_offered(one) for one in preview.tables},
        step=4,
    )
    return page, 422 if request.method == "POST" else 200


# -- what was chosen -----------------------------------------------------------------------------------------------


def _check_form(draft: DraftView, own: Sequence[seats.TableTitle]) -> CheckForm:
    content = draft.content
    form: CheckForm = prepared(
        CheckForm(
            data={
                "categories": content.categories,
                "mask_words": "\n".join(content.mask_words),
                "shelter_confirmed": content.shelter_confirmed,
            },
        ),
        draft,
    )
    known = program().policy.text_categories.categories
    form.categories.choices = [SelectChoice(name, in_words(CATEGORY_WORDS[name])) for name in known]
    # All where the organisation sits: what was offered can change between showing the page and sending it, by another
    # answer or because a table closes. What does not fit then is a message, and goes nowhere.
    form.table.choices = [SelectChoice(one.id, one.title) for one in own]
    if len(own) < 2:
        del form.table
    return form


def _offer_tables(form: CheckForm, offered: Sequence[Offered]) -> None:
    """Show only the tables that fit, the proposed one chosen unless somebody chose another that fits."""
    if "table" not in form:
        return
    fitting = {one.seat.id: one for one in offered}
    form.table.choices = [SelectChoice(one.seat.id, one.seat.title) for one in offered]
    if form.table.data not in fitting:
        form.table.data = next(iter(fitting), "")


def _posted() -> _Posted:
    reasons = {name: value.strip() for name, value in request.form.items() if _REASON_FIELD.fullmatch(name)}
    return _Posted(frozenset(request.form.getlist("found")), frozenset(request.form.getlist("keep")), reasons)


def _choices_about(draft: DraftView, posted: _Posted) -> tuple[list[WordChoice], Collection[str]]:
    """What was chosen about each word that is found now, and what the account tells.

    A key of a word that is not there any more says nothing.
    """
    with begin() as tx:
        masks = masks_of(tx, draft.content)
    return [_choice(one, posted) for one in masks.words], masks.told


def _choice(word: FoundWord, posted: _Posted) -> WordChoice:
    may_choose = not word.locked or word.locked == PART
    if word.key not in posted.shown or not may_choose:
        wanted = word.freed or (word.locked == PART and bool(word.reason))
        return WordChoice(word, not wanted, word.reason, "")
    reason = posted.reasons.get(f"why-{word.key}", "")
    if word.key in posted.kept:
        return WordChoice(word, True, reason, "")
    return WordChoice(word, False, reason, _reason_error(reason))


def _reason_error(reason: str) -> str:
    if len(reason) not in REASON_LENGTHS:
        return _("Say in a few words why this may be read")
    if contains_bsn(reason):
        return _("Take the citizen service number (BSN) out of this text")
    return ""


def _freed(choices: Sequence[WordChoice]) -> Iterator[dict[str, str]]:
    for one in choices:
        if not one.kept and not one.error:
            yield {"kind": one.word.kind, "word": one.word.word[:200], "reason": one.reason}


def _keep(draft: DraftView, chosen: Mapping[str, object]) -> DraftView:
    """Save what was chosen over the newest version of the draft, so that another window loses nothing of it."""
    if _stands_in(draft, chosen):
        return draft
    with begin() as tx:
        return drafts.save(tx, draft.id, chosen, step=max(4, draft.step), version=draft.version)


def _chosen_on(
    form: CheckForm, draft: DraftView, told: Collection[str], choices: Sequence[WordChoice]
) -> dict[str, object]:
    """What was chosen on the page, as the draft keeps it."""
    return {
        "categories": _ticked(draft, told, form.categories.data or []),
        "mask_words": _lines(form.mask_words.data or ""),
        "freed": list(_freed(choices))[:MAX_FREED],
        "shelter_confirmed": bool(form.shelter_confirmed.data),
    }


def _ticked(draft: DraftView, told: Collection[str], ticks: Iterable[str]) -> list[str]:
    """A tick of before stays where the box was not shown, because the program finds that kind now."""
    return sorted({*(name for name in draft.content.categories if name in told), *ticks})


def _lines(typed: str) -> list[str]:
    words = [word.strip()[:80] for word in typed.splitlines()]
    return list(dict.fromkeys(word for word in words if word))


def _stands_in(draft: DraftView, chosen: Mapping[str, object]) -> bool:
    return draft.content.model_dump(mode="json", include=set(chosen)) == chosen


def _submit(
    draft: DraftView, form: CheckForm, choices: Sequence[WordChoice], *, another_window: bool
) -> ResponseReturnValue | None:
    """Submit what was confirmed on the page; None when the page has to show what is wrong or what changed."""
    if another_window:
        form.form_errors.append(_("This draft was saved in another window meanwhile. This is how it is now."))
    if another_window or any(one.error for one in choices):
        return None
    try:
        with begin() as tx:
            chosen = (form.table.data or "") if "table" in form else ""
            receipt = signals.submit(tx, draft.content, draft.id, confirmed=form.seen.data or "-", table_id=chosen)
    except signals.NotConfirmed as changed:
        if changed.reason == "shelter":
            form.shelter_confirmed.errors = [_("Leave the place out, or tick that you looked at it")]
        else:
            form.form_errors.append(CHANGED)
        return None
    except UnusableInput as unusable:
        if "table" in unusable.problems and "table" in form:
            form.table.errors = [_("This table is not offered any more. Choose one of these.")]
        return None  # The page shows every problem beside its step.
    return _received(receipt)


def _received(receipt: signals.Receipt) -> ResponseReturnValue:
    session["receipt"] = {"reference": receipt.reference, "links": len(receipt.links)}
    return redirect(url_for("signals.receipt", reference=receipt.reference), 303)


# -- all in one ----------------------------------------------------------------------------------------------------


def _wants_submit() -> bool:
    return request.method == "POST" and request.form.getlist("action") == ["submit"]


def _submit_as_shown(draft_id: str, posted: _Posted) -> ResponseReturnValue | None:
    """Submit in one transaction, when nothing on the page was chosen otherwise and nothing is wrong: nearly always.

    None, with nothing stored, when there is something to save, to show or to say first: `check` goes through it in steps.
    """
    with look_ahead() as seen:
        draft = open_draft(seen, draft_id)
        own = seats.seats_of(seen, seen.actor.agency_id)
        masks = masks_of(seen, draft.content)
    begun, sent = False, request.form
    try:
        if not _is_as_drawn(draft, own, posted, masks):
            return None
        begun = True
        with begin(seen) as tx:
            looked, confirmed, chosen = (
                signals.Looked(masks, draft.version),
                sent.get("seen") or "-",
                sent.get("table", ""),
            )
            receipt = signals.submit(tx, draft.content, draft_id, confirmed=confirmed, table_id=chosen, looked=looked)
    except (signals.NotConfirmed, UnusableInput):
        return None
    finally:
        if not begun:
            with begin(seen):
                pass  # The draft was read, whatever comes of it.
    return _received(receipt)


def _is_as_drawn(draft: DraftView, own: Sequence[seats.TableTitle], posted: _Posted, masks: Masks) -> bool:
    """Whether the page was sent as it was drawn: the newest version, and no choice that differs from the draft.

    Looks at what was sent without a form: making one takes a twentieth of a submit. What stands in the draft already was
    judged when it came there, and for all else there is `CheckForm`.
    """
    only(*_NAMES, *(["table"] if len(own) > 1 else []), *posted.reasons, many=["found", "keep", "categories"])
    sent, content = request.form, draft.content
    choices = [_choice(one, posted) for one in masks.words]
    ticks, typed, table = sent.getlist("categories"), sent.get("mask_words", ""), sent.get("table", "")
    return (
        whole_number(sent.get("version")) == draft.version
        and sent.getlist("shelter_confirmed") == (["y"] if content.shelter_confirmed else [])
        and (not table or any(one.id == table for one in own))
        and set(ticks) <= set(program().policy.text_categories.categories)
        and _ticked(draft, masks.told, ticks) == content.categories
        and len(typed) <= MOST_TYPED
        and _lines(typed) == list(content.mask_words)
        and not any(one.error for one in choices)
        and list(_freed(choices))[:MAX_FREED] == [one.model_dump() for one in content.freed]
    )


# -- how it is shown -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the text on the check page: what is masked in it, and whether it tells a kind of data."""

    text: str
    masked: str
    telling: bool


def _marked(text: str, masked: Sequence[Span], found: Mapping[str, Sequence[CategorySpan]]) -> list[Piece]:
    """The narrative cut where a mask or a telling word begins or ends."""
    telling = [span for spans in found.values() for span in spans]
    edges = [(span.start, span.end) for span in masked] + [(span.start, span.end) for span in telling]
    cuts = sorted({0, len(text), *chain.from_iterable(edges)})
    return [
        Piece(
            text[start:end],
            next((span.kind for span in masked if span.start <= start < span.end), ""),
            any(span.start <= start < span.end for span in telling),
        )
        for start, end in pairwise(cuts)
    ]


def _kinds(text: str, found: Mapping[str, Sequence[CategorySpan]]) -> list[tuple[str, str]]:
    """Each kind of data that was found, in words, with the words of the text that tell it, each once."""
    return [
        (in_words(CATEGORY_WORDS[name]), ", ".join(dict.fromkeys(text[span.start : span.end] for span in spans)))
        for name, spans in found.items()
    ]


def _places(draft: DraftView) -> Mapping[str, str]:
    """Fact -> the step where it is answered, so that a question of the card leads to its place."""
    endpoints = {1: "intake.safety", 2: "intake.seen", 3: "intake.about"}
    facts = {fact: step for step, some in STEP_FACTS.items() for fact in (*some, *ALSO_ASKED.get(step, ()))}
    return {fact: url_for(endpoints[step], draft_id=draft.id) for fact, step in facts.items()}


_STEP_OF = {
    "safety": 1,
    "narrative": 2,
    "observed": 2,
    "form_rows": 2,
    "indicators": 2,
    "forms": 2,
    "flags": 3,
    "subjects": 3,
    "mask_words": 0,
    "freed": 0,
}


def _problem(draft: DraftView, place: str) -> tuple[str, str]:
    """(address of the step, what to do there) for one problem."""
    head = place.split(".", 1)[0]
    step = _STEP_OF.get(head, 3)
    endpoint = {0: "intake.check", 1: "intake.safety", 2: "intake.seen", 3: "intake.about"}[step]
    told = {
        "safety": _("Answer the questions about safety and urgency"),
        "narrative": _("Describe what you saw, or mark a sign in the form; leave citizen service numbers out"),
        "observed": _("Look at the date and place once more"),
        "subjects": _("Look at the data of the persons and things once more"),
        "capacity": _("Choose the task in which you learned this"),
        "consent": _("Answer the questions about consent"),
        "mask_words": _("Look at the words to mask: each must stand in your text as you wrote it there"),
        "freed": _("Look at the words that stay readable once more"),
    }
    if head == "subjects":
        number = int(place.split(".")[1])
        return url_for("intake.subject", draft_id=draft.id, number=number), told[head]
    return url_for(endpoint, draft_id=draft.id), told.get(head, _("Look at this step once more"))
