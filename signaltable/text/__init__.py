"""Words in free text that tell who it is about: found fast, shown to the submitter, masked in the table's copy.

`scan` finds, `mask` takes out; each kind of word is found in a module of its own.
"""

from signaltable.text.masking import mask
from signaltable.text.scanning import Looked, contains_bsn, find_typed, look, scan, without_organisations
from signaltable.text.spans import TOKENS, Span, merged

__all__ = [
    "TOKENS",
    "Looked",
    "Span",
    "contains_bsn",
    "find_typed",
    "look",
    "mask",
    "merged",
    "scan",
    "without_organisations",
]
