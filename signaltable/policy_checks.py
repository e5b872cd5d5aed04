"""What the files of policies/ say about each other: every name must exist, once, and every test must be able to hold."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain, pairwise
from typing import Any, Protocol, TypeVar

from audit.vocabulary import RETENTION_CLASSES
from signaltable.access_rules import check_access
from signaltable.daily import check_daily
from signaltable.deadline_rules import check_deadlines
from signaltable.escalation_rules import check_escalation
from signaltable.facts import FACTS, Fact, UnusableFacts, parse_facts
from signaltable.machine_rules import check_machines
from signaltable.mail_rules import check_mail
from signaltable.outcome_rules import check_outcomes
from signaltable.policy_errors import Finding, found_twice
from signaltable.policy_shapes import Example, Examples, FactTest, Meldroute
from signaltable.rate_rules import check_rates
from signaltable.region import check_region, is_regional
from signaltable.rights_rules import check_rights
from signaltable.sign_in_rules import check_sign_in
from signaltable.table_rules import THEMES, check_agenda, check_themes
from signaltable.transfer_rules import check_transfers

YES = "yes"
_OPS = {"choice": ("equals", "one_of"), "list": ("has", "has_any"), "number": ("below", "at_least")}
_LIST_OPS = ("one_of", "has_any")

# The details of the log have a term by class; what the log needs to explain itself has none (audit/vocabulary.py).
LOG_CLASSES = tuple(f"log-{name}" for name in RETENTION_CLASSES if name != "program")

# The program asks for these by name: without them it would fail later, in the middle of the work.
REQUIRED = (
    ("scales.toml", "scale", ("how-known", "source-quality", "certainty", "subject-role")),
    ("retention.toml", "retention", ("draft", "signal", "watch", "withdrawn", "enrichment", "case", *LOG_CLASSES)),
    ("flags.toml", "flag", ("minor", "unaccompanied_foreign_minor", "suspect_may_be_forced", "lvb")),
    (
        "deadlines.toml",
        "deadline",
        (
            "enrich-answer",
            "enrich-longest",
            "enrich-reminder-again",
            "referral-acceptance",
            "link-decision",
            "feedback",
            "inform-postponement",
            "receiver-reaction",
            "review-follow-up",
            "exclusion-review",
            "identity-decision",
            "identity-opening",
        ),
    ),
)

# What the program counts by the day (signaltable/flow/budget.py); how often is allowed stands in budgets.toml.
BUDGETS = frozenset({"compare", "blind-check", "identity-request", "emergency"})
# What the program looks for in the log (flow/misuse); its thresholds stand in misuse.toml.
MISUSE_PATTERNS = frozenset(
    {
        "read-without-task",
        "odd-hours",
        "many-refusals",
        "many-searches",
        "many-reads",
        "bulk",
        "emergency-unreviewed",
        "unreviewed-ground",
        "same-pair",
        "exports",
    },
)


class Named(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str:
        """The id under which others refer to it."""
        ...


N = TypeVar("N", bound=Named)
Files = Mapping[str, Any]
Routes = Mapping[str, Meldroute]


def check(files: Files, routes: Routes, permissions: frozenset[str] | None, *, kept: bool = False) -> list[Finding]:
    """Everything that does not fit together, in the order of the files.

    `files` maps a file name to its shape, `routes` the path of a meldroute to the rule. Without `permissions` the names of
    permissions are not compared with those of the program. Rules that were kept (`kept`) may lack ids that the program
    uses by name since: it uses those of today.
    """
    return [
        *_duplicates(files),
        *([] if kept else _missing(files)),
        *_agencies(files),
        *_roles(files, permissions),
        *_access(files, permissions),
        *_fact_words(files),
        *_first_line_form(files),
        *_attention(files),
        *_derived(files),
        *_misuse(files),
        *_budgets(files),
        *check_mail(files.get("mail.toml"), _ids(files["urgencies.toml"].urgency)),
        *check_machines(files.get("machines.toml"), permissions),
        *check_rates(files.get("rates.toml")),
        *check_transfers(files),
        *check_outcomes(files.get("outcomes.toml")),
        *check_rights(files.get("rights.toml")),
        *check_sign_in(files.get("sign_in.toml")),
        *check_escalation(files.get("escalation.toml"), files["region.toml"].escalation),
        *_purposes(files),
        *_tables(files),
        *_meldroutes(files, routes),
        *_overlaps({path: route for path, route in routes.items() if not is_regional(path)}),
        *_overlaps({path: route for path, route in routes.items() if is_regional(path)}),
        *check_daily(files.get("jobs.toml"), files["region.toml"].daily),
        *check_deadlines(
            files["deadlines.toml"],
            files["region.toml"].deadline,
            files["region.toml"].working_days,
            _ids(files["destinations.toml"].destination),
            kinds=_ids(files["agency_kinds.toml"].kind),
            kept=kept,
        ),
        *check_region(
            files["region.toml"],
            routes,
            files["destinations.toml"].destination,
            _ids(files["urgencies.toml"].urgency),
        ),
    ]


def check_examples(examples: Mapping[str, Examples], routes: Routes, files: Files) -> Iterator[Finding]:
    """Examples that belong to no rule, or that give facts or name destinations which do not exist.

    Whether a rule has examples, and whether they come out, takes deciding: `signaltable policies check` does that.
    """
    destinations = _ids(files["destinations.toml"].destination)
    for path, found in examples.items():
        rule = path.rpartition("/")[2].removesuffix(".toml")
        known = {route.id for other, route in routes.items() if is_regional(other) == is_regional(path)}
        yield from _one_of(path, "", rule, known, "meldroute beside it")
        for kind, rows in (("hit", found.hit), ("near_miss", found.near_miss)):
            for number, example in enumerate(rows):
                yield from _example(path, f"{kind}.{number}", example, destinations)


def _example(path: str, key: str, example: Example, destinations: set[str]) -> Iterator[Finding]:
    try:
        parse_facts(example.facts)
    except UnusableFacts as unusable:
        for fact, expected in unusable.problems.items():
            yield Finding(path, f"{key}.facts.{fact}", expected)
    for name in example.to:
        yield from _one_of(path, f"{key}.to", name, destinations, "destination")


def _duplicates(files: Files) -> Iterator[Finding]:
    """Ids have to be unique in their list; for capacities over the whole file, since a submitter names one alone."""
    for name, file in files.items():
        for key in () if file is None else type(file).model_fields:
            items = getattr(file, key)
            if isinstance(items, tuple) and all(hasattr(item, "id") for item in items):
                yield from found_twice(name, key, (item.id for item in items))
    capacities = _all(files["agency_kinds.toml"].kind, lambda kind: kind.capacities)
    yield from found_twice("agency_kinds.toml", "capacities", (one.id for one in capacities))
    urgencies = files["urgencies.toml"].urgency
    for order, count in Counter(urgency.order for urgency in urgencies).items():
        if count > 1:
            yield Finding("urgencies.toml", "urgency.order", f"expected each order once, found {order} {count} times")


def _all(items: Iterable[N], parts: Callable[[N], Iterable[Any]]) -> list[Any]:
    return list(chain.from_iterable(parts(item) for item in items))


def _missing(files: Files) -> Iterator[Finding]:
    for name, key, ids in REQUIRED:
        for missing in sorted(set(ids) - _ids(getattr(files[name], key))):
            yield Finding(name, f"{key}.{missing}", "expected this id, because the program uses it by name")


def _misuse(files: Files) -> Iterator[Finding]:
    """Each pattern that the program looks for has its thresholds, and no other; an old set of rules has no such file."""
    file = files.get("misuse.toml")
    if file is None:
        return
    known = _ids(file.misuse)
    for missing in sorted(MISUSE_PATTERNS - known):
        yield Finding("misuse.toml", f"misuse.{missing}", "expected this id, because the program looks for it by name")
    for unknown in sorted(known - MISUSE_PATTERNS):
        yield Finding("misuse.toml", f"misuse.{unknown}", "expected a pattern that the program knows")
    kinds = _ids(files["agency_kinds.toml"].kind)
    for kind in file.hours.day_and_night:
        yield from _one_of("misuse.toml", "hours.day_and_night", kind, kinds, "agency kind")


def _budgets(files: Files) -> Iterator[Finding]:
    """Each budget that the program counts stands there, and no other; an old set of rules has no such file."""
    file = files.get("budgets.toml")
    if file is None:
        return
    known = _ids(file.budget)
    for missing in sorted(BUDGETS - known):
        yield Finding("budgets.toml", f"budget.{missing}", "expected this id, because the program looks for it by name")
    for unknown in sorted(known - BUDGETS):
        yield Finding("budgets.toml", f"budget.{unknown}", "expected a budget that the program knows")


def _agencies(files: Files) -> Iterator[Finding]:
    kinds = _ids(files["agency_kinds.toml"].kind)
    for destination in files["destinations.toml"].destination:
        key = f"destination.{destination.id}"
        if destination.agency_kind is not None:
            yield from _one_of("destinations.toml", f"{key}.agency_kind", destination.agency_kind, kinds, "agency kind")
        if destination.disclosable != (destination.agency_kind is not None):
            yield Finding("destinations.toml", f"{key}.agency_kind", "expected one exactly when disclosable is true")


def _roles(files: Files, permissions: frozenset[str] | None) -> Iterator[Finding]:
    if permissions is None:
        return
    for role in files["roles.toml"].role:
        for permission in role.permissions:
            yield from _one_of("roles.toml", f"role.{role.id}.permissions", permission, permissions, "permission")
    recusals = files.get("recusals.toml")
    for permission in recusals.needed if recusals else ():
        yield from _one_of("recusals.toml", "needed", permission, permissions, "permission")


def _access(files: Files, permissions: frozenset[str] | None) -> Iterator[Finding]:
    given = {permission for role in files["roles.toml"].role for permission in role.permissions}
    yield from check_access(files.get("access.toml"), files["region.toml"].access, given, permissions)


def _fact_words(files: Files) -> Iterator[Finding]:
    """Every fact has words, and so has every value that can be given for it."""
    file = files["facts.toml"]
    given = _ids(file.fact)
    for name in sorted(FACTS.keys() - given):
        yield Finding("facts.toml", f"fact.{name}", "expected words for this fact, found none")
    for words in file.fact:
        yield from _one_of("facts.toml", f"fact.{words.id}", words.id, FACTS.keys(), "fact")
        fact = FACTS.get(words.id)
        accepted = fact.accepted if fact else ()
        for value in sorted(words.values.keys() - set(accepted)):
            yield from _one_of("facts.toml", f"fact.{words.id}.values.{value}", value, accepted, f"value of {words.id}")
        for value in sorted(set(accepted) - words.values.keys() - file.labels.keys()):
            yield Finding(
                "facts.toml", f"fact.{words.id}.values.{value}", "expected a label for this value, found none"
            )


def _first_line_form(files: Files) -> Iterator[Finding]:
    """Rows, forms and indicators name each other."""
    forms, rows = _ids(files["forms.toml"].form), _ids(files["form_rows.toml"].row)
    for name in sorted(forms ^ set(FACTS["forms"].values)):
        yield Finding("forms.toml", f"form.{name}", f"expected exactly the forms {', '.join(FACTS['forms'].values)}")
    codes = {code.code: code.id for code in files["form_rows.toml"].code}
    if codes != {0: "none", 1: "present", 2: "evidence", 3: "more_info"}:
        yield Finding("form_rows.toml", "code", "expected 0 none, 1 present, 2 evidence and 3 more_info")
    groups = _ids(files["indicators.toml"].group)
    for indicator in files["indicators.toml"].indicator:
        key = f"indicator.{indicator.id}"
        yield from _one_of("indicators.toml", f"{key}.group", indicator.group, groups, "group")
        yield from _one_of("indicators.toml", f"{key}.form_row", indicator.form_row, rows, "form row")
        for form in indicator.forms:
            yield from _one_of("indicators.toml", f"{key}.forms", form, forms, "form")


def _attention(files: Files) -> Iterator[Finding]:
    """Flags set facts that exist, guidance goes with facts that exist, contacts meet needs that exist."""
    for flag in files["flags.toml"].flag:
        key = f"flag.{flag.id}.fact"
        if (flag.fact is None) != (flag.value is None):
            yield Finding("flags.toml", key, "expected fact and value together, or neither")
        elif flag.fact is not None:
            yield from _one_of("flags.toml", key, flag.fact, FACTS.keys(), "fact")
            values = FACTS[flag.fact].values if flag.fact in FACTS else (flag.value,)
            yield from _one_of("flags.toml", f"flag.{flag.id}.value", flag.value, values, f"value of {flag.fact}")
    for guidance in files["guidance.toml"].guidance:
        for fact in guidance.facts:
            yield from _one_of("guidance.toml", f"guidance.{guidance.id}.facts", fact, FACTS.keys(), "fact")
    needs = _ids(files["contacts.toml"].need)
    for contact in files["contacts.toml"].contact:
        for need in contact.needs:
            yield from _one_of("contacts.toml", f"contact.{contact.id}.needs", need, needs, "need")


def _derived(files: Files) -> Iterator[Finding]:
    """A derived fact may use those above it only, so that none can depend on itself."""
    above: set[str] = set()
    for derived in files["derived.toml"].derived:
        key = f"derived.{derived.id}"
        if derived.id in FACTS:
            yield Finding("derived.toml", key, "expected a name that no fact has")
        yield from _tests("derived.toml", f"{key}.when", derived.when, above)
        yield from _tests("derived.toml", f"{key}.unless", derived.unless, above)
        above.add(derived.id)


def _purposes(files: Files) -> Iterator[Finding]:
    urgencies = _ids(files["urgencies.toml"].urgency)
    for purpose in files["purposes.toml"].purpose:
        if purpose.at_latest is not None:
            key = f"purpose.{purpose.id}.at_latest"
            yield from _one_of("purposes.toml", key, purpose.at_latest, urgencies, "urgency")


def _tables(files: Files) -> Iterator[Finding]:
    """The themes of tables and the rules of an agenda; a set of rules that was kept may be from before there were any."""
    themes, agenda = files.get("table_themes.toml"), files.get("agenda.toml")
    if themes:
        yield from check_themes(themes, sorted(_ids(files["forms.toml"].form)))
        for theme in themes.theme:
            known = [tuple(test for test in line if test.fact in FACTS) for line in theme.when]
            yield from _tests(THEMES, f"theme.{theme.id}.when", known, ())
    if agenda:
        yield from check_agenda(agenda, sorted(_ids(files["urgencies.toml"].urgency)), files["region.toml"])


def _meldroutes(files: Files, routes: Routes) -> Iterator[Finding]:
    known = _ids(routes.values())
    derived = _ids(files["derived.toml"].derived)
    urgencies = _ids(files["urgencies.toml"].urgency)
    destinations = _ids(files["destinations.toml"].destination)
    purposes = _ids(files["purposes.toml"].purpose)
    for path, route in routes.items():
        stem = path.rpartition("/")[2].removesuffix(".toml")
        if stem.split("-")[0] != route.id:
            yield Finding(path, "id", f"expected the id with which the file name starts, found {route.id}")
        yield from _one_of(path, "urgency", route.urgency, urgencies, "urgency")
        yield from _tests(path, "when", route.when, derived)
        yield from _tests(path, "unless", route.unless, derived)
        for other in route.excludes:
            yield from _one_of(path, "excludes", other, known - {route.id}, "other meldroute")
        for index, target in enumerate(route.to):
            yield from _one_of(path, f"to.{index}.destination", target.destination, destinations, "destination")
            yield from _one_of(path, f"to.{index}.purpose", target.purpose, purposes, "purpose")
            yield from _tests(path, f"to.{index}.when", target.when, derived)


def _tests(
    file: str, key: str, alternatives: Sequence[Sequence[FactTest]], derived: Iterable[str]
) -> Iterator[Finding]:
    known = set(derived)
    for row, tests in enumerate(alternatives):
        for column, test in enumerate(tests):
            where = f"{key}.{row}.{column}"
            if test.fact in known:
                yield from _derived_test(file, where, test)
            elif test.fact in FACTS:
                yield from _fact_test(file, where, test, FACTS[test.fact])
            else:
                names = {*FACTS, *known}
                yield from _one_of(file, f"{where}.fact", test.fact, names, "fact or derived fact above it")


def _derived_test(file: str, key: str, test: FactTest) -> Iterator[Finding]:
    if (test.op, test.value) != ("equals", YES):
        yield Finding(file, key, f'expected op "equals" and value "yes" for the derived fact {test.fact}')


def _fact_test(file: str, key: str, test: FactTest, fact: Fact) -> Iterator[Finding]:
    """The way of asking and the value have to fit the fact; "unknown" cannot be asked, because it is an absence."""
    fits = _OPS[fact.kind]
    if test.op not in fits:
        yield Finding(file, f"{key}.op", f"expected {' or '.join(fits)} for {fact.name}, found {test.op}")
        return
    wants_list = test.op in _LIST_OPS
    if fact.kind == "number":
        if not isinstance(test.value, int | float) or not 0 <= test.value <= fact.maximum:
            yield Finding(file, f"{key}.value", f"expected {fact.expected}")
    elif isinstance(test.value, tuple) != wants_list:
        yield Finding(file, f"{key}.value", f"expected {'a list of texts' if wants_list else 'one text'} for {test.op}")
    else:
        for value in test.value if isinstance(test.value, tuple) else (test.value,):
            yield from _one_of(file, f"{key}.value", value, fact.values, f"value of {fact.name}")


def _overlaps(routes: Routes) -> Iterator[Finding]:
    """Two versions of one rule never count on the same day."""
    versions: dict[str, list[tuple[date, str, Meldroute]]] = {}
    for path, route in routes.items():
        versions.setdefault(route.id, []).append((route.valid_from, path, route))
    for same_id in versions.values():
        in_time = sorted(same_id, key=lambda version: version[:2])
        for (_, earlier_path, earlier), (_, path, later) in pairwise(in_time):
            if earlier.valid_until is None or earlier.valid_until >= later.valid_from:
                yield Finding(path, "valid_from", f"expected a day after valid_until of {earlier_path}")


def _ids(items: Iterable[Named]) -> set[str]:
    return {item.id for item in items}


def _one_of(file: str, key: str, found: Any, known: Iterable[str], what: str) -> Iterator[Finding]:
    names = sorted(known)
    if found not in names:
        yield Finding(file, key, f"expected a known {what} ({', '.join(names)}), found {found}")
