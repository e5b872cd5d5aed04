"""Everything that the program carries or installs: the locked packages with their hashes, and what was copied into static/vendor."""

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
LOCKED: Final = ROOT / "requirements.txt"
ASKED_FOR: Final = ROOT / "requirements.in"
VENDORED: Final = ROOT / "signaltable" / "static" / "vendor"
LICENCES: Final = Path(__file__).with_name("licences.toml")

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*\\?$")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VENDOR: Final = re.compile(r"^  (package|version|archive|licence)\s+(\S.*)$")


class Unfree(Exception):
    """Something without a licence that is known to be free."""


@dataclass(frozen=True, slots=True)
class Component:
    """One thing that the program consists of. `digests`: SHA-256 of every file in which it is handed out."""

    name: str
    version: str
    licence: str
    digests: tuple[str, ...]
    registry: str = "pypi"


def locked(path: Path = LOCKED) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Package -> its version and its digests, as the lock file has them."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    name, version, digests = "", "", list[str]()
    for line in path.read_text(encoding="utf-8").splitlines():
        pin = _PIN.match(line)
        if pin:
            name, version, digests = pin[1].lower(), pin[2], []
        digests += _HASH.findall(line)
        if name:
            found[name] = (version, tuple(digests))
    return found


def asked_for(path: Path = ASKED_FOR) -> tuple[str, ...]:
    """The direct dependencies by name."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(re.split(r"[\[<>=!~ ;]", line, maxsplit=1)[0].lower() for line in lines if line and line[0] != "-")


def components(environment: Path | None = None) -> Iterator[Component]:
    """Every component by name. `environment`: the site-packages that they are installed in; None: that of this Python.

    Raises `Unfree` for a licence that is not in licences.toml, and for a package whose licence nobody can tell.
    """
    rules = tomllib.loads(LICENCES.read_text(encoding="utf-8"))
    installed = _installed(environment)
    for name, (version, digests) in sorted(locked().items()):
        if name not in installed:
            raise Unfree(f"{name} {version}: expected to find it installed, to read its licence; run make setup")
        yield Component(name, version, check(name, licence_of(name, installed[name], rules), rules), digests)
    for component in vendored():
        check(component.name, component.licence, rules)
        yield component


def vendored(folder: Path = VENDORED) -> Iterator[Component]:
    """What was copied into the program, by the VERSION files that stand beside it."""
    for path in sorted(folder.glob("*/VERSION")):
        told: dict[str, str] = {}
        for line in (*path.read_text(encoding="utf-8").splitlines(), "  package end"):
            found = _VENDOR.match(line)
            if found and found[1] == "package" and told:
                digest = told["archive"].removeprefix("sha256 ")
                yield Component(told["package"], told["version"], told["licence"].split()[0], (digest,), "npm")
                told = {}
            if found:
                told[found[1]] = found[2].strip()


def licence_of(name: str, metadata: Any, rules: Mapping[str, Any]) -> str:
    """The licence as an SPDX expression: what was read by hand, what the package says, or "" when that is nothing known."""
    if name in rules["read"]:
        return str(rules["read"][name])
    said = (metadata.get("License-Expression") or "").strip()
    if said:
        return str(said)
    words: Mapping[str, str] = rules["words"]
    short = (metadata.get("License") or "").strip()
    if short in rules["free"]:
        return str(short)
    classified = [
        one.rpartition(" :: ")[2] for one in metadata.get_all("Classifier") or [] if one.startswith("License")
    ]
    known = {words[one] for one in (short, *classified) if one in words}
    return known.pop() if len(known) == 1 else ""


def check(name: str, licence: str, rules: Mapping[str, Any]) -> str:
    """The licence, when everybody may use, change and pass on the thing under it. Raises `Unfree`."""
    ways = [set(re.split(r"\s+AND\s+", one.strip(" ()"))) for one in re.split(r"\s+OR\s+", licence)]
    if not licence or not any(way <= set(rules["free"]) for way in ways):
        raise Unfree(f"{name}: expected a free licence (supply/licences.toml), found {licence or 'none that is known'}")
    return licence


def _installed(environment: Path | None) -> Mapping[str, Any]:
    places = [str(environment)] if environment else sys.path
    found = importlib.metadata.distributions(path=places)
    return {re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(): one.metadata for one in found}
