"""How doubtful and how hard every example is: one pure function per score, one table `SCORES`, one call `score`.

Hidden here: which scores the evidence at hand allows (`sources`), passing it by blocks of rows so that memory stays
flat (`blocks`), and the copy in the run's cache that a new epoch updates and new probabilities make stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.evidence.as_evidence import as_evidence
from workbench.evidence.evidence import Evidence
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.foundation.parallel import check_client
from workbench.foundation.statistics import PER_EPOCH
from workbench.runs.run import Run, opened
from workbench.scores import disagreement, dynamics, labels  # noqa: F401  (each fills SCORES)
from workbench.scores import neighborhood as neighbors  # noqa: F401  (each fills SCORES)
from workbench.scores.registry import SCORES, Score
from workbench.scores.sources import How, of_evidence, of_run
from workbench.tasks import require_task

if TYPE_CHECKING:
    from workbench.data.dataset import Dataset

__all__ = ["SCORES", "Score", "score"]

HOW = {
    **dict.fromkeys(PER_EPOCH, "Record training with `Recorder`, or `replay` saved checkpoints."),
    "pred_probs": "Store probabilities with `run.save_pred_probs`, or record embeddings: they are then made by k-fold "
    "logistic regression.",
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
    """Scores of every example, one column per score.

    Parameters
    ----------
    source : a Run or its path; an Ensemble (the mean over its runs); Evidence; or given labels (class indices or names,
        or a Dataset) with `arrays`.
    names : a name or names out of `SCORES`; by default every score whose evidence is there.
    block_rows : rows scored at a time; it changes memory, not numbers. 65,536 unless given, more where an epoch is in
        the files of several ranks.
    progress : show a bar; by default only where it will take long.
    client : a dask.distributed Client: blocks are scored by its workers, which must see the run under the same path or
        URL. The numbers are the same to the last bit.
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
    A run with embeddings and no stored probabilities gets out-of-fold ones
    (`workbench.evidence.out_of_fold.out_of_fold`), which are kept in the run. Results are kept in the run's cache, and
    with them sums by which scores along the epochs are updated: after one more epoch only that one is read. An
    interrupted call goes on where it stopped.
    Columns may be mapped files: they take memory where they are looked at, and changing them changes a copy.
    """
    if block_rows is not None and (int(block_rows) != block_rows or block_rows < 1):
        raise InputError.at("block_rows", f"is {block_rows!r}", "Use a whole number of rows from 1.")
    check_client(client)
    wanted = None if names is None else [names] if isinstance(names, str) else list(names)
    for name in wanted or ():
        if not isinstance(name, str):
            todo = "Give names of scores, and arrays by name: `pred_probs=`, `embeddings=`."
            raise InputError.at("names", f"holds a {type(name).__name__}", todo)
        if name not in SCORES:
            raise InputError.unknown("score", name, SCORES)
    source = opened(source)
    joint = getattr(source, "scores", None) if hasattr(source, "runs") else None  # of an Ensemble
    if joint is not None and not arrays:
        return joint(wanted, spread=False)
    if isinstance(source, Run) and not arrays:
        require_task(source, "multiclass", "score of a run")
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


def _described(row: Score, sources: Mapping[str, str]) -> dict[str, Any]:
    """What a column is, as plain values."""
    evidence = "; ".join(dict.fromkeys(sources[need] for need in row.needs if need in sources))
    kept = {"suspicious": row.suspicious, "range": row.range, "source": row.source, "in_words": row.in_words}
    return {**kept, "evidence": evidence}
