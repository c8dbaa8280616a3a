"""Choice of demonstrations, contexts beside queries, prompts: by hand, planted wrong captions, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import InputError

LABELS = pd.Series(["a", "b", "c", "a", "b"], index=list("vwxyz"))
X = np.array([[1, 0.0], [1, 0.1], [1, 0.2], [1, 0.3], [1, 0.4]])
QUERY = np.array([[1.0, 0.0]])
PROBS = pd.DataFrame([[0.5, 0.4, 0.1]], columns=list("abc"))
OWN = pd.DataFrame(
    [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.3, 0.4, 0.2], [0.1, 0.2, 0.7]], columns=list("abc")
)


def chosen(*probs, **more):
    return wb.demonstrations.choose_demonstrations(LABELS, X, QUERY, *probs, **more)


def test_ambiguous_labels_come_first_by_hand():
    """y: label a, answered b, between a and b; z: label b, answered c; then v and w, whose labels are in the set."""
    found = chosen(PROBS, demonstration_probs=OWN, shots=4)
    assert found["demonstration"].tolist() == ["y", "z", "v", "w"] and found["rank"].tolist() == [0, 1, 2, 3]
    assert "one of the two top labels of the query (a, b); the model answered b; it hesitates" in found["reasons"][0]
    assert found["similarity"][2] == pytest.approx(1)
    assert chosen(PROBS.to_numpy(), shots=3)["demonstration"].tolist() == ["v", "w", "y"]
    assert chosen(how="similarity", shots=3)["demonstration"].tolist() == ["v", "w", "x"]
    assert chosen(PROBS, demonstration_probs=OWN, shots=2, pool=3)["demonstration"].tolist() == ["v", "w"]


def test_a_prompt():
    table = pd.DataFrame(
        {"text": ["{x} ok", "bad", "meh"], "label": ["good", None, "poor"], "kept": [True, False, True]}
    )
    found = wb.demonstrations.prompt_block(table, query="hm {label}", instruction="Label the text.")
    parts = ["Label the text.", "Input: {x} ok\nLabel: good", "Input: meh\nLabel: poor", "Input: hm {label}\nLabel:"]
    assert found == "\n\n".join(parts)
    for template, words in (("{text}", "Use {label}"), ("{other} {label}", "unknown column 'other'")):
        with pytest.raises(InputError, match=words):
            wb.demonstrations.prompt_block(table, template=template)
    with pytest.raises(InputError, match="is a list"):
        wb.demonstrations.prompt_block([])


def test_wrong_captions_contradict_their_neighbours():
    rng = np.random.default_rng(0)
    words = ["ring of six carbon atoms", "long chain of fatty acid", "salt with a metal ion"]
    kind = rng.integers(0, 3, 90)
    x = 3 * np.eye(3)[kind] + rng.normal(0, 0.3, (90, 3))
    wrong = np.isin(np.arange(90), rng.permutation(90)[:6])
    shown = np.where(wrong, (kind + 1) % 3, kind)
    captions = [f"{words[one]}, number {place}" for place, one in enumerate(shown)]
    found = wb.demonstrations.retrieved_contexts(captions, x, shots=3)
    flagged = set(found[found["doubtful"]]["example"])
    assert set(np.flatnonzero(wrong)) & set(found["example"]) <= flagged
    assert len(found) == 270 and (found["query"] != found["example"]).all() and found["rank"].tolist()[:3] == [0, 1, 2]
    top = found.drop_duplicates("example").nlargest(5, "contradiction")
    assert wrong[top["example"]].mean() >= 0.8
    classes = wb.demonstrations.retrieved_contexts([f"c{one}" for one in shown], x, x[:2], shots=1, neighbors=5)
    assert classes["query"].tolist() == [0, 1] and classes["contradiction"].between(0, 1).all()


def test_contradiction_by_hand():
    labels, x = ["a", "a", "b", "b"], np.array([[1.0, 0], [1, 0], [1, 0], [0, 1.0]])
    found = wb.demonstrations.retrieved_contexts(labels, x, shots=3, neighbors=2)
    conflict = found.drop_duplicates("example").set_index("example")["contradiction"]
    assert conflict[0] == pytest.approx(0.5) and conflict[2] == pytest.approx(1)


def test_deciding_demonstrations_by_hand():
    answers = [(["v", "w", "x"], "a"), (["x", "w"], "c"), ([], "c")]
    log = [{"demonstrations": shown, "query": "q", "label": "a", "prediction": said} for shown, said in answers]
    similarity = pd.DataFrame([[0.9, 0.5, 0.2]], index=["q"], columns=["v", "w", "x"])
    found = wb.demonstrations.deciding_demonstrations(log, similarity, LABELS)
    assert found["nearest"].tolist() == ["v", "w", None] and found["decided"].tolist() == [True, False, False]
    assert found["place"].tolist() == [0, 1, -1] and found["agreeing"].tolist() == [1, 1, 0]
    with pytest.raises(InputError, match="unknown demonstration 'w'"):
        wb.demonstrations.deciding_demonstrations(log, similarity[["v", "x"]], LABELS)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: chosen(), "`query_probs` is not given"),
        (lambda: chosen(how="best"), "unknown way 'best'"),
        (lambda: wb.demonstrations.choose_demonstrations(LABELS, X[:2], QUERY, PROBS), "for 5 labels"),
        (lambda: chosen([[0.5, 0.5]]), "(1, 3)"),
        (lambda: wb.demonstrations.retrieved_contexts(["a"], [[1.0]]), "at least three"),
        (lambda: wb.demonstrations.retrieved_contexts(LABELS, X, shots=0), "`shots` is 0"),
    ],
)
def test_refusals_of_choices(call, words):
    with pytest.raises(InputError) as error:
        call()
    assert words in str(error.value)
