"""Whether something tells where a person is sheltered: the words of policies/shelters.toml, and the exclusion list.

Whoever looks for somebody must not find the place, so the answer is yes or no: never which shelter, nor which word.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import select

from signaltable.flow import exclusions
from signaltable.flow.masking import found_in
from signaltable.identity import Identity, tidy
from signaltable.models import Disclosure, Question, Signal
from signaltable.pseudonymise import lone_tags
from signaltable.shelters import names_shelter
from signaltable.text import Span
from signaltable.transaction import Transaction

# A postcode and a number, in either order, as one address is written; a street with a number before it does no harm.
_POSTCODE = re.compile(r"(?<!\d)([1-9]\d{3}) ?([A-Za-z]{2})(?!\w)")
_NUMBER = re.compile(r"(?<![\w])(\d{1,5})(?:[ -]?([A-Za-z]{1,2}))?(?!\w)")
# So many addresses, phones and mail addresses of one text are compared; more is no report.
MOST = 40


def tells_place(
    tx: Transaction,
    texts: Iterable[str],
    identities: Sequence[Identity] = (),
    *,
    found: Iterable[tuple[str, Sequence[Span]]] | None = None,
) -> bool:
    """Whether one of the texts names a shelter, or a typed or found value stands on the exclusion list as one.

    `found`: each text with what was found in it already; without it the texts are looked through here.
    """
    said = [text for text in texts if text.strip()]
    words = tx.program.policy.shelters
    if words is not None and any(names_shelter(text, words) for text in said):
        return True
    looked_at = [(text, found_in(tx, text)) for text in said] if found is None else found
    values = [one for text, spans in looked_at for one in values_in(text, spans)][:MOST]
    digests = [digest for one in (*identities, *values) for digest in _digests(tx, one)]
    return bool(digests) and exclusions.is_sheltered(tx, digests)


def _digests(tx: Transaction, identity: Identity) -> Iterator[bytes]:
    keys, policy = tx.program.keys, tx.program.policy.linking
    for version in keys.usable("match"):
        secret = keys.derive("match", "tags", version)
        yield from (tag.digest for tag in lone_tags(secret, tidy(identity), version=version, policy=policy))


def values_in(text: str, spans: Sequence[Span]) -> Iterator[Identity]:
    """The addresses, phones and mail addresses that were found in a text, as if they had been typed."""
    for span in spans:
        words = text[span.start : span.end]
        if span.kind == "phone":
            yield Identity(kind="phone", phone=words)
        elif span.kind == "email":
            yield Identity(kind="person", email=words)
        elif span.kind == "address" and (address := _address(words)):
            yield address


def _address(words: str) -> Identity | None:
    postcode = _POSTCODE.search(words)
    if postcode is None:
        return None
    rest = f"{words[: postcode.start()]} {words[postcode.end() :]}"
    number = _NUMBER.search(rest)
    if number is None:
        return None
    code = f"{postcode[1]} {postcode[2].upper()}"
    return Identity(kind="address", postcode=code, house_number=number[1], addition=number[2] or "")


def note_confirmed(
    tx: Transaction, place: str, *, signal: str = "", question_id: str = "", disclosure: str = ""
) -> None:
    """Record that somebody kept a text that seems to tell where a person is sheltered, after the reminder.

    The text is about the signal with this reference, or that of this question or disclosure.
    """
    wanted = select(Signal.reference)
    if question_id:
        wanted = wanted.join(Question, Question.signal_id == Signal.id).where(Question.id == question_id)
    elif disclosure:
        wanted = wanted.join(Disclosure, Disclosure.signal_id == Signal.id).where(Disclosure.reference == disclosure)
    else:
        wanted = wanted.where(Signal.reference == signal)
    reference = tx.session.scalar(wanted)
    if reference:
        tx.record(
            "text:confirm",
            object_type="signal",
            object_id=reference,
            details={"signal": reference, "place": place, "shelter": "confirmed"},
        )
