"""What the answers say on the screen: the kinds of data, why not, and what a person can do instead."""

from collections.abc import Mapping
from types import MappingProxyType

from signaltable.disclosure.outcome import Advice
from signaltable.texts import Text

CATEGORY_WORDS: Mapping[str, Text] = MappingProxyType(
    {
        "identity": Text("naam en kenmerken", "name and identifiers"),
        "contact": Text("adres en telefoon", "address and phone"),
        "health": Text("gezondheid", "health"),
        "criminal": Text("strafbare feiten", "criminal offences"),
        "ethnicity": Text("etnische afkomst", "ethnicity"),
        "nationality": Text("nationaliteit", "nationality"),
        "residence": Text("verblijfsrecht", "residence status"),
        "sex_life": Text("seksleven of seksuele uitbuiting", "sex life or sexual exploitation"),
        "minor": Text("minderjarigheid", "being a minor"),
        "bsn": Text("burgerservicenummer", "citizen service number"),
        "business": Text("bedrijf", "business"),
        "narrative": Text("verhaal in eigen woorden", "account in one's own words"),
        "pseudonymous": Text("feiten zonder naam", "facts without a name"),
    },
)
UNDECLARED = Text(
    "Van dit veld is niet bekend wat voor gegeven het is.", "Nobody declared what kind of data this field is."
)
NOT_NAMED = Text(
    "De toestemming of het document noemt dit soort gegevens niet.",
    "The consent or document does not name this kind of data.",
)
NOT_REVIEWED = Text(
    "Een jurist heeft deze grondslag nog niet goedgekeurd. Buiten de demonstratie telt hij daarom niet.",
    "A lawyer has not approved this ground yet. Outside the demonstration it therefore does not count.",
)
NOTHING_LEFT = Text(
    "Op deze grondslag mag geen van deze gegevens mee.",
    "None of these data may go along on this ground.",
)
MISSING_EVIDENCE = Text(
    "Nog niet aan alle voorwaarden van deze grondslag is voldaan.",
    "Not all conditions of this ground have been met yet.",
)
NOT_APPLICABLE = Text(
    "Deze grondslag past niet bij deze ontvanger, dit doel of deze persoon.",
    "This ground does not fit this recipient, this purpose or this person.",
)
UNKNOWN_WORD = Text(
    "De aanvraag noemt iets wat het programma niet kent. In twijfel gaat er niets weg.",
    "The request names something the program does not know. In doubt nothing leaves.",
)
NO_FIELDS = Text("Er zijn geen gegevens gekozen.", "No data were chosen.")
NO_DEFAULT = Text("Geen enkele regel staat dit toe.", "No rule allows this.")
CALL_112 = Advice(
    "call_112",
    Text(
        "Is iemand nu in gevaar? Bel 112. Dat mag altijd.",
        "Is somebody in danger now? Call 112. That is always allowed.",
    ),
)
ASK_CONSENT = Advice(
    "ask_consent",
    Text(
        "Vraag de persoon om toestemming voor deze ontvanger en deze gegevens. Nee is ook een antwoord; vraag het later nog eens.",
        "Ask the person for consent for this recipient and these data. No is an answer too; ask again later.",
    ),
)
CONSULT_WITHOUT_NAME = Advice(
    "consult_pseudonymously",
    Text(
        "Overleg zonder naam, aan de tafel of met een adviespunt.",
        "Consult without a name, at the table or an advice point.",
    ),
)
CHILD_PROTECTION = Advice(
    "child_protection",
    Text(
        "Het gaat om een minderjarige, of dat kan zo zijn. Overleg met Veilig Thuis.",
        "This is about a minor, or may be. Consult Veilig Thuis.",
    ),
)
FIND_AGE = Advice(
    "find_age",
    Text(
        "Ga na of de persoon volwassen is. In twijfel geldt iemand als minderjarig.",
        "Find out whether the person is an adult. In doubt somebody counts as a minor.",
    ),
)
NAME_TASK = Advice(
    "name_task",
    Text(
        "Zeg in welke taak u dit hoorde, zoals Wmo of openbare orde. Zonder taak gelden de regels van al uw taken.",
        "Say in which task you learned this, such as social support or public order. Without it the rules of all your"
        " tasks hold.",
    ),
)
NAME_ROLE = Advice(
    "name_role",
    Text(
        "Zeg over wie het gaat: een slachtoffer, een getuige, een verdachte of een plaats.",
        "Say whom this is about: a victim, a witness, a suspect or a place.",
    ),
)
COMPLETE_EVIDENCE = Advice(
    "complete_evidence",
    Text("Vul aan wat hierboven ontbreekt.", "Fill in what is missing above."),
)
ASK_PRIVACY_OFFICER = Advice(
    "ask_privacy_officer",
    Text(
        "Komt u er niet uit? Vraag het de functionaris gegevensbescherming van uw organisatie.",
        "Not sure how to go on? Ask the privacy officer of your organisation.",
    ),
)
