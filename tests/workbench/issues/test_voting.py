"""Annotators' votes as evidence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from planted import blobs, in_rows, probabilities, ranked_auroc
from sklearn.metrics import average_precision_score

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.issues import voting

K = 4


def cast(rng, true, skill, many=3):
    """Return votes (n, many) that are correct with this probability."""
    table = np.repeat(true[:, None], many, axis=1)
    wrong = rng.random(table.shape) >= skill
    return np.where(wrong, (table + rng.integers(1, K, table.shape)) % K, table)


@pytest.fixture
def world():
    rng = np.random.default_rng(3)
    _, given, true = blobs(rng, n=400)
    return rng, given, true, probabilities(rng, true, K, sharp=2.0)


def ap(found, wrong):
    place = np.empty(len(found))
    place[found["row"]] = -np.arange(len(found))
    return average_precision_score(wrong, place)


def test_good_votes_help_and_give_reasons(world):
    rng, given, true, probs = world
    wrong = given != true
    plain = wb.find_issues(given, pred_probs=probs)
    voted = wb.find_issues(given, pred_probs=probs, votes=cast(rng, true, 0.8))
    assert ap(voted, wrong) > ap(plain, wrong) + 0.05
    assert "annotators' votes" in voted.attrs["evidence"]
    top = voted[voted["p_error"] > 0.9]
    assert top["reasons"].str.contains("of 3 annotators said").all()
    assert (top["suggested_label"].astype(int) == true[top["row"]]).mean() > 0.9
    assert voted.attrs["expected_errors"] == pytest.approx(plain.attrs["expected_errors"], rel=0.02)


@pytest.mark.parametrize("kind", ["random", "shuffled", "the given label", "one annotator copied"])
def test_bad_votes_cost_nothing(world, kind):
    rng, given, true, probs = world
    wrong = given != true
    good = cast(rng, true, 0.8, many=1)
    votes = {
        "random": rng.integers(0, K, (len(given), 3)),
        "shuffled": true[rng.permutation(len(given))][:, None].repeat(2, axis=1),
        "the given label": given[:, None].repeat(2, axis=1),
        "one annotator copied": good.repeat(5, axis=1),
    }[kind]
    base = good if kind == "one annotator copied" else None
    plain = wb.find_issues(given, pred_probs=probs, votes=base)
    voted = wb.find_issues(given, pred_probs=probs, votes=votes)
    assert ap(voted, wrong) > ap(plain, wrong) - 0.01
    assert ranked_auroc(voted, wrong) > ranked_auroc(plain, wrong) - 0.005
    if base is None:
        assert "annotators' votes set aside" in voted.attrs["method"]
        assert not voted["reasons"].str.contains("annotator").any()


def test_a_spammer_among_good_annotators_is_left_out(world):
    rng, given, true, probs = world
    good = cast(rng, true, 0.8, many=2)
    spam = np.zeros((len(given), 1), int)
    wrong = given != true
    both = wb.find_issues(given, pred_probs=probs, votes=np.concatenate([good, spam], axis=1))
    assert ap(both, wrong) > ap(wb.find_issues(given, pred_probs=probs, votes=good), wrong) - 0.01


def test_votes_alone_are_evidence(world):
    rng, given, true, _ = world
    found = wb.find_issues(given, votes=cast(rng, true, 0.9))
    assert ranked_auroc(found, given != true) > 0.97
    assert found.attrs["evidence"] == "annotators' votes"
    assert not found.attrs["errors_identified"]


def test_votes_of_a_run_and_of_a_frame_are_the_same(tmp_path, world):
    rng, given, true, probs = world
    dataset = wb.Dataset.from_arrays(given, ids=[f"i{row}" for row in range(len(given))], classes=list("abcd"))
    table = cast(rng, true, 0.8)
    rows, people = np.nonzero(table >= 0)
    frame = pd.DataFrame(
        {"id": dataset.ids[rows], "annotator": people, "label": np.array(list("abcd"))[table[rows, people]]}
    )
    wb.Recorder(tmp_path / "run", dataset)
    run = wb.open_run(tmp_path / "run")
    run.save_pred_probs(probs, out_of_fold=True, source="by hand")
    wb.review.save_votes(run, frame)
    stored = wb.find_issues(run)
    direct = wb.find_issues(dataset, pred_probs=probs, votes=frame)
    by_column = wb.find_issues(dataset, pred_probs=probs, votes=table)
    for other in (direct, by_column):
        np.testing.assert_allclose(in_rows(other, "p_error"), in_rows(stored, "p_error"), atol=1e-6)
    assert "annotators' votes" in stored.attrs["evidence"]


def test_a_few_votes_change_only_their_rows_much(world):
    rng, given, true, probs = world
    table = cast(rng, true, 0.9)
    table[50:] = -1
    plain = in_rows(wb.find_issues(given, pred_probs=probs), "p_error")
    voted = wb.find_issues(given, pred_probs=probs, votes=table)
    assert ap(voted, given != true) > 0.3
    assert np.corrcoef(in_rows(voted, "p_error")[50:], plain[50:])[0, 1] > 0.95


def test_posterior_by_hand():
    """One annotator who is always correct, on 30 rows: the posterior follows the votes if the model is uncertain."""
    true = np.tile([0, 1], 15)
    rows = np.arange(30)
    votes = wb.Evidence.from_arrays(true, 2, pred_probs=np.full((30, 2), 0.5), votes=true[:, None]).votes
    logs = np.log(np.where(np.eye(2)[true] > 0, 0.7, 0.3))
    given = true.copy()
    given[0] = 1
    found = voting.weigh_votes(votes, logs, given, None)
    assert found.rows.tolist() == rows.tolist()
    assert found.odds[0] > 2
    assert (found.odds[1:] < -2).all()
    assert found.other[0] == 0
    assert not found.made_of


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        (np.zeros(400, int), "`votes` has shape"),
        (np.full((400, 2), 4), "not a class index below 4"),
        (pd.DataFrame({"id": [9999], "annotator": ["a"], "label": ["1"]}), "row 0 is 9999, which is not an example"),
        (pd.DataFrame({"id": [0], "who": ["a"], "label": ["1"]}), "unknown column 'annotator'"),
    ],
)
def test_votes_that_do_not_fit(world, votes, words):
    _, given, _, probs = world
    with pytest.raises(InputError, match=words):
        wb.find_issues(given, pred_probs=probs, votes=votes)
