"""Loading `deduce`: for the helper process and for who asks for it by name, since it takes seconds and a gigabyte."""

import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deduce import Deduce

from signaltable.text import Span
from signaltable.text_reader.trusted import trusted

# The folder in the home where deduce keeps its tables between two starts.
CACHE: Final = "text-reader-cache"
_OTHERS: Final = 0o022

Read = Callable[[str], tuple[Span, ...]]


def load(cache: Path | None) -> Read:
    """Load deduce, about seven seconds and a gigabyte; the first time a minute, unless `cache` holds its tables.

    The tables are a pickle, so they are only taken from a folder that nobody else can write.
    """
    logging.disable(logging.CRITICAL)  # deduce asks for everything to be logged to standard output.
    reader = (
        Deduce(cache_path=cache) if cache and _is_own(cache) else Deduce(cache_path=None, build_lookup_structs=True)
    )
    return lambda text: trusted(text, reader.deidentify(text).annotations)


def _is_own(folder: Path) -> bool:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    inside = [folder, *folder.rglob("*")]
    return all(one.stat().st_uid == os.geteuid() and not stat.S_IMODE(one.stat().st_mode) & _OTHERS for one in inside)
