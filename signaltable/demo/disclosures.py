"""Verbs of the demo: disclosing, receiving, duties, and asking who somebody is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from signaltable.conditions.shape import Context
from signaltable.demo.story import BrokenDemo, Demo, Step
from signaltable.domain import ZONE, day_of
from signaltable.evidence_examples import example
from signaltable.evidence_forms import ConditionSpec
from signaltable.flow import (
    approvals,
    choices,
    disclosing,
    duties,
    referrals,
    revoking,
    setup,
    withdrawing,
)
from signaltable.flow.coming_in.proving import confirm_password
from signaltable.flow.dossier import TABLE, pseudonym, reader_of
from signaltable.flow.identity_requests import asking, deciding, lists, ways
from signaltable.flow.setup import INSTALLER
from signaltable.grounds import Ground
from signaltable.models import Disclosure, Duty
from signaltable.queries import signal_by_reference, subjects_of
from signaltable.transaction import Program, reading, transaction


def look(demo: Demo, step: Step) -> None:
    """The owner opens the preview of a destination, which shows what would go or why nothing may."""
    _preview(demo, step)


def _preview(demo: Demo, step: Step, **options: Any) -> disclosing.Preview:
    said = step.said
    # Somebody who passes on what it received, does that from the disclosure.
    reference = demo.disclosures[step.case, said["of"]] if "of" in said else demo.references[step.case]
    offered = demo.use(step, said["by"], choices.choose, reference)
    key = next((line.choice.key for line in offered.lines if line.choice.destination == said["to"]), "")
    if not key:
        raise BrokenDemo(f"{step.case}: expected {said['to']} among the advised destinations")
    return demo.use(step, said["by"], disclosing.preview, reference, key, **options)


def disclose(demo: Demo, step: Step) -> None:
    """The owner discloses."""
    said = step.said
    chosen: dict[str, Any] = {"ground": said["ground"], "chosen": said["chosen"]}
    filled = {**chosen, "evidence": _evidence(step, _preview(demo, step, **chosen))}
    shown = _preview(demo, step, **filled)
    made = demo.use(step, said["by"], disclosing.disclose, shown.reference, shown.choice.key, **filled, seen=shown.seen)
    demo.disclosures[step.case, said["to"]] = made.reference


def _evidence(step: Step, shown: disclosing.Preview) -> dict[str, dict[str, Any]]:
    """The conditions filled in: invented content, what the signal says about consent, and the words of the file on top."""
    told: Mapping[str, Mapping[str, Any]] = step.said.get("evidence", {})
    ground = shown.option.ground if shown.option else None
    invented = _invented(step, shown.conditions, shown.choice.agency_id, ground, shown.categories)
    return {code: {**filled, **shown.prefill.get(code, {}), **told.get(code, {})} for code, filled in invented.items()}


def _invented(
    step: Step, conditions: Sequence[ConditionSpec], recipient: str, ground: Ground | None, categories: frozenset[str]
) -> dict[str, dict[str, Any]]:
    """Evidence for each of these conditions, made up for the day of the step."""
    made: dict[str, dict[str, Any]] = {}
    for spec in conditions:
        context = Context(
            now=step.at.astimezone(ZONE),
            today=day_of(step.at),
            recipient_agency=recipient,
            person_age="adult",
            parameter=ground.parameters.get(spec.code, "") if ground else "",
        )
        made[spec.code] = dict(example(spec.code, context, categories))
    return made


def approve(demo: Demo, step: Step) -> None:
    """The second person agrees."""
    login, reference = step.said["by"], demo.disclosures[step.case, step.said["to"]]
    demo.use(step, login, approvals.consult, reference)
    then = replace(demo.program, clock=lambda: step.at)
    confirmed = confirm_password(then, demo.actors[login], _password(demo.program, login))
    demo.use(step, login, approvals.approve, reference, confirmed)


def _password(program: Program, login: str) -> str:
    """The second person types the password again; that of the demo accounts stands where `signaltable accounts` reads it."""
    return next(str(one["password"]) for one in setup.demo_accounts(program.settings) if one["login"] == login)


def accept(demo: Demo, step: Step) -> None:
    """The receiver takes it up."""
    login, reference = step.said["by"], demo.disclosures[step.case, step.said["to"]]
    demo.use(step, login, referrals.read, reference)
    demo.use(step, login, referrals.accept, reference)


def give_back(demo: Demo, step: Step) -> None:
    """The receiver returns it."""
    login, reference = step.said["by"], demo.disclosures[step.case, step.said["to"]]
    demo.use(step, login, referrals.read, reference)
    demo.use(step, login, referrals.give_back, reference, cause=step.said["cause"], text=step.said["text"])


def feed_back(demo: Demo, step: Step) -> None:
    """The receiver tells what came of it."""
    login, reference = step.said["by"], demo.disclosures[step.case, step.said["to"]]
    demo.use(step, login, referrals.feed_back, reference, result=step.said["result"], text=step.said.get("text", ""))


def fulfil(demo: Demo, step: Step) -> None:
    """What was owed after the disclosure of the case, done on the day of the step."""
    said = step.said
    duty = _duty(demo, step)
    demo.use(step, said["by"], duties.consult, duty)
    done = {"result": said["result"], "on": day_of(step.at), "note": said.get("note", "")}
    demo.use(step, said["by"], duties.fulfil, duty, **done)


def _duty(demo: Demo, step: Step) -> str:
    reference, kind = demo.disclosures[step.case, step.said["to"]], step.said["kind"]
    query = select(Duty.id).join(Disclosure, Disclosure.id == Duty.disclosure_id)
    with reading(demo.program, whole="the demo looks for what it made") as session:
        found = session.scalar(query.where(Disclosure.reference == reference, Duty.kind == kind))
    if found is None:
        raise BrokenDemo(f"{step.case}: expected a duty of the kind {kind}, found none")
    return found


def ask_who(demo: Demo, step: Step) -> None:
    """Somebody at the table asks who the first subject of the case is."""
    said, reference = step.said, demo.references[step.case]
    name = _name_at_table(demo, reference)
    page = demo.use(step, said["by"], asking.prepare, ways.CASE, reference, name)
    offer = page.offer(said["choice"])
    if offer is None:
        raise BrokenDemo(f"{step.case}: expected the choice {said['choice']} to be offered")
    invented = _invented(step, offer.conditions, page.recipient_id, offer.option.ground, offer.categories)
    told: Mapping[str, Mapping[str, Any]] = said.get("evidence", {})
    made = demo.use(
        step,
        said["by"],
        asking.ask,
        ways.CASE,
        reference,
        name,
        choice=offer.key,
        evidence={code: {**filled, **told.get(code, {})} for code, filled in invented.items()},
        motivation=said["why"],
    )
    demo.requests[step.case, said["by"]] = made.reference


def _name_at_table(demo: Demo, reference: str) -> str:
    with transaction(demo.program, INSTALLER) as tx:
        signal = signal_by_reference(tx, reference)
        return pseudonym(tx, reader_of(signal, TABLE), subjects_of(tx, signal.id)[0].id)


def decide_who(demo: Demo, step: Step) -> None:
    """The second person says whether somebody may see who it is."""
    said = step.said
    reference = demo.requests[step.case, said["asked_by"]]
    demo.use(step, said["by"], lists.consult, reference)
    if said["agrees"]:
        demo.use(step, said["by"], deciding.agree, reference, said["why"])
    else:
        demo.use(step, said["by"], deciding.refuse, reference, said["why"])


def withdraw_consent(demo: Demo, step: Step) -> None:
    """The person took back consent."""
    said = step.said
    reference = demo.disclosures[step.case, said["to"]]
    demo.use(step, said["by"], withdrawing.withdraw, reference, on=day_of(step.at), everywhere=said["everywhere"])


def revoke(demo: Demo, step: Step) -> None:
    """Whoever disclosed takes it back, with all that was passed on of it."""
    said = step.said
    reference = demo.disclosures[step.case, said["to"]]
    demo.use(step, said["by"], revoking.revoke, reference, cause=said["cause"], motivation=said["why"])
