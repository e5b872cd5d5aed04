"""The pages of passing on, taking back and feedback, and what each party reads there."""

import re

from signaltable.flow import referral_work, referrals
from tests.disclosure_steps import Browser, agree, disclosed, evidence_for, look
from tests.flow.test_revoking import WHY, taken_back
from tests.flow.test_transfers import SHELTER, stored
from tests.table_steps import use
from tests.transfer_steps import given, made_once  # noqa: F401 -- a fixture


def filled(program, who, parent, page, **more):
    """The form of the preview, as a person would fill it in."""
    given_ = evidence_for(
        program,
        [spec.code for spec in page.conditions],
        page.choice.agency_id,
        page.categories,
        ground=page.option.ground.id,
    )
    data = {"ground": page.option.ground.id, "seen": page.seen, "step": "disclose", **more}
    data["subjects"] = ["", *(str(one.number) for one in page.subjects if one.chosen)]
    for code, values in given_.items():
        for name, value in values.items():
            key = f"{code}-{name}"
            if name == "recipient":
                data[key] = "this"
            elif hasattr(value, "year"):
                data |= {f"{key}-day": value.day, f"{key}-month": value.month, f"{key}-year": value.year}
            elif isinstance(value, bool):
                data |= {key: "y"} if value else {}
            else:
                data[key] = value
    return data


def posted_conditions(browser, path, page, data):
    """Post what the page asks; days come from the boxes that the page draws."""
    text = browser.get(path).text
    for name in re.findall(r'name="([A-Z_]+-[a-z_]+)-day"', text):
        value = data.pop(name, "2026-11-20")
        year, month, day = str(value)[:10].split("-")
        data |= {f"{name}-day": day, f"{name}-month": month, f"{name}-year": year}
    return browser.post(path, data, page=path)


def test_a_receiver_passes_it_on_in_the_browser(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    browser = Browser(program).log_in("essm")
    start = browser.get(f"/postvak/{parent}")
    assert f"/postvak/{parent}/doorzetten" in start.text
    chooses = browser.get(f"/postvak/{parent}/doorzetten")
    page = look(program, essm, parent, SHELTER)
    path = f"/postvak/{parent}/doorzetten/{page.choice.key}"
    assert path in chooses.text
    shown = browser.get(path)
    assert "Gemeente Havendam" in shown.text
    # Without an answer about the own copy nothing goes.
    data = filled(program, essm, parent, page)
    held = posted_conditions(browser, path, page, dict(data))
    assert held.status_code == 422
    assert "copy" in held.text
    sent = posted_conditions(browser, path, page, {**data, "copy": "erase", "tell": "tell"})
    assert sent.status_code in {303, 409}, sent.text[:3000]
    if sent.status_code == 409:
        again = re.search(r'name="seen" value="([^"]+)"', sent.text)[1]
        sent = posted_conditions(browser, path, page, {**data, "copy": "erase", "tell": "tell", "seen": again})
    assert sent.status_code == 303
    child = sent.headers["Location"].rpartition("/")[2]
    assert stored(program, child).parent_told
    mine = browser.get(f"/verstrekkingen/{child}")
    assert mine.status_code == 200
    assert parent in mine.text
    # The owner reads to whom, because it was told; the new receiver does not read the owner.
    owner = Browser(program).log_in("havendam")
    assert "Crisisopvang ESSM" in owner.get(f"/verstrekkingen/{parent}").text
    new = Browser(program).log_in("opvang").get(f"/postvak/{child}").text
    assert "ESSM, zorgcoördinatie" in new
    for hidden in (_signal, parent, "Gemeente Havendam"):
        assert hidden not in new


def test_owner_and_passer_on_read_no_more_than_they_may(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    owner = Browser(program).log_in("havendam")
    for path in (f"/signalen/{signal}", f"/verstrekkingen/{parent}"):
        text = owner.get(path).text
        assert 'id="wie-heeft-wat"' in text
        assert child not in text
        assert "Crisisopvang ESSM" not in text.partition('id="wie-heeft-wat"')[2].partition("</section>")[0]
    assert owner.get(f"/verstrekkingen/{child}").status_code == 403
    passer = Browser(program).log_in("essm")
    for path in (f"/postvak/{parent}", f"/postvak/{parent}/doorzetten", f"/verstrekkingen/{child}"):
        page = passer.get(path)
        assert page.status_code == 200
        assert signal not in page.text


def test_taking_back_in_the_browser_tells_both(sqlite_program, actor):
    program = sqlite_program
    _signal, parent = given(program, actor, accept=False)
    owner, essm = Browser(program).log_in("havendam"), Browser(program).log_in("essm")
    path = f"/verstrekkingen/{parent}"
    short = owner.post(f"{path}/terugnemen", {"cause": "wrong_recipient", "motivation": "kort"}, page=path)
    assert short.status_code == 422
    assert "kort" in short.text
    done = owner.post(f"{path}/terugnemen", {"cause": "wrong_recipient", "motivation": WHY}, page=path)
    assert done.status_code == 303
    assert WHY in owner.get(path).text
    late = essm.post(f"/postvak/{parent}/aannemen", {}, page=f"/postvak/{parent}")
    assert late.status_code == 409
    page = essm.get(f"/postvak/{parent}").text
    assert WHY not in page
    assert "Zorinka" not in page
    assert re.search(r'href="/plichten/[0-9a-f]+"', page)
    again = owner.post(f"{path}/terugnemen", {"cause": "other", "motivation": WHY}, page=path)
    assert again.status_code == 409


def test_police_is_asked_for_a_category_only(sqlite_program, actor):
    program = sqlite_program
    _signal, parent = given(program, actor)
    assert 'name="note"' in Browser(program).log_in("essm").get(f"/postvak/{parent}").text
    child = disclosed(program, actor(program, "essm"), parent, "avim", purpose="P6").reference
    agree(program, actor(program, "voorzitter"), child)
    use(program, actor(program, "avim"), referrals.accept, child)
    page = Browser(program).log_in("avim").get(f"/postvak/{child}").text
    assert 'value="taken_up"' in page
    assert 'value="help_offered"' not in page
    assert 'name="note"' not in page


def test_feedback_in_the_browser_reaches_the_signal_page(sqlite_program, actor):
    program = sqlite_program
    signal, parent = given(program, actor)
    essm, owner = Browser(program).log_in("essm"), Browser(program).log_in("havendam")
    path = f"/postvak/{parent}"
    for result, note in (("taken_up", "Wij bellen morgen."), ("help_offered", "")):
        sent = essm.post(f"{path}/terugkoppelen", {"result": result, "note": note}, page=path)
        assert sent.status_code == 303
    text = owner.get(f"/signalen/{signal}").text.partition('id="terugkoppeling"')[2]
    assert text.index("Er is hulp aangeboden") < text.index("Wij zijn ermee bezig")
    assert "Wij bellen morgen." in text


def test_an_address_says_nothing_more_than_it_may(sqlite_program, actor):
    program = sqlite_program
    _signal, parent = given(program, actor)
    browser = Browser(program).log_in("essm")
    for address in ("doorzetten?wie=politie", "doorzetten?capacity=police&capacity=care", "doorzetten?capacity=police"):
        assert browser.get(f"/postvak/{parent}/{address}").status_code == 403


def test_what_waits_stands_on_the_work_list(sqlite_program, actor, clock):
    program, owner, essm = sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "essm")
    signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference

    def waits(who, part):
        return [(one.kind, one.key) for one in use(program, who, lambda tx: list(part(tx)))]

    assert waits(essm, referral_work.feedback) == [("feedback", parent)]
    use(program, actor(program, "opvang"), referrals.give_back, child, cause="no_room", text="Wij hebben geen plek.")
    assert waits(essm, referral_work.further_returned) == [("further-returned", child)]
    clock.forward(minutes=1)
    other = disclosed(program, essm, parent, SHELTER).reference
    assert waits(essm, referral_work.further_returned) == []
    assert waits(owner, referral_work.recalls) == []
    taken_back(program, owner, parent)
    assert waits(owner, referral_work.returned) == [("returned", signal)]
    clock.forward(days=9)
    assert waits(owner, referral_work.recalls) == [("recalls", parent)]
    assert waits(essm, referral_work.further_recalls) == [("further-recalls", other)]
    assert Browser(program).log_in("havendam").get("/overzicht").status_code == 200


def test_what_was_taken_back_meanwhile_goes_no_further_and_says_so(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    page = look(program, essm, parent, SHELTER)
    path = f"/postvak/{parent}/doorzetten/{page.choice.key}"
    browser = Browser(program).log_in("essm")
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(path).text)[1]
    taken_back(program, actor(program, "havendam"), parent)
    data = filled(program, essm, parent, page, copy="keep", csrf_token=token)
    for answer in (browser.get(path), browser.client.post(path, data=data)):
        assert answer.status_code == 409
        assert f"/postvak/{parent}" in answer.text
        assert "Zorinka" not in answer.text
