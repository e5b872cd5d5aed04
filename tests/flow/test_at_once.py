"""Two people at one signal at the same moment, on both databases: one is first, the other hears so, nothing is half done."""

import threading
from collections import Counter

import pytest

from signaltable.domain import Conflict, NotFound, UnusableInput
from signaltable.flow import enrich, meanwhile, referrals, setup, signals, subject_reports, table, triage
from signaltable.flow.accounts import change_account, record_account
from signaltable.transaction import transaction
from tests.conftest import PASSWORD
from tests.disclosure_steps import disclosed
from tests.factories import a_signal
from tests.identity_steps import CONSENTED
from tests.table_steps import asked, log, on_the_agenda, row, submitted, triaged, use

LOST = (Conflict, NotFound, UnusableInput)


def at_once(*cases):
    """What came of these cases when all began at the same moment: "done" or the name of what was raised."""
    ready, came = threading.Barrier(len(cases)), []

    def go(case):
        ready.wait()
        try:
            case()
            came.append("done")
        except LOST as problem:
            came.append(type(problem).__name__)

    threads = [threading.Thread(target=go, args=(one,)) for one in cases]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return Counter(came)


def test_of_two_at_the_same_moment_one_is_first_and_the_other_hears_so(program, actor):
    owner, desk, chair = (actor(program, login) for login in ("havendam", "coordinator", "voorzitter"))
    # Two judge one signal
    reference = submitted(program, owner, a_signal(consent=CONSENTED))
    seen = row(program, reference)

    def judge(result):
        options = {"result": result, "urgency": seen.urgency, "reason": "", "version": seen.version}
        return lambda: use(program, desk, triage.triage, reference, **options)

    assert at_once(judge("triaged"), judge("watch")) == {"done": 1, "Conflict": 1}
    assert len(log(program, "signal:triage")) == 1
    # Two colleagues answer one question differently
    other = triaged(program, owner, desk)
    (question,) = asked(program, desk, other, "avim")

    def answer(given):
        return lambda: use(program, actor(program, "avim"), enrich.answer, question, answer=given, version=0)

    assert at_once(answer("hit"), answer("no_hit")) == {"done": 1, "Conflict": 1}
    # Two decide, and somebody takes the signal back meanwhile
    meeting = on_the_agenda(program, desk, other)

    def decide(who, decision):
        deciding = table.Deciding(decision=decision, reason=f"Wij besluiten {decision}")
        return lambda: use(program, who, table.decide, meeting, other, deciding)

    came = at_once(decide(desk, "watch"), decide(chair, "close"))
    assert came == {"done": 1, "Conflict": 1}
    assert row(program, other).state in {"watch", "closed"}
    third = triaged(program, owner, desk)
    meeting = on_the_agenda(program, desk, third)
    deciding = table.Deciding(decision="close", reason="Niets mee te doen")
    came = at_once(
        lambda: use(program, owner, signals.withdraw, third, "Toch niet nodig"),
        lambda: use(program, chair, table.decide, meeting, third, deciding),
    )
    assert came["done"] == 1
    decided, back = log(program, "table:decide"), log(program, "signal:withdraw")
    assert len(decided) + len(back) == 2  # One decision before, and one of the two now.
    assert row(program, third).state == ("withdrawn" if back else "closed")


def test_a_referral_is_taken_up_or_given_back_and_disclosed_once(program, actor):
    owner, essm = actor(program, "havendam"), actor(program, "essm")
    reference = submitted(program, owner, a_signal(consent=CONSENTED))
    came = at_once(*[lambda: disclosed(program, owner, reference, "essm")] * 2)
    assert came["done"] == 1
    ((_entry, details),) = log(program, "signal:disclose")
    made = details["disclosure"]
    came = at_once(
        lambda: use(program, essm, referrals.accept, made),
        lambda: use(program, essm, referrals.give_back, made, cause="no_room", text="Geen plek."),
    )
    assert came == {"done": 1, "Conflict": 1}
    assert len(log(program, "disclosure:accept")) + len(log(program, "disclosure:return")) == 1


def test_whoever_saw_an_older_account_or_report_does_not_overwrite_the_newer(sqlite_program, actor):
    program = sqlite_program
    admin, account = actor(program, "beheer"), actor(program, "avim").account_id
    with transaction(program, admin) as tx:
        seen = meanwhile.version_of(tx, account, "account:change")
    first = {"name": "Eerste naam", "roles": ["partner-member"], "active": True}
    use(program, admin, change_account, account, **first, version=seen)
    with pytest.raises(Conflict):
        use(program, admin, change_account, account, **{**first, "name": "Tweede naam"}, version=seen)
    # A report: two focal officers decide, the second on a page from before the first
    reference = submitted(program, actor(program, "havendam"))
    officer = actor(program, "fg.havendam")
    asked_for = use(
        program, officer, subject_reports.request, reference, 1, asker="self", reason="Vroeg erom aan de balie."
    )
    check = program.policy.safety_check
    safe = {one.id: next(a.id for a in one.answer if not a.blocks) for one in check.question}
    options = {"answers": safe, "decision": "hand_over", "reason": "Veilig, besproken met haar zelf.", "version": 0}
    use(program, actor(program, "havendam"), subject_reports.decide, asked_for, **options)
    with pytest.raises(Conflict):
        use(program, actor(program, "havendam"), subject_reports.decide, asked_for, **options)


def test_what_happened_meanwhile_names_organisations_and_only_own_colleagues(sqlite_program, actor):
    program = sqlite_program
    with transaction(program, setup.INSTALLER) as tx:
        made = {"login": "havendam.twee", "name": "Collega Twee", "agency_id": "havendam", "roles": ["focal-officer"]}
        record_account(tx, password=PASSWORD, **made)
    reference = triaged(program, actor(program, "havendam"), actor(program, "coordinator"))
    (question,) = asked(program, actor(program, "coordinator"), reference, "avim")
    use(program, actor(program, "avim"), enrich.answer, question, answer="hit")
    use(program, actor(program, "havendam"), signals.withdraw, reference, "Toch niet")

    def told(login, *objects):
        with transaction(program, actor(program, login)) as tx:
            return [(one.what.en, one.agency, one.person) for one in meanwhile.changes(tx, objects)]

    own = told("havendam.twee", reference)
    assert own[0][2] == actor(program, "havendam").name
    others = told("coordinator", reference, question)
    assert others[0][1:] == ("Gemeente Havendam", "")
    # What a partner answered is its own: the coordinator hears nothing of it here, its colleague does
    assert all("answer" not in what.lower() for what, _agency, _person in others)
    assert any(person for _what, _agency, person in told("avim", question))
