"""Stuck cases (meldroute M20): seen by a job, with the coordinator first, then with the regional table, until settled."""
