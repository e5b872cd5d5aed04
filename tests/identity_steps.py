"""The steps to an identity that somebody may see, through the use cases that people use."""

from typing import Any

from signaltable.domain import Actor
from signaltable.flow.dossier import TABLE, pseudonym, reader_of
from signaltable.flow.identity_requests import asking, deciding, lists, viewing
from signaltable.intake import SignalDraft
from signaltable.queries import signal_by_reference, subjects_of
from signaltable.transaction import Program, Transaction
from tests.disclosure_steps import evidence_for
from tests.factories import a_signal
from tests.table_steps import on_the_agenda, triaged, use

WHY = "Zonder naam kunnen wij haar niet veilig bereiken voor opvang."
AGREED = "De cliënt stemde in en de zorgcoördinator heeft de naam nodig."
CONSENTED = {
    "status": "given",
    "on": "2026-11-20",
    "language": "Pools",
    "interpreter": "professional",
    "asked_by": "T. Olk",
}


def on_the_table(program: Program, actor: Any, draft: SignalDraft | None = None) -> str:
    """A signal of Havendam that the table talks about."""
    owner, coordinator = actor(program, "havendam"), actor(program, "coordinator")
    reference = triaged(program, owner, coordinator, draft or a_signal(consent=CONSENTED))
    on_the_agenda(program, coordinator, reference)
    return reference


def name_at_table(program: Program, who: Actor, reference: str, number: int = 1) -> str:
    """The pseudonym of a subject as the table reads it."""

    def read(tx: Transaction) -> str:
        signal = signal_by_reference(tx, reference)
        with tx.whole("before it lies on an agenda its subjects are there for nobody else"):
            subject = next(one for one in subjects_of(tx, signal.id) if one.number == number)
        return pseudonym(tx, reader_of(signal, TABLE), subject.id)

    return use(program, who, read)


def offers(program: Program, who: Actor, reference: str) -> asking.Asking:
    """What the rules offer to somebody at the table."""
    return use(program, who, asking.prepare, "zaak", reference, name_at_table(program, who, reference))


def asked_for(
    program: Program, who: Actor, reference: str, *, ground: str = "", evidence: dict[str, Any] | None = None
) -> asking.Asked:
    """Somebody asks who the first subject is, on the first ground that is offered or on this one."""
    page = offers(program, who, reference)
    offer = next(one for one in page.offers if ground in ("", one.option.ground.id, one.key))
    given = evidence or evidence_for(
        program,
        [spec.code for spec in offer.conditions],
        page.recipient_id,
        offer.categories,
        ground=offer.option.ground.id,
    )
    return use(
        program,
        who,
        asking.ask,
        "zaak",
        reference,
        page.whom.known_as,
        choice=offer.key,
        evidence=given,
        motivation=WHY,
    )


def approved(program: Program, asker: Actor, decider: Actor, reference: str) -> str:
    """A request that the second person agreed with; its reference."""
    made = asked_for(program, asker, reference)
    assert use(program, decider, deciding.agree, made.reference, AGREED) == "approved"
    return made.reference


def opened(program: Program, who: Actor, reference: str) -> viewing.Seen:
    """The requester opens it right after giving the password."""
    return use(program, who, viewing.open_first, reference, program.clock())


def page_of(program: Program, who: Actor, reference: str) -> lists.RequestPage:
    """The page of a request."""
    return use(program, who, lists.consult, reference)
