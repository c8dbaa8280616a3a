"""Plotly figures of a run or a result, to display, style or save.

The modules of this folder have one function per kind, listed in `FIGURES`. The rest of the package does not use them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.foundation.errors import InputError
from workbench.foundation.lazy import LazyTable
from workbench.runs.per_epoch import OF_TOKEN_MODELS
from workbench.tasks import require_task

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.runs.run import Run

_HERE = "workbench.reports.figures"
FIGURES: LazyTable[Callable[..., go.Figure]] = LazyTable(
    {
        "data_map": f"{_HERE}.maps:data_map",
        "embedding": f"{_HERE}.maps:embedding",
        "curves": f"{_HERE}.curves:curves",
        "confusion": f"{_HERE}.matrices:confusion",
        "noise": f"{_HERE}.matrices:noise",
        "reliability": f"{_HERE}.reliability:reliability",
    }
)
"""Figures of a run by kind."""

OF_TAGS: LazyTable[Callable[..., go.Figure]] = LazyTable(
    {"data_map": f"{_HERE}.tag_map:tag_data_map", "reliability": f"{_HERE}.reliability:reliability"}
)
"""Figures of a run of multi-label data by kind."""

ANY_KIND = ("embedding", "reliability")
"""Figures of runs of all kinds of labels."""

OF_TOKENS: LazyTable[Callable[..., go.Figure]] = LazyTable({"data_map": f"{_HERE}.token_map:token_data_map"})
"""Figures of a run of spans or classes of tokens by kind."""

OF_RESULTS: LazyTable[Callable[..., go.Figure]] = LazyTable(
    {
        "comparison": f"{_HERE}.effects:comparison",
        "keep": f"{_HERE}.effects:keep",
        "robust": f"{_HERE}.effects:robust",
        "map": f"{_HERE}.simulated:data_map",
        "memorization": f"{_HERE}.simulated:memorization",
        "detection": f"{_HERE}.simulated:detection",
        "repair": f"{_HERE}.simulated:repair",
        "bump": f"{_HERE}.rankings:bump",
        "swaps": f"{_HERE}.rankings:swaps",
    }
)
"""Figures of results by kind; the attribute `figures` of a result lists the available kinds."""

__all__ = ["FIGURES", "OF_RESULTS", "OF_TAGS", "OF_TOKENS", "figure"]


def figure(run: Run | Any, kind: str | None = None, **options: Any) -> go.Figure:
    """Plot a run, or a result of `compare`, `compare_rankings` and similar functions, with plotly.

    Parameters
    ----------
    run : a Run, or a result.
    kind : for a run: "data_map" (confidence against variability; for multi-label data of one tag, `tag=`; for spans and
        classes of tokens, of each token), "embedding" (the embeddings in two dimensions), "curves" (probabilities of
        some examples over the epochs; `ids=`), "confusion" (given against predicted label), "noise" (the estimated
        noise matrix with intervals), "reliability" (predicted against observed share of errors; needs planted errors
        or verdicts). For a result: one of those in its attribute `figures`, by default the first.
    options : options of that kind; see the functions listed in `FIGURES`, `OF_TAGS` and `OF_TOKENS`.

    Returns
    -------
    plotly.graph_objects.Figure with a transparent background.

    Raises
    ------
    InputError : an unknown kind or option. MissingEvidence : the run lacks the evidence for the figure.
    """
    table, known = FIGURES, list(FIGURES)
    own = getattr(type(run), "figures", None)
    if own is not None:
        table, known = OF_RESULTS, list(own)
        kind = known[0] if kind is None else kind
    if kind is None or kind not in known:
        raise InputError.unknown("figure", kind, known)
    if getattr(run, "task", None) == "multilabel" and kind in OF_TAGS:
        table = OF_TAGS
    elif getattr(run, "task", None) in OF_TOKEN_MODELS and kind in OF_TOKENS:
        table = OF_TOKENS
    elif kind not in ANY_KIND:
        listed = ", ".join(map(repr, ANY_KIND))
        todo = f"Figures of all kinds are {listed}; `wb.report` shows the others that these labels allow."
        require_task(run, "multiclass", f"the figure {kind!r}", todo)
    function = table[kind]
    _, *accepted = inspect.signature(function).parameters
    for option in options:
        if option not in accepted:
            raise InputError.unknown(f"option of figure {kind!r}", option, accepted)
    return function(run, **options)
