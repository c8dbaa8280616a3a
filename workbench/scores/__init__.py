"""Scores of how suspicious or hard each example is: one pure function per score, the table `SCORES`, and `score`.

`sources` decides which scores the evidence allows, and `blocks` computes them in blocks of rows so that memory use is
bounded. Results are kept in the run's cache; a new epoch updates them, and new probabilities invalidate them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.evidence.as_evidence import as_evidence
from workbench.evidence.evidence import Evidence
from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.foundation.parallel import check_client
from workbench.foundation.statistics import PER_EPOCH
from workbench.runs.run import Run, opened
from workbench.scores import disagreement, dynamics, labels  # noqa: F401  (each fills SCORES)
from workbench.scores import neighborhood as neighbors  # noqa: F401  (each fills SCORES)
from workbench.scores.registry import SCORES, Score
from workbench.scores.sources import LABEL_FREE, How, of_evidence, of_run
from workbench.tasks import require_task

if TYPE_CHECKING:
    from workbench.data.dataset import Dataset

__all__ = ["SCORES", "Score", "score"]

HOW = {
    **dict.fromkeys(PER_EPOCH, "Record training with `Recorder`, or `replay` saved checkpoints."),
    "pred_probs": "Store probabilities with `run.save_pred_probs`, or record embeddings, from which k-fold logistic "
    "regression computes them.",
    "neighbor_labels": "Record embeddings: `rec.batch(ids, logits, embeddings=...)` or `replay(..., embed=LAYER)`.",
    "neighbor_distances": "Record embeddings: `rec.batch(ids, logits, embeddings=...)` or `replay(..., embed=LAYER)`.",
    "vote_counts": "Store the annotators' votes: `wb.review.save_votes(run, frame)` with columns id, annotator, label.",
    "given_labels": "Give labels with the Dataset.",
}


def score(
    source: Run | Evidence | Dataset | Any,
    names: str | Sequence[str] | None = None,
    *,
    block_rows: int | None = None,
    progress: bool | None = None,
    client: Any = None,
    **arrays: Any,
) -> pd.DataFrame:
    """Compute scores of every example, one column per score.

    Parameters
    ----------
    source : a Run or its path; an Ensemble (the mean over its runs); Evidence; or given labels (class indices or names,
        or a Dataset) with `arrays`.
    names : one or more names of `SCORES`; by default every score whose evidence is available.
    block_rows : number of rows scored at a time; affects memory, not results. 65,536 by default, more if the files of
        an epoch come from several ranks.
    progress : whether to show a progress bar; by default only for long computations.
    client : a dask.distributed Client; its workers score the blocks and must see the run under the same path or URL.
        Results are identical to the last bit.
    arrays : with given labels, `pred_probs`, `logits`, `embeddings`, ... as in `Evidence.from_arrays`.

    Returns
    -------
    DataFrame indexed by id, in dataset order: float columns (`never_learned` bool), NaN for examples without the
    evidence. `.attrs["scores"][name]` describes each column: suspicious ("low" or "high"), range, source, in_words, and
    evidence: what it was computed from and whether that is in-sample or out-of-fold.

    Raises
    ------
    InputError : an unknown score; the message lists the known ones.
    MissingEvidence : the evidence for a requested score is missing; the message says how to get it.

    Notes
    -----
    A run with embeddings and no stored probabilities gets out-of-fold ones
    (`workbench.evidence.out_of_fold.out_of_fold`), which are kept in the run. Results are kept in the run's cache,
    together with running sums for scores over epochs, so that one more epoch costs reading that epoch only. An
    interrupted call resumes where it stopped.
    Columns may be memory-mapped: only rows that are read take memory, and changes apply to a copy.
    """
    if block_rows is not None:
        check_whole("block_rows", block_rows, 1)
    check_client(client)
    wanted = None if names is None else [names] if isinstance(names, str) else list(names)
    for name in wanted or ():
        if not isinstance(name, str):
            todo = "Pass names of scores, and arrays by keyword: `pred_probs=`, `embeddings=`."
            raise InputError.at("names", f"holds a {type(name).__name__}", todo)
        if name not in SCORES:
            raise InputError.unknown("score", name, SCORES)
    source = opened(source)
    joint = getattr(source, "scores", None) if hasattr(source, "runs") else None  # of an Ensemble
    if joint is not None and not arrays:
        return joint(wanted, spread=False)
    if isinstance(source, Run) and not arrays:
        if not source.dataset.kind.one_class:
            _refuse_labels(source, wanted)
        source = of_run(source, client)
    else:
        source = of_evidence(as_evidence(source, **arrays))
    chosen = [name for name in SCORES if set(SCORES[name].needs) <= source.there] if wanted is None else wanted
    for name in chosen:
        missing = [need for need in SCORES[name].needs if need not in source.there]
        if missing:
            how = " ".join(dict.fromkeys(HOW.get(need, f"Provide `{need}`.") for need in missing))
            raise MissingEvidence.needed(f"score {name!r}", missing, how)
    columns = source.columns(chosen, How(block_rows, progress, client))
    frame = pd.DataFrame({name: columns[name] for name in chosen}, index=source.ids, copy=False)
    words = source.words({need for name in chosen for need in SCORES[name].needs})
    frame.attrs["scores"] = {name: _described(SCORES[name], words) for name in chosen}
    return frame


def _refuse_labels(run: Run, wanted: Sequence[str] | None) -> None:
    """Raise if scores of one class per example are asked for of other labels."""
    free = [name for name, one in SCORES.items() if set(one.needs) <= LABEL_FREE]
    if wanted is None or not set(wanted) <= set(free):
        todo = f"For these labels, use `find_issues(run, per='unit')`; {', '.join(map(repr, free))} needs no labels."
        require_task(run, "multiclass", "score", todo)


def _described(row: Score, sources: Mapping[str, str]) -> dict[str, Any]:
    """Return the description of a column as plain values."""
    evidence = "; ".join(dict.fromkeys(sources[need] for need in row.needs if need in sources))
    kept = {"suspicious": row.suspicious, "range": row.range, "source": row.source, "in_words": row.in_words}
    return {**kept, "evidence": evidence}
