"""One direction of imports (design.md), function-level ones included; found by walking the syntax trees."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# From the ways in down to the values. A module may import from its own layer and from layers further down.
LAYERS = (
    ("wsgi",),
    ("signaltable.cli", "signaltable.serve"),
    ("signaltable.bench",),
    ("signaltable.web_master", "signaltable.web_server"),
    ("signaltable.web", "signaltable.jobs", "signaltable.api"),
    ("signaltable.demo", "signaltable.generate", "signaltable.invented_people"),
    ("signaltable.moving", "signaltable.doctor", "signaltable.metrics"),
    ("signaltable.migrating",),
    ("signaltable.program",),
    ("signaltable.flow",),
    ("signaltable.queries", "signaltable.roles"),
    ("signaltable.transaction",),
    ("signaltable.concerned", "signaltable.replica"),
    ("signaltable.text_reader", "signaltable.file_cleaner"),
    (
        "signaltable.audit_trail",
        "signaltable.database_marks",
        "signaltable.erasures",
        "signaltable.places",
        "signaltable.row_digests",
        "signaltable.row_level",
    ),
    ("signaltable.shared_ring",),
    ("signaltable.models",),
    ("signaltable.storage_faults",),
    ("signaltable.advisory",),
    ("signaltable.prepared",),
    ("signaltable.db",),
    (
        "signaltable.access",
        "signaltable.agenda",
        "signaltable.stuck",
        "signaltable.attached",
        "signaltable.analysis",
        "signaltable.card",
        "signaltable.comparison",
        "signaltable.deadlines",
        "signaltable.draw",
        "signaltable.recorded",
        "signaltable.ground_request",
        "signaltable.id_token",
        "signaltable.intake",
        "signaltable.link_lists",
        "signaltable.link_acts",
        "signaltable.odd_hours",
        "signaltable.outlook",
        "signaltable.payload",
        "signaltable.pictures",
        "signaltable.reports",
        "signaltable.seating",
        "signaltable.small_cells",
        "signaltable.words",
    ),
    ("signaltable.job_times", "signaltable.onward"),
    ("signaltable.route", "signaltable.disclose", "signaltable.link", "signaltable.text"),
    ("signaltable.disclosure",),
    ("signaltable.policy",),
    (
        "signaltable.access_rules",
        "signaltable.daily",
        "signaltable.deadline_rules",
        "signaltable.escalation_rules",
        "signaltable.outcome_rules",
        "signaltable.rights_rules",
        "signaltable.policy_checks",
        "signaltable.policy_shapes",
        "signaltable.attachment_rules",
        "signaltable.processing_activities",
        "signaltable.shelters",
        "signaltable.sign_in_rules",
        "signaltable.pseudonymise",
        "signaltable.identity",
        "signaltable.grounds",
        "signaltable.evidence",
        "signaltable.evidence_forms",
        "signaltable.evidence_examples",
        "signaltable.conditions",
        "signaltable.fields",
        "signaltable.ground_index",
        "signaltable.linking_rules",
        "signaltable.machine_rules",
        "signaltable.mail_rules",
        "signaltable.names",
        "signaltable.parts",
        "signaltable.person_list",
        "signaltable.nationalities",
        "signaltable.person_names",
        "signaltable.rate_rules",
        "signaltable.figure_rules",
        "signaltable.region",
        "signaltable.table_rules",
        "signaltable.route_index",
        "signaltable.text_categories",
        "signaltable.transfer_rules",
    ),
    ("signaltable.origin", "signaltable.transliterate"),
    (
        "signaltable.keys",
        "signaltable.facts",
        "signaltable.opening",
        "signaltable.passkeys",
        "signaltable.slots",
        "signaltable.working_days",
    ),
    ("signaltable.messages",),
    (
        "signaltable.settings",
        "signaltable.breached",
        "signaltable.mail_settings",
        "signaltable.watch_settings",
        "signaltable.provider_settings",
        "signaltable.users",
    ),
    ("signaltable.private_file", "signaltable.surroundings"),
    ("signaltable.policy_errors", "signaltable.shape", "signaltable.texts"),
    ("signaltable.home_in_use",),
    (
        "signaltable.answer_headers",
        "signaltable.disk",
        "signaltable.domain",
        "signaltable.later",
        "signaltable.build",
        "signaltable.board",
        "signaltable.port",
        "signaltable.counting",
        "signaltable.log_lines",
        "signaltable.recorded_acts",
        "signaltable.spreadsheets",
        "signaltable.schema",
        "signaltable.trace_context",
        "signaltable.turns",
    ),
    ("audit",),
)
# The steps: pure functions that know neither the web nor the database (design.md, "The house").
_SETTINGS = next(layer for layer in LAYERS if "signaltable.settings" in layer)
PURE = LAYERS[LAYERS.index(("signaltable.db",)) + 1 : LAYERS.index(_SETTINGS)]
NEVER_IN_PURE = {
    "flask",
    "flask_babel",
    "flask_wtf",
    "flask_login",
    "sqlalchemy",
    "wtforms",
    "random",
    "secrets",
    "time",
}
KEY_RING = "signaltable.keys"  # Making keys is where randomness comes from; it is named so.


def _modules():
    for folder in ("signaltable", "audit"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                parts = path.relative_to(ROOT).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), ast.parse(path.read_text())
    yield "wsgi", ast.parse((ROOT / "wsgi.py").read_text())


MODULES = dict(_modules())


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module or ""
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "later":
            yield from (one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str))


def layer(module):
    for number, names in enumerate(LAYERS):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            return number
    return None


def test_every_module_has_a_layer():
    assert [name for name in MODULES if layer(name) is None and name != "signaltable"] == []


@pytest.mark.parametrize("name", sorted(MODULES))
def test_nothing_imports_upward(name):
    here = layer(name)
    if here is None:
        return
    upward = [other for other in imported(MODULES[name]) if layer(other) is not None and layer(other) < here]
    assert upward == []


def test_the_walk_would_find_an_import_upward():
    planted = ast.parse("def f():\n    from signaltable.flow import signals\n    import flask\nx = later('reportlab')")
    found = set(imported(planted))
    assert {"signaltable.flow.signals", "reportlab"} <= found
    assert layer("signaltable.flow.signals") < layer("signaltable.route")


@pytest.mark.parametrize(
    "name", sorted(name for name in MODULES if any(layer(name) == LAYERS.index(group) for group in PURE))
)
def test_the_steps_are_pure(name):
    found = {module.split(".")[0] for module in imported(MODULES[name])}
    allowed = {"secrets"} if name.startswith(f"{KEY_RING}.") else set()
    assert found & NEVER_IN_PURE - allowed == set()


def test_audit_imports_nothing_of_ours():
    for name, tree in MODULES.items():
        if name.startswith("audit"):
            assert [other for other in imported(tree) if other.startswith("signaltable")] == []
