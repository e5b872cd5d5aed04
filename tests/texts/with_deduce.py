"""The table of quality.py for the own scan, for deduce, and for both together. Loading takes up to a minute."""

import sys
import tempfile
from pathlib import Path

from signaltable.text_reader.heavy import load
from tests.texts.quality import both, main

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        heavy = load(Path(sys.argv.pop(1)) if sys.argv[1:] and "/" in sys.argv[1] else Path(folder))
    main(sys.argv[1:], {"deduce": heavy, "both": both(heavy)})
