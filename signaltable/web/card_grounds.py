"""The grounds as a page reads them: who may give what to whom, for what, and what each condition asks."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Literal

from flask_babel import gettext as _
from flask_babel import ngettext

from signaltable.evidence_forms import ConditionSpec, for_ground
from signaltable.grounds import CATEGORIES, Ground, Obligation
from signaltable.policy import PolicySet
from signaltable.web.filters import in_words
from signaltable.web.wording import articles, category_label, obligation_text

ANY = "*"
EFFECTS = ("permit", "mandatory", "deny")
# Nobody searches for more than this.
LONGEST_TEXT = 100

Review = Literal["reviewed", "unreviewed", "not_needed"]


@dataclass(frozen=True, slots=True)
class GroundFilter:
    """What somebody looks for; an empty part leaves it open. `specific` leaves out the rows that hold for everybody."""

    van: str = ""
    naar: str = ""
    doel: str = ""
    gegevens: str = ""
    uitkomst: str = ""
    tekst: str = ""
    specific: bool = False

    @classmethod
    def from_address(cls, args: Mapping[str, str]) -> "GroundFilter":
        """The filter that an address asks for; a name that is not known filters nothing out."""
        names = ("van", "naar", "doel", "gegevens", "uitkomst", "tekst")
        return cls(
            **{name: args.get(name, "").strip()[:LONGEST_TEXT] for name in names},
            specific=args.get("algemeen") == "nee",
        )

    def known(self, policy: PolicySet) -> "GroundFilter":
        """The same without what the rules do not know."""
        chosen = {
            "van": self.van if self.van in policy.agency_kinds else "",
            "naar": self.naar if self.naar in policy.agency_kinds else "",
            "doel": self.doel if self.doel in policy.purposes else "",
            "gegevens": self.gegevens if self.gegevens in CATEGORIES else "",
            "uitkomst": self.uitkomst if self.uitkomst in EFFECTS else "",
        }
        return GroundFilter(**chosen, tekst=self.tekst, specific=self.specific)

    @property
    def active(self) -> int:
        """How many parts are used."""
        return sum(1 for value in asdict(self).values() if value)


@dataclass(frozen=True, slots=True)
class ConditionWords:
    """A condition as a page tells it: what it is, and what has to be answered to meet it."""

    code: str
    title: str
    explanation: str
    parameter: str
    asks: tuple[str, ...]
    by_program: bool


@dataclass(frozen=True, slots=True)
class GroundView:
    """One ground in the reader's words. `review`: whether a lawyer signed, did not, or need not (a deny counts anyway)."""

    row: Ground
    title: str
    provider: tuple[str, ...]
    recipient: tuple[str, ...]
    purpose: tuple[str, ...]
    data: tuple[str, ...]
    named: tuple[str, ...]
    person: tuple[str, ...]
    conditions: tuple[ConditionWords, ...]
    exceptions: tuple[ConditionWords, ...]
    obligations: tuple[str, ...]
    articles: str
    review: Review
    valid: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One pair of provider and recipient: how many rows can let something through, and how many never do."""

    recipient: str
    permits: int
    denies: int


@dataclass(frozen=True, slots=True)
class GroundsView:
    """The page with all grounds: the table of pairs with counts, and the rows that fit."""

    filter: GroundFilter
    kinds: Mapping[str, str]
    pairs: tuple[tuple[str, tuple[Cell, ...]], ...]
    rows: tuple[GroundView, ...]
    total: int
    general: int


def grounds_view(policy: PolicySet, asked: GroundFilter, *, on: date) -> GroundsView:
    """All grounds that count on this day, counted per pair, and those that fit the filter."""
    wanted = asked.known(policy)
    rows = policy.grounds.on(on)
    return GroundsView(
        filter=wanted,
        kinds={kind.id: in_words(kind.title) for kind in policy.agency_kinds.values()},
        pairs=tuple((kind, _cells(kind, rows, policy)) for kind in policy.agency_kinds),
        rows=tuple(view for view in (ground_view(row, policy, on=on) for row in rows) if _fits(view, wanted, policy)),
        total=len(rows),
        general=sum(1 for row in rows if is_general(row)),
    )


def is_general(row: Ground) -> bool:
    """Whether a row holds for every provider and every recipient."""
    return ANY in row.provider and ANY in row.recipient


def _cells(provider: str, rows: Sequence[Ground], policy: PolicySet) -> tuple[Cell, ...]:
    mine = [row for row in rows if not is_general(row) and _gives(row, provider, policy)]
    return tuple(
        Cell(
            recipient,
            sum(1 for row in mine if row.permits and _receives(row, recipient)),
            sum(1 for row in mine if not row.permits and _receives(row, recipient)),
        )
        for recipient in policy.agency_kinds
    )


def _gives(row: Ground, kind: str, policy: PolicySet) -> bool:
    return not {ANY, kind, *policy.capacities_of(kind)}.isdisjoint(row.provider)


def _receives(row: Ground, kind: str) -> bool:
    return not {ANY, kind}.isdisjoint(row.recipient)


def _fits(view: GroundView, wanted: GroundFilter, policy: PolicySet) -> bool:
    row = view.row
    return (
        (not wanted.van or _gives(row, wanted.van, policy))
        and (not wanted.naar or _receives(row, wanted.naar))
        and (not wanted.doel or not {ANY, wanted.doel}.isdisjoint(row.purpose))
        and (not wanted.gegevens or row.covers(wanted.gegevens))
        and (not wanted.uitkomst or _effect_fits(row, wanted.uitkomst))
        and not (wanted.specific and is_general(row))
        and all(word in _searched(view) for word in wanted.tekst.casefold().split())
    )


def _effect_fits(row: Ground, wanted: str) -> bool:
    return {"permit": row.permits, "mandatory": row.effect == "mandatory_if", "deny": not row.permits}[wanted]


def _searched(view: GroundView) -> str:
    """Everything about a row in which a word is looked for."""
    row = view.row
    conditions = [text for one in (*view.conditions, *view.exceptions) for text in (one.code, one.title)]
    codes = [reference.code for reference in row.legal_basis]
    texts = (
        *(row.id, row.title.nl, row.title.en, row.explanation.nl, row.explanation.en, row.summary_en, row.special_law),
        *(view.articles, *codes, *conditions, *view.provider, *view.recipient, *view.purpose, *view.data),
    )
    return " ".join(texts).casefold()


def ground_view(row: Ground, policy: PolicySet, *, on: date) -> GroundView:
    """One row in words."""
    return GroundView(
        row=row,
        title=in_words(row.title),
        provider=_listed(row.provider, _agency_words(policy), _("Everybody")),
        recipient=_listed(row.recipient, _agency_words(policy), _("Everybody")),
        purpose=_listed(
            row.purpose, {one.id: in_words(one.title) for one in policy.purposes.values()}, _("Every purpose")
        ),
        data=_listed(row.data, {one: category_label(one) for one in CATEGORIES}, _("All data")),
        named=tuple(category_label(one) for one in row.names_special),
        person=tuple(_person_words()[word] for word in (*row.person_role, *row.person_age)),
        conditions=_conditions(row.conditions, row.parameters, policy),
        exceptions=_conditions(row.except_conditions, {}, policy),
        obligations=tuple(_obligation(one) for one in row.obligations),
        articles=articles(row.legal_basis),
        review="reviewed" if row.reviewed_by_then(on) else "unreviewed" if row.permits else "not_needed",
        valid=row.valid_on(on),
    )


def _agency_words(policy: PolicySet) -> Mapping[str, str]:
    """Kinds of agencies and the tasks within them by their titles; a task is named with the agency it belongs to."""
    words = {}
    for kind in policy.agency_kinds.values():
        for capacity in kind.capacities:
            words[capacity.id] = f"{in_words(kind.title)}: {in_words(capacity.title)}"
        words[kind.id] = in_words(kind.title)
    return words


def _listed(given: Sequence[str], words: Mapping[str, str], everything: str) -> tuple[str, ...]:
    return tuple(everything if word == ANY else words.get(word, word) for word in given)


def _person_words() -> Mapping[str, str]:
    return {
        "victim": _("A possible victim"),
        "perpetrator": _("A possible perpetrator"),
        "facilitator": _("A possible facilitator"),
        "witness": _("A witness"),
        "place": _("A place or business"),
        "minor": _("Under 18, or in doubt"),
        "adult": _("18 or older"),
    }


def _conditions(codes: Sequence[str], parameters: Mapping[str, str], policy: PolicySet) -> tuple[ConditionWords, ...]:
    return tuple(
        _condition(for_ground(policy.conditions[code], parameters.get(code, "")), parameters.get(code, ""))
        for code in codes
    )


def _condition(spec: ConditionSpec, parameter: str) -> ConditionWords:
    return ConditionWords(
        code=spec.code,
        title=in_words(spec.title),
        explanation=in_words(spec.explanation),
        parameter=parameter,
        asks=tuple(in_words(row.label) for row in spec.fields if not row.by_program),
        by_program=spec.filled_by == "program",
    )


def _obligation(obligation: Obligation) -> str:
    text = obligation_text({"kind": obligation.kind})
    if obligation.within_hours:
        within = ngettext("within %(num)s hour", "within %(num)s hours", obligation.within_hours)
    elif obligation.within_days:
        within = ngettext("within %(num)s day", "within %(num)s days", obligation.within_days)
    else:
        return text
    return f"{text}, {within}"
