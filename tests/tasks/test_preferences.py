"""Preferences as a kind of label: reading, storing, deciding and exporting, and the contract of all kinds."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from contract import Case
from hypothesis import strategies as st

import workbench as wb
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.tasks import TASKS
from workbench.tasks.preferences import PREFERENCE_ANSWERS, shown_swapped


def predictions(dataset):
    """Scores that contradict every seventh label."""
    rng = np.random.default_rng(0)
    side = np.array([1.0, -1.0, 0.0, 0.0, 1.0])[dataset.units.given] * np.where(np.arange(dataset.n) % 7 == 3, -1, 1)
    gap = side * 2 + rng.normal(0, 0.4, dataset.n)
    return {"scores": np.stack([gap, np.zeros(dataset.n)], axis=1)}


class Answers(Case):
    """The examples with texts, which the file for DPO holds."""

    def dataset(self, times=1, *, texts=False):
        if not texts:
            return super().dataset(times)
        frame, _ = table(len(self.labels) * times)
        frame = frame.assign(name=[f"a{row}" for row in range(len(frame))], tags=pd.Series(self.labels * times))
        return Dataset.from_frame(frame.drop(columns="id"), "tags", id="name", task=self.task)


CASE = Answers(
    task="preferences",
    labels=["first", "second", None, "tie", "neither", "first"],
    classes=PREFERENCE_ANSWERS,
    values=st.sampled_from(PREFERENCE_ANSWERS),
    decisions=[(0, "", "second"), (2, "", "tie"), (4, "", "first"), (5, "", "neither")],
    corrected=["second", "second", "tie", "tie", "first", "neither"],
    words={"tie": "tie", None: "no label"},
    hostile=["", "null", "first", "1", "true", '["first"]', '"third"', '"open'],
    other_labels=[["third"], [3], [True], [1.5], [b"first"], [["first"]], [{"first": 1}], ["\ud800"]],
    wrong_keys=["p0", "g0", "c0123456789abcdef"],
    predictions=predictions,
    by_hand=(1, [("", "second")]),
)


def table(n: int = 240, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Pairs in which the chosen answer is better, apart from every eighth; scores with noise and five judges."""
    rng = np.random.default_rng(seed)
    wrong = np.arange(n) % 8 == 5
    quality = np.sort(rng.normal(size=(n, 2)) * 2, axis=1)[:, ::-1]
    quality[wrong] = quality[wrong, ::-1]
    frame = pd.DataFrame({"id": [f"i{row}" for row in range(n)], "prompt": [f"question {row}" for row in range(n)]})
    frame["chosen"] = [f"answer {row} in words" for row in range(n)]
    frame["rejected"] = [f"reply {row} in words" for row in range(n)]
    frame[["chosen_score", "rejected_score"]] = quality + rng.normal(0, 0.3, (n, 2))
    return frame, wrong


def test_every_form_of_labels():
    wanted = ["first", "second", "tie", None, "neither"]
    for labels in (
        [1, 2, 0, None, "neither"],
        ["chosen", "rejected", "equal", np.nan, "neither"],
        pd.Series([*wanted[:3], pd.NA, "neither"], dtype="string"),
        pd.Categorical(wanted),
        np.array(wanted, object),
        ["1", "2", "0", None, "neither"],
    ):
        assert Dataset.from_arrays(labels, task="preferences").given.tolist() == wanted
    assert Dataset.from_arrays([1.0, 2.0, np.nan, 0.0], task="preferences").given.tolist() == [*wanted[:2], None, "tie"]


def test_a_table_without_labels_says_that_the_chosen_answer_is_better():
    frame, _ = table(6)
    dataset = Dataset.from_frame(frame, id="id", task="preferences")
    assert dataset.given.tolist() == ["first"] * 6 and dataset.texts()[3] == "question 3"
    labelled = Dataset.from_frame(frame.assign(preferred=[2, 1, 0, None, 1, 1]), id="id", task="preferences")
    assert labelled.given.tolist() == ["second", "first", "tie", None, "first", "first"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chosen": 5}, "`frame` row 0 has no text in 'chosen'. Pass texts, or drop the row"),
        ({"rejected": [None] * 6}, "`frame` row 0 has no text in 'rejected'"),
        ({"chosen": [[{"role": "user", "content": "a"}]] * 6}, "`frame` row 0 has no text in 'chosen'"),
        ({"label": "best"}, "`labels` row 0 is 'best'. Use 'first' [(]or 1[)]"),
    ],
)
def test_a_wrong_table_gets_one_error_with_its_row(change, words):
    with pytest.raises(InputError, match=words):
        Dataset.from_frame(table(6)[0].assign(**change), id="id", task="preferences")


def test_answers_are_fixed():
    with pytest.raises(InputError, match=r"`classes` is .* the answers are fixed"):
        Dataset.from_arrays([1, 2], task="preferences", classes=["a", "b"])


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_evidence_in_the_columns_of_a_table_is_used(tmp_path, suffix):
    frame, wrong = table()
    told = wb.find_issues(frame, task="preferences")
    assert told.attrs["sources"] == {"scores": "column 'scores'"}
    assert wrong[told["row"].to_numpy()][:20].mean() > 0.8
    run = wb.import_run(frame, tmp_path / "run", id="id", task="preferences")
    pd.testing.assert_frame_equal(wb.find_issues(run)[told.columns], told)
    run.journal.relabel("i5", '"second"', old='"first"', units="")
    file = wb.export(run, tmp_path / f"pairs{suffix}", cleaned="relabel", issues=False)
    options = {"neutralized": True} if suffix == ".csv" else {}
    again = wb.import_run(file, tmp_path / "again", id="id", task="preferences", **options)
    assert again.dataset.given.tolist() == ["second" if one == "i5" else "first" for one in frame["id"]]
    assert again.dataset.metadata["rejected"].tolist() == frame["rejected"].tolist()


def test_the_file_for_dpo_has_the_corrected_order(tmp_path):
    frame, _ = table(5)
    run = wb.import_run(frame, tmp_path / "run", id="id", task="preferences")
    for id, value in (("i1", "second"), ("i2", "tie"), ("i3", "neither")):
        run.journal.relabel(id, TASKS["preferences"].encode(value), old='"first"', units="")
    lines = [json.loads(line) for line in wb.export(run, tmp_path / "a.jsonl", format="dpo").read_text().splitlines()]
    assert [one["provenance"]["row"] for one in lines] == ["i0", "i1", "i4"]
    assert (lines[1]["chosen"], lines[1]["rejected"]) == ("reply 1 in words", "answer 1 in words")
    assert lines[1]["provenance"]["swapped"] is True and lines[0]["provenance"]["swapped"] is False
    assert lines[1]["provenance"]["chosen_score"] == frame["rejected_score"][1]
    again = wb.import_run(tmp_path / "a.jsonl", tmp_path / "again", format="dpo", task="preferences")
    assert again.dataset.ids.tolist() == ["i0", "i1", "i4"] and again.dataset.given.tolist() == ["first"] * 3
    rows = wb.ranking.reward_rows(wb.ranking.corrected_pairs(run))
    assert len(rows) == 6 and rows["pair"].tolist() == ["i0", "i0", "i1", "i1", "i4", "i4"]
    labels = wb.import_run(["first", "tie"], tmp_path / "labels", task="preferences")
    with pytest.raises(InputError, match="`run` has no texts of prompts and answers"):
        wb.ranking.corrected_pairs(labels)


@pytest.mark.parametrize(
    "line", ["[1]", '{"prompt": "a", "chosen": "b"}', '{"prompt": 1, "chosen": "b", "rejected": "c"}']
)
def test_a_wrong_line_of_a_file_is_named(tmp_path, line):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n' + line + "\n")
    with pytest.raises(InputError, match="line 2"):
        wb.import_run(path, tmp_path / "run", format="dpo", task="preferences")


def test_the_order_shown_is_random_and_kept():
    ids = [f"i{row}" for row in range(2000)]
    swapped = shown_swapped(ids)
    assert 0.45 < swapped.mean() < 0.55 and (shown_swapped(ids[::-1])[::-1] == swapped).all()
    assert 0.4 < (shown_swapped(ids, seed=1) == swapped).mean() < 0.6
