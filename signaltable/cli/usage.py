"""What is wrong with a command line, in one line that says what was expected and never what was given.

What stands on a command line may be personal: a name in an address, a path or a day. The words of click repeat it.
"""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

# A moment by which a form of moments is shown.
_EXAMPLE: Final = datetime(2026, 11, 23, 8, 30)  # noqa: DTZ001 -- it is only ever written out


def line_of(error: click.UsageError) -> str:
    """The line for a wrong use of a command. Names of options and values that are offered are ours, and are told."""
    if isinstance(error, click.MissingParameter | click.BadOptionUsage | click.BadArgumentUsage):
        return error.format_message()  # Names what is missing; there was no value, or it is not told.
    if isinstance(error, click.BadParameter):
        return f"{name_of(error.param)}: expected {expected(error.param.type)}" if error.param else "unusable value"
    if isinstance(error, click.NoSuchOption | click.NoSuchCommand):
        what = "option" if isinstance(error, click.NoSuchOption) else "command"
        meant = f"; did you mean {' or '.join(error.possibilities)}?" if error.possibilities else ""
        return f"no such {what}{meant or _see_help(error)}"
    return f"expected no more arguments than the command has{_see_help(error)}"


def _see_help(error: click.UsageError) -> str:
    return f"; see {error.ctx.command_path} --help" if error.ctx else ""


def name_of(parameter: click.Parameter) -> str:
    """How people write it: `--seed` of an option, `FILE` of an argument."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.make_metavar(click.get_current_context(silent=True) or click.Context(click.Command("")))


def expected(of: "click.ParamType[Any]") -> str:
    """What a kind of value is, in words that follow "expected"."""
    if isinstance(of, click.Choice):
        return f"one of {', '.join(map(str, of.choices))}"
    if isinstance(of, click.IntRange | click.FloatRange):
        return _number(of) + _range(of)
    if isinstance(of, click.Path):
        return _path(of)
    if isinstance(of, click.DateTime):
        return f"a moment such as {' or '.join(_EXAMPLE.strftime(form) for form in of.formats)}"
    return _number(of) if of in {click.INT, click.FLOAT} else "another value"


def _number(of: "click.ParamType[Any]") -> str:
    return "an integer" if isinstance(of, click.types.IntParamType) else "a number"


def _range(of: "click.IntRange | click.FloatRange") -> str:
    if of.max is None:
        return f" of at least {of.min}"
    return f" of at most {of.max}" if of.min is None else f" from {of.min} to {of.max}"


def _path(of: "click.Path[Any]") -> str:
    kinds = [word for word, fits in (("a file", of.file_okay), ("a folder", of.dir_okay)) if fits]
    return " or ".join(kinds) + (" that is there and can be read" if of.exists else "")


def option_of(file: str) -> str:
    """Which option or argument of the running command named this file, or a folder that it is in; "" for none.

    So a file that cannot be used is told by what it was given for, and not by its name.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return ""
    there = Path(file).absolute()
    for parameter in context.command.params:
        given = context.params.get(parameter.name or "")
        for one in given if isinstance(given, tuple) else (given,):
            if isinstance(one, str | Path) and str(one) and there.is_relative_to(Path(one).absolute()):
                return name_of(parameter)
    return ""
