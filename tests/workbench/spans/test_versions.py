"""Two versions of an annotation, counted by hand, and lost spans proposed back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import InputError

OLD = [[(0, 3, "PER"), (4, 8, "LOC"), (10, 14, "ORG")], [(0, 4, "PER")], [(2, 5, "LOC")], None, []]
NEW = [[(0, 3, "PER"), (4, 7, "LOC"), (10, 14, "LOC")], [], [(2, 5, "LOC"), (7, 9, "ORG")], [(0, 1, "PER")], []]


def test_counts_by_hand():
    found = wb.spans.compare_versions(OLD, NEW)
    table = found.counts.drop(columns="removed_share")
    assert table.loc["PER"].to_dict() == {
        "old": 2, "new": 1, "kept": 1, "retyped": 0, "moved": 0, "removed": 1, "added": 0,
    }  # fmt: skip
    assert table.loc["LOC"].tolist() == [2, 3, 1, 0, 1, 0, 0]
    assert table.loc["ORG"].tolist() == [1, 1, 0, 1, 0, 0, 1]
    assert (found.counts["removed_share"].tolist()) == [0, 0, 0.5]
    assert found.confusion.loc["ORG", "LOC"] == found.confusion.loc["PER", "O"] == found.confusion.loc["O", "ORG"] == 1
    assert found.confusion.to_numpy().sum() == 6
    assert str(found) == "5 old and 5 new spans: 2 kept, 1 retyped, 1 moved, 1 removed, 1 added"


def test_what_changed_is_proposed_back(tmp_path):
    texts = ["Ada Oslo (ACME)", "Dana x", "x Bonn", "y", "z"]
    frame = pd.DataFrame({"text": texts, "spans": pd.Series(NEW, dtype=object)})
    run = wb.import_run(frame, tmp_path / "run", label="spans", text="text", task="spans")
    found = wb.spans.compare_versions(OLD, run).issues
    assert found["kind"].tolist() == ["removed", "retyped", "moved"]
    assert found["text"].tolist() == ["Dana", "ACME", "Oslo"] and found["suggested_label"].tolist() == [
        "PER",
        "ORG",
        "LOC",
    ]
    ids, units = found.index.get_level_values("id"), found.index.get_level_values("unit")
    run.journal.relabel(ids, found["suggested_value"], old=found["given_value"], units=units)
    again = wb.spans.compare_versions(OLD, run)
    assert not len(again.issues) and again.counts["added"].sum() == 1


def test_the_largest_overlap_matches_first():
    found = wb.spans.compare_versions([[(0, 10, "A"), (0, 6, "A")]], [[(0, 9, "A"), (0, 6, "B")]])
    assert found.confusion.loc["A", ["A", "B", "O"]].tolist() == [1, 1, 0]
    same = wb.spans.compare_versions([[(0, 4, "A"), (0, 4, "B")]], [[(0, 4, "B"), (0, 4, "A")]])
    assert np.trace(same.confusion.to_numpy()) == 2


def test_tags_and_refusals():
    found = wb.spans.compare_versions([["B-A", "I-A", "O"]], [["O", "O", "O"]], tokens=[["x", "y", "z"]])
    assert found.issues["text"].tolist() == ["x y"] and found.counts.loc["A", "removed"] == 1
    with pytest.raises(InputError, match="has 2 examples, `old` 1"):
        wb.spans.compare_versions([[]], [[], []])
    with pytest.raises(InputError, match="row 0 has 2 tokens, `old` 1"):
        wb.spans.compare_versions([["B-A"]], [["B-A", "O"]])
