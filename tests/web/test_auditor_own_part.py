"""Each agency sees its own part of the log and nothing of others; nobody sees content: canaries in every recorded value."""

import io
import re
import zipfile
from dataclasses import replace

import pytest
from sqlalchemy import select

from audit.vocabulary import ACTIONS
from signaltable import jobs
from signaltable.domain import Channel
from signaltable.flow import auditing, enrich, referrals, table, triage
from signaltable.flow.auditing import Filters
from signaltable.flow.log_scope import SEEN_BY_REFERENCE
from signaltable.models import Account, LogEntry
from signaltable.transaction import reading, transaction
from tests.disclosure_steps import GIVEN, disclosed, evidence_for
from tests.duty_steps import referred
from tests.factories import a_person, a_signal
from tests.table_steps import asked, on_the_agenda, row, submitted, use
from tests.web.people import Person

# Details that hold a number, a moment or yes and no; all others get a canary.
NUMBERS = {
    "count", "size", "duration_ms", "attempts", "subjects", "masked", "attachments", "step", "key_version", "score_permille",
    "mails", "entries", "findings", "checkpoints", "population", "same", "different", "previous_size", "lost_size", "idle",
    "failed", "files", "erased", "form_version", "grounds", "routes", "unreviewed",
}  # fmt: skip
FLAGS = {"active", "anonymous", "correction", "demo", "emergency", "expired", "late", "minor", "permitted", "undone"}
# Details that can name what belongs to another agency: the own entries carry the canary of the other one there.
CAN_NAME_OTHERS = {"signal", "signals", "subject_refs", "objects", "approver", "requester", "keys"}


def _value(key, canary, other):
    if key in NUMBERS:
        return 3
    if key in FLAGS:
        return True
    if key.endswith(("_at", "_until")):
        return 1_795_000_000_000
    if key == "rows":
        return {"signals": {f"{other}-row": "00"}}
    text = f"{other if key in CAN_NAME_OTHERS else canary}-{key.replace('_', '-')}"
    if key == "keys":
        return [f"agency:{text}:1", "purpose:1"]
    if key == "conditions":
        return [{"code": text, "evidence_hash": text}]
    return [text] if key.endswith("s") and key not in {"address", "status"} else text


def _entries(program, who, canary, other, disclosure):
    """An entry of every action by this person, with a canary in every value that can have one."""
    with transaction(program, who) as tx:
        for action, told in ACTIONS.items():
            names = told.details_required | told.details_optional | {"subject_refs", "keys", "rows", "device"}
            foreign = other if action not in SEEN_BY_REFERENCE else canary
            details = {name: _value(name, canary, foreign) for name in names}
            if "disclosure" in details:
                details["disclosure"] = disclosure
            tx.record(action, object_type="draft", object_id=f"{canary}-object", details=details)
        # An account of another agency, as an administrator changes it: the entry itself names it.
        tx.record(
            "account:change",
            object_type="account",
            object_id=f"{other}-account",
            details={"account": f"{other}-account", "changed": ["name"]},
        )


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def two_agencies(program, actor):
    """Everything that the log can say, twice: of Havendam and of Delinde; each time it names the other where it can."""
    owner = actor(program, "havendam")
    disclosure = referred(program, owner).reference
    _entries(program, owner, "HAVKANARIE", "DELKANARIE", disclosure)
    _entries(program, actor(program, "delinde"), "DELKANARIE", "HAVKANARIE", "D-DELKANARIE")
    jobs.run_checkpoint(program)
    return program


def _whole_listing(person, start="/audit"):
    """Every page of the list, from the newest to the oldest."""
    address, found = start, []
    while address:
        page = person.get(address)
        assert page.status_code == 200
        found.append(page.text)
        older = re.search(r'rel="next" href="([^"]+)"', page.text)
        address = older[1].replace("&amp;", "&") if older else ""
    return found


def _seqs(program, agency):
    with reading(program) as session:
        return list(session.scalars(select(LogEntry.seq).where(LogEntry.agency == agency)))


def test_the_own_part_holds_no_canary_of_another_agency(two_agencies):
    officer = Person(two_agencies, "fg.havendam")
    own = _seqs(two_agencies, "havendam")
    pages = _whole_listing(officer)
    pages += [officer.get(f"/audit/{seq}").text for seq in own]
    pages += [officer.get(f"/audit/{seq}/bewijs").text for seq in own]
    pages += [officer.get(path).text for path in ("/audit/werkplek", "/audit/export", "/audit/publieke-sleutel")]

    everything = "\n".join(pages)

    assert "DELKANARIE" not in everything
    assert everything.count("HAVKANARIE") > 100
    assert "D-DELKANARIE" not in everything


def test_an_export_of_the_own_part_holds_no_canary_of_another_agency(two_agencies):
    officer = Person(two_agencies, "fg.havendam").prove()
    made = officer.post("/audit/export", {"van": "", "tot": ""}, page="/audit/export")
    assert made.status_code == 303
    jobs.run_requests(two_agencies)
    with zipfile.ZipFile(io.BytesIO(officer.get(f"{made.location}/bestand").data)) as packed:
        everything = b"".join(packed.read(name) for name in packed.namelist())
    assert b"DELKANARIE" not in everything
    assert b"HAVKANARIE" in everything


def test_another_agencys_entries_are_closed_and_so_is_their_proof(two_agencies):
    officer = Person(two_agencies, "fg.havendam").prove()
    for seq in _seqs(two_agencies, "delinde")[:5]:
        assert officer.get(f"/audit/{seq}").status_code == 403
        assert officer.get(f"/audit/{seq}/bewijs").status_code == 403
    assert (
        officer.post(
            "/audit/export", {"van": "", "tot": "", "organisatie": "delinde"}, page="/audit/export"
        ).status_code
        == 403
    )


def test_the_filters_offer_no_people_of_another_agency(two_agencies):
    page = Person(two_agencies, "fg.havendam").get("/audit").text
    with reading(two_agencies) as session:
        people = dict(session.execute(select(Account.id, Account.agency_id)).all())
    offered = {person for person in people if person in page}
    assert offered
    assert {people[person] for person in offered} == {"havendam"}


def test_no_filter_tells_what_the_details_hide(program, actor):
    # Given a link between an own signal and one of Delinde, of which Havendam never saw the reference
    foreign = submitted(program, actor(program, "delinde"), a_signal(capacity="care-wgbo"))
    own = submitted(program, actor(program, "havendam"))
    officer = Person(program, "fg.havendam")
    assert "link:propose" in officer.get(f"/audit?kenmerk={own}").text.split("<tbody")[1]
    # When the officer asks after the other signal, or a person in it
    for asked_for in (f"kenmerk={foreign}", f"betrokkene={foreign}.1"):
        page = officer.get(f"/audit?{asked_for}").text
        assert "<tbody" not in page, asked_for
    # And the auditor does find the link
    assert "link:propose" in Person(program, "auditor").get(f"/audit?kenmerk={foreign}").text.split("<tbody")[1]


def test_a_second_person_of_the_table_does_not_open_the_disclosure_to_the_own_officer(program, actor):
    # Given a disclosure of Havendam about which somebody of another agency decided
    owner = actor(program, "havendam")
    disclosure = referred(program, owner).reference
    decider = actor(program, "delinde")
    details = {
        "disclosure": disclosure,
        "signal": "S-HAV",
        "recipient": "essm",
        "ground": "X1",
        "requester": owner.account_id,
    }
    with transaction(program, decider) as tx:
        tx.record("disclosure:approve", object_type="disclosure", object_id=disclosure, details=details)
    officer = replace(actor(program, "fg.havendam"), agency_id="delinde", channel=Channel.WEB)
    with transaction(program, officer) as tx:
        (line,) = auditing.entries(tx, Filters(action="disclosure:approve")).lines
        assert set(line.details) & {"signal", "recipient", "ground", "requester"} == set()
        assert line.details_state == "masked"
        assert auditing.entries(tx, Filters(ground="X1")).lines == ()
        assert auditing.entries(tx, Filters(receiver="essm")).lines == ()


# -- content ------------------------------------------------------------------------------------------------------

CONTENT = "Kwartelkoning"


@pytest.fixture
def busy(program, actor):
    """A case in which everybody wrote the canary wherever one can write: account, names, reasons, notes, evidence, answers."""
    owner, coordinator, receiver = (actor(program, one) for one in ("havendam", "coordinator", "essm"))
    words = f"{CONTENT} werd gezien bij de loods, zo zegt men."
    person = a_person(identity={"given_name": CONTENT, "surname": CONTENT, "phone": "0687654321"})
    draft = a_signal(narrative=words, subjects=[person], consent=GIVEN)
    reference = submitted(program, owner, draft)
    signal = row(program, reference)
    use(
        program, coordinator, triage.triage, reference,
        result="triaged", urgency="now", reason=words, version=signal.version,
    )  # fmt: skip
    (question,) = asked(program, coordinator, reference, "avim", note=words)
    partner = actor(program, "avim")
    use(program, partner, enrich.read_question, question)
    use(program, partner, enrich.compare, question, {"surname": CONTENT})
    use(program, partner, enrich.answer, question, answer="hit", context=words, checked=True)
    meeting = on_the_agenda(program, coordinator, reference)
    use(program, coordinator, table.note, meeting, reference, words)
    categories = ["identity", "contact", "narrative", "minor", "nationality", "pseudonymous"]
    evidence = evidence_for(program, ["EXPLICIT_CONSENT", "NEC"], receiver.agency_id, categories, ground="X1")
    evidence["NEC"] = {name: words * 3 if isinstance(told, str) else told for name, told in evidence["NEC"].items()}
    made = disclosed(program, owner, submitted(program, owner, draft), "essm", ground="X1", evidence=evidence)
    use(program, receiver, referrals.accept, made.reference)
    use(program, receiver, referrals.feed_back, made.reference, result="help_offered", text=words)
    jobs.run_checkpoint(program)
    return made.reference


def test_the_auditor_sees_no_content_on_any_page(program, busy):
    auditor = Person(program, "auditor")
    with reading(program) as session:
        last = session.scalars(select(LogEntry.seq).order_by(LogEntry.seq.desc()).limit(1)).one()
        names = session.scalars(select(Account.name)).all()
    pages = _whole_listing(auditor) + [auditor.get(f"/audit/{seq}").text for seq in range(last + 1)]
    more = ("werkplek", "verstrekkingen", f"verstrekkingen/{busy}", "bewijs", "export", "publieke-sleutel")
    pages += [auditor.get(f"/audit/{path}").text for path in more]
    own_name = next(name for name in names if f"Afgedrukt door {name}" in pages[0])
    for page in pages:
        assert CONTENT not in page
        assert "0687654321" not in page
        assert not [name for name in names if name in page and name != own_name]
    assert busy in "".join(pages)
