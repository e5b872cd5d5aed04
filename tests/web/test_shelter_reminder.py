"""Texts that go to others: one that seems to tell where somebody is sheltered comes back once, and goes when it is confirmed."""

from datetime import date

import pytest

from signaltable.flow import exclusions, shelters, signals
from signaltable.models import Note
from signaltable.transaction import reading
from tests.factories import a_signal
from tests.table_steps import asked, log, on_the_agenda, submitted, triaged, use
from tests.web.people import Person

PLACE = "Zij verblijft nu in de noodopvang achter het station."


@pytest.fixture
def people(sqlite_program, actor):
    return {login: actor(sqlite_program, login) for login in ("havendam", "coordinator", "riec")}


def goes_after_a_look(person, page, address, data, program):
    again = person.post(address, data, page=page)
    assert again.status_code == 422
    assert 'id="place_confirmed-error"' in again.text
    assert PLACE in again.text
    assert person.post(address, data | {"place_confirmed": "y"}, page=page).status_code == 303
    ((_entry, told),) = log(program, "text:confirm")
    assert told["shelter"] == "confirmed"
    assert "station" not in str(told)


def test_a_note_at_the_table(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    meeting = on_the_agenda(sqlite_program, people["coordinator"], reference)
    page = f"/tafel/{meeting}/{reference}"
    goes_after_a_look(
        Person(sqlite_program, "coordinator"), page, f"{page}/aantekening", {"text": PLACE}, sqlite_program
    )
    with reading(sqlite_program) as session:
        assert session.query(Note).count() == 1


def test_an_answer_to_a_question(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "riec")
    page = f"/vragen/{question}"
    answer = {"answer": "hit", "context": PLACE, "context_checked": "y"}
    goes_after_a_look(Person(sqlite_program, "riec"), page, f"{page}/antwoord", answer, sqlite_program)


def test_a_text_without_a_place_needs_no_look(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "riec")
    page = f"/vragen/{question}"
    answer = {"answer": "hit", "context": "Wij zoeken opvang voor haar.", "context_checked": "y"}
    assert Person(sqlite_program, "riec").post(f"{page}/antwoord", answer, page=page).status_code == 303
    assert log(sqlite_program, "text:confirm") == []


SHELTER = {"street": "Verborgenlaan", "house_number": "12", "postcode": "1234 AB", "city": "Havendam"}


@pytest.fixture
def listed(sqlite_program, people):
    """An address that the exclusion list calls a shelter."""
    use(
        sqlite_program,
        people["havendam"],
        exclusions.add,
        "address",
        SHELTER,
        label="Een huis",
        reason="Gedeeld adres",
        review_on=date(2027, 5, 1),
        shelter=True,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Zij staat ingeschreven op Verborgenlaan 12, 1234 AB Havendam.", True),
        ("Post gaat naar verborgenlaan 12 1234ab.", True),
        ("Zij woont aan de Verborgenlaan 14, 1234 AB Havendam.", False),
        ("Zij woont op Zichtbaarlaan 12, 4321 BA Havendam.", False),
    ],
)
def test_an_address_of_the_list_is_known_in_a_text(sqlite_program, people, listed, text, expected):
    assert use(sqlite_program, people["havendam"], shelters.tells_place, [text]) is expected


def test_a_typed_address_of_the_list_is_known_too(sqlite_program, people, listed):
    subject = {"kind": "address", "role": "place", "identity": SHELTER}
    preview = use(
        sqlite_program, people["havendam"], signals.preview, a_signal(narrative="Iets gezien.", subjects=[subject])
    )
    other = use(sqlite_program, people["havendam"], signals.preview, a_signal(narrative="Iets gezien."))
    assert (preview.masks.tells_shelter, other.masks.tells_shelter) == (True, False)


def test_without_a_page_there_is_no_reminder_and_the_signal_goes(sqlite_program, people):
    """The command line and machines have nobody who looks: what they send is masked and goes."""
    assert submitted(sqlite_program, people["havendam"], a_signal(narrative=PLACE))
    assert log(sqlite_program, "text:confirm") == []
