"""A nationality however it is written: Turkse, Turk, Turkije, Turkish, TR and TUR are one."""

import re
from functools import cache, lru_cache
from typing import Final

from signaltable.names import plain

# ISO 3166-1 codes, then how the words for country and people begin, in Dutch and English. The longest beginning counts.
_COUNTRIES: Final = """
AF AFG afghan afgaan; AL ALB alban; DZ DZA alger algier; AM ARM armen armeen; AO AGO angol; AR ARG argent; AZ AZE azerb azeri
BA BIH bosn; BD BGD bangl bengaal; BE BEL belg; BG BGR bulgar bulgaar; BI BDI burundi burundees; BJ BEN benin; BO BOL boliv
BR BRA brazi brasil; BY BLR belarus witrus wit-rus; CD COD congo kongo drcongo democratischerepubliekcongo; CH CHE zwits swiss switz; CI CIV ivoor ivori ivory cotedivoire
CL CHL chil; CM CMR kameroen camero; CN CHN chin; CO COL colom; CU CUB cuba; CZ CZE tsjech czech; DE DEU duits german; DK DNK deen deens denem danish denmark
DO DOM dominic; EC ECU ecuad; EE EST est; EG EGY egypt; ER ERI eritr; ES ESP spaan spanj spain spanish; ET ETH ethiop; FI FIN fin
FR FRA frans frank french france; GB GBR brit engel engl groot great unitedkingdom uk verenigdkoninkrijk schot scot; GE GEO georg; GH GHA ghan; GM GMB gamb; GN GIN guine guinea
GR GRC griek greek greece; GW GNB guineebissau guineabissau; HR HRV kroat kroaat croat; HT HTI haiti; HU HUN hongar hungar; ID IDN indones; IE IRL iers ierl irish ireland
IN IND india; IQ IRQ irak iraq; IR IRN iran; IT ITA ital; JM JAM jamai; JO JOR jord; JP JPN japan; KE KEN kenia kenya; KG KGZ kirg kyrg; KZ KAZ kazach kazak
LB LBN liban leban; LK LKA srilan; LR LBR liberi; LT LTU litouw lithu; LV LVA letl letse lets latv; LY LBY libi liby; MA MAR marok moroc
MD MDA moldav moldov moldo; ME MNE monten; MK MKD maced noordmaced northmaced; ML MLI mali; MM MMR myanm birm; MN MNG mongo; MX MEX mexic
NE NER niger nigere nigerees; NG NGA nigeria; NL NLD nederl dutch nether hollan; NO NOR noor norw; NP NPL nepal; PE PER peru; PH PHL filip phil; PK PAK pakist
PL POL pool pole poli polska pols; PS PSE palest; PT PRT portu; RO ROU roem roman rouman; RS SRB serv serb; RU RUS russ rus; RW RWA rwand; SD SDN soedan sudan
SE SWE zwed zweed swed; SI SVN slove slovee sloveens; SK SVK slowa slova; SL SLE sierra; SN SEN seneg; SO SOM somal; SR SUR surin; SY SYR syri; TG TGO togo
TH THA thai; TJ TJK tadzj tajik; TN TUN tunes tunis; TR TUR turk; TW TWN taiw; TZ TZA tanza; UA UKR oekr ukra; UG UGA oegand ugand
US USA amerik ameri verenigdestaten unitedstates; UZ UZB oezbek oezbee uzbek; VE VEN venez; VN VNM vietn; XK XKX kosov; YE YEM jemen yemen; ZA ZAF zuidafr southafr
SS SSD zuidsoed southsud; ZM ZMB zambi; ZW ZWE zimba
"""
_NOT_KNOWN: Final = frozenset({"onbekend", "unknown", "nb", "nvt"})
_LEAST_WORD: Final = 4


@cache
def _codes() -> dict[str, str]:
    return {code.lower(): row[0] for row in _rows() for code in row[:2]}


@cache
def _beginnings() -> tuple[tuple[str, str], ...]:
    pairs = [(plain(word), row[0]) for row in _rows() for word in row[2:]]
    return tuple(sorted(pairs, key=lambda pair: -len(pair[0])))


def _rows() -> list[list[str]]:
    return [row.split() for row in re.split(r"[;\n]", _COUNTRIES) if row.strip()]


@lru_cache(maxsize=1024)
def country_of(text: str) -> str:
    """The ISO 3166-1 code of a nationality or country; the word itself in plain form when it is none that is known; "" for unknown."""
    word = plain(text)
    if word in _NOT_KNOWN:
        return ""
    if word in _codes():
        return _codes()[word]
    if len(word) < _LEAST_WORD:
        return word
    return next((code for start, code in _beginnings() if word.startswith(start)), word)
