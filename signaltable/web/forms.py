"""Fields that every form may need: a date in three boxes, and choices out of policies."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from babel.support import NullTranslations, Translations
from flask_babel import gettext as _
from wtforms import Field, Form, SelectChoice, ValidationError
from wtforms.i18n import messages_path

from signaltable.identity import MONTH_NUMBERS
from signaltable.web.filters import in_words

PARTS = ("day", "month", "year")


@cache  # Two languages.
def own_messages(language: str) -> NullTranslations:
    """What forms say by themselves."""
    return Translations.load(messages_path(), [language], domain="wtforms")


class DateParts(Field):
    """A date in three boxes, posted as <name>-day, -month and -year; a month may be a word. `data` is a date or None.

    `parts` holds what was typed, so that a mistake comes back as it was made.
    """

    widget = None

    def __init__(self, *args: Any, today: Any = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._today = today
        self.parts: Mapping[str, str] = {}

    @property
    def part_names(self) -> list[str]:
        """The names under which the browser posts this field."""
        return [f"{self.name}-{part}" for part in PARTS]

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:  # noqa: ARG002
        """Read the three boxes, or the stored date."""
        self.process_errors: list[str] = []
        stored = data if isinstance(data, date) else None
        self.data = stored
        self.parts = _split(stored)
        if formdata and any(name in formdata for name in self.part_names):
            self.parts = {part: formdata.get(f"{self.name}-{part}", "").strip() for part in PARTS}
            self.data = None
            if any(self.parts.values()):
                self._read()

    def _read(self) -> None:
        month = self.parts["month"].lower().rstrip(".")
        try:
            self.data = date(int(self.parts["year"]), MONTH_NUMBERS.get(month) or int(month), int(self.parts["day"]))
        except (ValueError, OverflowError):
            self.process_errors.append(_("This date does not exist. Fill in day, month and year, such as 27 3 2026."))


def _split(stored: date | None) -> Mapping[str, str]:
    return {"day": str(stored.day), "month": str(stored.month), "year": str(stored.year)} if stored else {}


def not_in_future(today: date) -> Any:
    """A validator for a day that cannot lie ahead."""

    def check(_form: object, field: Field) -> None:
        if field.data and field.data > today:
            raise ValidationError(_("This day lies in the future."))

    return check


def choices(items: Mapping[str, Any] | Iterable[Any]) -> list[SelectChoice]:
    """A choice for each thing out of policies, in their order."""
    values: Sequence[Any] = list(items.values()) if isinstance(items, Mapping) else list(items)
    return [SelectChoice(item.id, in_words(item.title)) for item in values]


def whole_number(typed: str | None) -> int:
    """The number in a hidden field, such as a version; -1, which nothing has, for anything else."""
    return int(typed) if typed and typed.isdecimal() and typed.isascii() and len(typed) < 10 else -1


def put_errors(form: Form, problems: Mapping[str, str], word: Callable[[str], str]) -> None:
    """Show what a use case found wrong at the fields where it belongs, each problem as `word` tells it."""
    for place, problem in problems.items():
        target = form[place] if place in form else next(iter(form))
        target.errors = [*target.errors, word(problem)]
