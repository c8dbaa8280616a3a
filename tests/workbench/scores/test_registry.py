"""The registry of scores: contents of a row, and errors of registration."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.foundation.errors import InputError
from workbench.scores import dynamics, labels
from workbench.scores.registry import SCORES, register


@pytest.fixture(autouse=True)
def _leave_table_as_it_was(monkeypatch):
    kept = dict(SCORES)
    yield
    SCORES.clear()
    SCORES.update(kept)


def test_row_reads_the_signature_and_leaves_the_function_alone():
    def doubt(given_labels, pred_probs, *, power=2):
        """How doubtful.

        More.
        """
        return power

    assert register(suspicious="high", range=(0, 1), source="nobody 1900")(doubt) is doubt
    row = SCORES["doubt"]
    assert row.needs == ("given_labels", "pred_probs")
    assert dict(row.options) == {"power": 2}
    assert (row.suspicious, row.range, row.source, row.in_words) == ("high", (0.0, 1.0), "nobody 1900", "How doubtful.")


def test_all_scores_of_the_house_have_a_direction_and_words():
    for module in (labels, dynamics):
        assert any(row.function.__module__ == module.__name__ for row in SCORES.values())
    for name, row in SCORES.items():
        assert row.function.__name__ == name == row.name
        assert row.in_words.endswith(".")
        assert row.source
        assert row.range[0] < row.range[1]
    low = {name for name, row in SCORES.items() if row.suspicious == "low"}
    assert {"self_confidence", "normalized_margin", "confidence", "correctness", "aum"} <= low
    assert not {"el2n", "forgetting", "never_learned", "variability", "mean_loss", "mean_entropy"} & low


def test_same_name_from_another_module_is_an_error_naming_both():
    def aum(margin):
        """Another one."""

    with pytest.raises(InputError, match=rf"workbench\.scores\.dynamics and {__name__}"):
        register(suspicious="low", range=(0, 1), source="x")(aum)
    assert SCORES["aum"].function is dynamics.aum


def test_reloading_the_same_module_is_not():
    register(suspicious="low", range=(-np.inf, np.inf), source="again")(dynamics.aum)
    assert SCORES["aum"].source == "again"


@pytest.mark.parametrize(
    ("suspicious", "bounds", "match"),
    [("up", (0, 1), 'Use "low" or "high"'), ("low", (1, 0), r"range.*\(1, 0\)")],
)
def test_direction_and_range_are_checked(suspicious, bounds, match):
    with pytest.raises(InputError, match=match):
        register(suspicious=suspicious, range=bounds, source="x")


def test_signatures_that_name_no_evidence_are_refused():
    registering = register(suspicious="low", range=(0, 1), source="x")
    with pytest.raises(InputError, match="needs no evidence"):
        registering(lambda: 0)
    with pytest.raises(InputError, match=r"default for evidence 'margin'"):
        registering(lambda margin=1: 0)
    with pytest.raises(InputError, match=r"\*args"):
        registering(lambda *args: 0)
