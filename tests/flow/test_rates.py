"""How often somebody may ask: exact enough with several processes, and no commit for each request."""

from dataclasses import replace

import pytest
from sqlalchemy import event, func, select

from signaltable.domain import Channel
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.rates import STEPS, Rates, TooMany
from signaltable.models import Incident, RequestRate
from signaltable.transaction import reading
from tests.machine_steps import Machine, a_machine
from tests.serving import served
from tests.table_steps import log
from tests.web.people import Person

CASES = ("enrich:consult",)


def limited(program, minute=None, **day):
    """The program with these limits; those that are not named nobody reaches."""
    rules = program.policy.rates
    limits = dict.fromkeys(("person", "machine", "agency", "stranger"), 1000) | (minute or {})
    days = tuple(rule.model_copy(update=day) for rule in rules.day)
    changed = rules.model_copy(update={"minute": rules.minute.model_copy(update=limits), "day": days})
    return replace(program, policy=replace(program.policy, rates=changed))


def times(rates, who, most=2000, actions=()):
    """How often somebody can ask before it is too often."""
    for turn in range(most):
        try:
            rates.ask(who, actions)
        except TooMany:
            return turn
        rates.note(who, actions)
    return most


@pytest.fixture
def somebody(actor, sqlite_program):
    return actor(sqlite_program, "avim")


def test_a_person_may_ask_so_often_in_a_minute_and_then_in_the_next(sqlite_program, somebody, clock):
    """ASVS 2.4.1, 2.4.2."""
    rates = Rates(limited(sqlite_program, {"person": 40}))
    assert times(rates, somebody) == 40
    clock.forward(seconds=20)
    with pytest.raises(TooMany) as told:
        rates.ask(somebody)
    assert (told.value.reason, told.value.seconds) == ("minute_person", 40)
    clock.forward(seconds=40)
    assert times(rates, somebody) == 40


def test_an_agency_never_takes_more_than_its_part(sqlite_program, actor, somebody):
    rates = Rates(limited(sqlite_program, {"person": 30, "agency": 50}))
    system = replace(somebody, account_id="0" * 32, channel=Channel.API)
    assert times(rates, somebody) == 30
    # The refused ones count as well: they cost something too.
    assert times(rates, system) == 19
    assert times(rates, actor(sqlite_program, "opvang")) == 30


def test_processes_count_together(program, actor, clock):
    """With several processes a limit is passed by a step at most for each other process."""
    who, most = actor(program, "avim"), 80
    changed = limited(program, {"person": most})
    processes = [Rates(changed) for _process in range(3)]
    through = 0
    for turn in range(3 * most):
        try:
            processes[turn % 3].ask(who)
        except TooMany:
            continue
        through += 1
    assert most <= through <= most + 2 * (most // STEPS)
    (_entry,) = log(program, "rate:exceed")


def test_a_request_is_no_commit(sqlite_program, somebody, clock):
    program = limited(sqlite_program, {"person": 80})
    rates, commits = Rates(program), []
    with reading(program) as session:
        bind = session.get_bind()
    event.listen(bind, "commit", lambda _connection: commits.append(1))
    times(rates, somebody, most=79)
    assert len(commits) == 79 // (80 // STEPS)


def test_a_budget_of_a_day_stays_used_up_after_a_restart_and_ends_with_the_day(sqlite_program, somebody, clock):
    """ASVS 2.4.1: fetching everything comes to an end, and is seen."""
    changed = limited(sqlite_program, person=50)
    rates = Rates(changed)
    assert times(rates, somebody, actions=CASES) == 50
    assert times(rates, somebody, most=60) == 60  # What opens no case goes on.
    rates.write()
    again = Rates(changed)
    with pytest.raises(TooMany) as told:
        again.ask(somebody, CASES)
    assert told.value.reason == "day-cases_person"
    assert told.value.seconds == (13 * 60 + 30) * 60  # It is 10:30 in the Netherlands.
    clock.forward(seconds=told.value.seconds)
    assert times(again, somebody, actions=CASES) == 50


def test_what_showed_nothing_costs_nothing_of_the_day(sqlite_program, somebody):
    rates = Rates(limited(sqlite_program, person=5))
    for _turn in range(20):
        rates.ask(somebody, CASES)


def test_the_log_tells_it_once_a_minute_and_an_incident_when_it_goes_on(sqlite_program, somebody, clock):
    rates = [Rates(limited(sqlite_program, {"person": 10})) for _process in range(2)]
    for minute in range(5):
        for one in rates:
            times(one, somebody)
            times(one, somebody)
        assert len(log(sqlite_program, "rate:exceed")) == minute + 1
        with reading(sqlite_program) as session:
            found = session.scalars(select(Incident)).all()
        assert len(found) == (1 if minute == 4 else 0)
        clock.forward(minutes=1)
    assert (found[0].kind, found[0].place) == ("asked-too-often", f"person {somebody.account_id}")
    ((entry, details), *_others) = log(sqlite_program, "rate:exceed")
    assert (entry.actor, details["kind"], details["count"]) == (somebody.account_id, "minute", 10)


def test_strangers_cannot_fill_the_log_nor_the_memory(sqlite_program, clock):
    rates = Rates(limited(sqlite_program, {"stranger": 8}), networks=20)
    for network in range(60):
        times(rates, replace(ANONYMOUS, network_hash=f"{network:032x}"))
    assert len(log(sqlite_program, "rate:exceed")) == 1
    assert len(rates._counts) < 30
    with reading(sqlite_program) as session:
        assert session.scalar(select(func.count()).select_from(RequestRate)) < 30


def test_old_counts_are_forgotten(sqlite_program, somebody, clock):
    rates = Rates(limited(sqlite_program, {"person": 8}))
    times(rates, somebody)
    clock.forward(days=3)
    rates.ask(somebody, CASES)
    rates.note(somebody, CASES)
    clock.forward(minutes=1)
    rates.ask(somebody)
    with reading(sqlite_program) as session:
        oldest = session.scalar(select(func.min(RequestRate.minute)))
    assert (clock() - oldest).days < 3


def test_whoever_asks_too_often_reads_why_and_a_colleague_goes_on(sqlite_program):
    """The page in words, the API in JSON, both with the seconds to wait; others behind the same network notice nothing."""
    program = limited(sqlite_program, {"person": 12, "machine": 12, "stranger": 12})
    busy, colleague = Person(program, "avim"), Person(program, "opvang")
    answers = [busy.get("/vragen") for _turn in range(13)]
    assert [one.status_code for one in answers] == [200] * 12 + [429]
    assert answers[-1].headers["Retry-After"] == "60"
    assert "60 sec" in answers[-1].text
    assert colleague.get("/vragen").status_code == 200
    machine = Machine(program, a_machine(program))
    told = [machine.get("/api/self") for _turn in range(13)][-1]
    assert (told.status_code, told.json["reason"], told.headers["Retry-After"]) == (429, "rate", "60")
    # Whoever tries tokens is a stranger.
    trying = served(program).test_client()
    tried = [trying.get("/api/self", headers={"Authorization": "Bearer x"}).status_code for _turn in range(13)]
    assert (tried[0], tried[-1]) == (401, 429)
    # A stranger who floods the network keeps nobody from signing in, and is stopped elsewhere.
    stranger = served(program).test_client()
    codes = [stranger.get("/api/openapi.json").status_code for _turn in range(13)]
    assert codes[-1] == 429
    assert stranger.get("/aanmelden").status_code == 200


def test_a_form_without_its_token_counts_too(sqlite_program):
    program = limited(sqlite_program, {"person": 5})
    busy = Person(program, "avim")
    codes = [busy.client.post("/vragen/lijst", data={}).status_code for _turn in range(7)]
    assert codes == [400] * 5 + [429] * 2
