"""Classes of tokens as a kind of label: reading, deciding, files, wrong classes, and the contract of all kinds."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from contract import Case
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

import workbench as wb
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.tasks import TASKS

CLASSES = ("ADJ", "NOUN", "VERB")


def predictions(dataset):
    """Probabilities that mostly agree with the labels."""
    rng, found = np.random.default_rng(0), []
    for row, classes in enumerate(dataset.given):
        probs = np.full((len(classes or ()), len(dataset.classes)), 0.1)
        for place, name in enumerate(classes or ()):
            code = dataset.classes.index(name) if name and rng.random() > 0.15 else (row + place) % 3
            probs[place, code] += 0.7
        found.append(probs)
    return {"pred_probs": found}


CASE = Case(
    task="tokens",
    labels=[["NOUN", "VERB", None], [], None, ["ADJ", "NOUN"], ["VERB"]],
    classes=CLASSES,
    values=st.sampled_from(CLASSES),
    decisions=[(0, "p1", "NOUN"), (0, "p2", "ADJ"), (3, "p0", "VERB"), (4, "p0", "NOUN")],
    corrected=[["NOUN", "NOUN", "ADJ"], [], None, ["VERB", "NOUN"], ["NOUN"]],
    words={"NOUN": "NOUN"},
    hostile=["", "NOUN", '"noun"', "null", "1", '["NOUN"]', "[" * 3000, '"NOUN" "NOUN"'],
    other_labels=[[["ADV"]], ["NOUN"], [[["NOUN"]]], [{"a": "NOUN"}], [3]],
    wrong_keys=["", "p3", "g0", "x", "p-1"],
    predictions=predictions,
    by_hand=(0, [("p0", "NOUN"), ("p1", "VERB"), ("p2", "nothing")]),
    texts=["dogs bark loud", "", "some text", "big dogs", "run"],
)


def test_forms_of_labels_are_the_same_classes():
    wanted = [[0, 2, None], [], None, [1]]
    for labels, classes in (
        ([["a", "c", None], [], None, ["b"]], None),
        ([np.array(["a", "c", None], object), (), None, pd.Series(["b"])], ["a", "b", "c"]),
        (pa.array([["a", "c", None], [], None, ["b"]]), None),
        ([[0, 2, -100], [], None, np.array([1])], ["a", "b", "c"]),
        ([np.array([0, 2, -1]), np.array([], int), None, [1]], None),
    ):
        found = Dataset.from_arrays(labels, task="tokens", classes=classes)
        assert found.labels.to_pylist() == wanted, labels
    indices = Dataset.from_arrays([[0, 3], [-100, 0]], task="tokens")
    assert indices.classes == ("0", "1", "2", "3"), "integers are indices"
    assert indices.given.tolist() == [[0, 3], [None, 0]], "an int stays an int"
    assert Dataset.from_arrays([[-1, 1]], task="tokens", classes=[-1, 1]).labels.to_pylist() == [[0, 1]]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([["a"], "ab"], "`labels` row 1 is 'ab'. Pass n lists with the class of each token"),
        ([["a", ["b"]]], r"`labels` row 0 token 1 is \['b'\]"),
        ([["a", "b"], ["b", "z"]], "`labels` row 1 token 1 is 'z'. Known classes: 'a', 'b'"),
        ("ab", "`labels` is a str"),
    ],
)
def test_strange_labels_name_the_token(labels, message):
    with pytest.raises(InputError, match=message):
        Dataset.from_arrays(labels, task="tokens", classes=["a", "b"])


def test_damaged_labels_are_refused():
    kind = TASKS["tokens"]
    with pytest.raises(InputError, match="`labels` row 1 holds the class 3 of 3"):
        kind.check(pa.array([[0], [1, 3]], kind.column), CLASSES)
    one = pa.array([[0], [1], None, [2, None]], kind.column)
    other = pa.array([[0], [1, 1], [], [2, 2]], kind.column)
    assert kind.differ(one, other).tolist() == [False, True, True, True]


DETERMINERS, NOUNS, VERBS = ["the", "a", "this"], ["dog", "walk", "ship", "run"], ["bark", "walk", "sail", "run"]


@pytest.fixture(scope="module")
def parts_of_speech():
    """Words, given and true classes of 300 sentences; every ninth has a wrong class."""
    rng = np.random.default_rng(2)
    words, true = [], []
    for _ in range(300):
        words.append([str(rng.choice(part)) for part in (DETERMINERS, NOUNS, VERBS, DETERMINERS, NOUNS)])
        true.append(["DET", "NOUN", "VERB", "DET", "NOUN"])
    given = [list(one) for one in true]
    for row in range(0, 300, 9):
        place = int(rng.integers(5))
        given[row][place] = {"DET": "VERB", "NOUN": "VERB", "VERB": "NOUN"}[given[row][place]]
    return words, given, true


def test_wrong_classes_come_first_with_the_right_suggestion(parts_of_speech):
    words, given, true = parts_of_speech
    units = wb.find_issues(given, task="tokens", tokens=words, per="unit")
    rows, places = units["row"].to_numpy(), [int(key[1:]) for key in units.index.get_level_values("unit")]
    right = np.array([true[row][place] for row, place in zip(rows, places)])
    wrong = right != np.array([given[row][place] for row, place in zip(rows, places)])
    assert average_precision_score(wrong, units["p_error"]) > 0.9
    assert (units["suggested_label"].to_numpy() == right)[wrong].mean() > 0.9
    assert 0.5 * wrong.sum() < units.attrs["expected_errors"] < 2 * wrong.sum()
    assert units["text"].iloc[0] in {word for one in words for word in one}
    assert "equal words elsewhere" in units["reasons"].iloc[0] and "out-of-fold: " in units["reasons"].iloc[0]
    examples = wb.find_issues(given, task="tokens", tokens=words)
    assert {"units", "units_doubted", "unit"} <= set(examples) and examples["units"].eq(5).all()
    texts = wb.find_issues(given, task="tokens", texts=[" ".join(one) for one in words], per="unit")
    pd.testing.assert_frame_equal(texts, units)


def test_probabilities_of_a_model_are_used_and_checked(parts_of_speech):
    words, given, true = parts_of_speech
    names = ["DET", "NOUN", "VERB"]
    probs = [np.eye(3)[[names.index(one) for one in row]] * 0.88 + 0.04 for row in true]
    alone = wb.find_issues(given, task="tokens", pred_probs=probs, per="unit")
    assert alone["text"].isna().all() and alone.attrs["evidence"] == "given probabilities"
    assert alone["is_issue"].sum() >= 20
    both = wb.find_issues(given, task="tokens", pred_probs=probs, tokens=words, per="unit")
    assert "given probabilities" in both.attrs["evidence"] and "held-out taggers on words" in both.attrs["evidence"]
    codes = [[names.index(one) for one in row] for row in given]
    numbered = wb.find_issues(codes, task="tokens", pred_probs=probs, per="unit")
    assert numbered["suggested_label"].map(type).eq(int).all()
    assert [names[one] for one in numbered["suggested_label"]] == alone["suggested_label"].tolist()
    with pytest.raises(InputError, match="`pred_probs` has 4 columns for 3 classes"):
        wb.find_issues(given, task="tokens", pred_probs=[np.full((5, 4), 0.25)] * 300)
    with pytest.raises(InputError, match="`pred_probs` row 1 token 2"):
        wb.find_issues(given, task="tokens", pred_probs=[*probs[:1], probs[1] * [[1], [1], [9], [1], [1]], *probs[2:]])
    with pytest.raises(InputError, match="`tokens` row 7 has 4 tokens for 5 tags"):
        wb.find_issues(given, task="tokens", tokens=[*words[:7], words[7][:4], *words[8:]])
    with pytest.raises(MissingEvidence, match="'tokens'"):
        wb.find_issues(Dataset.from_arrays(given, task="tokens"))


def test_tokens_without_a_class_get_suggestions(parts_of_speech):
    words, given, _ = parts_of_speech
    labels = [[None] * 5 if row < 20 else one for row, one in enumerate(given)]
    units = wb.find_issues(labels, task="tokens", tokens=words, per="unit")
    open_ones = units[units["row"] < 20]
    assert open_ones["p_error"].isna().all() and open_ones["given_label"].isna().all()
    right = [given[row][int(key[1:])] for row, key in zip(open_ones["row"], open_ones.index.get_level_values("unit"))]
    assert (open_ones["suggested_label"] == right).mean() > 0.9
    assert open_ones["p_suggested"].between(0, 1).all()


def test_columns_of_a_file_are_classes_and_come_back(parts_of_speech, tmp_path):
    words, given, _ = parts_of_speech
    given = [[None, *given[0][1:]], *given[1:20]]
    frame = pd.DataFrame({"tokens": words[:20], "pos": given})
    run = wb.import_run(frame, tmp_path / "run", label="pos", task="tokens")
    run.journal.relabel(3, json.dumps("VERB"), old=json.dumps(given[3][1]), units="p1")
    file = wb.export(run, tmp_path / "out.conll", format="conll")
    assert file.read_text(encoding="utf-8").startswith(f"{words[0][0]}\t_\n{words[0][1]}\t{given[0][1]}\n")
    again = wb.import_run(file, tmp_path / "again", format="conll", task="tokens")
    wanted = [list(one) for one in given]
    wanted[3][1] = "VERB"
    assert again.dataset.given.tolist() == wanted
    assert again.dataset.metadata["tokens"].map(list).tolist() == words[:20]
