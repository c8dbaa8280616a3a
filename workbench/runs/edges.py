"""Edges of a run: stored beside its examples, and read back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from workbench.graphs.edges import Edges
from workbench.storage.edges import stored_edges, write_edges

if TYPE_CHECKING:
    from workbench.runs.run import Run


def save_edges(run: Run, edges: Any) -> None:
    """Store edges between the examples of a run; they replace those that are there.

    Parameters
    ----------
    run : Run
    edges : DataFrame with the columns source and target, which are ids of the run, and perhaps weight; (m, 2) int
        array of row numbers; or a sparse matrix (n, n) of weights

    Raises
    ------
    InputError : an end that is no example, a missing value, a weight that is negative or not finite. WriteError : the
        run cannot be written; the edges that are there stay.
    """
    write_edges(run.layout, Edges.of(edges, run.n, run.dataset.ids), run.dataset.ids)
    run.dataset = dataclasses.replace(run.dataset, edges=stored_edges(run.layout, run.dataset.ids))


def read_edges(run: Run) -> Edges | None:
    """The edges between the examples of a run, or None where there are none.

    Parameters
    ----------
    run : Run

    Raises
    ------
    RunError : the file is damaged or of another run; raised when the edges are looked at.
    """
    return run.dataset.edges
