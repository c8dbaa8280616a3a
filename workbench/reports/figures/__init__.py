"""Figures of a run, or of a result, as plain plotly figures, to look at, to style further, to write to a file.

One function per kind in the modules of this folder; `FIGURES` lists them. Nothing here is needed to use the rest.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from workbench.foundation.errors import InputError
from workbench.tasks import require_task

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.runs.run import Run

FIGURES = {  # kind -> (module of this folder, function)
    "data_map": ("maps", "data_map"),
    "embedding": ("maps", "embedding"),
    "curves": ("curves", "curves"),
    "confusion": ("matrices", "confusion"),
    "noise": ("matrices", "noise"),
    "reliability": ("reliability", "reliability"),
}

OF_RESULTS = {  # kind -> (module of this folder, function); a result names its own in its attribute `figures`
    "comparison": ("effects", "comparison"),
    "keep": ("effects", "keep"),
    "robust": ("effects", "robust"),
    "map": ("simulated", "data_map"),
    "memorization": ("simulated", "memorization"),
    "detection": ("simulated", "detection"),
    "repair": ("simulated", "repair"),
    "bump": ("rankings", "bump"),
    "swaps": ("rankings", "swaps"),
}

__all__ = ["FIGURES", "OF_RESULTS", "figure"]


def figure(run: Run | Any, kind: str | None = None, **options: Any) -> go.Figure:
    """A plotly figure of a run, or of a result of `compare`, `compare_rankings` and their like.

    Parameters
    ----------
    run : a Run, or a result.
    kind : of a run "data_map" (confidence against variability), "embedding" (the embeddings in two dimensions),
        "curves" (probabilities of some examples over the epochs; ids=), "confusion" (given against predicted label),
        "noise" (the estimated noise matrix with intervals), "reliability" (predicted against observed share of errors;
        needs planted errors or verdicts). Of a result one of its attribute `figures`, the first unless given.
    options : of that kind; see the functions named in `FIGURES`.

    Returns
    -------
    plotly.graph_objects.Figure, backgrounds transparent.

    Raises
    ------
    InputError : an unknown kind or option. MissingEvidence : the run lacks what the figure shows.
    """
    known = FIGURES
    if hasattr(type(run), "figures"):
        known = {name: OF_RESULTS[name] for name in type(run).figures}
        kind = next(iter(known)) if kind is None else kind
    if kind not in known:
        raise InputError.unknown("figure", kind, known)
    require_task(run, "multiclass", f"the figure {kind!r}")
    module, name = known[kind]
    function = getattr(importlib.import_module(f"workbench.reports.figures.{module}"), name)
    _, *accepted = inspect.signature(function).parameters
    for option in options:
        if option not in accepted:
            raise InputError.unknown(f"option of figure {kind!r}", option, accepted)
    return function(run, **options)
