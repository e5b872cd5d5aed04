"""The pages of links: what an owner reads and never reads, forms that come back filled, and the line for who relied on one."""

import re

from signaltable.flow import linking
from tests.factories import a_person, a_signal
from tests.table_steps import submitted, use
from tests.web.people import Person


def words(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_an_owner_judges_ends_and_takes_back_on_the_pages_and_the_other_reads_it(sqlite_program, actor):
    program = sqlite_program
    mine = submitted(program, actor(program, "havendam"))
    theirs = submitted(program, actor(program, "delinde"), a_signal(capacity="care-wgbo"))
    havendam, delinde = Person(program, "havendam"), Person(program, "delinde")
    # The card shows how alike they are, as a picture and as a list, and nothing of the other side
    page = havendam.get("/koppelingen").text
    assert 'class="pic pic--likenesses"' in page
    assert page.count("pic-mark--same") >= 3
    assert "Proefveld" not in page
    assert theirs not in page
    (link,) = set(re.findall(r'action="(/koppelingen/[0-9a-f]{32})"', page))
    # Refusing without a reason comes back; confirming needs none
    refused = havendam.post(link, {"verdict": "refuse", "reason": "x" * 600}, page="/koppelingen")
    assert refused.status_code == 422
    assert "x" * 600 in refused.text
    assert havendam.post(link, {"verdict": "confirm", "reason": ""}, page="/koppelingen").status_code == 303
    assert link in havendam.get("/koppelingen?toon=others").text
    delinde.post(link, {"verdict": "confirm", "reason": ""}, page="/koppelingen")
    # Both signals say that this one stands elsewhere too
    for person, reference in ((havendam, mine), (delinde, theirs)):
        shown = person.get(f"/signalen/{reference}").text
        assert f"/koppelingen/splitsen/{reference}/1" in shown
    # Ending asks a reason, and what was typed comes back
    long = "y" * 600
    ended = havendam.post(f"{link}/losmaken", {"reason": long}, page=link)
    assert ended.status_code == 422
    assert long in ended.text
    assert havendam.post(f"{link}/losmaken", {"reason": "zij is een ander"}, page=link).status_code == 303
    assert "zij is een ander" in havendam.get(link).text
    assert "zij is een ander" not in delinde.get(link).text
    # Who relied on it reads a line until it is read, with the own reference alone
    overview = delinde.get("/overzicht").text
    (notice,) = re.findall(r'action="(/koppelingen/meldingen/[0-9a-f]{32})"', overview)
    assert theirs in overview
    assert mine not in overview
    assert delinde.post(notice, page="/overzicht").status_code == 303
    assert notice not in delinde.get("/overzicht").text
    # And taking it back brings the link again
    assert havendam.post(f"{link}/terugdraaien", {"reason": "toch dezelfde"}, page=link).status_code == 303
    assert use(program, actor(program, "havendam"), linking.own_links)[0].state == "confirmed"
    assert "/koppelingen/meldingen/" in delinde.get("/overzicht").text


def test_two_own_signals_are_merged_and_split_by_forms_that_come_back_filled(sqlite_program, actor):
    program, person = sqlite_program, actor(sqlite_program, "havendam")
    other = a_signal(subjects=[a_person(identity={"given_name": "Bartolomea", "surname": "Verzinsel"})])
    one, two = submitted(program, person), submitted(program, person, other)
    havendam = Person(program, "havendam")
    typed = {
        "one_reference": one,
        "one_number": "1",
        "other_reference": two,
        "other_number": "7",
        "reason": "zelfde vrouw",
    }
    wrong = havendam.post("/koppelingen/samenvoegen", typed)
    assert wrong.status_code == 422
    assert all(f'value="{typed[name]}"' in wrong.text for name in ("one_reference", "other_reference", "other_number"))
    assert "zelfde vrouw" in wrong.text
    assert havendam.post("/koppelingen/samenvoegen", {**typed, "other_number": "9" * 400}).status_code == 422
    merged = havendam.post("/koppelingen/samenvoegen", {**typed, "other_number": "1"})
    assert merged.headers["Location"].endswith("/koppelingen?toon=confirmed")
    split = f"/koppelingen/splitsen/{two}/1"
    assert havendam.post(split, {"reason": ""}).status_code == 422
    assert havendam.post(split, {"reason": "toch niet"}).status_code == 303
    assert [line.state for line in use(program, person, linking.own_links)] == ["ended"]
    for foreign in (f"/koppelingen/splitsen/{two}/1", "/koppelingen/samenvoegen"):
        assert Person(program, "auditor").get(foreign).status_code == 403
    assert Person(program, "delinde").get(split).status_code == 404


def test_the_exclusion_list_stands_under_links_for_who_judges_them_and_in_the_menu_for_others(sqlite_program):
    partner, officer = Person(sqlite_program, "riec"), Person(sqlite_program, "fg.havendam")
    page = partner.get("/uitsluitlijst").text
    assert menu_of(page)["Koppelingen"].endswith('aria-current="page"')
    assert "Uitsluitlijst" not in menu_of(page)
    assert 'href="/uitsluitlijst"' in partner.get("/koppelingen").text
    own = officer.get("/uitsluitlijst").text
    assert menu_of(own)["Uitsluitlijst"].endswith('aria-current="page"')
    assert "/koppelingen" not in own


def test_an_address_without_a_postcode_is_told_at_the_postcode_and_the_form_is_kept(sqlite_program):
    partner = Person(sqlite_program, "riec")
    told = {"street": "Dwaallaan", "label": "Opvang", "reason": "Velen wonen hier", "review_on-day": "1"}
    page = "/uitsluitlijst/nieuw/address"
    whole = told | {"review_on-month": "3", "review_on-year": str(sqlite_program.clock().year + 1)}
    back = partner.post(page, whole)
    assert (back.status_code, 'value="Dwaallaan"' in back.text) == (422, True)
    assert re.search(r'href="#postcode">[^<]*postcode', back.text)
    assert partner.post(page, whole | {"postcode": "9999 ZZ", "house_number": "4"}).status_code == 303


def menu_of(page):
    """The entries of the menu: label and the attributes of its link."""
    return {label: attributes for attributes, label in re.findall(r'<a class="st-nav__link" ([^>]*)>([^<]*)</a>', page)}
