"""What a model predicts for the pixels of images: class probabilities, or classes with scores; read block by block.

Arrays may be mapped from files: only the pixels of a block are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, MissingEvidence, shortened
from workbench.tasks.raster_files import RASTER_READERS, open_raster

SUM_MARGIN = 0.02
"""Largest deviation of the sum of the probabilities of a pixel from 1, for probabilities of low precision."""

PROBS_FORMS = "Pass probabilities (n, classes, height, width), or n arrays or .npy files (classes, height, width)."
PREDICTED_FORMS = (
    "Pass predicted class indices (n, height, width), or n arrays, or .png, .npy or .tif files (height, width)."
)
SCORES_FORMS = (
    "Pass probabilities of the predicted classes (n, height, width), or n arrays or .npy files (height, width)."
)


class Pixels(NamedTuple):
    """Predictions for a block of pixels of g images of one size, (g, height, width) each.

    predicted : int16, the most likely class. p_given, p_predicted : float32 or float64, probabilities of the given and
    of the predicted class; of the given class it is 0 where there is no label.
    """

    predicted: np.ndarray
    p_given: np.ndarray
    p_predicted: np.ndarray


@dataclass(frozen=True)
class MaskPredictions:
    """Predictions for n images.

    Attributes
    ----------
    k : number of classes. sizes : (n, 2) int64, height and width of each image.
    probs : n arrays (k, height, width), or None. classes, scores : n arrays (height, width); used without `probs`.
    """

    k: int
    sizes: np.ndarray
    probs: Sequence[Any] | None
    classes: Sequence[Any] | None = None
    scores: Sequence[Any] | None = None

    def look(self, rows: Sequence[int], given: np.ndarray, top: int = 0, left: int = 0) -> Pixels:
        """Return the predictions for a block of images.

        Parameters
        ----------
        rows : g images of one size. given : (g, h, w) class indices of the block, -1 without a label. top, left : its
            place in the images.

        Raises
        ------
        InputError : values that are not probabilities, or not classes; the message names the image.
        """
        block = slice(top, top + given.shape[1]), slice(left, left + given.shape[2])
        if self.probs is None:
            return self._of_classes(rows, given, block)
        probs = self._checked_probs(rows, block)
        best, predicted = probs[:, 0].copy(), np.zeros(given.shape, np.int16)
        for code in range(1, self.k):  # without branches: codes rise, so the largest one above the best so far counts
            above = (probs[:, code] > best).astype(np.int16)
            above *= np.int16(code)
            np.maximum(predicted, above, out=predicted)
            np.maximum(best, probs[:, code], out=best)
        return Pixels(predicted, _of_given(probs, given), best)

    def given_probability(self, rows: Sequence[int], given: np.ndarray, top: int = 0, left: int = 0) -> np.ndarray:
        """Return `p_given` of `look`, in less time."""
        if self.probs is None:
            return self.look(rows, given, top, left).p_given
        block = slice(top, top + given.shape[1]), slice(left, left + given.shape[2])
        return _of_given(self._checked_probs(rows, block), given)

    def _checked_probs(self, rows: Sequence[int], block: tuple[slice, slice]) -> np.ndarray:
        """Return the probabilities (g, k, h, w) of a block of images, float32 or float64."""
        assert self.probs is not None
        if isinstance(self.probs, np.ndarray) and list(rows) == list(range(rows[0], rows[0] + len(rows))):
            probs = np.asarray(self.probs[rows[0] : rows[-1] + 1])[:, :, block[0], block[1]]
        else:
            probs = np.stack([np.asarray(self.probs[row][:, block[0], block[1]]) for row in rows])
        if probs.dtype.kind != "f" or probs.dtype.itemsize not in (4, 8):
            probs = probs.astype(np.float32)
        total = probs.sum(axis=1)
        if not (probs.min() >= -1e-6 and total.min() >= 1 - SUM_MARGIN and total.max() <= 1 + SUM_MARGIN):  # NaN too
            sums = (total >= 1 - SUM_MARGIN) & (total <= 1 + SUM_MARGIN)
            wrong = ~sums | ~(probs.min(axis=1) >= -1e-6)
            at, y, x = (int(one) for one in np.argwhere(wrong)[0])
            place = f"({y + block[0].start}, {x + block[1].start})"
            found = f"holds {shortened(probs[at, :, y, x].tolist())} at pixel {place}"
            todo = "Pass probabilities that sum to 1, such as a softmax over the classes."
            raise InputError.at("pred_probs", found, todo, row=int(rows[at]))
        return probs

    def _of_classes(self, rows: Sequence[int], given: np.ndarray, block: tuple[slice, slice]) -> Pixels:
        assert self.classes is not None
        predicted = np.stack([np.asarray(self.classes[row][block]) for row in rows])
        wrong = (predicted < 0) | (predicted >= self.k)
        if wrong.any():
            at, y, x = (int(one) for one in np.argwhere(wrong)[0])
            found = f"holds the class {predicted[at, y, x]} at pixel ({y + block[0].start}, {x + block[1].start})"
            raise InputError.at("predictions", found, f"Classes are 0 to {self.k - 1}.", row=int(rows[at]))
        if self.scores is None:
            p = np.full(given.shape, max(0.9, 1 / self.k), np.float32)
        else:
            p = np.stack([np.asarray(self.scores[row][block]) for row in rows]).astype(np.float32)
            wrong = ~((p >= 0) & (p <= 1))
            if wrong.any():
                at, y, x = (int(one) for one in np.argwhere(wrong)[0])
                found = f"holds {p[at, y, x]:g} at pixel ({y + block[0].start}, {x + block[1].start})"
                raise InputError.at("scores", found, "Pass numbers in [0, 1].", row=int(rows[at]))
        own = np.where(given == predicted, p, (1 - p) / max(self.k - 1, 1))
        return Pixels(predicted.astype(np.int16), np.where(given >= 0, own, 0).astype(np.float32), p)


def _of_given(probs: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the probabilities (g, h, w) of given classes; 0 without a label."""
    g, k, h, w = probs.shape
    index = np.maximum(given, 0, dtype=np.intp).reshape(g, h * w)
    if probs.flags.c_contiguous:
        index *= h * w
        index += np.arange(h * w)
        index += np.arange(0, probs.size, k * h * w)[:, None]
        own = probs.reshape(-1).take(index).reshape(g, h, w)
    else:
        own = np.take_along_axis(probs, index.reshape(g, 1, h, w), axis=1)[:, 0]
    if given.min() < 0:
        own[given < 0] = 0
    return own


class ImageArrays(Sequence[Any]):
    """One array per image; files are read, .npy files mapped into memory, when they are needed, so that few are open.

    Attributes
    ----------
    listed : n arrays, nested lists or paths.
    """

    def __init__(self, field: str, values: Iterable[Any]) -> None:
        self.field = field
        self._last: tuple[int, Any] | None = None  # of files that must be decoded as a whole
        self.listed = [
            one if hasattr(one, "shape") or isinstance(one, (str, Path)) else np.asarray(one) for one in values
        ]

    def __len__(self) -> int:
        return len(self.listed)

    @property
    def paths(self) -> list[str]:
        """Absolute paths of the images that are files."""
        return [str(Path(one).absolute()) for one in self.listed if isinstance(one, (str, Path))]

    def __getitem__(self, row: Any) -> Any:
        one = self.listed[row]
        if not isinstance(one, (str, Path)):
            return one
        if self._last is None or self._last[0] != row:
            self._last = row, _mapped(self.field, one, row)
        return self._last[1]


def image_arrays(field: str, values: Any) -> Any:
    """Return the arrays of n images: an array, the path of one, or a list of arrays or of paths.

    Raises
    ------
    InputError : a file cannot be read; those of single images are read when they are needed.
    """
    if isinstance(values, (str, Path)):
        return _mapped(field, values)
    kind = getattr(getattr(values, "dtype", None), "kind", None)
    listed = isinstance(values, (pd.Series, pd.Index)) or kind in ("O", "U")
    return values if hasattr(values, "shape") and not listed else ImageArrays(field, values)


def class_count(pred_probs: Any) -> int:
    """Return the number of classes of probabilities (n, k, height, width), or of n arrays (k, height, width)."""
    images = image_arrays("pred_probs", pred_probs) if hasattr(pred_probs, "__len__") and len(pred_probs) else None
    first = None if images is None else images[0]
    if first is None or np.ndim(first) != 3:
        shape = getattr(pred_probs, "shape", () if first is None else np.shape(first))
        raise InputError.at("pred_probs", f"has the shape {tuple(shape)}", PROBS_FORMS)
    return len(first)


def mask_predictions(
    sizes: np.ndarray, k: int, pred_probs: Any = None, predictions: Any = None, scores: Any = None
) -> MaskPredictions:
    """Return checked predictions for n images.

    Parameters
    ----------
    sizes : (n, 2) int64, height and width of the labels; 0 without a label, for which any size is accepted.
    k : number of classes.
    pred_probs : (n, k, height, width) float, also mapped from a file, or the path of such a .npy file; or n arrays
        (k, height, width), or n paths of such files.
    predictions : (n, height, width) int class indices, or n arrays; files as above, or indexed pictures (.png, .tif).
    scores : their probabilities, of the same form; .9 everywhere by default. Both are used without `pred_probs` only.

    Raises
    ------
    InputError : another number of images or classes, or another size than the labels. MissingEvidence : there are no
        predictions.
    """
    if pred_probs is not None:
        probs = _images("pred_probs", pred_probs, len(sizes), 3, PROBS_FORMS)
        for row, one in enumerate(probs):
            if len(one) != k:
                found = f"has {len(one)} classes, and the labels have {k}"
                raise InputError.at("pred_probs", found, "Name the classes with `classes=`.", row=row)
        return MaskPredictions(k, _checked_sizes("pred_probs", probs, sizes), probs)
    if predictions is None:
        raise MissingEvidence.beside_labels("masks", ("pred_probs", "predictions"))
    classes = _images("predictions", predictions, len(sizes), 2, PREDICTED_FORMS)
    for row, one in enumerate(classes):
        if np.asarray(one[:1]).dtype.kind not in "iub":
            raise InputError.at("predictions", f"has the dtype {np.asarray(one[:1]).dtype}", PREDICTED_FORMS, row=row)
    found = _checked_sizes("predictions", classes, sizes)
    sure = None if scores is None else _images("scores", scores, len(sizes), 2, SCORES_FORMS)
    if sure is not None:
        _checked_sizes("scores", sure, found)
    return MaskPredictions(k, found, None, classes, sure)


def _mapped(field: str, path: str | Path, row: int | None = None) -> np.ndarray:
    """Return the array of a .npy file, mapped into memory, or the pixels of an indexed picture."""
    if Path(path).suffix.lower() in RASTER_READERS and Path(path).suffix.lower() != ".npy":
        return open_raster(path, row, field)
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        found, todo = f"names a file that cannot be read ({error})", "Save it with np.save."
        raise InputError.at(field, found, todo, row=row) from error


def _images(field: str, values: Any, n: int, axes: int, todo: str) -> Sequence[Any]:
    """Return n arrays with this number of axes."""
    if not isinstance(values, (str, Path)) and (not hasattr(values, "__len__") or isinstance(values, (bytes, dict))):
        raise InputError.at(field, f"is {shortened(values)}", todo)
    found = image_arrays(field, values)
    if len(found) != n:
        raise InputError.at(field, f"has {len(found):,} images for {n:,} labels", todo)
    for row in range(n):
        if len(found[row].shape) != axes:
            raise InputError.at(field, f"has the shape {tuple(found[row].shape)}", todo, row=row)
    return found


def _checked_sizes(field: str, images: Sequence[Any], sizes: np.ndarray) -> np.ndarray:
    """Return the sizes (n, 2) of the images, which must be those of the labels."""
    found = np.array([one.shape[-2:] for one in images], np.int64).reshape(-1, 2)
    wrong = (sizes[:, 0] > 0) & (found != sizes).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        (height, width), (own_height, own_width) = found[row], sizes[row]
        text = f"has the size {height} x {width}, and the label has {own_height} x {own_width} (height x width)"
        raise InputError.at(field, text, "Scale the predictions to the size of the labels.", row=row)
    return found
