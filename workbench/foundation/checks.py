"""Validation of input arrays, once, at the public functions. Errors name the row, what was found and what to do."""

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
    """Convert tensors, Arrow columns, sparse and masked arrays to NumPy or pandas; return other objects unchanged."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if "bfloat16" in str(values.dtype):  # float16 probabilities get the larger tolerance of their coarse sums
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
    """Decorate a function with one positional argument, so that passing a second by position gives a clear error."""

    @functools.wraps(function)
    def checked(*args: P.args, **named: P.kwargs) -> T:
        if len(args) > 1:
            second: Any = args[1]
            found = f"is an array of shape {np.shape(second)}" if np.ndim(second) else f"is {second!r}"
            raise InputError.at("argument 2", found, "Pass arrays by name: `pred_probs=`, `embeddings=`.")
        return function(*args, **named)

    return checked


def one_column(values: Any) -> Any:
    """Return the column of a table or array (n, 1) as (n,), and anything else unchanged."""
    shape = getattr(values, "shape", ())
    if len(shape) == 2 and shape[1] == 1:
        return values.iloc[:, 0] if hasattr(values, "iloc") else values[:, 0]
    return values


def refuse_infinity(field: str, values: np.ndarray, ids: Sequence[Any] | np.ndarray | None = None) -> None:
    """Raise if a float array (n, d) contains infinity. NaN is left to the caller.

    Raises
    ------
    InputError
        Names the first such row and the number of such rows.
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
        todo = "Check the layer. For an example without an embedding, give a row of NaN."
        raise InputError.at(field, f"holds infinity{more}", todo, row=row, id=None if ids is None else ids[row])


def check_embeddings(values: Any, n: int) -> np.ndarray:
    """Return embeddings as an array (n, d) of numbers; memory-mapped arrays are returned unchanged.

    Raises
    ------
    InputError
        Another shape or dtype.
    """
    vectors = np.asanyarray(values)
    if vectors.ndim != 2 or len(vectors) != n or vectors.dtype.kind not in "fiu":
        found = f"has shape {vectors.shape} and dtype {vectors.dtype}"
        raise InputError.at("embeddings", found, f"Pass an array of numbers with {n} rows.")
    return vectors


def check_texts(texts: Any, n: int) -> list[Any]:
    """Return n texts as a list.

    Raises
    ------
    InputError
        Not n texts, or a single one.
    """
    if isinstance(texts, str) or len(texts) != n:
        raise InputError.at("texts", f"has {len(texts)} entries for {n} labels", "Pass one text per example.")
    return list(texts)


def check_share(name: str, value: Any) -> None:
    """Raise InputError unless `value` is a number from 0 to 1."""
    if not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
        raise InputError.at(name, f"is {value!r}", "Give a share between 0 and 1.")


def check_whole(name: str, value: Any, least: int, todo: str = "") -> int:
    """Return a whole number of at least `least` as an int.

    Raises
    ------
    InputError
        Another value; `todo` says what to do instead of the usual advice.
    """
    try:
        whole = int(value) == value and value >= least
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole:
        raise InputError.at(name, f"is {value!r}", todo or f"Use an integer of at least {least}.")
    return int(value)


def check_given_labels(
    given_labels: Any, n: int, k: int, *, ids: Sequence[Any] | np.ndarray | None = None
) -> np.ndarray:
    """Validate given labels and return them as int64 (n,): class indices 0 .. k-1, -1 = unlabelled.

    Raises
    ------
    InputError
        Labels that are not integers, not n of them, or outside -1 .. k-1; names the first such row.
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
    """Validate predicted probabilities and, if passed, the given labels.

    Parameters
    ----------
    pred_probs : float array (n, k)
        Values in [0, 1], each row summing to 1. float16, float32 and float64 are returned without a copy.
    given_labels : int array (n,), optional
        Class indices; -1 = unlabelled.
    ids : sequence of n, optional
        Ids of the rows, for error messages.
    tolerance : float, optional
        Largest allowed difference between the sum of a row and 1; values may be negative by at most a thousandth
        of it. Default: 1e-3, and 1e-2 for float16, whose sums are less exact.
    scan : bool
        Whether to check the values of every row. Callers that check them in a pass of their own pass False
        (`unusable_rows`).

    Returns
    -------
    (pred_probs, given_labels)
        Float array (n, k), and int64 (n,) or None if no labels were passed.

    Raises
    ------
    InputError
        An array that is not two-dimensional, has no columns or is not numeric; NaN, infinite or negative values, or
        a row sum beyond the tolerance. Names the first such row, what was found and the number of such rows.
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
    """Mask (b,) of the rows of a block that are not probabilities: NaN, infinite, negative, or a wrong sum."""
    with np.errstate(invalid="ignore", over="ignore"):
        return not_summing_to_one(block, tolerance) | below_zero(block, tolerance)


def not_summing_to_one(block: np.ndarray, tolerance: float) -> np.ndarray:
    """Mask (b,) of the rows of a block whose sum differs from 1 by more than the tolerance, or is NaN or infinite."""
    sums = np.einsum("ij->i", block)  # a product with ones is a little faster alone, but its threads compete with ours
    return ~(np.abs(sums - 1) <= tolerance)


def below_zero(block: np.ndarray, tolerance: float) -> np.ndarray:
    """Mask (b,) of the rows of a block with a value below minus a thousandth of the tolerance."""
    if not block.size or block.min() >= -tolerance * 1e-3:
        return np.zeros(len(block), bool)
    return block.min(axis=1) < -tolerance * 1e-3


def default_tolerance(probs: np.ndarray) -> float:
    """Largest allowed difference between the sum of a row and 1: 1e-3, or 1e-2 for float16 with its coarser sums."""
    return 1e-2 if probs.dtype == np.float16 else 1e-3


def refuse_rows(
    probs: np.ndarray, bad: np.ndarray, tolerance: float, ids: Sequence[Any] | np.ndarray | None = None
) -> None:
    """Raise InputError for the first of the `bad` rows (n,), as found by `unusable_rows`, if there are any."""
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
