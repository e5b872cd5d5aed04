"""Which version of the program this is."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _version() -> str:
    try:
        return version("signaltable")
    except PackageNotFoundError:  # A checkout that nobody installed.
        return ""


VERSION: Final = _version()
