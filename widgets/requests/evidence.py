"""Matrices, classes, lenses and people: evidence beyond the first picture, asked for when it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.view import matrices, people
from widgets.wire.masks import packed
from workbench.foundation.errors import InputError
from workbench.review.slicing import slices

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_matrix(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """A matrix and the cell of every example."""
    return matrices.matrix(view.run, str(content.get("of")))


def ask_classes(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """Estimated errors by class."""
    return matrices.class_errors(view.run)


def ask_lenses(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """Names, sizes and meanings of the lenses; the first time their duplicates may have to be looked for."""
    if view.lenses is None:
        found = slices(view.run, issues=view.issues, scores=view.scores)
        view.lenses = {name: (found[name].to_numpy(bool), found.attrs["how"][name]) for name in found.columns}
    shown = [{"name": name, "count": int(mask.sum()), "how": how} for name, (mask, how) in view.lenses.items()]
    return {"lenses": shown}, []


def ask_lens(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """The mask of a lens."""
    ask_lenses(view, content, buffers)
    name = content.get("name")
    if name not in view.lenses:
        raise InputError.unknown("slice", name, view.lenses)
    return {}, [packed(view.lenses[name][0])]


def ask_people(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """Pace, agreement of authors, quality of annotators; with `pace` only the first."""
    if content.get("pace"):
        return {"pace": people.pace(view.decisions)}, []
    return people.people(view.run, view.decisions), []


def ask_differ(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """Where two authors differ (`authors`), or an annotator differs from the consensus (`annotator`)."""
    if content.get("annotator") is not None:
        mask = people.against_consensus(view.run, str(content["annotator"]))
    else:
        left = people.withheld(view.run, view.decisions)
        if left:
            raise InputError.at("authors", f"are not compared before all is judged ({left:,} left)", "Go on first.")
        mask = people.differing(view.run, *map(str, content["authors"]))
    return {"count": int(mask.sum())}, [packed(np.ascontiguousarray(mask))]
