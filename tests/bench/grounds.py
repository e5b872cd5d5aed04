"""How many decisions on a ground per second, beside Cedar on the same rows and the same requests, in one run.

Both get the policies parsed and the requests as they want them: ours as arguments, Cedar's as ready dictionaries, one
call per request on either side. Nothing is remembered between requests. Results are compared before anything is timed.
"""

import sys
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter

import cedarpy
import click

from signaltable.ground_index import index_on, verdict
from signaltable.grounds import load_grounds
from tests.cedar_grounds import Question, policies, questions

POLICIES = Path(__file__).resolve().parents[2] / "policies"
# Different questions each round, so that no engine meets one twice; Cedar is slower and gets a part of them.
ROUNDS, OURS, THEIRS = 7, 30_000, 1_500
GOAL = 50


def run() -> list[tuple[str, float, float]]:
    """(name, ours per second, Cedar's per second), median over rounds in turn. Raises AssertionError when they differ."""
    grounds = load_grounds(POLICIES / "grondslagen")
    day = date.today()  # noqa: DTZ011 -- the rows of today
    index = index_on(grounds, day)
    parsed = policies(grounds.rows, day)
    nothing = cedarpy.Entities.from_json_str("[]")
    rows = grounds.on(day)

    ours, theirs = [], []
    for number in range(ROUNDS + 1):
        asked = questions(rows, OURS, seed=number)
        mine, seconds = _time_ours(index, asked)
        allowed, their_seconds = _time_cedar(parsed, nothing, asked[:THEIRS])
        assert mine[:THEIRS] == allowed, "the two engines do not say the same"
        if number:  # The first round warms both up.
            ours.append(OURS / seconds)
            theirs.append(THEIRS / their_seconds)
    return [(f"ground decision, {len(rows)} rows, against cedarpy (parsed)", median(ours), median(theirs))]


def _time_ours(index, asked: list[Question]) -> tuple[list[bool], float]:
    ready = [(q.task, q.kind, q.recipient, q.purpose, q.age, q.role, q.data, q.met, q.demo) for q in asked]
    begin = perf_counter()
    found = [verdict(index, *given, demo=demo) for *given, demo in ready]
    seconds = perf_counter() - begin
    return [one.effect == "permit" for one in found], seconds


def _time_cedar(parsed, nothing, asked: list[Question]) -> tuple[list[bool], float]:
    ready = [question.for_cedar() for question in asked]
    begin = perf_counter()
    found = [cedarpy.is_authorized(request, parsed, nothing) for request in ready]
    seconds = perf_counter() - begin
    return [one.allowed for one in found], seconds


if __name__ == "__main__":
    for name, mine, other in run():
        click.echo(f"{name}: {mine:,.0f}/s against {other:,.0f}/s, {mine / other:.0f} times (goal {GOAL})")
        if mine < GOAL * other:
            sys.exit(1)
