"""`python -m signaltable.cli`."""

from signaltable.cli import main

main()
