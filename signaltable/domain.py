"""The words of the signal table as values: actors, agencies, states and the errors that people get to see.

Frozen values cross the layers; mapped rows stay in storage and flow. Nothing here knows Flask, SQLAlchemy or a clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

# A day in a form, a deadline or a letter is a day in the Netherlands; moments are kept in UTC.
ZONE: Final = ZoneInfo("Europe/Amsterdam")


def day_of(moment: datetime) -> date:
    """The day in the Netherlands of a moment."""
    return moment.astimezone(ZONE).date()


class SignaltableError(Exception):
    """Base of every error that this program raises on purpose. Messages never hold personal data."""


class UnusableSettings(SignaltableError):
    """A setting is missing or wrong; the message names the variable and what was expected."""


class Refused(SignaltableError):
    """A person or machine may not do this. Carries a reason code that page, log and test share.

    `action` is the audit action under which the refusal is recorded, `details` its declared detail keys. `rows` are stored
    with that record, when all else is rolled back: the decision that refused.
    """

    def __init__(
        self,
        reason: str,
        message: str = "",
        *,
        action: str = "access:refuse",
        object_type: str = "",
        object_id: str = "",
        details: Mapping[str, object] | None = None,
        rows: Iterable[object] = (),
    ) -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.rows = tuple(rows)
        self.action = action
        self.object_type = object_type
        self.object_id = object_id
        self.details: Mapping[str, object] = details or {}


class NotFound(SignaltableError):
    """The thing does not exist, or the asker has no business knowing that it does."""


class Conflict(SignaltableError):
    """Somebody else moved the thing meanwhile, or it is in a state that does not allow this step."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


class UnusableInput(SignaltableError):
    """What came in cannot be used; `problems` says per field what was expected, never what stood there."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = dict(problems)


class UnauditedWrite(SignaltableError):
    """Rows changed without an audit event: a programming error, found at once (design.md, rule 2)."""


class Channel(StrEnum):
    """The four ways in; each makes its own Actor and nobody else does."""

    WEB = "web"
    CLI = "cli"
    JOB = "job"
    API = "api"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class AccessRule:
    """What the gate asks for one permission besides the role that gives it (policies/access.toml).

    `relations`: the actor needs one of them to the thing. `states`: the case has to be in one of them; empty: in any.
    `purposes`: it is done for one of them; empty: it is bound to none. `strengths`: how the actor has to have come in.
    `proof_minutes`: how long ago somebody may have proved once more who they are, None: that is not asked.
    `two_people`: never whoever asked for it. `machines`: a system of a partner may hold it.
    """

    relations: frozenset[str]
    states: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    strengths: frozenset[str] = frozenset()
    proof_minutes: int | None = None
    two_people: bool = False
    machines: bool = False


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an opaque account id, an agency with its kind, roles with their permissions, and how they came in.

    `trace_id`, `span_id` and `parent_span_id` are those of W3C Trace Context; `session_hash` and `network_hash` are keyed
    digests that say "the same session, the same network" and nothing else; `acting_for` is the account for which a
    program works.

    For the gate: `rules` are those of policies/access.toml by permission, none where nothing is allowed; `now` is the moment
    at which the actor acts; `ends` says until when a permission counts that ends by itself; `emergencies` until when a
    case (by the id of its signal) is open to this person alone, in acute danger; `proved_at` when the person last proved
    once more who they are.
    """

    account_id: str
    agency_id: str
    agency_kind: str
    roles: frozenset[str]
    permissions: frozenset[str]
    channel: Channel
    strength: str = "password"
    name: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    session_hash: str = ""
    network_hash: str = ""
    acting_for: str = ""
    must_choose_password: bool = False
    # For what a machine may ask (policies/purposes.toml); empty for people, whose forms and grounds say it.
    purposes: frozenset[str] = frozenset()
    ends: Mapping[str, datetime] = field(default_factory=dict, hash=False)
    emergencies: Mapping[str, datetime] = field(default_factory=dict, hash=False)
    proved_at: datetime | None = None
    now: datetime | None = field(default=None, compare=False)
    rules: Mapping[str, AccessRule] = field(default_factory=dict, compare=False, repr=False)

    @property
    def role_label(self) -> str:
        """The roles in one string for the log, in a fixed order."""
        return ",".join(sorted(self.roles))


class State(StrEnum):
    """The life of a signal (domain/workflow.md)."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    TRIAGED = "triaged"
    ENRICHING = "enriching"
    TABLED = "tabled"
    WATCH = "watch"
    REFERRED = "referred"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    FOLLOWED_UP = "followed_up"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


# Nothing was disclosed yet; these may be taken back, and expire.
UNDISCLOSED = (State.SUBMITTED, State.TRIAGED, State.ENRICHING, State.TABLED, State.WATCH)
# Taken back or expired: no longer the table's business, and no part of any link.
GONE = (State.WITHDRAWN, State.EXPIRED)
ENDED = (*GONE, State.CLOSED)
# In these states partners can be asked: before triage nobody looked, afterwards the signal is with a receiver.
ASKABLE = (State.TRIAGED, State.ENRICHING, State.TABLED, State.WATCH)
# An answer still helps after a first disclosure, because danger does not wait for answers; not when all is over.
ANSWERABLE = (*ASKABLE, State.REFERRED, State.ACCEPTED, State.RETURNED, State.FOLLOWED_UP)

# From each state the states that may follow. Disclosing is possible before and after the table met, because acute
# danger and children do not wait for a meeting (meldroutes.md, M1 and M2).
MOVES: Mapping[State, frozenset[State]] = {
    State.SUBMITTED: frozenset({State.TRIAGED, State.WITHDRAWN, State.EXPIRED, State.REFERRED}),
    State.TRIAGED: frozenset(
        {State.ENRICHING, State.TABLED, State.WATCH, State.WITHDRAWN, State.EXPIRED, State.REFERRED}
    ),
    State.ENRICHING: frozenset({State.TABLED, State.WATCH, State.WITHDRAWN, State.EXPIRED, State.REFERRED}),
    # Back to triaged: taken off an agenda before the table spoke about it.
    State.TABLED: frozenset(
        {State.TRIAGED, State.ENRICHING, State.WATCH, State.CLOSED, State.REFERRED, State.WITHDRAWN, State.EXPIRED},
    ),
    State.WATCH: frozenset({State.TRIAGED, State.TABLED, State.CLOSED, State.REFERRED, State.WITHDRAWN, State.EXPIRED}),
    State.REFERRED: frozenset({State.ACCEPTED, State.RETURNED, State.TABLED, State.CLOSED}),
    # Back to returned: its owner took back what was disclosed, and decides anew.
    State.ACCEPTED: frozenset({State.FOLLOWED_UP, State.RETURNED, State.REFERRED, State.TABLED, State.CLOSED}),
    State.RETURNED: frozenset({State.REFERRED, State.TABLED, State.WATCH, State.CLOSED}),
    State.FOLLOWED_UP: frozenset({State.CLOSED, State.RETURNED, State.REFERRED, State.TABLED}),
    State.CLOSED: frozenset(),
    State.WITHDRAWN: frozenset(),
    State.EXPIRED: frozenset(),
}

# What a coordinator has to act on: also what a receiver gave back, and not what lies with a receiver.
ACTIVE_STATES: tuple[State, ...] = (*UNDISCLOSED, State.RETURNED)


def may_follow(now: State, then: State) -> bool:
    """Whether a signal in state `now` may move to `then`; it may also stay where it is, until its life has ended."""
    following = MOVES.get(now, frozenset())
    return then in following or (now == then and bool(following))


class Answer(StrEnum):
    """The four answers of a partner to "do you know this subject?"; none of them is a value."""

    HIT = "hit"
    NO_HIT = "no_hit"
    CANNOT_SEARCH = "cannot_search"
    MAY_NOT_SAY = "may_not_say"


class DisclosureState(StrEnum):
    AWAITING_APPROVAL = "awaiting_approval"
    REJECTED = "rejected"
    DISCLOSED = "disclosed"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    REVOKED = "revoked"


class LinkState(StrEnum):
    """A link is proposed by the program or a person, decided by the owners of both signals, and can end."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    ENDED = "ended"


class LinkDeed(StrEnum):
    """What an owner can do with a link. MERGE says that two are one, also after they were kept apart."""

    MERGE = "merge"
    CONFIRM = "confirm"
    REFUSE = "refuse"
    END = "end"
    UNDO = "undo"


# What an owner may do in each state. An owner who answered a proposal waits for the other; taking back the own last
# deed follows from the history (link_acts.py).
LINK_DEEDS: Mapping[LinkState, frozenset[LinkDeed]] = {
    LinkState.PROPOSED: frozenset({LinkDeed.CONFIRM, LinkDeed.REFUSE}),
    LinkState.CONFIRMED: frozenset({LinkDeed.END}),
    LinkState.REFUSED: frozenset({LinkDeed.MERGE}),
    LinkState.ENDED: frozenset({LinkDeed.MERGE}),
}


class Decision(StrEnum):
    """What the regional table decides on a signal; each names the state that follows."""

    REFER = "refer"
    ENRICH = "enrich"
    WATCH = "watch"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Resource:
    """What an actor wants to touch, reduced to what decides about access: whose it is, where it lies, how it stands.

    `case_id` is the id of the signal that it is about, and `state` that signal's state, where it is about one signal;
    `on_agenda` says that the table where it lies had it on an agenda; `purpose` is for what it is touched.
    """

    object_type: str
    object_id: str = ""
    owner_agency: str = ""
    asked_agencies: frozenset[str] = field(default_factory=frozenset)
    providing_agency: str = ""
    receiving_agency: str = ""
    table_agencies: frozenset[str] = field(default_factory=frozenset)
    on_agenda: bool = False
    case_id: str = ""
    state: str = ""
    purpose: str = ""
    # Who asked for what a second person has to agree to.
    requester: str = ""
    # Accounts with a conflict of interest in the case, who see nothing of it, whatever their role.
    kept_from: frozenset[str] = field(default_factory=frozenset)


# What a subject can be, and the part it plays; identity fields per kind stand in policies/identifiers.toml.
SUBJECT_KINDS = ("person", "address", "company", "vehicle", "phone", "account", "profile")
SUBJECT_ROLES = ("possible_victim", "possible_perpetrator", "facilitator", "witness", "place")
