"""A partner's own list against the open questions: only hits come back, to that partner, and the list is kept nowhere."""

import json

import pytest
from click.testing import CliRunner

from signaltable.cli import main
from signaltable.domain import Refused, UnusableInput
from signaltable.flow import blind_check, budget, enrich, exclusions
from signaltable.flow.coming_in import actors
from signaltable.flow.setup import INSTALLER
from signaltable.transaction import transaction
from tests.databases import environment, every_row
from tests.factories import a_person, a_signal
from tests.table_steps import asked, log, triaged, use

HEAD = "id;voornaam;tussenvoegsel;achternaam;geboortedatum;telefoon;straat;huisnummer;postcode;plaats\n"
SHE = "dossier-7;Zorinka;;Proefveld;12-04-1996;06 12345678;;;;\n"
STRANGER = "dossier-8;Kwibus;van;Verzinsel;3-9-1971;0201234567;Dwaallaan;4;9999 ZZ;Nergens\n"


def check(program, who, content):
    return blind_check.check(program, lambda: transaction(program, who), content.encode())


@pytest.fixture
def people(sqlite_program, actor):
    return {name: actor(sqlite_program, name) for name in ("havendam", "coordinator", "avim", "opvang", "auditor")}


@pytest.fixture
def question(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    return asked(sqlite_program, people["coordinator"], reference, "avim")[0]


def test_only_the_line_that_is_meant_comes_back_with_its_question(sqlite_program, people, question):
    outcome = check(sqlite_program, people["avim"], HEAD + STRANGER + SHE)
    (hit,) = [hit for hit in outcome.hits if hit.question == question]
    assert (hit.line, hit.id, hit.outcome) == (3, "dossier-7", "match")
    assert hit.compared["name"] == "same"
    assert "Proefveld" not in str(outcome.hits)
    assert outcome.lines == 2


@pytest.mark.parametrize(
    "line",
    [
        "1;zorínka;;PROEFVELD;1996-04-12;;;;;\n",
        "1;Proefveld;;Zorinka;12 april 1996;;;;;\n",
        "1;Zorinka;;Proefveld;04-12-1996;;;;;\n",
    ],
)
def test_another_spelling_is_found_too(sqlite_program, people, question, line):
    assert question in {hit.question for hit in check(sqlite_program, people["avim"], HEAD + line).hits}


def test_a_question_to_another_agency_or_one_that_was_answered_is_not_compared(sqlite_program, people, question):
    assert question not in {hit.question for hit in check(sqlite_program, people["opvang"], HEAD + SHE).hits}
    use(sqlite_program, people["avim"], enrich.answer, question, answer="no_hit")
    assert question not in {hit.question for hit in check(sqlite_program, people["avim"], HEAD + SHE).hits}
    with pytest.raises(Refused):
        check(sqlite_program, people["auditor"], HEAD + SHE)


def test_nothing_of_the_list_is_kept_anywhere(sqlite_program, people, question):
    check(sqlite_program, people["avim"], HEAD + STRANGER + SHE)
    ((_entry, details),) = log(sqlite_program, "enrich:search")
    assert (details["count"], details["hits"] > 0) == (2, True)
    stored = every_row(sqlite_program.settings)
    assert question in stored
    for word in ("Kwibus", "Verzinsel", "dossier-7", "dossier-8", "Dwaallaan"):
        assert word not in stored
    written = b"".join(path.read_bytes() for path in sqlite_program.settings.home.rglob("*") if path.is_file())
    assert b"Verzinsel" not in written


def test_a_login_at_the_command_line_has_its_own_questions_and_budget_and_no_more(sqlite_program, people, question):
    at_the_terminal = actors.actor_of_login(sqlite_program, "opvang")
    outcome = check(sqlite_program, at_the_terminal, HEAD + SHE)
    assert (outcome.questions, outcome.hits) == (0, ())
    assert outcome.left == sqlite_program.policy.budgets[budget.BLIND_CHECK].person - 1
    with pytest.raises(Refused):
        check(sqlite_program, actors.actor_of_login(sqlite_program, "auditor"), HEAD + SHE)
    everywhere = check(sqlite_program, INSTALLER, HEAD + SHE)
    assert (question in {hit.question for hit in everywhere.hits}, everywhere.left) == (True, None)


def test_lists_have_an_end_on_one_day_and_the_refusal_is_recorded(sqlite_program, people, question, clock):
    most = sqlite_program.policy.budgets[budget.BLIND_CHECK].person
    assert [check(sqlite_program, people["avim"], HEAD + SHE).left for _ in range(most)][-1] == 0
    with pytest.raises(Refused) as refused:
        check(sqlite_program, people["avim"], HEAD + SHE)
    assert refused.value.reason == budget.OF_PERSON
    assert log(sqlite_program, "enrich:search")[-1][0].outcome == "refused"
    clock.forward(hours=25)
    assert check(sqlite_program, people["avim"], HEAD + SHE).hits


def test_a_list_that_cannot_be_read_costs_nothing_and_says_where(sqlite_program, people, question):
    for content in ("", HEAD, "kleur\nrood\n", HEAD + 'x;"Zorinka\n', "voornaam;bsn\nZorinka;111222333\n"):
        with pytest.raises(UnusableInput) as caught:
            check(sqlite_program, people["avim"], content)
        assert "Zorinka" not in str(caught.value)
    with transaction(sqlite_program, people["avim"]) as tx:
        assert blind_check.checks_left(tx) == sqlite_program.policy.budgets[budget.BLIND_CHECK].person
        tx.session.rollback()


def test_a_cell_that_cannot_be_read_is_left_out_and_the_rest_of_its_line_counts(sqlite_program, people, question):
    outcome = check(sqlite_program, people["avim"], HEAD + "9;Zorinka;;Proefveld;12-04-1996;111222333;;;;\n")
    assert question in {hit.question for hit in outcome.hits}
    assert [(one.line, one.field) for one in outcome.unreadable] == [(2, "phone")]


def test_an_excluded_value_alone_is_no_hit(sqlite_program, people):
    program = sqlite_program
    desk = {"given_name": "", "surname": "", "birth_date": "", "phone": "0201234567"}
    draft = a_signal(narrative="Iemand zoekt hulp.", subjects=[a_person(identity=desk)])
    reference = triaged(program, people["havendam"], people["coordinator"], draft)
    (question,) = asked(program, people["coordinator"], reference, "avim")
    assert question in {hit.question for hit in check(program, people["avim"], HEAD + STRANGER).hits}
    day = program.clock().date().replace(day=28)
    told = {"label": "Balie", "reason": "Van iedereen", "review_on": day}
    use(program, people["opvang"], exclusions.add, "phone", {"phone": "020-1234567"}, **told)
    assert question not in {hit.question for hit in check(program, people["avim"], HEAD + STRANGER).hits}


def test_the_command_tells_hits_and_nothing_else(sqlite_program, people, question, tmp_path, monkeypatch):
    for name, value in environment(sqlite_program.settings).items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "lijst.csv"
    path.write_text(HEAD + STRANGER + SHE, encoding="utf-8")
    for whose, left in (([], None), (["--as", "avim"], sqlite_program.policy.budgets[budget.BLIND_CHECK].person - 1)):
        answer = CliRunner().invoke(main, ["blind-check", "--file", str(path), "--json", *whose])
        assert answer.exit_code == 0, answer.output
        found = json.loads(answer.stdout)
        assert set(found) == {"lines", "questions", "hits", "unreadable", "left"}
        assert found["left"] == left
        (hit,) = [hit for hit in found["hits"] if hit["question"] == question]
        assert (hit["line"], hit["id"], hit["outcome"], hit["agency"]) == (3, "dossier-7", "match", "avim")
        assert "Proefveld" not in answer.output
    path.write_text("voornaam;bsn\nZorinka;111222333\n", encoding="utf-8")
    answer = CliRunner().invoke(main, ["blind-check", "--file", str(path)])
    assert (answer.exit_code, len(answer.stderr.strip().splitlines())) == (2, 1)
    assert "Zorinka" not in answer.output
