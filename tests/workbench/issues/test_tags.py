"""Wrong and missing tags: better detection than by the usual scores, calibrated probabilities, unusual data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from planted import table_of_cells
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.calibration import calibration_error, expit
from workbench.issues.tags import candidates, estimator, heads, lines, rates, sets
from workbench.tasks import multilabel


def test_wrong_tags_come_first_and_their_number_is_known(planted, by_embeddings):
    x, true, given = planted
    found = by_embeddings
    p, error = table_of_cells(found), given != true
    odds = expit(heads.left_out(x, given.astype(np.float32), np.ones(given.shape, bool)))
    plain = average_precision_score(error.ravel(), np.where(given == 1, 1 - odds, odds).ravel())
    assert average_precision_score(error.ravel(), p.ravel()) > plain + 0.05
    assert calibration_error(p.ravel(), error.ravel()) < 0.05
    low, high = found.attrs["expected_errors_interval"]
    assert found.attrs["errors_identified"] and low <= error.sum() <= high
    doubted = found[found["is_issue"]]
    assert (doubted["kind"] == np.where(doubted["given_label"] == "yes", "wrong", "missing")).all()
    assert (doubted["suggested_label"] == np.where(doubted["given_label"] == "yes", "no", "yes")).all()
    assert doubted["reasons"].str.contains(r"^held-out models: \d [<>]?\.\d\d; \d+ of 10 neighbours have it").all()
    assert doubted["reasons"].str.contains("its other tags").any() and "other tags" in found.attrs["evidence"]


def test_examples_are_ranked_by_their_expected_errors(planted, by_embeddings):
    x, true, given = planted
    examples = wb.find_issues(given, task="multilabel", embeddings=x)
    p = table_of_cells(by_embeddings)
    assert np.allclose(p.sum(axis=1)[examples["row"]], np.sort(p.sum(axis=1))[::-1])
    assert np.allclose(examples["p_error"], 1 - np.prod(1 - p, axis=1)[examples["row"]])
    wrong = (given != true).any(axis=1)[examples["row"]]
    assert average_precision_score(wrong, -np.arange(len(wrong))) > 0.8
    assert (examples["unit"] == "p" + pd.Series(p.argmax(axis=1)[examples["row"]], examples.index).astype(str)).all()


def test_the_users_probabilities_always_count(planted, by_embeddings):
    x, true, given = planted
    rng = np.random.default_rng(1)
    probs = expit(np.where(true == 1, 2, -2) + rng.normal(0, 1.5, true.shape))
    error = (given != true).ravel()

    def ap(**evidence):
        found = wb.find_issues(given, task="multilabel", per="unit", **evidence)
        return average_precision_score(error, table_of_cells(found).ravel()), found

    alone, told = ap(pred_probs=probs)
    both, _ = ap(pred_probs=probs, embeddings=x)
    heads_only = average_precision_score(error, table_of_cells(by_embeddings).ravel())
    assert both > max(alone, heads_only)
    assert told["reasons"].str.startswith("out-of-fold: ").all()
    named = pd.DataFrame(probs, columns=[f"t{column}" for column in range(6)])
    labels = pd.DataFrame(given, columns=named.columns)
    again = wb.find_issues(labels, task="multilabel", per="unit", pred_probs=named[named.columns[::-1]])
    assert np.array_equal(table_of_cells(again), table_of_cells(told))
    seen = wb.find_issues(given, task="multilabel", pred_probs=probs, out_of_fold=False)
    assert not seen.attrs["errors_identified"] and "have seen the tags" in seen.attrs["errors_in_words"]
    forest = [np.stack([1 - one, one], axis=1) for one in probs.T]  # as scikit-learn's predict_proba gives it
    again = wb.find_issues(given, task="multilabel", per="unit", pred_probs=forest)
    assert np.allclose(table_of_cells(again), table_of_cells(told))


def test_unknown_cells_enter_nothing(planted):
    """The value of an unknown cell does not matter, and other cells are unchanged."""
    x, true, given = planted
    hidden = np.random.default_rng(2).random(given.shape) < 0.2
    found = []
    for there in (given, 1 - given):
        table = np.where(hidden, -1, np.where(hidden, there, given))
        found.append(wb.find_issues(table, task="multilabel", embeddings=x, per="unit"))
    pd.testing.assert_frame_equal(*found)
    p = table_of_cells(found[0])
    assert np.isnan(p[hidden]).all() and np.isfinite(p[~hidden]).all()
    assert found[0].attrs["unlabelled"] == hidden.sum()
    likely = table_of_cells(found[0], "suggested_label") == "yes"
    assert (likely == true)[hidden].mean() > 0.85
    assert not found[0]["is_issue"][found[0]["p_error"].isna()].any()


@pytest.mark.parametrize(
    "shape", ["one tag", "no positive", "all positive", "two rows", "one row", "rare", "equal rows"]
)
def test_odd_tables_work(shape):
    rng = np.random.default_rng(0)
    n = {"two rows": 2, "one row": 1}.get(shape, 60)
    k = 1 if shape == "one tag" else 4
    table, x = rng.integers(0, 2, (n, k)), rng.normal(size=(n, 3))
    if shape == "no positive":
        table[:, 1] = 0
    if shape == "all positive":
        table[:] = 1
    if shape == "rare":
        table[:] = 0
        table[3, 2] = 1
    if shape == "equal rows":
        x[:] = 1.0
    for evidence in ({"embeddings": x}, {"pred_probs": rng.random((n, k))}):
        found = wb.find_issues(table, task="multilabel", per="unit", **evidence)
        assert len(found) == n * k and found["p_error"].between(0, 1).all()
        if shape in ("rare", "all positive"):
            assert found["p_error"].max() < 0.9, "a rare tag is not wrong because it is rare"


def test_what_is_missing_or_wrong_is_said(planted):
    x, _, given = planted
    with pytest.raises(MissingEvidence, match="`pred_probs`, `embeddings`, `texts`"):
        wb.find_issues(given, task="multilabel")
    bad = np.full(given.shape, 0.5)
    bad[7, 2] = 1.2
    for evidence, message in (
        ({"pred_probs": bad}, r"`pred_probs` row 7 column 2 \('2'\) is 1\.2"),
        ({"pred_probs": bad[:, :3]}, r"`pred_probs` has shape \(900, 3\) for 900 examples and 6 tags"),
        ({"embeddings": x[:5]}, r"`embeddings` has shape \(5, 64\)"),
        ({"texts": ["a"]}, "`texts` has 1 entries for 900"),
        ({"logits": bad}, "unknown array 'logits'"),
    ):
        with pytest.raises(InputError, match=message):
            wb.find_issues(given, task="multilabel", **evidence)


def test_rows_without_a_vector_and_texts():
    rng = np.random.default_rng(0)
    words = np.array([["sun sand wave", "leaf branch root"], ["sun sand wave tide", "root leaf moss"]])
    true = rng.integers(0, 2, (200, 2))
    texts = [" and ".join(words[rng.integers(2), tag] for tag in (0, 1) if row[tag]) or "nothing" for row in true]
    given = true.copy()
    given[:8] = 1 - given[:8]
    found = wb.find_issues(given, task="multilabel", texts=texts, classes=["beach", "tree"])
    assert set(found.index[:8]) == set(range(8)) and "texts" in found.attrs["evidence"]
    x = rng.normal(size=(200, 2)) + 3 * true
    x[:50] = np.nan
    units = wb.find_issues(given, task="multilabel", embeddings=x, per="unit")
    assert units["p_error"].between(0, 1).all()


def test_verdicts_lead_to_the_truth(planted, tmp_path):
    """Verdicts on 200 cells correct the number of errors, which the evidence alone underestimates."""
    x, true, given = planted
    run = wb.import_run(given, tmp_path / "run", task="multilabel", embeddings=x)
    before = wb.find_issues(run, per="unit")
    rng = np.random.default_rng(3)
    for place in rng.permutation(len(before))[:60]:
        (name, unit), row = before.index[place], before["row"].iloc[place]
        tag = int(unit[1:])
        given_value, value = (multilabel.VALUES[one[row, tag]] for one in (given, true))
        if value == given_value:
            run.journal.keep([name], old=given_value, units=[unit])
        else:
            run.journal.relabel([name], value, old=given_value, units=[unit])
    after = wb.find_issues(run, per="unit")
    assert after.attrs["verdicts"] == 60
    assert calibration_error(table_of_cells(after).ravel(), (given != true).ravel()) < 0.05


# ---- many tags ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many():
    """600 rows, 40 tags in eight topics."""
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(8, 16))
    topic = rng.integers(0, 8, 600)
    true = np.zeros((600, 40), int)
    for row in range(600):
        true[row, topic[row] * 5 + rng.permutation(5)[: rng.integers(1, 4)]] = 1
    own = rng.normal(size=(40, 16))
    x = centres[topic] + true @ own / 2 + rng.normal(0, 0.5, (600, 16))
    given = true.copy()
    given[(true == 1) & (rng.random(true.shape) < 0.15)] = 0
    given[rng.integers(0, 600, 60), rng.integers(0, 40, 60)] = 1
    return x, true, given


@pytest.fixture
def listed(monkeypatch):
    monkeypatch.setattr(estimator, "MOST_CELLS", 100)
    monkeypatch.setattr(multilabel, "MOST_CELLS", 100)


@pytest.mark.parametrize("with_probs", [False, True])
def test_many_tags_rank_like_all_cells(many, listed, monkeypatch, with_probs):
    x, true, given = many
    probs = {"pred_probs": expit(2 * true - 1 + np.random.default_rng(0).normal(size=true.shape))} if with_probs else {}
    found = wb.find_issues(scipy.sparse.csr_array(given), task="multilabel", embeddings=x, per="unit", **probs)
    rows, tags = found["row"].to_numpy(), found.index.get_level_values("unit").str[1:].astype(int)
    error = (given != true)[rows, tags]
    assert len(found) < 0.6 * given.size and error.sum() > 0.85 * (given != true).sum()
    assert set(zip(*np.nonzero(given))) <= set(zip(rows, tags)), "what is given is always looked at"
    assert (found["given_label"] == np.where(given[rows, tags] == 1, "yes", "no")).all()
    monkeypatch.setattr(estimator, "MOST_CELLS", 10**6)
    monkeypatch.setattr(multilabel, "MOST_CELLS", 10**6)
    whole = wb.find_issues(given, task="multilabel", embeddings=x, per="unit", **probs)
    every = average_precision_score(error, table_of_cells(whole)[rows, tags])
    assert average_precision_score(error, found["p_error"]) > every - 0.1
    assert found.attrs["expected_errors_below"] > 0
    assert "of 24,000 cells judged" in found.attrs["method"]
    assert calibration_error(found["p_error"].to_numpy(), error) < 0.08


def test_decided_cells_are_listed_whatever_they_look_like(many, listed, tmp_path):
    x, _, given = many
    run = wb.import_run(scipy.sparse.csr_array(given), tmp_path / "run", task="multilabel", embeddings=x)
    first = wb.find_issues(run, per="unit")
    row, tag = next((r, t) for r in range(600) for t in range(40) if (r, f"p{t}") not in first.index)
    run.journal.keep([row], old="no", units=[f"p{tag}"])
    again = wb.find_issues(run, per="unit")
    assert (row, f"p{tag}") in again.index and again.attrs["verdicts"] == 1


def test_top_cells_as_a_table(many, listed):
    _, true, given = many
    probs = expit(3 * true - 2 + np.random.default_rng(0).normal(size=true.shape))
    rows, tags = np.nonzero(probs > 0.3)
    top = pd.DataFrame({"row": rows, "tag": tags, "p": probs[rows, tags]})
    found = wb.find_issues(scipy.sparse.csr_array(given), task="multilabel", pred_probs=top, per="unit")
    error = (given != true)[found["row"], found.index.get_level_values("unit").str[1:].astype(int)]
    assert average_precision_score(error, found["p_error"]) > 0.6
    with pytest.raises(InputError, match="has the tag 40, beyond 39"):
        wb.find_issues(given, task="multilabel", pred_probs=top.assign(tag=40))


# ---- parts compared with slow implementations --------------------


def test_ridge_without_the_own_row_is_ridge_without_the_own_row():
    rng = np.random.default_rng(0)
    x = heads.standardised(rng.normal(size=(30, 4)))
    y = (rng.random((30, 2)) < 0.4).astype(np.float32)
    seen = np.ones(y.shape, bool)
    left = heads._Left(x, y, seen, linear=True)
    penalty = left.best()
    z = left.at(penalty)
    assert penalty in heads.HEAD_PENALTIES and np.array_equal(left.at(penalty, slice(3, 9)), z[3:9])
    mean, spread = heads.averages(y, seen)
    for row in range(30):
        rest = np.arange(30) != row
        gram = x[rest].T @ x[rest] + penalty * 30 * np.eye(4)
        slow = x[row] @ np.linalg.solve(gram, x[rest].T @ (y[rest] - mean)) / spread
        assert np.allclose(z[row], slow, atol=1e-4)


def cells_with_errors(unsure):
    """(log odds of yes, cells): a tenth of the tags is wrong, anywhere, or where a model with these odds is unsure."""
    rng = np.random.default_rng(0)
    n, k = 1500, 6
    odds = rng.normal(-1.5, 1.5 if unsure else 4, (n, k)).ravel()
    true = rng.random(n * k) < expit(odds)
    flipped = rng.random(n * k) < (0.35 * np.exp(-np.abs(odds)) if unsure else 0.1)
    return odds, lines.Cells(np.tile(np.arange(k), n), (true ^ flipped).astype(int), k)


def half_way(found):
    """P(wrong) half way between the two counts, in log odds."""
    one, other = (np.log(p / (1 - p)) for p in (found.by_count, found.by_likelihood))
    return expit((one + other) / 2)


def test_where_errors_depend_on_the_example_its_own_doubt_ranks():
    """Wrong cells lie where the model is unsure: no rate of a tag tells them, and their number stays what it was."""
    odds, cells = cells_with_errors(unsure=True)
    found = rates.wrong(cells, odds)
    assert found.p.sum() == pytest.approx(half_way(found).sum(), rel=1e-3)
    own = expit(np.where(cells.y > 0.5, -odds, odds))
    assert spearmanr(found.p, own)[0] > spearmanr(half_way(found), own)[0] + 0.03
    of_many = rates.wrong(cells, odds, np.full(cells.k, 5))  # cells beside the listed ones: these were chosen by scores
    assert np.allclose(of_many.p, half_way(of_many), atol=1e-5)
    odds, cells = cells_with_errors(unsure=False)
    anywhere = rates.wrong(cells, odds)
    assert np.allclose(anywhere.p, half_way(anywhere), atol=1e-5)


def test_errors_where_the_model_is_unsure_are_not_counted():
    odds, cells = cells_with_errors(unsure=True)
    found = rates.wrong(cells, odds)
    agreed = found._replace(by_count=found.p, by_likelihood=found.p)  # although both ways to count agree
    assert "more than twice" in estimator._count(agreed, cells, odds)[2] and found.mistaken > 2 * found.p.sum()
    odds, cells = cells_with_errors(unsure=False)
    found = rates.wrong(cells, odds)
    low, high, why = estimator._count(found, cells, odds)
    assert not why and low < 900 < high


def test_predicted_tags_alone_count_nothing(planted):
    """Without a probability between, a mistake of the model cannot be told from an error."""
    _, true, given = planted
    rng = np.random.default_rng(0)
    said = np.where(rng.random(true.shape) < 0.1, 1 - true, true)
    found = wb.find_issues(given, task="multilabel", per="unit", pred_probs=np.where(said == 1, 0.9, 0.02))
    assert not found.attrs["errors_identified"] and "two values for each tag" in found.attrs["errors_in_words"]
    many = wb.find_issues(given, task="multilabel", pred_probs=np.clip(said * 0.88 + rng.random(said.shape) / 10, 0, 1))
    assert "two values" not in many.attrs["errors_in_words"]


def test_the_say_of_a_cell_grows_as_rates_explain_less():
    most = rates.OWN_DOUBT
    says = [rates.own_say(count, 100.0, 0.0) for count in (10.0, 40.0, 45.0, 50.0, 90.0)]
    assert says == pytest.approx([most, most, most / 2, 0, 0]) and rates.own_say(5.0, 0.0, 0.0) == 0
    says = [rates.own_say(10.0, 100.0, gain) for gain in (-0.5, 0.0, 0.005, 0.01, 0.2)]
    assert says == pytest.approx([most, most, most / 2, 0, 0])


def test_other_tags_without_the_own_row():
    rng = np.random.default_rng(0)
    y = (rng.random((40, 3)) < 0.5).astype(np.float32)
    y[:, 2] = np.maximum(y[:, 0], y[:, 2])
    seen = np.ones(y.shape, bool)
    mean, spread = heads.averages(y, seen)
    z = sets.from_other_tags(y, seen)
    slow = {}
    for penalty in sets.SET_PENALTIES:
        a = y - mean
        slow[penalty] = np.empty_like(a)
        for row in range(40):
            rest = np.delete(a, row, axis=0)
            for tag in range(3):
                other = [one for one in range(3) if one != tag]
                gram = rest[:, other].T @ rest[:, other] + penalty * np.eye(2)
                slow[penalty][row, tag] = a[row, other] @ np.linalg.solve(gram, rest[:, other].T @ rest[:, tag])
    assert min(np.abs(z - one / spread).max() for one in slow.values()) < 1e-4
    flipped = y.copy()
    flipped[5, 1] = 1 - flipped[5, 1]
    parts = [sets.from_other_tags(one, seen)[5, 1] * heads.averages(one, seen)[1][1] for one in (y, flipped)]
    assert abs(parts[0] - parts[1]) < 0.03, "a cell does not speak for itself"


def test_the_set_view_of_some_cells_is_that_of_all(many):
    from workbench.tasks.tag_cells import cells_of

    _, _, given = many
    cells = cells_of(wb.Dataset.from_arrays(given, task="multilabel").labels)
    sums = candidates._centred(cells, 40)
    rows, tags = np.divmod(np.arange(given.size), 40)
    spread = np.sqrt(sums.mean * (1 - sums.mean)).astype(np.float32)
    some = candidates._from_other_tags(sums, candidates._inverse(sums), rows, tags, given.ravel(), spread).reshape(
        given.shape
    )
    known = np.ones(given.shape, bool)
    whole = [sets.from_other_tags(given.astype(np.float32), known)]
    assert np.allclose(some, whole[0], atol=2e-2)


def test_rates_are_found_again():
    rng = np.random.default_rng(0)
    n, k = 4000, 5
    odds = rng.normal(-1, 2.5, (n, k))
    true = rng.random((n, k)) < expit(odds)
    missing, extra = np.linspace(0.05, 0.4, k), np.linspace(0.08, 0.01, k)
    given = np.where(true, rng.random((n, k)) >= missing, rng.random((n, k)) < extra)
    cells = lines.Cells(np.tile(np.arange(k), n), given.ravel(), k)
    judged = rates.wrong(cells, odds.ravel())
    assert np.abs(judged.likeliest.missing - missing).max() < 0.06
    assert np.abs(judged.likeliest.extra - extra).max() < 0.03
    error = (given != true).ravel()
    assert abs(judged.by_likelihood.sum() / error.sum() - 1) < 0.15
    assert calibration_error(judged.by_likelihood, error) < 0.02


def test_thousands_of_tags_in_little_memory(root, monkeypatch):
    """25,000 examples, five of 2,000 tags each: less than half of the memory of a table of all cells in float32.

    benchmarks/tags.py --scale measures 100,000 examples with 5,000 tags.
    """
    import importlib
    import tracemalloc

    monkeypatch.syspath_prepend(root / "benchmarks")
    given, x = importlib.import_module("tags").sparse_world(n=25_000, k=2_000)
    tracemalloc.start()
    found = wb.find_issues(given, task="multilabel", embeddings=x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 25_000 and found.attrs["expected_errors_below"] > 0
    assert peak < 1.2e8  # a table of all cells in float32 would be 200 MB
