"""What is given on a command line may be personal, so no message of any command repeats it."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from signaltable.cli import main
from signaltable.cli.usage import name_of

# A name that occurs nowhere.
SECRET = "Quinzabelle"
# Kinds of values that click judges itself, before a command runs.
JUDGED = (click.Choice, click.DateTime, click.types.IntParamType, click.types.FloatParamType)


def _commands(
    command: click.Command = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from _commands(one, (*path, name))


def _unusable(kind: click.ParamType, folder: str) -> list[str]:
    """Values of which none is what an option expects."""
    if isinstance(kind, click.Path):
        nowhere = [f"{folder}/nowhere/{SECRET}"] if kind.exists else []
        return nowhere + ([folder] if not kind.dir_okay else [f"{folder}/{SECRET}.txt"] if not kind.file_okay else [])
    ranged = []
    if isinstance(kind, click.types._NumberRangeBase):
        # Where a range has no end, a number behind it would be taken.
        ranged = [f"{kind.max}77"] * (kind.max is not None) + ["-98765432"] * (kind.min is not None)
    return [SECRET, f"-{SECRET}", *ranged] if isinstance(kind, JUDGED) else []


TYPED = [
    (path, option)
    for path, command in _commands()
    for option in command.params
    if not getattr(option, "is_flag", False) and _unusable(option.type, "")
]


def _ran(arguments):
    done = CliRunner().invoke(main, arguments, input="")
    assert (done.exit_code, done.stdout) == (2, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_there_is_something_to_try():
    assert {" ".join(path) for path, _option in TYPED} >= {
        "generate",
        "move",
        "bench",
        "run",
        "keys restore",
        "audit fsck",
    }
    assert len(TYPED) > 25


@pytest.mark.parametrize(
    ("path", "option"), TYPED, ids=lambda one: one.name if isinstance(one, click.Parameter) else "-".join(one)
)
def test_a_wrong_value_of_any_command_is_told_by_what_was_expected(path, option, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNALTABLE_HOME", str(tmp_path / "home"))
    folder = tmp_path / SECRET
    folder.mkdir()
    (folder / f"{SECRET}.txt").touch()
    for value in _unusable(option.type, str(folder)):
        given = [value] if isinstance(option, click.Argument) else [f"{name_of(option)}={value}"]
        said = _ran([*path, *given])
        assert said.startswith(f"signaltable: {name_of(option)}: expected ")
        assert value not in said
        assert SECRET not in said
        assert "another value" not in said


@pytest.mark.parametrize("path", [path for path, _command in _commands()], ids="-".join)
def test_what_no_command_knows_is_not_repeated(path):
    for given in ([f"--{SECRET}"], [f"--{SECRET}=1"], [f"-{SECRET[0]}"]):
        said = _ran([*path, *given])
        assert SECRET.lower() not in said.lower()
        assert "no such option" in said
    command = dict(_commands())[path]
    if isinstance(command, click.Group):
        assert "no such command" in _ran([*path, SECRET])
        assert SECRET not in _ran([*path, SECRET])


def test_more_arguments_than_a_command_has_are_not_repeated():
    assert SECRET not in _ran(["accounts", SECRET])
    assert "see signaltable accounts --help" in _ran(["accounts", SECRET]).replace(
        "main accounts", "signaltable accounts"
    )


def test_who_mistypes_is_told_what_was_meant():
    assert "did you mean --signals?" in _ran(["generate", "--signal", "5"])
    assert "did you mean generate or " in _ran(["generat"])
    assert "Missing option '--signals'" in _ran(["generate"])
    assert _ran(["generate", "--signals", "0"]) == "signaltable: --signals: expected an integer from 1 to 2000000\n"
    assert _ran(["bench", "--few", "x"]) == "signaltable: --few: expected an integer of at least 100\n"


def test_a_file_that_cannot_be_used_is_told_by_its_option(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNALTABLE_HOME", str(tmp_path / "home"))
    folder = tmp_path / SECRET
    folder.mkdir()
    (folder / f"{SECRET}.json").write_text("rubbish")
    for name in ("", f"{SECRET}.json"):
        said = _ran(["bench", "--only", "link", "--stored", str(folder / name)])
        assert said.startswith("signaltable: --stored: expected ")
        assert SECRET not in said
    for command in ("card", "check"):
        rest = ["--svg", str(tmp_path / "card.svg")] if command == "card" else []
        said = _ran(["policies", command, "--dir", str(folder / f"{SECRET}.json"), *rest])
        assert said.startswith("signaltable: --dir: expected ")
        assert SECRET not in said
