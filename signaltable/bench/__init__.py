"""How fast the program is, as ratios that hold on any machine: `signaltable bench`.

Each module that measures something offers `lines(given: Given) -> Iterator[Line | Skipped]` and stands in `registry`.
What compares with libraries that only developers have is in tests/bench.
"""
