"""What comes of the program when something breaks in the middle of its work: `python -m tests.crash`, or `make crash`.

Real processes of the program, real people at it over HTTP, each with a journal of what was acknowledged; and faults: processes
killed at any moment, the database killed, connections cut, a full disk, a clock that jumps. After each, everything is looked at.
"""
