"""Where somebody lives or works: streets with their number, streets alone, and postcodes with their town."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from signaltable.names import COMMON_WORDS, MONTHS, PARTICLES, fold, word_set
from signaltable.text.lexicon import given_names, is_dutch, is_ordinary, is_surname, listed_names, places
from signaltable.text.spans import Span, Word, starts_sentence

POSTCODE: Final = re.compile(r"(?<!\w)[1-9]\d{3}(?: ?[A-Z]{2}|[a-z]{2}| [a-z]{2}(?=[,.;)\n]|$))(?!\w)")
STREET_ENDS: Final = (
    "straat|str\\.|laan|plein|kade|singel|gracht|dijk|steeg|plantsoen|dreef|boulevard|weg|markt|hof|pad|baan|wal|"
    "haven|brink|oord|erf|hage|hoeve|allee"
)
# Those that need no number behind them.
_SURE_ENDS: Final = (
    "straat|str\\.|laan|plein|kade|singel|gracht|dijk|steeg|plantsoen|dreef|boulevard|weg|markt|hof|haven|allee"
)
_STREET: Final = re.compile(
    rf"(?<!\w)((?:[A-ZÀ-Ý][\w'’.]{{1,20}} (?:(?:van|de|der|den|het|ten|ter) ){{0,2}}){{0,3}}"
    rf"(?:[A-ZÀ-Ý][\w'’-]{{0,30}})?(?:{_SURE_ENDS}|(?:{_SURE_ENDS}|Markt|Haven|Dijk|Weg|Laan|Plein|Hof|Kade)))(?!\w)",
)
_ENDS_AS_STREET: Final = re.compile(rf"\w{{2,40}}(?:{STREET_ENDS}|straatje|laantje|str)")
# Endings that streets share with other words: only with a number behind them.
_MAY_END_STREET: Final = re.compile(
    r"\w{1,40}(?:einde?|zijde|dam|poort|veld|velden|hoek|berg|vaart|wetering|zoom|kamp|akkers?|weide|horst|bos|tuin|park|passage"
    r"|dal|gaarde?|meent|stede|werf|hout|burg|sluis|brug|wijk|heide?|rode|schans|bolwerk|plaats|vliet|water|wold|stee|gang|hil|ring|stad|meent|kant|singels?)"
)
_STREET_WORDS: Final = word_set(
    "straat laan plein kade singel gracht dijk steeg plantsoen dreef boulevard weg markt hof pad ring baan wal haven brink erf "
    "allee park dam poort veld hoek zoom bolwerk rak sluis brug kerk wall"
)
_NO_SURNAME: Final = ("straat", "laan", "plein", "kade", "singel", "gracht")
_NO_STREET: Final = word_set(
    "onderweg snelweg halfweg rijksweg gerechtshof kerkhof waterpark straat weg laan plein markt hof pad ring baan haven "
    "kade dijk gracht noord oord woord moord soort supermarkt arbeidsmarkt rijbaan startbaan loopbaan luchthaven opvoedpad werkplein busbaan vakantiepark"
)
_BEFORE_STREET: Final = (COMMON_WORDS | PARTICLES) - {"oude", "nieuwe", "grote", "kleine", "eerste", "tweede", "derde"}
_ADJECTIVES: Final = word_set("oude nieuwe grote kleine lange korte hoge lage kromme eerste tweede derde rechte brede")
_CUES: Final = word_set(
    """
    aan adres adresgegevens woont wonende wonen woonde woonachtig verblijft verblijvend verblijvende verbleef pand woning huisbezoek
    hh huis gevestigd ingeschreven locatie vertrek vanaf perceel bezorgadres woonadres straat logeert slaapt inval nabij tegenover
    """
)
# After these words of a sentence a particle in small letters begins the street: "woont van Goghlaan 12".
_BEFORE_PARTICLE: Final = _CUES | word_set("naar op te in")
_AFTER_STREET_WORD: Final = word_set("van der den de het tot naar des")
_ARTICLES: Final = word_set("de den het ter ten van")
_UNITS: Final = MONTHS | word_set(
    "euro eu eur uur uren jaar jr maal keer x personen mensen bedden kamers mannen vrouwen kinderen dagen weken maanden procent km "
    "kilo minuten man meisjes jongens personeel"
)
_NUMBER_WORDS: Final = word_set("nr nummer no num huisnummer")
_HOUSE: Final = re.compile(
    r"\d{1,5}(?:[a-zA-Z]{1,2}(?!\w)|\s?[-/]\s?(?:\d{1,4}|[a-zA-Z]{1,3})(?!\w)|\s(?:[a-hA-H]|[IVX]{1,4})(?![\w'’.])"
    r"|\s(?:bis|hs|huis|rood|rd|zwart|zw|\d\s?hoog|(?:unit|kamer|app\.?|appartement)\s?\d{1,4})(?![\w'’]|\.\w))?(?!\w)"
)
_SMALL_POSTCODE: Final = re.compile(r"(?<!\w)[1-9]\d{3} [a-z]{2} ([a-z]{2,30})(?!\w)")
# Streets in notes without capitals and without a number; words that are formed alike are left to the list of Dutch.
_SMALL_STREET: Final = re.compile(
    r"(?<![\w-])[a-z]{4,30}(?:straat|laan|plantsoen|singel|gracht|steeg|dreef|weg|kade|plein|dijk)(?!\w)"
)
_NO_SMALL_STREET: Final = re.compile(
    r"(?:winkel|hoofd|zij|dwars|school|markt|dorps|speel|parkeer|stads|kerk|fiets|snel|auto|zand|land|toegangs|terug|heen|uit|om|buiten|"
    r"binnen|door|lucht|spoor|water|rechts|asiel|vlucht|sluip|hulp|levens|loop|tussen|ring|rond|kruis|provinciale|rijks|tol|"
    r"woon|straf|midden|rivier|zee|bedrijven|industrie|achter|voor|half|onder|vrije|hele|lange|werk|plezier|over)"
    r"(?:straat|weg|plein|kade|dijk|laan|gracht|steeg|singel|dreef)"
)
# "nr 14 van de Lindenlaan": the number in front of the street.
_NUMBER_BEFORE: Final = re.compile(
    r"(?:\b(?:nr|nummer|no|huisnummer)\.?\s?)\d{1,4}\s?[a-z]?\s(?:van|op|aan|in)\s(?:(?:de|het)\s)?$", re.IGNORECASE
)
_SQUARE_OF_A_YEAR: Final = re.compile(
    r"\b[Pp]lein\s(?:19)?\d{2}(?:\s?[-–]\s?(?:19)?\d{2})?(?:\s\d{1,4}[a-z]?)?(?![\w-])"
)
_FOREIGN_POSTCODE: Final = re.compile(
    r"[ ,]{1,3}(?:[A-Z]{1,2}-)?\d{2}[ -]?\d{2,3}(?=\s[A-ZÀ-Ý])(?:\s[A-ZÀ-Ý][\w'’-]{1,24})"
)
_GAP: Final = re.compile(r"[\s,]{0,3}")
_TOWN: Final = re.compile(
    r"[ ,]{1,2}(?:te |in )?((?:'s-)?[A-ZÀ-Ý][\w'’-]{1,24}(?:[ -](?:aan|op|den|de|der|het|[A-ZÀ-Ý][\w'’-]{1,24})){0,4})"
)
_REACH_BEFORE: Final = 40
_MOST_WORDS: Final = 6
_NEAR: Final = 3


def addresses(text: str, words: Sequence[Word]) -> Iterator[Span]:
    """Streets with their number and the postcode that follows; postcodes and streets alone."""
    for place, word in enumerate(words):
        if word.written[0].isdigit():
            start = _street_start(text, words, place)
            number = _HOUSE.match(text, word.start)
            if start < place and number:
                yield Span(words[start].start, _with_postcode(text, number.end()), "address")
    for found in _STREET.finditer(text):
        last = fold(found[1].split()[-1])
        if (
            found[1][:1].isupper()
            and last.rpartition("-")[2] not in _NO_STREET
            and (last not in places() or " " in found[1])
            and not (is_surname(last) and not last.endswith(_NO_SURNAME))
        ):
            start = _with_number_before(text, found.start() + _leading_known(found[1]))
            yield Span(start, _with_postcode(text, found.end()), "address")
    for found in _SMALL_STREET.finditer(text):
        street = found[0]
        if not (_NO_SMALL_STREET.fullmatch(street) or street in _NO_STREET or is_dutch(street) or street in places()):
            yield Span(_with_number_before(text, found.start()), found.end(), "address")
    for found in _SQUARE_OF_A_YEAR.finditer(text):
        yield Span(found.start(), _with_postcode(text, found.end()), "address")
    for found in POSTCODE.finditer(text):
        yield Span(found.start(), _with_town(text, found.end()), "address")
    for found in _SMALL_POSTCODE.finditer(text):
        if found[1] in places():
            yield Span(found.start(), found.end(), "address")


def _with_postcode(text: str, end: int) -> int:
    gap = _GAP.match(text, end)
    postcode = POSTCODE.match(text, gap.end()) if gap else None
    if postcode:
        return _with_town(text, postcode.end())
    foreign = _FOREIGN_POSTCODE.match(text, end)
    if foreign:
        return foreign.end()
    # "Haagweg 402, Rijswijk": a town right behind, without "in", belongs to the address.
    town = _TOWN.match(text, end) if text[end - 1].isalnum() and text[end : end + 2] == ", " else None
    return town.end(1) if town and town.start(1) == end + 2 and fold(town[1]) in places() else end


def _with_number_before(text: str, start: int) -> int:
    """Where an address begins whose number may stand in front of its street."""
    found = _NUMBER_BEFORE.search(text, max(0, start - _REACH_BEFORE), start)
    return found.start() if found else start


def _with_town(text: str, end: int) -> int:
    """A town right behind a postcode belongs to the address; a town alone stays readable."""
    found = _TOWN.match(text, end)
    if not found:
        return end
    parts = found[1].split(" ")
    for count in range(len(parts), 0, -1):
        town = " ".join(parts[:count])
        if fold(town) in places() or (count == 1 and is_ordinary(fold(town))):
            return found.start(1) + len(town)
    return end


def _street_start(text: str, words: Sequence[Word], number: int) -> int:
    """The word with which the street before a house number begins; `number` itself when no street stands there."""
    last = number - 1
    if last > 0 and words[last].folded in _NUMBER_WORDS:
        last -= 1
    if last < 0 or text[words[last].end : words[number].start].strip(" .,") not in {"", words[number - 1].written}:
        return number
    if last and words[last - 1].folded == "plein" and words[last].written.isdigit() and last < number - 1:
        return last - 1
    first = _run_start(text, words, last)
    first = _without_sentence(text, words, first, last)
    return first if first <= last and _is_street(text, words, first, last, number) else number


def _run_start(text: str, words: Sequence[Word], last: int) -> int:
    """How far the words of a street reach back: capitals, particles, "2e", and adjectives."""
    first = last
    while first > 0 and last - first < _MOST_WORDS:
        before = words[first - 1]
        gap = text[before.end : words[first].start]
        ordinal = before.written[0].isdigit() and before.written[-1] in "eE"
        belongs = (
            before.is_capitalised or before.folded in PARTICLES | _ADJECTIVES or ordinal or len(before.written) == 1
        )
        if gap not in {" ", "-", ". ", ".", " '", "'", " ’"} or not belongs:
            break
        first -= 1
    return first


def _without_sentence(text: str, words: Sequence[Word], first: int, last: int) -> int:
    """Leave out what belongs to the sentence: "In de Dorpsstraat" begins at Dorpsstraat, "Vesna op de Meent" at Meent."""
    while first < last and words[first].folded in _BEFORE_STREET:
        own = words[first].is_capitalised and (
            words[first].folded in _ARTICLES or not starts_sentence(text, words[first])
        )
        cued = first > 0 and words[first - 1].folded in _BEFORE_PARTICLE and words[first].folded == "van"
        if own or cued:
            break
        first += 1
    if words[first].folded in listed_names():
        on = [at for at in range(first + 1, last) if words[at].written in {"op", "aan", "in"}]
        first = on[-1] if on else first
        while on and first < last and words[first].written in PARTICLES:
            first += 1
    return first


def _is_street(text: str, words: Sequence[Word], first: int, last: int, number: int) -> bool:
    name, following = words[last], words[number + 1].folded if number + 1 < len(words) else ""
    if name.folded in MONTHS or following in _UNITS or not name.written[0].isalpha():
        return False
    if "," in text[name.end : words[number].start] or (
        first < last and words[first].folded in given_names() and is_surname(name.folded)
    ):
        return False
    if _ENDS_AS_STREET.fullmatch(name.folded) and name.folded not in _NO_STREET:
        return True
    # Laan van NOI, Plein van Siena, Weg naar Rhijnauwen.
    if first < last and words[first].is_capitalised and words[first].folded in _STREET_WORDS:
        return words[first + 1].folded in _AFTER_STREET_WORD
    if not words[first].is_capitalised and not words[first].written[0].isdigit():
        return words[first].folded in _ADJECTIVES and name.folded in _STREET_WORDS
    if name.is_capitalised and name.folded in _STREET_WORDS and (first < last or not starts_sentence(text, name)):
        return True
    if name.is_capitalised and words[first].folded in _ADJECTIVES and not is_ordinary(name.folded):
        return True
    if name.is_capitalised and _MAY_END_STREET.fullmatch(name.folded) and _is_no_other_word(words, first, name):
        return True
    return name.is_capitalised and _is_cued(text, words, first, last, number)


def _is_no_other_word(words: Sequence[Word], first: int, name: Word) -> bool:
    """Whether a word that ends as streets may is not an ordinary word, nor a town that somebody is in."""
    if name.folded in places():
        return not first or words[first - 1].folded not in {"in", "te", "uit", "naar", "van", "bij"}
    return not is_ordinary(name.folded)


def _is_cued(text: str, words: Sequence[Word], first: int, last: int, number: int) -> bool:
    """Whether what stands around says that this is where somebody lives."""
    before = {word.folded for word in words[max(0, first - _NEAR) : first]}
    after = text[words[number].end : words[number].end + 2 * len(", 1234 AB")]
    said = bool(before & _CUES) or bool(re.match(r"[a-zA-Z]?\s?,?\s(?:te\s|[1-9]\d{3}\s?[A-Z]{2})", after))
    if last == first and words[first].folded in given_names():
        return False
    if first and words[first - 1].folded in {"aan", "adres"}:
        return True
    # "op de Meent 55", "in de Nieuwstad 64": a number behind a name that one is on or in.
    on = words[first - 2].folded if first > 1 and words[first - 1].written in {"de", "het"} else ""
    if on in {"aan", "op"} or (on == "in" and _is_own_name(words[first : last + 1])):
        return True
    known = last == first and (
        is_ordinary(words[first].folded) or " ".join(w.folded for w in words[first : last + 1]) in places()
    )
    return said and not known


def _is_own_name(name: Sequence[Word]) -> bool:
    return any(word.is_capitalised and not is_dutch(word.folded) for word in name)


def _leading_known(street: str) -> int:
    """How many signs of a street are words of the sentence: "In de Dorpsstraat" starts at Dorpsstraat."""
    skipped = 0
    for word in street.split()[:-1]:
        if fold(word) not in _BEFORE_STREET:
            break
        skipped += len(word) + 1
    return skipped
