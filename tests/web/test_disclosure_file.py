"""The file of a disclosure: the rule of that day, conditions with evidence, who did what, the decision again, the proof."""

import re
import shutil
from dataclasses import replace

import pytest
from sqlalchemy import select, text, update

from signaltable import jobs
from signaltable.flow import policy_versions, referrals
from signaltable.models import Disclosure
from signaltable.policy import load
from signaltable.transaction import transaction
from tests.duty_steps import REFERRAL, referred
from tests.log_tools import owners_engine, tamper
from tests.table_steps import use
from tests.web.people import Person


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


def _text(page):
    """What stands on a page, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def _file(program, reference):
    auditor = Person(program, "auditor")
    auditor.post("/taal", {"lang": "en", "next": "/"}, page="/audit/verstrekkingen")
    page = auditor.get(f"/audit/verstrekkingen/{reference}")
    assert page.status_code == 200
    return _text(page)


@pytest.fixture
def made(program, actor):
    """A disclosure that the receiver took up and told something about, covered by a signed state."""
    receiver = actor(program, "essm")
    made = referred(program, actor(program, "havendam"), receiver)
    use(program, receiver, referrals.feed_back, made.reference, result="help_offered", text="Zij woont nu veilig.")
    jobs.run_checkpoint(program)
    return made


def test_the_file_tells_rule_people_conditions_decision_and_proof(program, made):
    told = _file(program, made.reference)
    ground = next(row for row in program.policy.grounds.rows if row.id == REFERRAL)
    for words in (
        ground.title.en,
        ground.explanation.en,
        "The ground says the same today.",
        "it has this hash",
        "evidence included, it comes out the same",
        "Handed it over",
        "with a password",
        "Accepted it",
        "Gave feedback",
        "Feedback: Help was offered",
        "one of the",
        "entries that were signed on",
    ):
        assert words in told, words
    assert "other than the one on record" not in told


def test_the_file_holds_no_content_and_no_evidence(program, made):
    told = _file(program, made.reference)
    for secret in ("T. Olk", "Zij woont nu veilig", "Hanneke", "Pools"):
        assert secret not in told, secret


def test_evidence_that_somebody_replaced_is_seen_without_being_shown(program, made):
    engine = owners_engine(program.settings)
    with engine.begin() as connection:
        (hashes,) = connection.execute(select(Disclosure.evidence_hashes)).scalars()
        connection.execute(update(Disclosure).values(evidence_hashes={**hashes, "NEC": "0" * 64}))
    engine.dispose()
    told = _file(program, made.reference)
    assert told.count("another hash than the one on record") == 1
    assert "it has this hash" in told  # of the other conditions


@pytest.mark.parametrize("column", ["purpose", "recipient_agency", "payload_hash"])
def test_a_row_that_says_another_thing_than_the_log_is_no_account_of_what_happened(program, made, column):
    assert "does not say what the log says" not in _file(program, made.reference)
    changed = {"purpose": "P3", "recipient_agency": "avim", "payload_hash": "0" * 64}[column]
    tamper(program, f"UPDATE disclosures SET {column} = :changed", changed=changed)
    told = _file(program, made.reference)
    assert "This page does not say what the log says" in told
    assert {"purpose": "Purpose", "recipient_agency": "Receiver", "payload_hash": "Digest of what was sent"}[
        column
    ] in told.split("something else when")[1].split(".")[0]


def test_the_text_that_applied_stays_when_the_rule_changes(program, made, tmp_path):
    folder = shutil.copytree(program.settings.policies, tmp_path / "policies")
    path = folder / "grondslagen" / f"{REFERRAL}.toml"
    title = next(row for row in program.policy.grounds.rows if row.id == REFERRAL).title.en
    path.write_text(path.read_text().replace(title, "A title of a later day"))
    later = replace(program, policy=load(folder))
    with transaction(later, jobs.JOBS) as tx:
        policy_versions.note(tx)

    told = _file(later, made.reference)

    assert title in told.split("what it says otherwise today")[0]
    assert "The text was changed since" in told
    assert "A title of a later day" in told
    assert "used for this disclosure" in told
    assert "evidence included, it comes out the same" in told  # by the rules of that day


def test_a_ground_that_is_gone_is_shown_as_it_was(program, made):
    engine = owners_engine(program.settings)
    with engine.begin() as connection:
        connection.execute(text("UPDATE disclosures SET policy_digest = 'gone'"))
    engine.dispose()
    told = _file(program, made.reference)
    assert "The rules of that day cannot be read here" in told
    assert REFERRAL in told


def test_before_a_signed_state_there_is_no_receipt_and_the_list_says_so(program, actor):
    made = referred(program, actor(program, "havendam"))
    assert "the next signed checkpoint covers it" in _file(program, made.reference)
    auditor = Person(program, "auditor")
    assert made.reference in auditor.get("/audit/verstrekkingen?bijzonder=without_receipt").text
    jobs.run_checkpoint(program)
    assert made.reference not in auditor.get("/audit/verstrekkingen?bijzonder=without_receipt").text
    assert made.reference in auditor.get("/audit/verstrekkingen?bijzonder=unreviewed").text
    assert made.reference not in auditor.get("/audit/verstrekkingen?bijzonder=emergency").text


def test_the_list_of_disclosures_keeps_to_its_filters(program, actor, made):
    auditor = Person(program, "auditor")
    fits = (
        f"/audit/verstrekkingen?verstrekker=havendam&ontvanger=essm&grondslag={REFERRAL}&stand=accepted&van=1-11-2026"
    )
    assert made.reference in auditor.get(fits).text
    for other in ("verstrekker=delinde", "ontvanger=avim", "grondslag=X2", "stand=rejected", "tot=1-11-2026"):
        assert made.reference not in auditor.get(f"/audit/verstrekkingen?{other}").text, other
    wrong = auditor.get("/audit/verstrekkingen?verstrekker=niemand&van=gisteren")
    assert wrong.text.count('aria-invalid="true"') == 2
    assert 'value="gisteren"' in wrong.text


def test_only_an_auditor_opens_the_file(program, actor, made):
    for login in ("havendam", "essm", "fg.havendam", "coordinator", "beheer"):
        assert Person(program, login).get(f"/audit/verstrekkingen/{made.reference}").status_code == 403
