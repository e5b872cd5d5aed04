"""Words in free text that tell who it is about: found fast, shown to the submitter, masked in the table's copy.

`scan` finds, `mask` takes out; each kind of word is found in a module of its own.
"""

from signaltable.text.masking import mask
from signaltable.text.scanning import contains_bsn, find_typed, scan, without_organisations
from signaltable.text.spans import TOKENS, Span, merged

__all__ = ["TOKENS", "Span", "contains_bsn", "find_typed", "mask", "merged", "scan", "without_organisations"]
