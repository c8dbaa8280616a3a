"""Attribute texts of queries and proposals matched, and tags of images compared with the classes of their masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.foundation.rows import unit_rows
from workbench.spans.type_names import name_similarity
from workbench.tasks.mask_table import IGNORE
from workbench.vision.image_arrays import label_images

TEXT_MARGIN = 0.05


@dataclass(frozen=True)
class AttributeMatches:
    """Queries matched with proposals.

    Attributes
    ----------
    matrix : DataFrame (q, p), similarity in [0, 1] of each query and proposal. picks : DataFrame, one row per query:
        proposal (the best), score, second (the score of the next), margin; with given proposals also given and wrong
        (another proposal is better by more than the margin).
    """

    matrix: pd.DataFrame
    picks: pd.DataFrame


def match_attributes(
    queries: Mapping[Any, Sequence[str]], proposals: Mapping[Any, Sequence[str]], *,
    embeddings: Mapping[str, Any] | None = None, given: Mapping[Any, Any] | None = None, margin: float = TEXT_MARGIN,
) -> AttributeMatches:  # fmt: skip
    """Match the attribute texts of referring queries with those of proposed masks, and find wrong masks.

    Parameters
    ----------
    queries : maps the name of each query to its attributes, such as "red" and "round"
    proposals : maps the number of each proposed mask to its attributes, such as answers of a language model
    embeddings : maps each attribute to a vector; by default attributes are compared by their spelling
    given : maps queries to the proposal that was chosen for them
    margin : at least 0, by how much another proposal must be better for a given one to be wrong

    Returns
    -------
    AttributeMatches

    Raises
    ------
    InputError : nothing to match, an attribute without an embedding, or an unknown given proposal

    Notes
    -----
    Similarity of two sets of attributes: the mean of their best matches, of the query in the proposal and of the
    proposal in the query, each counting half. With embeddings, attributes are compared by the cosine, negative values
    counting as 0.

    References
    ----------
    RESAnything: Attribute Prompting for Arbitrary Referring Segmentation.

    Examples
    --------
    >>> found = match_attributes({"q": ["red", "round"]}, {0: ["blue", "round"], 1: ["red", "round"]})
    >>> found.picks.loc["q", "proposal"]
    1
    """
    sides = [{key: _texts(key, one) for key, one in side.items()} for side in (queries, proposals)]
    if not all(sides):
        raise InputError.at("queries", "or `proposals` are empty", "Pass at least one of each.")
    words = [sorted({text for own in side.values() for text in own}) for side in sides]
    alike = name_similarity(*words) if embeddings is None else _cosines(words, embeddings)
    place = [{text: number for number, text in enumerate(own)} for own in words]
    matrix = np.empty((len(sides[0]), len(sides[1])))
    for row, own in enumerate(sides[0].values()):
        for column, other in enumerate(sides[1].values()):
            part = alike[np.ix_([place[0][text] for text in own], [place[1][text] for text in other])]
            matrix[row, column] = (part.max(axis=1).mean() + part.max(axis=0).mean()) / 2
    table = pd.DataFrame(matrix, index=pd.Index(list(queries), name="query"), columns=list(proposals))
    order = np.argsort(-matrix, axis=1, kind="stable")
    best = np.take_along_axis(matrix, order, axis=1)
    second = best[:, 1] if matrix.shape[1] > 1 else np.full(len(matrix), np.nan)
    keys = list(proposals)
    picks = pd.DataFrame(
        {"proposal": [keys[one] for one in order[:, 0]], "score": best[:, 0], "second": second}, index=table.index
    )
    picks["margin"] = picks["score"] - picks["second"]
    if given is not None:
        chosen = [given.get(key) for key in queries]
        lost = [one for one in chosen if one is not None and one not in proposals]
        if lost:
            raise InputError.unknown("proposal in `given`", lost[0], keys)
        own = [np.nan if one is None else table.at[key, one] for key, one in zip(queries, chosen)]
        picks["given"], picks["wrong"] = chosen, best[:, 0] - np.array(own) > margin
    return AttributeMatches(table, picks)


def _texts(key: Any, attributes: Any) -> list[str]:
    if isinstance(attributes, str) or not len(attributes) or not all(isinstance(one, str) for one in attributes):
        raise InputError.at("queries", f"has {attributes!r} for {key!r}", "Pass a list of texts, at least one.")
    return list(attributes)


def _cosines(words: Sequence[Sequence[str]], embeddings: Mapping[str, Any]) -> np.ndarray:
    lost = [text for own in words for text in own if text not in embeddings]
    if lost:
        raise InputError.unknown("attribute in `embeddings`", lost[0], embeddings)
    one, other = (unit_rows(np.stack([np.asarray(embeddings[text], np.float64) for text in own])) for own in words)
    return np.maximum(one @ other.T, 0)


def tags_against_masks(
    tags: Any, masks: Any, *, classes: Sequence[Any] | None = None, background: int | None = 0, least_pixels: int = 1
) -> pd.DataFrame:
    """Compare the tags of images with the classes of their masks, both ways.

    Parameters
    ----------
    tags : bool (n, k), or n lists of codes, or of names if `classes` are passed
    masks : int (n, h, w) or a list of (h, w), class codes, -1 = ignored
    classes : k names of the codes
    background : code that needs no tag; None if there is none
    least_pixels : smallest number of pixels of a class that a mask shows

    Returns
    -------
    DataFrame, one row per contradiction, in the order of the images
        row : int64, of the image
        class : code or name
        kind : "tag without mask" or "mask without tag"
        pixels : int64, of the class in the mask

    Raises
    ------
    InputError : other lengths, or an unknown tag or code

    Notes
    -----
    A contradiction says that one of the two is wrong, not which. Ignored pixels may hide the class of a tag.

    References
    ----------
    A Large-Scale Benchmark for Food Image Segmentation, whose images have ingredient tags and masks.

    Examples
    --------
    >>> tags_against_masks([[1], [1]], np.array([[[0, 1]], [[0, 2]]])).values.tolist()
    [[1, 1, 'tag without mask', 0], [1, 2, 'mask without tag', 1]]
    """
    images = label_images("masks", masks, k=None if classes is None else len(classes))
    check_whole("least_pixels", least_pixels, 1)
    if len(tags) != len(images):
        raise InputError.at("tags", f"has {len(tags)} entries for {len(images)} masks", "Pass one per image.")
    place = None if classes is None else {name: code for code, name in enumerate(classes)}
    rows = []
    for row, (own, image) in enumerate(zip(tags, images)):
        codes = _tag_codes(own, place, row)
        pixels = np.bincount(image[image != IGNORE].ravel(), minlength=max([*codes, 0]) + 1)
        shown = {int(code) for code in np.flatnonzero(pixels >= least_pixels)}
        for code in sorted(codes ^ shown):
            if code != background:
                kind = "tag without mask" if code in codes else "mask without tag"
                name = code if classes is None else classes[code]
                rows.append({"row": row, "class": name, "kind": kind, "pixels": int(pixels[code])})
    return pd.DataFrame(rows, columns=["row", "class", "kind", "pixels"])


def _tag_codes(own: Any, place: Mapping[Any, int] | None, row: int) -> set[int]:
    values = np.asarray(own)
    if values.dtype == bool:
        codes = np.flatnonzero(values).tolist()
    elif place is not None and values.dtype.kind not in "iu":
        lost = [one for one in own if one not in place]
        if lost:
            raise InputError.unknown(f"tag of row {row}", lost[0], place)
        codes = [place[one] for one in own]
    else:
        codes = values.astype(np.int64).tolist() if values.size == 0 or values.dtype.kind in "iu" else [-1]
    if any(code < 0 or (place is not None and code >= len(place)) for code in codes):
        raise InputError.at("tags", f"is {own!r}", "Pass bool (n, k), codes, or names with `classes=`.", row=row)
    return set(codes)
