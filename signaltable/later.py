"""Modules of others that are loaded when something of them is first used: seldom-used ones, which every web worker would
otherwise hold from its start. What they are for loads them; a program that misses one is still told so by the tests.

Written beside the import that type checkers read:

    if TYPE_CHECKING:
        import icalendar
    else:
        icalendar = later("icalendar")
"""

from importlib import import_module
from typing import Any


class _Later:
    """Stands for a module until something of it is asked for. The lock of the import system keeps threads apart."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)

    def __repr__(self) -> str:
        return f"later({self._name!r})"


def later(name: str) -> Any:
    """The module of this name, loaded at the first use of anything in it. Raises ImportError then, not now."""
    return _Later(name)
