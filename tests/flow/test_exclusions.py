"""The exclusion list: a value on it links nobody, belongs to one agency, and somebody looks at it again."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from signaltable.access import Permission
from signaltable.domain import LinkState, NotFound, Refused, UnusableInput
from signaltable.flow import exclusions, reminders, signals, work_list
from signaltable.flow.exclusions import UnreadableValue
from signaltable.flow.linking.sides import excluded_among
from signaltable.jobs import JOBS
from signaltable.models import Exclusion, Link, LinkAct, Mail
from signaltable.transaction import reading, transaction
from tests.factories import a_person, a_signal
from tests.table_steps import log, use

NOBODY = {"given_name": "", "surname": "", "birth_date": "", "phone": ""}
DESK = {"phone": "010 123 45 67"}


def somebody(**identity):
    return a_signal(narrative="Iemand zoekt hulp.", subjects=[a_person(identity={**NOBODY, **identity})])


def put(program, who, part, values, **changes):
    today = program.clock().date()
    told = {"label": "Balie", "reason": "Van iedereen daar", "review_on": today + timedelta(days=90), **changes}
    return use(program, who, exclusions.add, part, values, **told)


def linked(program, who, draft):
    return [one.outcome for one in use(program, who, signals.submit, draft).links]


@pytest.fixture
def people(sqlite_program, actor):
    return {name: actor(sqlite_program, name) for name in ("havendam", "opvang", "auditor")}


@pytest.mark.parametrize(
    ("part", "listed", "typed"),
    [
        ("phone", {"phone": "010 123 45 67"}, {"phone": "+31 (0)10 1234567"}),
        ("email", {"email": "Balie@Opvang.example"}, {"email": "balie@opvang.example"}),
        ("iban", {"iban": "NL91 ABNA 0417 1643 00"}, {"iban": "nl91abna0417164300"}),
        (
            "profile",
            {"profile": "https://instagram.com/verzonnen.balie/"},
            {"profile": "instagram.com/Verzonnen.Balie"},
        ),
    ],
)
def test_an_excluded_value_links_nobody_however_it_is_written_until_it_is_taken_off(
    sqlite_program, people, part, listed, typed
):
    linked(sqlite_program, people["havendam"], somebody(given_name="Aap", surname="Noot", **typed))
    assert linked(sqlite_program, people["havendam"], somebody(given_name="Wim", surname="Zus", **typed))
    one = put(sqlite_program, people["opvang"], part, listed)
    assert linked(sqlite_program, people["havendam"], somebody(given_name="Teun", surname="Vuur", **typed)) == []
    use(sqlite_program, people["opvang"], exclusions.end, one, reason="De balie is dicht")
    assert linked(sqlite_program, people["havendam"], somebody(given_name="Gijs", surname="Schapen", **typed))


def test_open_proposals_that_rest_on_the_value_alone_are_closed_and_others_stay(sqlite_program, people):
    program, owner = sqlite_program, people["havendam"]
    by_name = {"given_name": "Zorinka", "surname": "Proefveld", "birth_date": "1996-04-12"}
    for identity in (by_name, by_name, {"given_name": "Aap", "surname": "Noot"}):
        use(program, owner, signals.submit, somebody(**identity, **DESK))
    with reading(program) as session:
        before = len(session.scalars(select(Link).where(Link.state == LinkState.PROPOSED)).all())
    put(program, people["opvang"], "phone", DESK)
    assert log(program, "link:refuse") == [], "who adds a value does not learn that others know it"
    ((_entry, details),) = log(program, "exclusion:record")
    assert "count" not in details
    with pytest.raises(Refused):
        use(program, people["opvang"], exclusions.weigh_again)
    closed_now = use(program, JOBS, exclusions.weigh_again)
    assert use(program, JOBS, exclusions.weigh_again) == 0
    with reading(program) as session:
        left = session.scalars(select(Link).where(Link.state == LinkState.PROPOSED)).all()
        closed = session.scalars(select(LinkAct)).all()
    assert before - len(left) == len(closed) == closed_now > 0
    assert "match" in {one.outcome for one in left}
    assert {act.agency_id for act in closed} == {JOBS.agency_id}


def test_a_name_with_a_date_still_links_who_shares_an_excluded_value(sqlite_program, people):
    same = {"given_name": "Zorinka", "surname": "Proefveld", "birth_date": "1996-04-12", **DESK}
    put(sqlite_program, people["opvang"], "phone", DESK)
    linked(sqlite_program, people["havendam"], somebody(**same))
    assert linked(sqlite_program, people["havendam"], somebody(**same)) == ["match"]


def test_an_address_counts_for_the_whole_building_and_says_that_it_is_a_shelter_to_the_program_alone(
    sqlite_program, people
):
    address = {"street": "Proefstraat", "house_number": "7", "postcode": "3011 AA", "city": "Havendam"}
    put(sqlite_program, people["opvang"], "address", address, shelter=True)
    program = sqlite_program
    version = program.keys.version("match")
    digests = {
        tag.digest
        for tag in exclusions.tags_of(
            program.keys.derive("match", "tags", version),
            "address",
            {"postcode": "3011aa", "house_number": "7", "street": "", "city": ""},
            version=version,
            policy=program.policy.linking,
        )
    }
    with transaction(program, people["havendam"]) as tx:
        assert excluded_among(tx, digests)
        assert exclusions.is_sheltered(tx, digests)
        assert not exclusions.is_sheltered(tx, [b"another"])
        tx.session.rollback()


def test_the_list_is_of_its_agency_alone_and_sealed(sqlite_program, people):
    one = put(
        sqlite_program, people["opvang"], "phone", DESK, label="Verzonnen nachtopvang", reason="Wisselende bewoners"
    )
    (line,) = use(sqlite_program, people["opvang"], exclusions.listing)
    assert (line.id, line.label, line.values) == (one, "Verzonnen nachtopvang", {"phone": "+31101234567"})
    assert use(sqlite_program, people["havendam"], exclusions.listing) == []
    for act in (
        lambda tx: exclusions.read(tx, one),
        lambda tx: exclusions.end(tx, one, reason="Weg ermee"),
        lambda tx: exclusions.review(tx, one, review_on=tx.today + timedelta(days=9), reason="Blijft"),
    ):
        with pytest.raises(NotFound):
            use(sqlite_program, people["havendam"], act)
    with pytest.raises(Refused):
        use(sqlite_program, people["auditor"], exclusions.listing)
    with reading(sqlite_program) as session:
        stored = (
            session.execute(text("SELECT * FROM exclusions")).all()
            + session.execute(text("SELECT * FROM excluded_tags")).all()
        )
    assert "nachtopvang" not in str(stored)
    assert "101234567" not in str(stored)


def test_every_mistake_is_told_at_its_field_and_nothing_is_kept(sqlite_program, people):
    today = sqlite_program.clock().date()
    with pytest.raises(UnusableInput) as caught:
        put(sqlite_program, people["opvang"], "phone", {}, label="", reason="x" * 501, review_on=today)
    assert set(caught.value.problems) == {"phone", "label", "reason", "review_on"}
    with pytest.raises(UnusableInput) as caught:
        put(sqlite_program, people["opvang"], "phone", DESK, label="Balie van 111222333")
    assert caught.value.problems == {"label": "expected a text without a citizen service number (BSN)"}
    with pytest.raises(UnreadableValue) as unreadable:
        put(sqlite_program, people["opvang"], "iban", {"iban": "NL00 FOUT 0000"})
    assert set(unreadable.value.texts) == {"iban"}
    with pytest.raises(UnusableInput) as caught:  # A city alone says nothing of an address.
        put(sqlite_program, people["opvang"], "address", {"city": "Havendam"})
    assert "street" in caught.value.problems
    put(sqlite_program, people["opvang"], "phone", DESK)
    with pytest.raises(UnusableInput):
        put(sqlite_program, people["opvang"], "phone", {"phone": "0031101234567"})
    with reading(sqlite_program) as session:
        assert len(session.scalars(select(Exclusion)).all()) == 1


def test_its_owner_is_told_when_the_day_is_over_and_a_review_gives_it_a_new_one(sqlite_program, people, clock):
    program, owner = sqlite_program, people["opvang"]
    one = put(program, owner, "phone", DESK)
    clock.forward(hours=24 * 92)
    assert {wait.kind: wait.count for wait in use(program, owner, work_list.waiting)}["exclusions"] == 1
    use(program, JOBS, reminders.remind)
    with reading(program) as session:
        told = session.scalars(select(Mail.account_id).where(Mail.template == "exclusion-overdue")).all()
    assert owner.account_id in told
    assert people["havendam"].account_id not in told
    # It goes on counting until a person takes it off.
    linked(program, people["havendam"], somebody(given_name="Aap", surname="Noot", **DESK))
    assert linked(program, people["havendam"], somebody(given_name="Wim", surname="Zus", **DESK)) == []
    again = program.clock().date() + timedelta(days=60)
    use(program, owner, exclusions.review, one, review_on=again, reason="Nog steeds de balie")
    assert use(program, owner, exclusions.read, one).review_on == again
    assert {wait.kind: wait.count for wait in use(program, owner, work_list.waiting)}["exclusions"] == 0


def test_what_happens_to_a_value_is_recorded_without_the_value(sqlite_program, people):
    program, owner = sqlite_program, people["opvang"]
    one = put(program, owner, "phone", DESK)
    use(program, owner, exclusions.end, one, reason="De balie is dicht")
    for action in ("exclusion:record", "exclusion:end"):
        ((entry, details),) = log(program, action)
        assert (entry.action, details["exclusion"], details["kind"]) == (action, one, "phone")
        assert "101234567" not in str(details)
    assert Permission.EXCLUSION_CHANGE_OWN.value in owner.permissions
