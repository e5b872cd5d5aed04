"""Templates as the code that Jinja makes of them, kept beside them like Python keeps its own: in `__pycache__`.

Making the code of all templates takes a second, as long as a start. So each web worker made it for itself, of every template
that somebody came by. What is kept is loaded in no time, before workers are forked, who then share it.

Who may write there could as well change the templates themselves. Where the program may not write, the installation keeps
the code (`python -m signaltable.web.shared`, part of `make setup`), or each worker makes it as before.
"""

import hashlib
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment
from jinja2.bccache import Bucket, FileSystemBytecodeCache

FOLDER: Final = "__pycache__"
ENDS_IN: Final = ".jinja"


class Kept(FileSystemBytecodeCache):
    """The code of templates in files. One that is missing, broken, or of another template, program or Python is made anew."""

    def __init__(self, folder: Path, made_with: str) -> None:
        super().__init__(str(folder), "%s" + ENDS_IN)
        self._made_with = made_with
        self.may_write = not sys.dont_write_bytecode

    def get_source_checksum(self, source: str) -> str:
        """What the code was made of."""
        return hashlib.sha256(f"{self._made_with}\n{source}".encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fetch the code, when it is there and whole."""
        try:
            super().load_bytecode(bucket)
        except Exception:  # noqa: BLE001 -- whatever is wrong with a file, the template itself is at hand
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code where Python would keep its own; nothing happens when it cannot."""
        if not self.may_write:
            return
        with suppress(OSError):  # A folder of somebody else, a full disk: the next process makes it again.
            Path(self.directory).mkdir(exist_ok=True)
            super().dump_bytecode(bucket)
            # Jinja lets nobody else read it; but who installs the program is not who runs it.
            Path(self.directory, bucket.key + ENDS_IN).chmod(0o644)


def keep(environment: Environment, templates: Path) -> None:
    """Let `environment` keep the code of what stands in `templates`. Its filters and its settings are there by now."""
    environment.bytecode_cache = Kept(templates / FOLDER, _made_with(environment))


def _made_with(environment: Environment) -> str:
    """What the code depends on besides its template, and besides Python, which Jinja looks at."""
    settings = (environment.trim_blocks, environment.lstrip_blocks, sorted(environment.extensions), version("jinja2"))
    return repr((settings, _wishes(environment.filters), _wishes(environment.tests)))


def _wishes(functions: Mapping[str, Any]) -> list[str]:
    """The names of filters or tests, each with what it wants to be handed."""
    return sorted(f"{name} {getattr(function, 'jinja_pass_arg', '')}" for name, function in functions.items())


def load_kept(environment: Environment) -> None:
    """Load every template of which the code is kept; for the others there is no time now."""
    kept, loader = environment.bytecode_cache, environment.loader
    assert kept is not None
    assert loader is not None
    for name in _names(environment):
        source, filename, _is_new = loader.get_source(environment, name)
        if kept.get_bucket(environment, name, filename, source).code is not None:
            environment.get_template(name)


def make_all(environment: Environment) -> None:
    """Make the code of every template and keep it, also where Python was told to keep nothing (like `compileall`)."""
    assert isinstance(environment.bytecode_cache, Kept)
    environment.bytecode_cache.may_write = True
    for name in _names(environment):
        environment.get_template(name)


def _names(environment: Environment) -> list[str]:
    return environment.list_templates(extensions=["html"])
