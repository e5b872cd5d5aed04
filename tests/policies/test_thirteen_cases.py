"""The thirteen worked cases against the grounds: what may go where, written by hand from the law, with the reason.

`status` is the best that can be had: now, after a step, or never. `rows` are all rows it rests on, and `steps` is what the
first of them needs from somebody else.
"""

from dataclasses import dataclass

import pytest

from signaltable.demo import walk
from signaltable.demo.walk import CASES, NOBODY, PAGE, TABLE, page, prospects, situation
from signaltable.flow.contents import MASKED, NARRATIVE
from signaltable.grounds import PURPOSES
from signaltable.policy import PolicySet

NOT_ASKED = {"consent": {"status": "not_asked"}}
GIVEN = {"consent": {"status": "given", "on": "2026-11-20", "language": "Engels", "interpreter": "none"}}
IN_DANGER = {"safety": {"acute_danger": "yes", "safe_to_continue": "no", "urgency": "now"}}


@dataclass(frozen=True)
class Expected:
    case: str
    recipient: str
    purpose: str
    number: int
    status: str
    rows: tuple[str, ...]
    steps: tuple[str, ...]
    why: str
    changes: tuple[tuple[str, object], ...] = ()


def of(
    case: str, recipient: str, purpose: str, number: int, status: str, rows: str, steps: str = "", *, why: str,
    given: dict[str, object] | None = None,
) -> Expected:  # fmt: skip
    changes = tuple((given or {}).items())
    return Expected(case, recipient, purpose, number, status, tuple(rows.split()), tuple(steps.split()), why, changes)


CARE, NLA = "care-coordination", "labour-inspectorate"
EXPECTED = [
    of("janusz", CARE, "P2", 1, "now", "G2 X1", why="he agreed: Wmo 5.3.3(1), and AVG 9(2)(a) for the rest"),
    of("janusz", CARE, "P2", 1, "after", "G2 X1", "CONSENT", why="without his yes no Wmo data leave", given=NOT_ASKED),
    of("janusz", NLA, "P3b", 1, "now", "X8", why="explicit consent is the way out that Wmo 5.3.3 leaves (G1)"),
    of("janusz", NLA, "P3b", 1, "after", "X8", "EXPLICIT_CONSENT", why="Wmo 5.2.1(2) is closed", given=NOT_ASKED),
    of("janusz", NLA, "P3b", 2, "never", "G1", why="nobody can consent for the employer; Wmo data stay (G1)"),
    of("janusz", "riec", "P3", 1, "never", "G1", why="no row takes a Wmo client to the RIEC, agreed or not"),
    of("janusz", "comensha", "P8", 1, "after", "X7", "EXPLICIT_CONSENT", why="CoMensha asks consent on paper"),
    of("janusz", "police", "P5", 1, "never", "D5 D0", why="a signal never serves removal: Vw 107(8)"),
    of("danita", "police", "P3", 1, "after", "X10 Z1", "EXPLICIT_CONSENT", why="BW 7:457: only she can lift the secrecy"),
    of("danita", "police", "P3", 2, "never", "Z6 D3", why="her friend to AVIM: suspicion never breaks secrecy (Z6)"),
    of("danita", "police", "P7", 2, "after", "Z5", "VITAL", why="only acute danger: conflict of duties"),
    of("danita", TABLE, "P1", 1, "now", "D1 X16", why="without a name the table may know that it is sex work"),
    of("mascha2", NLA, "P3b", 1, "after", "X10 Z1", "EXPLICIT_CONSENT", why="a doctor told her nothing else than this"),
    of("mascha2", NLA, "P3b", 1, "now", "X10 Z1", why="with her consent the doctor may", given=GIVEN),
    of("mascha2", "ngo", "P2", 1, "after", "X10 Z1", "EXPLICIT_CONSENT", why="help too needs her yes (BW 7:457)"),
    of("achmed", "police", "P7", 1, "now", "Z1 Z5", why="he is in danger and too ill to ask: overmacht (Z5)"),
    of("achmed", "police", "P3", 1, "after", "X10 Z1", "EXPLICIT_CONSENT", why="detection waits until he can be asked"),
    of("achmed", "police", "P3", 2, "never", "Z6", why="the phone of the uncle came from a patient (Z6)"),
    of("cara", "police", "P3", 1, "never", "D0", why="a question about pay is no crime and she is no victim"),
    of("cara", "ngo", "P2", 1, "never", "G8", why="a list of help is handed out; no data leave"),
    of("ihrin", "riec", "P3", 2, "after", "G5", "PARTNERSHIP DUAL", why="inspection data on the factory: WGS 2.3"),
    of("ihrin", "riec", "P3", 1, "never", "D0", why="never about the straw man himself: he may be a victim"),
    of("hassan", CARE, "P1", 1, "now", "E4 X16", why="advice without a name asks nobody's consent"),
    of("hassan", CARE, "P2", 1, "never", "G8", why="he is a witness of his own pay slip: nothing to refer yet"),
    of("tanya", "police", "P3", 2, "after", "G7 X13", "DUAL", why="Sv 161 on what inspectors saw themselves"),
    of("tanya", "police", "P3", 1, "after", "X8", "EXPLICIT_CONSENT", why="she herself goes only if she agrees"),
    of("tanya", "riec", "P3", 3, "after", "G5", "PARTNERSHIP DUAL", why="the business of the accountant: WGS 2.3"),
    of("jady", TABLE, "P1", 1, "now", "D1 X16", why="medical secrecy: pseudonymous only"),
    of("jady", CARE, "P2", 1, "after", "X10 Z1", "EXPLICIT_CONSENT", why="consent (Z1, with sex life X10)"),
    of("jady", "police", "P3", 1, "after", "X10 Z1", "EXPLICIT_CONSENT", why="Z6: consent is the only route"),
    of("jady", "police", "P7", 1, "after", "Z5 Z1", "VITAL", why="or acute danger (Z5), and there is none"),
    of("jady", "police", "P7", 1, "now", "Z1 Z5", why="in acute danger the doctor may call (Z5)", given=IN_DANGER),
    of("jintha", NLA, "P3b", 1, "after", "G6 X8", "PARTNERSHIP", why="intervention team (SUWI 64), or her consent"),
    of("jintha", NLA, "P3b", 2, "after", "G6", "PARTNERSHIP", why="the house with six beds: SUWI 64"),
    of("jintha", "ngo", "P2", 1, "after", "X1", "EXPLICIT_CONSENT", why="help needs her yes"),
    of("dusi", NLA, "P3b", 1, "after", "X10 Z1", "EXPLICIT_CONSENT", why="he said no; asking again is all there is"),
    of("meisje", "veilig-thuis", "P4", 1, "now", "G4 X2", why="in doubt a minor: Wmo 5.2.6, without consent and at once"),
    of("meisje", "raad", "P4", 1, "now", "G3 X4", why="Jeugdwet 2.4(1): the college must, without consent"),
    of("meisje", "veilig-thuis", "P4", 2, "after", "X23", "DUAL", why="from whom to protect her: Wmo 5.2.6 covers it"),
    of("meisje", "raad", "P4", 2, "after", "X23", "DUAL", why="BW 1:240: what the Board needs, the man included"),
    of("tanya", "veilig-thuis", "P4", 2, "after", "X23", "DEPENDENCE DUAL", why="no child here, so it has to be shown"),
    of("janusz", "return-support", "P2", 1, "after", "X29", "DUAL", why="return only if he asks (M21), with two people"),
    of("meisje", "return-support", "P2", 1, "never", "D3 D0", why="nobody advises a child to return by way of a table"),
    of("meisje", "youth-care", "P2", 1, "after", "X22", "EXPLICIT_CONSENT MIN DUAL", why="specialised help: consent by age"),
    of("meisje", "police", "P3", 2, "never", "D3 D0", why="what youth care learned goes by Veilig Thuis (V1, X28)"),
    of("meisje", "police", "P7", 1, "after", "X15", "VITAL", why="in acute danger the police too"),
    of("milan", CARE, "P2", 1, "now", "G2 X1", why="a bed tonight by the care coordinator: he agreed"),
    of("milan", "shelter", "P2", 1, "now", "G2 X1", why="a shelter for men on the same consent"),
    of("milan", CARE, "P2", 1, "after", "G2 X1", "CONSENT", why="without consent no bed by name", given=NOT_ASKED),
    of("milan", "police", "P3", 1, "now", "X8", why="a report only because he agreed"),
]  # fmt: skip


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda one: f"{one.case}-{one.recipient}-{one.purpose}-{one.number}")
def test_what_may_go_where(expected: Expected, policy: PolicySet) -> None:
    case = situation(expected.case, policy, **dict(expected.changes))

    found = prospects(case, expected.recipient, expected.purpose, policy)[expected.number]

    assert (found.status, set(found.rows)) == (expected.status, set(expected.rows)), expected.why
    if expected.status == "after":
        (way,) = [way for way in found.after if way.row == expected.rows[0]]
        assert set(way.steps) == set(expected.steps), expected.why


def test_every_worked_case_is_walked() -> None:
    assert {one.case for one in EXPECTED} == set(CASES)
    assert len(CASES) == 13


# -- what holds for a whole case --------------------------------------------------------------------------------------


def statuses(case: walk.Situation, policy: PolicySet) -> dict[tuple[str, str, int], str]:
    kinds = [kind for kind in policy.agency_kinds if kind != case.kind]
    return {
        (kind, purpose, number): found.status
        for kind in kinds
        for purpose in PURPOSES
        for number, found in prospects(case, kind, purpose, policy).items()
    }


@pytest.mark.parametrize("name", ["jady", "danita", "dusi"])
def test_without_consent_and_danger_a_doctor_tells_nobody_a_name(name: str, policy: PolicySet) -> None:
    now = {place for place, status in statuses(situation(name, policy), policy).items() if status == "now"}

    assert {purpose for _kind, purpose, _number in now} == {"P1"}


@pytest.mark.parametrize("name", CASES)
def test_nothing_of_a_signal_goes_to_the_enforcement_of_aliens_law(name: str, policy: PolicySet) -> None:
    case = situation(name, policy)

    assert {status for (_, purpose, _n), status in statuses(case, policy).items() if purpose == "P5"} == {"never"}


@pytest.mark.parametrize("name", CASES)
def test_advice_without_a_name_is_always_possible_now(name: str, policy: PolicySet) -> None:
    case = situation(name, policy)

    for recipient in (TABLE, CARE):
        assert {found.status for found in prospects(case, recipient, "P1", policy).values()} == {"now"}


@pytest.mark.parametrize("name", CASES)
def test_without_a_name_no_identity_address_or_own_words_go_along(name: str, policy: PolicySet) -> None:
    case = situation(name, policy)

    for found in prospects(case, TABLE, "P1", policy).values():
        carried = frozenset[str]().union(*(way.categories for way in found.now))
        assert carried <= {"pseudonymous", "sex_life"}
        assert NARRATIVE in found.staying


def test_the_account_of_a_woman_in_a_massage_salon_goes_with_her_consent_and_no_further(policy: PolicySet) -> None:
    case = situation("jady", policy, **GIVEN)

    (wide,) = [way for way in prospects(case, CARE, "P2", policy)[1].now if way.row == "X10"]
    (narrow,) = [way for way in prospects(case, CARE, "P2", policy)[1].now if way.row == "Z1"]

    assert NARRATIVE in wide.fields
    assert not {NARRATIVE, MASKED, "subject.role"} & set(narrow.fields)


@pytest.mark.parametrize(("recipient", "row"), [("veilig-thuis", "X2"), ("raad", "X4")])
def test_child_protection_hears_what_happened_to_the_girl_though_it_accuses_a_man(
    recipient: str, row: str, policy: PolicySet
) -> None:
    case = situation("meisje", policy)
    assert "criminal" in case.request(recipient, "P4", 1).fields[NARRATIVE]

    found = prospects(case, recipient, "P4", policy)[1]

    (way,) = [way for way in found.after if way.row == row]
    assert {NARRATIVE, MASKED, "subject.role", "signal.forms"} <= set(way.fields)
    assert found.staying == ()


def test_a_mention_of_a_child_does_not_keep_back_the_account_of_an_adult_who_agrees(policy: PolicySet) -> None:
    case = situation("achmed", policy, **GIVEN)
    assert "minor" in case.request(CARE, "P2", 1).fields[NARRATIVE]

    (way,) = [way for way in prospects(case, CARE, "P2", policy)[1].now if way.row == "X10"]

    assert NARRATIVE in way.fields


def test_a_signal_about_nobody_is_a_request_about_nobody_in_particular(policy: PolicySet) -> None:
    case = situation("jady", policy, subjects=[])

    assert case.numbers == (NOBODY,)
    assert prospects(case, CARE, "P2", policy)[NOBODY].status == "after"


# -- the generated page -----------------------------------------------------------------------------------------------


def test_the_page_is_up_to_date(policy: PolicySet) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(policy), "run make pages"


def test_every_case_has_a_chapter_that_names_the_deciding_rows(policy: PolicySet) -> None:
    made = page(policy)

    assert [f"## {number}. {title}" in made for number, title in enumerate(CASES.values(), start=1)] == [True] * 13
    assert "(Z6)" in made
    assert "(X22)" in made
