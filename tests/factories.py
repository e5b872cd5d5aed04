"""Plain makers of values for tests. People are invented and look it."""

from datetime import date
from typing import Any

from signaltable.grounds import Ground
from signaltable.intake import SignalDraft, parse


def a_person(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "person",
        "role": "possible_victim",
        "age": "adult",
        "age_years": 30,
        "gender": "woman",
        "identity": {
            "given_name": "Zorinka",
            "surname": "Proefveld",
            "birth_date": "1996-04-12",
            "phone": "0612345678",
        },
        "unsure": [],
        **changes,
    }


def a_signal(**changes: Any) -> SignalDraft:
    return parse(
        {
            "capacity": "municipality-wmo",
            "safety": {"acute_danger": "no", "safe_to_continue": "yes", "urgency": "five-working-days"},
            "observed": {"on": "2026-11-03", "municipality": "Havendam", "online": "no", "source_quality": "seen"},
            "forms": ["labour"],
            "form_rows": {"wages": 1, "housing": 1, "labour-exploitation": 1},
            "indicators": {},
            "narrative": "Zorinka Proefveld krijgt haar loon niet en slaapt op het werk.",
            "facts": {"victim": "possible"},
            "flags": [],
            "subjects": [a_person()],
            "consent": {"status": "not_asked"},
            "mask_words": [],
            "reachable": "",
            **changes,
        },
    )


def a_ground(**changes: Any) -> Ground:
    """A row of the matrix: ngo to shelter, for help. A permit on necessity unless `changes` say otherwise."""
    return Ground.model_validate(
        {
            "id": "A1",
            "title": {"nl": "Hulp", "en": "Help"},
            "provider": ("ngo",),
            "recipient": ("shelter",),
            "purpose": ("P2",),
            "data": ("identity",),
            "effect": "permit_if",
            "priority": "specific",
            "conditions": ("NEC",),
            "explanation": {"nl": "Dit mag.", "en": "This may."},
            "summary_en": "This may.",
            "source": "test",
            "lawyer": False,
            "valid_from": date(2026, 1, 1),
            **changes,
        },
    )
