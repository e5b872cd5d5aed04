"""A region in which every text is a word of its own, so that wherever one turns up it is known who should have read it.

Three organisations around one signal (the municipality that owns it, the police that was asked, the care coordination that
received it), two tables, a second signal that only the other table knows, and people from all roles.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from signaltable.domain import Actor
from signaltable.flow import (
    attachments,
    disclosing,
    drafts,
    enrich,
    exclusions,
    recusals,
    referrals,
    setup,
    subject_reports,
    table,
)
from signaltable.flow.accounts import record_account
from signaltable.flow.agencies import record_agency
from signaltable.flow.dossier import TABLE, pseudonym, reader_of
from signaltable.flow.identity_requests import asking
from signaltable.flow.table import closing
from signaltable.flow.table import tasks as table_tasks
from signaltable.models import RegionalTable
from signaltable.queries import signal_by_reference, subjects_of
from signaltable.transaction import Program, Transaction, transaction
from tests.conftest import PASSWORD
from tests.disclosure_steps import evidence_for, key_for
from tests.factories import a_person, a_signal
from tests.identity_steps import CONSENTED, WHY, offers
from tests.table_steps import asked, on_the_agenda, submitted, triaged, use

OWNER, OFFICER, COLLEAGUE = "havendam", "fg.havendam", "havendam.twee"
DESK, CHAIR = "coordinator", "voorzitter"
# Who reads the dossiers of the first table once they are on an agenda.
MEMBERS = frozenset({OWNER, COLLEAGUE, "delinde", DESK, "coordinator.twee", CHAIR, "avim", "avim.twee", "riec", "essm"})
AT_HOME = frozenset({OWNER, COLLEAGUE})
OTHER_TABLE = frozenset({"oost", "oost.regie"})

# Sealed for an organisation of which nobody has a page that shows it.
NOBODY = "kanariebelang"
# Word -> the logins of those who may read it, on whatever page or paper.
MAY_READ: dict[str, frozenset[str]] = {
    "kanarieverhaal": MEMBERS | {"essm.twee"},
    # The surname, in any spelling; the other table's organisation typed it about the same person.
    "kanarieveld": AT_HOME | OTHER_TABLE | {"essm", "essm.twee"},
    "kanariebereik": frozenset({OWNER}),
    "kanariebestand": AT_HOME,
    "kanarieconcept": frozenset({OWNER}),
    "kanarievraag": frozenset({DESK, "coordinator.twee", "avim", "avim.twee"}),
    "kanarienotitie": MEMBERS,
    "kanariebesluit": MEMBERS,
    "kanarieactie": MEMBERS,
    "kanariemotief": AT_HOME | {OFFICER, CHAIR},
    "kanarieterug": AT_HOME | {"essm", "essm.twee"},
    "kanariewie": AT_HOME | {OFFICER, "essm", "essm.twee"},
    "kanarielabel": frozenset({"delinde", "fg.delinde"}),
    "kanarieverzoek": AT_HOME | {OFFICER},
    "kanarieoost": OTHER_TABLE,
}


# What docs/access.md calls a text -> its word.
ON_THE_PAGE = {
    "The account, masked": "kanarieverhaal",
    "The name of a person": "kanarieveld",
    "How the reporter can be reached": "kanariebereik",
    "The name of an attachment": "kanariebestand",
    "A draft": "kanarieconcept",
    "The note with a question": "kanarievraag",
    "A note of the meeting": "kanarienotitie",
    "Why the table decided": "kanariebesluit",
    "A task of the table": "kanarieactie",
    "Why it was disclosed, to a second person": "kanariemotief",
    "What the receiver told back": "kanarieterug",
    "Why somebody asked who it is": "kanariewie",
    "Why a value is kept out of linking": "kanarielabel",
    "Why somebody asked what is kept": "kanarieverzoek",
    "The account of another table": "kanarieoost",
    "What interest somebody has in a case": NOBODY,
}
# What it calls a reader -> a login.
READERS = {
    "Owner": OWNER,
    "Seated": "delinde",
    "Asked": "avim",
    "Receiver": "essm",
    "Coordinator": DESK,
    "Chair": CHAIR,
    "Officer": OFFICER,
    "Outsider": "oost",
    "Auditor": "auditor",
    "Administrator": "beheer",
}


@dataclass(frozen=True)
class Region:
    """What stands in it, by name."""

    reference: str
    disclosure: str
    question: str
    meeting: str
    elsewhere: str
    draft: str
    names: tuple[str, ...]

    @property
    def addresses(self) -> list[str]:
        """Where the words stand, also for who finds no link to it."""
        signal, meeting = self.reference, f"/tafel/{self.meeting}"
        return [
            f"/signalen/{signal}",
            f"/signalen/{signal}/bijlagen",
            f"/signalen/{signal}/verstrekken",
            f"/signalen/{self.elsewhere}",
            *(f"/signalen/nieuw/{self.draft}/{step}" for step in (2, 3, "controle")),
            f"/triage/{signal}",
            f"/tafel/dossier/{signal}",
            f"/tafel/dossier/{self.elsewhere}",
            meeting,
            *(f"{meeting}/{part}" for part in (signal, "scherm/1", "verslag", "verslag.pdf", "overleg.ics")),
            f"/vragen/{self.question}",
            f"/triage/vragen/{self.question}",
            f"/verstrekkingen/{self.disclosure}",
            f"/postvak/{self.disclosure}",
        ]


def people(program: Program) -> None:
    """A colleague for whoever must not be the last one, and a second table with its own people."""
    with transaction(program, setup.INSTALLER) as tx:
        other = RegionalTable(id=tx.new_id(), title="Tafel Oost", created_at=tx.now)
        tx.session.add(other)
        tx.session.flush()
        made = {"title": "Hulp Oost", "kind": "ngo", "destinations": (), "table_id": other.id, "agency_id": "oost"}
        record_agency(tx, **made)
        for login, agency, role in (
            (COLLEAGUE, "havendam", "focal-officer"),
            ("coordinator.twee", "var", "table-coordinator"),
            ("avim.twee", "avim", "partner-member"),
            ("essm.twee", "essm", "care-coordinator"),
            ("oost", "oost", "focal-officer"),
            ("oost.regie", "oost", "table-coordinator"),
        ):
            given = {"login": login, "name": login.title(), "agency_id": agency, "roles": [role]}
            record_account(tx, password=PASSWORD, **given)


def build(program: Program, actor: Any) -> Region:
    """The region with all its words."""
    people(program)
    owner, desk, chair, avim = (actor(program, login) for login in (OWNER, DESK, CHAIR, "avim"))
    person = a_person()
    person["identity"] = {**person["identity"], "surname": "Kanarieveld"}
    draft = a_signal(
        consent=CONSENTED,
        subjects=[person],
        narrative="Er is gezien kanarieverhaal in de loods, zegt Zorinka Kanarieveld.",
        reachable="Bel tussen tien en elf kanariebereik",
    )
    reference = triaged(program, owner, desk, draft)
    begun = _at_home(program, actor, owner, reference)
    (question,) = asked(program, desk, reference, "avim", note="Graag kijken naar kanarievraag")
    use(program, avim, enrich.answer, question, answer="hit")
    meeting = on_the_agenda(program, desk, reference)
    use(program, desk, table.note, meeting, reference, "Besproken is kanarienotitie", minuted=True)
    _ask_who(program, actor(program, "essm"), reference)
    use(
        program,
        chair,
        table_tasks.assign,
        meeting,
        reference,
        agency="avim",
        text="Ga na kanarieactie",
        due_on=date(2026, 12, 1),
    )
    deciding = table.Deciding("refer", "Omdat kanariebesluit", "havendam", date(2026, 12, 1), ("essm",))
    use(program, chair, table.decide, meeting, reference, deciding)
    use(program, desk, closing.close, meeting)
    disclosure = _disclosed(program, owner, reference)
    essm = actor(program, "essm")
    use(program, essm, referrals.accept, disclosure)
    use(program, essm, referrals.feed_back, disclosure, result="help_offered", text="Er is hulp kanarieterug")
    elsewhere = _other_table(program, actor)
    other = use(program, desk, enrich.ask, elsewhere_here(program, actor), _asking("avim")).questions[0]
    use(
        program,
        actor(program, "avim.twee"),
        recusals.declare,
        "question",
        other,
        interest="other",
        reason="Ken kanariebelang",
    )
    return Region(reference, disclosure, question, meeting, elsewhere, begun, _names(program, owner, reference))


def _asking(agency: str) -> enrich.Asking:
    return enrich.Asking(agencies=(agency,), subjects=(1,), checked=True)


def elsewhere_here(program: Program, actor: Any) -> str:
    """Another signal at the first table, with no word that matters."""
    other = a_person(identity={"given_name": "Pjotr", "surname": "Anders", "birth_date": "1980-01-01"})
    draft = a_signal(subjects=[other], narrative="Iets heel anders.")
    return triaged(program, actor(program, OWNER), actor(program, DESK), draft)


def _at_home(program: Program, actor: Any, owner: Actor, reference: str) -> str:
    """What stays with the organisation of the owner, and a shared value of another one. Returns the id of a draft."""
    prepared = attachments.prepare(program, owner, b"Een briefje.", "kanariebestand.txt")
    use(program, owner, attachments.add_to_signal, reference, prepared, looked=True)
    begun = use(program, owner, drafts.start, a_signal(narrative="Een begin kanarieconcept", reachable="kanariebereik"))
    review = date(2027, 1, 15)
    shared = {"label": "Balie kanarielabel", "reason": "Iedereen belt kanarielabel", "review_on": review}
    use(program, actor(program, "delinde"), exclusions.add, "phone", {"phone": "0101234567"}, **shared)
    why = "Er vroeg iemand aan de balie kanarieverzoek"
    use(program, actor(program, OFFICER), subject_reports.request, reference, 1, asker="self", reason=why)
    return begun.id


def _ask_who(program: Program, who: Actor, reference: str) -> None:
    page = offers(program, who, reference)
    offer = page.offers[0]
    codes = [spec.code for spec in offer.conditions]
    given = evidence_for(program, codes, page.recipient_id, offer.categories, ground=offer.option.ground.id)
    options = {"choice": offer.key, "evidence": given, "motivation": f"{WHY} Het gaat om kanariewie."}
    use(program, who, asking.ask, "zaak", reference, page.whom.known_as, **options)


def _disclosed(program: Program, owner: Actor, reference: str) -> str:
    """A disclosure with a word in every text of its evidence."""
    key = key_for(program, owner, reference, "essm")
    page = use(program, owner, disclosing.preview, reference, key)
    codes = [spec.code for spec in page.conditions]
    given = evidence_for(program, codes, page.choice.agency_id, page.categories, ground=page.option.ground.id)
    told = {code: {name: _with_word(value) for name, value in one.items()} for code, one in given.items()}
    chosen = [subject.number for subject in page.subjects if subject.chosen]
    filled = {"ground": page.option.ground.id, "chosen": chosen, "evidence": told}
    shown = use(program, owner, disclosing.preview, reference, key, **filled)
    return use(program, owner, disclosing.disclose, reference, key, **filled, seen=shown.seen).reference


def _with_word(value: Any) -> Any:
    return f"{value} kanariemotief" if isinstance(value, str) and len(value.split()) > 3 else value


def _other_table(program: Program, actor: Any) -> str:
    """A signal of which only the other table knows, with the same person, so that the two are linked."""
    person = a_person()
    person["identity"] = {**person["identity"], "surname": "Kanarieveld"}
    draft = a_signal(capacity="ngo", subjects=[person], narrative="Bij ons is gezien kanarieoost.")
    return submitted(program, actor(program, "oost"), draft)


def _names(program: Program, owner: Actor, reference: str) -> tuple[str, ...]:
    """Under which pseudonyms the table, the partner that was asked and the owner know the first subject."""

    def read(tx: Transaction) -> tuple[str, ...]:
        signal = signal_by_reference(tx, reference)
        first = subjects_of(tx, signal.id)[0].id
        return tuple(pseudonym(tx, reader, first) for reader in (reader_of(signal, TABLE), "avim", signal.owner_agency))

    return use(program, owner, read)
