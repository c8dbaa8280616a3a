"""Reasons why a label is or is not suspicious: the three strongest pieces of evidence of each row, in words.

Every reason is a phrase that can be checked in the data: how many neighbours disagree, in how many epochs the label was
learned, what a model predicts that had not seen the label. Its strength is how surprising it would be for a correct
label; the strongest come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from workbench.runs.votes import Votes

STANDING_SHARE = 0.3

HELD_OUT, OUT_OF_FOLD, IN_SAMPLE = "held-out models", "out-of-fold", "in-sample"
"""Source of the probabilities that a reason quotes: the text before its colon, and its kind."""

NEIGHBORS_KIND, LINKED, VOTES_KIND, LEARNING, STANDING_KIND = "neighbors", "edges", "votes", "learning", "standing"
"""The other kinds of reasons."""

APART = "; "
"""Separator between the reasons of a row, and between their kinds; it is replaced in class names."""

MEANINGS = {
    HELD_OUT: "probabilities of models that did not see this example's label: the detector's classifiers on embeddings "
    "or texts, combined with your out-of-fold probabilities if available (geometric mean)",
    OUT_OF_FOLD: "your out-of-fold probabilities (`pred_probs`), from a model that was not trained on this example",
    IN_SAMPLE: "your in-sample probabilities (`pred_probs`), from a model that was trained on this label",
    NEIGHBORS_KIND: "given labels of the nearest neighbours, shown below",
    LINKED: "given labels of the linked nodes, shown below",
    VOTES_KIND: "votes of the annotators, stored with `wb.review.save_votes`",
    LEARNING: "epochs of the recorded training in which the given label was predicted",
    STANDING_KIND: "rank of this example among those with the same given label, by the probability of that label",
}
"""The evidence behind a reason, by its kind."""


def meaning(kind: str) -> str:
    """Return the evidence behind a kind of reason, in words; "" for kinds of other modules."""
    return MEANINGS.get(kind, "")


def apart(joined: str | None) -> list[str]:
    """Split the reasons of a row, or their kinds."""
    return [part for part in str(joined or "").split(APART) if part]


class Reason(NamedTuple):
    """strength : float (n,), NaN if not applicable. words : object (n,). kind : a key of `MEANINGS`."""

    strength: np.ndarray
    words: np.ndarray
    kind: str


def strongest(reasons: Sequence[Reason], n: int, most: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return the `most` strongest reasons of each row and their kinds, joined by "; ": two object arrays (n,)."""
    out, kinds = np.full(n, "", object), np.full(n, "", object)
    if not reasons:
        return out, kinds
    strength = np.stack([np.nan_to_num(one.strength, nan=-np.inf) for one in reasons], axis=1)
    order = np.argsort(-strength, axis=1, kind="stable")[:, :most]
    words = np.stack([np.asarray(one.words, object) for one in reasons], axis=1)
    there = np.take_along_axis(strength, order, axis=1) > -np.inf
    for place in range(order.shape[1]):  # the applicable ones come first in each row
        rows = np.flatnonzero(there[:, place])
        out[rows] += (APART if place else "") + words[rows, order[rows, place]]
    # kinds repeat: build one text per combination instead of per row
    found = np.where(there, order[:, : there.shape[1]], -1)
    codes, back = np.unique(found, axis=0, return_inverse=True)
    joined = np.empty(len(codes), object)
    joined[:] = [APART.join(reasons[one].kind for one in row if one >= 0) for row in codes.tolist()]
    return out, joined[back.reshape(n)]


def _shown(classes: Sequence[str]) -> list[str]:
    """Return the names of classes as quoted in reasons."""
    return [name.replace(APART, ", ") for name in classes]


def of_neighbors(neighbor_labels: np.ndarray, given: np.ndarray) -> Reason:
    """Count labelled neighbours with another label: "9 of 10 neighbours disagree", or "10 of 10 neighbours agree"."""
    there = neighbor_labels >= 0
    total = there.sum(axis=1)
    against = (there & (neighbor_labels != given[:, None])).sum(axis=1)
    strength = -np.log((total - against + 0.5) / (total + 1.0))
    strength = np.where((total > 0) & (given >= 0), strength, np.nan)
    most = int(total.max(initial=0))
    table = np.full((most + 1, most + 1), "", object)
    for size in range(1, most + 1):
        for count in range(size + 1):
            verb, shown = ("disagree", count) if 2 * count >= size else ("agree", size - count)
            noun, verb = ("neighbour", f"{verb}s") if size == 1 else ("neighbours", verb)
            table[size, count] = f"{shown} of {size} {noun} {verb}"
    return Reason(strength, table[total, against], NEIGHBORS_KIND)


def of_links(
    table: np.ndarray, usual: np.ndarray, given: np.ndarray, strength: np.ndarray, classes: Sequence[str]
) -> Reason:
    """State the most frequent label of linked nodes: "7 of 9 linked nodes are labelled B".

    Parameters
    ----------
    table : int (n, k), number of linked nodes with each label
    usual : int (k, k), number of links from nodes with each given label (row) to each label; the reason mentions if a
        class mostly links to another one
    strength : float (n,), NaN if not applicable
    """
    n = len(table)
    total = table.sum(axis=1)
    agrees = (given >= 0) & (table[np.arange(n), np.maximum(given, 0)] == table.max(axis=1))
    most = np.where(agrees, given, table.argmax(axis=1))
    count = table[np.arange(n), most]
    names = _shown(classes)
    beside = np.where(usual.diagonal() == usual.max(axis=1), -1, usual.argmax(axis=1))
    keys = np.stack([np.maximum(given, 0), most, count, total], axis=1)
    codes, back = np.unique(keys, axis=0, return_inverse=True)
    words = np.empty(len(codes), object)
    for place, (mine, other, some, every) in enumerate(codes.tolist()):
        noun = "node is" if every == 1 else "nodes are"
        words[place] = f"{some} of {every} linked {noun} labelled {names[other]}"
        if beside[mine] >= 0:
            words[place] += f" ({names[mine]} mostly links to {names[beside[mine]]})"
    return Reason(np.where(total > 0, strength, np.nan), words[back.reshape(n)], LINKED)


def voted(votes: Votes, given: np.ndarray, classes: Sequence[str]) -> Reason:
    """State the label with most votes: "2 of 3 annotators said cat"; in case of a tie, the given label."""
    strength, words = np.full(len(given), np.nan), np.full(len(given), "", object)
    classes = _shown(classes)
    step = max(1, (1 << 22) // votes.k)
    for start in range(0, len(given), step):
        counts = votes.counts(slice(start, min(start + step, len(given))))
        labels = given[start : start + len(counts)]
        every, total = np.arange(len(counts)), counts.sum(axis=1)
        mine = np.where(labels >= 0, counts[every, np.maximum(labels, 0)], 0)
        top = counts.argmax(axis=1)
        said = np.where(counts[every, top] > mine, top, np.maximum(labels, 0))
        for row in np.flatnonzero(total):
            who = "annotator" if total[row] == 1 else "annotators"
            words[start + row] = f"{counts[row, said[row]]} of {total[row]} {who} said {classes[said[row]]}"
        surprise = -np.log((mine + 0.5) / (total + 1.0))
        strength[start : start + len(counts)] = np.where((total > 0) & (labels >= 0), surprise, np.nan)
    return Reason(strength, words, VOTES_KIND)


def learning(learned: np.ndarray, recorded: np.ndarray, given: np.ndarray) -> Reason:
    """Count epochs that predict the given label: "never learned in 20 epochs", "learned in 3 of 20 epochs"."""
    strength = -np.log((np.maximum(learned, 0) + 0.5) / (recorded + 1.0))
    strength = np.where((recorded > 0) & (given >= 0), strength, np.nan)
    most = int(recorded.max(initial=0))
    pairs, place = np.unique(np.maximum(recorded, 0) * (most + 1) + np.maximum(learned, 0), return_inverse=True)
    words = np.empty(len(pairs), object)
    for index, pair in enumerate(pairs.tolist()):
        total, count = divmod(pair, most + 1)
        epochs = "epoch" if total == 1 else "epochs"
        words[index] = f"never learned in {total} {epochs}" if count == 0 else f"learned in {count} of {total} {epochs}"
    return Reason(strength, words[place], LEARNING)


def of_predictions(
    what: str, p_given: np.ndarray, other: np.ndarray, p_other: np.ndarray, given: np.ndarray, classes: Sequence[str]
) -> Reason:
    """State a model's probabilities, the more likely class first: "held-out models: dog .93, cat .02".

    Parameters
    ----------
    what : source of the probabilities, such as `HELD_OUT`: the text before the colon, and the kind
    p_given, p_other : float (n,), probabilities of the given class and of `other`
    """
    strength = -np.log(np.maximum(p_given, 1e-6))
    strength = np.where(given >= 0, strength, np.nan)
    names = [*_shown(classes), ""]
    digits = [f"{value / 100:.2f}".removeprefix("0") for value in range(101)] + ["<.01", ">.99"]
    mine, theirs = _hundredths(p_given), _hundredths(p_other)
    first = np.nan_to_num(p_other) > np.nan_to_num(p_given)
    words = np.empty(len(given), object)
    for row, (g, o, a, b) in enumerate(zip(given.tolist(), other.tolist(), mine, theirs)):
        if o < 0:
            words[row] = f"{what}: {names[g]} {digits[a]}"
        elif first[row]:
            words[row] = f"{what}: {names[o]} {digits[b]}, {names[g]} {digits[a]}"
        else:
            words[row] = f"{what}: {names[g]} {digits[a]}, {names[o]} {digits[b]}"
    return Reason(strength, words, what)


def _hundredths(p: np.ndarray) -> list[int]:
    """Round probabilities to hundredths; 101 if a value above 0 rounds to 0, 102 if one below 1 rounds to 1."""
    p = np.nan_to_num(np.asarray(p, float))
    whole = np.rint(p * 100).astype(int).clip(0, 100)
    whole[(whole == 0) & (p > 0)] = 101
    whole[(whole == 100) & (p < 1)] = 102
    return whole.tolist()


def standing(p_given: np.ndarray, given: np.ndarray, classes: Sequence[str]) -> Reason:
    """Rank a row among those given the same class: "less likely than 99% of cat labels", "more likely ...".

    Parameters
    ----------
    p_given : float (n,), a probability of the given label; NaN if unknown

    Notes
    -----
    Ties share their mean rank. The reason is weak (a third of the others' strength), since every class has a lowest
    rank.
    """
    n = len(given)
    strength = np.full(n, np.nan)
    percent = np.full(n, 50)
    known = np.flatnonzero((given >= 0) & ~np.isnan(p_given))
    classmates = pd.Series(p_given[known]).groupby(given[known])
    size = classmates.transform("size").to_numpy()
    known, below = known[size > 1], ((classmates.rank().to_numpy() - 0.5) / size)[size > 1]
    strength[known] = -np.log(below) * STANDING_SHARE
    percent[known] = np.rint(100 * below).astype(int)
    place, back = np.unique(np.maximum(given, 0) * 101 + percent, return_inverse=True)
    classes = _shown(classes)
    words = np.empty(len(place), object)
    for index, one in enumerate(place.tolist()):
        class_, share = divmod(one, 101)
        name = classes[class_] if classes else ""
        more, share = ("more", share) if share >= 50 else ("less", 100 - share)
        words[index] = f"{more} likely than {min(share, 99)}% of {name} labels"
    return Reason(strength, words[back], STANDING_KIND)
