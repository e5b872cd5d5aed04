"""What the documentation names has to exist: files, commands with their flags, make targets, settings, logins, addresses."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from audit.__main__ import main as audit_main
from signaltable.cli import main
from signaltable.web import create_app

ROOT = Path(__file__).resolve().parents[2]
DOCS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *(
        ROOT / name
        for name in ("policies/README.md", "audit/README.md", "audit/FORMAT.md", "templates/components/README.md")
    ),
]
each_document = pytest.mark.parametrize("path", DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())

FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# A piece of code that reads as a path in this repository, with * for any name.
PATH = re.compile(r"(?:(?:signaltable|policies|audit|templates|tests|docs|\.ci)/[\w./*-]*|wsgi\.py|publiccode\.yml)")
COMMAND = re.compile(r"(?:^|[\s/])signaltable((?: [^\s|>#`]+)+)")
MAKE = re.compile(r"(?:^|\s)make ([a-z][a-z-]*)")
AUDIT = re.compile(r"python -m audit ([a-z]+)")


def pieces_of_code(text):
    """Every line of a fenced or indented block, and every `span`."""
    for block in FENCED.findall(text):
        yield from block.splitlines()[1:-1]
    rest = FENCED.sub("", text)
    yield from (line.strip() for line in rest.splitlines() if line.startswith("    "))
    yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest))


def headings(path):
    found = re.findall(r"^#+ (.+)$", FENCED.sub("", path.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in found}


def broken_links(path, text):
    for target in LINK.findall(FENCED.sub("", text)):
        name, _, anchor = target.partition("#")
        if name.startswith(("http:", "https:", "mailto:")):
            continue
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in headings(file)):
            yield target


def wrong_paths(text):
    for piece in pieces_of_code(text):
        for named in PATH.findall(piece) if PATH.fullmatch(piece) else ():
            if not list(ROOT.glob(named.rstrip("/"))):
                yield named


def wrong_commands(text):
    for piece in pieces_of_code(text):
        for called in COMMAND.findall(piece):
            words = [word.strip("[]") for word in called.split()]
            command = main
            while isinstance(command, click.Group) and words and not words[0].startswith("-"):
                word = words.pop(0)
                command = command.commands.get(word)
            alone = isinstance(command, click.Group) and not command.invoke_without_command
            if command is None or (alone and not words):
                yield called
                continue
            flags = {flag for option in command.params for flag in option.opts} | {"--help", "--version"}
            yield from (f"{called}: {word}" for word in words if word.startswith("--") and word not in flags)


def make_targets():
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


@each_document
def test_every_link_leads_to_a_file_and_a_heading(path):
    assert list(broken_links(path, path.read_text(encoding="utf-8"))) == []


@each_document
def test_every_path_exists(path):
    assert list(wrong_paths(path.read_text(encoding="utf-8"))) == []


@each_document
def test_every_command_and_flag_exists(path):
    text = path.read_text(encoding="utf-8")
    assert list(wrong_commands(text)) == []
    for command in AUDIT.findall(text):
        with pytest.raises(SystemExit) as ended:
            audit_main([command, "--help"])
        assert ended.value.code == 0


@each_document
def test_every_make_target_exists(path):
    code = pieces_of_code(path.read_text(encoding="utf-8"))
    assert {target for piece in code for target in MAKE.findall(piece)} - make_targets() == set()


def test_the_walk_would_find_what_is_not_there():
    wrong = "See [x](docs/nowhere.md), `policies/nothing.toml`, `signaltable fly --high`, `signaltable init --hard`.\n\n    make rain\n"
    assert list(broken_links(ROOT / "README.md", wrong)) == ["docs/nowhere.md"]
    assert list(broken_links(ROOT / "README.md", "[y](docs/operate.md#no-such-part)")) == [
        "docs/operate.md#no-such-part"
    ]
    assert list(wrong_paths(wrong)) == ["policies/nothing.toml"]
    assert list(wrong_commands(wrong)) == [" fly --high", " init --hard: --hard"]
    assert {name for piece in pieces_of_code(wrong) for name in MAKE.findall(piece)} - make_targets() == {"rain"}


def leaves(group, names=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*names, name))
        else:
            yield " ".join((*names, name)), command


@pytest.mark.parametrize(
    ("name", "command"), list(leaves(main)), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_is_described_with_all_its_flags(name, command):
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    part = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", text, flags=re.DOTALL | re.MULTILINE)
    assert part, f"no section {name}"
    flags = [flag for option in command.params if isinstance(option, click.Option) for flag in option.opts]
    assert [flag for flag in flags if flag not in part[1]] == []


def test_the_settings_are_those_that_the_program_reads():
    code = "".join(
        (ROOT / "signaltable" / name).read_text() for name in ("settings.py", "mail_settings.py", "watch_settings.py")
    )
    read = set(re.findall(r'(?:env\.get\(|_[a-z_]+\(env, )"([A-Z_]+)"', code))
    operate = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", operate, flags=re.MULTILINE))
    assert len(read) > 4
    assert table == read


def test_the_readme_names_every_demo_login_under_its_role():
    region = tomllib.loads((ROOT / "signaltable" / "demo" / "region.toml").read_text(encoding="utf-8"))
    roles = {role["id"]: role["title"]["en"].lower() for role in _roles()}
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Who you can be")[2].partition("\n## ")[0]
    rows = {
        line.split("|")[1].split("(")[0].strip(): set(re.findall(r"`([^`]+)`", line))
        for line in table.splitlines()
        if line.startswith("| ")
    }
    for account in region["account"]:
        for role in account["roles"]:
            assert account["login"] in rows[roles[role]]
    named = set().union(*rows.values())
    assert named == {account["login"] for account in region["account"]}


def _roles():
    return tomllib.loads((ROOT / "policies" / "roles.toml").read_text(encoding="utf-8"))["role"]


def test_every_address_in_the_documentation_is_a_page(sqlite_settings, sqlite_program):
    app = create_app(sqlite_settings, sqlite_program)
    pages = {re.sub(r"<[^>]+>", "<>", rule.rule) for rule in app.url_map.iter_rules()}
    named = {
        address
        for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        for piece in pieces_of_code(path.read_text(encoding="utf-8"))
        for address in re.findall(r"^(?:GET )?(/(?!(?:usr|etc|var|root|opt)/)[a-z][a-z/<>-]*)$", piece)
    }
    assert {"/signalen/nieuw", "/audit", "/gezond"} <= named
    assert {address for address in named if re.sub(r"<[^>]+>", "<>", address) not in pages} == set()
