"""The matrices and the class table of a view: numbers from `workbench`, with the cell of every example."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.wire.messages import Arrays, ClassesAnswer, MatrixAnswer
from workbench.confident.health import class_health, noise_report
from workbench.foundation.errors import InputError
from workbench.issues.confusion import confident_labels, needed, predicted_labels
from workbench.storage.cache import cached, digest

if TYPE_CHECKING:
    from workbench.confident.health import NoiseReport
    from workbench.runs.run import Run

MATRIX_KINDS = ("predicted", "noise")
MATRIX_DRAWS = 200
MANY_ROWS = 200_000
FEW_DRAWS = 40
"""Number of bootstrap samples with more than `MANY_ROWS` rows, where the intervals are narrow anyway."""


def matrix(run: Run, kind: str) -> tuple[MatrixAnswer, Arrays]:
    """Return a matrix for the page: texts and arrays.

    Parameters
    ----------
    kind : "predicted" (`workbench.confusion_matrix`): (n,) int32 predicted class; the page counts by given class.
        "noise" (`workbench.confident.health.noise_report`): (n,) int32 class of each example in the confident joint,
        then P(given = row | true = column) and the ends of its interval, each (k * k,) float32.
    """
    if kind == "predicted":
        codes, how = predicted_labels(run)
        return {"how": how}, [codes]
    if kind != "noise":
        raise InputError.unknown("matrix", kind, MATRIX_KINDS)
    found = noise_arrays(run)
    shape = (run.k, run.k)
    words: MatrixAnswer = {"how": str(found["how"]), "title": str(found["title"]), "warning": str(found["warning"])}
    arrays = [np.ascontiguousarray(found[name].reshape(shape), np.float32) for name in ("matrix", "low", "high")]
    return words, [confident_labels(run), *arrays]


def noise_arrays(run: Run) -> dict[str, np.ndarray]:
    """Return the noise report of a run as arrays and texts. It is cached, as its intervals take seconds."""
    probs = needed(run, "The noise matrix")
    given = run.dataset.given_labels
    draws = MATRIX_DRAWS if run.n <= MANY_ROWS else FEW_DRAWS
    key = {"given": digest(given), "probs": digest(np.asarray(probs.values)), "draws": draws}

    def make() -> dict[str, np.ndarray]:
        report = noise_report(given, probs.values, run.classes, out_of_fold=probs.out_of_fold, draws=draws)
        texts = {"how": probs.provenance.in_full, "title": _title(report), "warning": report.warning}
        arrays = {"matrix": report.noise_matrix, "low": report.low, "high": report.high}
        return {**arrays, **{name: np.array(text) for name, text in texts.items()}}

    return cached(run.layout, "noise", key, make)


def _title(report: NoiseReport) -> str:
    return f"about {report.errors:,.0f} wrong labels ({report.errors_low:,.0f} to {report.errors_high:,.0f})"


def class_errors(run: Run) -> tuple[ClassesAnswer, Arrays]:
    """Return the result of `workbench.confident.health.class_health` in class order.

    The arrays are two float32 (k,): estimated numbers of examples with this given label but another true class, and of
    this true class with another given label.
    """
    probs = needed(run, "The estimate of errors by class")
    table = class_health(run.dataset.given_labels, probs.values, run.classes).set_index("class_index").sort_index()
    arrays = [table[name].to_numpy(np.float32) for name in ("issues", "missed")]
    return {"how": probs.provenance.in_full}, arrays
