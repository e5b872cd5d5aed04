"""`make sbom`: a bill of materials in CycloneDX JSON, the same bytes for the same lock file, checked against its schema.

Runs in .venv-scan, which has the library, and reads the licences in the environment of the program.
"""

import sys
import tomllib
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component as Part
from cyclonedx.model.component import ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from supply.components import ROOT, Component, Unfree, components

TARGET: Final = ROOT / "build" / "sbom.cdx.json"
# Made out of the name of the project, so that the number of a bill follows from what stands in it.
SPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "signaltable")
REGISTRIES: Final = {
    "pypi": "https://pypi.org/project/{name}/{version}/",
    "npm": "https://www.npmjs.com/package/{name}/v/{version}",
}


def bill(found: Iterable[Component], version: str) -> str:
    """The bill as JSON. Raises ValueError when it would not be one by the schema of CycloneDX 1.6."""
    make = LicenseFactory()
    parts = [_part(one, make) for one in found]
    program = Part(
        name="signaltable", version=version, type=ComponentType.APPLICATION, bom_ref="signaltable",
        licenses=[make.make_from_string("EUPL-1.2")],
    )  # fmt: skip
    bom = Bom(components=parts, serial_number=uuid.uuid5(SPACE, "\n".join(sorted(str(part.purl) for part in parts))))
    bom.metadata.component = program
    bom.metadata.timestamp = datetime(1980, 1, 1, tzinfo=UTC)  # The same bytes whenever it is made.
    bom.register_dependency(program, parts)
    text = str(JsonV1Dot6(bom).output_as_string(indent=1))
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise ValueError(f"expected a bill by the schema of CycloneDX 1.6: {wrong}")
    return text + "\n"


def _part(one: Component, make: LicenseFactory) -> Part:
    group, _, name = one.name.rpartition("/")
    address = XsUri(REGISTRIES[one.registry].format(name=one.name, version=one.version))
    digests = [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in one.digests]
    purl = PackageURL(one.registry, group or None, name, one.version)
    return Part(
        name=name, group=group or None, version=one.version, type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl),
        licenses=[make.make_from_string(one.licence)],
        # Several files hand out one version; their digests belong to where they are fetched and not to the thing itself.
        external_references=[ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=address, hashes=digests)],
    )  # fmt: skip


def main(environment: str) -> int:
    """Write the bill. `environment`: the site-packages of the program."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    try:
        text = bill(components(Path(environment)), version)
    except (Unfree, ValueError) as error:
        print(f"sbom: {error}", file=sys.stderr)  # noqa: T201 -- the one line that make shows
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    print(TARGET.relative_to(ROOT))  # noqa: T201 -- where it is
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
