"""Simulations with known true labels: real digits, label noise of a chosen kind, a network trained on them.

A simulation shows what is unknown on real data: which labels are wrong, when the network memorizes them, which scores
find them, and the effect of correcting some. All networks of an experiment (the observed one, those for out-of-fold
probabilities, those trained on corrected labels) are trained together, as slices of the same arrays, so that an
experiment takes a second or two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypedDict

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.evidence.evidence import Evidence
from workbench.evidence.out_of_fold import deal_folds
from workbench.experiments.simulation.stacked_networks import training
from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.foundation.statistics import statistics
from workbench.issues import find_issues
from workbench.issues.plant import plant_errors
from workbench.scores import SCORES, score
from workbench.scores.dynamics import confidence, variability

TRAIN = 800  # number of training images; the rest of the 1,797 digits, with true labels, is the test set
FOLDS = 4
BOUNDARY_EPOCHS = 6
REPLICATES = 2  # networks per number of corrections, with different initial weights
CHECKED = (0.25, 0.5, 1.0, 1.5)  # examples checked, as multiples of the number of wrong labels
NOISES = ("symmetric", "pair", "classes", "boundary", "annotator")
DETECTORS = ("p_error", "self_confidence", "aum", "forgetting", "last_loss")


def class_noise(k: int) -> np.ndarray:
    """Return a transition matrix (k, k) in which each class of the upper half is labelled as the class below it."""
    matrix = np.eye(k)
    for label in range(k // 2, k):
        matrix[label, label] = 0.5
        matrix[label, label - 1] = 0.5
    return matrix


class _Training(TypedDict):
    """Settings and data common to all networks of a simulation."""

    width: int
    epochs: int
    seed: int


@dataclass(frozen=True)
class Simulation:
    """Result of `simulate`, with the true labels.

    Attributes
    ----------
    dataset : Dataset of the training images with their given labels; `planted` says which are wrong.
    truth : int64 (n,), the true class of each training image.
    wrong : bool (n,), whether the given label is a planted error.
    evidence : Evidence: logits (epochs, n, k) of the observed network, and out-of-fold probabilities (n, k).
    memorization : DataFrame, one row per epoch (from 1): wrong_fitted, share of the wrong labels that the network
        predicts; wrong_as_true, share of the mislabelled images whose true class it predicts; right_fitted, share of
        the correct labels that it predicts; test_accuracy, on held-out images with true labels. All in [0, 1].
    settings : the arguments of `simulate`.
    """

    dataset: Dataset = field(repr=False)
    truth: np.ndarray = field(repr=False)
    wrong: np.ndarray = field(repr=False)
    evidence: Evidence = field(repr=False)
    memorization: pd.DataFrame = field(repr=False)
    settings: dict[str, Any]
    _features: np.ndarray = field(repr=False)
    _test: tuple[np.ndarray, np.ndarray] = field(repr=False)
    figures: ClassVar[tuple[str, ...]] = ("map", "memorization", "detection", "repair")

    def data_map(self, epochs: int | None = None) -> pd.DataFrame:
        """Return the data map after some epochs: confidence and variability of each example, and whether it is
        wrong."""
        p_given = self.evidence.get("p_given")[:epochs]
        columns = {"confidence": confidence(p_given), "variability": variability(p_given), "wrong": self.wrong}
        return pd.DataFrame(columns, index=pd.Index(self.dataset.ids, name="id"))

    @cached_property
    def issues(self) -> pd.DataFrame:
        """The result of `wb.find_issues` for the evidence."""
        return find_issues(self.evidence)

    @cached_property
    def suspicion(self) -> pd.DataFrame:
        """One column per detector of `DETECTORS`, indexed by id; high values are suspicious."""
        columns: dict[str, np.ndarray] = {}
        for name in DETECTORS:
            if name == "p_error":  # by position in the list, which also ranks equal probabilities
                order = self.issues["row"].to_numpy()
                columns[name] = np.empty(len(order))
                columns[name][order] = -np.arange(len(order), dtype=float)
            elif name == "last_loss":
                columns[name] = self.evidence.get("loss")[-1].astype(float)
            else:
                sign = 1 if SCORES[name].suspicious == "high" else -1
                columns[name] = sign * score(self.evidence, name)[name].to_numpy(float)
        return pd.DataFrame(columns, index=pd.Index(self.dataset.ids, name="id"))

    @cached_property
    def detection(self) -> pd.DataFrame:
        """Precision and recall of every detector: detector, checked (examples from the top), precision, recall.

        `.attrs["average_precision"]` has one number per detector, in [0, 1]; by chance it is the share of wrong labels.
        Examples with equal scores are counted together.
        """
        from sklearn.metrics import average_precision_score, precision_recall_curve

        parts, average = [], {}
        for name, column in self.suspicion.items():
            values = column.to_numpy()
            precision, recall, cuts = precision_recall_curve(self.wrong, values)
            checked = len(values) - np.searchsorted(np.sort(values), cuts)
            part = {"detector": name, "checked": checked, "precision": precision[:-1], "recall": recall[:-1]}
            parts.append(pd.DataFrame(part).iloc[::-1])
            average[name] = float(average_precision_score(self.wrong, values))
        table = pd.concat(parts, ignore_index=True)
        table.attrs["average_precision"] = average
        return table

    @cached_property
    def repair(self) -> pd.DataFrame:
        """Effect of correcting labels: networks retrained after the first examples of a list were checked.

        A checked label is replaced by the true one; the list is sorted by decreasing `p_error`, or random.

        Returns
        -------
        DataFrame: order ("suspicious" or "random"), checked (examples), corrected (labels that were wrong among them),
        replicate, accuracy on the held-out images. Networks of one replicate have the same initial weights and differ
        only in their labels; checked = 0 is the same for both orders.
        """
        wrong = int(self.wrong.sum())
        return self._repaired([0, *sorted({min(len(self.truth), round(part * wrong)) for part in CHECKED})])

    def fix(self, checked: int) -> pd.DataFrame:
        """Return `repair` for a given number of checked examples: the rows for 0 and for that number.

        Parameters
        ----------
        checked : from 0 to the number of training images.
        """
        if int(checked) != checked or not 0 <= checked <= len(self.truth):
            raise InputError.at("checked", f"is {checked!r}", f"Use a whole number from 0 to {len(self.truth)}.")
        checked = int(checked)
        table = self.repair
        if checked not in set(table["checked"]):
            if checked not in self._fixed:
                self._fixed[checked] = self._repaired([checked])
            table = pd.concat([table, self._fixed[checked]])
        mine = table[table["checked"].isin([0, checked])]
        return mine.sort_values(["order", "checked", "replicate"], ignore_index=True)

    @cached_property
    def _fixed(self) -> dict[int, pd.DataFrame]:
        """Results by number of checked examples, cached so that moving a slider back does not train again."""
        return {}

    def _repaired(self, numbers: list[int]) -> pd.DataFrame:
        """Return rows as in `repair`; numbers must be distinct and ascending."""
        rng = np.random.default_rng(self.settings["seed"] + 1)
        lists = {"suspicious": self.issues["row"].to_numpy(), "random": rng.permutation(len(self.truth))}
        given, rows, labels = self.dataset.given_labels, [], []
        for order, listed in lists.items():
            for checked in numbers:
                first = listed[:checked]
                mended = given.copy()
                mended[first] = self.truth[first]
                rows.append({"order": order, "checked": checked, "corrected": int(self.wrong[first].sum())})
                labels.append(mended)
        # with none checked, both orders are the same
        once, place = np.unique(np.stack(labels), axis=0, return_inverse=True)
        accuracy = self._accuracies(once)[place.ravel()]
        found = [{**row, "replicate": r, "accuracy": float(a)} for row, line in zip(rows, accuracy)
                 for r, a in enumerate(line)]  # fmt: skip
        return pd.DataFrame(found).sort_values(["order", "checked", "replicate"], ignore_index=True)

    def _accuracies(self, labels: np.ndarray) -> np.ndarray:
        """Return the test accuracy (variants, REPLICATES) after training on each row of `labels` (variants, n)."""
        repeated = np.repeat(labels, REPLICATES, axis=0)
        starts = np.tile(np.arange(REPLICATES), len(labels)) + self.settings["seed"]
        images, target = self._test
        *_, last = training(self._features, repeated, self.dataset.k, starts=starts, **self._training())
        right = last.logits(images).argmax(axis=2) == target
        return right.mean(axis=1).reshape(len(labels), REPLICATES)

    def _training(self) -> _Training:
        return {"width": self.settings["width"], "epochs": self.settings["epochs"], "seed": self.settings["seed"]}


def simulate(
    noise: str | np.ndarray = "symmetric", rate: float = 0.2, *, width: int = 64, epochs: int = 20, seed: int = 0
) -> Simulation:
    """Corrupt labels of real digits, train a small network on them, and keep all results.

    Parameters
    ----------
    noise : "symmetric", "pair", "classes" (the digits 5 to 9 are labelled as the digit below), "boundary" (images near
        the boundary of a classifier), "annotator" (five people of different accuracy), or a float transition matrix
        (k, k): the kinds of `wb.experiments.plant_errors`.
    rate : share of the training labels that are wrong, in (0, 1).
    width : units of the hidden layer; a wider network memorizes wrong labels sooner.
    epochs : number of passes over the training images.
    seed : random seed; results are reproducible on one machine, and agree to about three digits on others.

    Returns
    -------
    Simulation; `detection`, `repair` and `fix` are computed on first access.

    Raises
    ------
    InputError : an unknown kind of noise, or a rate, width or number of epochs out of range.

    Notes
    -----
    A network with one hidden layer of rectified linear units is trained with AdamW on 800 of scikit-learn's 8 x 8
    digits; the other 997 are the test set. Out-of-fold probabilities come from four further networks, each trained
    without a quarter of the images, at the epoch with the highest likelihood of the given labels of that quarter, which
    needs no true labels.
    """
    if isinstance(noise, str) and noise not in NOISES:
        raise InputError.unknown("noise", noise, NOISES, "Or pass a (k, k) transition matrix.")
    for name, value, least in (("width", width, 1), ("epochs", epochs, 1)):
        check_whole(name, value, least)
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    train, test = order[:TRAIN], order[TRAIN:]
    features = (digits.data / 16).astype(np.float32)
    truth, k = digits.target[train].astype(np.int64), len(digits.target_names)
    images = (digits.images[train] * 15.9375).round().astype(np.uint8)
    clean = Dataset.from_arrays(truth, ids=train, images=images, classes=[str(name) for name in digits.target_names])
    kind = class_noise(k) if isinstance(noise, str) and noise == "classes" else noise
    probs = None
    if isinstance(noise, str) and noise == "boundary":
        probs = _watched(features[train], truth, k, width=width, epochs=BOUNDARY_EPOCHS, seed=seed)[1]
    dataset = plant_errors(clean, rate, kind, pred_probs=probs, seed=seed)
    given = dataset.given_labels
    wrong = given != truth
    held_out = (features[test], digits.target[test])
    logits, probs, accuracy = _watched(
        features[train], given, k, width=width, epochs=epochs, seed=seed, held_out=held_out
    )
    evidence = Evidence.from_arrays(given, k, probs, logits=logits, ids=dataset.ids, classes=dataset.classes)
    pred = logits.argmax(axis=2)
    shares = {
        "wrong_fitted": (pred == given)[:, wrong].mean(axis=1),
        "wrong_as_true": (pred == truth)[:, wrong].mean(axis=1),
        "right_fitted": (pred == given)[:, ~wrong].mean(axis=1),
        "test_accuracy": accuracy,
    }
    memorization = pd.DataFrame(shares, index=pd.RangeIndex(1, epochs + 1, name="epoch"))
    settings = {"noise": noise, "rate": rate, "width": int(width), "epochs": int(epochs), "seed": int(seed)}
    return Simulation(dataset, truth, wrong, evidence, memorization, settings, features[train], held_out)


def _watched(
    features: np.ndarray, labels: np.ndarray, k: int, *, width: int, epochs: int, seed: int,
    held_out: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return logits (epochs, n, k), out-of-fold probabilities (n, k), and accuracy (epochs,) on `held_out`."""
    from scipy.special import softmax

    n = len(labels)
    fold = deal_folds(labels, FOLDS, seed)
    use = np.ones((1 + FOLDS, n), np.float32)
    use[1:] = fold[None] != np.arange(FOLDS)[:, None]
    logits, accuracy = np.empty((epochs, n, k), np.float32), np.full(epochs, np.nan)
    best, probs = np.full(FOLDS, np.inf), np.empty((n, k), np.float32)
    same = np.repeat(labels[None], 1 + FOLDS, axis=0)
    starts = seed + np.arange(1 + FOLDS)
    steps = training(features, same, k, width=width, epochs=epochs, seed=seed, starts=starts, use=use)
    for epoch, networks in enumerate(steps):
        values = networks.logits(features)
        logits[epoch] = values[0]
        for part in range(FOLDS):
            mine = fold == part
            loss = float(statistics(values[1 + part][mine], labels[mine], topk=1)["loss"].mean())
            if loss < best[part]:
                best[part] = loss
                probs[mine] = softmax(values[1 + part][mine], axis=1)
        if held_out is not None:
            pred = networks.logits(held_out[0])[0].argmax(axis=1)
            accuracy[epoch] = (pred == held_out[1]).mean()
    return logits, probs, accuracy
