"""Instructions rewritten to what the output did, and prompts rewritten to what a detector saw."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.foundation.errors import InputError
from workbench.tasks.texts import checked_text

RELATIONS = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
"""Relations of two objects in a picture, and their opposites."""


def relabel_instructions(
    frame: pd.DataFrame, rule: Callable[[str, Any], str | None], *, instruction: str = "instruction",
    output: str = "output",
) -> pd.DataFrame:  # fmt: skip
    """Rewrite instructions to what their outputs did; the given ones are kept beside them.

    Parameters
    ----------
    frame : DataFrame, one row per example
    rule : function of an instruction and its output that returns the instruction that the output follows; None if
        there is none. For texts that were written elsewhere, a function that looks them up
    instruction, output : names of columns

    Returns
    -------
    DataFrame like `frame`, in which `instruction` is rewritten, with two more columns: given_instruction (str) and
    relabelled (bool)

    Raises
    ------
    InputError : a column is missing, or the rule returns something other than text.

    References
    ----------
    Zhang et al. 2023, The Wisdom of Hindsight Makes Language Models Better Instruction Followers.

    Examples
    --------
    >>> frame = pd.DataFrame({"instruction": ["upper case: ab"], "output": ["ab"]})
    >>> rule = lambda said, did: f"repeat: {did}" if said.endswith(did) else said
    >>> relabel_instructions(frame, rule)[["instruction", "relabelled"]].values.tolist()
    [['repeat: ab', True]]
    """
    for name in (instruction, output):
        if name not in frame.columns:
            raise InputError.unknown("column", name, frame.columns)
    given = frame[instruction].tolist()
    found = []
    for row, (text, did) in enumerate(zip(given, frame[output])):
        new = rule(text, did)
        found.append(text if new is None else checked_text(new, "rule", row))
    changed = [one != other for one, other in zip(found, given, strict=True)]
    return frame.assign(**{instruction: found, "given_instruction": given, "relabelled": changed})


def relabel_relations(texts: Sequence[str], boxes: Sequence[Mapping[str, Sequence[float]]]) -> list[str]:
    """Correct the relation words of texts by the boxes of the objects on both sides.

    Parameters
    ----------
    texts : n prompts or captions, such as "a red circle left of a blue square"
    boxes : n dicts of the name of an object to its box (x0, y0, x1, y1) in pixels, y downwards

    Returns
    -------
    list of n str; a text is returned unchanged if a side names no object with a box, or the relation holds

    Notes
    -----
    A relation holds if the centre of the first object is on that side of the centre of the second. Otherwise it is
    replaced by its opposite, or by the relation along the axis on which the centres differ.

    References
    ----------
    Chen et al. 2023, Iterative Prompt Relabeling for diffusion model with RLDF.

    Examples
    --------
    >>> relabel_relations(["a dog left of a cat"], [{"dog": (50, 0, 60, 9), "cat": (0, 0, 9, 9)}])
    ['a dog right of a cat']
    """
    return [_corrected(text, own) for text, own in zip(texts, boxes, strict=True)]


def _corrected(text: str, boxes: Mapping[str, Sequence[float]]) -> str:
    for relation in RELATIONS:
        match = re.search(rf"\b{relation}\b", text)
        if match is None:
            continue
        one, other = _last_named(text[: match.start()], boxes), _first_named(text[match.end() :], boxes)
        if one is None or other is None:
            return text
        across, down = (_middle(boxes[one], axis) - _middle(boxes[other], axis) for axis in (0, 1))
        holds = {"left of": across < 0, "right of": across > 0, "above": down < 0, "below": down > 0}
        if holds[relation]:
            return text
        new = RELATIONS[relation]
        if not holds[new]:
            new = next((name for name in RELATIONS if holds[name]), relation)
        return text[: match.start()] + new + text[match.end() :]
    return text


def _middle(box: Sequence[float], axis: int) -> float:
    return (float(box[axis]) + float(box[axis + 2])) / 2


def _places(text: str, boxes: Mapping[str, Any]) -> list[tuple[int, str]]:
    return sorted((found.start(), name) for name in boxes for found in re.finditer(rf"\b{re.escape(name)}\b", text))


def _last_named(text: str, boxes: Mapping[str, Any]) -> str | None:
    found = _places(text, boxes)
    return found[-1][1] if found else None


def _first_named(text: str, boxes: Mapping[str, Any]) -> str | None:
    found = _places(text, boxes)
    return found[0][1] if found else None
