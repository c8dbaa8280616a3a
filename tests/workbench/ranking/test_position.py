"""How often people choose the answer shown first."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.tasks.preferences import shown_swapped


def test_the_share_of_answers_shown_first(tmp_path):
    n = 400
    run = wb.import_run(["first"] * n, tmp_path / "run", task="preferences")
    assert wb.ranking.position_bias(run).empty
    rng = np.random.default_rng(0)
    swapped = shown_swapped(range(n))
    fair = rng.random(n) < 0.5
    biased = rng.random(n) < 0.8  # chooses what is shown first
    for author, ids, second in (
        ("ann", range(200), fair),
        ("bob", range(200, 400), np.where(biased, swapped, ~swapped)),
    ):
        values = ['"second"' if second[one] else '"first"' for one in ids]
        run.journal.relabel(list(ids), values, old='"first"', units="", author=author, source="review")
    run.journal.relabel(0, '"tie"', old='"first"', units="", author="ann")
    found = wb.ranking.position_bias(run)
    assert found["chosen"].to_dict() == {"ann": 199, "bob": 200}
    assert found["share"]["bob"] == pytest.approx(biased[200:].mean())
    assert found["low"]["ann"] < 0.5 < found["high"]["ann"] and found["low"]["bob"] > 0.6
    with pytest.raises(InputError, match="position_bias works on 'preferences' labels only"):
        wb.ranking.position_bias(wb.import_run(["a", "b"], tmp_path / "other"))
