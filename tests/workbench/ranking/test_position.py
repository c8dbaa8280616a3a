"""How often people choose the answer shown first."""

from __future__ import annotations

import functools

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
    run.journal.relabel(0, '"tie"', old='"first"', units="", author="ann", source="review")
    found = wb.ranking.position_bias(run)
    assert found["chosen"].to_dict() == {"ann": 199, "bob": 200}
    assert found["share"]["bob"] == pytest.approx(biased[200:].mean())
    assert found["low"]["ann"] < 0.5 < found["high"]["ann"] and found["low"]["bob"] > 0.6
    with pytest.raises(InputError, match="position_bias works on 'preferences' labels only"):
        wb.ranking.position_bias(wb.import_run(["a", "b"], tmp_path / "other"))


def test_pairs_in_both_orders_tell_bias_from_preference(tmp_path):
    n = 600
    run = wb.import_run(["first"] * n, tmp_path / "run", task="preferences")
    ids, shown = list(range(n)), np.array(["second", "first"])
    swapped = shown_swapped(ids)
    better = np.random.default_rng(1).random(n) < 0.5  # the first answer is
    chooses_shown = np.arange(n) % 3 == 0  # whatever is shown first
    own = np.where(chooses_shown, shown[(~swapped).astype(int)], shown[better.astype(int)])
    relabel = functools.partial(run.journal.relabel, old='"first"', units="", author="ann")
    relabel(ids, [f'"{one}"' for one in own], source="review")
    due = wb.ranking.swapped_repeats(run, "ann")
    assert 80 < len(due) < 160 and wb.ranking.swapped_repeats(run, "bob") == []
    assert set(due) < set(wb.ranking.swapped_repeats(run, "ann", share=0.5))
    assert wb.ranking.position_bias(run).loc["ann", ["repeated", "first_twice"]].tolist() == [0, 0]
    for id in due:
        again = shown[int(swapped[id])] if chooses_shown[id] else own[id]
        relabel(id, f'"{again}"', source="explorer: answers swapped, key")
    assert wb.ranking.swapped_repeats(run, "ann") == []
    found = wb.ranking.position_bias(run).loc["ann"]
    always = int(chooses_shown[due].sum())
    assert found[["repeated", "same"]].tolist() == [len(due), len(due) - always]
    assert found[["first_twice", "second_twice"]].tolist() == [always, 0]
    assert found["p_value"] < 0.001 and found["chosen"] == n + len(due)
