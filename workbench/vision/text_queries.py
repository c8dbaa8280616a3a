"""Masks of text queries: overlap of different queries, exclusive response maps, names of pixels, unsupported texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_share
from workbench.foundation.errors import InputError, shortened
from workbench.foundation.rows import unit_rows
from workbench.issues.masks.fusion import checked_masks
from workbench.tasks.mask_table import IGNORE
from workbench.vision.image_arrays import score_images


def query_overlap(
    masks: Any, images: Sequence[Any], texts: Sequence[str], *, entities: Mapping[Any, Any] | None = None,
    above: float = 0.5,
) -> pd.DataFrame:  # fmt: skip
    """Find masks that overlap the mask of another query of the same image.

    Parameters
    ----------
    masks : bool or 0/1 (m, h, w), the final mask of each query
    images : m values, the image of each mask
    texts : m str, the query of each mask; masks of the same image and text are not compared
    entities : maps images to bool (e, h, w), masks of the entities of which the final masks are composed
    above : in [0, 1]; masks that overlap by more are flagged

    Returns
    -------
    DataFrame, one row per mask
        image, text
        overlap : float64 in [0, 1], largest overlap with another query: pixels of both / pixels of the smaller mask
        other : Int64, the row of that query, missing without any
        flagged : bool
        entities : lists of the entities of which at least half is in the mask; only with `entities`

    Raises
    ------
    InputError : other lengths or shapes

    Notes
    -----
    Two queries that select the same pixels are both flagged: the overlap does not say which of them is wrong. Queries
    that swapped their masks completely do not overlap and are not found.

    References
    ----------
    Shatter and Gather: Learning Referring Image Segmentation with Text Supervision.
    """
    stack = checked_masks("masks", masks)
    check_share("above", above)
    for name, values in (("images", images), ("texts", texts)):
        if len(values) != len(stack):
            raise InputError.at(name, f"has {len(values)} entries for {len(stack)} masks", "Pass one per mask.")
    flat = stack.reshape(len(stack), -1).astype(np.float32)
    size = flat.sum(axis=1)
    overlap, other = np.zeros(len(stack)), np.full(len(stack), -1)
    words = np.array([str(text) for text in texts], object)
    for rows in pd.Series(range(len(stack))).groupby(pd.factorize(np.asarray(images, object))[0]).indices.values():
        smaller = np.minimum(size[rows][:, None], size[rows])
        share = np.divide(flat[rows] @ flat[rows].T, smaller, out=np.zeros(smaller.shape), where=smaller > 0)
        share[words[rows][:, None] == words[rows]] = 0
        best = share.argmax(axis=1)
        overlap[rows] = share[np.arange(len(rows)), best]
        other[rows] = np.where(overlap[rows] > 0, rows[best], -1)
    nearest = pd.Series(other, dtype="Int64").mask(other < 0)
    found = pd.DataFrame({"image": list(images), "text": words, "overlap": overlap, "other": nearest})
    found["flagged"] = overlap > above
    if entities is not None:
        found["entities"] = [_covered(mask, entities, image) for mask, image in zip(stack, images)]
    return found


def _covered(mask: np.ndarray, entities: Mapping[Any, Any], image: Any) -> list[int]:
    """Return the entities of an image of which at least half is in the mask."""
    if image not in entities:
        raise InputError.unknown("image of `entities`", image, entities)
    pieces = checked_masks("entities", entities[image])
    if pieces.shape[1:] != mask.shape:
        raise InputError.at("entities", f"has {pieces.shape[1:]} pixels for masks of {mask.shape}", "Resize them.")
    inside, size = (pieces & mask).sum(axis=(1, 2)), pieces.sum(axis=(1, 2))
    return np.flatnonzero((inside * 2 >= size) & (size > 0)).tolist()


@dataclass(frozen=True)
class ExclusiveMaps:
    """Response maps chosen by exclusiveness.

    Attributes
    ----------
    chosen : int64 (q,), the expression of each query. exclusiveness : list of q float64 arrays, one value in [0, 1] per
    expression. maps : float64 (q, h, w), the chosen maps. masks : bool (q, h, w), pseudo-masks, which do not overlap.
    """

    chosen: np.ndarray
    exclusiveness: list[np.ndarray]
    maps: np.ndarray
    masks: np.ndarray


def exclusive_maps(responses: Sequence[Any], *, threshold: float = 0.5) -> ExclusiveMaps:
    """Choose, for each query of an image, the response map that other queries share least, and cut it into a mask.

    Parameters
    ----------
    responses : q arrays (e, h, w) of float, at least 0: the response maps of the e expressions, prompts or layers of
        each query
    threshold : in [0, 1], smallest response of a pixel of the mask, relative to the maximum of the map

    Returns
    -------
    ExclusiveMaps

    Raises
    ------
    InputError : other shapes, negative responses

    Notes
    -----
    The exclusiveness of a map r, scaled to a maximum of 1, is sum r max(r - o, 0) / sum r^2, where o is the largest
    response of the other queries at each pixel, averaged over their expressions. A pixel belongs to the mask of the
    query with the largest response.

    References
    ----------
    Referring Image Segmentation Using Text Supervision.
    """
    check_share("threshold", threshold)
    maps = [_scaled(one, row) for row, one in enumerate(responses)]
    if not maps or any(one.shape[1:] != maps[0].shape[1:] for one in maps):
        raise InputError.at("responses", "has maps of several sizes, or none", "Pass q arrays (e, h, w) of one image.")
    mean = np.stack([one.mean(axis=0) for one in maps])
    values = []
    for row, own in enumerate(maps):
        rest = np.delete(mean, row, axis=0)
        most = rest.max(axis=0) if len(rest) else np.zeros(mean.shape[1:])
        squares = (own**2).sum(axis=(1, 2))
        alone = (own * np.maximum(own - most, 0)).sum(axis=(1, 2))
        values.append(np.divide(alone, squares, out=np.zeros(len(own)), where=squares > 0))
    chosen = np.array([one.argmax() for one in values])
    kept = np.stack([own[one] for own, one in zip(maps, chosen)])
    first = np.arange(len(kept))[:, None, None] == kept.argmax(axis=0)
    return ExclusiveMaps(chosen, values, kept, (kept >= threshold) & (kept > 0) & first)


def _scaled(maps: Any, row: int) -> np.ndarray:
    values = score_images("responses", [maps])[0].astype(np.float64)
    if values.size and values.min() < 0:
        raise InputError.at("responses", f"holds {values.min():.3g}", "Responses are at least 0.", row=row)
    most = values.max(axis=(1, 2), keepdims=True)
    return np.divide(values, most, out=np.zeros_like(values), where=most > 0)


def pointing_accuracy(maps: Any, truth: Any) -> float:
    """Return the share of response maps whose maximum lies in the true mask.

    Parameters
    ----------
    maps : float (m, h, w)
    truth : bool or 0/1 (m, h, w)

    Returns
    -------
    float in [0, 1]; with equal maxima, the first pixel counts

    Raises
    ------
    InputError : other shapes

    References
    ----------
    Zhang et al. 2016, Top-down Neural Attention by Excitation Backprop (pointing game).

    Examples
    --------
    >>> pointing_accuracy([[[0.1, 0.9]], [[0.8, 0.3]]], [[[0, 1]], [[0, 1]]])
    0.5
    """
    values, true = score_images("maps", np.asarray(maps))[0], checked_masks("truth", truth)
    if values.shape != true.shape:
        raise InputError.at("maps", f"has shape {values.shape}, `truth` {true.shape}", "Pass one map per mask.")
    place = values.reshape(len(values), -1).argmax(axis=1)
    return float(true.reshape(len(true), -1)[np.arange(len(true)), place].mean())


@dataclass(frozen=True)
class NamedPixels:
    """Pixels with the nearest name.

    Attributes
    ----------
    labels : int64 images, places in `names`, in the form of the features: (h, w) or (n, h, w). similarity : float64,
        cosine with the embedding of the name. names : tuple of str. changed : bool images, pixels whose name the last
        `add` changed.
    """

    labels: np.ndarray
    similarity: np.ndarray
    names: tuple[str, ...]
    changed: np.ndarray
    pixels: np.ndarray

    def add(self, name: str, embedding: Any) -> NamedPixels:
        """Return the pixels with one more name; only those nearer to its embedding, float (d,), change.

        Raises
        ------
        InputError : a name that is already there, or an embedding of another length
        """
        if name in self.names:
            raise InputError.at("name", f"is {name!r}, which is already there", "Add another one.")
        vector = _name_vectors({name: embedding}, self.pixels.shape[-1])[0]
        similarity = self.pixels @ vector
        nearer = similarity > self.similarity
        labels = np.where(nearer, len(self.names), self.labels)
        best = np.maximum(similarity, self.similarity)
        return replace(self, labels=labels, similarity=best, names=(*self.names, name), changed=nearer)


def label_by_names(features: Any, names: Mapping[str, Any]) -> NamedPixels:
    """Label each pixel by the name whose text embedding is nearest to the embedding of the pixel.

    Parameters
    ----------
    features : float (d, h, w) or (n, d, h, w), embeddings of pixels in the space of the texts
    names : maps names to float (d,), embeddings of the names

    Returns
    -------
    NamedPixels; `add` returns it with one more name

    Raises
    ------
    InputError : other shapes, or no name

    References
    ----------
    Language-driven Semantic Segmentation.

    Examples
    --------
    >>> found = label_by_names(np.array([[[1.0, 0.1]], [[0.0, 1.0]]]), {"cat": [1, 0.2]})
    >>> found.add("dog", [0, 1]).labels
    array([[0, 1]])
    """
    images = score_images("features", features)
    if not names or not images:
        raise InputError.at("names", "is empty", "Pass at least one name and image.")
    stack = np.stack(images)
    pixels = np.moveaxis(stack, 1, -1).astype(np.float64)
    pixels = unit_rows(pixels.reshape(-1, stack.shape[1])).reshape(pixels.shape)
    pixels = pixels[0] if getattr(features, "ndim", 0) == 3 else pixels
    vectors = _name_vectors(names, stack.shape[1])
    similarity = pixels @ vectors.T
    labels = similarity.argmax(axis=-1)
    return NamedPixels(labels, similarity.max(axis=-1), tuple(names), np.zeros(labels.shape, bool), pixels)


def _name_vectors(names: Mapping[str, Any], d: int) -> np.ndarray:
    """Return the embeddings (k, d) at unit length."""
    vectors = []
    for name, embedding in names.items():
        vector = np.asarray(embedding, np.float64)
        if vector.shape != (d,) or not np.isfinite(vector).all() or not vector.any():
            found = f"has shape {vector.shape} for {name!r}, or is not finite"
            raise InputError.at("embedding", found, f"Pass {d} finite numbers, as many as a pixel has.")
        vectors.append(vector)
    return unit_rows(np.stack(vectors))


@dataclass(frozen=True)
class SupportedTexts:
    """Texts that an image supports.

    Attributes
    ----------
    texts : list of str, the texts that remain. labels : int64 (h, w), places in the given texts, -1 = background.
    steps : list of such images, one per step. table : DataFrame with the columns step, text, support, pixels and kept.
    """

    texts: list[str]
    labels: np.ndarray
    steps: list[np.ndarray]
    table: pd.DataFrame


def drop_unsupported_texts(
    maps: Any, texts: Sequence[str], *, threshold: float = 0.5, floor: float = 0.3
) -> SupportedTexts:
    """Drop texts without support in an image, step by step, and segment it by the remaining ones.

    Parameters
    ----------
    maps : float (t, h, w) in [0, 1], the score of each text at each pixel; or a function of a list of texts that
        returns such maps, if the scores depend on the other texts, as after a softmax
    texts : t different str
    threshold : in [0, 1], smallest support of a text that is kept
    floor : in [0, 1], smallest score of a pixel that is not background

    Returns
    -------
    SupportedTexts, with the masks after each step

    Raises
    ------
    InputError : other shapes, values outside [0, 1], or equal texts

    Notes
    -----
    In each step, a pixel belongs to the remaining text with the largest score, or to the background; the support of a
    text is its mean score on its own pixels, 0 without any. Texts below the threshold are dropped, and the step is
    repeated until none is.

    References
    ----------
    CLIP as RNN: Segment Countless Visual Concepts without Training Endeavor.
    """
    check_share("threshold", threshold)
    check_share("floor", floor)
    listed = [str(text) for text in texts]
    if not listed or len(set(listed)) != len(listed):
        raise InputError.at("texts", f"is {shortened(listed)}", "Pass different texts, at least one.")
    whole = None if callable(maps) else _text_maps(maps, len(listed))
    kept, steps, rows = listed, [], []
    labels = np.empty(0)
    while kept:
        values = _text_maps(maps(kept), len(kept)) if whole is None else whole[[listed.index(one) for one in kept]]
        best = np.where(values.max(axis=0) >= floor, values.argmax(axis=0), IGNORE)
        own = [best == place for place in range(len(kept))]
        support = [float(one[mask].mean()) if mask.any() else 0.0 for one, mask in zip(values, own)]
        places = np.array([*(listed.index(text) for text in kept), IGNORE])
        labels = places[best]
        steps.append(labels)
        rows += [
            {"step": len(steps), "text": text, "support": one, "pixels": int(mask.sum()), "kept": one >= threshold}
            for text, one, mask in zip(kept, support, own)
        ]
        staying = [text for text, one in zip(kept, support) if one >= threshold]
        if len(staying) == len(kept):
            break
        kept = staying
    if not kept:
        labels = np.full(steps[0].shape, IGNORE)
        steps.append(labels)
    return SupportedTexts(kept, labels, steps, pd.DataFrame(rows))


def _text_maps(maps: Any, texts: int) -> np.ndarray:
    values = score_images("maps", np.asarray(maps))[0]
    if len(values) != texts or values.min(initial=0) < 0 or values.max(initial=0) > 1:
        found = f"has shape {values.shape} for {texts} texts, or values outside [0, 1]"
        raise InputError.at("maps", found, "Pass one map in [0, 1] per text.")
    return values
