"""Statistics of an example in an epoch: a dozen numbers are stored instead of k logits.

`statistics` accepts NumPy arrays and torch tensors. A tensor on an accelerator is reduced there, and the result is
copied once; torch is imported only if a tensor is passed. Predictions are made from the logits in their own precision:
rounding to float16 first would create ties.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.foundation.checks import check_given_labels
from workbench.foundation.devices import device_of
from workbench.foundation.errors import InputError
from workbench.foundation.reductions import NARROW, float_rows

FLOATS = ("p_given", "margin", "loss", "entropy", "el2n")
PER_EPOCH = (*FLOATS, "correct")
"""The statistics from which scores of training dynamics are computed."""

LOGITS_BLOCK = 1 << 16  # elements of one block of rows
WIDEST_LOGITS = (
    1e34  # largest range of the logits of a row: the float32 mean of 10,000 losses or margins is then finite
)
TOPK = 5  # number of largest probabilities that are stored
DEVICE_LOGITS = 1 << 26  # elements of one block on an accelerator
SORTED = 4096  # largest number of classes for which an accelerator sorts all of them
FEW = 512  # largest number of rows that are sorted in one call


def statistics(logits: Any, given_labels: Any, topk: int = TOPK, *, device: str | None = None) -> dict[str, np.ndarray]:
    """Compute per-example statistics of a batch or an epoch.

    Parameters
    ----------
    logits : float array or torch tensor (n, k), before softmax, any float dtype, any device
    given_labels : int array or tensor (n,), class index; -1 = unlabelled
    topk : int
        Number of largest probabilities to return; at most k.
    device : str, optional
        Device of the computation, to which the logits are moved in blocks of rows; "auto" is a CUDA device if there is
        one. By default tensors are reduced on their own device and arrays on the host. float64 stays float64.

    Returns
    -------
    dict of arrays with n rows
        p_given : float32, in [0, 1], probability of the given label;
        margin : float32, given logit minus the largest other logit;
        loss : float32, >= 0, -log p_given in nats;
        entropy : float32, in [0, log k], of the probabilities in nats;
        el2n : float32, in [0, sqrt 2], Euclidean length of the probabilities minus the one-hot label;
        pred : int32, class of the largest logit, the first among ties;
        correct : bool, pred equals the given label;
        topk_p : float32 (n, min(topk, k)), descending; topk_class : int32, the same shape, lower class first on ties.

    Raises
    ------
    InputError
        Wrong shapes, a label outside -1 .. k-1, or a row with NaN, +inf or logits more than 1e34 apart (names the
        row). -inf is allowed for a class that the model rules out, but not for the given label: its loss is infinite.

    Notes
    -----
    Unlabelled rows have NaN in p_given, margin, loss and el2n, and False in correct; the other statistics do not
    depend on the label. With a single class the margin is NaN (there is no other logit), p_given is 1, and loss,
    entropy and el2n are 0. 1 - p_given is computed as the sum over the other classes, so small losses and norms keep
    their precision.

    Examples
    --------
    >>> s = statistics(np.array([[2.0, 0.0, 0.0]]), np.array([1]))
    >>> int(s["pred"][0]), float(s["margin"][0]), bool(s["correct"][0])
    (0, -2.0, False)
    """
    if device is not None:
        return _moved(logits, given_labels, topk, device)
    if type(logits).__module__.partition(".")[0] == "torch":
        return _of_tensor(logits, given_labels, topk)
    logits = np.asarray(logits)
    _check(logits.shape, logits.dtype.kind)
    return _of_array(logits, check_given_labels(_plain(given_labels), *logits.shape), topk)


def fill_statistics(logits: Any, given: np.ndarray, out: dict[str, np.ndarray]) -> None:
    """Compute `statistics` of a batch into existing arrays. Labels must lie in -1 .. k-1; this is not checked.

    Raises
    ------
    InputError
        A row that `statistics` refuses; `out` is then unchanged or partly filled.
    """
    if type(logits).__module__.partition(".")[0] == "torch":
        logits = host_floats(logits.detach())
    if isinstance(logits, np.ndarray):
        kind, (b, k) = logits.dtype.kind, logits.shape
        if kind in "fiub" and b * k <= LOGITS_BLOCK:
            block_statistics(logits, given, out)
            return
    for name, values in statistics(logits, given, out["topk_p"].shape[1]).items():
        out[name][:] = values


def _plain(values: Any) -> np.ndarray:
    if type(values).__module__.partition(".")[0] == "torch":
        values = values.detach().cpu().numpy()
    return np.asarray(values)


def _check(shape: tuple[int, ...], kind: str) -> None:
    if len(shape) != 2 or shape[1] < 1 or kind not in "fiub":
        raise InputError.at(
            "logits", f"has shape {tuple(shape)}", "Give numbers, one row per example and one column per class."
        )


def _of_array(logits: np.ndarray, given_labels: np.ndarray, topk: int) -> dict[str, np.ndarray]:
    n, k = logits.shape
    kept = min(topk, k)
    out: dict[str, np.ndarray] = {name: np.empty(n, np.float32) for name in FLOATS}
    out |= {"pred": np.empty(n, np.int32), "correct": np.empty(n, bool)}
    out |= {"topk_p": np.empty((n, kept), np.float32), "topk_class": np.empty((n, kept), np.int32)}
    step = max(1, LOGITS_BLOCK // k)
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        block_statistics(logits[rows], given_labels[rows], {name: array[rows] for name, array in out.items()}, start)
    return out


def block_statistics(logits: np.ndarray, given: np.ndarray, out: dict[str, np.ndarray], first_row: int = 0) -> None:
    """Fill `out` (arrays of b rows, as `statistics` returns them) for one block that fits into the cache.

    Labels must lie in -1 .. k-1; this is not checked. "topk_p", "topk_class" and "pred" are computed only if `out`
    contains them. Raises InputError, naming row `first_row` + row, for rows that `statistics` refuses.
    """
    block = float_rows(logits)
    narrow = logits.shape[1] <= NARROW
    if narrow:  # class by class, so that every operation runs along contiguous memory
        z = np.array(block.T, order="C")
        z += 0.0  # -0. becomes 0., so that they tie
    else:
        z = block.copy() if block is logits or np.may_share_memory(block, logits) else block
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if not _fill(z, narrow, given, out):
            _refuse(float_rows(logits), given, first_row)


def _fill(z: np.ndarray, narrow: bool, given: np.ndarray, out: dict[str, np.ndarray]) -> bool:
    """`block_statistics` on logits that may be overwritten, (k, b) if narrow, else (b, k); False if invalid."""
    k, b = z.shape if narrow else z.shape[::-1]
    axis = 0 if narrow else 1
    every = np.arange(b)
    labelled = given >= 0
    all_labelled = bool(labelled.all())
    column = given if all_labelled else np.maximum(given, 0)
    at_given = (column, every) if narrow else (every, column)
    z_given = z[at_given]

    kept = out["topk_class"].shape[1] if "topk_class" in out else 0
    found = _largest(z, max(2, kept), narrow) if kept or "pred" in out else None
    if found is not None:
        top, classes = found
        largest, second = top[0], top[1] if k > 1 else None
        correct = classes[0] == given
    else:
        largest, second = _two_largest(z, narrow)
        correct = z_given == largest
        if second is not None and (tied := np.flatnonzero(correct & (second == largest))).size:
            rows = z[:, tied].T if narrow else z[tied]
            correct[tied] = rows.argmax(axis=1) == given[tied]
    if not np.isfinite(largest).all() or np.isnan(z_given).any() or np.any(labelled & (z_given == -np.inf)):
        return False
    if not all_labelled:
        correct &= labelled
    other = np.full(b, np.nan, z.dtype) if second is None else np.where(correct, second, largest)
    margin = z_given - other
    if np.any(labelled & (np.abs(margin) > WIDEST_LOGITS) & (other > -np.inf)):
        return False
    out["margin"][:] = margin

    z -= largest if narrow else largest[:, None]
    behind = z[at_given]  # given logit minus the largest: 0 or negative
    weights = np.exp(z)
    spread = _sums(axis, weights, z)
    if np.isnan(spread).any():  # 0 times -inf is 0 here; NaN logits stay NaN
        np.maximum(z, np.finfo(z.dtype).min, out=z)
        spread = _sums(axis, weights, z)
        if np.isnan(spread).any():
            return False
    w_given = weights[at_given]
    top_weights = np.exp(found[0][:kept] - largest) if found is not None and kept else None
    weights[at_given] = 0
    others = _sums(axis, weights)
    total = others + w_given
    log_total = np.log(total)
    out["loss"][:] = np.where(behind == 0, np.log1p(others), log_total - behind)
    out["p_given"][:] = w_given / total
    out["entropy"][:] = np.maximum(log_total - spread / total, 0)
    out["el2n"][:] = np.sqrt(others * others + _sums(axis, weights, weights)) / total
    out["correct"][:] = correct
    if found is not None and "pred" in out:
        out["pred"][:] = found[1][0]
    if found is not None and top_weights is not None:
        out["topk_p"][:] = (top_weights / total).T
        out["topk_class"][:] = found[1][:kept].T
    if not all_labelled:
        for name in ("p_given", "margin", "loss", "el2n"):
            out[name][~labelled] = np.nan
    return True


def _refuse(block: np.ndarray, given: np.ndarray, first_row: int) -> None:
    ruled_out = (given >= 0) & np.isneginf(block[np.arange(len(block)), np.maximum(given, 0)])
    bad = np.isnan(block).any(axis=1) | np.isposinf(block).any(axis=1) | np.isneginf(block).all(axis=1) | ruled_out
    if not bad.any():
        span = np.where(np.isneginf(block), np.nan, block).astype(np.float64)
        bad = np.nanmax(span, axis=1) - np.nanmin(span, axis=1) > WIDEST_LOGITS
    row = int(np.flatnonzero(bad)[0])
    far = f"numbers more than {WIDEST_LOGITS:.0e} apart"
    what = next(
        said
        for found, said in (
            (np.isnan(block[row]).any(), "NaN"),
            (np.isposinf(block[row]).any(), "+inf"),
            (np.isneginf(block[row]).all(), "only -inf"),
            (ruled_out[row], f"-inf for the given class {given[row]}, so that the loss is infinite"),
            (True, far),
        )
        if found
    )
    todo = "Check for a diverged loss or missing values before recording."
    if ruled_out[row]:
        todo = "Do not mask the given class, correct the label, or use a large negative number such as -1e4."
    raise InputError.at("logits", f"holds {what}", todo, row=first_row + row)


def _sums(axis: int, *factors: np.ndarray) -> np.ndarray:
    """Sum products over the classes; pairwise if there are many, so that float32 keeps its precision."""
    first, *others = factors
    if axis == 1 and first.shape[1] > 256:
        return (first * others[0] if others else first).sum(axis=1)
    return np.einsum(",".join(["ij"] * len(factors)) + ("->j" if axis == 0 else "->i"), *factors)


def _largest(z: np.ndarray, most: int, narrow: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the `most` largest values (most, b) in descending order and their classes, lower class first on ties."""
    k = z.shape[0] if narrow else z.shape[1]
    most = min(most, k)
    if narrow and z.shape[1] <= FEW and z.dtype == np.float32:
        return _largest_sorted(z, most)
    if narrow and z.shape[1] <= FEW:  # a training batch: one sort is faster than many steps
        order = np.argsort(-z.T, axis=1, kind="stable")[:, :most].T
        return np.take_along_axis(z, order, axis=0), order
    if narrow and z.dtype == np.float32:
        return _largest_packed(z, most)
    rows = np.array(z.T, order="C") if narrow else z.copy()
    every = np.arange(len(rows))
    values = np.empty((most, len(rows)), z.dtype)
    classes = np.empty((most, len(rows)), np.int64)
    for rank in range(most):
        classes[rank] = rows.argmax(axis=1)
        values[rank] = rows[every, classes[rank]]
        rows[every, classes[rank]] = -np.inf
    ruled_out = np.flatnonzero(values[-1] == -np.inf)
    if len(ruled_out):  # classes already taken tie with logits of -inf: sort these rows in full
        part = z[:, ruled_out].T if narrow else z[ruled_out]
        order = np.argsort(-part, axis=1, kind="stable")[:, :most]
        classes[:, ruled_out] = order.T
        values[:, ruled_out] = np.take_along_axis(part, order, axis=1).T
    return values, classes


def _largest_sorted(z: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """`_largest` of a training batch, (k, b) float32: one sort of integers that combine value and class."""
    keys = _sortable(z.T.copy().view(np.int32)).astype(np.int64)  # copied: a row's classes side by side
    keys <<= 32
    keys |= 0x7FFFFFFF - np.arange(len(z))
    keys.sort(axis=1)
    best = keys[:, : -most - 1 : -1].T
    return _sortable((best >> 32).astype(np.int32)).view(np.float32), 0x7FFFFFFF - (best & 0x7FFFFFFF)


def _sortable(bits: np.ndarray) -> np.ndarray:
    """Map the bits of float32 to int32 that sort like the floats, and back: the function is its own inverse."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def _two_largest(z: np.ndarray, narrow: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the two largest values of each row, equal on ties; the second is None with a single class."""
    if not narrow:
        every, leader = np.arange(len(z)), z.argmax(axis=1)
        largest = z[every, leader]
        z[every, leader] = -np.inf
        second = z[every, z.argmax(axis=1)]
        z[every, leader] = largest
        return largest, second
    if len(z) == 1:
        return z[0].copy(), None
    largest, second = np.maximum(z[0], z[1]), np.minimum(z[0], z[1])
    lower = np.empty_like(largest)
    for column in z[2:]:
        np.minimum(largest, column, out=lower)
        np.maximum(second, lower, out=second)
        np.maximum(largest, column, out=largest)
    return largest, second


def _largest_packed(z: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """`_largest` of float32 stored class by class: insertion of sortable integers that combine value and class."""
    bits = z.view(np.int32)
    best: list[np.ndarray] = []
    for index in range(len(z)):
        key = _sortable(bits[index]).astype(np.int64)
        key <<= 32
        key |= 0x7FFFFFFF - index
        for rank, held in enumerate(best):
            best[rank] = np.maximum(held, key)
            if rank + 1 < most:
                np.minimum(held, key, out=key)
        if len(best) < most:
            best.append(key)
    keys = np.array(best)
    classes = 0x7FFFFFFF - (keys & 0x7FFFFFFF)
    return _sortable((keys >> 32).astype(np.int32)).view(np.float32), classes


def _of_tensor(logits: Any, given_labels: Any, topk: int) -> dict[str, np.ndarray]:
    """`statistics` of a torch tensor: in NumPy for the host, else on its device with one copy at the end."""
    values = host_floats(logits.detach())
    if isinstance(values, np.ndarray):
        return statistics(values, given_labels, topk)
    return _on_device(values, given_labels, topk)


def _moved(logits: Any, given_labels: Any, topk: int, device: str) -> dict[str, np.ndarray]:
    """`statistics` on a device, in blocks small enough to leave memory for intermediate results."""
    import torch

    place = device_of(device)
    _check(tuple(logits.shape), "f")
    n, k = logits.shape
    given = check_given_labels(_plain(given_labels), n, k)
    step = max(1, DEVICE_LOGITS // k)
    parts = []
    for start in range(0, max(n, 1), step):
        block = logits[start : start + step]
        block = torch.from_numpy(np.array(block)) if isinstance(block, np.ndarray) else block  # reads a memory map
        try:
            parts.append(_of_tensor(block.to(place), given[start : start + step], topk))
        except InputError as error:
            row = error.parts.get("row")
            raise error if row is None else error.but(row=start + row) from None
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def host_floats(logits: Any) -> Any:
    """Return a NumPy view of a float tensor on the host (bfloat16 as float32), integers as float64. A tensor on another
    device stays a tensor."""
    if logits.device.type != "cpu":
        return logits if logits.is_floating_point() else logits.double()
    try:
        values = logits.numpy()
    except TypeError:  # bfloat16 and 8-bit floats, which NumPy does not have
        values = logits.float().numpy()
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def _on_device(logits: Any, given_labels: Any, topk: int) -> dict[str, np.ndarray]:
    """`statistics` on the tensor's device. Nothing is read before `packed`, so the host waits once, for one copy of
    4 (8 + 2 topk) bytes per row."""
    import torch

    _check(tuple(logits.shape), "f")
    n, k = logits.shape
    if isinstance(given_labels, torch.Tensor) and given_labels.device == logits.device:
        given = given_labels.detach().long()
        if given.shape != (n,):
            check_given_labels(np.empty(tuple(given.shape)), n, k)
    else:
        given = torch.as_tensor(check_given_labels(_plain(given_labels), n, k), device=logits.device)
    z = logits if logits.dtype == torch.float64 else logits.float()
    most = min(max(topk + 1, 2), k)
    if k <= SORTED:  # stable: the lower class first on ties
        top, classes = (part[:, :most] for part in torch.sort(z, dim=1, descending=True, stable=True))
    else:  # topk guarantees no order among ties, so the host has to check once whether there are any
        top, classes = torch.topk(z, most, dim=1)
        tied = (top[:, :-1] == top[:, 1:]).any(dim=1).nonzero()[:, 0]
        if len(tied):
            part, order = torch.sort(z[tied], dim=1, descending=True, stable=True)
            top[tied], classes[tied] = part[:, :most], order[:, :most]
    largest, pred = top[:, :1], classes[:, 0]
    labelled = given >= 0
    column = given.clamp(min=0)[:, None]
    z_given = z.gather(1, column.clamp(max=k - 1))[:, 0]
    correct = pred == given
    nan = torch.full_like(z_given, torch.nan)
    other = torch.where(correct, top[:, 1], largest[:, 0]) if k > 1 else nan
    margin = z_given - other
    away = z - largest
    behind = away.gather(1, column.clamp(max=k - 1))[:, 0]
    weights = away.exp()
    spread = (weights * away.clamp(min=-1e4)).sum(dim=1)
    w_given = weights.gather(1, column.clamp(max=k - 1))[:, 0]
    weights.scatter_(1, column.clamp(max=k - 1), 0.0)
    others = weights.sum(dim=1)
    total = others + w_given
    loss = torch.where(behind == 0, torch.log1p(others), total.log() - behind)
    entropy = (total.log() - spread / total).clamp(min=0)
    el2n = (others * others + weights.square().sum(dim=1)).sqrt() / total
    floats = [torch.where(labelled, x, nan).float() for x in (w_given / total, margin, loss, el2n)]
    kept = min(topk, k)
    top_p = ((top[:, :kept] - largest).exp() / total[:, None]).float()
    far = labelled & (margin.abs() > WIDEST_LOGITS) & (other > -torch.inf)  # of a given class that is ruled out, too
    refused = ~torch.isfinite(total) | (given < -1) | (given >= k) | far
    whole = [pred, correct, refused, *classes[:, :kept].T]
    bits = [x.contiguous().view(torch.int32) for x in (*floats, entropy.float(), *top_p.T)]
    packed = torch.stack([*bits, *(x.to(torch.int32) for x in whole)]).cpu().numpy()
    if packed[5 + kept + 2].any():
        row = int(np.flatnonzero(packed[5 + kept + 2])[0])
        check_given_labels(_plain(given), n, k)
        _refuse(z[row : row + 1].cpu().numpy(), given[row : row + 1].cpu().numpy(), row)
    real = packed[: 5 + kept].view(np.float32)
    return {
        "p_given": real[0],
        "margin": real[1],
        "loss": real[2],
        "entropy": real[4],
        "el2n": real[3],
        "pred": packed[5 + kept],
        "correct": packed[5 + kept + 1].astype(bool),
        "topk_p": np.ascontiguousarray(real[5:].T),
        "topk_class": np.ascontiguousarray(packed[5 + kept + 3 :].T),
    }
