"""The estimator of multi-label data: the probability that each tag of each example is wrong.

    views of a cell without its own label -> log odds of yes -> rates of missing and extra tags -> P(wrong)

Up to `MOST_CELLS` cells all are judged; in larger tables those that are given and the most likely others
(`workbench.issues.tags.candidates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workbench.foundation.errors import MissingEvidence
from workbench.foundation.progress import step
from workbench.issues.calibration import expit
from workbench.issues.kinds.checked import vectors as vectors_of
from workbench.issues.kinds.contract import Asked, Found
from workbench.issues.tags import predictions, training
from workbench.issues.tags.candidates import Chosen, chosen_cells
from workbench.issues.tags.lines import Cells
from workbench.issues.tags.rates import Rates, Wrong, wrong
from workbench.issues.tags.tag_views import GIVEN, HEADS, views
from workbench.issues.tags.words import TagNeighbors, TagWords, unit_vectors
from workbench.tasks.keys import number_of, position_keys
from workbench.tasks.multilabel import MOST_CELLS, VALUES
from workbench.tasks.tag_cells import TagCells, cells_of
from workbench.tasks.units import Units

ERROR_KINDS = np.array(["missing", "wrong", None], object)
"""Kind of an error in a cell given as no, and as yes."""

MOST_APART_COUNTS, MOST_ABOVE = 1.8, 1.6
"""Maximum ratio of the two counts of errors for which their number counts as identified; the second applies if the
confident joint finds more than maximum likelihood, as with errors in cells that are hard for the model."""

LEAST_COUNTED = 0.5
"""Minimum number of errors, relative to the cells that the model is expected to mistake, that counts as identified."""

SEEN_CELLS, LEAST_SEEN = 1_000_000, 10
"""Number of cells, and least number of rows, by which probabilities with only two values are recognised."""

BEYOND_CELLS = 2.5
"""Upper end of the range if not identified, as a multiple of the share of contradicted cells."""

COUNT_MARGIN = 0.25
"""Relative margin of the interval around the two counts."""

FEW_POSITIVES = 5
"""Tags with fewer positives rely on what is common to all tags."""


class Tags:
    """The estimator of the task "multilabel"."""

    version = 4

    def judge(self, asked: Asked) -> Found:
        """Estimate P(wrong) of each known cell; `kind` is "missing" or "wrong"."""
        dataset = asked.dataset
        given = cells_of(dataset.labels)
        probs = predictions.tag_probabilities(asked)
        vectors, of = vectors_of(asked)
        epochs = training.trained(asked)
        if probs is None and vectors is None:
            if epochs is None:
                raise MissingEvidence.beside_labels("multilabel", dataset.kind.predictions)
            asked, probs, epochs = replace(asked, out_of_fold=False), epochs.table(dataset.n, dataset.k), None
        step("views of the tags")
        graded = vectors is not None or not _is_two_valued(probs)
        if dataset.n * dataset.k <= MOST_CELLS:
            return _all_cells(asked, given, probs, vectors, of, epochs, graded)
        decided = np.empty((0, 2), np.int64)
        if asked.verdicts is not None and len(asked.verdicts):
            ids, keys = zip(*asked.verdicts.index)
            rows = dataset.index.get_indexer(list(ids))
            pairs = [(row, number_of(str(key))) for row, key in zip(rows, keys) if row >= 0]
            decided = np.array([pair for pair in pairs if pair[1] is not None], np.int64).reshape(-1, 2)
        return _some_cells(asked, given, chosen_cells(given, dataset.k, probs, vectors, decided), epochs, graded)


def _all_cells(
    asked: Asked, given: TagCells, probs: np.ndarray | None, vectors: np.ndarray | None, of: str,
    epochs: training.TrainedTags | None, graded: bool,
) -> Found:  # fmt: skip
    dataset = asked.dataset
    n, k = dataset.n, dataset.k
    units = dataset.units
    assert units.groups is not None  # the tag of each cell
    table = units.given.reshape(n, k).astype(np.int8)
    seen = views(table, probs, vectors)
    odds = seen.odds.ravel()
    step("rates of missing and wrong tags")
    judged = wrong(seen.cells, odds[seen.known]) if len(seen.known) else _nothing(k)
    notes = [f"the other tags of an example add {seen.gain:.1%} of log likelihood"]
    notes.append("used" if seen.sets is not None else "too little to be used")
    notes = [", ".join(notes)]
    if epochs is not None and len(seen.known):
        judged = _with_training(judged, seen.cells, epochs.at(seen.known), seen.used, notes)
    p_error = np.full(n * k, np.nan)
    p_error[seen.known] = judged.p
    sets = None if seen.sets is None else seen.sets.ravel()
    says = "held-out models" if HEADS in seen.used else "out-of-fold"
    says = "in-sample" if GIVEN in seen.used and not asked.out_of_fold else says
    words = TagWords(
        units.rows, units.groups, units.given, p_error, odds, says, sets, lambda rows, tags: table[rows, tags],
        judged.likeliest, dataset.classes, None if vectors is None else TagNeighbors(unit_vectors(vectors)),
    )  # fmt: skip
    views_used = [one.replace("embeddings", of or "embeddings") for one in seen.used]
    return _found(asked, units, p_error, odds, judged, seen.cells, words, views_used, notes, graded)


def _with_training(judged: Wrong, cells: Cells, p_yes: np.ndarray, used: Sequence[str], notes: list[str]) -> Wrong:
    """Combine the result with the doubts of a training, described in the notes."""
    p, note = training.weighed(judged.p, cells, p_yes, heads=HEADS in used)
    notes.append(note)
    return judged._replace(p=p)


def _some_cells(
    asked: Asked, given: TagCells, chosen: Chosen, epochs: training.TrainedTags | None, graded: bool
) -> Found:
    dataset = asked.dataset
    known = np.flatnonzero(chosen.given >= 0)
    cells = Cells(chosen.tags[known], chosen.given[known], dataset.k)
    step("rates of missing and wrong tags")
    judged = wrong(cells, chosen.odds[known], chosen.unlisted)
    notes: list[str] = []
    if epochs is not None and len(known):
        p_yes = epochs.at(chosen.rows[known] * dataset.k + chosen.tags[known])
        judged = _with_training(judged, cells, p_yes, chosen.used, notes)
    p_error = np.full(len(chosen.tags), np.nan)
    p_error[known] = judged.p
    units = Units(dataset.n, chosen.rows, chosen.given, position_keys(chosen.tags), groups=chosen.tags)
    width = dataset.k
    listed = chosen.rows[chosen.given == 1] * width + chosen.tags[chosen.given == 1]

    def given_of(rows: np.ndarray, tags: np.ndarray) -> np.ndarray:
        place = rows.astype(np.int64) * width + tags
        at = np.minimum(np.searchsorted(listed, place), max(len(listed) - 1, 0))
        yes = listed[at] == place if len(listed) else np.zeros(place.shape, bool)
        return np.where(yes, 1, np.where(given.missing[rows] | given.open[rows], -1, 0))

    says = "held-out models" if HEADS in chosen.used else "out-of-fold" if asked.out_of_fold else "in-sample"
    near = None if chosen.vectors is None else TagNeighbors(chosen.vectors)
    words = TagWords(
        chosen.rows, chosen.tags, chosen.given, p_error, chosen.odds, says, chosen.sets, given_of, judged.likeliest,
        dataset.classes, near,
    )  # fmt: skip
    low = (chosen.given == 1) & ~chosen.above  # for each correct tag below the threshold, some are missing there
    odds_missing = judged.likeliest.missing / (1 - judged.likeliest.missing)
    share = ((1 - p_error[low]) * odds_missing[chosen.tags[low]]).sum()
    note = f"{len(chosen.rows):,} of {dataset.n * width:,} cells judged: those given, and the most likely others"
    used, notes = chosen.used, [note, *notes]
    return _found(asked, units, p_error, chosen.odds, judged, cells, words, used, notes, graded, float(share))


def _found(
    asked: Asked, units: Units, p_error: np.ndarray, odds: np.ndarray, judged: Wrong, cells: Cells, words: TagWords,
    used: list[str], notes: list[str], graded: bool, below: float = 0.0,
) -> Found:  # fmt: skip
    given = units.given
    names = np.array([VALUES[0], VALUES[1], None], object)
    yes = expit(odds)
    assert units.groups is not None  # the tag of each cell
    unknown = given < 0
    other = np.where(unknown, (yes >= 0.5).astype(np.int64), 1 - given)
    sure = np.where(yes >= 0.5, yes, 1 - yes)
    low, high, why = _count(judged, cells, odds[~unknown])
    if set(asked.evidence) == {"dynamics"}:
        used = [training.TRAINED if one == GIVEN else one for one in used]
        why = "the training has seen the tags; pass out-of-fold probabilities, or embeddings that never saw them"
    elif not asked.out_of_fold:
        why = why or "the probabilities have seen the tags; pass out-of-fold ones or embeddings"
    elif _embeddings_saw(asked):
        why = "the embeddings were trained on the tags; pass ones that never saw them"
    elif not graded:
        why = "the probabilities have two values for each tag, so mistakes of the model look like errors"
    if why:
        low, high = 0.0, max(high, BEYOND_CELLS * _contradicted(cells, odds[~unknown]))
    rare = int(((cells.positives > 0) & (cells.positives < FEW_POSITIVES)).sum())
    if rare:
        notes.append(f"{rare:,} {'tag has' if rare == 1 else 'tags have'} fewer than {FEW_POSITIVES} positives")
    return Found(
        units,
        p_error,
        names[given],
        names[other],
        np.where(unknown, sure, np.nan_to_num(p_error)),
        (low, high),
        words,
        kind=ERROR_KINDS[given],
        columns={"tag": np.array([*asked.dataset.classes, ""], object)[units.groups]},
        p_least=None if unknown.all() else _least(p_error, judged, unknown),
        pair=2 * units.groups + (given == 1),
        identified=not why,
        why=why,
        below=below,
        evidence=", ".join(used),
        method="; ".join(notes),
        sources={},
    )


def _embeddings_saw(asked: Asked) -> bool:
    """Whether the embeddings are a run's, of a training on the tags: heads on them find fewer errors than there are."""
    if asked.run is None or not asked.run.embedding_epochs or asked.sources.get("embeddings") in (None, "as given"):
        return False
    return asked.run.embedding_provenance().saw_labels is True


def _count(judged: Wrong, cells: Cells, odds: np.ndarray) -> tuple[float, float, str]:
    """Return (low, high, why the number of errors is not identified, or "")."""
    counts = sorted((float(judged.by_count.sum()), float(judged.by_likelihood.sum())))
    low, high = counts[0] * (1 - COUNT_MARGIN), counts[1] * (1 + COUNT_MARGIN)
    if not len(cells.y) or counts[1] <= 0:
        return 0.0, 0.0, ""
    most = MOST_ABOVE if counts[1] == float(judged.by_count.sum()) else MOST_APART_COUNTS
    if counts[1] > most * counts[0]:
        apart = f"two ways to count find {counts[0]:,.0f} and {counts[1]:,.0f}"
        return low, high, f"{apart}, so errors may be systematic and look like the meaning of tags"
    counted = float(judged.p.sum())
    if counted < LEAST_COUNTED * judged.mistaken:
        many = (
            f"the models are expected to mistake {judged.mistaken:,.0f} tags, more than twice the {counted:,.0f} errors"
        )
        return low, high, f"{many} they find, so errors that are where they are unsure would go unnoticed"
    return low, high, ""


def _is_two_valued(probs: np.ndarray | None) -> bool:
    """Whether probabilities (n, k) have at most two values for each tag, as predictions without probabilities have."""
    if probs is None or len(probs) < LEAST_SEEN:
        return False
    some = np.asarray(probs[:: max(1, probs.size // SEEN_CELLS)], float)
    low, high = np.fmin.reduce(some), np.fmax.reduce(some)
    return bool(((some == low) | (some == high) | np.isnan(some)).all())


def _contradicted(cells: Cells, odds: np.ndarray) -> float:
    return float(((odds > 0) != (cells.y > 0.5)).sum())


def _least(p_error: np.ndarray, judged: Wrong, unknown: np.ndarray) -> np.ndarray:
    least = np.full(len(p_error), np.nan)
    least[~unknown] = np.minimum(judged.p, np.minimum(judged.by_count, judged.by_likelihood))
    return least


def _nothing(k: int) -> Wrong:
    empty, none = np.empty(0), Rates(np.zeros(k), np.zeros(k))
    return Wrong(empty, empty, empty, none, none)
