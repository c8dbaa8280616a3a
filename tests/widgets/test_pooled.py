"""An ensemble in the view: the numbers of the functions, all rows and the journal of the first run, and a
description."""

from __future__ import annotations

import numpy as np
import pytest

import widgets as wd
import workbench as wb
from workbench.foundation.errors import InputError


@pytest.fixture
def pool(run, other):
    """The run, and a run of its first hundred examples."""
    return wb.ensemble([run, other.path], ids="common")


def asked(ex: object, kind: str, **body: object) -> dict:
    sent: list = []
    ex.send = lambda content, buffers=None: sent.append(content)
    ex._receive(ex, {"kind": kind, "request": "a", **body}, [])
    return next(message for message in sent if message.get("request") == "a")


def test_doubts_are_of_all_runs_and_decisions_of_the_first(pool, run, tmp_path):
    ex = wd.Explorer(pool)
    found = wb.find_issues(pool)
    shown = ex.issues.loc[found.index]
    assert shown["p_error"].equals(found["p_error"])
    assert ex.queue == found.index[found["is_issue"]].tolist()
    assert np.isnan(ex._view.p_error[100:]).all(), "what not all runs have is there without doubts"
    assert len(ex.table()) == run.n
    scores, told = pool.scores(), pool.disagreement()
    for name, wanted in {"confidence_spread": scores, "confidence": scores, "mutual_information": told}.items():
        there = ex._view.columns[name].values[:100]
        assert there == pytest.approx(wanted[name].reindex(run.dataset.ids[:100]).to_numpy(np.float32), nan_ok=True)
    assert ex._view.columns["confidence_spread"].suspicious == "high"
    assert "how far the runs differ" in ex._view.columns["confidence_spread"].title
    ex.queue = "confidence_spread"
    spread = scores["confidence_spread"].reindex(ex.queue).to_numpy()[:100]
    assert (np.diff(spread) <= 1e-7).all()

    body = asked(ex, "open")
    assert body["name"] == "pets and 1 more"
    assert body["pooled"] == "pets"
    assert "decisions go to the journal of pets" in body["warning"]
    asked(ex, "decide", op="relabel", rows=[3], label=2)
    assert run.journal.state()["label"].to_dict() == {"id003": "owl"}
    assert not (tmp_path / "again" / "journal.sqlite").exists()


def test_ranked_again_all_runs_are_asked_with_the_verdicts_of_the_journal(pool, run):
    ex = wd.Explorer(pool)
    for row in range(30):
        asked(ex, "decide", op="keep", rows=[row])
    assert "error" not in asked(ex, "rank")
    verdicts = run.journal.state()["verdict"].eq("relabel")
    wanted = wb.find_issues(pool, verdicts=verdicts)["p_error"]
    assert ex.issues["p_error"].reindex(wanted.index).equals(wanted)
    again = wd.Explorer(pool)
    assert again.issues["p_error"].reindex(wanted.index).equals(wanted), "kept in the cache"
    alone = wd.Explorer(run)
    assert not alone.issues["p_error"].reindex(wanted.index).equals(wanted), (
        "the run itself has label issues of its own"
    )


def test_columns_of_a_frame_do_not_go_with_it(pool):
    with pytest.raises(InputError, match="applies only to a DataFrame"):
        wd.Explorer(pool, label="y")
