"""What waits for whom: one query for each list, of which triggers, rebuild and comparison are made (`signaltable.places`)."""

# Every name in these texts of SQL stands in this file.
# ruff: noqa: S608

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from signaltable.domain import ANSWERABLE, ENDED, GONE, Decision, DisclosureState, LinkState, State

# What sorts behind everything that has a day.
_FAR: Final = "9999-12-31"


def words(texts: Sequence[str]) -> str:
    """These as a list of SQL."""
    return ", ".join(f"'{one}'" for one in texts)


@dataclass(frozen=True, slots=True)
class Places:
    """How one thing gets its places.

    `queries` select list, scope, object, signal and moment; `{of}` stands where only some of them are asked for, and
    `{day:…}` and `{far}` are what the two databases spell differently. `tables` are the tables on which it depends besides
    the signals, each with the columns of which a change counts.

    After a change these places are made anew: those whose `key` is what stands in `of_signal`, when the signal `{sought}`
    changed, or in `of_row`, by table, when a `{row}` of that changed. `by` is the same column in the queries. Mostly that is
    one signal; a link and a group take other signals along.

    Two that change what makes one place must not do so at once on PostgreSQL: neither would see what the other changed, and
    the place be left out. So they hold the cases on which it depends (`cases`, by table; a signal holds itself), and besides
    them the links or groups (`groups`, by table or "signals"), of which the other side may be another case.
    """

    name: str
    queries: tuple[str, ...]
    tables: Mapping[str, tuple[str, ...]]
    lists: tuple[str, ...]
    key: str = "signal_id"
    by: str = "s.id"
    of_signal: str = "= {sought}"
    of_row: Mapping[str, str] = field(default_factory=dict)
    cases: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    def which(self, table: str) -> str:
        """Which places are made anew when a row of this table changed."""
        return self.of_row.get(table, "= {row}.signal_id")

    def cases_of(self, table: str) -> str:
        """The ids of the cases that are held when a row of this table changed."""
        return self.cases.get(table) or "SELECT " + self.which(table).removeprefix("= ")


_TAKES_PART = f"s.state NOT IN ({words(GONE)})"
_OPEN_TASK = f"FROM meeting_tasks x JOIN signals s ON s.id = x.signal_id WHERE x.settled_at IS NULL AND {_TAKES_PART}"
_DONE_TASK = (
    f"FROM meeting_tasks x JOIN signals s ON s.id = x.signal_id WHERE x.settled_at IS NOT NULL AND {_TAKES_PART}"
)
_STUCK = "FROM escalations x JOIN signals s ON s.id = x.signal_id WHERE"
_OWED = "FROM duties x JOIN disclosures d ON d.id = x.disclosure_id JOIN signals s ON s.id = d.signal_id WHERE"
_ASKED = (
    f"FROM disclosures d JOIN signals s ON s.id = d.signal_id WHERE d.state = '{DisclosureState.AWAITING_APPROVAL}'"
)
_UNANSWERED = "q.answer = '' AND q.withdrawn_at IS NULL"
_ANSWERED_BY = "EXISTS (SELECT 1 FROM link_verdicts v WHERE v.link_id = x.id AND v.agency_id = s.owner_agency)"
_VIEW_OF_LINK = (
    f"CASE WHEN x.state = '{LinkState.CONFIRMED}' THEN 'links-confirmed' "
    f"WHEN x.state <> '{LinkState.PROPOSED}' THEN 'links-over' "
    f"WHEN {_ANSWERED_BY} THEN 'links-others' ELSE 'links-mine' END"
)
# Both sides of every link; two sides of one owner are one place, with the first signal.
_LINKS = (
    f"SELECT {_VIEW_OF_LINK}, s.owner_agency, x.id, min(s.id), x.proposed_at FROM links x "
    "JOIN subjects p ON p.id IN (x.subject_a, x.subject_b) JOIN signals s ON s.id = p.signal_id "
    f"WHERE {_TAKES_PART}{{of}} GROUP BY x.id, x.state, x.proposed_at, s.owner_agency"
)

# Both sides of all links of a signal, so that the place of the other side is made anew with it.
_LINKS_OF_SIGNAL = (
    "SELECT l.id FROM links l JOIN subjects o ON o.id = l.subject_a WHERE o.signal_id = {sought} "
    "UNION SELECT l.id FROM links l JOIN subjects o ON o.id = l.subject_b WHERE o.signal_id = {sought}"
)
# The column by which a row says of which link it is.
_LINK_OF = {"links": "{row}.id", "link_verdicts": "{row}.link_id"}
# The signals of both sides of a link, by its own row and by that of a verdict.
_SIDES = {
    "links": "SELECT o.signal_id FROM subjects o WHERE o.id IN ({row}.subject_a, {row}.subject_b)",
    "link_verdicts": (
        "SELECT o.signal_id FROM links l JOIN subjects o ON o.id IN (l.subject_a, l.subject_b) WHERE l.id = {row}.link_id"
    ),
}
_GROUPS_OF_SIGNAL = (
    "SELECT g.group_id FROM subjects p JOIN subject_groups g ON g.subject_id = p.id WHERE p.signal_id = {sought}"
)
# All signals that have a subject in a group with this one, and itself: where one of them goes counts for the others.
_TOGETHER = (
    "SELECT {sought} UNION SELECT o.signal_id FROM subjects p JOIN subject_groups g ON g.subject_id = p.id "
    "JOIN subject_groups h ON h.group_id = g.group_id JOIN subjects o ON o.id = h.subject_id WHERE p.signal_id = {sought}"
)
# Those of a group, with that of the subject that came or went.
_OF_GROUP = (
    "SELECT o.signal_id FROM subjects o WHERE o.id = {row}.subject_id UNION SELECT o.signal_id FROM subject_groups h "
    "JOIN subjects o ON o.id = h.subject_id WHERE h.group_id = {row}.group_id"
)

PLACES: Final[Sequence[Places]] = (
    Places(
        "texts",
        (
            (
                "SELECT 'texts', s.owner_agency, x.id, s.id, x.asked_at FROM text_checks x "
                f"JOIN signals s ON s.id = x.signal_id WHERE x.state = 'confirm' AND {_TAKES_PART}{{of}}"
            ),
        ),
        {"text_checks": ("state",)},
        ("texts",),
    ),
    Places(
        "questions",
        (
            (
                "SELECT 'questions', q.agency_id, q.id, s.id, {day:q.due_on} FROM questions q JOIN signals s "
                f"ON s.id = q.signal_id WHERE {_UNANSWERED} AND s.state IN ({words(ANSWERABLE)}){{of}}"
            ),
            # By the day of the last answer; while some are to come, by the last of theirs, after which they are late.
            (
                f"SELECT CASE WHEN sum(CASE WHEN {_UNANSWERED} THEN 1 ELSE 0 END) = 0 THEN 'answers-in' ELSE 'answers-late' END, "
                f"s.table_id, s.id, s.id, {{day:coalesce(max(CASE WHEN {_UNANSWERED} THEN q.due_on END), max(q.due_on))}} "
                f"FROM questions q JOIN signals s ON s.id = q.signal_id WHERE s.state = '{State.ENRICHING}'{{of}} "
                "GROUP BY s.id, s.table_id"
            ),
        ),
        {"questions": ("answer", "withdrawn_at", "due_on", "agency_id")},
        ("questions", "answers-in", "answers-late"),
    ),
    Places(
        "stuck",
        (
            (
                f"SELECT 'stuck-coordinator', s.table_id, x.id, s.id, {{day:x.due_on}} {_STUCK} "
                "x.settled_at IS NULL AND x.level <> 'table'{of}"
            ),
            (
                f"SELECT 'stuck-table', s.table_id, x.id, s.id, {{day:x.due_on}} {_STUCK} "
                "x.settled_at IS NULL AND x.level = 'table'{of}"
            ),
            # Who does not coordinate sees of the settled ones those that came to the table.
            (
                "SELECT CASE WHEN x.raised_at IS NULL THEN 'stuck-settled' ELSE 'stuck-settled-table' END, s.table_id, x.id, s.id, "
                f"x.opened_at {_STUCK} x.settled_at IS NOT NULL{{of}}"
            ),
        ),
        {"escalations": ("level", "due_on", "settled_at", "raised_at")},
        ("stuck-coordinator", "stuck-table", "stuck-settled", "stuck-settled-table"),
    ),
    Places(
        "tasks",
        (
            f"SELECT 'tasks', x.agency_id, x.id, s.id, {{day:x.due_on}} {_OPEN_TASK}{{of}}",
            f"SELECT 'tasks-table', s.table_id, x.id, s.id, {{day:x.due_on}} {_OPEN_TASK}{{of}}",
            f"SELECT 'tasks-settled', x.agency_id, x.id, s.id, x.settled_at {_DONE_TASK}{{of}}",
            f"SELECT 'tasks-settled-table', s.table_id, x.id, s.id, x.settled_at {_DONE_TASK}{{of}}",
        ),
        {"meeting_tasks": ("settled_at", "due_on", "agency_id")},
        ("tasks", "tasks-table", "tasks-settled", "tasks-settled-table"),
    ),
    Places(
        "advised",
        (
            (
                "SELECT 'referrals', s.owner_agency, i.id, s.id, coalesce(i.decided_at, s.created_at) FROM agenda_items i "
                f"JOIN signals s ON s.id = i.signal_id WHERE i.decision = '{Decision.REFER}' AND s.state = '{State.TABLED}' "
                "AND NOT EXISTS (SELECT 1 FROM meeting_tasks t WHERE t.item_id = i.id AND t.agency_id = s.owner_agency "
                "AND t.settled_at IS NULL){of}"
            ),
        ),
        {"agenda_items": ("decision", "decided_at"), "meeting_tasks": ("settled_at", "agency_id")},
        ("referrals",),
    ),
    Places(
        "approvals",
        (
            f"SELECT 'approvals', d.provider_agency, d.id, s.id, d.requested_at {_ASKED}{{of}}",
            f"SELECT 'approvals-table', s.table_id, d.id, s.id, d.requested_at {_ASKED}{{of}}",
        ),
        {"disclosures": ("state",)},
        ("approvals", "approvals-table"),
    ),
    Places(
        "further-returned",
        (
            (
                "SELECT 'further-returned', d.provider_agency, d.id, s.id, d.responded_at FROM disclosures d "
                "JOIN disclosures p ON p.id = d.parent_id JOIN signals s ON s.id = d.signal_id "
                f"WHERE d.state = '{DisclosureState.RETURNED}' AND d.responded_at IS NOT NULL "
                f"AND p.state = '{DisclosureState.ACCEPTED}' AND (p.feedback_at IS NULL OR p.feedback_at < d.responded_at) "
                "AND NOT EXISTS (SELECT 1 FROM disclosures l WHERE l.parent_id = p.id AND l.requested_at > d.responded_at){of}"
            ),
        ),
        {"disclosures": ("state", "feedback_at", "responded_at")},
        ("further-returned",),
    ),
    Places(
        "duties",
        (
            (
                "SELECT CASE x.kind WHEN 'record' THEN 'duties-record' WHEN 'destroy' THEN 'duties-destroy' ELSE 'duties' END, "
                f"x.agency_id, x.id, s.id, coalesce(x.due_at, {{far}}) {_OWED} x.fulfilled_at IS NULL "
                "AND x.kind <> 'review'{of}"
            ),
            (
                f"SELECT 'reviews', d.provider_agency, x.id, s.id, coalesce(x.due_at, {{far}}) {_OWED} x.fulfilled_at IS NULL "
                "AND x.kind = 'review'{of}"
            ),
            (
                f"SELECT 'reviews-table', s.table_id, x.id, s.id, coalesce(x.due_at, {{far}}) {_OWED} x.fulfilled_at IS NULL "
                "AND x.kind = 'review'{of}"
            ),
            (
                "SELECT CASE WHEN d.parent_id IS NULL THEN 'recalls' ELSE 'further-recalls' END, d.provider_agency, x.id, s.id, "
                f"x.due_at {_OWED} x.fulfilled_at IS NULL AND x.kind = 'recall' AND x.due_at IS NOT NULL{{of}}"
            ),
        ),
        # A disclosure comes before its duties; one that somebody took away leaves them nothing to be owed for.
        {"duties": ("kind", "due_at", "fulfilled_at", "agency_id"), "disclosures": ()},
        ("duties", "duties-record", "duties-destroy", "reviews", "reviews-table", "recalls", "further-recalls"),
        of_row={"duties": "= (SELECT d.signal_id FROM disclosures d WHERE d.id = {row}.disclosure_id)"},
    ),
    Places(
        "overlaps",
        (
            # What `flow.table.overlap` says: the same subject, by confirmed links, in a case at another table.
            (
                "SELECT 'overlaps', s.table_id, s.id, s.id, s.created_at FROM signals s "
                f"WHERE s.state NOT IN ({words(ENDED)}) AND EXISTS (SELECT 1 FROM subjects p "
                "JOIN subject_groups g ON g.subject_id = p.id JOIN subject_groups h ON h.group_id = g.group_id "
                "JOIN subjects o ON o.id = h.subject_id JOIN signals z ON z.id = o.signal_id "
                f"WHERE p.signal_id = s.id AND z.table_id <> s.table_id AND z.state NOT IN ({words(ENDED)})){{of}}"
            ),
        ),
        {"subject_groups": ("group_id",)},
        ("overlaps",),
        of_signal=f"IN ({_TOGETHER})",
        of_row={"subject_groups": f"IN ({_OF_GROUP})"},
        cases={"subject_groups": _OF_GROUP},
        groups={"signals": _GROUPS_OF_SIGNAL, "subject_groups": "SELECT {row}.group_id"},
    ),
    Places(
        "links",
        (_LINKS,),
        {"links": ("state", "proposed_at"), "link_verdicts": ()},
        ("links-mine", "links-others", "links-confirmed", "links-over"),
        key="object_id",
        by="x.id",
        of_signal=f"IN ({_LINKS_OF_SIGNAL})",
        of_row={table: f"= {link}" for table, link in _LINK_OF.items()},
        cases=_SIDES,
        groups={"signals": _LINKS_OF_SIGNAL, **{table: f"SELECT {link}" for table, link in _LINK_OF.items()}},
    ),
)
LISTS: Final = frozenset(one for places in PLACES for one in places.lists)


def spelled(query: str, dialect: str, of: str) -> str:
    """A query with what this database understands, and with the condition `of`."""
    sqlite = dialect == "sqlite"
    far = f"'{_FAR} 00:00:00.000000'" if sqlite else f"TIMESTAMPTZ '{_FAR} 00:00:00+00'"
    spelled, rest = "", query.replace("{far}", far).replace("{of}", of)
    while "{day:" in rest:
        before, _, after = rest.partition("{day:")
        day, _, rest = after.partition("}")
        spelled += before
        spelled += f"{day} || ' 00:00:00.000000'" if sqlite else f"(({day})::timestamp AT TIME ZONE 'UTC')"
    return spelled + rest


def watched() -> Mapping[str, tuple[str, ...]]:
    """Table -> the columns of which a change moves places; the signals themselves are not among them."""
    found: dict[str, set[str]] = {}
    for places in PLACES:
        for table, columns in places.tables.items():
            found.setdefault(table, set()).update(columns)
    return {table: tuple(sorted(columns)) for table, columns in sorted(found.items())}
