"""Co-occurring tags: rules checked by recounting, corrupted sets, tags explained only by other tags."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.tags import sets

NAMES = ["animal", "dog", "cat", "day", "night", "tree"]


@pytest.fixture(scope="module")
def world():
    """A hierarchy (dog and cat are animals) and an exclusion (day, night); a tenth of the rows have one tag flipped."""
    rng = np.random.default_rng(0)
    n = 600
    dog, cat = rng.random(n) < 0.3, rng.random(n) < 0.25
    day = rng.random(n) < 0.6
    true = np.stack([dog | cat | (rng.random(n) < 0.1), dog, cat, day, ~day, rng.random(n) < 0.4], axis=1).astype(int)
    given, corrupt = true.copy(), rng.random(n) < 0.1
    rows = np.flatnonzero(corrupt)
    tags = rng.integers(0, 5, len(rows))
    given[rows, tags] = 1 - given[rows, tags]
    return true, given, corrupt, (rows, tags)


def test_rules_are_counted_and_broken_cells_are_the_flipped_ones(world):
    _, given, _, (rows, tags) = world
    found = wb.tags.tag_rules(given, classes=NAMES)
    named = {(one.tag, one.kind, one.other): one for one in found.rules.itertuples()}
    assert {("dog", "implies", "animal"), ("cat", "implies", "animal"), ("day", "excludes", "night")} <= set(named)
    assert not any("tree" in one for one in named)
    rule = named["dog", "implies", "animal"]
    has = given[:, 1] == 1
    assert rule.count == has.sum() and rule.broken == (has & (given[:, 0] == 0)).sum()
    assert rule.share == pytest.approx(given[has, 0].mean()) and rule.expected == pytest.approx(given[:, 0].mean())
    cells = set(zip(found.broken["row"], found.broken.index.get_level_values("unit").str[1:].astype(int)))
    flipped = set(zip(rows.tolist(), tags.tolist()))
    caught = {one for one in flipped if one[1] == 0 and given[one] == 0 and given[one[0], 1:3].any()}
    assert caught and caught <= cells
    assert len(cells & flipped) / len(cells) > 0.4


def test_the_gap_finds_corrupted_sets(world):
    _, given, corrupt, _ = world
    found = wb.tags.set_gaps(given, classes=NAMES).sort_values("row")
    assert roc_auc_score(corrupt, found["gap"]) > 0.75
    rng = np.random.default_rng(1)
    p = np.clip(np.where(world[0], 0.7, 0.3) + rng.normal(0, 0.2, given.shape), 0.02, 0.98)
    with_ = wb.tags.set_gaps(given, p, classes=NAMES).sort_values("row")
    assert roc_auc_score(corrupt, with_["gap"]) > roc_auc_score(corrupt, found["gap"]) + 0.03


def test_the_best_candidate_is_that_of_all_sets(world, monkeypatch):
    """Greedy steps against the energies of all 64 sets, with the same biases and couplings."""
    _, given, _, _ = world
    bias, coupling, mean = sets._couplings(given)
    monkeypatch.setattr(sets, "_pairwise", lambda table: [(np.arange(len(given)), bias, coupling, mean)])
    found = wb.tags.set_gaps(given, most_changes=6, classes=NAMES).sort_values("row")
    every = np.array(list(itertools.product([0, 1], repeat=6)))
    energy = every @ bias + 0.5 * np.einsum("si,ij,sj->s", every, coupling, every)
    own = energy[(given @ (2 ** np.arange(5, -1, -1))).astype(int)]
    reached = found["gap"].to_numpy()
    assert (reached <= energy.max() - own + 1e-9).all()
    rows = np.flatnonzero(reached > 0)
    for row in rows[:50]:
        one = given[row].copy()
        one[[NAMES.index(tag) for tag in found["add"].iloc[row]]] = 1
        one[[NAMES.index(tag) for tag in found["drop"].iloc[row]]] = 0
        after = one @ bias + 0.5 * one @ coupling @ one
        assert reached[row] == pytest.approx(after - own[row])


def test_unknown_cells_are_not_changed(world):
    given = world[1].copy()
    given[:50, :3] = -1
    found = wb.tags.set_gaps(given, classes=NAMES).sort_values("row").head(50)
    assert not {"animal", "dog", "cat"} & {tag for one in [*found["add"], *found["drop"]] for tag in one}


def test_tags_that_only_their_company_explains(world):
    """Grass is tagged wherever there is a cow, although a third of the cows are elsewhere."""
    rng = np.random.default_rng(3)
    n = 600
    cow = rng.random(n) < 0.5
    grass = np.where(cow, rng.random(n) < 0.65, rng.random(n) < 0.1)
    other = rng.random(n) < 0.3
    given = np.stack([cow, grass | cow, other], axis=1).astype(int)
    spurious = cow & ~grass
    content = np.stack([cow, grass, other], axis=1)
    p = np.clip(np.where(content, 0.75, 0.25) + rng.normal(0, 0.2, content.shape), 0.02, 0.98)
    found = wb.tags.cooccurrence_only(given, p, classes=["cow", "grass", "other"])
    rows = found.loc[found["tag"] == "grass", "row"]
    assert spurious[rows].mean() > 0.75 > 2 * spurious[given[:, 1] == 1].mean()
    assert np.isin(np.flatnonzero(spurious), rows).mean() > 0.8
    assert (found["own"] < 0).all() and (found["others"] > 0).all()
    examined = wb.tags.cooccurrence_only(given, p, predicted=np.zeros(p.shape), classes=["cow", "grass", "other"])
    assert examined.empty


def test_what_cannot_be_ruled_is_refused():
    with pytest.raises(InputError, match="`confidence` is 2"):
        wb.tags.tag_rules(np.array([[1, 0]]), confidence=2)
    with pytest.raises(InputError, match="`support` is 0"):
        wb.tags.tag_rules(np.array([[1, 0]]), support=0)
    with pytest.raises(InputError, match="`most_changes` is 0"):
        wb.tags.set_gaps(np.array([[1, 0]]), most_changes=0)
