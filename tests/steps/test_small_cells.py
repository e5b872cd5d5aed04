"""Small numbers cannot be worked out from what is told: somebody tries, with this code and every table that there could be."""

import hashlib
from collections import Counter
from itertools import product
from math import isclose, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaltable.figure_rules import USUAL
from signaltable.small_cells import chance_of_more, drawn, told

# The amounts whose chance is not too small to count with, and the largest number that somebody thinks of.
FAR, MOST = 120, 40
# What is at least so likely beside the likeliest is not ruled out by anybody.
PLAUSIBLE = 1 / 20


def chance(amount, smallest):
    """How likely an amount is, as the docs say: each step further by so much less likely than the step before."""
    upper, whole = chance_of_more(smallest)
    more = upper / whole
    return (1 - more) / (1 + more) * more ** abs(amount)


def outcomes(count, smallest=USUAL):
    """What can be told of a count -> how likely."""
    found = Counter()
    for amount in range(-FAR, FAR + 1):
        found[told(count, amount, smallest)] += chance(amount, smallest)
    return found


LIKELY = [outcomes(count) for count in range(3 * MOST + 1)]


def lots(name, several):
    return [hashlib.sha256(f"{name} {number}".encode()).digest() for number in range(several)]


def plausible(weights):
    """How many values are not ruled out: value -> weight."""
    best = max(weights.values())
    return sum(weight >= best * PLAUSIBLE for weight in weights.values())


@pytest.mark.parametrize("smallest", [5, 10, 30])
def test_amounts_come_as_often_as_they_should(smallest):
    several = 8_000
    found = Counter(drawn(lot, smallest) for lot in lots("amount", several))
    for amount in range(-6, 7):
        expected = several * chance(amount, smallest)
        assert abs(found[amount] - expected) < 5 * expected**0.5, f"{amount} was drawn {found[amount]} times"


def test_the_same_lot_is_the_same_amount_and_even_the_rarest_ends():
    (lot,) = lots("one", 1)
    assert drawn(lot, 10) == drawn(lot, 10)
    assert drawn(bytes(32), 10) == 0
    assert drawn(b"\xff" * 32, 10) == 0
    # The rarest half lot is the smallest: it goes on as long as it can.
    assert drawn(bytes(16) + b"\xff" * 16, 10) > 100
    assert drawn(b"\xff" * 16 + bytes(16), 10) < -100


@given(st.integers(0, 2000), st.integers(-400, 400), st.integers(5, 1000))
def test_nothing_below_the_threshold_is_ever_told_and_nothing_exactly(count, amount, smallest):
    number = told(count, amount, smallest)
    if count < smallest:
        assert number is None
    if number is not None:
        assert number >= smallest
        assert number % (smallest // 2) == 0
        assert abs(number - count - amount) <= smallest // 4 + 1


@pytest.mark.parametrize("smallest", [5, 10])
def test_what_is_told_may_be_of_any_count_and_hardly_tells_one_from_the_next(smallest):
    """For each that is told: every count from the threshold on has it, with a chance that changes no more than a step does;
    and what is left out may be any count, with all below the threshold alike.
    """
    upper, whole = chance_of_more(smallest)
    seen = [outcomes(count, smallest) for count in range(60)]
    assert all(one == {None: seen[0][None]} for one in seen[:smallest])
    for count in range(smallest, 59):
        for number in {*range(smallest, 60, smallest // 2)} - {*range(smallest)}:
            if number % (smallest // 2):
                continue
            this, following = seen[count][number], seen[count + 1][number]
            assert this > 0
            assert upper / whole - 1e-9 <= following / this <= whole / upper + 1e-9
        assert seen[count][None] > 0


def test_most_that_is_told_is_near_what_was_counted():
    """As the page and the docs say."""
    for count in (15, 20, 33, 47):
        found = outcomes(count)
        assert sum(chance for number, chance in found.items() if number and abs(number - count) <= 5) > 0.65
        assert sum(chance for number, chance in found.items() if number is None or abs(number - count) <= 10) > 0.89
        assert isclose(sum(found.values()), 1, abs_tol=1e-6)


def test_who_sees_two_numbers_and_their_sum_rules_out_hardly_any_small_one():
    """Every page that there can be of two numbers and their sum, and every pair of counts behind it: of a number that is
    left out ten values stay, whatever the others are. The threshold in two, and in one and nothing, are among them.
    """
    shown = (None, *range(10, 66, 5))
    for other, whole in product(shown, shown):
        weights = {
            count: sum(
                LIKELY[count][None] * LIKELY[beside][other] * LIKELY[count + beside][whole] for beside in range(MOST)
            )
            for count in range(MOST)
        }
        assert plausible(weights) >= 10, f"a dash beside {other}, together {whole}"


@pytest.mark.parametrize("beside", range(31))
def test_who_knows_everything_else_still_cannot_tell_a_small_number(beside):
    """Somebody who knows all of a sum but one number: a coordinator, of the region all but one table. Any count is possible
    that the sum allows, without end above, and no page leaves fewer than six that are not far less likely.
    """
    for whole in (None, *range(10, 66, 5)):
        weights = {count: LIKELY[count][None] * LIKELY[count + beside][whole] for count in range(MOST)}
        least = 0 if whole is None else max(0, USUAL - beside)
        assert all((weight > 0) == (count >= least) for count, weight in weights.items())
        if max(weights[count] for count in range(1, USUAL)) > 1e-6:
            assert plausible(weights) >= 6, f"a dash and {beside}, together {whole}"


@pytest.mark.parametrize("own", range(USUAL))
def test_who_sent_some_of_a_number_cannot_tell_how_many_others_did(own):
    """A partner knows its own signals: the dash says that others sent none, or a few, or more."""
    weights = {count - own: LIKELY[count][None] for count in range(own, MOST)}
    assert plausible(weights) >= 9


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.sampled_from([0, 0, 1, 2, 3, 5, 9, 10, 12]), min_size=3, max_size=3),
    st.lists(st.integers(-6, 6), min_size=4, max_size=4),
)
def test_of_a_row_with_its_sum_no_small_number_is_pinned(counts, amounts):
    """Three numbers and their sum, as a page has them, and every table of up to 15 each that could have given that page."""
    page = [told(count, amount, USUAL) for count, amount in zip((*counts, sum(counts)), amounts, strict=True)]
    weights = [Counter() for _ in counts]
    for world in product(range(16), repeat=3):
        likely = LIKELY[sum(world)][page[3]] * prod(
            LIKELY[one][number] for one, number in zip(world, page[:3], strict=True)
        )
        for place, one in enumerate(world):
            weights[place][one] += likely
    for count, found in zip(counts, weights, strict=True):
        if count < USUAL:
            assert all(found[value] > 0 for value in range(16))
            assert plausible(found) >= 9


# Two tables, each with two urgencies and two kinds of organisation of the same signals, and all sums: the worst pages of
# many that were drawn. (of table a, of table b, and of both together of the first way to count; the second; the totals)
WORST = [
    ((15, None, None, None, 15, None), (None, None, None, None, None, 15), (10, 10, None)),
    ((None, None, None, 15, 10, None), (None, None, 10, None, 10, None), (None, 20, 15)),
    ((None, 10, None, None, None, None), (None, None, None, None, None, None), (10, None, 15)),
]
UP_TO = 16


@pytest.mark.parametrize(("first", "second", "totals"), WORST)
def test_who_has_the_whole_page_cannot_pin_a_small_number(first, second, totals):
    """Every world of two tables that could have given the page: what one way to count says of the totals limits the other."""

    def of_one_way(shown):
        """(total of a, total of b) -> [(number of a, number of b of the first value, how likely)]."""
        of_a, of_b = (
            [
                (one, total, LIKELY[one][first_shown] * LIKELY[total - one][other_shown])
                for total in range(2 * UP_TO - 1)
                for one in range(max(0, total - UP_TO + 1), min(total, UP_TO - 1) + 1)
            ]
            for first_shown, other_shown in (shown[0:2], shown[2:4])
        )
        for (one, a, likely_a), (other, b, likely_b) in product(of_a, of_b):
            sums = LIKELY[one + other][shown[4]] * LIKELY[a + b - one - other][shown[5]]
            yield a, b, one, other, likely_a * likely_b * sums

    between = Counter()
    for a, b, _one, _other, likely in of_one_way(second):
        between[a, b] += likely
    weights = [Counter() for _ in range(4)]
    for a, b, one, other, likely in of_one_way(first):
        of_totals = LIKELY[a][totals[0]] * LIKELY[b][totals[1]] * LIKELY[a + b][totals[2]]
        for found, count in zip(weights, (one, a - one, other, b - other), strict=True):
            found[count] += likely * between[a, b] * of_totals
    for found, number in zip(weights, first[:4], strict=True):
        if number is None:
            assert all(found[count] > 0 for count in range(UP_TO))
            assert plausible(found) >= 4
