"""What every file in policies/ is made of: frozen values that refuse unknown keys, texts in two languages, names, lists."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StringConstraints

from signaltable.texts import Text

T = TypeVar("T")


def _text(given: Any) -> Text:
    if not isinstance(given, dict) or set(given) != {"nl", "en"}:
        raise ValueError("expected a text in nl and in en, nothing else")
    for language, words in sorted(given.items()):
        if not isinstance(words, str) or not words.strip():
            raise ValueError(f"expected a text in {language}, found none")
    return Text(**given)


Words = Annotated[Text, PlainValidator(_text)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*$")]
Line = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
# TOML has lists, values here are frozen: the list may become a tuple, its items stay strict.
Many = Annotated[tuple[T, ...], Field(strict=False)]
Some = Annotated[tuple[T, ...], Field(strict=False, min_length=1)]


class Shape(BaseModel):
    """A frozen value that refuses keys it does not know and types it did not ask for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
