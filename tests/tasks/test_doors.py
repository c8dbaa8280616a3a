"""Functions that support only one class per example raise one clear error at once."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from contract import recorded
from prototypes import PLACES, TAGS

import workbench as wb
from workbench import experiments, review
from workbench.foundation.errors import InputError
from workbench.tasks import TASKS


@pytest.fixture(autouse=True)
def prototypes(monkeypatch):
    monkeypatch.setattr(TASKS, "_places", {**TASKS._places, **PLACES})


@pytest.fixture
def run(tmp_path):
    return recorded(TAGS, tmp_path)


def evidence(run):
    from workbench.evidence.as_evidence import as_evidence

    return as_evidence(run, **TAGS.predictions(run.dataset))


X = np.zeros((len(TAGS.labels), 2))
RANKED = pd.DataFrame({"query": ["q"], "item": ["i"], "score": [1.0]})
OF_TAGS = ("a table of tags", "projection of spans")
"""Doors that are open to tags, as here, or to spans, and to nothing else (tests/workbench/tags, .../spans)."""
OPEN_TO = {
    "a recording of epochs": ("multiclass", "multilabel", "candidates", "spans", "tokens"),
    "replay": ("multiclass", "multilabel", "candidates"),
    "report": (
        *("multiclass", "boxes", "candidates", "instances", "masks", "multilabel", "numbers", "spans", "tokens"),
        *("pairs", "preferences", "points", "texts"),
    ),
    "average precision": ("boxes", "instances"),
    "form_conflicts": ("spans", "tokens"),
    "replacements": ("texts",),
    "a ranking": ("pairs",),
    "position_bias": ("preferences",),
    "swapped_repeats": ("preferences",),
    "repair_grades": ("pairs",),
}
"""Kinds of labels to which a door is open; others are open to classes only."""
DOORS = {
    "average precision": lambda run, path: wb.vision.average_precision(run, []),
    "a ranking": lambda run, path: wb.ranking.metrics(run, RANKED),
    "a recording of epochs": lambda run, path: wb.Recorder(path / "new", run.dataset).epoch(0).__enter__(),
    "a run made of Evidence": lambda run, path: wb.import_run(evidence(run), path / "new"),
    "annotator_quality": lambda run, path: review.annotator_quality(run),
    "compare": lambda run, path: wb.compare(run, X),
    "compare_runs": lambda run, path: experiments.compare_runs(run, run),
    "confusion_matrix": lambda run, path: wb.confusion_matrix(run),
    "consensus": lambda run, path: review.consensus(run),
    "ensemble": lambda run, path: wb.ensemble([run, run]),
    "form_conflicts": lambda run, path: wb.spans.form_conflicts(run),
    "keep_curve": lambda run, path: experiments.keep_curve(run),
    "plant_errors": lambda run, path: wb.experiments.plant_errors(run.dataset, 0.2),
    "position_bias": lambda run, path: wb.ranking.position_bias(run),
    "replay": lambda run, path: wb.replay(path / "new", [], None, run.dataset, None),
    "repair_grades": lambda run, path: wb.ranking.repair_grades(run, RANKED),
    "replacements": lambda run, path: wb.texts.replacements(run, "a", "b"),
    "report": lambda run, path: wb.report(run, path / "report.html"),
    "robust": lambda run, path: experiments.robust(run, X),
    "sample_weights": lambda run, path: experiments.sample_weights(run),
    "score": lambda run, path: wb.score(run),
    "select": lambda run, path: experiments.select(run, 0.5),
    "slices": lambda run, path: review.slices(run),
    "swapped_repeats": lambda run, path: wb.ranking.swapped_repeats(run),
    "suggest": lambda run, path: experiments.suggest(run),
    "the figure 'confusion'": lambda run, path: wb.figure(run, "confusion"),
}


@pytest.mark.parametrize("what", DOORS)
def test_another_kind_of_label_is_refused_in_words(what, run, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    kinds = ", ".join(map(repr, OPEN_TO.get(what, ("multiclass",))))
    words = rf"`task` is 'prototype-tags', and {what} works on {kinds} labels only\. "
    with pytest.raises(InputError, match=words):
        DOORS[what](run, tmp_path)
    left = {path.name for path in tmp_path.rglob("*")} - {path.name for path in before}
    assert not left & {"report.html", "pred_probs.npy", "audit.parquet"}


def test_a_kind_whose_predictions_are_not_stored(run):
    words = r"`task` is 'prototype-tags', for which a run stores no predictions, not `pred_probs`"
    with pytest.raises(InputError, match=words):
        run.save_pred_probs(X, out_of_fold=True, source="x")
    assert not list(run.path.glob("pred_probs*"))


def test_each_door_is_tried_and_named_as_users_call_it(root):
    """`require_task(..., NAME)` names the function that calls it, which is listed in `DOORS`."""
    found = set()
    for path in [*(root / "workbench").rglob("*.py"), *(root / "widgets").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        if "require_task(" not in text:
            continue
        for function in ast.walk(ast.parse(text)):
            if not isinstance(function, ast.FunctionDef) or function.name == "require_task":
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "require_task":
                    what = call.args[2]
                    named = what.value if isinstance(what, ast.Constant) else "the figure 'confusion'"
                    spoken = (*OF_TAGS, "score", *(one for one in DOORS if " " in one))
                    assert named in (function.name, *spoken), f"{path.name}: {named}"
                    found.add(named)
    assert found - {"out_of_fold", *OF_TAGS} == set(DOORS)


def test_what_works_on_every_kind(run, tmp_path):
    """In addition to the contract: the repr of a run, the review queue, and its description in a shell."""
    assert repr(run).startswith("<Run run: 6 examples, 3 classes, 0 epochs")
    issues = wb.find_issues(run, **TAGS.predictions(run.dataset))
    assert issues.index.name == "id" and issues.attrs["counted"] == "examples"
    assert list(wb.export(run, tmp_path / "out.jsonl", issues=False).read_text(encoding="utf-8").splitlines())
    assert isinstance(run.changes(), pd.DataFrame)
    assert Path(run.path).is_dir()
