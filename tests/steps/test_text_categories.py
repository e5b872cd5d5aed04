"""Kinds of data in an account: what is found on invented accounts, and what a file of words must not say."""

import tomllib
import unicodedata
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable.policy_errors import BrokenPolicy
from signaltable.text_categories import FINDABLE, TextPolicy, categories_in, load_text_categories

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "policies" / "text_categories.toml"
POLICY = load_text_categories(FILE)
ACCOUNTS = tomllib.loads((Path(__file__).parent / "text_accounts.toml").read_text(encoding="utf-8"))["account"]


def found_in(text: str, policy: TextPolicy = POLICY) -> dict[str, list[str]]:
    return {
        name: [text[span.start : span.end] for span in spans] for name, spans in categories_in(text, policy).items()
    }


# -- how well ---------------------------------------------------------------------------------------------------------


def counts(accounts: list[Mapping[str, Any]]) -> tuple[int, int, int]:
    """(right, too many, missed), counted per account and kind."""
    pairs = [(set(one["categories"]), set(found_in(one["text"]))) for one in accounts]
    return (
        sum(len(wanted & found) for wanted, found in pairs),
        sum(len(found - wanted) for wanted, found in pairs),
        sum(len(wanted - found) for wanted, found in pairs),
    )


@pytest.mark.parametrize("held_out", [False, True])
def test_kinds_are_found_in_accounts_as_people_write_them(held_out: bool) -> None:
    accounts = [one for one in ACCOUNTS if one.get("held_out", False) is held_out]
    assert len(accounts) >= (20 if held_out else 60)
    assert sum(not one["categories"] for one in accounts) * 2 >= len(accounts)

    right, too_many, missed = counts(accounts)

    # Missing a kind lets data out, one too many only asks for more ground.
    assert right / (right + missed) >= 0.95
    assert right / (right + too_many) >= 0.9


@pytest.mark.parametrize("category", POLICY.categories)
def test_every_kind_is_found_more_than_once_in_them(category: str) -> None:
    hits = [one for one in ACCOUNTS if category in one["categories"] and category in found_in(one["text"])]
    assert len(hits) >= 3


def test_every_kind_that_a_ground_protects_more_has_words() -> None:
    assert set(POLICY.categories) == set(FINDABLE) - {"business"}


# -- how words match --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Zij is ZWANGER.", {"health": ["ZWANGER"]}),
        ("Zij is zwánger", {"health": ["zwánger"]}),
        ("zij is suïcidaal!", {"health": ["suïcidaal"]}),
        ("een 16-jarige", {"minor": ["16-jarige"]}),
        ("Muziek, sekse en verblijft", {}),
        ("Hij heeft een gebroken\narm", {"health": ["gebroken\narm"]}),
        ("tienerprostitutie", {"sex_life": ["tienerprostitutie"], "minor": ["tienerprostitutie"]}),
        ("That kind of girlfriend", {}),
        ("", {}),
        ("?!", {}),
    ],
)
def test_a_word_is_found_where_it_stands(text: str, words: dict[str, list[str]]) -> None:
    assert found_in(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Zij is zwan\u00adger.", {"health": ["zwan\u00adger"]}),
        ("Zij is zwan\u200bger.", {"health": ["zwan\u200bger"]}),
        ("Ze doet pros\u2060ti\u200dtutie.", {"sex_life": ["pros\u2060ti\u200dtutie"]}),
        ("Een Ro\ufeffma.", {"ethnicity": ["Ro\ufeffma"]}),
        (unicodedata.normalize("NFD", "Hij hóést al weken."), {"health": ["ho\u0301e\u0301st"]}),
        ("Zij is zwan-\nger.", {"health": ["zwan-\nger"]}),
        ("een\u200b zieke\u200b vrouw", {"health": ["zieke\u200b"]}),
    ],
)
def test_signs_that_nobody_sees_hide_no_word(text: str, words: dict[str, list[str]]) -> None:
    assert found_in(text) == words


@given(st.sampled_from(ACCOUNTS), st.sampled_from("\u00ad\u200b\u200d\u2060\ufeff\u0301"))
def test_an_unseen_sign_after_every_letter_hides_no_kind(account: Mapping[str, Any], sign: str) -> None:
    text = account["text"]
    assert set(found_in(text)) <= set(found_in("".join(f"{letter}{sign}" for letter in text)))


@given(st.text(max_size=300))
def test_every_place_lies_in_the_text_in_order(text: str) -> None:
    for spans in categories_in(text, POLICY).values():
        assert all(0 <= span.start < span.end <= len(text) for span in spans)
        assert all(before.end <= after.start for before, after in pairwise(spans))


@given(st.sampled_from(ACCOUNTS), st.text(alphabet="klmnop ", max_size=30))
def test_words_around_it_hide_nothing(account: Mapping[str, Any], around: str) -> None:
    alone = set(found_in(account["text"]))
    assert alone <= set(found_in(f"{around}. {account['text']} {around}"))


# -- the file ---------------------------------------------------------------------------------------------------------

GOOD = {
    "id": "health", "source": "K", "why": "x", "find": ["ziek*"], "not": ["ziekgoed"], "found": ["ziekte"], "left": ["ziekgoed"],
}  # fmt: skip


def written(tmp_path: Path, *rows: Mapping[str, Any]) -> Path:
    lines = []
    for row in rows:
        lines.append("[[category]]")
        lines += [
            f"{key} = {str(value)!r}" if isinstance(value, str) else f"{key} = {value}" for key, value in row.items()
        ]
    path = tmp_path / "text_categories.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_what_is_excepted_is_passed_over(tmp_path: Path) -> None:
    policy = load_text_categories(written(tmp_path, GOOD))
    assert found_in("Ziekgoed en zieken", policy) == {"health": ["zieken"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "hobbies"}, "text_categories.toml: hobbies: expected one of"),
        ({"id": "identity"}, "text_categories.toml: identity: expected one of"),
        ({"find": []}, "text_categories.toml: health.find: expected at least one"),
        ({"find": ["*"]}, "text_categories.toml: health.find: expected words in plain small letters"),
        ({"find": ["Ziek*"]}, "health.find: expected words in plain small letters"),
        ({"find": ["zi*ek"]}, "health.find: expected words in plain small letters"),
        ({"find": ["ziek*", "ziek*"]}, "expected each pattern once"),
        ({"not": ["(x"]}, "health.not: expected words in plain small letters"),
        ({"found": ["gezond"]}, "health.found: expected to be found in: gezond"),
        ({"left": ["ziekte"]}, "health.left: expected not to be found in: ziekte"),
        ({"words": ["x"]}, "unknown key"),
    ],
)
def test_a_broken_file_names_file_key_and_expectation(tmp_path: Path, change: Mapping[str, Any], message: str) -> None:
    with pytest.raises(BrokenPolicy) as caught:
        load_text_categories(written(tmp_path, {**GOOD, **change}))
    assert message in str(caught.value)


def test_a_kind_stands_in_the_file_once(tmp_path: Path) -> None:
    with pytest.raises(BrokenPolicy, match="expected each kind of data once"):
        load_text_categories(written(tmp_path, GOOD, GOOD))


def test_another_word_gives_another_digest(tmp_path: Path) -> None:
    first = load_text_categories(written(tmp_path, GOOD)).digest
    assert load_text_categories(written(tmp_path, {**GOOD, "find": ["ziek*", "griep*"]})).digest != first
