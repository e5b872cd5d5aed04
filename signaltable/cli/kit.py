"""What every command shares: exit codes, errors told in one line, reading what was given."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any

import click

from audit.errors import AuditError
from signaltable.domain import Conflict, NotFound, Refused, SignaltableError, UnusableInput
from signaltable.facts import UnusableFacts
from signaltable.policy_errors import BrokenPolicy
from signaltable.settings import UnusableSettings

# What PostgreSQL says when a role may not do something (appendix A of its manual).
NOT_ALLOWED = "42501"
REFUSED = 1
UNUSABLE = 2


class Stop(click.ClickException):
    """End with one line on stderr and an exit code of the contract."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(" ".join(message.split()))
        self.exit_code = code  # type: ignore[misc]

    def show(self, file: Any = None) -> None:  # noqa: ARG002
        click.echo(f"signaltable: {self.message}", err=True)


def plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Turn every error that is meant for people into one line and the right exit code."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise  # Told in its own way.
        except (UnusableInput, UnusableFacts, UnusableSettings) as error:
            raise Stop(str(error), UNUSABLE) from None
        except BrokenPolicy as error:
            raise Stop("; ".join(str(finding) for finding in error.findings), UNUSABLE) from None
        except (Refused, NotFound, Conflict) as error:
            raise Stop(f"refused: {error}", REFUSED) from None
        except (SignaltableError, AuditError) as error:
            raise Stop(str(error), REFUSED) from None
        except OSError as error:
            _stop_for_storage(error)
            raise Stop(f"{_place_of(error)}: expected to read or write it: {error.strerror}", UNUSABLE) from None
        except UnicodeEncodeError:
            raise Stop("expected text in UTF-8", UNUSABLE) from None
        except Exception as error:  # noqa: BLE001 -- its text and its frames may quote data, so none of it is shown
            _stop_for_storage(error)
            _stop_for_role(error)
            _stop_for_refusal(error)
            raise Stop(_unexpected(error), REFUSED) from None

    return run


def _place_of(error: OSError) -> str:
    """What a file is called towards whoever gave the command: the option that named it, else its own name."""
    from signaltable.cli.usage import option_of

    file = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | Path) else ""
    return (option_of(file) or Path(file).name) if file else "file or folder"


def _stop_for_storage(error: Exception) -> None:
    """End with one line when a database or a disk cannot be used; the driver's own words hold addresses and statements."""
    from signaltable.storage_faults import broken_file, fault_of

    told = str(fault_of(error) or broken_file(error))
    if told:
        raise Stop(told, UNUSABLE) from None


def _stop_for_refusal(error: Exception) -> None:
    """End with one line when the database refused a row; the driver's own words hold what stands in it."""
    from signaltable.storage_faults import refusal_of

    told = refusal_of(error)
    if told:
        raise Stop(told, REFUSED) from None


def _unexpected(error: Exception) -> str:
    """A mistake of the program: what it is called and where in the code it came up. Its text and its frames may quote data."""
    from signaltable.messages import place_of

    return f"unexpected {type(error).__name__} at {place_of(error.__traceback__)}; what was begun is not finished"


def _stop_for_role(error: Exception) -> None:
    """End with one line when the role of the database may not do this, such as that of a signer: its words hold statements."""
    # Not imported: most commands never meet a database.
    if getattr(getattr(error, "orig", None), "sqlstate", "") == NOT_ALLOWED:
        raise Stop("refused: the role by which this comes to the database may not do this", REFUSED) from None


@contextmanager
def _usage_in_one_line() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:  # Nothing was asked, so the help is the answer.
        raise
    except click.UsageError as error:
        from signaltable.cli.usage import line_of

        raise Stop(line_of(error), UNUSABLE) from None


class Commands(click.Group):
    """Commands whose unknown options and values are told in one line, like everything else."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what stands in front of the command."""
        with _usage_in_one_line():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _usage_in_one_line():
            return super().invoke(ctx)


def read_json(source: str) -> Any:
    """The JSON in a file, or on standard input for "-". Ends with one line for anything that cannot be read."""
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise Stop(f"expected a readable file: {error.strerror}", UNUSABLE) from None
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except UnicodeDecodeError:
        raise Stop("expected JSON in UTF-8", UNUSABLE) from None
    except json.JSONDecodeError as error:
        raise Stop(f"expected JSON; it goes wrong at line {error.lineno}, column {error.colno}", UNUSABLE) from None
    except ValueError:  # A number of thousands of digits.
        raise Stop("expected JSON with shorter numbers", UNUSABLE) from None
    except RecursionError:
        raise Stop("expected JSON that is not nested this deep", UNUSABLE) from None


def _no_constant(_name: str) -> None:
    raise Stop("expected JSON numbers; NaN and Infinity are none", UNUSABLE)


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _value in pairs]
    if len(set(names)) != len(names):
        raise Stop("expected every key once", UNUSABLE)
    return dict(pairs)


def day(text: str | None) -> date:
    """The day named, or today. Ends with one line when it is none."""
    if text is None:
        return date.today()  # noqa: DTZ011 -- the card counts by the local day
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Stop("--on: expected a day as YYYY-MM-DD", UNUSABLE) from None


# How wide the bar of a long command is.
BAR = 30


def progress_bar() -> Callable[[int, int], None]:
    """Shows how many of how many are done on a terminal; nothing in a file or a pipe."""
    if not sys.stderr.isatty():
        return lambda _done, _of: None
    shown = -1

    def show(done: int, of: int) -> None:
        nonlocal shown
        percent = 100 * done // max(1, of)
        if percent == shown:
            return
        shown = percent
        filled = BAR * percent // 100
        click.echo(f"\r[{'#' * filled}{'.' * (BAR - filled)}] {percent:3d} %", err=True, nl=percent >= 100)

    return show
