"""References, pseudonyms, identities and tags: what holds for any input, and what Dutch practice brings."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signaltable.identity import (
    IDENTITY_FIELDS,
    Identity,
    bsn_spans,
    identity_from,
    load_identifiers,
    phone_e164,
    read_date,
    tidy,
    typed_values,
    validate_identity,
)
from signaltable.linking_rules import load_linking
from signaltable.names import fold, name_parts, skeletons, sounds
from signaltable.parts import profile_parts
from signaltable.policy_errors import BrokenPolicy
from signaltable.pseudonymise import (
    ALPHABET,
    check_reference,
    match_tags,
    new_reference,
    recipient_pseudonym,
)

POLICIES = Path(__file__).parents[2] / "policies"
IDENTIFIERS = load_identifiers(POLICIES)
LINKING = load_linking(POLICIES)
SECRET = bytes(range(32))
TODAY = date(2026, 11, 22)
randomness = st.binary(min_size=8, max_size=16)


def tags(identity: Identity, version: int = 1, secret: bytes = SECRET) -> frozenset[tuple[str, bytes]]:
    made = match_tags(secret, identity, version=version, policy=LINKING)
    assert len({(tag.set_id, tag.digest) for tag in made}) == len(made)
    return frozenset((tag.set_id, tag.digest) for tag in made)


# -- references ------------------------------------------------------------------------------------------------------


@given(randomness)
def test_a_reference_reads_well_and_survives_bad_typing(random: bytes) -> None:
    reference = new_reference("S", random)
    assert len(reference) == len("S-7F3K-Q2")
    assert not set(reference[2:].replace("-", "")) & set("AEIOU01BSZL")
    for spelling in (reference.lower(), reference.replace("-", ""), f" {reference.replace('-', ' – ')} ", reference):
        assert check_reference(spelling) == reference


@given(randomness, st.integers(0, 5), st.sampled_from(ALPHABET))
def test_any_wrong_sign_in_a_reference_is_found(random: bytes, at: int, sign: str) -> None:
    bare = new_reference("S", random).replace("-", "")
    assume(bare[1 + at] != sign)
    assert check_reference(bare[: 1 + at] + sign + bare[2 + at :]) is None


@given(randomness, st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_any_two_swapped_signs_are_found(random: bytes, one: int, other: int, long: bool) -> None:
    written = recipient_pseudonym(SECRET, "a", random.hex()) if long else new_reference("S", random)
    signs = list(written.replace("-", ""))
    assume(signs[one] != signs[other])
    signs[one], signs[other] = signs[other], signs[one]
    assert check_reference("".join(signs)) is None


def test_another_prefix_or_shape_is_no_reference() -> None:
    reference = new_reference("S", bytes(range(8)))
    for text in (
        "",
        "S",
        reference[1:],
        "V" + reference[1:],
        reference + "2",
        reference[:-1],
        "S-AAAA-AA",
        "drop table",
        "S" * 99,
    ):
        assert check_reference(text) is None
    with pytest.raises(ValueError, match="capital"):
        new_reference("s", bytes(8))
    with pytest.raises(ValueError, match="8 random bytes"):
        new_reference("S", bytes(4))


@given(randomness, st.text(max_size=8), st.text(max_size=8))
def test_agencies_cannot_join_their_pseudonyms(subject: bytes, one: str, other: str) -> None:
    assume(one != other)
    mine = recipient_pseudonym(SECRET, one, subject.hex())
    assert check_reference(mine) == mine
    assert mine == recipient_pseudonym(SECRET, one, subject.hex())
    assert mine != recipient_pseudonym(SECRET, other, subject.hex())
    assert mine != recipient_pseudonym(bytes(32), one, subject.hex())


def test_pseudonyms_of_many_subjects_differ() -> None:
    assert len({recipient_pseudonym(SECRET, "agency", str(number)) for number in range(5000)}) == 5000


# -- identity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("1999-05-03", "1999-05-03"), ("3-5-1999", "1999-05-03"), ("03/05/99", "1999-05-03"), ("3 mei 1999", "1999-05-03"),
        ("3 May 1999", "1999-05-03"), ("3.5.2004", "2004-05-03"), ("mei 1999", "1999-05"), ("05-1999", "1999-05"),
        ("1999-05", "1999-05"), ("1999", "1999"), ("12 okt. 1980", "1980-10-12"), ("03-05-07", "2007-05-03"),
        ("31-2-1999", ""), ("13-13-1999", ""), ("3 bei 1999", ""), ("gisteren", ""), ("", ""), ("0000", ""),
    ],
)  # fmt: skip
def test_dates_are_read_as_people_write_them(written: str, iso: str) -> None:
    assert read_date(written) == iso


def test_tidy_brings_fields_into_the_form_that_is_kept() -> None:
    tidied = identity_from(
        "person",
        {
            "birth_date": "3 mei 1999", "phone": "06 - 1234 5678", "postcode": "3011aa", "house_number": "12b",
            "iban": "nl91 abna 0417 1643 00", "document_number": "nxa3 k21b7", "surname": "  de   Boer ", "plate": "12 ab 34",
        },
    )  # fmt: skip
    assert (tidied.birth_date, tidied.phone, tidied.postcode) == ("1999-05-03", "+31612345678", "3011 AA")
    assert (tidied.house_number, tidied.addition, tidied.surname) == ("12", "b", "de Boer")
    assert (tidied.iban, tidied.document_number, tidied.plate) == ("NL91ABNA0417164300", "NXA3K21B7", "12-AB-34")
    assert tidy(tidied) == tidied


def test_an_identity_does_not_show_itself() -> None:
    shown = repr(identity_from("person", {"surname": "Kowalska", "phone": "0612345678"}))
    assert "Kowalska" not in shown
    assert "612345678" not in shown
    assert "surname" in shown
    with pytest.raises(ValueError, match="1 other") as refused:
        identity_from("person", {"Kowalska": "x"})
    assert "Kowalska" not in str(refused.value)
    with pytest.raises(ValueError, match="kind"):
        Identity("ghost")


@pytest.mark.parametrize(
    ("kind", "field", "value", "words"),
    [
        ("person", "birth_date", "31-02-1999", "bestaande datum"),
        ("person", "birth_date", "2026-11-23", "toekomst"),
        ("person", "birth_date", "2027", "toekomst"),
        ("person", "birth_date", "1812-01-01", "na 1900"),
        ("person", "phone", "12", "telefoonnummer"),
        ("person", "phone", "0612345", "telefoonnummer"),
        ("person", "email", "iemand@", "e-mailadres"),
        ("person", "iban", "NL91ABNA0417164301", "IBAN"),
        ("company", "kvk", "1234567", "8 cijfers"),
        ("address", "postcode", "3012 B", "postcode"),
        ("address", "postcode", "0011 AA", "postcode"),
        ("address", "postcode", "3011 SS", "postcode"),
        ("address", "house_number", "twaalf", "cijfers"),
        ("vehicle", "plate", "12*AB", "kenteken"),
        ("person", "document_number", "AB 1", "5 tot 20"),
        ("profile", "profile", "twee woorden", "zonder spaties"),
        ("person", "given_name", "x" * 81, "niet meer dan 80"),
        ("vehicle", "surname", "Jansen", "hoort niet bij"),
        ("person", "document_number", "123456782", "burgerservicenummer"),
        ("person", "document_number", "1234.56.782", "burgerservicenummer"),
        ("person", "surname", "Jansen 123456782", "burgerservicenummer"),
        ("person", "phone", "123456782", "burgerservicenummer"),
        ("person", "given_name", "BSN123456782", "burgerservicenummer"),
    ],
)
def test_what_is_wrong_is_told_without_repeating_it(kind: str, field: str, value: str, words: str) -> None:
    problems = validate_identity(Identity(kind, **{field: value}), IDENTIFIERS, today=TODAY)
    assert [name for name, _ in problems] == [field]
    assert words in problems[0][1].nl
    assert problems[0][1].en
    assert value not in problems[0][1].nl + problems[0][1].en


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (
            "person",
            {"given_name": "Łucja", "surname": "d'Ângelo", "birth_date": "2026-11-22", "phone": "+40 721 234 567"},
        ),
        ("person", {"phone": "+31 612345678", "document_number": "NXA3K21B7", "birth_date": "1999"}),
        ("person", {"phone": "06-12345678", "profile": "@naam", "plate": "B-XY 1234", "postcode": "1000"}),
        ("address", {"street": "Dorpsstraat", "house_number": "12a", "postcode": "3011aa", "city": "Rotterdam"}),
        ("address", {"postcode": "SW1A 1AA"}),
        ("account", {"iban": "NL91 ABNA 0417 1643 00"}),
        ("account", {"iban": "BG80 BNBG 9661 1020 3456 78"}),
        ("company", {"company_name": "De Gouden Draak B.V.", "kvk": "12345678"}),
        ("vehicle", {"plate": "12-abc-3"}),
        ("person", {}),
    ],
)
def test_what_is_right_is_accepted(kind: str, values: dict[str, str]) -> None:
    assert validate_identity(Identity(kind, **values), IDENTIFIERS, today=TODAY) == []


@given(
    st.integers(10_000_000, 99_999_999),
    st.sampled_from(["", " ", ".", "-", " - ", "\u00a0"]),
    st.sampled_from(IDENTITY_FIELDS),
)
def test_no_field_takes_a_bsn(stem: int, gap: str, field: str) -> None:
    digits = str(stem)
    check = sum((9 - at) * int(digit) for at, digit in enumerate(digits)) % 11
    assume(check < 10)
    bsn = digits + str(check)
    written = gap.join([bsn[:4], bsn[4:6], bsn[6:]])
    problems = dict(validate_identity(Identity("person", **{field: written}), IDENTIFIERS, today=TODAY))
    assert field in problems
    assert len(bsn_spans(f"nr {written}.")) == 1


def test_numbers_that_are_no_bsn_pass() -> None:
    for text in (
        "123456783",
        "+31 612345678",
        "06 12 34 56 78",
        "010 123 45 67",
        "12-05-1999 3",
        "1234567820",
        "12345678",
        "000000000",
    ):
        assert bsn_spans(text) == (), text
    # Every tenth Dutch mobile number would pass by chance were its country code not seen.
    passing = [n for n in range(612345600, 612345700) if bsn_spans(str(n))]
    assert passing
    assert not any(bsn_spans(f"+31 {n}") or bsn_spans(f"0{n}") or bsn_spans(f"0031 {n}") for n in passing)


def test_typed_values_hold_what_a_text_may_not_tell() -> None:
    one = identity_from(
        "person",
        {
            "given_name": "Anna",
            "infix": "van der",
            "surname": "Berg",
            "street": "Dorpsstraat",
            "house_number": "12",
            "city": "Ede",
        },
    )
    values = typed_values([one], IDENTIFIERS)
    assert set(values) == {"Anna", "Berg", "Anna van der Berg", "Dorpsstraat", "Dorpsstraat 12"}


# -- names -----------------------------------------------------------------------------------------------------------

SPELLINGS = """
Mohammed Muhammad Mohamed Mohamad Mochamed Muhammet; Khadija Chadidja Hadija Khadidja; Khalid Chalid Halid; Sharif Sjarif Cherif
Ouarda Warda; Hoessein Hussein Hussain Hoesain; Qasim Kasim Casim; Philip Filip; Alexandra Aleksandra; Cristina Kristina Christina
Rachid Rashid Rasjid; Achmed Ahmed Ahmad; Aicha Aisha Ayşe Aïsja; Yelena Elena Jelena Елена; Wiktor Viktor; Iulia Julia Yulia
Wijk Wyk Wijck; Meijer Meyer Maier Mayer; Kuiper Cuyper Kuijper; Dijkstra Dykstra; Иванов Ivanov Iwanow; Nguyễn Nguyen
Bouwman Bouman; Zainab Zaineb Sainab; Fatima Fatıma Fatimah; Tsvetelina Zwetelina Цветелина; Georgi Георги; Achraf Ashraf
""".replace("\n", ";")


@pytest.mark.parametrize("spellings", [line.split() for line in SPELLINGS.split(";") if line.strip()])
def test_spellings_of_one_name_sound_the_same(spellings: list[str]) -> None:
    heard = [{sound for part in name_parts(spelling) for sound in sounds(part)} for spelling in spellings]
    assert set.intersection(*heard), heard


def test_different_names_do_not_sound_the_same() -> None:
    for one, other in (
        ("hassan", "hussein"),
        ("maria", "mario"),
        ("jan", "jana"),
        ("li", "lu"),
        ("omar", "amar"),
        ("anna", "hanna"),
    ):
        assert not set(sounds(one)) & set(sounds(other)), (one, other)
    for one, other in (("georgi", "dimitar"), ("fatima", "samira"), ("vries", "bakker"), ("li", "lee")):
        assert not set(skeletons(one)) & set(skeletons(other)), (one, other)


@given(st.text(max_size=30))
def test_names_of_any_kind_have_a_form(text: str) -> None:
    for part in name_parts(text):
        assert part
        assert part.isascii()
        assert all(sounds(part))
        assert all(skeletons(part))
    assert fold(fold(text)) == fold(text)


# -- tags ------------------------------------------------------------------------------------------------------------

WRITTEN = {
    "given_name": "José", "infix": "van der", "surname": "Wijk-Bakker", "birth_date": "1999-05-03", "phone": "+31612345678",
    "postcode": "3011 AA", "house_number": "12", "city": "Den Haag", "street": "Dorpsstraat", "email": "Naam@voorbeeld.nl",
    "document_number": "NXA3K21B7", "iban": "NL91ABNA0417164300", "plate": "12-ABC-3", "nationality": "Roemeense",
    "profile": "https://instagram.com/Naam",
}  # fmt: skip
OTHERWISE = {
    "given_name": "JOSE", "infix": "v.d.", "surname": "wyk  bakker", "birth_date": "3 mei 1999", "phone": "06 12 34 56 78",
    "postcode": "3011aa", "house_number": "0012", "city": "'s-Gravenhage", "street": "dorpsstr.", "email": "naam@VOORBEELD.nl",
    "document_number": "nxa3-k21b7", "iban": "nl91 abna 0417 1643 00", "plate": "12abc3", "nationality": "roemeense",
    "profile": "www.instagram.com/naam/",
}  # fmt: skip


@given(st.sets(st.sampled_from(sorted(WRITTEN))), st.sets(st.sampled_from(sorted(WRITTEN))))
def test_another_spelling_gives_the_same_tags(fields: set[str], respelled: set[str]) -> None:
    one = Identity("person", **{name: WRITTEN[name] for name in fields})
    other = Identity("person", **{name: (OTHERWISE if name in respelled else WRITTEN)[name] for name in fields})
    a, b = tags(one), tags(other)
    assert {set_id for set_id, _ in a} == {set_id for set_id, _ in b}
    if "infix" not in respelled:
        assert a == b
    # A surname joined with its infix differs with the infix; the surname itself still meets.
    assert all({d for s, d in a if s == name} & {d for s, d in b if s == name} for name, _ in a)


@given(st.fixed_dictionaries({name: st.text(max_size=12) for name in IDENTITY_FIELDS}))
def test_tags_of_equal_identities_are_equal_and_never_hold_what_was_typed(values: dict[str, str]) -> None:
    identity = Identity("person", **values)
    assert tags(identity) == tags(tidy(identity))
    assert all(len(digest) == 16 for _, digest in tags(identity))
    assert not {d for _, d in tags(identity)} & {d for _, d in tags(identity, version=2)}
    assert not {d for _, d in tags(identity)} & {d for _, d in tags(identity, secret=bytes(32))}


@pytest.mark.parametrize(
    "values",
    [
        {"birth_date": "1999-05-03"}, {"nationality": "Roemeense"}, {"surname": "de Vries"}, {"given_name": "Anna"},
        {"city": "Rotterdam"}, {"infix": "van der"}, {"given_name": "Anna", "infix": "van"}, {"surname": "Benali"}, {"postcode": "3011AA"}, {"house_number": "12"}, {"infix": "van"}, {"given_name": "A.", "surname": "B."},
        {"nationality": "Roemeense", "birth_date": "1999-05-03", "city": "Rotterdam"}, {"street": "Dorpsstraat", "house_number": "1"},
    ],
)  # fmt: skip
def test_what_many_people_share_gives_no_tag(values: dict[str, str]) -> None:
    assert tags(Identity("person", **values)) == frozenset()


def test_a_long_name_stays_within_bounds() -> None:
    many = Identity(
        "person", given_name=" ".join(["chacha"] + [f"naam{chr(97 + n)}" for n in range(20)]), surname="chichi " * 20
    )
    sizes = [set_id for set_id, _ in tags(many)]
    assert max(map(sizes.count, sizes)) <= LINKING.most_tags_per_set


def test_profiles_are_read_from_address_or_name() -> None:
    for written in (
        "https://www.instagram.com/Some.One/",
        "instagram.com/some.one?x=1",
        "HTTP://m.instagram.com/@some.one",
    ):
        assert profile_parts(written) == ("instagram", "some.one")
    assert profile_parts("@Some.One") == ("", "some.one")
    assert profile_parts("https://t.me/naam") == ("telegram", "naam")
    assert phone_e164("niets") == ""


# -- the policy files ------------------------------------------------------------------------------------------------


def broken(tmp_path: Path, file: str, old: str, new: str) -> str:
    content = (POLICIES / file).read_text()
    assert old in content
    (tmp_path / file).write_text(content.replace(old, new, 1))
    load = load_identifiers if file.startswith("ident") else load_linking
    with pytest.raises(BrokenPolicy) as found:
        load(tmp_path)
    assert file in str(found.value)
    return str(found.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("identifiers.toml", 'id = "kvk"', 'id = "bsn"', "a BSN is never asked"),
        ("identifiers.toml", "Nummer van een document", "Burgerservicenummer", "a BSN is never asked"),
        ("identifiers.toml", 'id = "email"', 'id = "e_mail"', "identifier.e_mail"),
        ("identifiers.toml", 'fields = ["plate"]', 'fields = ["plates"]', "kind.vehicle.fields"),
        ("identifiers.toml", 'shown = ["plate"]', 'shown = ["kvk"]', "kind.vehicle.shown"),
        ("identifiers.toml", 'id = "vehicle"', 'id = "boat"', "kind.boat"),
        ("identifiers.toml", 'id = "bsn"', 'id = "other"', "expected bsn"),
        ("identifiers.toml", "max_length = 80", "max_length = 0", "max_length"),
        ("identifiers.toml", "mask_in_text = true", "mask = true", "mask"),
        ("linking.toml", "match_from = 100", "match_from = 50", "more than possible_from"),
        ("linking.toml", 'parts = ["names_sound", "birth_either"]', 'parts = ["birth_date"]', "found 14: too few"),
        ("linking.toml", 'parts = ["names_sound", "birth_either"]', 'parts = ["bsn"]', "expected parts of"),
        ("linking.toml", 'id = "word-birth"', 'id = "sound-birth"', "each id once"),
        ("linking.toml", 'same_as = "plate"', 'same_as = "phone"', "same parts"),
        (
            "linking.toml",
            'shows = { name = "near", birth_date = "same" }',
            'shows = { value = "same" }',
            "[[compared]]",
        ),
        ("linking.toml", 'kind = "vehicle"', 'kind = "boat"', "set.vehicle-plate.kind"),
        ("linking.toml", "weight = 110", "weight = -1", "weight"),
        ("linking.toml", "match_from = 100", "match_frm = 100", "match_frm"),
    ],
)
def test_a_broken_policy_names_file_and_key(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    assert message in broken(tmp_path, file, old, new)


def test_a_missing_policy_is_told(tmp_path: Path) -> None:
    with pytest.raises(BrokenPolicy, match=r"linking\.toml"):
        load_linking(tmp_path)


def test_every_field_of_a_kind_can_be_shown_with_words() -> None:
    for kind in IDENTIFIERS.kind:
        for name in kind.fields:
            assert IDENTIFIERS.field(name).label.nl
        assert set(kind.shown) <= set(kind.fields)
    assert LINKING.label("birth_date").nl == "Geboortedatum"
