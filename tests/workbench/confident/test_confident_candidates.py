"""Scores of candidate sets on arrays: by hand, compared with a loop, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from workbench import confident
from workbench.foundation.errors import InputError


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(0)
    sets = rng.random((50, 6)) < 0.4
    sets[np.arange(50), rng.integers(0, 6, 50)] = True
    return sets, rng.dirichlet(np.ones(6), 50)


def test_mass_and_weights_are_those_of_a_loop(made):
    sets, probs = made
    mass, weights = confident.candidate_mass(sets, probs), confident.candidate_weights(sets, probs)
    for row in range(50):
        own = np.flatnonzero(sets[row])
        assert mass[row] == pytest.approx(sum(probs[row, code] for code in own))
        assert weights[row, own] == pytest.approx([probs[row, code] / mass[row] for code in own])
        assert weights[row].sum() == pytest.approx(1) and not weights[row][~sets[row]].any()
    lists = [np.flatnonzero(row) for row in sets]
    for other in (csr_array(sets), lists, sets.astype(int)):
        assert np.array_equal(confident.candidate_mass(other, probs), mass)
    assert np.isnan(confident.candidate_mass([None, [0]], probs[:2])[0])
    assert not confident.candidate_weights([None, [0]], probs[:2])[0].any()
    sure = np.array([[1.0, 0.0, 0.0]])
    assert confident.candidate_weights([[1, 2]], sure).tolist() == [[0, 0.5, 0.5]]  # nothing is known of them


def test_purification_logs_every_removal_and_leaves_no_set_empty(made):
    sets, _ = made
    probs = np.random.default_rng(1).dirichlet(np.ones(6) / 3, (8, 50))
    left, removed = confident.purify_candidates(sets, probs, first=0.6, last=0.0)
    assert left.any(axis=1).all() and not (left & ~sets).any()
    assert len(removed) == sets.sum() - left.sum() > 0
    again = sets.copy()
    for epoch, probs_then in enumerate(probs):
        allowed = 0.6 - 0.6 * epoch / 7
        gone = {(row, code) for _, row, code, *_ in removed[removed["epoch"] == epoch].itertuples(index=False)}
        for row in range(50):
            best = probs_then[row][again[row]].max()
            behind = {code for code in np.flatnonzero(again[row]) if best - probs_then[row, code] > allowed}
            assert behind == {code for there, code in gone if there == row}
            again[row, list(behind)] = False
    assert np.array_equal(again, left) and (removed["behind"] > removed["allowed"]).all()
    kept, nothing = confident.purify_candidates(sets, probs, first=1.0, last=1.0)
    assert np.array_equal(kept, sets) and not len(nothing)


def test_sets_come_from_probabilities_and_votes(made):
    _, probs = made
    top = confident.candidate_sets(probs, top=2)
    assert (top.sum(axis=1) == 2).all()
    assert (np.where(top, probs, 1).min(axis=1) >= np.where(top, 0, probs).max(axis=1)).all()
    enough = confident.candidate_sets(probs, mass=0.8)
    held = np.where(enough, probs, 0).sum(axis=1)
    least = np.where(enough, probs, 2).min(axis=1)
    assert (held >= 0.8 - 1e-6).all() and (held - least < 0.8).all()
    assert confident.candidate_sets(probs, top=99).all()
    votes = np.array([[0, 1, -1], [2, 2, 0], [-1, -1, -1]])
    assert confident.candidates_from_votes(votes, k=4).sum() == 4
    assert confident.candidates_from_votes(votes, at_least=2).astype(int).tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_what_does_not_fit_is_refused(made):
    sets, probs = made
    for call, words in (
        (lambda: confident.candidate_mass(sets, probs[:9]), "`pred_probs` has shape"),
        (lambda: confident.candidate_mass(sets, probs * 2), "`pred_probs` row 0"),
        (lambda: confident.candidate_mass([[]], probs[:1]), "is an empty set"),
        (lambda: confident.candidate_mass([[7]], probs[:1]), "`labels` row 0 is 7"),
        (lambda: confident.candidate_sets(probs), "`top` and `mass` are both given or both missing"),
        (lambda: confident.candidate_sets(probs, top=0), "`top` is 0"),
        (lambda: confident.candidate_sets(probs, mass=2), "`mass` is 2"),
        (lambda: confident.purify_candidates(sets, probs[0]), r"`pred_probs` has shape \(6,\)"),
        (lambda: confident.purify_candidates(sets, probs, last=-1), "`last` is -1"),
        (lambda: confident.candidates_from_votes(np.zeros(3)), "`votes` has shape"),
        (lambda: confident.candidates_from_votes(np.array([[5]]), k=3), "`votes` row 0 holds 5"),
    ):
        with pytest.raises(InputError, match=words):
            call()
