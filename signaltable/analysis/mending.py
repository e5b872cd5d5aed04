"""What can still be understood of a folder that does not load: a copy without the mistakes, for the checks that come after.

Only a mistake that leaves the meaning of every other rule alone is mended. A rule that cannot be read is left out, and
then nothing is said that would be different with it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from signaltable.policy import PolicySet
from signaltable.policy_errors import BrokenPolicy, Finding, read_toml

Start = Callable[[Path], PolicySet]
# Each round of mending lets the next step of reading speak: syntax, shapes, references, fields.
ROUNDS = 5
_WORDS = {"nl": "-", "en": "-"}
_ROUTES, _EXAMPLES, _GROUNDS = "meldroutes", "meldroutes/examples", "grondslagen"


@dataclass(slots=True)
class Mended:
    """A folder read as far as it goes. `policy` is None when it cannot be understood without its mistakes.

    `findings` are all that stopped it; those that only follow from what was left out are not among them.
    """

    findings: list[Finding]
    policy: PolicySet | None = None
    left_out: set[str] = field(default_factory=set)
    examples: set[str] = field(default_factory=set)

    @property
    def lacks_routes(self) -> bool:
        """Whether a meldroute was left out, so that gaps and dead facts cannot be told from what it says."""
        return any(_folder(file) == _ROUTES for file in self.left_out)

    @property
    def lacks_grounds(self) -> bool:
        """Whether a ground was left out."""
        return any(_folder(file) == _GROUNDS for file in self.left_out)


def mend(directory: Path, broken: BrokenPolicy, start: Start) -> Mended:
    """Read a folder that does not load without its mistakes, and collect them all. The folder itself stays as it is."""
    contents = {path.relative_to(directory).as_posix(): _content(path) for path in sorted(directory.rglob("*.toml"))}
    mended = Mended([])
    current: Iterable[Finding] = broken.findings
    for _ in range(ROUNDS):
        mended.findings += [finding for finding in current if not _follows(finding, mended)]
        if not all(_mended(finding, contents, mended) for finding in current):
            return mended
        try:
            mended.policy = _read(contents, mended.left_out, start)
        except BrokenPolicy as again:
            current = again.findings
        else:
            break
    return mended


def _content(path: Path) -> dict[str, Any] | None:
    try:
        return read_toml(path)
    except BrokenPolicy:
        return None


def _read(contents: Mapping[str, dict[str, Any] | None], left_out: set[str], start: Start) -> PolicySet:
    with TemporaryDirectory() as copy:
        for name, content in contents.items():
            if name in left_out or content is None:
                continue
            path = Path(copy) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{_toml(key)} = {_toml(value)}\n" for key, value in content.items()), "utf-8")
        return start(Path(copy))


def _follows(finding: Finding, mended: Mended) -> bool:
    """Whether somebody names a rule that is missing only because it was left out."""
    rules = {Path(file).stem.split("-")[0] for file in mended.left_out if _folder(file) == _ROUTES}
    return finding.file in mended.left_out or finding.message.rpartition("found ")[2] in rules


# -- one mistake at a time -----------------------------------------------------------------------------------------


def _mended(finding: Finding, contents: dict[str, dict[str, Any] | None], mended: Mended) -> bool:
    """Take one mistake out of the contents; False when the rules cannot be understood without it."""
    file, content = finding.file, contents.get(finding.file)
    if file in mended.left_out or finding.message.startswith("expected no such file"):
        mended.left_out.add(file)
        return True
    if content is not None and finding.key and _mend_key(finding, content):
        return True
    if _folder(file) == _EXAMPLES:
        mended.examples.add(file)
        if content is not None and _forget(content, ".".join(finding.key.split(".")[:2])):
            return True
    if _folder(file) in {_ROUTES, _EXAMPLES, _GROUNDS}:
        mended.left_out.add(file)
        return True
    return False


def _mend_key(finding: Finding, content: dict[str, Any]) -> bool:
    """Mend the place that a finding names, where what it should have been does not matter to the checks."""
    key, found = finding.key, finding.message.rpartition("found ")[2]
    if finding.message == "expected no such key":
        return _forget(content, key)
    if "in nl and in en" in finding.message or finding.message.startswith("expected a text in "):
        return _replace(content, key, dict(_WORDS))
    if key in {"excludes", "off"} and isinstance(content.get(key), list):
        content[key] = [name for name in content[key] if name != found]
        return True
    if finding.file == "region.toml" and key.split(".")[0] in {"urgency", "phone", "hours", "checked_on", "open"}:
        return _forget(content, key)
    if finding.file == "destinations.toml" and key.endswith(".agency_kind"):
        destination = _parent(content, key)
        destination.pop("agency_kind", None)
        destination.update(disclosable=False, no_data=dict(_WORDS))
        return True
    return finding.file == "facts.toml" and _mend_words(finding, content)


def _mend_words(finding: Finding, content: dict[str, Any]) -> bool:
    """Words that are missing, or that stand under a value that is not there."""
    fact, values = finding.key.split(".")[1:2], finding.key.split(".")[3:]
    if finding.message.startswith("expected words for this fact"):
        content.setdefault("fact", []).append({"id": fact[0], "title": dict(_WORDS), "ask": dict(_WORDS)})
    elif values and finding.message.startswith("expected a label for this value"):
        content.setdefault("labels", {})[values[0]] = dict(_WORDS)
    else:
        return bool(values) and _forget(content, finding.key)
    return True


# -- places in a file ----------------------------------------------------------------------------------------------


def _parent(content: Any, key: str) -> Any:
    """What holds the last part of a key such as to.0.when; an entry with an id is found by it. None when it is not there."""
    for part in key.split(".")[:-1]:
        content = _entry(content, part)
    return content


def _entry(content: Any, part: str) -> Any:
    if isinstance(content, list):
        named = (one for one in content if isinstance(one, dict) and one.get("id") == part)
        numbered = content[int(part)] if part.isdecimal() and int(part) < len(content) else None
        return next(named, numbered)
    return content.get(part) if isinstance(content, dict) else None


def _forget(content: dict[str, Any], key: str) -> bool:
    """Take the place away; an entry of a list gives way to nothing, so that those after it keep their number."""
    parent, last = _parent(content, key), key.rpartition(".")[2]
    if isinstance(parent, dict) and last in parent:
        del parent[last]
        return True
    if isinstance(parent, list) and last.isdecimal() and int(last) < len(parent):
        parent[int(last)] = None
        return True
    return False


def _replace(content: dict[str, Any], key: str, value: Any) -> bool:
    parent, last = _parent(content, key), key.rpartition(".")[2]
    if isinstance(parent, dict):
        parent[last] = value
    return isinstance(parent, dict)


def _folder(file: str) -> str:
    return file.removeprefix("region/").rpartition("/")[0]


def _toml(value: Any) -> str:
    """A value as TOML in one line (its texts are those of JSON)."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_toml(key)} = {_toml(one)}' for key, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in value if one is not None)}]"
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return value.isoformat() if isinstance(value, date) else str(value)
