"""One export, written once and copied for each test that spoils it."""

import shutil
from pathlib import Path

import pytest
from log_samples import export, sample_log


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("log") / "export", sample_log())


@pytest.fixture
def exported(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "export"))
