"""The rules of the program as the tests of policies/ need them: loaded once, and a copy that a test may break."""

import shutil
from pathlib import Path

import pytest

from signaltable.policy import PolicySet, load

POLICIES = Path(__file__).resolve().parents[2] / "policies"


@pytest.fixture(scope="session")
def policy() -> PolicySet:
    return load(POLICIES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of policies/ to break."""
    return Path(shutil.copytree(POLICIES, tmp_path / "policies"))
