"""Telling the jobs process to end: it ends, whatever the scheduler is doing at that moment."""

import signal
import threading

from apscheduler.executors.base import BaseExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from signaltable.jobs import process


class _Interrupted(BaseExecutor):
    """The signal comes in the middle of handing a job to whoever does it."""

    def submit_job(self, _job, _times):
        process._stop(signal.SIGTERM, None)

    def _do_submit_job(self, _job, _times):
        raise AssertionError("nothing comes here")


def test_a_signal_in_the_middle_of_the_scheduler_is_not_lost(sqlite_program, monkeypatch):
    scheduler = BackgroundScheduler(executors={"default": _Interrupted()})
    scheduler.add_job(print, "interval", seconds=0.01)
    stopping, before = threading.Event(), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(process, "STOPPING", stopping)
    monkeypatch.setattr(process, "make_scheduler", lambda *_given: scheduler)
    monkeypatch.delenv("SIGNALTABLE_PARENT", raising=False)
    try:
        assert process._run(sqlite_program, process.Duty.ALL) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert stopping.is_set()
    assert not scheduler.running
