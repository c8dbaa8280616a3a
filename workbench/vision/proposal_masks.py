"""Pseudo-masks snapped to class-agnostic proposals, and parts of one object merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_share, check_whole
from workbench.foundation.errors import InputError
from workbench.issues.masks.fusion import checked_masks


@dataclass(frozen=True)
class SnappedMasks:
    """Masks snapped to proposals.

    Attributes
    ----------
    masks : bool (m, h, w). parts : m int arrays, the proposals of which each mask is made, in the order in which they
        were added; empty if the mask was kept. table : DataFrame, one row per mask: parts, overlap (IoU of the given
        mask with the union of its proposals), pixels and pixels_before; with a truth also iou_before and iou.
    """

    masks: np.ndarray
    parts: list[np.ndarray]
    table: pd.DataFrame


def snap_to_proposals(
    masks: Any, proposals: Any, *, least_overlap: float = 0.3, least_gain: float = 0.02, truth: Any = None
) -> SnappedMasks:
    """Replace each mask by the union of the proposals that overlaps it best.

    Parameters
    ----------
    masks : bool or 0/1 (m, h, w), such as pseudo-masks of a weak model
    proposals : bool or 0/1 (p, h, w) of the same image, without classes, such as those of SAM; may overlap each other
    least_overlap : in [0, 1], smallest IoU of a mask with the union; below it, the mask is kept
    least_gain : in [0, 1], smallest gain of IoU by which another proposal is added
    truth : bool (m, h, w), optional; adds the IoU before and after to the table

    Returns
    -------
    SnappedMasks

    Raises
    ------
    InputError : other shapes or values

    Notes
    -----
    Greedy: begin with the proposal of the largest IoU with the mask, then add the one that raises the IoU of the union
    most, until none raises it by `least_gain`. Proposals that divide an object are merged in this way, as far as the
    mask covers them; a mask that reaches into other objects may take them too.

    References
    ----------
    S^4M: Boosting Semi-Supervised Instance Segmentation with SAM.

    Examples
    --------
    >>> halves = np.array([[[1, 1, 0, 0, 0]], [[0, 0, 1, 1, 0]]])
    >>> snap_to_proposals([[[0, 1, 1, 1, 0]]], halves).masks.astype(int).tolist()
    [[[1, 1, 1, 1, 0]]]
    """
    given, pieces = checked_masks("masks", masks), checked_masks("proposals", proposals)
    check_share("least_overlap", least_overlap)
    check_share("least_gain", least_gain)
    true = None if truth is None else checked_masks("truth", truth)
    for field, one in (("proposals", pieces[:1]), ("truth", given[:1] if true is None else true[:1])):
        if one.shape[1:] != given.shape[1:]:
            found = f"has {one.shape[1:]} pixels, `masks` {given.shape[1:]}"
            raise InputError.at(field, found, "Pass masks of the same image.")
    if true is not None and len(true) != len(given):
        raise InputError.at("truth", f"has {len(true)} masks for {len(given)}", "Pass one for each.")
    flat, options = given.reshape(len(given), -1), pieces.reshape(len(pieces), -1)
    found, parts, overlap = [], [], []
    for mask in flat:
        union, chosen, iou = _best_union(mask, options, least_gain)
        snapped = iou >= least_overlap
        found.append(union if snapped else mask)
        parts.append(np.array(chosen if snapped else [], np.int64))
        overlap.append(iou)
    snapped = np.stack(found).reshape(given.shape)
    table = pd.DataFrame(
        {
            "parts": [len(one) for one in parts], "overlap": overlap, "pixels": snapped.sum(axis=(1, 2)),
            "pixels_before": given.sum(axis=(1, 2)),
        }
    )  # fmt: skip
    if true is not None:
        table["iou_before"], table["iou"] = paired_iou(given, true), paired_iou(snapped, true)
    return SnappedMasks(snapped, parts, table)


def merge_parts(
    masks: Any, posterior: Any, *, least_overlap: float = 0.2, least_similarity: float = 0.8, grow: int = 0
) -> np.ndarray:
    """Find the masks that are parts of one object: they overlap or touch, and have similar classes.

    Parameters
    ----------
    masks : bool or 0/1 (m, h, w); or (m, 1, points) for points or voxels of a scene
    posterior : float (m, k), class probabilities of each mask, such as those of `fuse_detections`
    least_overlap : in [0, 1], smallest share of the smaller mask inside the other
    least_similarity : in [0, 1], smallest similarity of the probabilities, sum_c sqrt(p_c q_c)
    grow : number of pixels by which masks are grown before their overlap is measured, at least 0; use 1 or 2 to join
        parts that touch

    Returns
    -------
    int64 (m,), number of the object of each mask, from 0 in the order of their first masks

    Raises
    ------
    InputError : other shapes, values that are not probabilities, or parameters out of range

    Notes
    -----
    Objects are the connected components of the pairs, so that a chain of parts is one object. Two objects of the same
    class that overlap by more than `least_overlap` are merged too.

    References
    ----------
    FM-Fusion: Instance-aware Semantic Mapping Boosted by Vision-Language Foundation Models.

    Examples
    --------
    >>> masks = np.array([[[1, 1, 0, 0]], [[0, 1, 1, 0]], [[0, 0, 1, 1]]])
    >>> merge_parts(masks, [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]])
    array([0, 0, 1])
    """
    from scipy.ndimage import binary_dilation
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    stack = checked_masks("masks", masks)
    check_share("least_overlap", least_overlap)
    check_share("least_similarity", least_similarity)
    p = np.asarray(posterior, np.float64)
    if p.ndim != 2 or len(p) != len(stack) or not (p >= 0).all() or not np.allclose(p.sum(axis=1), 1, atol=0.01):
        raise InputError.at("posterior", f"has shape {p.shape}", f"Pass probabilities of {len(stack)} masks, (m, k).")
    if check_whole("grow", grow, 0):
        stack = np.stack([binary_dilation(one, iterations=int(grow)) for one in stack])
    flat = stack.reshape(len(stack), -1).astype(np.float32)
    both, size = flat @ flat.T, flat.sum(axis=1)
    smaller = np.minimum(size[:, None], size)
    inside = np.divide(both, smaller, out=np.zeros_like(both), where=smaller > 0)
    similar = np.sqrt(p) @ np.sqrt(p).T
    linked = (inside >= max(least_overlap, 1e-9)) & (similar >= least_similarity - 1e-9)
    return connected_components(csr_array(linked), directed=False)[1].astype(np.int64)


def paired_iou(masks: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the IoU (m,) of each mask (m, h, w) with the other of its place; 1 if both are empty."""
    both, either = (masks & others).sum(axis=(1, 2)), (masks | others).sum(axis=(1, 2))
    return np.divide(both, either, out=np.ones(len(masks)), where=either > 0)


def _best_union(mask: np.ndarray, options: np.ndarray, least_gain: float) -> tuple[np.ndarray, list[int], float]:
    """Return the union of options with the largest IoU found, the options, and that IoU."""
    touching = [int(one) for one in np.flatnonzero((options & mask).any(axis=1))]
    union, chosen, best = np.zeros(len(mask), bool), [], 0.0
    while touching:
        wider = options[touching] | union
        both, either = (wider & mask).sum(axis=1), (wider | mask).sum(axis=1)
        place = int((both / either).argmax())
        if both[place] / either[place] < best + (least_gain if chosen else 1e-12):
            break
        best = float(both[place] / either[place])
        union = wider[place]
        chosen.append(touching.pop(place))
    return union, chosen, best
