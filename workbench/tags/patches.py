"""Use scores of parts of an example (patches, crops, words) to locate additional tags and find unsupported ones.

Parts are a grid (n, h, w, k) of an image, or any list of parts (n, m, k). Places are shares of the width and height of
the image, (x0, y0, x1, y1) in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.tags.tables import cells_frame, read_vectors, table_of_tags
from workbench.tasks.tag_cells import YES


def region_tags(
    labels: Any, scores: Any, *, threshold: float = 0.5, softmax: bool = False, classes: Sequence[object] | None = None
) -> pd.DataFrame:
    """Find tags that are visible in a region of an image and not given, with the region.

    Parameters
    ----------
    labels : as in `proposals`, such as lists with the single label of each image.
    scores : float (n, h, w, k), class scores of each place of each image, such as the output of a classifier before
        pooling. May be memory-mapped: images are read one by one.
    threshold : minimum score of a place.
    softmax : whether scores are logits of one class per place, to be converted to probabilities.
    classes : as in `proposals`.

    Returns
    -------
    DataFrame indexed by (id, unit)
        in the format of `proposals`, sorted by decreasing score, with score (maximum in the region), area (its share of
        the image) and its bounding box x0, y0, x1, y1. The region is the edge-connected component of places at or above
        the threshold that contains the maximum.

    Raises
    ------
    InputError : labels or scores in an unsupported form.

    References
    ----------
    Yun et al. 2021, Re-labeling ImageNet: from Single to Multi-Labels, from Global to Localized Labels.
    """
    table = table_of_tags(labels, classes, k=np.shape(scores)[-1] if np.ndim(scores) else None)
    _check_grid(scores, len(table.given), len(table.names))
    cells, places = [], []
    for row in range(len(table.given)):
        maps = _map(scores, row, softmax)
        top = maps.reshape(-1, maps.shape[2]).max(axis=0)
        for tag in np.flatnonzero((top >= threshold) & (table.given[row] != YES)):
            cells.append((row, int(tag)))
            places.append((float(top[tag]), *_region(maps[:, :, tag], threshold)))
    rows, tags = np.array(cells, np.int64).reshape(-1, 2).T
    values = np.array(places).reshape(-1, 6)
    order = np.argsort(-values[:, 0], kind="stable")
    rows, tags, values = rows[order], tags[order], values[order]
    columns = dict(zip(("score", "area", "x0", "y0", "x1", "y1"), values.T))
    return cells_frame(table, rows, tags, np.ones(len(rows), np.int64), **columns)


def crop_tags(scores: Any, rows: Any, boxes: Any, *, softmax: bool = True) -> np.ndarray:
    """Compute soft labels of image crops from the scores of the places in each crop.

    Parameters
    ----------
    scores : float (n, h, w, k), as in `region_tags`. rows : int (r,), the image of each crop.
    boxes : float (r, 4), x0, y0, x1, y1 in [0, 1], with x0 < x1 and y0 < y1.
    softmax : whether to return the softmax over classes of the mean score, as for logits, instead of the mean.

    Returns
    -------
    float64 (r, k), from the mean of the score map over the crop, with places weighted by their overlap with it.

    Raises
    ------
    InputError : a box outside the image or without area, or scores in an unsupported form.

    References
    ----------
    Yun et al. 2021, Re-labeling ImageNet: the label map is pooled over the random crop of each training step (by
    interpolation there).

    Examples
    --------
    Three quarters of the crop overlap the left place.

    >>> crop_tags([[[[1.0], [0.0]]]], [0], [[0.125, 0, 0.625, 1]], softmax=False)
    array([[0.75]])
    """
    scores, rows, boxes = np.asarray(scores, float), np.asarray(rows), np.asarray(boxes, float)
    if scores.ndim != 4:
        raise InputError.at("scores", f"has shape {scores.shape}", "Pass (n, h, w, k).")
    if boxes.shape != (len(rows), 4) or rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise InputError.at(
            "boxes", f"has shape {boxes.shape} for {len(rows)} rows", "Pass x0, y0, x1, y1 of each row."
        )
    bad = ~((boxes[:, :2] >= 0) & (boxes[:, :2] < boxes[:, 2:]) & (boxes[:, 2:] <= 1)).all(axis=1)
    bad |= (rows < 0) | (rows >= len(scores))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        todo = f"Give a box inside [0, 1] with x0 < x1 and y0 < y1, of a row up to {len(scores) - 1}."
        raise InputError.at("boxes", f"holds {boxes[row].tolist()} of the row {int(rows[row])}", todo, row=row)
    across, down = (_overlap(boxes[:, [one, one + 2]], scores.shape[2 - one]) for one in (0, 1))
    mean = np.einsum("rh,rw,rhwk->rk", down, across, scores[rows])
    if not softmax:
        return mean
    return _softmax(mean)


def aggregate_patches(whole: Any, patches: Any, *, threshold: float = 0.5) -> np.ndarray:
    """Compute initial soft tags from similarities of the whole image and of its patches.

    Parameters
    ----------
    whole : float (n, k) in [0, 1], for the whole image. patches : float (n, m, k) in [0, 1], for its m patches.
    threshold : minimum of the largest patch score for which a tag counts as visible.

    Returns
    -------
    float64 (n, k) in [0, 1]: the mean of `whole` and the largest patch score if that reaches the threshold, otherwise
    the mean of `whole` and the smallest patch score.

    Raises
    ------
    InputError : shapes that do not match, or scores outside [0, 1].

    References
    ----------
    Abdelfattah et al. 2023, CDUL: CLIP-Driven Unsupervised Learning for Multi-Label Image Classification.

    Examples
    --------
    >>> aggregate_patches([[0.4, 0.4]], [[[0.8, 0.1], [0.2, 0.3]]])
    array([[0.6 , 0.25]])
    """
    whole, patches = np.asarray(whole, float), np.asarray(patches, float)
    if patches.ndim != 3 or whole.shape != (patches.shape[0], patches.shape[2]) or not patches.shape[1]:
        found = f"has shape {patches.shape}, `whole` {whole.shape}"
        raise InputError.at("patches", found, "Pass (n, m, k) together with (n, k).")
    for name, values in (("whole", whole), ("patches", patches)):
        if not ((values >= 0) & (values <= 1)).all():
            raise InputError.at(name, "holds numbers outside [0, 1]", "Pass probabilities or scaled similarities.")
    most = patches.max(axis=1)
    return (whole + np.where(most >= threshold, most, patches.min(axis=1))) / 2


def boost_attribution(maps: Any, *, factor: float = 5.0) -> np.ndarray:
    """Compute logits of tags from class activation maps with amplified positive values, as if trained on all tags.

    Parameters
    ----------
    maps : float (n, h, w, k) or (n, m, k), class activations whose mean over places is the logit of the tag, of a model
        trained on incomplete tags.
    factor : at least 1, multiplies positive activations; 1 changes nothing.

    Returns
    -------
    float64 (n, k), the mean over places of max(a, factor x a)

    Raises
    ------
    InputError : a factor below 1, or maps in an unsupported form.

    Notes
    -----
    A model that was trained with missing tags as negatives activates the same places, but more weakly. Amplification
    makes small objects visible against the rest of the image; find high scores of tags not given with `proposals`.

    References
    ----------
    Kim et al. 2023, Bridging the Gap between Model Explanations in Partially Annotated Multi-label Classification.

    Examples
    --------
    >>> boost_attribution([[[1.0], [-3.0]]])
    array([[1.]])
    """
    if not factor >= 1:
        raise InputError.at("factor", f"is {factor!r}", "Pass a number of at least 1.")
    values = np.asarray(maps, float)
    if values.ndim not in (3, 4):
        raise InputError.at("maps", f"has shape {values.shape}", "Pass (n, h, w, k) or (n, m, k).")
    return np.maximum(values, factor * values).mean(axis=tuple(range(1, values.ndim - 1)))


class Support(NamedTuple):
    """How much of an example supports each tag.

    Attributes
    ----------
    mass : float64 (n, k), rows sum to 1. plan : float64 (n, m, k), mass from each part to each tag; sums to 1 / m per
        part.
    """

    mass: np.ndarray
    plan: np.ndarray


def part_support(parts: Any, tag_vectors: Any, *, temperature: float = 0.1, tags: Any = None) -> Support:
    """Distribute the parts of an example (patches, words) over similar tags, to find tags without support.

    Parameters
    ----------
    parts : float (n, m, d), embeddings of the m parts of each example; rows of NaN are padding and ignored.
    tag_vectors : float (k, d), embeddings of the tags' names or texts in the same space.
    temperature : positive; with small values each part supports only its closest tag.
    tags : bool (k,), optional, tags that may be supported; all by default.

    Returns
    -------
    Support
        mass (n, k): each part distributes a mass of 1 / m in proportion to exp(cosine / temperature). A given tag with
        almost no mass is suspicious: `proposals(labels, support.mass, drop_below=...)`.

    Raises
    ------
    InputError : shapes that do not match, or a temperature that is not positive.

    References
    ----------
    Li et al. 2023, PatchCT: the conditional transport plan from patches to labels, here with a uniform prior over
    labels and without learning. Attention between labels and words of a document (Li, Chen & Zeng 2024, KeNet) has the
    same form.

    Examples
    --------
    >>> part_support([[[1.0, 0.0], [0.0, 1.0]]], [[1.0, 0.0], [-1.0, 0.0]], temperature=0.1).mass.round(2)
    array([[0.75, 0.25]])
    """
    if not temperature > 0:
        raise InputError.at("temperature", f"is {temperature!r}", "Give a positive number.")
    parts, vectors = np.asarray(parts, float), read_vectors("tag_vectors", tag_vectors)
    if parts.ndim != 3 or parts.shape[2] != vectors.shape[1]:
        found = f"has shape {parts.shape}, `tag_vectors` {vectors.shape}"
        raise InputError.at("parts", found, "Pass (n, m, d) together with (k, d).")
    there = np.asarray(np.isfinite(parts).all(axis=2))
    parts = np.where(there[:, :, None], parts, 0)
    unit = [one / np.maximum(np.linalg.norm(one, axis=-1, keepdims=True), 1e-12) for one in (parts, vectors)]
    cosines = unit[0] @ unit[1].T / temperature
    if tags is not None:
        cosines = np.where(np.asarray(tags, bool), cosines, -np.inf)
    weight = there / np.maximum(there.sum(axis=1, keepdims=True), 1)
    plan = _softmax(cosines) * weight[:, :, None]
    return Support(plan.sum(axis=1), plan)


def masking_effect(whole: Any, masked: Any) -> np.ndarray:
    """Compute how much the probability of each tag decreases if a part of an example is masked.

    Parameters
    ----------
    whole : float (n, k) in [0, 1], predicted from the whole example.
    masked : float (n, m, k) in [0, 1], predicted with each one of the m parts masked.

    Returns
    -------
    float64 (n, m, k) in [-1, 1], whole - masked. The maximum over parts, ``.max(axis=1)``, shows whether a tag depends
    on any part: find given tags that depend on none with ``proposals(labels, effect.max(axis=1), drop_below=...)``. The
    effect is also small if several parts show the tag.

    Raises
    ------
    InputError : shapes that do not match.

    Examples
    --------
    >>> masking_effect([[0.9]], [[[0.2], [0.9]]])[0, :, 0].round(1)
    array([0.7, 0. ])
    """
    whole, masked = np.asarray(whole, float), np.asarray(masked, float)
    if masked.ndim != 3 or whole.shape != (masked.shape[0], masked.shape[2]):
        raise InputError.at(
            "masked", f"has shape {masked.shape}, `whole` {whole.shape}", "Pass (n, m, k) together with (n, k)."
        )
    return whole[:, None] - masked


def overlay(image: Any, heat: Any, *, strength: float = 0.6) -> np.ndarray:
    """Overlay an image with a map of attributions or scores, for example in `render` of the Explorer.

    Parameters
    ----------
    image : (H, W) or (H, W, 3), uint8 or float; floats are scaled from their minimum to their maximum.
    heat : float (h, w), of any size: each value covers an equal part of the image; negative values are transparent, the
        maximum is red.
    strength : in [0, 1], opacity of the maximum.

    Returns
    -------
    uint8 (h, w, 3), the size of the image

    Raises
    ------
    InputError : arrays with unsupported shapes, or a strength outside [0, 1].
    """
    picture, heat = np.asarray(image), np.asarray(heat, float)
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3) or heat.ndim != 2 or not heat.size:
        raise InputError.at("image", f"has shape {picture.shape}, `heat` {heat.shape}", "Pass (H, W[, 3]) and (h, w).")
    if not 0 <= strength <= 1:
        raise InputError.at("strength", f"is {strength!r}", "Give a share between 0 and 1.")
    if picture.dtype != np.uint8:
        low, high = float(picture.min()), float(picture.max())
        picture = (picture - low) * (255 / (high - low) if high > low else 0)
    picture = np.repeat(picture[:, :, None], 3, axis=2) if picture.ndim == 2 else picture
    down, across = (np.arange(size) * one // size for size, one in zip(picture.shape, heat.shape))
    weight = np.maximum(heat, 0)[down[:, None], across]
    weight = strength * weight / weight.max() if weight.max() > 0 else weight
    red = np.array([255.0, 0.0, 0.0])
    return np.rint(picture * (1 - weight[:, :, None]) + red * weight[:, :, None]).astype(np.uint8)


def _check_grid(scores: Any, n: int, k: int) -> None:
    shape = np.shape(scores)
    if len(shape) != 4 or shape[0] != n or shape[3] != k or 0 in shape[1:3]:
        raise InputError.at("scores", f"has shape {shape} for {n} examples and {k} tags", "Pass (n, h, w, k).")


def _map(scores: Any, row: int, softmax: bool) -> np.ndarray:
    values = np.asarray(scores[row], float)
    if not np.isfinite(values).all():
        raise InputError.at("scores", "holds NaN or infinity", "Pass finite scores.", row=row)
    return _softmax(values) if softmax else values


def _region(values: np.ndarray, threshold: float) -> tuple[float, float, float, float, float]:
    """Return area and bounding box of the region around the maximum, as shares of the image."""
    from scipy.ndimage import label

    places, _ = label(values >= threshold)
    height, width = values.shape
    rows, columns = np.nonzero(places == places[np.unravel_index(values.argmax(), values.shape)])
    left, top = float(columns.min() / width), float(rows.min() / height)
    right, bottom = float((columns.max() + 1) / width), float((rows.max() + 1) / height)
    return len(rows) / values.size, left, top, right, bottom


def _overlap(ends: np.ndarray, count: int) -> np.ndarray:
    """Return the share of each interval in each of `count` equal parts of [0, 1], (r, count)."""
    edges = np.linspace(0, 1, count + 1)
    inside = np.minimum(ends[:, 1:], edges[1:]) - np.maximum(ends[:, :1], edges[:-1])
    return np.maximum(inside, 0) / (ends[:, 1:] - ends[:, :1])


def _softmax(values: np.ndarray) -> np.ndarray:
    from scipy.special import softmax

    return softmax(values, axis=-1)
