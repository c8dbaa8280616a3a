"""`fdr=` after an audit: if the labels alone guarantee nothing, audited examples determine the set below the limit."""

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import FdrNotPossible
from workbench.issues import find_issues
from workbench.issues.audited import Audited
from workbench.recording.recorder import Recorder
from workbench.review.audit import audit
from workbench.runs.votes import save_votes

N = 400


@pytest.fixture
def voted(tmp_path, monkeypatch):
    """A run with only three votes on each label, and a mask of its wrong labels (15 %)."""
    monkeypatch.setattr("workbench.issues.estimating.DRAWS", 2000)
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, N)
    wrong = rng.random(N) < 0.15
    names = np.array(["a", "b"], object)
    dataset = Dataset.from_arrays(names[true ^ wrong], ids=[f"x{i}" for i in range(N)])
    with Recorder(tmp_path / "run", dataset) as recorder:
        run = recorder.run()
    said = true[:, None] ^ (rng.random((N, 3)) < 0.1)
    rows, people = np.divmod(np.arange(3 * N), 3)
    votes = {"id": dataset.ids[rows], "annotator": [f"p{p}" for p in people], "label": names[said.ravel()]}
    save_votes(run, pd.DataFrame(votes))
    return run, pd.Series(wrong, index=dataset.ids)


def judge(run, ids, wrong):
    for id in ids:
        given = run.dataset.given[run.dataset.rows([id])[0]]
        if wrong[id]:
            run.journal.relabel([id], "b" if given == "a" else "a", old=[given], source="explorer: audit, key")
        else:
            run.journal.keep([id], old=[given], source="explorer: audit, key")


def test_what_was_refused_is_answered_after_an_audit(voted):
    run, wrong = voted
    with pytest.warns(FdrNotPossible, match="votes alone"):
        assert not find_issues(run, fdr=0.2)["is_issue"].any()
    sample = audit(run, 120, reviewer_error=0)
    judge(run, sample.ids[:20], wrong)
    with pytest.warns(FdrNotPossible, match="votes alone"):
        assert not find_issues(run, fdr=0.2)["is_issue"].any(), "twenty verdicts are too few"
    judge(run, sample.ids[20:], wrong)
    found = find_issues(run, fdr=0.2)
    chosen = found.index[found["is_issue"]]
    assert len(chosen) > 0.4 * wrong.sum()
    assert 1 - wrong[chosen].mean() <= 0.25
    judged_right = [id for id in sample.ids if not wrong[id]]
    assert not found.loc[judged_right, "is_issue"].any()
    assert "according to the 120 audited examples" in found.attrs["threshold"]
    assert find_issues(run, fdr=0.2).equals(found), "kept"
    smaller = find_issues(run, fdr=0.05)
    assert set(smaller.index[smaller["is_issue"]]) < set(chosen)


def test_an_audit_that_supports_no_set_says_so(voted):
    run, wrong = voted
    sample = audit(run, 60, reviewer_error=0)
    judge(run, sample.ids, wrong & False)
    with pytest.warns(FdrNotPossible, match="60 audited examples support no set"):
        assert not find_issues(run, fdr=0.2)["is_issue"].any()


def test_the_largest_set_by_hand():
    # ten label issues of a stratum in which nine of ten are wrong, then 30 of one in which a third is
    strata = pd.DataFrame({"stratum": [1] * 10 + [0] * 30, "judged": False, "wrong": False})
    rates = np.tile([1 / 3, 0.9], (50, 1))
    p = np.linspace(0.9, 0.1, 40)

    def size(fdr, **changed):
        return int(Audited(50, strata.assign(**changed), [rates]).largest_set(np.arange(40), p, fdr).sum())

    assert size(0.1) == 10, "one of ten"
    assert size(0.05) == 0
    assert size(0.2) == 12, "1 + 2 x 2/3 = 2.33 of 12 are false alarms; 3 of 13 are too many"
    judged = np.arange(40) < 4
    assert size(0.1, judged=judged, wrong=judged) == 10, ".6 of 10; one more would make 1.27 of 11"
    assert size(0.1, judged=judged) == 6, "what was judged right is left out: .6 of 6"
    worse = Audited(50, strata, [rates, rates * 0.5])
    assert not worse.largest_set(np.arange(40), p, 0.2).any(), "of two the worse counts"
