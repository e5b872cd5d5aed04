"""How alike two sketches are, thing by thing, in the levels that linking.toml weighs. Pure and symmetric."""

from collections.abc import Iterator
from typing import Final

from signaltable.link.sketch import DAY, MONTH, NO_DATE, YEARS, Sketch, Word

# How alike two words are, strongest last. PARTLY: of several words some agree and others do not.
# UNLIKE: nothing in common, but one of them is in no list and may be another name for the same person.
# START: the first letters alone; a name that was cut off, or what parents like for all their children.
DIFFERENT, UNLIKE, PARTLY, INITIAL, START, SLIP, SOUND, FORM, SAME = range(9)
_GIVEN: Final = ("different", "unlike", "partly", "initial", "start", "slip", "sound", "form", "same")
_SURNAME: Final = ("different", "different", "partly", "different", "different", "slip", "sound", "form", "same")

# Letter pairs in common (Dice): from here on two words of a name are a slip apart, two with one skeleton below that.
_NEAR: Final = 0.72
_NEAR_WITH_SKELETON: Final = 0.55
_NEAR_STREET: Final = 0.7
# A word that was cut off: nearly all its pairs stand in the other, and there are enough of them.
_CONTAINED: Final = 0.93
_ENOUGH_BITS: Final = 10

# Own name, that of the father and that of the grandfather.
_CHAIN: Final = 3

_YOUNGEST_PARENT: Final = 16
OLDEST_PARENT: Final = 46
# Grandparent and grandchild share a name, a house and a phone as well.
_OLDEST_GRANDPARENT: Final = 90

_Levels = dict[str, str]


def likeness(one: Sketch, other: Sketch) -> _Levels:
    """Thing -> level of agreement (linking_rules.LEVELS); what is not known on both sides is missing."""
    found = _names(one, other)
    for name, level in _others(one, other):
        if level:
            found[name] = level
    return found


def _others(one: Sketch, other: Sketch) -> Iterator[tuple[str, str]]:
    yield "birth_date", _dates(one, other)
    yield from _addresses(one, other)
    yield "phone", _numbers(one.phone, other.phone, one.phone_digits, other.phone_digits)
    yield "email", _equal(one.email, other.email)
    yield "document_number", _numbers(one.document, other.document, one.document_signs, other.document_signs)
    yield "iban", _equal(one.iban, other.iban)
    yield "plate", _equal(one.plate, other.plate)
    yield "profile", _profiles(one, other)
    yield "nationality", _equal(one.nationality, other.nationality)


def _equal(one: int, other: int) -> str:
    if not one or not other:
        return ""
    return "same" if one == other else "different"


def _profiles(one: Sketch, other: Sketch) -> str:
    if not one.handle or not other.handle:
        return ""
    if one.profile and one.profile == other.profile:
        return "same"
    known = one.profile and other.profile
    return "handle" if one.handle == other.handle and not known else "different"


# -- numbers and dates ----------------------------------------------------------------------------------------------------


def _numbers(one: int, other: int, signs: bytes, others: bytes) -> str:
    if not one or not other:
        return ""
    if one == other:
        return "same"
    return "slip" if _one_slip(signs, others) else "different"


def _one_slip(one: bytes, other: bytes) -> bool:
    """Whether one sign differs, or two neighbours changed places."""
    if len(one) != len(other):
        return False
    wrong = [at for at in range(len(one)) if one[at] != other[at]]
    if len(wrong) == 1:
        return True
    return (
        len(wrong) == 2
        and wrong[1] == wrong[0] + 1
        and one[wrong[0]] == other[wrong[1]]
        and one[wrong[1]] == other[wrong[0]]
    )


def _dates(one: Sketch, other: Sketch) -> str:
    """Digits are replaced by secret signs, so equal digits are equal signs and nothing more is known of them."""
    if NO_DATE in (one.precision, other.precision):
        return ""
    precision = min(one.precision, other.precision)
    first, second = one.digits, other.digits
    if precision == DAY and first == second and not one.registry:
        return "same"
    if one.registry or other.registry or precision < MONTH:
        return "year" if first[:4] == second[:4] else _little_known(one, other, 4)
    if precision == MONTH:
        return "month" if first[:6] == second[:6] else _little_known(one, other, 6)
    return _whole_dates(one, other) or _years_apart(one, other)


def _years_apart(one: Sketch, other: Sketch) -> str:
    """Whether the dates lie as far apart as those of (grand)parent and child, who may share name, house and phone."""
    return "generation" if _YOUNGEST_PARENT <= years_between(one, other) <= _OLDEST_GRANDPARENT else "different"


def years_between(one: Sketch, other: Sketch) -> int:
    """How many years lie between the years of birth, for two sketches that know them."""
    apart = (one.year - other.year) % YEARS
    return min(apart, YEARS - apart)


def _little_known(one: Sketch, other: Sketch, size: int) -> str:
    apart = _years_apart(one, other)
    return "rough" if apart == "different" and _one_slip(one.digits[:size], other.digits[:size]) else apart


def _whole_dates(one: Sketch, other: Sketch) -> str:
    first, second = one.digits, other.digits
    same_year = first[:4] == second[:4]
    if same_year and first[4:6] == second[6:8] and first[6:8] == second[4:6]:
        return "swapped"
    if _one_slip(first, second):
        return "slip"
    same_month, same_day = first[4:6] == second[4:6], first[6:8] == second[6:8]
    # Two of year, month and day agree; the third was guessed, or it is somebody else.
    return "rough" if same_year + same_month + same_day == 2 and _years_apart(one, other) == "different" else ""


# -- addresses ------------------------------------------------------------------------------------------------------------


def _addresses(one: Sketch, other: Sketch) -> Iterator[tuple[str, str]]:
    """Street, number and place apart: each is mistyped or left out by itself."""
    street = _streets(one, other)
    yield "street", street
    if one.number and other.number:
        same, whole = one.number == other.number, one.addition == other.addition
        # In another street another number says nothing more.
        yield "number", ("same" if whole else "building") if same else "" if street == "different" else "different"
    city, area = _equal(one.city, other.city), _equal(one.area, other.area)
    places = (city, area)
    yield "place", "same" if places == ("same", "same") else "partly" if "same" in places else city or area


def _streets(one: Sketch, other: Sketch) -> str:
    if one.postcode and one.postcode == other.postcode:
        return "same"
    if one.street and other.street:
        if one.street == other.street:
            return "same"
        return "slip" if _dice(one.street_bloom, other.street_bloom) >= _NEAR_STREET else "different"
    return "different" if one.postcode and other.postcode else ""


def _dice(one: int, other: int) -> float:
    return 2 * (one & other).bit_count() / max(1, one.bit_count() + other.bit_count())


# -- names ----------------------------------------------------------------------------------------------------------------


def _names(one: Sketch, other: Sketch) -> _Levels:
    given, family = _bags(one.given, other.given, given=True), _bags(one.family, other.family)
    if given is None or family is None or given < INITIAL or family < INITIAL:
        whole = max(_in_one_field(one, other), _in_one_field(other, one), key=_strength)
        if whole == (None, None):
            whole = max(_in_chain(one, other), _in_chain(other, one), key=_strength)
        if whole == (None, None):
            whole = max((given, family), _swapped(one, other), key=_strength)
        given, family = whole
    if given is not None and given >= INITIAL and family == UNLIKE and _fields_swapped(one, other):
        given, family = DIFFERENT, given
    found: _Levels = {}
    if given is not None:
        found["given"] = _GIVEN[given]
    if family is not None:
        found["surname"] = _SURNAME[family]
    return found


def _fields_swapped(one: Sketch, other: Sketch) -> bool:
    """Whether both sides have a given name where the surname belongs, so that what agrees is the surname."""
    family = [*one.family, *other.family]
    given = [*one.given, *other.given]
    return any(word.known for word in family) and not any(word.known for word in given)


_Pair = tuple[int | None, int | None]


def _strength(pair: _Pair) -> tuple[int, int]:
    weakest = min((level for level in pair if level is not None), default=-1)
    return (sum((level or 0) for level in pair) if weakest >= 0 else -1, weakest)


def _swapped(one: Sketch, other: Sketch) -> _Pair:
    """The given name stands where the surname belongs. Only worth it when both are found."""
    given, family = _bags(one.given, other.family), _bags(one.family, other.given)
    if given is None or family is None or min(given, family) < INITIAL or max(given, family) < START:
        return None, None
    # Which of the two fields holds the given name is not known: an initial, say, is never a surname.
    return min(given, family, FORM), min(max(given, family), FORM)


def _in_one_field(one: Sketch, other: Sketch) -> _Pair:
    """One side has its whole name in one field: look for both names of the other in it."""
    if bool(one.given) == bool(one.family) or not other.given or not other.family:
        return None, None
    words = one.given or one.family
    if sum(not word.spare for word in words) < 2:
        return None, None
    given, family = _covered(other.given, words), _covered(other.family, words)
    if family < START:
        return None, None
    # The surname stands there beside another given name.
    return (min(given, FORM) if given >= START else UNLIKE), min(family, FORM)


def _in_chain(one: Sketch, other: Sketch) -> _Pair:
    """Both names of the other stand among at least three of this one: own name, father's and grandfather's.

    Which of them goes into which field differs by clerk. Own name comes first and is the same; else it is the father.
    """
    if not one.given or not other.given or not other.family or len(one.given) + len(one.family) < _CHAIN:
        return None, None
    # Nearly all pairs are strangers; they are told apart here, before anything is put together.
    first = one.given[0]
    if not any(word.exact == first.exact or word.roots & first.roots for word in other.given):
        return None, None
    words = tuple(word for word in one.given + one.family if not word.spare)
    if sum(not word.initial for word in words) < _CHAIN:
        return None, None
    if _covered(other.given, words[:1], given=True) < FORM:
        return None, None
    family = _covered(other.family, words[1:])
    return (FORM, min(family, FORM)) if family >= SLIP else (None, None)


def _bags(one: tuple[Word, ...], other: tuple[Word, ...], *, given: bool = False) -> int | None:
    """How alike two lists of words are: people leave words out, so the shorter list has to be found in the longer."""
    if not one or not other:
        return None
    if len(one) == 1 and len(other) == 1:
        return _alike(one[0], other[0], given=given)
    glued = max(
        (_alike(x, y, given=given) for x in one for y in other if x.spare or y.spare),
        default=DIFFERENT,
    )
    mine, yours = sum(not word.spare for word in one), sum(not word.spare for word in other)
    if mine == yours:
        found = min(_covered(one, other, given=given), _covered(other, one, given=given))
    else:
        found = _covered(one, other, given=given) if mine < yours else _covered(other, one, given=given)
    return max(found, glued) if glued >= START else found


def _covered(words: tuple[Word, ...], among: tuple[Word, ...], *, given: bool = False) -> int:
    # One initial alone is that of the first name.
    first = among[:1] if len(words) == 1 and words[0].initial else among
    levels = [max(_alike(word, found, given=given) for found in first) for word in words if not word.spare]
    whole = [level for level in levels if level >= START]
    if not whole:
        return min(levels) if min(levels) in (INITIAL, UNLIKE) else DIFFERENT
    return min(whole) if len(whole) + levels.count(INITIAL) == len(levels) else PARTLY


def _alike(one: Word, other: Word, *, given: bool = False) -> int:
    if one.exact == other.exact:
        return SAME if not one.initial else INITIAL
    if one.initial or other.initial:
        return INITIAL if one.firsts & other.firsts else DIFFERENT
    if one.roots & other.roots:
        return FORM
    # Two names that the list holds and does not hold to be one name are two names, however alike: twins have such.
    if given and one.known and other.known:
        return DIFFERENT
    if one.sounds & other.sounds:
        return SOUND
    skeleton = bool(one.skeletons & other.skeletons)
    if skeleton and (one.bare or other.bare):
        return SOUND
    common = (one.bloom & other.bloom).bit_count()
    total = one.bits + other.bits
    least = min(one.bits, other.bits)
    if 2 * common >= (_NEAR_WITH_SKELETON if skeleton else _NEAR) * total:
        return SLIP
    if least >= _ENOUGH_BITS and common >= _CONTAINED * least:
        return SLIP
    if one.shortened & other.shortened:
        return SLIP
    if one.spare or other.spare:
        return DIFFERENT
    return START if given and one.start and one.start == other.start else UNLIKE
