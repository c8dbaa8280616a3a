"""Suggestions accepted for many examples at once contain the place that they are about."""

import numpy as np
import pytest
import samples

import widgets as wd
from widgets.view.accepting import open_suggestions, suggested_values


@pytest.mark.parametrize("make, n", [(samples.span_run, 200), (samples.token_run, 60)])
def test_accepted_suggestions_become_labels(make, n, tmp_path):
    view = wd.Explorer(make(tmp_path / "run", n))._view
    found = open_suggestions(view, np.ones(view.dataset.n, bool))
    verdicts, given, reasons = suggested_values(view, found)
    assert len(found) > 0 and all(reasons)
    view.decisions.judge(verdicts, given, {"op": "relabel", "how": "accept selection"}, reasons)
    changed = view.dataset.kind.differ(view.run.labels(), view.dataset.labels)
    assert np.flatnonzero(changed).tolist() == sorted(set(found["row"].tolist()))
