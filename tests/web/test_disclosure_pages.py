"""The owner's pages of disclosing: what is shown, what a forger gets, and how mistakes come back."""

import re

import pytest

from signaltable.evidence_forms import for_ground
from signaltable.grounds import LegalReference
from signaltable.web.wording import articles
from tests.disclosure_steps import GIVEN, Browser, disclosed, key_for
from tests.factories import a_person, a_signal
from tests.table_steps import log, row, submitted, use
from tests.web.people import without_tokens

IN_OWN_WORDS = "Wat er is gezien, in de woorden van de melder"


@pytest.fixture
def browser(sqlite_program):
    return Browser(sqlite_program)


@pytest.fixture
def signal(sqlite_program, actor):
    return submitted(sqlite_program, actor(sqlite_program, "havendam"), a_signal(consent=GIVEN))


@pytest.fixture
def address(sqlite_program, actor, signal):
    return (
        f"/signalen/{signal}/verstrekken/{key_for(sqlite_program, actor(sqlite_program, 'havendam'), signal, 'essm')}"
    )


def hidden(html, *names):
    """The hidden fields of the form that discloses."""
    form = html[html.rindex('method="post"') :]
    return {name: re.findall(rf'type="hidden" name="{name}" value="([^"]*)"', form) for name in names}


def answers(**changes):
    """A complete set of answers for the ground X1, as the page asks them."""
    return {
        "EXPLICIT_CONSENT-recipient": "this",
        "EXPLICIT_CONSENT-categories": ["identity", "contact", "narrative", "pseudonymous"],
        "EXPLICIT_CONSENT-given_on-day": "20",
        "EXPLICIT_CONSENT-given_on-month": "november",
        "EXPLICIT_CONSENT-given_on-year": "2026",
        "EXPLICIT_CONSENT-given_by": "person",
        "EXPLICIT_CONSENT-form": "spoken",
        "EXPLICIT_CONSENT-language": "Pools",
        "EXPLICIT_CONSENT-interpreter": "professional",
        "EXPLICIT_CONSENT-asked_by": "casemanager",
        "EXPLICIT_CONSENT-text_version": "2026-1",
        "EXPLICIT_CONSENT-explicit": "y",
        "EXPLICIT_CONSENT-told_withdrawal": "y",
        "NEC-motivation": "Zonder naam en nummer kan de zorgcoördinator haar niet bereiken.",
        **changes,
    }


def carried(browser, address):
    html = browser.get(address).text
    return {**hidden(html, "ground", "seen", "subjects"), "step": "disclose"}


def test_the_destinations_come_from_the_server_and_no_address_names_them(browser, signal):
    page = browser.log_in("havendam").get(f"/signalen/{signal}/verstrekken")
    assert page.status_code == 200
    assert "ESSM, zorgcoördinatie" in page.text
    links = re.findall(rf'href="/signalen/{signal}/verstrekken/([^"]+)"', page.text)
    assert links
    assert all(re.fullmatch(r"[0-9a-f]{32}", link) for link in links)
    assert "Zorinka" not in page.text


def test_the_preview_shows_exactly_what_goes_and_holds_no_key_of_an_agency(browser, address):
    page = browser.log_in("havendam").get(address)
    assert page.status_code == 200
    assert "Zorinka" in page.text
    form = page.text[page.text.rindex('method="post"') :]
    assert "essm" not in without_tokens(form).replace("ESSM", "")
    # A motivation has no default text; consent is taken over from the signal
    assert re.search(r'name="NEC-motivation"[^>]*>\s*</textarea>', page.text)
    assert 'name="EXPLICIT_CONSENT-language"' in page.text
    assert 'value="Pools"' in page.text
    assert "checked" not in re.search(r'id="EXPLICIT_CONSENT-categories-0"[^>]*', page.text)[0]


def values_in(html, card):
    """The fields and values in a card of the page, without markup."""
    whole = html[html.index(f'id="{card}"') :]
    return [
        " ".join(re.sub(r"<[^>]+>", " ", item).split())
        for item in re.findall(r"<(?:dt|dd).*?</(?:dt|dd)>", whole[: whole.index("</section>")], re.DOTALL)
    ]


def shown_with(browser, address, given):
    """Look at what these answers let through, and take over what that page carries."""
    page = browser.post(address, {**given, **carried(browser, address), "step": "look"}, page=address)
    return {**given, **hidden(page.text, "ground", "seen", "subjects"), "step": "disclose"}


def test_nothing_goes_that_was_not_on_the_page(sqlite_program, browser, signal, address):
    # Given a page that shows the story in the reporter's own words, and consent that does not name it
    browser.log_in("havendam")
    assert IN_OWN_WORDS in values_in(browser.get(address).text, "preview")
    given = answers(**{"EXPLICIT_CONSENT-categories": ["identity", "contact", "pseudonymous"]})
    # When the owner presses Disclose
    answer = browser.post(address, {**given, **carried(browser, address)}, page=address)
    # Then nothing went, and the page says what changed, shows what is left and kept the answers
    assert answer.status_code == 409
    assert not log(sqlite_program, "signal:disclose")
    assert row(sqlite_program, signal).state == "submitted"
    shown = values_in(answer.text, "preview")
    assert shown
    assert IN_OWN_WORDS not in shown
    assert "Er is niets verstuurd" in answer.text
    assert "casemanager" in answer.text
    assert "kan de zorgcoördinator haar niet bereiken" in answer.text
    # When the owner presses once more
    again = {**given, **hidden(answer.text, "ground", "seen", "subjects"), "step": "disclose"}
    made = browser.post(address, again, page=address)
    # Then exactly what was shown goes
    assert made.status_code == 303
    assert values_in(browser.get(made.location).text, "inhoud") == shown


def test_answers_that_let_more_through_than_was_shown_are_shown_first(sqlite_program, browser, address):
    browser.log_in("havendam")
    narrow = shown_with(browser, address, answers(**{"EXPLICIT_CONSENT-categories": ["identity", "pseudonymous"]}))
    answer = browser.post(address, {**narrow, **answers()}, page=address)
    assert answer.status_code == 409
    assert "+31612345678" in answer.text.replace(" ", "")
    assert not log(sqlite_program, "signal:disclose")


def test_filled_in_well_it_is_disclosed(sqlite_program, browser, signal, address):
    browser.log_in("havendam")
    answer = browser.post(address, shown_with(browser, address, answers()), page=address)
    assert answer.status_code == 303, answer.text
    reference = answer.location.rsplit("/", 1)[1]
    assert row(sqlite_program, signal).state == "referred"
    page = browser.get(answer.location)
    assert reference in page.text
    assert "Zorinka" in page.text
    assert "casemanager" in page.text


def test_mistakes_come_back_at_their_field_with_what_was_typed(sqlite_program, browser, signal, address):
    browser.log_in("havendam")
    wrong = answers(**{"NEC-motivation": "kort"})
    del wrong["EXPLICIT_CONSENT-explicit"], wrong["EXPLICIT_CONSENT-form"]
    answer = browser.post(address, {**wrong, **carried(browser, address)}, page=address)
    assert answer.status_code == 422
    assert "<title>Fout" in answer.text or "<title>Error" in answer.text
    for target in ("NEC-motivation", "EXPLICIT_CONSENT-form-0", "EXPLICIT_CONSENT-explicit"):
        assert f'href="#{target}"' in answer.text
        assert f'id="{target}"' in answer.text
    assert "casemanager" in answer.text
    assert row(sqlite_program, signal).state == "submitted"


def test_consent_for_somebody_else_is_no_consent(sqlite_program, browser, signal, address):
    browser.log_in("havendam")
    answer = browser.post(
        address, {**answers(**{"EXPLICIT_CONSENT-recipient": "other"}), **carried(browser, address)}, page=address
    )
    assert answer.status_code == 422
    assert 'href="#EXPLICIT_CONSENT-recipient-0"' in answer.text
    assert row(sqlite_program, signal).state == "submitted"


def test_a_bsn_in_a_motivation_is_refused_without_repeating_it_in_the_message(browser, address):
    browser.log_in("havendam")
    wrong = answers(**{"NEC-motivation": "Zij heeft nummer 111222333 en kan niet zonder hulp."})
    answer = browser.post(address, {**wrong, **carried(browser, address)}, page=address)
    assert answer.status_code == 422
    assert "111222333" not in "".join(re.findall(r'st-field__error".*?</div>', answer.text, re.DOTALL))


def test_looking_again_shows_what_these_answers_let_through(sqlite_program, browser, signal, address):
    browser.log_in("havendam")
    fewer = answers(**{"EXPLICIT_CONSENT-categories": ["identity", "pseudonymous"]})
    answer = browser.post(address, {**fewer, **carried(browser, address), "step": "look"}, page=address)
    assert answer.status_code == 200
    preview = answer.text[answer.text.index('id="preview"') : answer.text.index('method="post" action="/signalen')]
    shown = preview[: preview.index("</section>")]
    assert "Zorinka" in shown
    assert "0612345678" not in shown
    assert "+31612345678" not in shown
    assert row(sqlite_program, signal).state == "submitted"


def test_looking_again_with_a_condition_open_says_which_one(sqlite_program, browser, signal, address):
    browser.log_in("havendam")
    fewer = answers(**{"EXPLICIT_CONSENT-categories": ["identity"], "NEC-motivation": ""})
    answer = browser.post(address, {**fewer, **carried(browser, address), "step": "look"}, page=address)
    assert answer.status_code == 422
    assert 'href="#NEC-motivation"' in answer.text
    assert "0612345678" in answer.text.replace("+31", "0"), "what could go is shown until the answers are complete"
    assert row(sqlite_program, signal).state == "submitted"


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        ({"destination": "avim"}, "not_on_the_form"),
        ({"recipient": "avim"}, "not_on_the_form"),
        ({"fields": "subject.nationality"}, "not_on_the_form"),
        ({"DUAL-approver": "somebody"}, "not_on_the_form"),
        ({"ground": "Z1"}, "not_offered"),
        ({"ground": ["X1", "G2"]}, "not_offered"),
        ({"subjects": ["1", "9"]}, "not_offered"),
        ({"subjects": "one"}, "not_offered"),
        ({"EXPLICIT_CONSENT-categories": ["identity", "bsn"]}, "not_offered"),
        ({"EXPLICIT_CONSENT-categories": ["identity", "sex_life"]}, "not_offered"),
        ({"EXPLICIT_CONSENT-recipient": "avim"}, "not_offered"),
        ({"EXPLICIT_CONSENT-form": "telepathy"}, "not_offered"),
    ],
)
def test_what_the_form_did_not_offer_is_refused_and_recorded(sqlite_program, browser, signal, address, forged, reason):
    browser.log_in("havendam")
    answer = browser.post(address, {**answers(), **carried(browser, address), **forged}, page=address)
    assert answer.status_code == 403
    entry, details = log(sqlite_program, "request:refuse")[-1]
    assert (entry.outcome, details["cause"]) == ("refused", reason)
    assert not log(sqlite_program, "signal:disclose")
    assert row(sqlite_program, signal).state == "submitted"


def test_an_invented_choice_or_address_parameter_is_refused_and_recorded(sqlite_program, browser, signal, address):
    browser.log_in("havendam")
    for path in (f"/signalen/{signal}/verstrekken/{'a' * 32}", f"{address}?destination=avim", f"{address}?ground=Z1"):
        before = len(log(sqlite_program, "request:refuse"))
        assert browser.get(path).status_code == 403
        assert len(log(sqlite_program, "request:refuse")) == before + 1


def test_changed_since_it_was_shown_goes_nowhere(sqlite_program, browser, address):
    browser.log_in("havendam")
    sent = {**answers(), **carried(browser, address), "seen": "0" * 64}
    assert browser.post(address, sent, page=address).status_code == 409
    assert not log(sqlite_program, "signal:disclose")


def test_a_second_press_counts_once_and_another_window_is_a_conflict(sqlite_program, browser, address):
    browser.log_in("havendam")
    other = Browser(sqlite_program).log_in("havendam")
    sent = shown_with(browser, address, answers())
    page = f"/signalen/{address.split('/')[2]}"
    assert browser.post(address, sent, page=page).status_code == 303
    again = browser.post(address, sent, page=page)
    assert (again.status_code, again.location) == (303, address)
    assert len(log(sqlite_program, "signal:disclose")) == 1
    assert other.post(address, sent, page=page).status_code == 409


@pytest.mark.parametrize(
    ("login", "status"), [("delinde", 403), ("essm", 403), ("coordinator", 403), ("auditor", 403), ("beheer", 403)]
)
def test_others_come_nowhere(sqlite_program, actor, browser, signal, address, login, status):
    made = disclosed(sqlite_program, actor(sqlite_program, "havendam"), signal, "essm").reference
    browser.log_in(login)
    for path in (f"/signalen/{signal}/verstrekken", address, f"/verstrekkingen/{made}"):
        assert browser.get(path).status_code == status


def test_who_is_not_chosen_is_told_to_stay_and_the_owner_to_read_the_account_again(sqlite_program, actor, browser):
    who = actor(sqlite_program, "havendam")
    draft = a_signal(consent=GIVEN, subjects=[a_person(), a_person(role="possible_perpetrator", identity={})])
    reference = submitted(sqlite_program, who, draft)
    key = key_for(sqlite_program, who, reference, "essm")
    page = browser.log_in("havendam").get(f"/signalen/{reference}/verstrekken/{key}?subjects=1").text
    assert "U hebt deze niet gekozen. Kijk na of het verhaal" in page
    assert (
        "U hebt deze niet gekozen"
        not in browser.get(f"/signalen/{reference}/verstrekken/{key}?subjects=1&subjects=2").text
    )


def test_no_ground_says_why_and_what_to_do(sqlite_program, actor, browser):
    draft = a_signal(capacity="care-wgbo", subjects=[a_person(), a_person(role="possible_perpetrator", identity={})])
    reference = submitted(sqlite_program, actor(sqlite_program, "delinde"), draft)
    key = key_for(sqlite_program, actor(sqlite_program, "delinde"), reference, "avim")
    page = browser.log_in("delinde").get(f"/signalen/{reference}/verstrekken/{key}?subjects=2")
    assert page.status_code == 200
    assert "112" in page.text
    assert 'value="disclose"' not in page.text
    assert log(sqlite_program, "disclosure:refuse")[-1][0].outcome == "refused"


def test_the_owner_sees_answers_of_the_receiver(sqlite_program, actor, browser, signal):
    from signaltable.flow import referrals

    made = disclosed(sqlite_program, actor(sqlite_program, "havendam"), signal, "essm").reference
    use(sqlite_program, actor(sqlite_program, "essm"), referrals.accept, made)
    use(
        sqlite_program,
        actor(sqlite_program, "essm"),
        referrals.feed_back,
        made,
        result="help_offered",
        text="Gesprek vrijdag.",
    )
    page = browser.log_in("havendam").get(f"/verstrekkingen/{made}")
    assert "Gesprek vrijdag." in page.text


def test_a_ground_that_needs_paper_offers_no_consent_in_a_conversation(sqlite_program):
    spec = sqlite_program.policy.conditions["EXPLICIT_CONSENT"]
    on_paper = for_ground(
        spec, sqlite_program.policy.grounds.find("X7", sqlite_program.clock().date()).parameters[spec.code]
    )
    offered = {row.name: [option.value for option in row.options] for row in on_paper.fields}
    assert offered["form"] == ["written"]
    assert offered["given_by"] == ["person", "both", "representative"]
    assert for_ground(spec, "") is spec


def test_the_owner_reads_titles_and_no_codes(sqlite_program, actor, browser, signal):
    made = disclosed(sqlite_program, actor(sqlite_program, "havendam"), signal, "essm", ground="X1").reference
    title = sqlite_program.policy.grounds.find("X1", sqlite_program.clock().date()).title.nl
    assert f"{title} (X1)" in browser.log_in("havendam").get(f"/signalen/{signal}").text
    page = browser.get(f"/verstrekkingen/{made}").text
    assert f"{title} (X1)" in page
    question = page.index("Voor welke organisatie geldt dit?")
    assert "ESSM, zorgcoördinatie" in page[question : question + 300]


def test_an_open_list_of_ticks_asks_to_choose(browser, address):
    browser.log_in("havendam")
    wrong = answers(**{"EXPLICIT_CONSENT-categories": []})
    answer = browser.post(address, {**wrong, **carried(browser, address)}, page=address)
    assert answer.status_code == 422
    assert "Kies minstens één mogelijkheid" in answer.text


def test_articles_read_as_people_write_them_each_once():
    references = [LegalReference(scheme="NL", code=code) for code in ("AVG-10-", "AVG-10", "Wmo-5.2.1-2-a")]
    assert articles(references) == "AVG 10; Wmo 5.2.1(2)(a)"
