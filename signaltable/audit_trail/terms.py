"""What one may look for in the log: a few words of each entry and its details, kept apart so that looking stays fast.

| name | what it says | from |
|---|---|---|
| signal | a signal, S-... | the object of the entry; `signal` |
| linked | a signal that stands beside others | `signals` (links, agendas) |
| disclosure | a disclosure, D-... | the object of the entry; `disclosure` |
| recipient | an agency to which something went or was to go | `recipient`, `asked` |
| ground | a ground of policies/grondslagen | `ground` |
| purpose | a purpose | `purpose` |
| category | a category of data | each of `categories` |
| policy | the rules that counted | `policy_digest` |
| subject | a person, as S-....1 | each of `subject_refs` |

Agency, action, outcome, actor and object are columns of the entry and need no term. Terms of the object follow from the
entry itself and stay when details are destroyed; the others go with the details.
"""

from collections.abc import Iterator, Mapping

Term = tuple[str, str]

NAMES = ("signal", "linked", "disclosure", "recipient", "ground", "purpose", "category", "policy", "subject")
# What fits the column; codes and references are far shorter, so only what somebody tampered with is left out.
LONGEST = 128

_OF_OBJECT = {"S-": "signal", "D-": "disclosure"}
_OF_DETAIL = {
    "signal": "signal",
    "signals": "linked",
    "disclosure": "disclosure",
    "recipient": "recipient",
    "asked": "recipient",
    "ground": "ground",
    "purpose": "purpose",
    "categories": "category",
    "policy_digest": "policy",
    "subject_refs": "subject",
}


def of_entry(object_id: str) -> frozenset[Term]:
    """The terms that the entry alone gives, from its object."""
    name = _OF_OBJECT.get(object_id[:2])
    return frozenset({(name, object_id)}) if name and len(object_id) <= LONGEST else frozenset()


def of(object_id: str, details: Mapping[str, object]) -> frozenset[Term]:
    """All terms of an entry with this object and these details. What is no text is left out, whoever wrote it."""
    return of_entry(object_id).union(_of_details(details))


def _of_details(details: Mapping[str, object]) -> Iterator[Term]:
    # Most entries have a handful of details and none of these, so the details are asked, not the list above.
    for key in details.keys() & _OF_DETAIL.keys():
        value = details[key]
        values = value if isinstance(value, list | tuple) else (value,)
        for one in values:
            if isinstance(one, str) and 0 < len(one) <= LONGEST:
                yield _OF_DETAIL[key], one
