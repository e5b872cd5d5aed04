"""What is sent in a disclosure, frozen: one canonical document that holds exactly the permitted fields and nothing else.

It is made once, hashed, sealed for the recipient and for the provider, and every later page is drawn from it. Values
from closed lists carry their words in both languages, so that a later change of the rules does not change what was said.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from signaltable.domain import SignaltableError
from signaltable.texts import Text

FORMAT: Final = "signaltable disclosure 1"


class UnreadablePayload(SignaltableError):
    """The bytes are no disclosure document of this program. The message never repeats them."""


@dataclass(frozen=True, slots=True)
class SentValue:
    """One value: its words, and the code of the closed list it comes from (empty for what a person typed)."""

    words: Text
    code: str = ""


@dataclass(frozen=True, slots=True)
class SentField:
    """One field by its id in policies/fields.toml. `unsure` tells that the reporter doubts it."""

    name: str
    values: tuple[SentValue, ...]
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class SentSubject:
    """A subject under the pseudonym that only this recipient knows it by."""

    pseudonym: str
    fields: tuple[SentField, ...]


@dataclass(frozen=True, slots=True)
class Payload:
    """Everything that one recipient gets about one signal, for one purpose, on one ground."""

    reference: str
    provider: str
    recipient: str
    purpose: str
    ground: str
    ground_digest: str
    fields: tuple[SentField, ...]
    subjects: tuple[SentSubject, ...]

    @property
    def field_names(self) -> tuple[str, ...]:
        """The ids of all fields that are in it, each once, in order of appearance."""
        names = [field.name for field in self.fields]
        names += [field.name for subject in self.subjects for field in subject.fields]
        return tuple(dict.fromkeys(names))


def identity_values(payload: Payload) -> tuple[str, ...]:
    """What was typed about the subjects: the words that must not come back in a free text."""
    return tuple(
        value.words.nl
        for subject in payload.subjects
        for field in subject.fields
        for value in field.values
        if not value.code
    )


def typed(value: str) -> SentValue:
    """A value that a person typed: the same words in every language."""
    return SentValue(Text(value, value))


def to_bytes(payload: Payload, salt: bytes) -> bytes:
    """The canonical document (UTF-8 JSON, keys sorted, no spaces). `salt` makes its hash say nothing about its content."""
    document = {
        "format": FORMAT,
        "salt": salt.hex(),
        "reference": payload.reference,
        "provider": payload.provider,
        "recipient": payload.recipient,
        "purpose": payload.purpose,
        "ground": payload.ground,
        "ground_digest": payload.ground_digest,
        "fields": [_field_out(field) for field in payload.fields],
        "subjects": [
            {"pseudonym": subject.pseudonym, "fields": [_field_out(field) for field in subject.fields]}
            for subject in payload.subjects
        ],
    }
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def from_bytes(document: bytes) -> Payload:
    """Read what `to_bytes` wrote. Raises UnreadablePayload for anything else."""
    try:
        content = json.loads(document)
        if content["format"] != FORMAT:
            raise UnreadablePayload("expected a disclosure document in a known format")
        return Payload(
            reference=content["reference"],
            provider=content["provider"],
            recipient=content["recipient"],
            purpose=content["purpose"],
            ground=content["ground"],
            ground_digest=content["ground_digest"],
            fields=tuple(_field_in(field) for field in content["fields"]),
            subjects=tuple(
                SentSubject(subject["pseudonym"], tuple(_field_in(field) for field in subject["fields"]))
                for subject in content["subjects"]
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UnreadablePayload("expected a disclosure document, found something else") from None


def digest(document: bytes) -> str:
    """SHA-256 (hex) of the document; it stands in the row and in the log."""
    return hashlib.sha256(document).hexdigest()


def _field_out(field: SentField) -> dict[str, Any]:
    values = [
        {"code": value.code, "nl": value.words.nl, "en": value.words.en} if value.code else {"typed": value.words.nl}
        for value in field.values
    ]
    return {"field": field.name, "values": values} | ({"unsure": True} if field.unsure else {})


def _field_in(content: Mapping[str, Any]) -> SentField:
    return SentField(
        content["field"],
        tuple(
            typed(value["typed"]) if "typed" in value else SentValue(Text(value["nl"], value["en"]), value["code"])
            for value in content["values"]
        ),
        bool(content.get("unsure", False)),
    )
