"""Figures of a run as plain plotly figures, to look at, to style further, to write to a file.

One function per kind in the modules of this folder; `FIGURES` lists them. Nothing here is needed to use the rest.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.run import Run

FIGURES = {  # kind -> (module of this folder, function)
    "data_map": ("maps", "data_map"),
    "embedding": ("maps", "embedding"),
    "curves": ("curves", "curves"),
    "confusion": ("matrices", "confusion"),
    "noise": ("matrices", "noise"),
    "reliability": ("reliability", "reliability"),
}

__all__ = ["FIGURES", "figure"]


def figure(run: Run, kind: str, **options: Any) -> go.Figure:
    """A plotly figure of a run.

    Parameters
    ----------
    kind : "data_map" (confidence against variability), "embedding" (the embeddings in two dimensions), "curves"
        (probabilities of some examples over the epochs; ids=), "confusion" (given against predicted label), "noise"
        (the estimated noise matrix with intervals), "reliability" (predicted against observed share of errors; needs
        planted errors or verdicts).
    options : of that kind; see the functions named in `FIGURES`.

    Returns
    -------
    plotly.graph_objects.Figure, backgrounds transparent.

    Raises
    ------
    InputError : an unknown kind or option. MissingEvidence : the run lacks what the figure shows.
    """
    if kind not in FIGURES:
        raise InputError.unknown("figure", kind, FIGURES)
    module, name = FIGURES[kind]
    function = getattr(importlib.import_module(f"workbench.figures.{module}"), name)
    known = [option for option in inspect.signature(function).parameters if option != "run"]
    for option in options:
        if option not in known:
            raise InputError.unknown(f"option of figure {kind!r}", option, known)
    return function(run, **options)
