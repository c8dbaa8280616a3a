"""Requests for evidence that is computed on demand: matrices, classes, slices, rules about tags and people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.view import matrices, people
from widgets.view.equal_forms import forms_in
from widgets.view.tag_sets import rows_of_rule, rules_of_tags
from widgets.wire.masks import packed
from widgets.wire.messages import (
    Arrays,
    Buffers,
    ClassesAnswer,
    CountMessage,
    DifferRequest,
    FormsAnswer,
    MatrixAnswer,
    MatrixRequest,
    NameRequest,
    Nothing,
    PeopleAnswer,
    PeopleRequest,
    RuleAnswer,
    RuleRequest,
    RulesAnswer,
    RulesRequest,
    SlicesAnswer,
)
from workbench.foundation.errors import InputError
from workbench.review.slicing import slices

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_matrix(view: View, content: MatrixRequest, buffers: Buffers) -> tuple[MatrixAnswer, Arrays]:
    """A matrix and the cell of every example."""
    return matrices.matrix(view.run, str(content.get("of")))


def ask_classes(view: View, content: Nothing, buffers: Buffers) -> tuple[ClassesAnswer, Arrays]:
    """Estimated errors by class."""
    return matrices.class_errors(view.run)


def ask_slices(view: View, content: Nothing, buffers: Buffers) -> tuple[SlicesAnswer, Arrays]:
    """Names, sizes and descriptions of the slices; duplicates may have to be searched for the first time."""
    shown = _slices(view).items()
    return {"slices": [{"name": name, "count": int(mask.sum()), "how": how} for name, (mask, how) in shown]}, []


def ask_slice(view: View, content: NameRequest, buffers: Buffers) -> tuple[Nothing, Arrays]:
    """The mask of a slice."""
    known, name = _slices(view), content.get("name")
    if name not in known:
        raise InputError.unknown("slice", name, known)
    return {}, [packed(known[name][0])]


def _slices(view: View) -> dict[str, tuple[np.ndarray, str]]:
    """Return the mask (n,) and description of each slice, computed once."""
    if view.slices is None:
        found = slices(view.run, issues=view.issues, scores=view.scores)
        view.slices = {name: (found[name].to_numpy(bool), found.attrs["how"][name]) for name in found.columns}
    return view.slices


def ask_rules(view: View, content: RulesRequest, buffers: Buffers) -> tuple[RulesAnswer, Arrays]:
    """Return tags that imply or exclude others, with the number of exceptions."""
    rules, total = rules_of_tags(view, content["least"])
    return {"rules": rules, "total": total}, []


def ask_rule(view: View, content: RuleRequest, buffers: Buffers) -> tuple[RuleAnswer, Arrays]:
    """Return the mask of the examples that break a rule, or follow it."""
    mask, unit = rows_of_rule(view, content["tag"], content["other"], content["implies"], content["broken"])
    return {"count": int(mask.sum()), "unit": unit}, [packed(mask)]


def ask_forms(view: View, content: Nothing, buffers: Buffers) -> tuple[FormsAnswer, Arrays]:
    """Return equal words with several labels, with their counts."""
    forms, total = forms_in(view)
    return {"forms": forms, "total": total}, []


def ask_people(view: View, content: PeopleRequest, buffers: Buffers) -> tuple[PeopleAnswer, Arrays]:
    """Pace, agreement of authors and quality of annotators; with `pace`, only the pace."""
    if content.get("pace"):
        return {"pace": people.pace(view.decisions)}, []
    return people.people(view.run, view.decisions), []


def ask_differ(view: View, content: DifferRequest, buffers: Buffers) -> tuple[CountMessage, Arrays]:
    """The mask of examples on which two authors differ (`authors`), or an annotator differs from the consensus."""
    annotator = content.get("annotator")
    if annotator is not None:
        mask = people.against_consensus(view.run, annotator)
    else:
        left = people.withheld(view.run, view.decisions)
        if left:
            found = f"are compared only after you have judged all examples ({left:,} left)"
            raise InputError.at("authors", found, "Judge the rest first.")
        mask = people.differing(view.run, *content.get("authors", []))
    return {"count": int(mask.sum())}, [packed(np.ascontiguousarray(mask))]
