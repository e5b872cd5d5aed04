"""The light text scan: what it finds, what it leaves readable, and that nothing typed survives masking. All invented."""

import re
import string
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from signaltable.identity import load_identifiers
from signaltable.names import plain
from signaltable.text import TOKENS, Span, contains_bsn, mask, scan

ORGANISATIONS = load_identifiers(Path(__file__).parents[2] / "policies").text.organisations


def found(text: str, *typed: str) -> list[tuple[str, str]]:
    spans = scan(text, typed, organisations=ORGANISATIONS)
    assert list(spans) == sorted(spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    return [(span.kind, text[span.start : span.end]) for span in spans]


def masked(text: str, *typed: str) -> str:
    return mask(text, scan(text, typed, organisations=ORGANISATIONS))


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Bel 06-12345678 na zes uur", "phone", "06-12345678"),
        ("Bel 06 - 12 34 56 78.", "phone", "06 - 12 34 56 78"),
        ("nummer (010) 123 45 67 werkt", "phone", "(010) 123 45 67"),
        ("haar zus (06-12345678) belt", "phone", "06-12345678"),
        ("ze appt met +31 (0)6 12345678, zegt hij", "phone", "+31 (0)6 12345678"),
        ("bereikbaar op 0040721234567 of niet", "phone", "0040721234567"),
        ("tel. 0612345678 12 mensen", "phone", "0612345678"),
        ("tel: 88 123 456", "phone", "88 123 456"),
        ("mail naar iemand.anders+x@voorbeeld.co.nl.", "email", "iemand.anders+x@voorbeeld.co.nl"),
        ("zie https://voorbeeld.nl/ad/77?x=1, daar", "profile", "https://voorbeeld.nl/ad/77?x=1"),
        ("staat op kinky.nl/advertentie/12", "profile", "kinky.nl/advertentie/12"),
        ("via @mooi.meisje op Instagram", "profile", "@mooi.meisje"),
        ("naar NL91 ABNA 0417 1643 00 gestort", "iban", "NL91 ABNA 0417 1643 00"),
        ("naar nl91abna0417164300 gestort", "iban", "nl91abna0417164300"),
        ("naar BG80BNBG96611020345678 EN weg", "iban", "BG80BNBG96611020345678"),
        ("kenteken 12-ABC-3 gezien", "plate", "12-ABC-3"),
        ("een busje (vk-123-x) stond er", "plate", "vk-123-x"),
        ("Kenteken is B XY 1234.", "plate", "B XY 1234"),
        ("woont Dorpsstraat 12-b, 3011 AA Rotterdam", "address", "Dorpsstraat 12-b, 3011 AA Rotterdam"),
        ("in een huis aan de Oude Haven 7", "address", "Oude Haven 7"),
        ("aan de Burgemeester van der Werflaan in Breda", "address", "Burgemeester van der Werflaan"),
        ("postcode 3011AA", "address", "3011AA"),
        ("geboren 3 mei 1999 te Sofia", "date", "3 mei 1999"),
        ("geb. dat.: 03-05-99", "date", "03-05-99"),
        ("hij is van 1985-12-31 dus", "date", "1985-12-31"),
        ("ze is geboren in 2009", "date", "2009"),
        ("geboren op 1 januari 2021", "date", "1 januari 2021"),
        ("de Laan van NOI 132 in Den Haag", "address", "Laan van NOI 132"),
        ("nr 14 van de lindenlaan", "address", "nr 14 van de lindenlaan"),
        ("woont ergens bij plein 40-45", "address", "plein 40-45"),
        ("Adres: Keupstraße 44, 51063 Köln.", "address", "Keupstraße 44, 51063 Köln"),
        ("Ik woon bij Vesna op de Meent 55.", "address", "Meent 55"),
        ("op de Wagenweg 15 rood in Haarlem", "address", "Wagenweg 15 rood"),
        ("geboren 00-00-1992", "date", "00-00-1992"),
        ("Ik ben van negentien maart 1998", "date", "negentien maart 1998"),
        ("Identiteitskaart XZ 558124", "document", "XZ 558124"),
        ("het paspoort had nummer B00761234", "document", "B00761234"),
        ("v-nummer 2901 556 781", "document", "2901 556 781"),
        ("bij Revolut, LT85 3250 0123 4567 8901", "iban", "LT85 3250 0123 4567 8901"),
        ("op discord heet hij rayanb#4471", "profile", "rayanb#4471"),
        ("achternaam el hamdaoui ofzo", "name", "el hamdaoui"),
        ("die gast, mitchell van wijk, belde", "name", "mitchell van wijk"),
        ('hij heet (ook wel "Chello")', "name", "Chello"),
        ("onze buurvrouw Wil van Heeswijk", "name", "Wil van Heeswijk"),
        ("zei H.A.M. Claassen dat", "name", "H.A.M. Claassen"),
        ("een vrouw, Mama Esther, belde", "name", "Mama Esther"),
        ("verdachte Octavian-Cristian Popa", "name", "Octavian-Cristian Popa"),
        ("Van school: Kevin Tran slaapt", "name", "Kevin Tran"),
        ("paspoort nummer NXA3K21B7 is weg", "document", "NXA3K21B7"),
        ("haar V-nummer is 2871234567", "document", "2871234567"),
        ("het document XR8K24Z11 lag er", "document", "XR8K24Z11"),
        ("KvK-nummer: 12345678", "kvk", "12345678"),
        ("zijn bsn 123456782 stond erop", "bsn", "123456782"),
        ("1234.56.782 stond erop", "bsn", "1234.56.782"),
        ("bij restaurant De Gouden Draak in de keuken", "company", "De Gouden Draak"),
        ("werkt voor Snel Uitzenden BV in Venlo", "company", "Snel Uitzenden BV"),
        ("Mevrouw Bakker belde", "name", "Bakker"),
        ("dhr. J. van der Berg regelt alles", "name", "J. van der Berg"),
        ("De heer El Amrani was boos", "name", "El Amrani"),
        ("een man genaamd Sjaak", "name", "Sjaak"),
        ("ze heet fatima en is bang", "name", "fatima"),
        ("Mijn naam is dominika", "name", "dominika"),
        ("Fatima vertelde over haar baas", "name", "Fatima"),
        ("Volgens haar regelt Zdzislaw het vervoer", "name", "Zdzislaw"),
        ("Katarzyna Nowakowska werkt daar", "name", "Katarzyna Nowakowska"),
        ("Onyinye vertelde het", "name", "Onyinye"),
        ("daarna kwam Jean-Pierre van 't Hof binnen", "name", "Jean-Pierre van 't Hof"),
        ("Nguyễn Thị Lan slaapt boven", "name", "Nguyễn Thị Lan"),
    ],
)
def test_what_tells_who_it_is_about_is_found(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)
    assert value not in masked(text)
    assert TOKENS[kind] in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "Tijdens een controle in Rotterdam op 12 oktober 2026 zagen wij drie Bulgaarse vrouwen.",
        "Zij verdient 4,50 euro per uur en werkt 12 uur per dag, 7 dagen per week.",
        "De schuld is 35.000 euro. Er zijn 1500 mensen en 2026 signalen.",
        "Maandag belde de Politie Rotterdam met Veilig Thuis en de Gemeente Schiedam.",
        "Het Leger des Heils en de Raad voor de Kinderbescherming zijn betrokken. CoMensha ook.",
        "In Den Haag sprak zij Engels, Pools en een beetje Nederlands.",
        "Cliënte durft niet te praten. Werkgever houdt loon in. Onderweg huilde ze.",
        "Zij heeft WhatsApp, Facebook en een iPhone. De AVIM is gebeld, het RIEC niet.",
        "De Roemeense mannen en Poolse chauffeurs uit Hongarije gingen naar Duitsland.",
        "Op pagina 12-13 staat artikel 273f. Zie 3-4 meldingen, 10 en 20 augustus.",
        "Het gaat om kamer 12, gebouw C, en om 3 van de 10 meisjes.",
        "Er staat een zwarte BMW voor de deur op de snelweg.",
        "[14-03 09:12] gebeld, [14-03 09:15] geen gehoor.",
        "De Vietnamees, de Guinees en de Gambiaan spraken Pools.",
        "zij liep door de winkelstraat naar het schoolplein. Van: de afdeling.",
    ],
)
def test_ordinary_sentences_stay_readable(text: str) -> None:
    assert found(text) == []
    assert masked(text) == text


TYPED_IN_TEXTS = [
    ("Mohammed", "Muhamed stond buiten"),
    ("Mohammed", "MOHAMMED stond buiten"),
    ("El Amrani", "de auto van elamrani"),
    ("El Amrani", "de auto van El-Amrani"),
    ("Amrani", "Amrani's auto en Amranis huis"),
    ("de Boer-Kuijper", "mevrouw kuyper"),
    ("Müller", "bij muller thuis"),
    ("Li", "Dat zei Li gisteren"),
    ("+31612345678", "op 06 12.34.56.78 te bereiken"),
    ("0612345678", "op 0031 6 1234 5678"),
    ("0612345678", "op 61234 5678"),
    ("1999-05-03", "op 3 mei 1999"),
    ("1999-05-03", "op 3-5-'99"),
    ("1999-05-03", "op 03/05/1999"),
    ("2026-10-12", "op 12 oktober 2026"),
    ("12-ABC-3", "auto 12abc3"),
    ("NL91ABNA0417164300", "NL91 ABNA 0417.1643.00"),
    ("NXA3K21B7", "nummer nxa 3k21b7"),
    ("3011 AA", "in 3011aa"),
    ("Dorpsstraat 12", "naast dorpsstraat 12"),
    ("iemand@voorbeeld.nl", "Iemand@Voorbeeld.nl"),
    ("@mooi.meisje", "mooi meisje"),
    ("李明", "我叫李明。"),
    ("Иванов", "Ivanov en Иванов"),
]


@pytest.mark.parametrize(("typed", "text"), TYPED_IN_TEXTS)
def test_typed_values_are_found_in_other_notations(typed: str, text: str) -> None:
    rest = mask(text, scan(text, [typed]))
    for token in TOKENS.values():
        rest = rest.replace(token, "")
    assert "[" in masked(text, typed)
    assert not plain(typed) or plain(typed) not in plain(rest)
    assert not re.search(r"\d", rest)
    assert "李" not in rest


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("Jolanta", "jolantaatje"),
        ("Jolanta", "superjolanta"),
        ("Jolanta", "jolanta96"),
        ("Jolanta", "1JOLANTA"),
        ("Jolanta Verzonnen", "jolantaverzonnen"),
        ("14-3-1996", "14031996"),
        ("14-3-1996", "19960314"),
        ("14-3-1996", "140396"),
        ("14-3-1996", "veertien maart 1996"),
        ("14-3-1996", "veertiende maart negentienzesennegentig"),
        ("14-3-1996", "14 maart negentien zesennegentig"),
        ("14-3-1996", "veertien maart zesennegentig"),
        ("14-3-1996", "March 14, 1996"),
        ("14-3-1996", "14th of March 1996"),
        ("14-3-1996", "maart 1996"),
        ("14-3-1996", "14 maart"),
        ("2002-10-22", "tweeëntwintig oktober tweeduizend twee"),
    ],
)
def test_a_typed_value_is_found_inside_a_word_and_a_date_of_birth_in_words(typed: str, text: str) -> None:
    assert [value for _kind, value in found(f"Het gaat om {text} zegt men.", typed)] == [text]


def test_an_ordinary_word_that_holds_a_name_and_another_day_stay_readable() -> None:
    text = "Op 15 maart en in april 1996 kwamen de vissers met 12 vissersboten langs."
    assert found(text, "Visser", "14-3-1996") == [("name", "vissers"), ("name", "vissersboten")]
    assert found("Hij kwam in de vergadering.", "Erga", "1996") == []


def test_a_short_name_is_masked_as_a_whole_word_only() -> None:
    assert (
        masked("Li ging naar de politie in Lisse, zei li.", "Li") == "[naam] ging naar de politie in Lisse, zei [naam]."
    )
    assert masked("Het is 5 uur", "5") == "Het is 5 uur"


def test_the_particles_of_a_name_stay_where_they_belong() -> None:
    assert masked("Hij liep van de markt naar de berg.", "van de Berg") == "Hij liep van de markt naar de [naam]."


def test_every_bit_of_overlapping_finds_is_masked() -> None:
    text = "Anna Dorpsstraat 12, 3011 AA belt 0612345678 vanaf @anna_dorps"
    result = masked(text, "Anna Dorpsstraat", "12, 3011", "12345678")
    assert not set("0123456789").intersection(result)
    assert "Dorps" not in result


def test_mask_refuses_spans_that_overlap_or_lie_outside() -> None:
    for spans in ([Span(0, 3, "name"), Span(2, 4, "name")], [Span(0, 99, "name")], [Span(3, 1, "name")]):
        with pytest.raises(ValueError, match="overlap"):
            mask("abcdef", spans)


@pytest.mark.parametrize(
    "text",
    ["123456782", "BSN:123456782.", "1234 56 782", "123-456-782", "123.456.782", "1 2 3 4 5 6 7 8 2", "nr. 012345672"],
)
def test_a_bsn_is_seen_in_any_notation(text: str) -> None:
    assert contains_bsn(text)
    assert contains_bsn(f"Op het papier stond {text} en meer")
    assert masked(text).count("[bsn]") == 1


@pytest.mark.parametrize(
    "text",
    [
        "123456783",
        "06-12345678",
        "+31 612345678",
        "NL91ABNA0417164300",
        "kinky.nl/ad/123456782",
        "20261122",
        "12.345.678",
        "0900-1234",
        "2026-11-22 3",
    ],
)
def test_other_numbers_are_no_bsn(text: str) -> None:
    assert not contains_bsn(text)


@pytest.mark.parametrize("gap", [" ", ".", "-", " . "])
def test_a_name_that_is_spelled_out_is_masked_however_long_it_is(gap: str) -> None:
    spelled = gap.join("Wilhelminahof")
    assert "h" not in mask(f"Z: {spelled}", scan(f"Z: {spelled}", ["Wilhelminahof"])).removeprefix("Z: ")


# -- properties --------------------------------------------------------------------------------------------------------

FILLER = st.sampled_from([" ", ", ", ". ", " en ", " van ", "\n", " - ", ". De ", " woont bij ", " 12 ", "/", "! "])
TYPED = st.text(alphabet=string.ascii_letters + "éüğłıß -'ИванЖ", min_size=2, max_size=14).filter(
    lambda value: len(plain(value)) > 1
)


def respelled(value: str, how: int) -> str:
    return [value, value.upper(), value.lower(), value.title(), value.replace(" ", "-"), value.replace("-", " ")][how]


@settings(max_examples=300)
@given(st.lists(st.tuples(TYPED, FILLER, st.integers(0, 5)), min_size=1, max_size=6), st.integers(0, 63))
@example([("ij", ". ", 1)], 1)
def test_a_masked_text_holds_no_typed_value(pieces: list[tuple[str, str, int]], which: int) -> None:
    # Given a text that holds values, some of them typed in the form as well
    text = "Gezien: " + "".join(f"{respelled(value, how)}{gap}" for value, gap, how in pieces)
    typed = [value for at, (value, _, _) in enumerate(pieces) if which >> at & 1]
    # When it is masked
    result = mask(text, scan(text, typed))
    # Then no typed value is left as words in a row, however written
    rest = re.split("|".join(map(re.escape, TOKENS.values())), result)
    rows = [[plain(word) for word in re.findall(r"[^\W_]+", piece)] for piece in rest]
    for value in typed:
        joined = plain(value)
        for row in rows:
            # Words of the masked text stand apart; a value that is spelled out is as many words as it has letters.
            left = {"".join(row[at : at + size]) for at in range(len(row)) for size in range(1, 16)}
            assert joined not in left, (value, result)


@given(st.text(max_size=200), st.lists(st.text(max_size=12), max_size=4))
def test_any_text_can_be_scanned_and_masked(text: str, typed: list[str]) -> None:
    spans = scan(text, typed)
    result = mask(text, spans)
    outside = "".join(
        text[a:b] for a, b in zip([0, *(s.end for s in spans)], [*(s.start for s in spans), len(text)], strict=True)
    )
    for token in TOKENS.values():
        result = result.replace(token, "") if token not in text else result
    assert all(span.start < span.end for span in spans)
    assert sum(span.end - span.start for span in spans) + len(outside) == len(text)


@given(st.integers(10_000_000, 99_999_999), st.sampled_from(["", " ", ".", "-"]))
def test_no_bsn_survives_masking(stem: int, gap: str) -> None:
    check = sum((9 - at) * int(digit) for at, digit in enumerate(str(stem))) % 11
    if check < 10:
        bsn = f"{stem}{check}"
        text = f"Het nummer {gap.join([bsn[:4], bsn[4:6], bsn[6:]])} stond op de kaart."
        assert contains_bsn(text)
        assert not re.search(r"\d", mask(text, scan(text, [])))


# -- what nobody sees ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        "Niemand weet hoe ze heet.",
        "Hij heeft hier geen familie.",
        "Er slaapt ook een gezin.",
        "Zij slaapt bij haar tante.",
        "Hij is bang voor zijn oom.",
        "Zij belde met meneer.",
        "Ze noemde geen naam.",
        "Hij kwam met een vriend.",
        "Wij spraken de chef.",
        "Hij wordt zo genoemd...",
    ],
)
@pytest.mark.parametrize(
    "sentence",
    [
        "De vleeswerkerij begint om vijf uur.",
        "De vleeswerk begint om zes.",
        "De baas wacht bij de deur.",
        "De Poolse mannen slapen in de loods.",
        "De Nederlandse Arbeidsinspectie kwam langs.",
        "Het bedrijf ligt achter de dijk.",
        "Het vleesafval gaat in de bak.",
        "In de kas werkt zij.",
        "Op de deur stond niets.",
        "Van de week kwam hij weer.",
        "Voor het eten moet hij betalen.",
        "Bij de loods staat een busje.",
    ],
)
def test_an_article_with_which_a_sentence_begins_is_no_name(before, sentence):
    assert masked(f"{before} {sentence}") == f"{before} {sentence}"
    assert masked(f"{before}\n{sentence}") == f"{before}\n{sentence}"


@pytest.mark.parametrize(
    "text",
    [
        "De Vries zei dat hij kwam.",
        "Zij werkt voor De Vries in de kas.",
        "Volgens De Vries werkte hij.",
        "Hij sprak mevr. De Jong bij de deur.",
        "Zij belde dhr. De Vries over de loods.",
        "Bij fam. De Jong staat een busje.",
        "De heer De Groot kwam met de bus.",
        "Haar baas heet De Boer en de man is boos.",
        "Naam: De Vries. De man wacht.",
        "Achternaam De Wit, de rest is onbekend.",
        "Jan de Boer belde de politie.",
        "mevrouw van der Meer zag de man.",
        "Zij noemt hem meneer Van.",
        "Hij kwam met mevrouw Le.",
    ],
)
def test_a_name_with_a_particle_stays_a_name_and_no_other_particle_is_one(text):
    names = [value for kind, value in found(text) if kind == "name"]
    assert names
    assert not {"De", "de", "Het", "het", "In", "in", "Op", "op"} & set(names)
    known = ("Vries", "Jong", "Groot", "Boer", "Wit", "Meer", " Van", " Le")
    assert not any(part in masked(text) for part in known)


@given(st.sampled_from(["de", "het", "in", "op", "aan", "bij", "uit", "voor", "onder", "tot"]), st.data())
def test_an_article_alone_is_a_name_nowhere(article, data):
    before = data.draw(st.sampled_from(["dhr", "mevrouw", "ze heet", "familie", "de heer", "genaamd", "tante", "naam"]))
    between = data.draw(st.sampled_from([" ", ". ", ": ", ", "]))
    after = data.draw(st.sampled_from(["baas", "kas", "vleeswerk", "deur", "mannen"]))
    assert article.capitalize() not in [
        value for _kind, value in found(f"{before}{between}{article.capitalize()} {after}")
    ]


@pytest.mark.parametrize("sign", ["\u00ad", "\u200b", "\u200d", "\u2060", "\ufeff", "\u202e"])
def test_a_sign_that_nobody_sees_hides_nobody(sign):
    text = f"Bel 06-1234{sign}5678, mail z{sign}n@voorbeeld.nl of vraag Zorin{sign}ka Proef{sign}veld."
    assert masked(text, "Zorinka", "Proefveld") == "Bel [telefoon], mail [e-mail] of vraag [naam]."
    assert contains_bsn(f"nummer 1112{sign}22333")
    assert found("Zorinka", f"Zo{sign}rinka") == [("name", "Zorinka")]


def test_accents_that_are_stored_beside_their_letter_hide_nobody():
    text = unicodedata.normalize("NFD", "Ik zag Renée Müllerová gisteren.")
    assert masked(text, "Renée", "Müllerová") == "Ik zag [naam] gisteren."
