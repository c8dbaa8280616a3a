"""Which decisions count as a person's verdicts: by source, by number of examples, after undo and redo."""

import numpy as np
import pytest

from workbench.data.dataset import Dataset
from workbench.recording.recorder import Recorder
from workbench.runs.journal import Journal
from workbench.runs.verdicts import by_looking, decided_otherwise, looks, opinions, verdicts_of


@pytest.mark.parametrize(
    ("source", "size", "counts"),
    [
        ("explorer", 1, True),
        ("explorer: key", 1, True),
        ("explorer: audit, accept", 1, True),
        ("explorer: second look, key", 1, True),
        ("", 1, True),
        ("review", 300, True),
        ("Review: by hand", 1, True),
        ("second look", 5, True),
        ("", 2, False),
        ("explorer", 2, False),
        ("explorer: selection", 1, False),
        ("explorer: accept selection", 1, False),
        ("explorer: accept selection", 304, False),
        ("explorer: audit, accept selection", 1, False),
        ("explorer: labels", 1, False),
        ("notebook", 1, False),
        ("bulk", 2, False),
        ("some script", 1, False),
        ("undo", 1, False),
    ],
)
def test_sources(source, size, counts):
    assert by_looking(source, size) is counts


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal.sqlite", author="ann")


def test_undo_takes_a_verdict_away_and_redo_brings_it_back(journal):
    journal.keep([1], old="cat", source="explorer: key")
    journal.relabel([1, 2], "dog", old="cat", source="explorer: accept selection")
    assert looks(journal)[["id", "verdict", "label"]].values.tolist() == [[1, "keep", "cat"]]
    assert decided_otherwise(journal) == 1, "example 1 has a verdict beside"
    journal.undo()
    journal.undo()
    assert looks(journal).empty and decided_otherwise(journal) == 0
    journal.redo()
    assert looks(journal)["verdict"].tolist() == ["keep"]
    journal.redo()
    assert looks(journal)["id"].tolist() == [1] and decided_otherwise(journal) == 1
    journal.relabel([3, 4], "dog", old="cat", source="review")
    journal.undo()
    journal.redo()
    assert looks(journal)["id"].tolist() == [1, 3, 4]


def test_who_said_what_and_when(journal):
    journal.relabel([1], "dog", old="cat")
    journal.relabel([1], "owl", old="cat", author="bo", source="explorer: second look, key")
    journal.keep([2], author="bo")
    journal.skip([3])
    table = looks(journal)
    assert table["author"].tolist() == ["ann", "bo", "bo", "ann"]
    assert table["label"].tolist()[:2] == ["dog", "owl"]
    assert table["second_look"].tolist() == [False, True, False, False]
    assert table["seq"].is_monotonic_increasing
    said = opinions(journal)
    assert said.loc[1].to_dict() == {"ann": "dog", "bo": "owl"}
    assert 2 not in said.index and 3 not in said.index, "no label was told, or none was given"
    assert looks(journal, "bo")["id"].tolist() == [1, 2]
    assert opinions(Journal(journal.path.with_name("none.sqlite"))).empty


def test_the_newest_verdict_decides_and_bulk_decisions_do_not(tmp_path):
    dataset = Dataset.from_arrays(np.array([0, 0, 0, 1]), classes=["cat", "dog"], ids=[10, 11, 12, 13])
    Recorder(tmp_path / "run", dataset, mode="import").close()
    import workbench as wb

    run = wb.open_run(tmp_path / "run")
    run.journal.relabel([10], "dog", old="cat")
    run.journal.keep([11], old="cat")
    run.journal.relabel([10, 11, 12, 13], ["cat", "dog", "dog", "cat"], old=["cat", "cat", "cat", "dog"], source="bulk")
    assert verdicts_of(run).to_dict() == {10: True, 11: False}
    run.journal.skip([10])
    assert verdicts_of(run).to_dict() == {11: False}, "put off: the verdict does not hold any more"
    run.journal.relabel([11], "dog", old="cat", author="bo")
    assert verdicts_of(run).to_dict() == {11: True}
    assert verdicts_of(run, run.journal.author).to_dict() == {11: False}
