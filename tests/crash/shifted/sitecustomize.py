"""Python reads this by itself when the folder is on PYTHONPATH: the clock of the program goes wrong by what a file says.

The program has no setting for that, and shall have none. The file is beside this one, so nothing has to be told.
"""

import sys
from datetime import timedelta
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path

BY = Path(__file__).with_name("seconds")


class _Wrong(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "signaltable.program":
            return None
        spec = PathFinder.find_spec(name, path, target)
        shipped = spec.loader.exec_module

        def load(module):
            shipped(module)
            right = module.now
            module.now = lambda: right() + timedelta(seconds=float(BY.read_text()))

        spec.loader.exec_module = load
        return spec


sys.meta_path.insert(0, _Wrong())
