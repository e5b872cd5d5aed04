"""A message that finds no room: one line to whoever reads stderr, and nothing of the code or of what went wrong before."""

import logging

from signaltable import messages


def test_a_message_without_room_goes_to_stderr_as_one_line(capsys):
    handler = messages._FileHandler("/dev/full")  # Every write fails as on a full disk.
    handler.setFormatter(messages.formatter())
    logger = logging.getLogger("signaltable.tests.full_log")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        raise ValueError("Zorinka Proefveld")
    except ValueError:
        logger.exception("storage is %s", "full")
    told = capsys.readouterr().err
    assert "storage is full (ValueError at " in told
    assert told.count("\n") == 1
    assert "Traceback" not in told
    assert "Zorinka" not in told


def test_a_folder_that_is_gone_keeps_nobody_from_work(tmp_path, capsys):
    handler = messages._FileHandler(tmp_path / "signaltable.log")
    handler.setFormatter(messages.formatter())
    logger = logging.getLogger("signaltable.tests.gone_log")
    logger.propagate = False
    logger.addHandler(handler)
    (tmp_path / "signaltable.log").unlink()
    tmp_path.rmdir()
    logger.error("nothing to write to")
    assert capsys.readouterr().err.count("nothing to write to") == 1
