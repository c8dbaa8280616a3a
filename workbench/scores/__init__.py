"""How doubtful and how hard every example is: one pure function per score, one table `SCORES`, one call `score`.

Hidden here: which scores the evidence at hand allows, passing it by blocks of rows so that memory stays flat, and the
copy in the run's cache that a new epoch or new probabilities make stale.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import InputError, MissingEvidence
from workbench.evidence import NEIGHBORS, Evidence
from workbench.run import opened
from workbench.scores import annotators, dynamics, labels, neighbors  # noqa: F401  (each fills SCORES)
from workbench.scores.registry import SCORES, Score

if TYPE_CHECKING:
    from workbench.dataset import Dataset
    from workbench.run import PredProbs, Run

__all__ = ["SCORES", "Score", "score"]

STATISTICS = ("p_given", "margin", "loss", "entropy", "el2n", "correct")
"""Evidence per epoch, (epochs, n)."""

BLOCK_ROWS = 65536
LONG = 4_000_000  # rows times epochs from which a progress bar is shown

HOW = {
    **dict.fromkeys(STATISTICS, "Record training with `Recorder`, or `replay` saved checkpoints."),
    "pred_probs": "Store probabilities with `run.save_pred_probs`, or record embeddings: they are then made by k-fold "
    "logistic regression.",
    "neighbor_labels": "Record embeddings: `rec.batch(ids, logits, embeddings=...)` or `replay(..., embed=LAYER)`.",
    "neighbor_distances": "Record embeddings: `rec.batch(ids, logits, embeddings=...)` or `replay(..., embed=LAYER)`.",
    "vote_counts": "Store the annotators' votes: `run.save_votes(frame)` with columns id, annotator, label.",
    "given_labels": "Give labels with the Dataset.",
}


def score(
    source: Run | Evidence | Dataset | Any,
    names: str | Sequence[str] | None = None,
    *,
    block_rows: int = BLOCK_ROWS,
    **arrays: Any,
) -> pd.DataFrame:
    """Scores of every example, one column per score.

    Parameters
    ----------
    source : a Run or its path; an Ensemble (the mean over its runs); Evidence; or given labels (class indices or names,
        or a Dataset) with `arrays`.
    names : a name or names out of `SCORES`; by default every score whose evidence is there.
    block_rows : rows scored at a time; it changes memory, not numbers.
    arrays : `pred_probs`, `logits`, `embeddings`, ... beside given labels, as in `Evidence.from_arrays`.

    Returns
    -------
    DataFrame indexed by id, in dataset order: float columns (`never_learned` bool), NaN where an example has no such
    evidence. `.attrs["scores"][name]` holds of every column: suspicious ("low" or "high"), range, source, in_words, and
    evidence: from what it was made and whether that is in-sample or out-of-fold.

    Raises
    ------
    InputError : an unknown score; the message lists the known ones.
    MissingEvidence : a score was asked for whose evidence is not there; the message says how to get it.

    Notes
    -----
    A run with embeddings and no stored probabilities gets out-of-fold ones (`workbench.folds.out_of_fold`), which are
    kept in the run. Results are kept in the run's cache until an epoch is added or probabilities change.
    """
    wanted = None if names is None else [names] if isinstance(names, str) else list(names)
    for name in wanted or ():
        if name not in SCORES:
            raise InputError.unknown("score", name, SCORES)
    source = opened(source)
    if hasattr(source, "runs") and not arrays:  # an Ensemble
        return source.scores(wanted, spread=False)
    if hasattr(source, "stat_blocks") and not arrays:
        source = _of_run(source)
    else:
        source = _of_evidence(Evidence.of(source, **arrays))
    chosen = [name for name in SCORES if set(SCORES[name].needs) <= source.there] if wanted is None else wanted
    for name in chosen:
        missing = [need for need in SCORES[name].needs if need not in source.there]
        if missing:
            how = " ".join(dict.fromkeys(HOW.get(need, f"Provide `{need}`.") for need in missing))
            raise MissingEvidence.needed(f"score {name!r}", missing, how)
    columns = source.cached(chosen, lambda left: _computed(source, left, block_rows))
    frame = pd.DataFrame({name: columns[name] for name in chosen}, index=source.ids)
    words = source.words({need for name in chosen for need in SCORES[name].needs})
    frame.attrs["scores"] = {name: _described(SCORES[name], words) for name in chosen}
    return frame


def _described(row: Score, words: Mapping[str, str]) -> dict[str, Any]:
    """What a column is, as plain values."""
    evidence = "; ".join(dict.fromkeys(words[need] for need in row.needs if need in words))
    kept = {"suspicious": row.suspicious, "range": row.range, "source": row.source, "in_words": row.in_words}
    return {**kept, "evidence": evidence}


@dataclass(frozen=True)
class _Source:
    """Where evidence comes from: what is there, blocks of rows of it, and what it is in words."""

    n: int
    epochs: int
    ids: pd.Index
    there: frozenset[str]
    blocks: Callable[[set[str], int], Iterator[tuple[slice, dict[str, np.ndarray]]]]
    words: Callable[[set[str]], dict[str, str]]
    cached: Callable[[list[str], Callable[[list[str]], dict[str, np.ndarray]]], dict[str, np.ndarray]]


def _computed(source: _Source, names: list[str], block_rows: int) -> dict[str, np.ndarray]:
    """{name: (n,)} by one pass over blocks of rows."""
    from tqdm.auto import tqdm

    if int(block_rows) != block_rows or block_rows < 1:
        raise InputError.at("block_rows", f"is {block_rows!r}", "Use a whole number of rows from 1.")
    needs = {need for name in names for need in SCORES[name].needs}
    out: dict[str, np.ndarray] = {}
    quiet = source.n * max(source.epochs, 1) < LONG
    with tqdm(total=source.n, desc="scores", unit="row", unit_scale=True, disable=quiet, leave=False) as bar:
        for rows, evidence in source.blocks(needs, int(block_rows)):
            for name in names:
                values = np.asarray(SCORES[name].function(*(evidence[need] for need in SCORES[name].needs)))
                if name not in out:
                    out[name] = np.empty(source.n, values.dtype)
                out[name][rows] = values
            bar.update(rows.stop - rows.start)
    return out if out else {name: np.empty(source.n, np.float32) for name in names}


def _of_run(run: Run) -> _Source:
    """A run's statistics, probabilities and neighbours; the scores of what is sealed are kept in its cache."""
    from workbench.annotators import read_votes
    from workbench.folds import out_of_fold
    from workbench.storage import cache

    given = run.dataset.given_labels
    probs: list[PredProbs] = []

    def pred_probs() -> PredProbs:
        if not probs:
            probs.append(out_of_fold(run))
        return probs[0]

    there = {"given_labels"}
    if run.epochs:
        there |= set(STATISTICS)
    labelled = int((given >= 0).sum())
    if run.pred_probs() is not None or (run.embedding_epochs and labelled > 1):
        there.add("pred_probs")
    if run.embedding_epochs:
        there |= {"neighbor_labels", "neighbor_distances"}
    if run.layout.votes.is_file():
        there.add("vote_counts")
    votes = functools.cache(lambda: read_votes(run))

    def blocks(needs: set[str], block_rows: int) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        whole: dict[str, np.ndarray] = {"given_labels": given}
        if "pred_probs" in needs:
            whole["pred_probs"] = pred_probs().values
        if "neighbor_labels" in needs:
            whole["neighbor_labels"] = run.neighbors(k=NEIGHBORS).labels(given)
        if "neighbor_distances" in needs:
            whole["neighbor_distances"] = run.neighbors(k=NEIGHBORS).distances
        statistics = [name for name in STATISTICS if name in needs]
        if statistics:
            parts = run.stat_blocks(statistics, block_rows)
        else:
            parts = ((rows, {}) for rows in _slices(run.n, block_rows))
        for rows, evidence in parts:
            if "correct" in evidence:
                evidence["correct"][:, given[rows] < 0] = np.nan  # without a label nothing is right or wrong
            if "vote_counts" in needs:
                evidence["vote_counts"] = votes().counts(rows)
            yield rows, {**evidence, **{name: values[rows] for name, values in whole.items()}}

    @functools.cache
    def digest(kind: str) -> object:
        if kind == "given_labels":
            return cache.digest(given)
        if kind == "pred_probs":
            values, path = pred_probs().values, run.layout.pred_probs
            return cache.fingerprint([path]) if path.is_file() else cache.digest(values)
        if kind in ("neighbor_labels", "neighbor_distances"):
            return [NEIGHBORS, cache.embedding_key(run, run.resolve_embedding_epoch(-1))]
        if kind == "vote_counts":
            return cache.fingerprint([run.layout.votes])
        return {str(epoch): cache.fingerprint(files) for epoch, files in run.layout.sealed().items()}

    def key(name: str) -> dict[str, Any]:
        row = SCORES[name]
        kinds = {"statistics" if need in STATISTICS else need for need in row.needs} | {"given_labels"}
        return {"score": name, "options": dict(row.options), **{kind: digest(kind) for kind in sorted(kinds)}}

    def cached(names: list[str], compute: Callable[[list[str]], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return cache.cached_columns(run, "scores", {name: key(name) for name in names}, compute)

    def words(needs: set[str]) -> dict[str, str]:
        from workbench.folds import embedding_origin

        out = {}
        if needs & set(STATISTICS):
            how = {"train": "recorded while training", "eval": "replayed from checkpoints", "import": "imported"}
            out = dict.fromkeys(STATISTICS, f"in-sample: statistics of {len(run.epochs)} epochs, {how[run.mode]}")
        if "pred_probs" in needs:
            found = pred_probs()
            out["pred_probs"] = found.how if found.kind in found.how else f"{found.kind}: {found.how}"
        if "neighbor_labels" in needs:
            epoch = run.resolve_embedding_epoch(-1)
            out["neighbor_labels"] = (
                f"out-of-fold: given labels of {min(NEIGHBORS, max(run.n - 1, 0))} neighbours, the own label left out, "
                f"by the embeddings of epoch {epoch}; {embedding_origin(run)}"
            )
        if "vote_counts" in needs:
            out["vote_counts"] = f"votes of {len(votes().names)} annotators"
        if "neighbor_distances" in needs:
            epoch = run.resolve_embedding_epoch(-1)
            graph = run.neighbors(k=NEIGHBORS)
            out["neighbor_distances"] = (
                f"{graph.k} neighbours by the embeddings of epoch {epoch}, {graph.how}; {embedding_origin(run)}"
            )
        return out

    ids = pd.Index(run.dataset.ids, name="id")
    return _Source(run.n, len(run.epochs), ids, frozenset(there), blocks, words, cached)


def _of_evidence(evidence: Evidence) -> _Source:
    """Evidence made of arrays: nothing is cached."""
    needs_known = {need for row in SCORES.values() for need in row.needs}
    there = frozenset(need for need in needs_known if evidence.has(need))
    n = len(evidence.get("given_labels"))

    def blocks(needs: set[str], block_rows: int) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        for rows in _slices(n, block_rows):
            yield rows, {need: evidence.get(need, rows) for need in needs}

    def words(needs: set[str]) -> dict[str, str]:
        out = dict.fromkeys(needs & set(STATISTICS), "in-sample: statistics per epoch")
        if "pred_probs" in needs:
            out["pred_probs"] = "out-of-fold" if getattr(evidence, "out_of_fold", False) else "in-sample"
        if "neighbor_labels" in needs:
            out["neighbor_labels"] = "out-of-fold: labels of the neighbours, the own label left out"
        if "neighbor_distances" in needs:
            out["neighbor_distances"] = f"{NEIGHBORS} neighbours by cosine distance"
        return out

    ids = getattr(evidence, "ids", None)
    index = pd.RangeIndex(n, name="id") if ids is None else pd.Index(ids, name="id")
    return _Source(n, 1, index, there, blocks, words, lambda names, compute: compute(names))


def _slices(n: int, block_rows: int) -> Iterator[slice]:
    return (slice(start, min(start + block_rows, n)) for start in range(0, n, block_rows))
