"""Checks of arrays where they enter: once, at the border, with the offender, the finding and the remedy named."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, overload

import numpy as np

from workbench.foundation.errors import InputError
from workbench.foundation.reductions import by_blocks, float_rows

P = ParamSpec("P")
T = TypeVar("T")

UNLABELLED = -1


def in_memory(field: str, values: Any) -> Any:
    """Tensors, columns of Arrow, sparse and masked arrays as NumPy or pandas know them; other things as they are."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if "bfloat16" in str(values.dtype):  # probabilities keep a type that says how coarse their sums are
            values = values.half() if field == "pred_probs" else values.float()
        return values.numpy()
    if isinstance(values, np.ma.MaskedArray):
        gaps = np.ma.getmaskarray(values)
        if not gaps.any():
            return values.data
        holes = values.data.astype(np.float64 if values.dtype.kind in "iuf" else object)
        holes[gaps] = np.nan if values.dtype.kind in "iuf" else None
        return holes
    if hasattr(values, "to_pylist") and hasattr(values, "to_pandas"):
        return values.to_pandas()
    if hasattr(values, "toarray"):
        return values.toarray()
    return list(values) if hasattr(values, "__next__") else values


def arrays_by_name(function: Callable[P, T]) -> Callable[P, T]:
    """A function whose arguments after the first are keyword-only; passing arrays by position gives a clear error."""

    @functools.wraps(function)
    def checked(*args: P.args, **named: P.kwargs) -> T:
        if len(args) > 1:
            second: Any = args[1]
            found = f"is an array of shape {np.shape(second)}" if np.ndim(second) else f"is {second!r}"
            raise InputError.at("argument 2", found, "Pass arrays by name: `pred_probs=`, `embeddings=`.")
        return function(*args, **named)

    return checked


def one_column(values: Any) -> Any:
    """The column of a table or array that has only one; anything else as it is."""
    shape = getattr(values, "shape", ())
    if len(shape) == 2 and shape[1] == 1:
        return values.iloc[:, 0] if hasattr(values, "iloc") else values[:, 0]
    return values


def refuse_infinity(field: str, values: np.ndarray, ids: Sequence[Any] | np.ndarray | None = None) -> None:
    """Refuse an array (n, d) with infinity in a row; NaN is left to the caller.

    Raises
    ------
    InputError
        The first such row, and how many there are.
    """
    if values.dtype.kind != "f":
        return
    n, d = values.shape
    bad = np.zeros(n, bool)

    def work(rows: slice) -> None:
        bad[rows] = np.isinf(values[rows]).any(axis=1)

    by_blocks(work, n, max(d, 1))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        more = f" (so do {int(bad.sum()) - 1} more rows)" if bad.sum() > 1 else ""
        todo = "Check the layer; a row of NaN has no embedding."
        raise InputError.at(field, f"holds infinity{more}", todo, row=row, id=None if ids is None else ids[row])


def check_share(name: str, value: Any) -> None:
    """Refuse what is not a number from 0 to 1."""
    if not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
        raise InputError.at(name, f"is {value!r}", "Give a share between 0 and 1.")


def check_given_labels(
    given_labels: Any, n: int, k: int, *, ids: Sequence[Any] | np.ndarray | None = None
) -> np.ndarray:
    """Given labels as int64 (n,): class indices 0 .. k-1, -1 = unlabelled.

    Raises
    ------
    InputError
        Not integers, not n of them, or a label outside -1 .. k-1; the first offending row is named.
    """
    labels = np.asarray(given_labels)
    if labels.shape != (n,):
        raise InputError.at("given_labels", f"has shape {labels.shape} for {n} rows", "Give one label per row.")
    whole = labels.dtype.kind in "iu"
    if labels.dtype.kind == "f":
        whole = bool((np.isfinite(labels) & (labels == np.rint(labels))).all())
    if not whole:
        raise InputError.at(
            "given_labels",
            f"has dtype {labels.dtype}",
            "Give class indices as integers, -1 where the label is missing.",
        )
    labels = labels.astype(np.int64, copy=False)
    if n and (labels.min() < UNLABELLED or labels.max() >= k):
        row = int(np.flatnonzero((labels < UNLABELLED) | (labels >= k))[0])
        raise InputError.at(
            "given_labels",
            f"is {labels[row]}",
            f"With {k} columns of probabilities, labels are 0 .. {k - 1}, or -1 where the label is missing.",
            row=row,
            id=None if ids is None else ids[row],
        )
    return labels


@overload
def check_pred_probs(
    pred_probs: Any,
    given_labels: None = None,
    *,
    ids: Sequence[Any] | np.ndarray | None = None,
    tolerance: float | None = None,
    scan: bool = True,
) -> tuple[np.ndarray, None]: ...


@overload
def check_pred_probs(
    pred_probs: Any,
    given_labels: object,
    *,
    ids: Sequence[Any] | np.ndarray | None = None,
    tolerance: float | None = None,
    scan: bool = True,
) -> tuple[np.ndarray, np.ndarray]: ...


def check_pred_probs(
    pred_probs: Any,
    given_labels: Any | None = None,
    *,
    ids: Sequence[Any] | np.ndarray | None = None,
    tolerance: float | None = None,
    scan: bool = True,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Predicted probabilities as a float array (n, k), and the labels beside them, or one clear error.

    Parameters
    ----------
    pred_probs : float array (n, k)
        Each row in [0, 1] with sum 1. float16, float32 and float64 are kept as they are (no copy).
    given_labels : int array (n,), optional
        Class indices; -1 = unlabelled.
    ids : sequence of n, optional
        Named in messages beside the row.
    tolerance : float, optional
        How far from 1 a row may sum, and how far below 0 a value may lie (a thousandth of it);
        1e-3 unless given, 1e-2 for float16, whose sums are that coarse.
    scan : bool
        Look at the values of every row. False for a caller that does so in a pass of its own (`unusable_rows`).

    Returns
    -------
    (pred_probs, given_labels)
        The second as int64, or None where none were given.

    Raises
    ------
    InputError
        Not two-dimensional, no rows or columns, not numbers; NaN, infinite, negative values or a sum beyond
        the tolerance, with the first offending row, what was found and how many rows share it.
    """
    probs = np.asarray(pred_probs)
    if probs.ndim != 2 or probs.shape[1] < 1:
        raise InputError.at(
            "pred_probs", f"has shape {probs.shape}", "Give one row per example and one column per class."
        )
    if probs.dtype.kind not in "fiub":
        raise InputError.at("pred_probs", f"has dtype {probs.dtype}", "Give numbers between 0 and 1.")
    n, k = probs.shape
    labels = None if given_labels is None else check_given_labels(given_labels, n, k, ids=ids)
    if tolerance is None:
        tolerance = default_tolerance(probs)
    if probs.dtype.kind != "f":
        probs = probs.astype(np.float64)
    bad = np.zeros(n, bool)

    def work(rows: slice) -> None:
        bad[rows] = unusable_rows(float_rows(probs[rows]), tolerance)

    if scan:
        by_blocks(work, n, k)
        refuse_rows(probs, bad, tolerance, ids)
    return probs, labels


def unusable_rows(block: np.ndarray, tolerance: float) -> np.ndarray:
    """Rows of one block that are no probabilities: NaN, infinite, negative, or a sum beyond the tolerance."""
    with np.errstate(invalid="ignore", over="ignore"):
        return not_summing_to_one(block, tolerance) | below_zero(block, tolerance)


def not_summing_to_one(block: np.ndarray, tolerance: float) -> np.ndarray:
    """Rows of one block whose sum is off by more than the tolerance, NaN and infinity among them."""
    sums = np.einsum("ij->i", block)  # a product with ones is a little faster, but its threads and ours get in the way
    return ~(np.abs(sums - 1) <= tolerance)


def below_zero(block: np.ndarray, tolerance: float) -> np.ndarray:
    """Rows of one block with a value further below zero than a thousandth of the tolerance."""
    if not block.size or block.min() >= -tolerance * 1e-3:
        return np.zeros(len(block), bool)
    return block.min(axis=1) < -tolerance * 1e-3


def default_tolerance(probs: np.ndarray) -> float:
    """How far from 1 a row may sum: 1e-3, for float16 1e-2, whose sums are that coarse."""
    return 1e-2 if probs.dtype == np.float16 else 1e-3


def refuse_rows(
    probs: np.ndarray, bad: np.ndarray, tolerance: float, ids: Sequence[Any] | np.ndarray | None = None
) -> None:
    """Raise for the first of the rows that `unusable_rows` found; nothing where there is none."""
    if bad.any():
        _refuse_probs(probs, bad, ids, tolerance)


def _refuse_probs(probs: np.ndarray, bad: np.ndarray, ids: Sequence[Any] | np.ndarray | None, tolerance: float) -> None:
    row = int(np.flatnonzero(bad)[0])
    values = probs[row].astype(np.float64)
    more = f" ({int(bad.sum())} of {len(bad)} rows are not usable)" if bad.sum() > 1 else ""
    if not np.isfinite(values).all():
        column = int(np.flatnonzero(~np.isfinite(values))[0])
        found, todo = f"holds {values[column]} in column {column}", "Fill or drop such rows, or predict them again."
    elif values.min() < -tolerance * 1e-3:
        column = int(values.argmin())
        found = f"holds {values[column]:.6g} in column {column}"
        todo = "Probabilities lie in [0, 1]. If these are logits, pass them as `logits=`."
    else:
        found = f"sums to {values.sum():.6g}"
        todo = (
            f"Each row must sum to 1 within {tolerance:g}. If these are logits, pass them as `logits=`; "
            "if they are scores, divide each row by its sum."
        )
    raise InputError.at("pred_probs", found + more, todo, row=row, id=None if ids is None else ids[row])
