"""A partner's list: read as spreadsheets save it, refused where it cannot be read, and never repeated in a message."""

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable.person_list import UnusableList, read_list

PLAIN = "id,given,infix,surname,birth_date,phone,number,document\n7,Zorinka,van der,Proefveld,1996-04-12,0612345678,12,NX1\n"


def lines(text, **options):
    return read_list(text.encode(options.pop("encoding", "utf-8")), most=options.pop("most", 10)).lines


def test_the_headings_of_the_contract_lead_to_the_fields_of_an_identity():
    (line,) = lines(PLAIN)
    assert (line.number, line.id) == (2, "7")
    assert line.values == {
        "given_name": "Zorinka",
        "infix": "van der",
        "surname": "Proefveld",
        "birth_date": "1996-04-12",
        "phone": "0612345678",
        "house_number": "12",
        "document_number": "NX1",
    }


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Voornaam;Achternaam;Geboortedatum\nZoë;Proefveld;12-4-1996\n", "utf-8"),
        ("Voornaam;Achternaam;Geboortedatum\r\nZoë;Proefveld;12-4-1996\r\n", "cp1252"),
        ("\ufeffvoornaam\tachternaam\tgeboorte-datum\nZoë\tProefveld\t12-4-1996", "utf-8"),
        ("\n\n Geboortedatum ,VOORNAAM,achter_naam\n12-4-1996,Zoë,Proefveld\n", "utf-8"),
        ('"voornaam";"achternaam";"geboortedatum"\n"Zoë";"Proefveld";"12-4-1996"\n', "utf-8"),
    ],
)
def test_what_a_spreadsheet_saves_is_read(text, encoding):
    (line,) = lines(text, encoding=encoding)
    assert line.values == {"given_name": "Zoë", "surname": "Proefveld", "birth_date": "12-4-1996"}


def test_lines_keep_the_number_that_the_spreadsheet_shows():
    found = lines("given,surname\nAap,Noot\n,\n\nWim,Zus\n")
    assert [line.number for line in found] == [2, 5]


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("", 1, "headings"),
        ("kleur,maat\nrood,L\n", 1, "headings"),
        ("given,bsn\nAap,111222333\n", 1, "never taken"),
        ("given,Burgerservicenummer\nAap,111222333\n", 1, "never taken"),
        ("given,voornaam\nAap,Aap\n", 1, "one column"),
        ("given,surname\nAap,Noot,Mies\n", 2, "at most 2 cells"),
        ('given,surname\nAap,"Noot\n', 2, "quotes"),
        ("given\n" + "Aap\n" * 11, 12, "at most 10 lines"),
        ("given\nA\0p\n", 0, "CSV file"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line_and_without_what_stands_there(text, line, expected):
    with pytest.raises(UnusableList) as caught:
        lines(text)
    assert caught.value.line == line
    assert expected in str(caught.value)
    assert "Aap" not in str(caught.value)
    assert "111222333" not in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    with suppress(UnusableList):
        read_list(content, most=5)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=5))
def test_no_cell_is_lost_or_moved(rows):
    clean = [tuple("".join(sign for sign in cell if sign.isprintable()).strip() for cell in row) for row in rows]
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["given", "surname"])
    writer.writerows(clean)
    found = [(line.values.get("given_name", ""), line.values.get("surname", "")) for line in lines(file.getvalue())]
    assert found == [row for row in clean if any(row)]


def test_a_line_does_not_show_in_a_traceback():
    assert "Zorinka" not in repr(lines(PLAIN))
