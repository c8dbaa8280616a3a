"""Store and read the edges between the examples of a run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from workbench.graphs.edges import Edges
from workbench.storage.edges import stored_edges, write_edges

if TYPE_CHECKING:
    from workbench.runs.run import Run


def save_edges(run: Run, edges: Any) -> None:
    """Store edges between the examples of a run; they replace existing ones.

    Parameters
    ----------
    run : Run
    edges : DataFrame with the columns source and target (ids of the run) and, optionally, weight; (m, 2) int array of
        row numbers; or a sparse matrix (n, n) of weights

    Raises
    ------
    InputError : an end is not an example, a value is missing, or a weight is negative or not finite.
    WriteError : the run cannot be written; existing edges are kept.
    """
    write_edges(run.layout, Edges.of(edges, run.n, run.dataset.ids), run.dataset.ids)
    run.dataset = dataclasses.replace(run.dataset, edges=stored_edges(run.layout, run.dataset.ids))


def read_edges(run: Run) -> Edges | None:
    """Return the edges between the examples of a run, or None if there are none.

    Parameters
    ----------
    run : Run

    Raises
    ------
    RunError : the file is damaged or belongs to another run; raised when the edges are first used.
    """
    return run.dataset.edges
