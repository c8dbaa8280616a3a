"""The audit of labels with several units: the sample, the verdicts that count, messages, and its use in
`find_issues`."""

import shutil

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import FdrNotPossible, InputError, RunError
from workbench.issues import estimating
from workbench.issues.audit_plan import begun, stratify_sides
from workbench.issues.totals import error_count

pytestmark = pytest.mark.usefixtures("recalling_here")

N, TAGS = 150, ("even", "large", "round", "straight")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of 150 x 4 tags with probabilities, and the wrong cells by (id, unit)."""
    rng = np.random.default_rng(0)
    true = rng.random((N, 4)) < 0.4
    wrong = rng.random((N, 4)) < np.where(true, 0.25, 0.05)
    probs = np.clip(np.where(true, 0.8, 0.2) + rng.normal(0, 0.15, (N, 4)), 0.01, 0.99)
    path = tmp_path_factory.mktemp("tags") / "run"
    ids = [f"r{i}" for i in range(N)]
    run = wb.import_run((true ^ wrong).astype(int), path, task="multilabel", classes=TAGS, ids=ids)
    run.save_pred_probs(probs, out_of_fold=True, source="made")
    index = pd.MultiIndex.from_product([ids, [f"p{tag}" for tag in range(4)]], names=["id", "unit"])
    run.journal.close()
    return path, pd.Series(wrong.ravel(), index=index)


@pytest.fixture
def tagged(made, tmp_path, monkeypatch):
    monkeypatch.setattr(estimating, "DRAWS", 2000)
    run = wb.open_run(shutil.copytree(made[0], tmp_path / "run"))
    yield run, made[1]
    run.journal.close()


def judge(run, targets, wrong, *, source="explorer: audit, key"):
    """Give verdicts on units one at a time: another value if in `wrong`, otherwise the given one."""
    rows = run.dataset.rows([id for id, _ in targets])
    given = run.dataset.values_at(rows, [unit for _, unit in targets])
    for (id, unit), old in zip(targets, given):
        new = ("no" if old == "yes" else "yes") if wrong[id, unit] else old
        run.journal.relabel([id], new, old=[old], units=[unit], source=source)


def targets(audit):
    return list(zip(audit.ids.tolist(), audit.units.tolist()))


def test_units_are_drawn_and_the_sample_comes_back_and_grows(tagged):
    run, _ = tagged
    first = wb.audit(run, 40)
    assert first.budget == 40 and len(set(targets(first))) == 40
    assert first.plan[["id", "unit"]].drop_duplicates().shape[0] == N * 4 == len(first.plan)
    assert "no verdict yet on the 40 units of the audit" in str(first.estimate())
    larger = wb.audit(run, 90)
    assert targets(larger)[:40] == targets(first) and targets(wb.audit(run, 20)) == targets(larger)
    assert "unit" in pd.read_parquet(run.path / "audit.parquet")


def test_no_stratum_mixes_what_is_given_and_what_is_not(tagged):
    run, _ = tagged
    plan = wb.audit(run, 60).plan
    given = np.array(run.dataset.values_at(run.dataset.rows(plan["id"].tolist()), plan["unit"].tolist()))
    assert plan.assign(given=given).groupby("stratum")["given"].nunique().eq(1).all()
    assert set(given[plan["drawn"]]) == {"yes", "no"}
    p = np.array([0.5] * 6 + [0.01] * 94)
    assert len(np.unique(stratify_sides(p, np.arange(100) < 50))) > 2
    assert stratify_sides(p, np.zeros(100, bool)).max() == 9, "one side has all ten"


def test_only_verdicts_on_drawn_units_count_and_in_order(tagged):
    run, wrong = tagged
    sample = wb.audit(run, 60)
    drawn = targets(sample)
    beside = [(id, unit) for id, _ in drawn[:5] for unit in ("p0", "p1", "p2", "p3") if (id, unit) not in set(drawn)]
    judge(run, beside, wrong)
    judge(run, drawn[2:12], wrong)
    found = sample.estimate()
    assert (found.judged, found.waiting) == (0, 10), "units of the same examples are no sample, nor are later ones"
    judge(run, drawn[:1], wrong)
    run.journal.skip([drawn[1][0]], source="explorer: audit, key")
    found = sample.estimate()
    assert (found.judged, found.waiting) == (11, 0), "an example that was put off is so in its drawn units"
    at = [run.dataset.rows([id])[0] for id, _ in drawn[12:40]]
    given = run.dataset.values_at(at, [unit for _, unit in drawn[12:40]])
    ids, units = zip(*drawn[12:40])
    run.journal.relabel(list(ids), list(given), old=list(given), units=list(units), source="explorer: accept selection")
    assert sample.estimate().judged == 11, "decided in bulk: nobody looked"


def test_who_says_unknown_says_neither_right_nor_wrong(tagged):
    run, wrong = tagged
    sample = wb.audit(run, 40)
    (id, unit), *rest = targets(sample)
    run.journal.relabel([id], "unknown", old=["yes"], units=[unit], source="explorer: audit, key")
    judge(run, rest[:9], wrong)
    assert (sample.estimate().judged, sample.estimate().waiting) == (9, 0)


def test_the_estimate_names_its_unit_and_bounds_the_examples(tagged):
    run, wrong = tagged
    sample = wb.audit(run, 120, reviewer_error=0)
    judge(run, targets(sample), wrong)
    found = sample.estimate()
    assert found.judged == 120 and found.low <= wrong.sum() <= found.high
    assert found.counted == "units" and found.population == N * 4
    examples = wrong.groupby("id").any().sum()
    assert found.examples_low == -(-found.low // 4) <= examples <= found.examples_high == min(found.high, N)
    said = str(found)
    assert "wrong units (each is one tag of one example)" in said and "from 120 audited units" in said
    assert f"{found.examples_low} to {found.examples_high} examples have at least one wrong unit (bounds" in said


def judge_whole(run, ids, wrong, source="explorer: audit, confirm"):
    """Judge the wrong units of examples one at a time, then confirm each example as a whole."""
    for id in ids:
        judge(run, [(id, f"p{tag}") for tag in range(4) if wrong[id, f"p{tag}"]], wrong, source=source)
        run.journal.keep([id], source=source)


def test_an_audit_of_examples_counts_examples_and_their_errors(tagged):
    run, wrong = tagged
    per_example = wrong.groupby("id").sum()
    sample = wb.audit(run, 70, per="example", reviewer_error=0)
    assert len(set(sample.ids)) == 70 == sample.budget and (sample.plan["units"] == 4).all()
    assert wb.audit(run, 20).budget == 20 and begun(run).budget == 20, "an audit of units is another one"
    again = wb.audit(run, 60, per="example")
    assert again.ids.tolist() == sample.ids.tolist() and again.reviewer_error == 0
    judge(run, [(sample.ids[0], "p0")], wrong)
    judge_whole(run, sample.ids[1:4], wrong)
    assert "no verdict yet on the 70 examples" in str(sample.estimate()) and sample.estimate().waiting == 3
    judge_whole(run, sample.ids, wrong)
    found = sample.estimate()
    assert (found.judged, found.waiting, found.counted) == (70, 0, "examples")
    assert found.low <= (per_example > 0).sum() <= found.high and found.high - found.low < 60
    assert found.inside.low <= wrong.sum() <= found.inside.high
    assert found.inside.per_example == pytest.approx(found.inside.errors / N) and 0.05 < found.inside.design_effect < 3
    assert found.share[0] == pytest.approx(found.errors / N)
    assert f"of {N} examples have at least one error" in str(found) and "wrong units (each is one tag" in str(found)
    assert error_count(run, wb.find_issues(run)).detail.endswith("per example")
    of_units = error_count(run, wb.find_issues(run, per="unit"))
    assert of_units.source == "audit" and (of_units.errors, of_units.labels) == (found.inside.errors, N * 4)
    assert "from 70 audited examples" in of_units.basis and of_units.left == found.inside.left
    run.journal.undo()
    assert sample.estimate().judged == 69, "the last confirmation is taken back"
    others = [id for id in per_example.index if id not in set(sample.ids) and per_example[id]]
    before = sample.estimate()
    judge(run, [(id, f"p{tag}") for id in others[:15] for tag in range(4)], wrong, source="explorer: key")
    after = sample.estimate()
    assert after.left <= before.left - 10 and after.errors == pytest.approx(before.errors, abs=4), "found elsewhere"
    judge_whole(run, sample.ids[-1:], wrong)
    judge_whole(run, [id for id in per_example.index if id not in set(sample.ids)], wrong)
    every = sample.estimate()
    assert (every.low, every.high) == ((per_example > 0).sum(),) * 2 and every.inside.errors == wrong.sum()


def test_whole_examples_are_looked_at_again(tagged):
    run, wrong = tagged
    sample = wb.audit(run, 40, per="example")
    judge_whole(run, sample.ids, ~wrong)
    due = sample.second_looks()
    assert due and set(due) <= set(sample.ids)
    judge(run, [(due[0], "p0")], wrong, source="explorer: second look, key")
    assert sample.estimate().looked_again == 0, "not yet confirmed"
    judge_whole(run, due, wrong, source="explorer: second look, confirm")
    assert sample.estimate().looked_again == len(due) and sample.second_looks() == []
    with pytest.raises(InputError, match="per"):
        wb.audit(run, per="image")


def test_second_looks_are_asked_for_by_unit(tagged):
    run, wrong = tagged
    sample = wb.audit(run, 60)
    judge(run, targets(sample), ~wrong)
    due = sample.second_looks()
    assert due and set(due) <= set(targets(sample))
    judge(run, due, wrong, source="explorer: second look, key")
    after = sample.estimate()
    assert after.looked_again == len(due) and sample.second_looks() == []
    assert after.reviewer_error > 0.05
    assert after.judged == 60 and sample.judged_by_looking().all()


def test_find_issues_follows_the_audit(tagged):
    run, wrong = tagged
    before = wb.find_issues(run, per="unit")
    sample = wb.audit(run, 200, reviewer_error=0)
    judge(run, targets(sample)[:29], wrong)
    assert wb.find_issues(run, per="unit").attrs.get("errors_source") is None, "29 verdicts take no number's place"
    judge(run, targets(sample)[29:], wrong)
    estimate = sample.estimate()
    found = wb.find_issues(run, per="unit")
    assert found.attrs["errors_source"] == "audit" and found.attrs["errors_identified"]
    assert found["p_error"].sum() == pytest.approx(estimate.errors, rel=0.01)
    assert found.attrs["expected_errors_units"] == pytest.approx(estimate.errors, abs=0.06)
    assert found.attrs["expected_errors_units_interval"] == (estimate.low, estimate.high)
    assert "units (each is one tag of one example) are wrong" in found.attrs["errors_in_words"]
    assert "from 200 audited units" in found.attrs["errors_in_words"]
    assert abs(found["p_error"].sum() - wrong.sum()) < abs(before["p_error"].sum() - wrong.sum()) + 10
    examples = wb.find_issues(run)
    assert examples.attrs["errors_in_words"] == found.attrs["errors_in_words"]
    assert examples.attrs["expected_errors_examples"] == pytest.approx(wrong.groupby("id").any().sum(), rel=0.35)
    assert str(error_count(run, examples)) == examples.attrs["errors_in_words"]
    assert wb.find_issues(run, per="unit").equals(found), "kept"
    alone = wb.find_issues(run, per="unit", verdicts=pd.Series(dtype=bool))
    assert "errors_source" not in alone.attrs, "verdicts of one's own: the audit is not asked"


@pytest.fixture
def numbers(tmp_path, monkeypatch):
    """A run of unpredictable numbers, so that the labels alone contain no information about errors."""
    monkeypatch.setattr(estimating, "DRAWS", 2000)
    rng = np.random.default_rng(1)
    run = wb.import_run(rng.normal(size=200), tmp_path / "numbers", task="numbers")
    run.save_predictions(rng.normal(size=(200, 1)), out_of_fold=True, source="made")
    yield run
    run.journal.close()


def test_an_example_that_is_its_own_unit_is_audited_like_one_of_a_class(numbers):
    with pytest.warns(FdrNotPossible, match="cannot be guaranteed"):
        found = wb.find_issues(numbers, fdr=0.5)
    assert "audit 200 examples to find out (`wb.audit`)" in found.attrs["errors_in_words"]
    sample = wb.audit(numbers, 80, reviewer_error=0)
    assert set(sample.units) == {""} and len(set(sample.ids)) == 80
    wrong = wb.find_issues(numbers)["p_error"].rank(ascending=False) <= 40
    rows = numbers.dataset.rows(sample.ids.tolist())
    given = numbers.dataset.values_at(rows, [""] * 80)
    for id, old in zip(sample.ids.tolist(), given):
        numbers.journal.relabel([id], "99.5" if wrong[id] else old, old=[old], source="explorer: audit, key")
    estimate = sample.estimate()
    assert estimate.judged == 80 and estimate.examples_low is None and "from 80 audited examples" in str(estimate)
    assert estimate.low <= wrong.sum() <= estimate.high
    found = wb.find_issues(numbers)
    assert found.attrs["errors_source"] == "audit" and "from 80 audited examples" in found.attrs["errors_in_words"]
    cut = wb.find_issues(numbers, fdr=0.5)
    assert cut["is_issue"].any() and "according to the 80 audited examples" in cut.attrs["threshold"]
    assert wrong[cut.index[cut["is_issue"]]].mean() >= 0.5


def test_a_share_of_units_is_no_share_of_examples(tmp_path, monkeypatch):
    monkeypatch.setattr(estimating, "DRAWS", 2000)
    rng = np.random.default_rng(2)
    run = wb.import_run(rng.normal(size=(60, 2)), tmp_path / "run", task="numbers", classes=["a", "b"])
    run.save_predictions(rng.normal(size=(60, 2)), out_of_fold=True, source="made")
    sample = wb.audit(run, 60, reviewer_error=0)
    rows = run.dataset.rows(sample.ids.tolist())
    for (id, unit), old in zip(targets(sample), run.dataset.values_at(rows, sample.units.tolist())):
        run.journal.relabel([id], "99.5", old=[old], units=[unit], source="explorer: audit, key")
    assert wb.find_issues(run, fdr=0.3, per="unit")["is_issue"].sum() > 60
    with pytest.warns(
        FdrNotPossible, match=r"an audit of units does not determine a share of examples\. Use `per='unit'`"
    ):
        assert not wb.find_issues(run, fdr=0.3)["is_issue"].any()
    run.journal.close()


def test_nothing_to_audit_and_plans_that_cannot_be_used(tagged, tmp_path):
    run, _ = tagged
    unknown = wb.import_run(np.full((20, 2), -1), tmp_path / "unknown", task="multilabel", classes=["a", "b"])
    unknown.save_pred_probs(np.full((20, 2), 0.3), out_of_fold=True, source="made")
    with pytest.raises(InputError, match=r"nothing to audit: no unit \(one tag of one example\) has a given label"):
        wb.audit(unknown)
    plan = wb.audit(run, 20).plan
    for damaged in (pd.concat([plan, plan[:1]]), plan.assign(unit=["tag", *plan["unit"].tolist()[1:]])):
        damaged.to_parquet(run.path / "audit.parquet", index=False)
        with pytest.raises(RunError, match=r"audit\.parquet cannot be used"):
            begun(run)
    plan.drop(columns="unit").drop_duplicates("id").to_parquet(run.path / "audit.parquet", index=False)
    assert begun(run) is None, "a plan of examples says nothing of units"


def test_an_audit_of_an_older_release_opens(root, tmp_path):
    run = wb.open_run(shutil.copytree(root / "tests" / "golden" / "v1" / "birds-run", tmp_path / "run"))
    before = pd.read_parquet(run.path / "audit.parquet")
    sample = wb.audit(run, 1)
    assert "unit" not in before and sample.budget == int(before["drawn"].sum()) == 10
    assert set(sample.ids) == set(before.loc[before["drawn"], "id"]) and set(sample.units) == {""}
    run.journal.close()
