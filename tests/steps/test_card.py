"""The card as a drawing: every route stands on it, nothing covers anything else, and both files say the same."""

import re
import xml.etree.ElementTree as ET
import zlib
from base64 import a85decode
from dataclasses import replace
from datetime import date
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaltable.card.columns import SMALLEST, CardDoesNotFit
from signaltable.card.content import card_routes
from signaltable.card.drawing import Rect, Words
from signaltable.card.layout import draw_card
from signaltable.card.paper import HEIGHT, WIDTH
from signaltable.card.pdf import card_pdf, writable
from signaltable.card.practice import situations, try_facts
from signaltable.card.svg import card_svg
from signaltable.card.words import condition_words
from signaltable.facts import FACTS, parse_facts
from signaltable.policy import PolicySet, load
from signaltable.policy_shapes import FactTest, Meldroute
from signaltable.route import decide
from signaltable.texts import Text

POLICIES = Path(__file__).resolve().parents[2] / "policies"
TODAY = date(2026, 11, 22)
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script> & \"aanhalingstekens\" 'x' \x07 Łódź 漢字"


@pytest.fixture(scope="module")
def policy() -> PolicySet:
    return load(POLICIES)


def grown(policy, count, **changes):
    """The rules with routes of a region on top, until there are `count`."""
    rules = list(policy.meldroutes_on(TODAY))
    more = [
        rules[number % len(rules)].model_copy(update={"id": f"R{number + 1}", **changes})
        for number in range(count - len(rules))
    ]
    return replace(policy, meldroutes=(*rules, *more))


def boxes(lane):
    return [part for part in lane.parts if isinstance(part, Rect) and part.kind != "strip"]


def words_in(drawing):
    texts = [part.text for sheet in drawing.sheets for part in sheet.parts if isinstance(part, Words)]
    return texts + [part.text for lane in drawing.lanes for part in lane.parts if isinstance(part, Words)]


def assert_nothing_covers_anything(drawing):
    for sheet in drawing.sheets:
        lanes = [lane.outline for lane in sheet.lanes]
        assert not [1 for one, other in combinations(lanes, 2) if one.overlaps(other)]
        for lane in sheet.lanes:
            assert not [1 for one, other in combinations(boxes(lane), 2) if one.overlaps(other)]
            box = lane.outline
            assert box.x >= 0
            assert box.y >= 0
            assert box.x + box.width <= WIDTH
            assert box.y + box.height <= HEIGHT
            for part in lane.parts:
                if isinstance(part, Words):
                    assert any(inside(part, one) for one in boxes(lane)), (lane.route, part)
            for part in sheet.parts:
                if isinstance(part, Words):
                    line = Rect(part.x, part.y - part.size * 0.8, part.width, part.size * 0.8, "words")
                    assert not line.overlaps(box), part.text


def inside(words, box):
    return (
        box.x <= words.x
        and words.x + words.width <= box.x + box.width + 0.01
        and box.y <= words.y - words.size * 0.7
        and words.y <= box.y + box.height
    )


@pytest.mark.parametrize("lang", ["nl", "en"])
def test_the_card_fits_one_sheet_and_can_be_read(policy, lang):
    drawing = draw_card(policy, on=TODAY, lang=lang)

    assert len(drawing.sheets) == 1
    assert drawing.size >= SMALLEST
    assert all(part.size >= SMALLEST for lane in drawing.lanes for part in lane.parts if isinstance(part, Words))
    assert {lane.route for lane in drawing.lanes} == {rule.id for rule in policy.meldroutes_on(TODAY)}
    assert_nothing_covers_anything(drawing)


@pytest.mark.parametrize("count", [31, 40, 120])
def test_a_card_that_grows_keeps_every_route_and_covers_nothing(policy, count):
    drawing = draw_card(grown(policy, count), on=TODAY, lang="nl")

    assert len(drawing.lanes) >= count
    assert {lane.route for lane in drawing.lanes} == {rule.id for rule in grown(policy, count).meldroutes}
    assert_nothing_covers_anything(drawing)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_a_short_card_is_larger(policy, count):
    few = replace(policy, meldroutes=policy.meldroutes_on(TODAY)[-count:])

    drawing = draw_card(few, on=TODAY, lang="nl")

    assert len(drawing.sheets) == 1
    assert drawing.size > draw_card(policy, on=TODAY, lang="nl").size
    assert_nothing_covers_anything(drawing)


def test_a_day_without_routes_is_still_a_card(policy):
    drawing = draw_card(replace(policy, meldroutes=()), on=TODAY, lang="nl")

    assert len(drawing.sheets) == 1
    ET.fromstring(card_svg(drawing))
    assert card_pdf(drawing).startswith(b"%PDF")


def test_the_most_urgent_comes_first_with_its_number_largest(policy):
    drawing = draw_card(policy, on=TODAY, lang="nl")

    urgent = drawing.lanes[0]
    largest = max(
        (part for lane in drawing.lanes for part in lane.parts if isinstance(part, Words)), key=lambda part: part.size
    )

    assert urgent.route == "M1"
    assert largest.text == "112"
    assert largest in urgent.parts


def test_many_urgent_routes_share_the_columns(policy):
    drawing = draw_card(grown(policy, 30, urgency="now"), on=TODAY, lang="nl")

    assert_nothing_covers_anything(drawing)
    assert [lane.level for lane in drawing.lanes] == sorted((lane.level for lane in drawing.lanes), reverse=True)


def test_a_route_longer_than_a_sheet_is_refused(policy):
    endless = policy.meldroutes[0].model_copy(update={"title": Text("woord " * 6000, "word " * 6000)})

    with pytest.raises(CardDoesNotFit, match="expected every route to fit one sheet"):
        draw_card(replace(policy, meldroutes=(endless,)), on=TODAY, lang="nl")


def test_a_route_of_tomorrow_is_not_on_the_card_of_today(policy):
    later = policy.meldroutes[3].model_copy(update={"id": "R7", "valid_from": date(2026, 11, 23)})
    both = replace(policy, meldroutes=(*policy.meldroutes, later))

    assert "R7" not in {lane.route for lane in draw_card(both, on=TODAY, lang="nl").lanes}
    assert "R7" in {lane.route for lane in draw_card(both, on=date(2026, 11, 23), lang="nl").lanes}


@given(title=st.text(min_size=1, max_size=200), reason=st.sampled_from([HOSTILE, "x" * 400, "a b " * 60]))
@settings(max_examples=30, deadline=None)
def test_any_words_stay_in_their_box_and_make_whole_files(title, reason):
    policy = _whole()
    rule = policy.meldroutes[4].model_copy(update={"title": Text(title or "-", title or "-")})
    place = policy.destinations["essm"].model_copy(update={"title": Text(reason, reason), "phone": reason[:60]})
    odd = replace(
        policy, meldroutes=(rule, *policy.meldroutes[1:3]), destinations={**policy.destinations, "essm": place}
    )

    drawing = draw_card(odd, on=TODAY, lang="nl")

    assert_nothing_covers_anything(drawing)
    ET.fromstring(card_svg(drawing))
    assert card_pdf(drawing).startswith(b"%PDF")


_LOADED: list[PolicySet] = []


def _whole():
    if not _LOADED:
        _LOADED.append(load(POLICIES))
    return _LOADED[0]


def test_both_files_hold_the_same_words(policy):
    drawing = draw_card(policy, on=TODAY, lang="nl")

    in_svg = [text.text for text in ET.fromstring(card_svg(drawing)).iter(f"{SVG}text")]
    in_pdf = pdf_words(card_pdf(drawing, compressed=False))

    assert in_svg == [text for text in words_in_order(drawing) if text]
    assert in_pdf == [writable(text) for text in words_in_order(drawing) if text]
    assert "112" in in_pdf


def words_in_order(drawing):
    for sheet in drawing.sheets:
        yield from (part.text for part in sheet.parts if isinstance(part, Words))
        for lane in sheet.lanes:
            yield from (part.text for part in lane.parts if isinstance(part, Words))


def pdf_words(content):
    """The shown texts of a PDF without compression, in order."""
    found = re.findall(rb"\(((?:\\.|[^\\()])*)\) Tj", content)
    return [_unescaped(text).decode("cp1252") for text in found]


def _unescaped(text):
    plain = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), text)
    return re.sub(rb"\\(.)", rb"\1", plain)


def test_the_pdf_is_one_sheet_of_a4_with_its_name_and_language(policy):
    drawing = draw_card(policy, on=TODAY, lang="nl")

    content = card_pdf(drawing, compressed=False)
    boxes_found = re.findall(rb"/MediaBox \[ ([^\]]+) \]", content)

    assert len(boxes_found) == 1
    assert [round(float(number)) for number in boxes_found[0].split()] == [0, 0, 842, 595]
    assert re.search(rb"/Lang \(nl\)", content)
    assert re.search(rb"/Title \(", content)
    words = pdf_words(content)
    assert any(policy.digest[:8] in text for text in words)
    assert policy.region.name.nl in words
    assert any("22 november 2026" in text for text in words)


def test_the_same_card_is_the_same_file(policy):
    one, other = (draw_card(policy, on=TODAY, lang="en") for _ in range(2))

    assert card_pdf(one) == card_pdf(other)
    assert card_svg(one) == card_svg(other)


def test_the_compressed_pdf_says_the_same(policy):
    drawing = draw_card(policy, on=TODAY, lang="nl")

    streams = re.findall(rb"stream\r?\n(.*?)endstream", card_pdf(drawing), flags=re.DOTALL)
    opened = b"".join(zlib.decompress(a85decode(stream.strip().removesuffix(b"~>"))) for stream in streams)

    assert pdf_words(opened) == pdf_words(card_pdf(drawing, compressed=False))


def test_the_picture_has_no_style_and_no_script_and_says_what_it_is(policy):
    drawing = draw_card(policy, on=TODAY, lang="nl")
    alone, linked = (
        ET.fromstring(card_svg(drawing)),
        ET.fromstring(card_svg(drawing, address=lambda route: f"#r-{route}")),
    )

    for root in (alone, linked):
        assert not [1 for part in root.iter() if part.tag in {f"{SVG}style", f"{SVG}script"} or "style" in part.attrib]
        assert root.find(f"{SVG}title").text == drawing.title
        assert root.find(f"{SVG}desc").text
    assert alone.get("role") == "img"
    assert linked.get("role") == "group"
    assert {link.get("href") for link in linked.iter(f"{SVG}a")} == {f"#r-{lane.route}" for lane in drawing.lanes}


def test_what_is_lit_is_marked_without_colour_and_nothing_else_is(policy):
    drawing = draw_card(policy, on=TODAY, lang="nl", lit=[("M12", "essm")])

    lit = [lane for lane in drawing.lanes if lane.lit]

    assert [lane.route for lane in lit] == ["M12"]
    kinds = [part.kind for part in lit[0].parts]
    assert kinds.count("to-lit") == 1
    assert kinds.count("to") == 1
    assert "check" in kinds
    assert not [1 for lane in drawing.lanes if not lane.lit for part in lane.parts if part.kind.endswith("-lit")]


# -- words --------------------------------------------------------------------------------------------------------


def test_conditions_read_as_the_facts_are_called(policy):
    cases = {
        FactTest(fact="shelter_needed", op="equals", value="yes"): "Opvang nodig",
        FactTest(fact="age", op="equals", value="adult"): "Leeftijdsgroep: 18 of ouder",
        FactTest(fact="gender", op="one_of", value=["man", "other"]): "Gender: Man / Anders",
        FactTest(fact="age_years", op="below", value=23): "Leeftijd in jaren: minder dan 23",
        FactTest(fact="linked_agencies", op="at_least", value=2): (
            "Aantal organisaties met dezelfde betrokkene: 2 of meer"
        ),
        FactTest(fact="minor", op="equals", value="yes"): policy.derived["minor"].title.nl,
        FactTest(fact="stuck", op="equals", value="no"): "Zaak zit vast: Nee",
    }

    assert {test: condition_words(test, policy, "nl") for test in cases} == cases


def test_many_values_are_told_by_the_few_that_do_not_count(policy):
    all_forms = FACTS["forms"].values
    but_two = tuple(form for form in all_forms if form not in {"labour", "servitude"})

    said = condition_words(FactTest(fact="forms", op="has_any", value=list(but_two)), policy, "en")

    assert said == "Form of exploitation: other than Labour exploitation / Forced services, also at home"
    assert condition_words(FactTest(fact="forms", op="has_any", value=list(all_forms)), policy, "en").endswith(
        "any answer"
    )


def test_a_number_that_was_not_checked_for_a_year_says_so(policy):
    old = policy.destinations["essm"].model_copy(update={"checked_on": date(2025, 11, 21)})
    fresh = policy.destinations["essm"].model_copy(update={"checked_on": date(2025, 11, 22)})

    def said(destination):
        changed = replace(policy, destinations={**policy.destinations, "essm": destination})
        found = [target for route in card_routes(changed, on=TODAY, lang="nl") for target in route.targets]
        return {target.check_first for target in found if target.destination == "essm"}

    assert said(old) == {True}
    assert said(fresh) == {False}


# -- practice -----------------------------------------------------------------------------------------------------


def some_facts():
    def values(fact):
        if fact.kind == "choice":
            return st.sampled_from(fact.accepted)
        if fact.kind == "list":
            return st.lists(st.sampled_from(fact.values), max_size=3)
        return st.integers(0, 40)

    return st.fixed_dictionaries({}, optional={fact.name: values(fact) for fact in FACTS.values()})


@given(some_facts())
@settings(max_examples=200, deadline=None)
def test_an_exercise_lights_what_the_program_would_advise_and_explains_it_so(given_facts):
    policy, facts = _whole(), parse_facts(given_facts)

    exercise = try_facts(facts, policy, on=TODAY, lang="nl")
    decision = decide(facts, policy, on=TODAY)

    assert exercise.lit == {(route.id, route.destination) for route in decision.routes}
    for one in exercise.routes:
        holds = any(all(test.holds for test in line) for line in one.lines)
        stopped = any(all(test.holds for test in line) for line in one.exceptions)
        if one.lit:
            assert holds
            assert not stopped
            assert not one.is_near
        elif holds and not stopped:
            assert all(target.only_when for target in one.route.targets)


def test_what_is_one_step_away_is_named_with_what_is_left(policy):
    exercise = try_facts(parse_facts({"age": "adult", "victim": "possible"}), policy, on=TODAY, lang="nl")

    near = {one.route.id: one for one in exercise.near}

    assert "M4" in near
    left = [test for line in near["M4"].lines for test in line if test.holds is not True]
    assert [test.holds for test in left] == [None]
    assert "M1" not in near


def test_every_example_to_start_from_lights_its_own_rule(policy):
    found = situations(policy, on=TODAY, lang="nl")

    assert {one.rule for one in found} == {rule.id for rule in policy.meldroutes_on(TODAY)}
    assert len({one.key for one in found}) == len(found)
    for one in found:
        lit = {route for route, _to in try_facts(parse_facts(dict(one.facts)), policy, on=TODAY, lang="nl").lit}
        assert one.rule in lit, one


def test_a_rule_is_a_meldroute_on_the_card_with_everything_it_says(policy):
    rule: Meldroute = policy.meldroutes_on(TODAY)[-1]

    text = " ".join(words_in(draw_card(policy, on=TODAY, lang="nl")))

    assert rule.id in text
    for target in rule.to:
        phone = policy.destinations[target.destination].phone
        assert phone is None or phone in text
