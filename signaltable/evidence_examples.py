"""Invented evidence that meets each condition, for the demo, the tests, the analysis and `signaltable ground --example`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from signaltable.conditions.shape import Context
from signaltable.evidence import needed
from signaltable.grounds import CONSENTS, Ground

_VITAL: dict[str, Any] = {
    "danger": "De persoon wordt nu vastgehouden en met geweld bedreigd.",
    "cannot_ask": "unreachable",
    "attempts": "Twee keer gebeld en aan de deur geweest, zonder antwoord.",
    "serious_harm": True,
    "no_other_way": True,
    "conscience": True,
    "will_help": True,
    "least_data": True,
    "decided_by": "dienstdoende arts",
}
# Invented content that meets a condition on any day.
_TIMELESS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "MIN": {"age_band": "12-15", "decided_by": "youth-and-parent"},
        "NEC": {"motivation": "De ontvanger kan de taak niet doen zonder deze gegevens."},
        "PROP": {"motivation": "Het belang van veiligheid weegt hier zwaarder dan de inbreuk."},
        "SUBS": {"motivation": "Een lichtere weg is geprobeerd en hielp niet genoeg."},
        "NO9": {"statement": True, "stated_by": "teamleider"},
        "NOPII": {"scan": "masked", "read_again": True},
        "ORGCRIME": {
            "signs": ["several-places", "money-flows"],
            "motivation": "Drie panden, dezelfde eigenaar en contant geld zonder verklaring.",
        },
        "DEPENDENCE": {
            "relation": "household",
            "why": "Zij woont bij hem in huis en mag niet alleen naar buiten.",
            "dependent_or_unfree": True,
        },
        "OWN_OBSERVATION": {
            "observed": "Bij de controle zag ik zes matrassen en een slot aan de buitenkant.",
            "own": True,
            "no_client_data": True,
        },
        "PUBLIC_INTEREST": {
            "interest": "help",
            "motivation": "Iemand uit een dwangsituatie helpen is een groot belang van de samenleving.",
        },
        "INCIDENT": {
            "motivation": "Deze vrouw vroeg agenten om hulp; voor zulke gevallen bestaat geen vaste afspraak.",
            "not_standing": True,
        },
        "TASK": {
            "article": "Arbeidstijdenwet artikel 8:1",
            "addressed_to": "inspecteur",
            "authorised": True,
            "motivation": "De ontvanger onderzoekt dit bedrijf als taak die de wet noemt.",
        },
        "TREATMENT": {
            "involvement": "same-treatment",
            "why": "De ontvanger behandelt dezelfde breuk en neemt de controle over.",
            "not_through_table": True,
            "bound_by_secrecy": True,
        },
        "WVGGZ": {
            "procedure": "report-to-municipality",
            "finding": "Door een ernstige stoornis dreigt schade en vrijwillige zorg lukt niet.",
            "decided_by": "psychiater",
            "outside_table": True,
        },
        "COMPLEX_CASE": {
            "areas": ["care", "safety"],
            "motivation": "Schulden, een verslaving en dreiging van buiten lopen hier door elkaar.",
        },
        "OTHERS_MASKED": {
            "how": "Namen en straten van anderen zijn weggehaald en data zijn ruimer gemaakt.",
            "nobody_traceable": True,
        },
        "BALANCE": {
            "interest": "Andere mensen lopen gevaar door deze man.",
            "impact": "Hij wordt bekend bij de politie als mogelijke dader.",
            "outcome": "Het gevaar voor anderen weegt zwaarder, met zo weinig mogelijk gegevens.",
        },
    },
)
# What each kind of paper says beyond its number, its days, its recipient and its data.
_PAPERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "DECISION": {
            "partnership": "Regionale aanpak mensenhandel",
            "interest": "Slachtoffers van uitbuiting vinden en beschermen is een groot belang.",
            "purpose": "De partners spreken af wie welke hulp biedt en wie de dader stopt.",
            "terms": "De ontvanger houdt de gegevens geheim en vernietigt ze als de zaak gesloten is.",
        },
        "AGREEMENT": {"legislation": "Arbeidstijdenwet artikel 8:1"},
        "AUTHORISATION": {"scope": "Zorgen over een persoon doorgeven aan een meldpunt van de gemeente."},
        "PARTNERSHIP": {},
    },
)
_AUTHORITY: Mapping[str, Any] = MappingProxyType(
    {
        "addressed_to": "gezagsdrager",
        "motivation": "De ontvanger beslist hierover en stuurt daarna de politie aan.",
    },
)


def example(code: str, context: Context, categories: Iterable[str] = ("pseudonymous",)) -> dict[str, Any]:
    """Evidence that meets a condition in `context` (its `parameter` included), with invented content.

    For the demo, the tests and `signaltable ground --example`. `categories` is what a consent or paper should name.
    KeyError for an unknown code.
    """
    if code in _TIMELESS:
        return dict(_TIMELESS[code]) | ({"of_a_child": True} if context.parameter == "child" else {})
    if code in CONSENTS:
        return _consent_example(code, context, sorted(categories))
    if code in _PAPERS:
        return _paper_example(context, sorted(categories)) | dict(_PAPERS[code]) | _partnership(code, context)
    if code == "AUTHORITY":
        return dict(_AUTHORITY, over="public-order" if context.parameter == "mayor" else "criminal-enforcement")
    if code == "K_MIN":
        basis = "ten-or-more" if context.parameter == "ten" else "details-widened"
        return {"basis": basis, "not_singled_out": True}
    return _dated_examples(context)[code]


def examples_for(row: Ground, context: Context, categories: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Invented evidence for everything that a ground demands about somebody of the age in `context`, per condition."""
    return {
        code: example(code, replace(context, parameter=row.parameters.get(code, "")), categories)
        for code in needed(row.conditions, context.person_age)
    }


def _consent_example(code: str, context: Context, categories: list[str]) -> dict[str, Any]:
    consent = {
        "recipient": context.recipient_agency,
        "categories": categories,
        "given_on": context.today.isoformat(),
        "given_by": "person" if context.adult else "both",
        "form": "written",
        "language": "Nederlands",
        "interpreter": "none",
        "asked_by": "medewerker zorg",
        "text_version": "2026-1",
        "told_withdrawal": True,
    }
    return consent | {"explicit": True} if code == "EXPLICIT_CONSENT" else consent


def _partnership(code: str, context: Context) -> dict[str, str]:
    if code != "PARTNERSHIP":
        return {}
    return {"partnership": "RIEC" if context.parameter == "WGS" else context.parameter}


def _paper_example(context: Context, categories: list[str]) -> dict[str, Any]:
    return {
        "reference": "VB-2026-01",
        "version": "1",
        "valid_from": (context.today - timedelta(days=30)).isoformat(),
        "valid_until": (context.today + timedelta(days=300)).isoformat(),
        "recipient": context.recipient_agency,
        "categories": categories,
    }


def _dated_examples(context: Context) -> dict[str, dict[str, Any]]:
    day = context.today.isoformat()
    an_hour_ago = (context.now - timedelta(hours=1)).isoformat()
    officer = {"name": "N. Voorbeeld", "role": "bevoegd gezag", "agreed_on": day, "reference": "BG-2026-01"}
    two_weeks = (context.today + timedelta(days=14)).isoformat()
    return {
        "VITAL": _VITAL | {"noticed_at": an_hour_ago},
        "MELDCODE": {f"step_{number}": day for number in range(1, 6)} | {"talk": "held"},
        "OFFICER": officer,
        "OM_CONSENT": officer,
        "OM_MANDATE": officer,
        "DUAL": {
            "requester": "a-1",
            "requester_role": "focal-officer",
            "approver": "a-2",
            "approver_role": "privacy-officer",
            "approved_at": an_hour_ago,
        },
        "INFORM": {"how": "will-inform", "on": two_weeks},
        "CUSTODY": {
            "finding": "Het kind is thuis niet veilig en vrijwillige hulp werkt niet.",
            "decided_by": "college",
            "decided_on": day,
        },
        "GUARDIANSHIP": {"order_reference": "C/10/2026", "ordered_on": day, "minor_heard": "heard"},
        "SUPERVISION_ORDER": {
            "order_reference": "C/10/2026",
            "ordered_on": day,
            "valid_until": two_weeks,
            "recipient": context.recipient_agency,
        },
        "SUSPICION": {
            "risk": "sexual-violence",
            "motivation": "Een meisje laat tekenen zien van dwang door een oudere vriend.",
            "no_content": True,
            "index_checked_on": day,
        },
        "CASE_LEVEL": {
            "case_reference": "CAS-2026-01",
            "participants_only": True,
            "lawfulness_checked_on": day,
            "contact_point": "contactpunt van het verband",
        },
        "MISSING_MINOR": {
            "missing_since": an_hour_ago,
            "last_seen": "Vanochtend gezien bij het station met een onbekende man.",
            "procedure_reference": "VM-2026-01",
            "guardian_decided": True,
        },
        "REFLECTION": {"offered_on": day, "person_wants": True, "m55_reference": "M55-2026-01"},
        "ACCESS": {
            "asked_by": "person",
            "identity_checked": "document-seen",
            "requested_on": day,
            "others_masked": True,
            "withheld": "nothing",
        },
    }
