"""Names in other scripts, written out in Latin letters by ICU (International Components for Unicode).

The wheel of icu4py carries the whole of ICU but opens only a part of it to Python; the transliterator is asked through
the C interface of that same library (ICU User Guide, "General Transforms"; header utrans.h). Where the library is not
there, names in scripts that `names.fold` does not know stay as they are, and their numbers and dates still count.
"""

import ctypes
from collections.abc import Callable
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, files
from typing import Final

from icu4py import icu_version_info

# Every script to Latin letters, and those to plain ASCII.
_RULES: Final = "Any-Latin; Latin-ASCII; Lower"
# One Han sign becomes at most six letters and a space; ICU needs room for marks in between.
_ROOM: Final = 16
_LONGEST: Final = 400


@lru_cache(maxsize=4096)
def to_latin(text: str) -> str:
    """A text in ASCII as far as ICU can write it: 王小明 gives "wang xiao ming". The text itself when ICU is not there."""
    written = _transliterator()(text[:_LONGEST])
    return text if written is None else written


@cache
def _transliterator() -> Callable[[str], str | None]:
    library = _library()
    if library is None:
        return lambda _text: None
    version = icu_version_info[0]
    opening = getattr(library, f"utrans_openU_{version}")
    opening.restype = ctypes.c_void_p
    number, status = ctypes.c_int32, ctypes.c_int(0)
    opening.argtypes = [
        ctypes.c_char_p,
        number,
        ctypes.c_int,
        ctypes.c_void_p,
        number,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    rules = _RULES.encode("utf-16-le")
    handle = opening(rules, len(rules) // 2, 0, None, 0, None, ctypes.byref(status))
    if status.value > 0:  # U_FAILURE
        return lambda _text: None
    changing = getattr(library, f"utrans_transUChars_{version}")
    changing.restype = None
    pointers = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, number, number, ctypes.c_void_p, ctypes.c_void_p]
    changing.argtypes = pointers

    def write(text: str) -> str | None:
        raw = text.encode("utf-16-le", "replace")
        units, room = len(raw) // 2, len(raw) * _ROOM + 64
        buffer = ctypes.create_string_buffer(raw, room * 2)
        length, limit, problem = number(units), number(units), ctypes.c_int(0)
        changing(handle, buffer, ctypes.byref(length), room, 0, ctypes.byref(limit), ctypes.byref(problem))
        return None if problem.value > 0 else buffer.raw[: length.value * 2].decode("utf-16-le", "replace")

    return write


def _library() -> ctypes.PyDLL | None:
    """The ICU that came with icu4py. PyDLL keeps the interpreter's lock, since one transliterator serves one thread."""
    try:
        found = next((file for file in files("icu4py") or () if "libicui18n" in file.name), None)
        return ctypes.PyDLL(str(found.locate())) if found else None
    except (OSError, PackageNotFoundError):
        return None
