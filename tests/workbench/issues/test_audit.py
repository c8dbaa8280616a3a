"""The audit: the sample, the estimate from verdicts, and the coverage of the interval."""

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset
from workbench.evidence.evidence import Evidence
from workbench.foundation.errors import InputError
from workbench.issues import estimating as module
from workbench.issues import find_issues
from workbench.issues.audit_plan import STRATA, allocate, stratify
from workbench.issues.estimating import estimate_errors
from workbench.recording.recorder import Recorder
from workbench.review.audit import audit
from workbench.runs.verdicts import verdicts_of

FEW_DRAWS = 400  # each end (.0175) is off by sqrt(.0175 x .98 / 400) = .007, over all trials by far less


@pytest.fixture
def probabilities():
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


def test_everything_judged_leaves_nothing_to_estimate(probabilities):
    p, wrong = probabilities
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


def _sample(p, stratum, budget, rng, share=None):
    drawn = np.zeros(len(p), bool)
    for h, m in enumerate(_share(p, stratum, budget) if share is None else share):
        drawn[rng.choice(np.flatnonzero(stratum == h), m, replace=False)] = True
    return drawn


def _share(p, stratum, budget):
    sizes = np.bincount(stratum, minlength=STRATA)
    rates = np.bincount(stratum, p, minlength=STRATA) / np.maximum(sizes, 1)
    return allocate(sizes, rates, budget)


def _repeated(p, wrong, stratum, rng, trials, targeted=False):
    """Share of audits of 200 whose interval holds the number of errors; mean width beside that of a simple sample."""
    covered, widths = [], []
    share = _share(p, stratum, 200)
    for trial in range(trials):
        drawn = _sample(p, stratum, 200, rng, share)
        judged = drawn | targeted
        estimate = estimate_errors(p, stratum, drawn, judged, wrong & judged, seed=trial)
        covered.append(estimate.low <= wrong.sum() <= estimate.high)
        widths.append(estimate.high - estimate.low)
    rate = wrong.mean()
    simple = 2 * 1.96 * len(p) * np.sqrt(rate * (1 - rate) / 200 * (1 - 200 / len(p)))
    return np.mean(covered), np.mean(widths) / simple


def test_coverage_and_width_when_p_is_calibrated(probabilities, monkeypatch):
    """160 audits, half of them after the most suspicious examples were reviewed."""
    monkeypatch.setattr(module, "DRAWS", FEW_DRAWS)
    p, wrong = probabilities
    stratum = stratify(p)
    for reviewed in (0, 150):
        targeted = np.zeros(len(p), bool)
        targeted[np.argsort(-p)[:reviewed]] = True
        covered, width = _repeated(p, wrong, stratum, np.random.default_rng(1), 80, targeted)
        assert covered >= 0.93 and width <= 0.70, reviewed


def test_a_miscalibrated_detector_does_not_mislead_the_audit(probabilities, monkeypatch):
    monkeypatch.setattr(module, "DRAWS", FEW_DRAWS)
    p, wrong = probabilities
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
    kinds = np.array([[0, 1], [1, 1]])
    counts = np.array([[m - e, e]])
    drawn, eps = module._posterior(np.array([0.1]), counts, kinds, np.array([0.0]), np.random.default_rng(0))
    assert (eps == 0).all()
    assert drawn.mean() == pytest.approx((weight * rate).sum() / weight.sum(), rel=0.03)
    highest = rate[np.searchsorted(np.cumsum(weight) / weight.sum(), 0.975)]
    assert np.quantile(drawn, 0.975) == pytest.approx(highest, rel=0.05)


@pytest.fixture
def run(tmp_path, probabilities, monkeypatch):
    monkeypatch.setattr(module, "DRAWS", 2000)
    n = 400
    dataset = Dataset.from_arrays(np.arange(n) % 3, classes=["a", "b", "c"], ids=[f"r{i}" for i in range(n)])
    with Recorder(tmp_path / "run", dataset) as rec, rec.epoch(0):
        rec.batch(dataset.ids, np.random.default_rng(0).normal(size=(n, 3)))
    return rec.run()


def test_a_reviewer_who_errs_has_the_posterior_of_a_grid(monkeypatch):
    # two unknowns: the log odds of one stratum, and the reviewer's error rate with its prior; looks at some are doubled
    from scipy.stats import beta

    monkeypatch.setattr(module, "DRAWS", 20_000)
    kinds, counts = np.array([[0, 1], [1, 1], [1, 2], [2, 2], [0, 2]]), np.array([[60, 4, 3, 2, 10]])
    x, odds = np.log(0.05 / 0.95), np.linspace(-12, 4, 1601)
    rate, eps = 1 / (1 + np.exp(-odds))[:, None], np.linspace(0.0005, 0.4, 800)[None, :]
    log = -0.5 * (odds[:, None] - x) ** 2 / (module.LEVEL**2 + module.OWN**2) + beta.logpdf(eps, *module.MISTAKES)
    for (w, t), count in zip(kinds, counts[0]):
        if_wrong, if_right = (1 - eps) ** w * eps ** (t - w), eps**w * (1 - eps) ** (t - w)
        log = log + count * np.log(rate * if_wrong + (1 - rate) * if_right)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    grid = module._error_rates(None)
    rates, errors = module._posterior(np.array([0.05]), counts, kinds, grid, np.random.default_rng(0))
    assert rates.mean() == pytest.approx((weight * rate).sum(), rel=0.05)
    assert errors.mean() == pytest.approx((weight * eps).sum(), rel=0.1)


def test_known_mistakes_are_taken_off_by_hand():
    # 1,000 labels, all right; a reviewer who is wrong 10 % of the time calls 10 of 100 wrong: no more than chance
    p, stratum = np.full(1000, 0.02), np.zeros(1000, np.int64)
    drawn = np.arange(1000) < 100
    wrong = np.arange(1000) < 10
    naive = estimate_errors(p, stratum, drawn, drawn, wrong)
    honest = estimate_errors(p, stratum, drawn, drawn, wrong, reviewer_error=0.1)
    assert naive.low > 30, "the mistakes pass for errors"
    assert honest.low == 0 and honest.errors < 50
    assert honest.reviewer_low == honest.reviewer_high == 0.1
    assert "if reviewers are wrong 10.0% of the time" in str(honest)


def test_second_looks_tell_mistakes_from_errors():
    # a second look at the 12 examples judged wrong: now judged correct, or wrong again
    p, stratum = np.full(2000, 0.03), np.zeros(2000, np.int64)
    drawn, wrong = np.arange(2000) < 150, np.arange(2000) < 12
    looks = drawn.astype(int) + wrong

    def errors(again):
        return estimate_errors(
            p, stratum, drawn, drawn, wrong, looks=looks, wrong_looks=wrong.astype(int) + again, reviewer_error=None
        )

    mistakes, confirmed = errors(np.zeros(2000, int)), errors(wrong.astype(int))
    assert mistakes.errors < 0.4 * confirmed.errors
    assert mistakes.reviewer_error > 2 * confirmed.reviewer_error
    assert mistakes.looked_again == 12 and "12 second looks" in str(mistakes)


def binormal(rng, n, rate, apart=2.5):
    """p_error and truth of n labels: normal scores, higher by `apart` for wrong labels, and their exact posterior."""
    wrong = rng.random(n) < rate
    odds = np.log(rate / (1 - rate)) + apart * (rng.normal(size=n) + apart * wrong) - apart**2 / 2
    return 1 / (1 + np.exp(-odds)), wrong


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "mistakes", "again"), [(0.03, 0.03, True), (0.1, 0.03, False), (0.1, 0.0, True)])
def test_coverage_when_reviewers_err(rate, mistakes, again, monkeypatch):
    # benchmarks/audit.py has 300 simulations for each of eight worlds, with coverage of at least .93; 40 here, seeded
    monkeypatch.setattr(module, "DRAWS", FEW_DRAWS)
    rng, covered, bias = np.random.default_rng(3), [], []
    for trial in range(40):
        p, wrong = binormal(rng, 4000, rate)
        stratum = stratify(p)
        drawn = _sample(p, stratum, 200, rng)
        looks = drawn.astype(int)
        said = wrong ^ (rng.random(len(p)) < mistakes)
        called = said.astype(int)
        if again:
            second = drawn & (rng.random(len(p)) < np.where(said != (p > 0.5), 0.9, 0.1))
            looks, called = looks + second, called + (second & (wrong ^ (rng.random(len(p)) < mistakes)))
        found = estimate_errors(
            p, stratum, drawn, drawn, said & drawn, looks=looks, wrong_looks=called, reviewer_error=None, seed=trial
        )
        covered.append(found.low <= wrong.sum() <= found.high)
        bias.append(found.errors / wrong.sum() - 1)
    assert np.mean(covered) >= 0.9, np.mean(covered)
    assert abs(np.mean(bias)) < 0.2, np.mean(bias)


def judge(run, ids, wrong, **told):
    """Give verdicts one by one, as a person would: the ids in `wrong` get another class."""
    for id in ids:
        given = run.dataset.given[run.dataset.rows([id])[0]]
        if id in wrong:
            run.journal.relabel([id], "b" if given == "a" else "a", old=[given], **told)
        else:
            run.journal.keep([id], old=[given], **told)


def test_the_sample_comes_back_grows_and_reads_the_journal(run, probabilities):
    issues = pd.DataFrame({"p_error": probabilities[0][: run.n]}, index=run.dataset.ids)
    first = audit(run, 40, issues=issues)
    assert first.budget == 40 and len(set(first.ids)) == 40
    assert "no verdict yet" in str(first.estimate())
    assert audit(run, 40).ids.tolist() == first.ids.tolist(), "tomorrow it is the same sample in the same order"
    larger = audit(run, 90)
    assert larger.ids[:40].tolist() == first.ids.tolist() and larger.budget == 90, "what is new comes last"
    judge(run, larger.ids, set(larger.ids[:30]), source="explorer: audit, key")
    estimate = audit(run, 90).estimate()
    assert estimate.judged == 90 and estimate.low <= estimate.errors <= estimate.high
    assert estimate.errors >= 20 and estimate.left < estimate.errors
    assert "95 % intervals from 90 audited" in str(estimate)


def test_decisions_that_nobody_gave_by_looking_do_not_count(run, probabilities):
    issues = pd.DataFrame({"p_error": probabilities[0][: run.n]}, index=run.dataset.ids)
    sample = audit(run, 60, issues=issues)
    given = run.dataset.given[run.dataset.rows(sample.ids)]
    others = ["b" if g == "a" else "a" for g in given]
    run.journal.relabel(list(sample.ids), others, old=list(given), source="explorer: accept selection")
    run.journal.relabel(list(sample.ids), others, old=list(given))
    for id, other, old in zip(sample.ids, others, given):
        run.journal.relabel([id], other, old=[old], source="notebook")
    assert sample.estimate().judged == 0 and len(verdicts_of(run)) == 0
    assert "verdicts" not in find_issues(run).attrs["method"]
    judge(run, [id for id in run.dataset.ids if id not in set(sample.ids)][:30], set())
    assert sample.estimate().judged == 0
    run.journal.relabel(list(sample.ids), others, old=list(given), source="review")
    assert sample.estimate().judged == 60, "somebody says that each was looked at"
    run.journal.undo()
    assert sample.estimate().judged == 0


def test_what_was_accepted_in_bulk_is_not_left_and_not_known(run, probabilities):
    """Half of the label issues are accepted in one call: these are not a sample, but no longer open either."""
    issues = pd.DataFrame({"p_error": probabilities[0][: run.n]}, index=run.dataset.ids)
    sample = audit(run, 60, issues=issues, reviewer_error=0)
    top = [id for id in issues.sort_values("p_error", ascending=False).index if id not in set(sample.ids)][:30]
    truth = {id for id, wrong in zip(run.dataset.ids, probabilities[1][: run.n]) if wrong}
    judge(run, sample.ids, truth)
    before = sample.estimate()
    given = run.dataset.given[run.dataset.rows(top)]
    others = ["b" if g == "a" else "a" for g in given]
    run.journal.relabel(top, others, old=list(given), source="explorer: accept selection")
    after = sample.estimate()
    assert after.judged == before.judged == 60
    assert after.left < before.left - 5, "accepted: no more to decide"
    assert after.errors == pytest.approx(before.errors, rel=0.15), "but how many were wrong is estimated as before"
    assert after.low < before.low + 5, "and no surer than before"


def test_verdicts_count_in_the_order_of_the_audit_only(run, probabilities):
    """Choosing examples of the sample by suspicion or appearance would make it non-random."""
    issues = pd.DataFrame({"p_error": probabilities[0][: run.n]}, index=run.dataset.ids)
    sample = audit(run, 60, issues=issues)
    judge(run, sample.ids[5:30], set())
    found = sample.estimate()
    assert (found.judged, found.waiting) == (0, 25)
    assert "25 more do not count" in str(found)
    judge(run, sample.ids[:4], set())
    assert sample.estimate().judged == 4
    run.journal.skip([sample.ids[4]], source="explorer: audit, key")
    assert (sample.estimate().judged, sample.estimate().waiting) == (29, 0), "what was skipped is passed, not judged"


def test_errors_found_elsewhere_count_as_found_and_not_as_sample(run, probabilities):
    issues = pd.DataFrame({"p_error": probabilities[0][: run.n]}, index=run.dataset.ids)
    sample = audit(run, 20, issues=issues, reviewer_error=0)
    outside = [id for id in issues.sort_values("p_error", ascending=False).index if id not in set(sample.ids)][:25]
    judge(run, outside, set(outside))
    judge(run, sample.ids, set())
    found = sample.estimate()
    assert found.judged == 20 and found.low >= 25
    assert found.errors - found.left == pytest.approx(25)
    assert audit(run).reviewer_error == 0, "what is known of the reviewer is kept with the plan"


def test_second_looks_are_asked_for_and_read(run, probabilities):
    issues = pd.DataFrame({"p_error": probabilities[0][: run.n]}, index=run.dataset.ids)
    sample = audit(run, 40, issues=issues)
    low = set(sample.plan.loc[sample.plan["p_error"] < 0.1, "id"])
    surprising = [id for id in sample.ids if id in low][:8]
    judge(run, sample.ids[:10], set(surprising))
    assert sample.second_looks() == [], "not at once: the first look is not forgotten yet"
    judge(run, sample.ids[10:], set(surprising))
    due = sample.second_looks()
    assert len(set(due) & set(surprising)) >= 4, "verdicts against the detector are checked"
    assert len(due) < 20
    before = sample.estimate()
    judge(run, due, set(), source="explorer: second look, key")
    after = sample.estimate()
    assert after.looked_again == len(due) and sample.second_looks() == []
    assert after.judged == before.judged == 40
    assert after.errors < before.errors and after.reviewer_error > before.reviewer_error
    judge(run, due[:1], set(), author="somebody else")
    assert sample.estimate().looked_again == len(due)
    assert sample.estimate("somebody else").judged <= 1


def test_an_old_plan_without_an_order_gets_the_one_it_had(run, probabilities):
    issues = pd.DataFrame({"p_error": probabilities[0][: run.n]}, index=run.dataset.ids)
    sample = audit(run, 30, issues=issues, seed=4)
    old = sample.plan.drop(columns=["place", "again", "reviewer_error"])
    old.to_parquet(run.path / "audit.parquet", index=False)
    drawn = old.loc[old["drawn"], "id"].to_numpy()
    legacy = drawn[np.random.default_rng(4).permutation(30)]
    assert audit(run, 1, seed=4).ids.tolist() == legacy.tolist() == sample.ids.tolist()


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
    run.journal.keep(["r2", "elsewhere"], old=["c", "c"], source="review")
    with pytest.warns(UserWarning, match=r"The journal contains ids that are not .* \(1 of 2, ignored\): 'elsewhere'"):
        assert verdicts_of(run).to_dict() == {"r2": False}
    with pytest.warns(UserWarning, match="elsewhere"):
        assert "recalibrated on 1 verdicts" in find_issues(run).attrs["method"]


def test_refuses_an_empty_budget(run):
    with pytest.raises(InputError, match="`budget` is 0"):
        audit(run, 0)
    with pytest.raises(InputError, match=r"`reviewer_error` is 0\.5"):
        audit(run, 10, reviewer_error=0.5)


def test_coverage_and_width_on_real_label_errors(shared, monkeypatch):
    """150 audits, 50 of each kind of labels."""
    monkeypatch.setattr(module, "DRAWS", FEW_DRAWS)
    data, covered = np.load(shared / "eval" / "cifar10n_dev.npz", allow_pickle=False), []
    for labels in ("random_label1", "aggre_label", "worse_label"):
        trained = np.load(shared / "eval" / f"dynamics_cifar10n_dev_{labels}_mlp.npz", allow_pickle=False)
        given = data[labels].astype(np.int64)
        evidence = Evidence.from_arrays(given, 10, pred_probs=trained["oos_pred_probs"], logits=trained["logits"])
        p = find_issues(evidence).sort_values("row")["p_error"].to_numpy()
        wrong = given != data["clean_label"]
        of_these, width = _repeated(p, wrong, stratify(p), np.random.default_rng(0), 50)
        # .72 until strata that look clean were allowed to be further off, without which reviewers' mistakes broke it
        assert of_these >= 0.92 and width <= 0.75, labels
        covered.append(of_these)
    assert np.mean(covered) >= 0.95
