"""How names are written, and which capitalised words are no names.

The spelling of one name differs by clerk, language and script. Three forms come out of here: `plain` (the letters that
were written, without marks), `sounds` (how it sounds, vowels in three classes) and `skeletons` (consonants only, which
nearly all spellings of one name share). The tables are facts about languages; what the program does with them stands
in pseudonymise.py and text.py.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from signaltable.transliterate import to_latin

# Letters that Unicode does not take apart (NFKD), and scripts that partners meet. Arabic is written without most
# vowels; the skeleton of consonants is what counts.
_LETTERS: Final = {
    "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ŋ": "ng", "ħ": "h",
    "ə": "a",
    "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "е": "e", "є": "ye", "ж": "zh", "з": "z", "и": "i",
    "і": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u",
    "ф": "f", "х": "kh", "ц": "ts", "ч": "tsh", "ш": "sh", "щ": "sh", "ъ": "a", "ы": "y", "ь": "", "э": "e", "ю": "yu",
    "я": "ya",
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
    "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
    "χ": "ch", "ψ": "ps", "ω": "o",
    "ا": "a", "ب": "b", "ت": "t", "ث": "th", "ج": "j", "ح": "h", "خ": "kh", "د": "d", "ذ": "d", "ر": "r", "ز": "z",
    "س": "s", "ش": "sh", "ص": "s", "ض": "d", "ط": "t", "ظ": "z", "ع": "a", "غ": "gh", "ف": "f", "ق": "q", "ك": "k",
    "ل": "l", "م": "m", "ن": "n", "ه": "h", "و": "w", "ي": "y", "ى": "a", "ة": "a", "ء": "", "پ": "p", "چ": "tsh",
    "گ": "g", "ک": "k", "ی": "y",
}  # fmt: skip
_TRANSLATION: Final = str.maketrans(_LETTERS)


def word_set(words: str) -> frozenset[str]:
    """The words of a text as a set; long lists read better as text."""
    return frozenset(words.split())


PARTICLES: Final = word_set(
    "van de der den het t ter ten te in op aan bij s d uit voor onder tot v vd la le les du des von zu zum zur di da "
    "do dos das del della dello degli el al ul ibn bin ben bint abu ould ait o mac mc y e i"
)
# Of these, articles and prepositions: every sentence has them, and alone they name nobody.
WORDS_OF_SENTENCES: Final = word_set("van de der den het t ter ten te in op aan bij uit voor onder tot")
# Written as one word by some and as two by others; what follows is the name (Elamrani, El Amrani).
_GLUED: Final = ("el", "al", "ben", "bin", "ait")
_SHORTEST_AFTER_GLUE: Final = 4
_MOST_JOINED: Final = 4


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """Lower-case ASCII with everything else as it came: marks gone, ligatures and other scripts written out."""
    if text.isascii():
        return text.lower()
    # Some letters, such as those of mathematics, have no small form before they are taken apart.
    lowered = unicodedata.normalize("NFKD", text.replace("İ", "I").lower()).lower()
    bare = "".join(letter for letter in lowered if not unicodedata.combining(letter))
    return bare.translate(_TRANSLATION)


# What stands in a text without being seen and cuts a word in two for a program: soft hyphens, joiners, marks of
# direction, accents that are stored beside their letter (text from a Mac or a PDF), and the hyphen at the end of a line.
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e0fff\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
    r"|(?<=[^\W\d_])[-\u2010][ \t]{0,8}\r?\n[ \t]{0,8}(?=[a-z])"
)


def as_read(text: str) -> tuple[str, Sequence[int]]:
    """A text as a person reads it, without what is not seen; and for each of its signs, and its end, the place in `text`."""
    # Nearly every text: all of these signs lie beyond ASCII but for a hyphen at the end of a line.
    if (text.isascii() and "\n" not in text) or _UNSEEN.search(text) is None:
        return text, range(len(text) + 1)
    places: list[int] = []
    at = 0
    for found in _UNSEEN.finditer(text):
        places += range(at, found.start())
        at = found.end()
    places += range(at, len(text) + 1)
    return _UNSEEN.sub("", text), places


# Signs of which re.IGNORECASE says that they are the same letter as one of ASCII (library reference of `re`).
_SAME_LETTERS: Final = str.maketrans({"İ": "i", "ı": "i", "ſ": "s", "\u212a": "k"})


def in_small_letters(text: str) -> str:
    """A text as a pattern that ignores capitals sees its letters of ASCII, to ask quickly whether it can find anything."""
    return text.lower() if text.isascii() else text.translate(_SAME_LETTERS).lower()


# Compiled here: a text is compared with hundreds of names, and looking a pattern up takes as long as using it.
_NOT_PLAIN: Final = re.compile(r"[^a-z0-9]")
_BETWEEN_WORDS: Final = re.compile(r"[^\w]+|_")


def latin(text: str) -> str:
    """As `fold`, with every script written in Latin letters: also Hebrew, Ethiopic and Chinese."""
    folded = fold(text)
    return folded if folded.isascii() else to_latin(folded)


def plain(text: str) -> str:
    """Only the letters a-z and digits of a text, with ij written as y: Wijk and Wyk become the same."""
    return _NOT_PLAIN.sub("", latin(text)).replace("ij", "y")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a name in plain form; hyphens, dots, spaces and apostrophes separate."""
    return tuple(word for word in (plain(part) for part in _BETWEEN_WORDS.split(latin(text))) if word)


def name_words(text: str) -> tuple[str, ...]:
    """The words that tell in a name, in plain form and each once: no particles, no single letters.

    A name that consists of particles only (Le, Do) keeps them.
    """
    words = words_of(text)
    own = [word for word in words if word not in PARTICLES and len(word) > 1]
    return tuple(dict.fromkeys(own or (word for word in words if len(word) > 1)))


def name_parts(text: str) -> tuple[str, ...]:
    """The parts that can stand for a name in plain form, each once: people leave parts out, swap and glue them.

    "El Amrani-de Boer" gives amrani, boer and the whole as one word; Elamrani also gives amrani.
    """
    own = name_words(text)
    unglued = [
        word[len(glue) :]
        for word in own
        for glue in _GLUED
        if word.startswith(glue) and len(word) - len(glue) >= _SHORTEST_AFTER_GLUE
    ]
    words = words_of(text)
    joined = ["".join(words).replace("ij", "y")] if 1 < len(words) <= _MOST_JOINED else []
    return tuple(dict.fromkeys([*own, *unglued, *joined]))


# Spelling -> sound, applied in this order to plain lower-case letters. Capitals are finished sounds.
_RULES: Final = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"(.)\1+", r"\1"),
        (r"^[jy]e", "e"),  # Yelena, Jelena, Elena
        (r"^ng", "n"),  # Nguyen
        (r"^ou(?=[aeiouy])", "F"),  # Ouarda, Warda
        (r"(?<=[oae]u)w", ""),  # Bouwman, Bouman
        (r"sch|tsj|tsh|tch|dsch", "S"),
        (r"dzh|dzj|dj|zj(?=a)", "J"),
        (r"sh|sj|sz|cz|zh|tz|ts", "S"),
        (r"ph", "F"),
        (r"gh|kh|ck|cq|qu|q", "K"),
        (r"(?<=.)x|^x(?=.)", "KS"),
        (r"c(?=[eiyv])", "S"),
        (r"th|dt|[dt]", "T"),
        (r"[ckg]", "K"),
        (r"[fvw]", "F"),
        (r"[sz]", "S"),
        (r"b$", "P"),
        (
            r"^h(?=[aeiouyr])|(?<=[aeiouy])h(?=[aeiouy])",
            "K",
        ),  # Halid and Khalid; Mohammed and Mochamed; Hristov and Christov
        (r"h", ""),
        (r"^[jyi](?=[aeiou])", "J"),  # Yulia, Julia, Iulia
    )
)
_SHORTEST_SKELETON: Final = 2


def skeletons(word: str) -> tuple[str, ...]:
    """One or two consonant skeletons of a word in plain form; nearly all spellings of one name share at least one.

    Two, because "ch" is a k or an s, by language (Achraf, Ashraf). Hassan and Hussein fall together here, in `sounds`
    they do not. A word of which fewer than two consonants remain stands for itself: it would meet too many others.
    """
    return tuple(dict.fromkeys(_skeleton(_sound(variant)) or word for variant in _readings(word)))


@lru_cache(maxsize=8192)
def sounds(word: str) -> tuple[str, ...]:
    """One or two sounds of a word in plain form: as `skeletons`, with each run of vowels as a, i or u.

    Mohammed and Muhammad sound the same, as do Hussein and Hoesain; Mario and Maria do not.
    """
    return tuple(dict.fromkeys(_with_vowels(_sound(variant)) for variant in _readings(word)))


def _readings(word: str) -> tuple[str, ...]:
    if "ch" not in word:
        return (word,)
    silent = re.sub(r"(?<=[aeiou])ch(?=[mtdny])", "", word)  # Achmed, Ahmed; Yachya, Yahya
    return silent.replace("ch", "k"), word.replace("sch", "ch").replace("ch", "sh")


@lru_cache(maxsize=8192)
def _sound(word: str) -> str:
    sound = word
    for pattern, by in _RULES:
        sound = pattern.sub(by, sound)
    return sound


def _skeleton(sound: str) -> str:
    """Drop what is no consonant; equal consonants that stood together become one. Empty when too little is left."""
    runs = re.split(r"[aeiouyj]+|(?!^)J", sound)
    skeleton = "".join(re.sub(r"(.)\1+", r"\1", run.upper()) for run in runs)
    if sound[:1] in {*"aeiouy"}:
        skeleton = "A" + skeleton
    return skeleton if len(skeleton) >= _SHORTEST_SKELETON else ""


def _with_vowels(sound: str) -> str:
    classed = re.sub(r"(?!^J)[aeiouyjJ]+", _vowel_class, sound)
    return re.sub(r"([^aiu])\1+", r"\1", re.sub(r"[^aiu]", lambda letter: letter[0].upper(), classed))


def _vowel_class(run: re.Match[str]) -> str:
    if set(run[0]) & set("ou"):
        return "u"
    return "a" if set(run[0]) & set("ae") and run[0] != "ie" else "i"


# -- words that a text scan knows ----------------------------------------------------------------------------------
# All in the form that `fold` gives. They keep words readable; a value typed in the form is masked all the same.

GIVEN_NAMES: Final = word_set(
    """
    abdel abdelkader abdellah abdelkarim abdullah abdul achraf adam adriana adrian agnieszka ahmad ahmed achmed aicha aisha
    aleksandar aleksandra aleksander alexandra alexandru alexander alexandra ali alina alina amal amina amine amir ana
    anastasia anca andrea andreea andrej andrei andrzej angela anita anna anne anneke annemarie ans antonio
    anouk arjan arie aylin ayse ayoub bart bas beata bianca bilal bogdan boris bouchra boyan bram brahim carmen
    catalina chantal charlotte christina claudia cornelis cristian cristina daan daniel daniela danuta david
    denise denitsa dennis desislava diana dimitar dimitri dirk dragan dorota driss dung edyta elena elif elisabeta elisabeth
    ellen elly els emil emilia emine emma emre erik esther eva evelien ewa fatiha fatima fatma femke filip florin
    fleur frank frans gabriela galina georgi gergana gerard gerrit gheorghe grace grazyna grigor grzegorz hakan halima
    hamid hamza hannah hans hassan hatice hein helena hendrik henk hicham houda huong hussein hoessein ibrahim ilias
    iliana ilona imane ines ingrid ioana ion irina iris irene isabel ismail iva ivan ivana ivelina iveta iwona jacek jadwiga
    jaap jamal jamila jan jana jane janine jasmin jasmina jelena jeroen jessica joanna joao johan johanna johannes john
    joke jolanta jose joseph joseph joris julia julian jurgen justyna kamil kamila karim karin karolina katarzyna
    katerina kees kemal kevin khadija khalid kim klaas krasimir krzysztof laila lamin larisa latifa laura leila lena lieke
    lien lin linda lisa lise lotte loubna louis lucia ludmila luis lukasz maaike maarten magdalena mahmoud malgorzata malika
    maksim marcel marcin marek margaret margriet mariam mariana maria marian mariana marie marieke marija marijke
    marin mario marit mariusz mark marloes marta martijn martin martina maryam mateusz matthijs mehmet merel mercy
    michael michal michel mieke mihaela mihai mike mila milan milena mimoun mina minh miroslav miriam mohamed mohammed
    mohamad mohammad monika mostafa moussa muhammad mustafa nadezhda nadia nadine najat naima natalia natasha nathalie
    nguyen nicolae nicole nikola nikolay nikolai nina noor nora noura olena olga oksana omar oleksandr osman otto pamela
    patricia patience paul paula pavel pawel petar peter petra petya pham phuong pieter piotr plamen precious blessing favour joy priscilla
    rachel rachid rachida radka radoslav radu rafal rahma ramona ramazan raya rene renata richard rik rita robert robin
    roel rosa rosen rositsa roza ruben rutger ruth sabina sabine said saida salma samantha samir samira samuel sandra
    sanne sara sarah sebastian selma sergei sergey sevda sevim simona simone siham sofia soraya stanislav stefan stefania
    stefka stela stoyan suzan svetlana sylvia sylwia tamara tanja tanya tatiana teodora thi thomas thijs thuy tim tom
    tomasz trang tran tsvetelina ursula valentin valentina valeria vanessa vasil vasile veronica veselin victor victoria
    viktor viktoria violeta vladimir wafa walid wanda wassim wendy wiktor willem wim wojciech xiao yana yasin yasmin
    yasmina yordan yordanka younes youssef yusuf yuliya yulia yvonne zahra zainab zdravko zeynep zofia zohra zoran
    sophie tess thea mees sem luuk stijn sven
    """
)

MONTHS: Final = word_set(
    """
    januari februari maart april mei juni juli augustus september oktober november december january february march may
    june july august october
    """
)

_DAYS: Final = word_set(
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag monday tuesday wednesday thursday friday saturday sunday"
)

_COUNTRIES: Final = word_set(
    """
    afghanistan albanie algerije amerika angola argentinie armenie australie azerbeidzjan bangladesh belarus belgie
    bolivia bosnie brazilie bulgarije burundi canada chili china colombia congo cuba cyprus denemarken duitsland ecuador
    egypte engeland eritrea estland ethiopie europa filipijnen finland frankrijk gambia georgie ghana griekenland guinee
    honduras hongarije ierland ijsland india indonesie irak iran israel italie ivoorkust jamaica japan jemen jordanie
    kameroen kazachstan kenia kosovo kroatie koeweit laos letland libanon liberia libie litouwen luxemburg macedonie
    maleisie mali malta marokko mauritanie mexico moldavie mongolie montenegro myanmar nederland nepal niger nigeria
    noorwegen oeganda oekraine oezbekistan oostenrijk pakistan palestina peru polen portugal qatar roemenie rusland rwanda
    schotland senegal servie sierra leone singapore slovenie slowakije soedan somalie spanje suriname syrie tadzjikistan
    taiwan tanzania thailand togo tsjaad tsjechie tunesie turkije uruguay venezuela vietnam zambia zimbabwe zweden
    zwitserland curacao aruba bonaire afrika azie saoedi arabie verenigde staten koninkrijk netherlands germany poland
    romania bulgaria hungary morocco turkey ukraine
    """
)

_PEOPLES: Final = re.compile(
    r"(?:afghaan|afghan|alban|algerij|amerika|antilli|arab|aziat|afrika|azi|belg|bosni|brazilia|brit|bulgaar|bulgar|chine|colombia|"
    r"congole|cuba|curacao|dee?n|dominica|duit|egypt|engel|eritre|est|ethiopi|europe|filipijn|fin|fran|fransman|"
    r"gambia|ghane|griek|guine|hongaar|hongar|iers|iraak|irak|iraan|iran|italia|ivoria|jamaica|japan|jemeni|joods|"
    r"jordaan|kameroen|kazach|kenia|koerd|kroaat|kroati|latijn|let|libane|liberi|libi|litouw|macedoni|malei|mali|"
    r"marokka|marokk|mexica|moldavi|moldav|mongol|nederland|nepale|nigeria|nigeri|noor|oegande|oekraien|oekraie|oekrai|oezbeek|"
    r"oostenrijk|oost|west|pakista|palestij|perua|pol|pool|portuge|roemeen|roemen|roma|rus|russi|schot|senegale|servi|"
    r"sierra|singapore|slavi|sloveen|slowaak|soedane|somali|surinam|spaan|spanj|surina|syri|tadzjiek|taiwane|thai|togole|tsjech|"
    r"tunesi|turk|venezola|venezolaan|vietname|vlaam|zambia|zimbabwa|zweed|zwitser|amazigh|berber|sinti|islamit|"
    r"christe|katholie|moslim|british|dutch|polish|romanian|bulgarian|hungarian|german|french|english|spanish|"
    r"turkish|moroccan|nigerian|chinese|vietnamese)"
    r"(?:n?s|an|es|se|sen|nse|aanse?|aan|anen|iers?|ieren|er|ers|en|ees|ese|eze|ezen|ien|isch|ische|lander|landers|e|"
    r"te|ten|nen|n|zen|aarden?|aard|eers?|ners?|ens|ense|mers|talig|stalig|stalige|sprekende?)?"
)

_PLACES: Final = word_set(
    """
    aalsmeer aalten achtkarspelen alblasserdam albrandswaard alkmaar almelo almere alphen rijn altena ameland amersfoort
    amstelveen amsterdam apeldoorn arnhem assen asten baarle nassau baarn barendrecht barneveld beek beekdaelen beesel berg
    dal bergeijk bergen zoom berkelland bernheze best beuningen beverwijk bilt bladel blaricum bloemendaal bodegraven
    reeuwijk boekel borger odoorn borne borsele boxtel breda bronckhorst brummen brunssum bunnik bunschoten buren capelle
    ijssel castricum coevorden cranendonck culemborg dalfsen dantumadiel delft delfzijl deurne deventer diemen dinkelland
    doesburg doetinchem dongen dordrecht drechterland drimmelen dronten druten duiven echt susteren edam volendam ede
    eemnes eemsdelta eersel eijsden elburg emmen enkhuizen enschede epe ermelo etten leur geertruidenberg geldrop mierlo
    gemert bakel gennep gilze rijen goeree overflakkee goes goirle gooise meren gorinchem gouda groningen gulpen wittem
    haag gravenhage haaksbergen haarlem haarlemmermeer halderberge hardenberg harderwijk hardinxveld harlingen hattem
    heemskerk heemstede heerde heerenveen heerlen heeze heiloo helder hellendoorn helmond hendrik ido ambacht hengelo
    hertogenbosch bosch heumen heusden hillegom hilvarenbeek hilversum hoeksche waard hof twente hoogeveen hoorn horst maas
    houten huizen hulst ijsselstein kaag braassem kampen kapelle katwijk kerkrade koggenland krimpen krimpenerwaard laarbeek
    laren leeuwarden leiden leiderdorp leidschendam voorburg lelystad leudal leusden lingewaard lisse lochem loon zand
    lopik losser maasdriel maasgouw maashorst maassluis maastricht medemblik meerssen meierijstad meppel middelburg
    midden drenthe mill moerdijk molenlanden montferland montfoort mook neder betuwe nederweert nieuwegein nieuwkoop
    nijkerk nijmegen nissewaard noardeast fryslan noord beveland noordenveld noordoostpolder noordwijk nuenen nunspeet
    oegstgeest oirschot oisterwijk oldambt oldebroek oldenzaal olst wijhe ommen oosterhout ooststellingwerf oostzaan
    opmeer opsterland oss oudewater overbetuwe papendrecht peel pekela pijnacker nootdorp purmerend putten raalte reimerswaal
    renkum renswoude reusel rheden rhenen ridderkerk rijssen holten rijswijk roerdalen roermond roosendaal rotterdam
    rozendaal rucphen schagen scherpenzeel schiedam schiermonnikoog schouwen duiveland simpelveld sittard geleen sliedrecht
    sluis smallingerland soest someren son breugel stadskanaal staphorst stede broec steenbergen steenwijkerland stein
    stichtse vecht sudwest terneuzen terschelling texel teylingen tholen tiel tilburg tubbergen twenterand tynaarlo
    tytsjerksteradiel uitgeest uithoorn urk utrecht utrechtse heuvelrug vaals valkenburg valkenswaard veendam veenendaal
    veere veldhoven velsen venlo venray vlaardingen vlieland vlissingen voerendaal voorne voorschoten voorst vught waadhoeke
    waalre waalwijk waddinxveen wageningen wassenaar waterland weert weesp westerkwartier westerveld westervoort westerwolde
    westland weststellingwerf wierden wijchen wijdemeren wijk duurstede winterswijk woensdrecht woerden wormerland
    woudenberg zaandam zaanstad zaltbommel zandvoort zeewolde zeist zevenaar zoetermeer zoeterwoude zuidplas zuidhorn
    zundert zutphen zwartewaterland zwijndrecht zwolle hellevoetsluis spijkenisse scheveningen schiphol europoort zeeland
    holland limburg brabant gelderland overijssel drenthe flevoland friesland brussel antwerpen gent parijs londen berlijn
    hamburg keulen dusseldorf warschau boekarest sofia boedapest athene istanbul casablanca lagos kiev kyiv hanoi madrid
    barcelona milaan rome wenen praag budapest varna plovdiv sliven haagse rotterdamse amsterdamse rijnmond randstad
    """
)

_OTHER_CAPITALS: Final = word_set(
    """
    whatsapp facebook instagram snapchat tiktok telegram signal google youtube twitter linkedin tinder badoo onlyfans
    marktplaats booking airbnb uber messenger gmail hotmail outlook iphone samsung paypal tikkie bitcoin netflix discord
    skype viber wechat zalo weixin imo grindr bumble vinted roblox twitch kinky sexjobs ikea action gamma hema rabobank ing abn amro bunq western union moneygram schengen
    corona covid kerst pasen ramadan internet god allah islam bijbel koran volkswagen mercedes bmw audi opel ford renault
    peugeot toyota fiat skoda seat kia hyundai volvo citroen iban id ok tv pc sim sms app wifi euro eu ns
    nieuwjaar suikerfeest koningsdag sinterklaas kerstmis
    """
)

TITLES: Final = word_set(
    """
    meneer mevrouw dhr mw mevr mej dr drs ing ir mr prof mister mrs ms miss madame sir mam juffrouw heer dame
    collega oom tante broer zus zusje broertje vriend vriendin nicht neef moeder vader dochter zoon buurvrouw buurman
    juf meester madam partner agent dokter zuster chef mvr
    """
)

INSTITUTIONS: Final = word_set(
    """
    gemeente politie stichting ministerie bureau team afdeling dienst ziekenhuis huisarts school hogeschool universiteit
    raad provincie regio station wijk wijkteam inspectie rechtbank ambassade consulaat kerk moskee gevangenis vereniging
    instituut centrum zorggroep ggz ggd
    """
)

WORKPLACES: Final = word_set(
    """
    restaurant hotel cafe bar club salon massagesalon nagelstudio nagelsalon kapsalon uitzendbureau bakkerij slagerij
    supermarkt kwekerij boerderij kassen sauna privehuis bordeel escortbureau snackbar eetcafe pizzeria wasserette garage
    autowasstraat groothandel schoonmaakbedrijf bouwbedrijf slachterij vleesverwerker camping pension winkel studio
    """
)

COMMON_WORDS: Final = word_set(
    """
    aan aangezien achter af afgelopen al alle alleen alles als althans altijd ander andere anders bang beide bij bijna
    binnen blijft blijkt boven buiten daar daarna daarbij daardoor daarnaast daarom daaruit daarvoor dan dat de deze die
    dit doen door doordat dus echter een eens eerder eerst eerste eigenlijk elke en enkele er eerdere er erg ergens even
    gaat geen geeft gelijk gezien graag haar had hadden hebben heeft heel hem hen het hier hij hoe hoewel hun iedere
    iemand iets ik in inmiddels is ja jij jullie kan kent komt kon kreeg krijgt kunnen laat later leek let lijkt maar
    meestal men met meerdere mijn misschien mocht moest moet na naar naast nadat namelijk nee net niemand niet niets nog
    nou nu nooit of om omdat onder ons onze ook op over pas per plotseling paar samen sinds soms sommige steeds straks te
    tegen ten terug terwijl thuis tijdens toch toe toen tot tussen twee drie uit uiteindelijk van vandaag vanaf vanwege
    veel vervolgens via vlak volgens voor vooral vorige vorig waar waarbij waarom waarschijnlijk want wanneer waren was
    wat weer week weken weet wel welke werd wie wij wil woont wordt zal ze zeer zei zelf zegt zich zij zijn ziet zo
    zoals zodra zonder zou zowel zullen gisteren eergisteren morgen overdag snachts savonds smorgens bovendien tevens
    klant klanten client cliente clienten patient man vrouw vrouwen mannen meisje meisjes jongen jongens kind kinderen
    persoon personen mensen werknemer werknemers werkgever werkgevers baas eigenaar chauffeur buren buur bewoner
    bewoners melder melding signaal signalen slachtoffer slachtoffers dader verdachte getuige hulpverlener arts dokter
    verpleegkundige medewerker medewerkster agent agenten tolk begeleider begeleidster betrokkene familie ouders
    gesprek geld loon salaris huur paspoort paspoorten telefoon telefoonnummer nummer adres huis woning kamer kamers auto
    busje kenteken rekening contract schuld schulden dag dagen nacht avond ochtend middag maand maanden jaar jaren uur
    geboren geboortedatum leeftijd naam namen tel mail mailadres email postcode document documenten bezoek controle
    hulp zorg opvang aangifte onderzoek mogelijk mogelijke vermoedelijk volgende laatste nieuwe oude jonge kleine grote
    onderweg ondanks mogelijkerwijs zodoende vermoedelijke kortom hopelijk helaas
    zie gaf ging kwam zag hoorde vertelde sprak belde vroeg vraag werkt werkte werken wonen woonde slaapt slapen
    beste geachte groet groeten vriendelijke hallo dank bedankt let opmerking situatie situatieschets bijzonderheden
    wijkagent jeugdbescherming jeugdzorg reclassering marechaussee officier mentor huisgenoot huisgenoten gemeentelijk
    the and she he they it we you his her their this that there when while after before in on at a an was is has had
    """
)


def is_known_word(word: str) -> bool:
    """Whether a folded, capitalised word is a day, month, place, people, brand or other word that names nobody."""
    return word in _KNOWN or bool(_PEOPLES.fullmatch(word))


_KNOWN: Final = _DAYS | MONTHS | _COUNTRIES | _PLACES | _OTHER_CAPITALS | INSTITUTIONS | WORKPLACES | COMMON_WORDS
