"""The auditor's use cases: the log under filters, one entry, the disclosures with their files, proofs and exports.

Shows codes, references and opaque ids, never a case and never a name: names of people stand in a table apart. Whoever
consults the log leaves an entry in it. What an agency sees of it stands in `log_scope`, checking the whole log in
`fsck`, handing it out in `log_export`.
"""

from signaltable.flow.auditing.disclosure_file import DisclosureFile, disclosure_file
from signaltable.flow.auditing.disclosures import DisclosureFilters, DisclosureLine, DisclosurePage, disclosures
from signaltable.flow.auditing.filters import KINDS, Filters, actions_of, kind_of
from signaltable.flow.auditing.lines import EntryLine
from signaltable.flow.auditing.proofs import EntryProof, SignedHead, head, public_key
from signaltable.flow.auditing.reading import EntryPage, EntryView, Offered, entries, entries_of, entry, offered, proof
from signaltable.flow.auditing.workplace import Workplace, workplace
from signaltable.flow.checking import CheckLine, check
from signaltable.flow.log_export import (
    Export,
    export,
    export_file,
    export_state,
    fulfil_exports,
    my_exports,
    request_export,
)
from signaltable.flow.log_parts import Part, read_part
from signaltable.flow.signing import sign_checkpoint

__all__ = [
    "KINDS",
    "CheckLine",
    "DisclosureFile",
    "DisclosureFilters",
    "DisclosureLine",
    "DisclosurePage",
    "EntryLine",
    "EntryPage",
    "EntryProof",
    "EntryView",
    "Export",
    "Filters",
    "Offered",
    "Part",
    "SignedHead",
    "Workplace",
    "actions_of",
    "check",
    "disclosure_file",
    "disclosures",
    "entries",
    "entries_of",
    "entry",
    "export",
    "export_file",
    "export_state",
    "fulfil_exports",
    "head",
    "kind_of",
    "my_exports",
    "offered",
    "proof",
    "public_key",
    "read_part",
    "request_export",
    "sign_checkpoint",
    "workplace",
]
