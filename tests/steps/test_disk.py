"""Files that are whole or not there."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from signaltable.disk import replace_file


def test_writers_of_the_same_file_leave_one_whole_text_and_nothing_beside_it(tmp_path):
    path, texts = tmp_path / "list.txt", [str(number) * 5000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: replace_file(path, text, 0o644), texts))

    assert path.read_text() in texts
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_text(tmp_path):
    path = tmp_path / "key"
    replace_file(path, "old", 0o600)
    with pytest.raises(UnicodeEncodeError):
        replace_file(path, "\udcff", 0o600)

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
