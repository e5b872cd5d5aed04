"""A PKCS#11 token to test with: SoftHSM of Debian, in a folder of its own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REQUIRED

PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)
LABEL, PIN = "signaltable test", "a-pin-of-tests"


def token_environment(folder: Path) -> dict[str, str]:
    """Settings that name a fresh token under `folder`; skips loudly where SoftHSM is not installed.

    A module has one configuration for the whole process, so a run makes one token and many rings in it.
    """
    module = next((place for place in PLACES if Path(place).exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        if "softhsm" in REQUIRED:
            raise RuntimeError("SIGNALTABLE_REQUIRE has softhsm: expected softhsm2 to be installed")
        pytest.skip("tests of PKCS#11 skipped: `apt-get install softhsm2`")
    (folder / "tokens").mkdir(parents=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    command = ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "so-" + PIN]
    subprocess.run(command, check=True, capture_output=True)
    pin_file = folder / "pin"
    pin_file.write_text(PIN + "\n")
    pin_file.chmod(0o600)
    return {
        "SIGNALTABLE_KEY_PROVIDER": "pkcs11",
        "SIGNALTABLE_PKCS11_MODULE": module,
        "SIGNALTABLE_PKCS11_TOKEN": LABEL,
        "SIGNALTABLE_PKCS11_PIN_FILE": str(pin_file),
        "SOFTHSM2_CONF": str(configuration),
    }
