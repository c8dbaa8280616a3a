"""The contract of kinds of labels, for those of the package and for two prototypes."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from contract import CHECKS, case_of
from prototypes import CASES, PLACES

from workbench.foundation.errors import InputError
from workbench.issues.boxes import planted_odds
from workbench.issues.numbers import fits
from workbench.tasks import TASKS, find_task, require_task
from workbench.tasks.protocol import Task

pytestmark = pytest.mark.usefixtures("recalling_here")


@pytest.fixture(autouse=True)
def prototypes(monkeypatch):
    """Register the prototypes in the table; small models suffice, as no check is about how well errors are ranked."""
    monkeypatch.setattr(TASKS, "_places", {**TASKS._places, **PLACES})
    monkeypatch.setattr(planted_odds, "BOX_TREES", 3)
    monkeypatch.setattr(fits, "TREES", 5)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("task", [*TASKS, *CASES])
def test_what_holds_for_every_kind(task, check, tmp_path):
    case = CASES[task] if task in CASES else case_of(task)
    check(case, **({"path": tmp_path} if "path" in inspect.signature(check).parameters else {}))


@pytest.mark.parametrize("task", [*TASKS, *CASES])
def test_nothing_of_the_protocol_is_missing(task):
    kind = TASKS[task]
    wanted = [name for name in (*Task.__annotations__, *vars(Task)) if not name.startswith("_")]
    assert not [name for name in wanted if not hasattr(kind, name)]
    assert kind.name == task
    for name in wanted:
        if inspect.isfunction(vars(Task).get(name)):
            theirs = list(inspect.signature(vars(Task)[name]).parameters)[1:]
            named = [one for one in theirs if one not in ("options", "predictions")]
            assert list(inspect.signature(getattr(kind, name)).parameters)[: len(named)] == named, name


def test_a_kind_that_nobody_knows():
    for name in ("boxen", None, 3, ["multiclass"]):
        with pytest.raises(InputError, match="unknown task"):
            find_task(name)


def test_features_say_what_they_are_made_for():
    from prototypes import TAGS

    with pytest.raises(InputError, match="`task` is 'prototype-tags', and compare works on 'multiclass' labels only"):
        require_task(TAGS.dataset(), "multiclass", "compare")
    require_task(case_of("multiclass").dataset(), "multiclass", "compare")
    with pytest.raises(InputError, match=r"`given_labels` does not exist in a Dataset of the task 'prototype-tags'"):
        TAGS.dataset().given_labels  # noqa: B018
    with pytest.raises(InputError, match=r"unknown option 'open'\. Known: closed\. The labels are 'prototype-tags'"):
        type(TAGS.dataset()).from_arrays(TAGS.labels, task=TAGS.task, open=True)


def test_what_only_a_model_found_is_a_unit_as_well():
    from prototypes import BOXES

    import workbench as wb

    dataset = BOXES.dataset(times=40)
    issues = wb.find_issues(dataset, per="unit", **BOXES.predictions(dataset))
    overlooked = issues[[key.startswith("c") for key in issues.index.get_level_values("unit")]]
    assert len(overlooked) == sum(row % 7 == 3 for row in range(dataset.n))
    assert set(overlooked["given"] if "given" in issues else overlooked["given_label"]) == {"nothing"}
    assert np.isfinite(overlooked["p_error"]).all()
