"""From what was typed about a person or thing to what may leave the form: references, pseudonyms and match tags.

Three pseudonyms that cannot be computed from each other: a random reference for people to read, a pseudonym per
recipient, and keyed match tags that only the linking step uses. What an identity is stands in identity.py.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, islice, product
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from signaltable.domain import SUBJECT_KINDS
from signaltable.identity import Identity, date_parts, phone_e164, raise_findings, read_shaped, repeated, tidy
from signaltable.keys import keyed_digest
from signaltable.names import fold, name_parts, name_words, plain, skeletons, sounds, word_set
from signaltable.policy_shapes import Many, Name, Shape, Some, Words
from signaltable.texts import Text

LINKING_FILE: Final = "linking.toml"

# -- references and pseudonyms -----------------------------------------------------------------------------------

# 25 signs: no vowels (no words appear by chance) and no B, S, Z, L, which read as 8, 5, 2 and 1.
ALPHABET: Final = "23456789CDFGHJKMNPQRTVWXY"
_BASE: Final = len(ALPHABET)
_REFERENCE_SIGNS: Final = 5
_PSEUDONYM_SIGNS: Final = 9
_LEAST_RANDOMNESS: Final = 8
_DASHES: Final = re.compile(r"[\s\-‐-―_.]+")


def new_reference(prefix: str, randomness: bytes) -> str:
    """A random reference such as S-7F3K-Q2 for people to read and say aloud; the last sign checks the others.

    `randomness`: at least 8 fresh random bytes. There are 9.7 million references per prefix; the database keeps them
    unique and the caller tries again. Raises ValueError for another prefix than one capital letter.
    """
    if len(prefix) != 1 or not ("A" <= prefix <= "Z"):
        raise ValueError("expected one capital letter as prefix")
    if len(randomness) < _LEAST_RANDOMNESS:
        raise ValueError(f"expected at least {_LEAST_RANDOMNESS} random bytes, found {len(randomness)}")
    return _written(prefix, int.from_bytes(randomness, "big"), _REFERENCE_SIGNS)


def check_reference(text: str) -> str | None:
    """The reference or pseudonym in its one spelling, or None when the text is none or holds a mistake.

    Lower case, spaces and missing dashes are mended. The check sign finds every mistake in one sign and every swap of
    two signs, wherever they stand.
    """
    bare = _DASHES.sub("", text).upper()
    prefix, signs = bare[:1], bare[1:]
    if not prefix or not ("A" <= prefix <= "Z") or len(signs) - 1 not in {_REFERENCE_SIGNS, _PSEUDONYM_SIGNS}:
        return None
    if any(sign not in ALPHABET for sign in signs) or _check_sign(prefix, signs[:-1]) != signs[-1]:
        return None
    return _grouped(prefix, signs)


def recipient_pseudonym(secret: bytes, agency_id: str, subject_id: str) -> str:
    """The name of a subject for one agency, always the same there and different at every other agency.

    Two agencies that lay their lists side by side find nothing in common without the secret.
    """
    digest = keyed_digest(secret, "signaltable/recipient-pseudonym/1", agency_id, subject_id)
    return _written("P", int.from_bytes(digest, "big"), _PSEUDONYM_SIGNS)


def _written(prefix: str, number: int, size: int) -> str:
    signs = ""
    for _ in range(size):
        number, digit = divmod(number, _BASE)
        signs += ALPHABET[digit]
    return _grouped(prefix, signs + _check_sign(prefix, signs))


def _grouped(prefix: str, signs: str) -> str:
    return "-".join([prefix, *(signs[at : at + 4] for at in range(0, len(signs), 4))])


def _check_sign(prefix: str, signs: str) -> str:
    """A weighted sum in the field with 25 elements, each place with a weight of its own.

    In a field no product of two non-zero elements is zero, so one wrong sign changes the sum, and so does a swap of
    two different signs under two different weights. Modulo 25 this would fail, 5 times 5 being zero there.
    """
    total, weight = ord(prefix) % _BASE, 1
    for sign in signs:
        weight = _times(weight, _GENERATOR)
        total = _plus(total, _times(weight, ALPHABET.index(sign)))
    return ALPHABET[_times(_MINUS_ONE, total)]


# An element a*t + b is written as 5a + b; t*t = 2, which has no root modulo 5. The powers of t + 1 are all 24 others.
_GENERATOR: Final = 6
_MINUS_ONE: Final = 4


def _plus(left: int, right: int) -> int:
    (a, b), (c, d) = divmod(left, 5), divmod(right, 5)
    return (a + c) % 5 * 5 + (b + d) % 5


def _times(left: int, right: int) -> int:
    (a, b), (c, d) = divmod(left, 5), divmod(right, 5)
    return (a * d + b * c) % 5 * 5 + (b * d + 2 * a * c) % 5


# -- policies/linking.toml -----------------------------------------------------------------------------------------

Agreement = Literal["same", "near"]


class Compared(Shape):
    """One thing that people see compared, never with its value."""

    id: Name
    label: Words


class TagSet(Shape):
    """One combination of parts of an identity under which two subjects can meet.

    `weight` counts once per `group`, the highest first. `whole`: enough to speak of the same subject, so that a match
    is possible at all. `dated`: disagreement in every dated set speaks against. `shows`: what people see when it
    agrees. `same_as`: gives the digests of that other set, so that one value is one digest for all kinds of subject.
    """

    id: Name
    kind: Name
    group: Name
    parts: Some[Name]
    weight: Annotated[int, Field(ge=0, le=1000)]
    shows: dict[str, Agreement]
    whole: bool = False
    dated: bool = False
    same_as: Name | None = None

    @property
    def space(self) -> str:
        """The purpose string under which its digests are made."""
        return self.same_as or self.id


class LinkingPolicy(Shape):
    """linking.toml, checked."""

    match_from: Annotated[int, Field(ge=1)]
    possible_from: Annotated[int, Field(ge=1)]
    against_when_dates_differ: Annotated[int, Field(ge=0)]
    least_bits: Annotated[int, Field(ge=1)]
    most_tags_per_set: Annotated[int, Field(ge=1, le=200)]
    registry_birth_days: Many[Annotated[str, StringConstraints(pattern=r"^\d\d-\d\d$")]]
    compared: Some[Compared]
    set: Some[TagSet]

    def label(self, compared_id: str) -> Text:
        """The words for something that was compared. Raises KeyError."""
        return {compared.id: compared.label for compared in self.compared}[compared_id]


def load_linking(folder: Path) -> LinkingPolicy:
    """linking.toml of a policies folder. Raises BrokenPolicy with every file and key that is wrong."""
    policy = read_shaped(LinkingPolicy, folder / LINKING_FILE)
    raise_findings(LINKING_FILE, _linking_problems(policy))
    return policy


def _linking_problems(policy: LinkingPolicy) -> Iterator[tuple[str, str]]:
    if policy.match_from <= policy.possible_from:
        yield "match_from", "expected more than possible_from"
    yield from repeated("set", [tag_set.id for tag_set in policy.set])
    yield from repeated("compared", [compared.id for compared in policy.compared])
    for tag_set in policy.set:
        for key, message in _set_problems(tag_set, policy):
            yield f"set.{tag_set.id}.{key}", message


def _set_problems(tag_set: TagSet, policy: LinkingPolicy) -> Iterator[tuple[str, str]]:
    if tag_set.kind not in SUBJECT_KINDS:
        yield "kind", f"expected one of {', '.join(SUBJECT_KINDS)}"
    unknown = [part for part in tag_set.parts if part not in _PARTS]
    for part in unknown:
        yield "parts", f"expected parts of {', '.join(sorted(_PARTS))}; found {part!r}"
    if not unknown and (bits := sum(_PARTS[part].bits for part in tag_set.parts)) < policy.least_bits:
        # A tag over few values is broken by counting: the commonest digest is the commonest value, key or no key.
        yield "parts", f"expected {policy.least_bits} bits or more, found {bits}: too few different values for a tag"
    for name in sorted(set(tag_set.shows) - {compared.id for compared in policy.compared}):
        yield "shows", f"expected something of [[compared]], found {name!r}"
    twin = next((other for other in policy.set if other.id == tag_set.same_as), None)
    if tag_set.same_as and (twin is None or twin.parts != tag_set.parts or twin.same_as):
        yield "same_as", "expected another set with the same parts"


# -- match tags ----------------------------------------------------------------------------------------------------

_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Tag:
    """One keyed digest of one field set. `strength` is its weight in linking.toml on the day it was made."""

    set_id: str
    strength: int
    digest: bytes


def match_tags(secret: bytes, identity: Identity, *, version: int, policy: LinkingPolicy) -> tuple[Tag, ...]:
    """The tags under which this subject can meet another: HMAC-SHA-256 of normalised field sets, 128 bits each.

    `secret` and `version` belong together (KeyRing.secret, KeyRing.version). Every set has its own purpose string, so
    digests of two sets never compare. The same identity in another spelling gives the same tags where linking.toml
    says so. Sets of which a part is missing give no tag.
    """
    parts = _PartValues(identity, policy)
    tags: dict[tuple[str, bytes], Tag] = {}
    for tag_set in policy.set:
        if tag_set.kind != identity.kind:
            continue
        values = product(*(parts.of(part) for part in tag_set.parts))
        for combination in islice(values, policy.most_tags_per_set):
            digest = keyed_digest(secret, "signaltable/match-tag/1", str(version), tag_set.space, *combination)
            tag = Tag(tag_set.id, tag_set.weight, digest[:_DIGEST_BYTES])
            tags.setdefault((tag.set_id, tag.digest), tag)
    return tuple(tags.values())


class _PartValues:
    """The normalised parts of one identity, each computed once; a part can have several values or none."""

    def __init__(self, identity: Identity, policy: LinkingPolicy) -> None:
        self._identity = tidy(identity)
        self._policy = policy
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, part: str) -> tuple[str, ...]:
        if part not in self._known:
            values = _PARTS[part].values(self._identity, self._policy)
            self._known[part] = tuple(dict.fromkeys(value for value in values if value))
        return self._known[part]


def _name_pairs(identity: Identity) -> Iterator[tuple[str, str]]:
    """Pairs of a given name and a surname in plain form, without order: clerks swap the two.

    When one field holds the whole name, its words make the pairs; one word alone makes none.
    """
    given, family = name_parts(identity.given_name), _family_parts(identity)
    alone = name_words(f"{identity.given_name} {identity.surname}")
    pairs = product(given, family) if given and family else combinations(alone, 2)
    for one, other in pairs:
        yield (one, other) if one <= other else (other, one)


def _family_parts(identity: Identity) -> tuple[str, ...]:
    return name_parts(f"{identity.infix} {identity.surname}") if name_words(identity.surname) else ()


def _joined(pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple("|".join(sorted(pair)) for pair in pairs)


def _spelled(variants: Callable[[str], tuple[str, ...]]) -> "_Values":
    def values(identity: Identity, _: LinkingPolicy) -> tuple[str, ...]:
        return _joined(
            (one, other)
            for first, second in _name_pairs(identity)
            for one, other in product(variants(first), variants(second))
        )

    return values


def _one_name(which: str) -> "_Values":
    def values(identity: Identity, _: LinkingPolicy) -> tuple[str, ...]:
        parts = name_parts(identity.given_name) if which == "given" else _family_parts(identity)
        return tuple(spelling for part in parts for spelling in skeletons(part))

    return values


def _beginnings(word: str) -> tuple[str, ...]:
    return (word[:3],)


def _birth_date(identity: Identity, policy: LinkingPolicy) -> tuple[str, ...]:
    year, month, day = date_parts(identity.birth_date)
    # Registers write 1 January when only the year is known; such a date says no more than the year.
    return (f"{year}-{month}-{day}",) if day and f"{month}-{day}" not in policy.registry_birth_days else ()


def _birth_swapped(identity: Identity, policy: LinkingPolicy) -> tuple[str, ...]:
    year, month, day = date_parts(identity.birth_date)
    if not _birth_date(identity, policy) or int(day) > 12:
        return ()
    return (f"{year}-{min(month, day)}-{max(month, day)}",)


def _birth_day(identity: Identity, policy: LinkingPolicy) -> tuple[str, ...]:
    return tuple(value[5:] for value in _birth_date(identity, policy))


def _birth_year(identity: Identity, _: LinkingPolicy) -> tuple[str, ...]:
    return (date_parts(identity.birth_date)[0],)


def _house(identity: Identity) -> str:
    return identity.house_number.lstrip("0") if identity.house_number.isdigit() else ""


def _address(identity: Identity, _: LinkingPolicy) -> tuple[str, ...]:
    """The building: by postcode and number, and by street, number and place, for who knows only one of the two."""
    return _address_with(identity, "")


def _address_unit(identity: Identity, _: LinkingPolicy) -> tuple[str, ...]:
    """The building with the addition, so one home."""
    return _address_with(identity, plain(identity.addition) or "-")


def _address_with(identity: Identity, addition: str) -> tuple[str, ...]:
    number, postcode, city = _house(identity), plain(identity.postcode), plain_place(identity.city)
    street = plain_street(identity.street)
    by_postcode = f"p|{postcode}|{number}|{addition}" if number and re.fullmatch(r"\d{4}[a-z]{2}", postcode) else ""
    by_street = f"s|{street}|{number}|{city}|{addition}" if number and street and city else ""
    return by_postcode, by_street


def plain_street(street: str) -> str:
    """A street for comparison: abbreviations written out (str., ln., pl.), marks and spaces gone."""
    words = re.sub(r"[^\w\s.]", " ", fold(street))
    for short, long in (("str", "straat"), ("ln", "laan"), ("pln", "plein"), ("wg", "weg"), ("sngl", "singel")):
        words = re.sub(rf"(?<=\w){short}(?:\.|\b)", long, words)
    return plain(re.sub(r"^(?:burg|burgem)\b\.?", "burgemeester", words))


def plain_place(city: str) -> str:
    """A place for comparison: Den Haag and 's-Gravenhage are one, as are Den Bosch and 's-Hertogenbosch."""
    name = plain(city)
    return {"sgravenhage": "denhaag", "shertogenbosch": "denbosch", "thehague": "denhaag"}.get(name, name)


_LEGAL_FORMS: Final = word_set("bv b v nv n vof v o f cv eenmanszaak stichting holding ltd gmbh sarl srl sp zoo")


def plain_company(name: str) -> str:
    """A company name for comparison: without legal form, marks and spaces."""
    words = [word for word in re.split(r"[^a-z0-9]+", fold(name).replace("&", " en ")) if word]
    return plain(" ".join([word for word in words if word not in _LEGAL_FORMS] or words))


_PLATFORMS: Final = {"x": "twitter", "t": "telegram", "fb": "facebook", "wa": "whatsapp", "ig": "instagram"}


def profile_parts(profile: str) -> tuple[str, str]:
    """Platform and name of an online profile: https://www.instagram.com/Some.One/ gives instagram and some.one.

    The platform is empty when only a name such as @some.one was given.
    """
    bare = re.sub(r"^[a-z]+://", "", fold(profile).strip()).split("?")[0].split("#")[0].strip("/")
    host, slash, path = bare.partition("/")
    if slash and "." in host:
        labels = [label for label in host.split(".") if label not in {"www", "m", "nl", "com", "org", "net", "me"}]
        platform = labels[-1] if labels else host
        return _PLATFORMS.get(platform, platform), path.split("/")[-1].lstrip("@")
    return "", bare.split("/")[-1].lstrip("@")


def _profile(identity: Identity, _: LinkingPolicy) -> tuple[str, ...]:
    platform, name = profile_parts(identity.profile)
    return (f"{platform}|{name}",) if platform and name else ()


def _handle(identity: Identity, _: LinkingPolicy) -> tuple[str, ...]:
    return (profile_parts(identity.profile)[1],)


def _text(name: str, normalise: Callable[[str], str] = plain) -> "_Values":
    def values(identity: Identity, _: LinkingPolicy) -> tuple[str, ...]:
        return (normalise(getattr(identity, name)),)

    return values


_Values = Callable[[Identity, LinkingPolicy], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an identity as it counts for matching. `bits`: how many values it has among people here, roughly (log2)."""

    bits: int
    values: _Values


_PARTS: Final[Mapping[str, _Part]] = {
    "names": _Part(20, _spelled(lambda word: (word,))),
    "names_sound": _Part(18, _spelled(sounds)),
    "names_skeleton": _Part(15, _spelled(skeletons)),
    "names_start": _Part(15, _spelled(_beginnings)),
    "given_skeleton": _Part(7, _one_name("given")),
    "surname_skeleton": _Part(9, _one_name("surname")),
    "birth_date": _Part(14, _birth_date),
    "birth_swapped": _Part(12, _birth_swapped),
    "birth_day": _Part(8, _birth_day),
    "birth_year": _Part(6, _birth_year),
    "nationality": _Part(4, _text("nationality")),
    "city": _Part(6, _text("city", plain_place)),
    "phone": _Part(24, _text("phone", phone_e164)),
    "email": _Part(24, _text("email", lambda value: fold(value).strip())),
    "address": _Part(22, _address),
    "address_unit": _Part(23, _address_unit),
    "document": _Part(24, _text("document_number")),
    "plate": _Part(22, _text("plate")),
    "iban": _Part(24, _text("iban")),
    "kvk": _Part(22, _text("kvk")),
    "company": _Part(20, _text("company_name", plain_company)),
    "profile": _Part(22, _profile),
    "handle": _Part(20, _handle),
}
