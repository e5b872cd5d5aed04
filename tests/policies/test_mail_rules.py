"""policies/mail.toml: what is refused by key, and when a mail is tried again."""

import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from signaltable.mail_rules import MailFile, Retry, check_mail

SHIPPED = (Path(__file__).resolve().parents[2] / "policies" / "mail.toml").read_text(encoding="utf-8")
URGENCIES = ("now", "same-day", "five-working-days")
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def test_the_shipped_file_is_whole() -> None:
    assert list(check_mail(MailFile.model_validate(tomllib.loads(SHIPPED)), URGENCIES)) == []
    assert list(check_mail(None, URGENCIES)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file["digest"].update(hour=24),
        lambda file: file["digest"].pop("working_days_only"),
        lambda file: file["quota"].update(per_hour=0),
        lambda file: file["retry"].update(minutes=[]),
        lambda file: file["retry"].update(tries=0),
        lambda file: file["keep"].update(days="90"),
        lambda file: file["template"][0].update(kind="letter"),
        lambda file: file["template"][0].update(body="Beste Zorinka"),
    ],
)
def test_what_makes_no_sense_is_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    file = tomllib.loads(SHIPPED)
    change(file)
    with pytest.raises(ValidationError):
        MailFile.model_validate(file)


def test_an_urgency_that_is_not_there_is_told_by_key() -> None:
    file = tomllib.loads(SHIPPED)
    file["template"][0]["urgent_for"] = ["yesterday"]
    told = [(found.file, found.key) for found in check_mail(MailFile.model_validate(file), URGENCIES)]
    assert told == [("mail.toml", "template.question.urgent_for")]


def test_the_last_step_repeats_until_the_tries_are_over() -> None:
    retry = Retry(minutes=(5, 30), tries=4)
    waits = [retry.again_at(NOW, tries) for tries in (1, 2, 3, 4)]
    minutes = [NOW + timedelta(minutes=minutes) for minutes in (5, 30, 30)]
    assert waits == [*minutes, None]
