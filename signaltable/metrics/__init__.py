"""Numbers for Prometheus: what processes counted on the board, and how database, log, jobs and mails are.

Told on an address of their own, never by the pages: no proxy leads there. No label holds an id, a person, an organisation,
a reference or an address (docs/watching.md says all of them).
"""
