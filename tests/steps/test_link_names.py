"""Names, dates, numbers and addresses as they are written here: what is one person, and what never is."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signaltable.identity import IDENTITY_FIELDS, Identity, identity_from
from signaltable.link import Side, compare, sketch
from signaltable.pseudonymise import match_tags
from signaltable.transliterate import to_latin
from tests.steps.test_link import POLICY, SECRET, judge, person, side

# Given and surname written in two ways; the date of birth is the same, everything else is not known.
ONE_NAME = """
Małgorzata Nowak = Gosia Nowak; Katarzyna Kowalska = Kasia Kowalski; Krzysztof Zieliński = Krzysiek Zielinski
Elisabeth de Vries = Bep de Vries; Johannes van den Berg = Jan v.d. Berg; Anna van Dijk = Anna Vandijk; Thijs Meijer = Thys Meyer
Maria Jansen-de Vries = Maria de Vries; Maria de Vries e/v Jansen = Maria de Vries; Fatima El Amrani = Fatima Elamrani
Mohammed Ben Ali = Mo Benali; Youssef Haddou = Yusuf Haddou; Rachid Ouali = Rasjid Ouali; محمد الحسن = Mohammed Al Hassan
Георги Желязков = Georgi Zhelyazkov; Цветелина Иванова = Tsvetelina Ivanov; Dimitar Hristov = Mitko Christow; Oleksandr Shevchenko = Sasha Shevchenko
Ștefan Țăranu = Stefan Taranu; Gheorghe Popa = George Popa; László Kovács = Laci Kovacs; Nagy Erzsébet = Erzsi Nagy
Ömer Yıldız = Omer Yildiz; İbrahim Şahin = Ibo Sahin; Nguyễn Thị_Lan = Lan Nguyen; Wang Xiaoming = Xiao_Ming Wang; 小明 王 = Xiaoming Wang
María_José García_López = Maria_Jose Garcia; Juan_Carlos Pérez = Juancarlos Perez; José Gómez = Pepe Gomez
Γιώργος Παπαδόπουλος = Giorgos Papadopoulos; דוד לוי = David Levi; ሰላም ተስፋዬ = Selam Tesfaye; Tesfay Gebremedhin = Tesfai Gebremedhin
Chidinma Okafor = Chidi Okafor; Aleksandra Mazur = Alexandra Mazur; Sanne Dekker = Sannne Dekker; Willem Kuiper = Wilelm Cuyper; J. Hoekstra = Jan Hoekstra
"""
# The same date of birth, surname, address and telephone: twins, or sisters and brothers by a mistake in the date.
TWO_NAMES = """
Hassan Hussein; Mohammed Mehmet; Mohammed Mahmoud; Emine Amine; Anna Hanna; Lisa Tom; Ivan Ivana; Daniel Daniela; Mihai Mihaela; Maria Mario
Georgi Gergana; Jan Jaap; Fatima Fatiha; Ahmed Mohammed; Blessing Precious; Lan Mai; Sanne Femke; Karim Karima; Elif Elena; Piotr Pawel; Noor Nadia
"""


def pairs(text: str) -> list[tuple[str, ...]]:
    lines = [line for line in text.replace("\n", ";").split(";") if line.strip()]
    return [tuple(part.strip() for part in line.split("=")) for line in lines]


def named(text: str, **more: str) -> Identity:
    given, surname = text.split(" ", 1)
    return identity_from(
        "person",
        {
            "given_name": given.replace("_", " "),
            "surname": surname.replace("_", " "),
            "birth_date": "1991-05-14",
            **more,
        },
    )


@pytest.mark.parametrize(("one", "other"), pairs(ONE_NAME))
def test_one_name_in_two_spellings_is_one_person(one: str, other: str) -> None:
    found = judge(named(one), named(other))
    assert found.outcome == "match"
    # Somebody of that name who was born on another day is not.
    assert judge(named(one), named(other) if one == other else replaced(other, "1964-11-02")).outcome != "match"


def replaced(text: str, birth_date: str) -> Identity:
    return named(text, birth_date=birth_date)


@pytest.mark.parametrize("names", [tuple(line[0].split()) for line in pairs(TWO_NAMES)])
def test_two_names_in_one_family_are_two_people(names: tuple[str, str]) -> None:
    home = {"postcode": "3011 AA", "house_number": "12", "phone": "0612345678", "nationality": "Nederlandse"}
    one, other = (named(f"{name} Yilmaz", **home) for name in names)
    assert judge(one, other).outcome == "possible"
    # Without the telephone as well, and with no more than the date.
    bare, too = (named(f"{name} Yilmaz", postcode="3011 AA", house_number="12") for name in names)
    assert judge(bare, too).outcome != "match"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # dates
        ("Samira||Azzouzi|1997-04-09|0612345678", "Samira||Azzouzi|1997-09-04|0687654321", "match"),
        ("Samira||Azzouzi|1997-04-09|0612345678", "Samira||Azzouzi|1997|0612345678", "match"),
        ("Samira||Azzouzi|1997-04-09|0612345678", "Samira||Azzouzi|1997-01-01|0612345678", "match"),
        ("Samira||Azzouzi|1997-04-09", "Samira||Azzouzi|1997-01-01", "possible"),
        ("Samira||Azzouzi|1997-04-09||3011AA 12", "Samira||Azzouzi|1997-04-19||3011AA 12", "match"),
        # father and son; the same with one date unknown and two telephones
        ("Jan|de|Groot|1961-10-29|0612345678|3011AA 12", "Jan|de|Groot|1990-02-14|0612345678|3011AA 12", "possible"),
        ("Jan|de|Groot|1961-10-29|0612345678|3011AA 12", "Jan|de|Groot||0687654321|3011AA 12", "possible"),
        # namesakes who share a house of many, without a date
        ("Anna||Bakker||||Poolse", "Anna||Bakker||||Poolse", "possible"),
        # one telephone, two people
        ("Maria||Popescu|1990-02-03|0612345678", "Elena||Radu|1985-07-08|0612345678", "possible"),
        ("Maria||||0612345678", "Maria||Radu|1985-07-08|0612345678", "possible"),
        # married
        ("Fatiha||Bouazza|1991-07-16|0612345678", "Fatiha||Verbeek|1991-07-16|0612345678", "match"),
        ("Fatiha||Bouazza|1991-07-16", "Fatiha||Verbeek|1991-07-16", "possible"),
        # a document misread, and one of somebody else
        ("Amina||Diallo|||||NX0A1B2C8", "Amina||Dialo|||||NXOAIB2C8", "match"),
        ("Amina||Diallo|1990-05-05||||NX0A1B2C8", "Ngozi||Eze|1984-02-02||||NX0A1B2C8", "possible"),
        # one number, written in many ways
        ("Bogdan||Ionescu||+31 (0)6 12345678", "Bogdan||Ionesku||0031612345678", "match"),
        # swapped fields, and the whole name in one
        ("Fatima||Bakker|1995-12-03|0612345678", "Bakker||Fatima|1995-12-03|0687654321", "match"),
        ("||Fatima Bakker|1995-12-03|0612345678", "Fatima||Bakker|1995-12-03|0687654321", "match"),
        ("||Joanna Nowak|1995-12-03||3011AA 12|Poolse", "Jadwiga||Nowak|1995-12-03||3011AA 12|Poolse", "possible"),
    ],
)
def test_dates_numbers_and_relatives(one: str, other: str, expected: str) -> None:
    assert judge(one, other).outcome == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"house_number": "12-A"}, {"house_number": "12", "addition": "a"}),
        ({"house_number": "12 II"}, {"house_number": "12", "addition": "2"}),
        ({"house_number": "12 hs"}, {"house_number": "12", "addition": "huis"}),
        ({"house_number": "12 2"}, {"house_number": "12", "addition": "2"}),
        ({"house_number": "12-"}, {"house_number": "0012"}),
    ],
)
def test_one_home_in_two_notations_is_shown_as_the_same(one: dict[str, str], other: dict[str, str]) -> None:
    home = {"given_name": "Anna", "surname": "Bakker", "postcode": "3011AA"}
    found = judge(identity_from("person", home | one), identity_from("person", home | other))
    assert dict(found.compared)["address"] == "same"


def test_an_excluded_telephone_counts_for_nothing_in_a_sketch_either() -> None:
    # Given two women without a date of birth who gave the telephone of their shelter
    one, other = person("Anna||Bakker||0101234567"), person("Anna||Bakker||010 123 45 67")
    assert judge(one, other).outcome == "match"
    excluded = frozenset(tag.digest for tag in side(person("||||0101234567")).tags)
    # When it stands on the exclusion list, then only their name is left
    found = judge(one, other, excluded)
    assert found.outcome == "possible"
    assert dict(found.compared)["phone"] == "missing"


def test_sketches_of_two_keys_are_compared_on_tags_alone() -> None:
    identity = person("Anna||Bakker|1999-05-03|0612345678")
    tags = match_tags(SECRET, identity, version=1, policy=POLICY)
    other_key = Side(tags, sketch(bytes(32), identity, POLICY))
    same_key = compare(Side(tags, sketch(SECRET, identity, POLICY)), other_key, POLICY)
    assert same_key == compare(Side(tags), Side(tags), POLICY)


def test_a_sketch_holds_no_letter_of_what_was_typed_and_other_kinds_have_none() -> None:
    identity = person("Wilhelmina|van der|Uittenbogaard|1987-06-05|0612345678")
    made = sketch(SECRET, identity, POLICY)
    for piece in (b"wilhelmina", b"Uittenbogaard", b"ogaard", b"1987", b"19870605", b"612345678"):
        assert piece not in made
    assert made == sketch(SECRET, identity, POLICY)
    assert made != sketch(bytes(32), identity, POLICY)
    assert sketch(SECRET, identity_from("vehicle", {"plate": "12-ABC-3"}), POLICY) == b""


anything = st.fixed_dictionaries({name: st.text(max_size=14) for name in IDENTITY_FIELDS})


def fields(**given: str) -> dict[str, str]:
    return dict.fromkeys(IDENTITY_FIELDS, "") | given


@example(fields(given_name="0", infix="U", surname="0"), fields(given_name="U0", surname="0"))
@given(anything, anything)
def test_any_text_can_be_compared_and_the_order_does_not_matter(one: dict[str, str], other: dict[str, str]) -> None:
    found = judge(Identity("person", **one), Identity("person", **other))
    assert found.score >= 0
    assert len(found.compared) == len(POLICY.compared)


@given(st.binary(max_size=80))
def test_bytes_that_are_no_sketch_are_taken_for_none(raw: bytes) -> None:
    tags = side(person("Anna||Bakker|1999-05-03")).tags
    assert compare(Side(tags, raw), Side(tags, raw), POLICY) == compare(Side(tags), Side(tags), POLICY)


def test_a_subject_has_few_tags_also_with_a_long_name() -> None:
    usual = person("Maria||Jansen-de Vries|1975-09-18|0612345678|3011AA 12 Coolsingel Rotterdam|Nederlandse|NX0A1B2C8")
    assert len(side(usual).tags) <= 30


@pytest.mark.parametrize(
    ("written", "latin"), [("王小明", "wang xiao ming"), ("ሰላም", "salam"), ("", ""), ("abc", "abc"), ("\ud800", "?")]
)
def test_other_scripts_are_written_in_latin_letters(written: str, latin: str) -> None:
    assert to_latin(written) == latin


# What relatives, namesakes and housemates share; `=` parts two people who are not one.
NOT_ONE = """
Hendrik|van|Loon|1998-05-03|0612345678|2511AB 14||NL = Hendrik|van|Loon|1941-11-20|0612345678|2511AB 14||NL
Yonas||Haile|1990-01-01||3531CD 8|Eritrese|AB1234567 = Yonas||Haile|1990-01-01|0687654321|3531CD 8|Eritrese|XK7654321
Folake||Adeyemi|1988-01-01||1102AA|Nigeriaanse = Folake||Adeyemi|1988-04-09||1102BB|Nigeriaanse
Osagie||Obaseki|2005-08-20|0612345678|3890SX 21|NG|AB1234567 = Osasere||Obaseki|2005-08-20|0612345678|3890SX 21|NG|XK7654321
Thanh Vân||Đặng|1969-01-28|0612345678||VN = Thanh Đạt||Đặng|1962-03-13|0612345678||VN
Tarik||Aziz|1981-07-27|0612345678|7500GZ 123 = Tarik||Aziz|1981-07-23|0687654321|1011AB 7
Yusuf||Ateş|1979-07-04||8098HE 170|Turkse = Yusuf||Ateş|1979-07-09|0631645337|8004PK 12|Turkse
Işık||Çakır|1974-11-14|0610017727|7310BX 104|TR|BBG379224 = Işıl||Çakır|1974-11-14|0610017727|7310BX 104|TR|BXK970077
Hồng Sơn||Phan|2002-12-13|0612345678|7544BL 147|VN = Văn Hương||Phan|2002-12-13|0612345678|7544BL 147|VN
"""
ONE_WRITTEN_TWICE = """
Abel||Samuel|1971-07-04|0612345678 = Abel Samuel||Mebrahtu|1971-07-04|0612345678
Xuân Thảo||Lê|1955-07-24|0612345678 = ||Lê Xuân Thảo|1955-07-24|0612345678
Mohammed||Othman|1992-10-09 = Muhammad||Osman|1992-10-09
Nataliia||Bondarenko|1964-10-12|0612345678 = Наталія||Бондаренко|1964-10-12|0612345678
Bohdan||Tkachenko|1994-03-02|0612345678 = Bogdan||Tkachenko|1994-03-02|0612345678
Khadija||Qasim|1958-01-26|0612345678|||BB7516751 = Kassem||Chadija|1958-01-26|0612345678|||BB7516751
"""


def of_line(line: str) -> Identity:
    names = ("given_name", "infix", "surname", "birth_date", "phone", "home", "nationality", "document_number")
    values = dict(zip(names, line.split("|"), strict=False))
    postcode, _, number = values.pop("home", "").partition(" ")
    return identity_from("person", {**values, "postcode": postcode, "house_number": number})


@pytest.mark.parametrize(("one", "other"), pairs(NOT_ONE))
def test_relatives_and_namesakes_are_no_match(one: str, other: str) -> None:
    assert judge(of_line(one), of_line(other)).outcome != "match"


@pytest.mark.parametrize(("one", "other"), pairs(ONE_WRITTEN_TWICE))
def test_fields_and_spellings_differ_for_one_person(one: str, other: str) -> None:
    assert judge(of_line(one), of_line(other)).outcome == "match"


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Turkse", "TR", "same"),
        ("Nederland", "nld", "same"),
        ("Nigerees", "Nigeriaanse", "different"),
        ("onbekend", "PL", "missing"),
    ],
)
def test_a_nationality_is_a_country_however_it_is_written(one: str, other: str, alike: str) -> None:
    found = judge(named("Ana Ruiz", nationality=one), named("Ana Ruiz", nationality=other))
    assert dict(found.compared)["nationality"] == alike


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("00-00-1992", "1992"),
        ("1992-00-00", "1992"),
        ("00-05-1992", "1992-05"),
        ("xx-xx-1992", "1992"),
        ("12-05-00", "2000-05-12"),
    ],
)
def test_registers_write_zeros_for_what_is_not_known_of_a_date(written: str, date: str) -> None:
    assert identity_from("person", {"surname": "Bos", "birth_date": written}).birth_date == date
