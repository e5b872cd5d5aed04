"""docs/access-addresses.md against the program: every address, every method, as everybody (ASVS 8.2.1, 8.2.2, 8.3.1, 8.4.1)."""

import pytest

from signaltable.access import Permission
from signaltable.flow import retention
from signaltable.jobs.work import JOBS
from signaltable.web.errors import reason_text
from tests.conftest import Clock, open_for_test
from tests.databases import back_up, put_back
from tests.policies.access_tables import PAGE, ROLES, rows, tables, words
from tests.serving import served
from tests.table_steps import log, submitted
from tests.thorough import THOROUGH
from tests.web.access_people import LOGINS, PEOPLE, Visitor, actor_of, application, build, outcome, proved, unguarded
from tests.web.people import Person

ADDRESSES = PAGE.with_name("access-addresses.md")
EVERYBODY = {"everybody": frozenset(PEOPLE), "everybody signed in": frozenset(LOGINS), "nobody": frozenset()}


def addresses():
    """(address, method) -> its row."""
    found = {}
    (table,) = [rows for rows in tables(ADDRESSES.read_text(encoding="utf-8")) if rows and "Address" in rows[0]]
    for row in table:
        key = row["Address"].strip("`"), row["Method"]
        assert key not in found, key
        found[key] = row
    return found


def let_through(row):
    """Who gets through, as the page says."""
    said = words(row["Gets through"])
    return frozenset().union(*(EVERYBODY.get(word, frozenset({word})) for word in said))


def skipped(row):
    """Who need not try where no relation counts: all but one of those that get in, and who has the role of the owner."""
    if THOROUGH or row["Thing"] == "built":
        return frozenset()
    inside = [who for who in LOGINS if who in let_through(row)]
    return {"seated", "outsider", *inside[1:]} - set(inside[:1])


@pytest.fixture(scope="module")
def program(shared_settings):
    yield from open_for_test(shared_settings, Clock())


@pytest.fixture(scope="module")
def app(program):
    with unguarded(application(program)) as app:
        yield app


def routes(app):
    return {
        (rule.rule, method): rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


def test_every_address_and_method_has_a_row_and_every_row_an_address(app):
    page, program = set(addresses()), set(routes(app))
    assert (sorted(program - page), sorted(page - program)) == ([], [])


def test_every_row_names_the_permissions_and_the_proof_that_the_view_asks(app):
    """ASVS 7.5.3."""
    wrong = {}
    for key, endpoint in routes(app).items():
        view, row = app.view_functions[endpoint], addresses()[key]
        asked = {one.value for one in getattr(view, "needed_permissions", ())}
        proof = "again" if hasattr(view, "asks_step_up") else ""
        if (words(row["Permission"]) - {"none"}, row["Proof"]) != (asked, proof):
            wrong[key] = (sorted(asked), proof)
    assert wrong == {}
    assert {name for row in addresses().values() for name in words(row["Permission"])} - {"none"} <= set(rows())


def test_everybody_gets_where_the_page_says_and_nowhere_else(app, program):
    """ASVS 8.2.1, 8.2.2, 8.3.1, 8.4.1."""
    case = build(program)
    people = {who: Visitor(app, program, who, case) for who in PEOPLE}
    proved(program)
    kept = back_up(program)
    wrong = []
    for (address, method), row in addresses().items():
        path, expected = case.path(address), let_through(row)
        for who, visitor in people.items():
            if who in skipped(row):
                continue
            answer = visitor.ask(method, path)
            came = outcome(app, answer)
            through = came == "in" or (came == "absent" and row["Thing"] == "made up")
            if through != (who in expected):
                wrong.append(f"{method} {address}: {who}: {answer.status_code}, expected {who in expected}")
            if method != "GET" and answer.status_code < 400:
                put_back(program, kept)  # It was done; the next one finds things as they were.
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def test_the_page_speaks_of_every_role():
    assert len(ROLES) <= len(LOGINS)
    assert set(Permission) >= {
        Permission(name) for row in addresses().values() for name in words(row["Permission"]) - {"none"}
    }


def said(program, reason):
    with served(program).test_request_context():
        return reason_text(reason)


def test_nobody_opens_or_discloses_an_expired_signal_and_page_and_log_say_why(sqlite_program, clock):
    """What is never allowed in a state the gate refuses, with one reason for page and log (docs/access.md)."""
    reference = submitted(sqlite_program, actor_of(sqlite_program, "havendam"))
    clock.forward(days=sqlite_program.policy.retention["signal"].days + 1)
    retention.sweep(sqlite_program, JOBS)
    browser = Person(sqlite_program, "havendam")
    page = f"/signalen/{reference}"
    assert f"{page}/identiteit" not in browser.get(page).text
    named, disclosed = browser.post(f"{page}/identiteit", page=page), browser.get(f"{page}/verstrekken")
    for answer in (named, disclosed):
        assert answer.status_code == 403
        assert said(sqlite_program, "signal_ended") in answer.text
    refused = [details["permission"] for _entry, details in log(sqlite_program, "access:refuse")]
    assert refused == ["identity:consult:own-agency", "signal:disclose:own-agency"]
