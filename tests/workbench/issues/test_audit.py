"""The audit: who is drawn, what the verdicts say, and whether the interval holds what it promises."""

import numpy as np
import pandas as pd
import pytest

from workbench.dataset import Dataset
from workbench.errors import InputError
from workbench.issues import audit as module
from workbench.issues import find_issues
from workbench.issues.audit import allocate, audit, estimate_errors, stratify, verdicts_of
from workbench.recording.recorder import Recorder

FEW_DRAWS = 1000  # each end (.0175) is off by sqrt(.0175 x .98 / 1000) = .004, over all trials by far less


@pytest.fixture
def suspects():
    """p_error and the truth of 4,000 examples, calibrated by construction."""
    rng = np.random.default_rng(0)
    p = rng.beta(0.12, 0.9, 4000)  # 12 % errors; such a p ranks them with an AUROC of .96
    return p, rng.random(4000) < p


def test_strata_by_hand():
    # ten uncertain examples weigh sqrt(.25) each, forty certain ones sqrt(.02 * .98): 5 against 5.6
    p = np.array([0.5] * 10 + [0.0] * 40)
    stratum = stratify(p, strata=2)
    assert stratum[:10].tolist() == [1] * 10, "the suspicious come last"
    assert stratum[10:].tolist() == [0] * 37 + [1] * 3


def test_neyman_by_hand():
    # equal sizes, standard deviations .5 and .3: shares 5 to 3
    assert allocate(np.array([1000, 1000]), np.array([0.5, 0.1]), 80).tolist() == [50, 30]
    assert allocate(np.array([1000, 3]), np.array([0.05, 0.5]), 50).tolist() == [47, 3], "a small stratum is read whole"


@pytest.mark.parametrize("budget", [1, 7, 40, 200, 5000])
def test_allocation_sums_to_the_budget_and_respects_sizes(budget):
    sizes, rates = np.array([700, 200, 50, 30, 4, 0]), np.array([0.001, 0.01, 0.1, 0.4, 0.9, 0.5])
    share = allocate(sizes, rates, budget)
    assert share.sum() == min(budget, sizes.sum())
    assert (share <= sizes).all() and (share >= 0).all()


def test_everything_judged_leaves_nothing_to_estimate(suspects):
    p, wrong = suspects
    every = np.ones(len(p), bool)
    estimate = estimate_errors(p, stratify(p), every, every, wrong)
    assert (estimate.errors, estimate.low, estimate.high) == (wrong.sum(),) * 3
    assert estimate.left == estimate.left_high == 0


@pytest.mark.parametrize("n", [1, 2, 10, 300])
@pytest.mark.parametrize("chance", ["zeros", "ones", "halves", "uniform"])
def test_estimates_stay_within_what_is_possible(n, chance, monkeypatch):
    monkeypatch.setattr(module, "DRAWS", 500)
    rng = np.random.default_rng(n)
    p = {"zeros": np.zeros(n), "ones": np.ones(n), "halves": np.full(n, 0.5), "uniform": rng.random(n)}[chance]
    stratum, wrong = stratify(p), rng.random(n) < p
    for budget in (1, 5, 1000):
        drawn = _sample(p, stratum, min(budget, n), rng)
        assert drawn.sum() == min(budget, n)
        for judged in (drawn, drawn & (rng.random(n) < 0.5), drawn | (rng.random(n) < 0.3), np.ones(n, bool)):
            found, open_rows = int((wrong & judged).sum()), int((~judged).sum())
            estimate = estimate_errors(p, stratum, drawn, judged, wrong & judged)
            assert found <= estimate.low <= estimate.high <= found + open_rows
            assert 0 <= estimate.left <= open_rows


def _sample(p, stratum, budget, rng):
    sizes = np.bincount(stratum, minlength=module.STRATA)
    rates = np.bincount(stratum, p, minlength=module.STRATA) / np.maximum(sizes, 1)
    drawn = np.zeros(len(p), bool)
    for h, m in enumerate(allocate(sizes, rates, budget)):
        drawn[rng.choice(np.flatnonzero(stratum == h), m, replace=False)] = True
    return drawn


@pytest.mark.slow
@pytest.mark.parametrize("reviewed", [0, 150])
def test_coverage_and_width_when_p_is_calibrated(suspects, reviewed, monkeypatch):
    monkeypatch.setattr(module, "DRAWS", FEW_DRAWS)
    p, wrong = suspects
    stratum, rng = stratify(p), np.random.default_rng(1)
    targeted = np.zeros(len(p), bool)
    targeted[np.argsort(-p)[:reviewed]] = True
    covered, widths = [], []
    for trial in range(300):
        drawn = _sample(p, stratum, 200, rng)
        judged = drawn | targeted
        estimate = estimate_errors(p, stratum, drawn, judged, wrong & judged, seed=trial)
        covered.append(estimate.low <= wrong.sum() <= estimate.high)
        widths.append(estimate.high - estimate.low)
    rate = wrong.mean()
    simple = 2 * 1.96 * len(p) * np.sqrt(rate * (1 - rate) / 200 * (1 - 200 / len(p)))
    assert np.mean(covered) >= 0.93
    assert np.mean(widths) <= 0.70 * simple


def test_a_miscalibrated_detector_does_not_mislead_the_audit(suspects):
    p, wrong = suspects
    rng, errors = np.random.default_rng(2), []
    for shape in (0.5, 2.0):  # p far too high, then far too low
        q = p**shape
        stratum = stratify(q)
        drawn = [_sample(q, stratum, 400, rng) for _ in range(20)]
        mean = np.mean([estimate_errors(q, stratum, d, d, wrong & d).errors for d in drawn])
        errors.append(abs(mean / wrong.sum() - 1))
    assert max(errors) < 0.12, errors


def test_draws_of_rates_have_the_posterior_of_a_grid():
    # one stratum: log odds = x + N(0, LEVEL^2 + OWN^2), e of m binomial; the mean by summing over a fine grid
    x, m, e = np.log(0.1 / 0.9), 30, 1
    odds = np.linspace(-15, 8, 20_001)
    log = e * odds - m * np.logaddexp(0, odds) - 0.5 * (odds - x) ** 2 / (module.LEVEL**2 + module.OWN**2)
    weight = np.exp(log - log.max())
    rate = 1 / (1 + np.exp(-odds))
    drawn = module._rates(np.array([0.1]), np.array([m]), np.array([e]), np.random.default_rng(0))
    assert drawn.mean() == pytest.approx((weight * rate).sum() / weight.sum(), rel=0.03)
    highest = rate[np.searchsorted(np.cumsum(weight) / weight.sum(), 0.975)]
    assert np.quantile(drawn, 0.975) == pytest.approx(highest, rel=0.05)


@pytest.fixture
def run(tmp_path, suspects):
    n = 400
    dataset = Dataset.from_arrays(np.arange(n) % 3, classes=["a", "b", "c"], ids=[f"r{i}" for i in range(n)])
    with Recorder(tmp_path / "run", dataset) as rec, rec.epoch(0):
        rec.batch(dataset.ids, np.random.default_rng(0).normal(size=(n, 3)))
    return rec.run()


def test_the_sample_comes_back_grows_and_reads_the_journal(run, suspects):
    issues = pd.DataFrame({"p_error": suspects[0][: run.n]}, index=run.dataset.ids)
    first = audit(run, 40, issues=issues)
    assert first.budget == 40 and len(set(first.ids)) == 40
    assert "no verdict yet" in str(first.estimate())
    assert set(audit(run, 40).ids) == set(first.ids), "tomorrow it is the same sample"
    larger = audit(run, 90)
    assert set(first.ids) < set(larger.ids) and larger.budget == 90
    given = run.dataset.given[run.dataset.rows(larger.ids)]
    wrong, right = larger.ids[:30], larger.ids[30:]
    run.journal.relabel(list(wrong), ["b" if g == "a" else "a" for g in given[:30]], old=list(given[:30]))
    run.journal.keep(list(right), old=list(given[30:]))
    estimate = audit(run, 90).estimate()
    assert estimate.judged == 90 and estimate.low <= estimate.errors <= estimate.high
    assert estimate.errors >= 30 and estimate.left < estimate.errors
    assert "95 % intervals from 90 audited" in str(estimate)


def test_verdicts_follow_undo_and_a_change_back(run):
    journal = run.journal
    journal.relabel(["r0"], "b", old=["a"])
    journal.relabel(["r1"], "c", old=["b"])
    journal.relabel(["r1"], "b", old=["c"])
    journal.keep(["r2"], old=["c"])
    journal.skip(["r3"])
    assert verdicts_of(run).to_dict() == {"r0": True, "r1": False, "r2": False}
    journal.undo()  # the skip
    journal.undo()  # the keep
    assert "r2" not in verdicts_of(run).index


def test_verdicts_on_examples_of_another_run_are_left_out_and_named(run):
    run.journal.keep(["r2", "elsewhere"], old=["c", "c"])
    with pytest.warns(UserWarning, match=r"The journal judges ids that are not .* \(1 of 2, left out\): 'elsewhere'"):
        assert verdicts_of(run).to_dict() == {"r2": False}
    with pytest.warns(UserWarning, match="elsewhere"):
        assert "recalibrated on 1 verdicts" in find_issues(run).attrs["method"]


def test_refuses_an_empty_budget(run):
    with pytest.raises(InputError, match="`budget` is 0"):
        audit(run, 0)


@pytest.mark.slow
@pytest.mark.parametrize("labels", ["random_label1", "aggre_label", "worse_label"])
def test_coverage_and_width_on_real_label_errors(shared, labels, monkeypatch):
    from workbench.evidence import Evidence
    from workbench.issues import find_issues

    monkeypatch.setattr(module, "DRAWS", FEW_DRAWS)
    data = np.load(shared / "eval" / "cifar10n_dev.npz", allow_pickle=False)
    trained = np.load(shared / "eval" / f"dynamics_cifar10n_dev_{labels}_mlp.npz", allow_pickle=False)
    given = data[labels].astype(np.int64)
    evidence = Evidence.from_arrays(given, 10, pred_probs=trained["oos_pred_probs"], logits=trained["logits"])
    p = find_issues(evidence).sort_values("row")["p_error"].to_numpy()
    wrong = given != data["clean_label"]
    stratum, rng = stratify(p), np.random.default_rng(0)
    covered, widths = [], []
    for trial in range(150):
        drawn = _sample(p, stratum, 200, rng)
        estimate = estimate_errors(p, stratum, drawn, drawn, wrong & drawn, seed=trial)
        covered.append(estimate.low <= wrong.sum() <= estimate.high)
        widths.append(estimate.high - estimate.low)
    rate = wrong.mean()
    simple = 2 * 1.96 * len(p) * np.sqrt(rate * (1 - rate) / 200 * (1 - 200 / len(p)))
    assert np.mean(covered) >= 0.93, np.mean(covered)
    assert np.mean(widths) <= 0.72 * simple, np.mean(widths) / simple
