"""The normalised parts of an identity out of which match tags are made, with how many values each part has."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from typing import Final

from signaltable.identity import Identity, date_parts, phone_e164, tidy
from signaltable.names import fold, plain, skeletons, sounds, word_set
from signaltable.person_names import NameWord, PersonName, blocking_words, person_name

# Registers fill in this day when only the year of birth is known; linking.toml names them.
RegistryDays = frozenset[str]


class PartValues:
    """The normalised parts of one identity, each computed once; a part can have several values or none."""

    def __init__(self, identity: Identity, registry_days: RegistryDays) -> None:
        self._identity = tidy(identity)
        self._registry_days = registry_days
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, part: str) -> tuple[str, ...]:
        """All values of a part of `PARTS`, each once."""
        if part not in self._known:
            values = PARTS[part].values(self._identity, self._registry_days)
            self._known[part] = tuple(dict.fromkeys(value for value in values if value))
        return self._known[part]


@lru_cache(maxsize=64)  # Who submits has the tags of each person made twice: to warn of a shelter, and to link.
def parts_of(identity: Identity, registry_days: RegistryDays) -> PartValues:
    """The parts of an identity, for whoever needs them several times."""
    return PartValues(identity, registry_days)


def name_of(identity: Identity) -> PersonName:
    """The name of a person as compared words."""
    return person_name(identity.given_name, identity.infix, identity.surname)


# -- names ----------------------------------------------------------------------------------------------------------


def _telling(words: Iterable[NameWord]) -> tuple[NameWord, ...]:
    return tuple(word for word in words if not word.initial and not word.spare)


def _name_pairs(identity: Identity) -> Iterator[tuple[NameWord, NameWord]]:
    """Pairs of a given name and a surname: clerks swap the two fields.

    When one field holds the whole name, its words make the pairs; one word alone makes none.
    """
    name = name_of(identity)
    given, family = _telling(name.given), _telling(name.family)
    yield from product(given, family) if given and family else combinations(given + family, 2)


def _forms(word: NameWord, variants: Callable[[str], tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(form for root in word.forms[:1] for form in variants(root)))


def _paired(variants: Callable[[str], tuple[str, ...]]) -> "_Values":
    def values(identity: Identity, _: RegistryDays) -> tuple[str, ...]:
        return tuple(
            "|".join(sorted((one, other)))
            for first, second in _name_pairs(identity)
            for one, other in product(_forms(first, variants), _forms(second, variants))
        )

    return values


def _as_written(identity: Identity, _: RegistryDays) -> tuple[str, ...]:
    return tuple("|".join(sorted((one.text, other.text))) for one, other in _name_pairs(identity))


def _name_word(identity: Identity, _: RegistryDays) -> tuple[str, ...]:
    """Each word of the name by its consonants, given names and surnames in one space, for swapped and moved words."""
    name = name_of(identity)
    return blocking_words(_telling(name.given) + tuple(word for word in name.family if not word.initial))


def _initials(identity: Identity, _: RegistryDays) -> tuple[str, ...]:
    """The first letters of the first given name and of each surname, without order."""
    name = name_of(identity)
    family = _telling(name.family)
    return tuple("|".join(sorted((name.given[0].text[0], word.text[0]))) for word in family) if name.given else ()


# -- birth dates ------------------------------------------------------------------------------------------------------


def _birth_date(identity: Identity, registry_days: RegistryDays) -> tuple[str, ...]:
    year, month, day = date_parts(identity.birth_date)
    # Registers write 1 January when only the year is known; such a date says no more than the year.
    return (f"{year}-{month}-{day}",) if day and f"{month}-{day}" not in registry_days else ()


def _birth_either(identity: Identity, registry_days: RegistryDays) -> tuple[str, ...]:
    """The date with day and month in one order, so that a swap of the two meets."""
    year, month, day = date_parts(identity.birth_date)
    whole = _birth_date(identity, registry_days)
    return (f"{year}-{min(month, day)}-{max(month, day)}",) if whole else ()


def _birth_day(identity: Identity, registry_days: RegistryDays) -> tuple[str, ...]:
    return tuple(value[5:] for value in _birth_either(identity, registry_days))


def _birth_year(identity: Identity, _: RegistryDays) -> tuple[str, ...]:
    return (date_parts(identity.birth_date)[0],)


# -- addresses --------------------------------------------------------------------------------------------------------


def house_number(identity: Identity) -> str:
    """The house number without leading zeros; "" when it is none."""
    return identity.house_number.lstrip("0") if identity.house_number.isdigit() else ""


_ADDITIONS: Final = {
    "huis": "hs",
    "i": "1",
    "ii": "2",
    "iii": "3",
    "iv": "4",
    "bis": "bs",
    "rood": "rd",
    "beneden": "bg",
    "begane": "bg",
}


def plain_addition(addition: str) -> str:
    """The addition of a house number for comparison: "-A", "a" and "A " are one, as are II and 2, hs and huis."""
    written = plain(addition)
    return _ADDITIONS.get(written, written)


def _address(identity: Identity, _: RegistryDays) -> tuple[str, ...]:
    """The building: by postcode and number, and by street, number and place, for who knows only one of the two."""
    return _address_with(identity, "")


def _address_unit(identity: Identity, _: RegistryDays) -> tuple[str, ...]:
    """The building with the addition, so one home."""
    return _address_with(identity, plain_addition(identity.addition) or "-")


def _address_with(identity: Identity, addition: str) -> tuple[str, ...]:
    number, postcode, city = house_number(identity), plain(identity.postcode), plain_place(identity.city)
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


# -- numbers, companies, profiles ---------------------------------------------------------------------------------------

# Letters and digits that are read for each other on a document.
_LOOKALIKES: Final = str.maketrans("oiqlszb", "0101528")


def plain_document(number: str) -> str:
    """A document number for comparison: O is 0, I and l are 1, S is 5, Z is 2, B is 8."""
    return re.sub(r"[^a-z0-9]", "", fold(number)).translate(_LOOKALIKES)


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


def _profile(identity: Identity, _: RegistryDays) -> tuple[str, ...]:
    platform, name = profile_parts(identity.profile)
    return (f"{platform}|{name}",) if platform and name else ()


def _handle(identity: Identity, _: RegistryDays) -> tuple[str, ...]:
    return (profile_parts(identity.profile)[1],)


def _text(name: str, normalise: Callable[[str], str] = plain) -> "_Values":
    def values(identity: Identity, _: RegistryDays) -> tuple[str, ...]:
        return (normalise(getattr(identity, name)),)

    return values


_Values = Callable[[Identity, RegistryDays], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an identity as it counts for matching. `bits`: how many values it has among people here, roughly (log2).

    `about`: the comparison of a sketch that stands on the same value, for muting what is excluded.
    """

    bits: int
    values: _Values
    about: str = ""


PARTS: Final[Mapping[str, Part]] = {
    "names": Part(20, _as_written),
    "names_sound": Part(18, _paired(sounds)),
    "names_skeleton": Part(15, _paired(skeletons)),
    "name_word": Part(7, _name_word),
    "initials": Part(8, _initials),
    "birth_date": Part(14, _birth_date),
    "birth_either": Part(12, _birth_either),
    "birth_day": Part(8, _birth_day),
    "birth_year": Part(6, _birth_year),
    "nationality": Part(4, _text("nationality")),
    "city": Part(6, _text("city", plain_place)),
    "postcode": Part(12, _text("postcode"), "address"),
    "phone": Part(24, _text("phone", phone_e164), "phone"),
    "email": Part(24, _text("email", lambda value: fold(value).strip()), "email"),
    "area": Part(11, lambda identity, _: (plain(identity.postcode)[:4],), "address"),
    "street": Part(13, _text("street", plain_street), "address"),
    "number": Part(6, lambda identity, _: (house_number(identity),), "address"),
    "address": Part(22, _address, "address"),
    "address_unit": Part(23, _address_unit, "address"),
    "document": Part(24, _text("document_number", plain_document), "document_number"),
    "plate": Part(22, _text("plate"), "plate"),
    "iban": Part(24, _text("iban"), "iban"),
    "kvk": Part(22, _text("kvk")),
    "company": Part(20, _text("company_name", plain_company)),
    "profile": Part(22, _profile, "profile"),
    "handle": Part(20, _handle, "profile"),
}
