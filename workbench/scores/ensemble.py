"""Combine several runs of one dataset (different seeds or models) into one body of evidence, joined by id.

The order of rows and the available evidence may differ between runs. Probabilities are averaged, epochs concatenated,
embeddings concatenated along columns, and scores averaged with their spread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.evidence.evidence import Evidence
from workbench.evidence.most_informative_epoch import most_informative_epoch
from workbench.evidence.out_of_fold import out_of_fold
from workbench.foundation.errors import InputError, MissingEvidence, first_few
from workbench.foundation.rows import unit_rows
from workbench.foundation.statistics import PER_EPOCH
from workbench.runs.run import Run, opened
from workbench.scores import score
from workbench.storage.provenance import Provenance, made_here, pooled_provenance
from workbench.tasks import require_task

if TYPE_CHECKING:
    from workbench.data.dataset import Dataset
    from workbench.storage.probabilities import PredProbs

DISAGREEMENT = {
    "vote_entropy": {
        "suspicious": "high",
        "range": "[0, log(runs)]",
        "source": "Dagan & Engelson 1995, Committee-Based Sampling For Training Probabilistic Classifiers, section 3",
        "in_words": "entropy in nats of the classes that the runs predict",
    },
    "mutual_information": {
        "suspicious": "high",
        "range": "[0, log(classes)]",
        "source": "Houlsby et al. 2011, Bayesian Active Learning for Classification and Preference Learning, eq. 2",
        "in_words": "entropy of the mean probabilities minus the mean entropy of each run's, in nats",
    },
    "label_votes": {
        "suspicious": "low",
        "range": "[0, 1]",
        "source": "share of votes; Freund et al. 1997, Selective Sampling Using the Query by Committee Algorithm",
        "in_words": "share of the runs that predict the given label",
    },
}
"""Columns of `Ensemble.disagreement` with their direction, range and source."""


def ensemble(runs: Iterable[Run | str | Path], *, ids: str = "same") -> Ensemble:
    """Join runs of different seeds or models by id.

    Parameters
    ----------
    runs : at least two runs or their paths, of one dataset: same classes in the same order, same given labels. The
        order of the examples may differ.
    ids : "same" requires that all runs have the same examples; "common" keeps the examples that all runs share.

    Returns
    -------
    Ensemble, accepted wherever Evidence is: `wb.find_issues(both)`, `wb.score(both)`, `wd.Explorer(both)`.

    Raises
    ------
    InputError : fewer than two runs, a duplicate run, or classes, examples or given labels differ; the message names
        the runs and the first ids.

    Notes
    -----
    Probabilities are averaged (a linear pool; Lakshminarayanan et al. 2017, Simple and Scalable Predictive Uncertainty
    Estimation using Deep Ensembles): out-of-fold ones if any run has them, otherwise in-sample ones. The detector uses
    the epochs of all runs, each weighted by how informative it is. Embeddings are scaled to length 1 and concatenated,
    so that cosine similarities are averaged.
    """
    if isinstance(runs, (str, Path, Run)):
        raise InputError.at("runs", "is one run", "Pass a list of at least two.")
    members: list[Run] = []
    for position, run in enumerate([opened(run) for run in runs]):
        if not isinstance(run, Run):
            raise InputError.at("runs", f"holds a {type(run).__name__}", "Pass runs or their paths.", row=position)
        require_task(run, "multiclass", "ensemble")
        members.append(run)
    if len(members) < 2:
        raise InputError.at("runs", f"holds {len(members)} of them", "Pass at least two runs.")
    if ids not in ("same", "common"):
        raise InputError.unknown("ids", ids, ("same", "common"))
    places = [run.path.resolve() for run in members]
    twice = [place for place in places if places.count(place) > 1]
    if twice:
        raise InputError.at("runs", f"holds {twice[0]} twice", "Pass each run once.")
    joined, rows = _joined(members, ids)
    return Ensemble(members, joined, rows)


class Ensemble(Evidence):
    """Evidence from several runs about their shared examples, in the order of the first run.

    Attributes
    ----------
    runs : tuple of Run
    rows : list of (n,) int64, the row of each example in each run
    """

    def __init__(self, runs: Sequence[Run], ids: np.ndarray, rows: list[np.ndarray]) -> None:
        first: Dataset = runs[0].dataset
        super().__init__(first.given_labels[rows[0]], first.classes, {}, ids=ids, label_type=first.label_type)
        self.runs, self.rows = tuple(runs), rows
        self._add_probabilities()
        self._add_dynamics()
        self._add_spaces()

    def __repr__(self) -> str:
        return f"<Ensemble of {len(self.runs)} runs: {self.n:,} examples, {self.k} classes, {', '.join(self.names)}>"

    def scores(self, names: str | Sequence[str] | None = None, *, spread: bool = True) -> pd.DataFrame:
        """Return the mean of each score over the runs.

        Parameters
        ----------
        names : as in `wb.score`; by default the scores for which every run has evidence.
        spread : whether to add a column `NAME_spread` for each score: the standard deviation over runs (ddof 1).

        Returns
        -------
        DataFrame indexed by id, float64. Runs without a value for an example are left out of its mean; NaN if no run
        has one. `never_learned` becomes the share of runs. `.attrs["scores"]` as in `wb.score`.
        """
        tables = [score(run, names) for run in self.runs]
        shared = [name for name in tables[0].columns if all(name in table for table in tables)]
        columns, described = {}, {}
        for name in shared:
            values = np.stack([t[name].to_numpy(float)[rows] for t, rows in zip(tables, self.rows)])
            mean, deviation = _mean_and_spread(values)
            columns[name] = mean
            row = tables[0].attrs["scores"][name]
            words = dict.fromkeys(table.attrs["scores"][name]["evidence"] for table in tables)
            described[name] = {**row, "evidence": f"mean of {len(self.runs)} runs: {'; '.join(words)}"}
            if spread:
                columns[f"{name}_spread"] = deviation
                described[f"{name}_spread"] = {
                    **{"suspicious": "high", "range": "[0, inf)", "source": "standard deviation over runs, ddof 1"},
                    **{"in_words": f"how far the runs differ in {name}", "evidence": described[name]["evidence"]},
                }
        frame = pd.DataFrame(columns, index=pd.Index(self.ids, name="id"))
        frame.attrs["scores"] = described
        return frame

    def disagreement(self) -> pd.DataFrame:
        """Measure how much the runs disagree about each example.

        Returns
        -------
        DataFrame indexed by id, float64, NaN where fewer than two runs have a prediction
            vote_entropy : -sum over classes of v log v, v the share of runs that predict the class
            mutual_information : H(mean over runs of p) - mean over runs of H(p); only if every run has probabilities
            label_votes : share of runs that predict the given label; NaN for an unlabelled example
        `.attrs["scores"]` gives for each column: suspicious, range, source, in_words, evidence.

        Raises
        ------
        MissingEvidence : no two runs have probabilities or a recorded epoch.

        Notes
        -----
        Predictions come from probabilities if every run has them (stored, or computed from its embeddings as in
        `wb.score`), all out-of-fold or all in-sample; otherwise from each run's last epoch. In-sample predictions agree
        on a label that all models have memorised.
        """
        known = [run.pred_probs() is not None or bool(run.embedding_epochs) for run in self.runs]
        parts = [out_of_fold(run) for run in self.runs] if all(known) else []
        kinds = {probs.kind for probs in parts}
        if len(kinds) == 1:
            members = [probs.values[rows] for probs, rows in zip(parts, self.rows)]
            votes = np.stack([one.argmax(axis=1) for one in members])
            columns = {"vote_entropy": vote_entropy(votes, self.k), "mutual_information": mutual_information(members)}
            origin = f"{kinds.pop()} probabilities of {len(members)} runs"
        else:
            recorded = [(run, rows) for run, rows in zip(self.runs, self.rows) if run.epochs]
            if len(recorded) < 2:
                how = "Record a training, or store probabilities with `run.save_pred_probs`, in at least two of them."
                raise MissingEvidence.needed("disagreement", ["pred_probs or recorded epochs"], how)
            votes = np.stack([run.stats(run.epochs[-1], ["pred"])["pred"][rows] for run, rows in recorded])
            columns = {"vote_entropy": vote_entropy(votes, self.k)}
            origin = f"predictions of the last epoch of {len(recorded)} runs, in-sample"
        cast = (votes >= 0).sum(axis=0)
        agreed = (votes == self.given_labels).sum(axis=0) / np.maximum(cast, 1)
        columns["label_votes"] = np.where((cast > 1) & (self.given_labels >= 0), agreed, np.nan)
        frame = pd.DataFrame(columns, index=pd.Index(self.ids, name="id"))
        frame.attrs["scores"] = {name: {**DISAGREEMENT[name], "evidence": origin} for name in columns}
        return frame

    # ---- inside ----------------------------------------------------------------------------------------------

    def _add_probabilities(self) -> None:
        stored = [(run, rows, run.pred_probs()) for run, rows in zip(self.runs, self.rows)]
        found = [(run, rows, probs) for run, rows, probs in stored
                 if probs is not None and not made_here(run.layout, probs.provenance)]  # fmt: skip
        honest = [one for one in found if one[2].out_of_fold]
        used = honest or found
        if not used:
            return
        self.out_of_fold = bool(honest)
        self._makers["pred_probs"] = lambda rows: self._once("pred_probs", lambda: _mean(used))[rows]
        parts = tuple(probs.provenance for _, _, probs in used)
        self.provenance["pred_probs"] = pooled_provenance("pred_probs", parts, out_of_fold=self.out_of_fold)

    def _add_dynamics(self) -> None:
        recorded = [(run, rows) for run, rows in zip(self.runs, self.rows) if run.epochs]
        if not recorded:
            return

        def reader(name: str) -> Callable[[slice], np.ndarray]:
            def read(part: slice) -> np.ndarray:
                return np.concatenate([_picked(run, name, rows[part]) for run, rows in recorded])

            return read

        for name in (*PER_EPOCH, "pred"):
            self._makers[name] = reader(name)
        parts = tuple(Provenance("dynamics", "recorded", epochs=len(run.epochs), mode=run.mode) for run, _ in recorded)
        self.provenance["dynamics"] = pooled_provenance(
            "dynamics", parts, epochs=sum(len(run.epochs) for run, _ in recorded)
        )

    def _add_spaces(self) -> None:
        recorded = [(run, rows) for run, rows in zip(self.runs, self.rows) if run.embedding_epochs]
        first = self.runs[0].dataset
        if recorded:
            parts = tuple(run.embedding_provenance() for run, _ in recorded)

            def side_by_side() -> np.ndarray:
                epochs = [most_informative_epoch(run) for run, _ in recorded]
                parts = [run.embeddings(epoch)[rows] for (run, rows), epoch in zip(recorded, epochs, strict=True)]
                spaces = [np.asarray(part, np.float32) for part in parts]
                return np.concatenate([unit_rows(space) for space in spaces], axis=1)

            self._add_embeddings(side_by_side, pooled_provenance("embeddings", parts))
        elif first.text_column is not None:
            self._add_texts(lambda: np.array(first.texts(), object)[self.rows[0]].tolist())


def vote_entropy(votes: np.ndarray, k: int) -> np.ndarray:
    """Compute the entropy of the votes of a committee (Dagan & Engelson 1995).

    Parameters
    ----------
    votes : int array (members, n), class index; -1 = no vote
    k : number of classes

    Returns
    -------
    float64 (n,), in [0, log(members)] nats, high = disagreement; NaN where fewer than two members voted.

    Examples
    --------
    >>> vote_entropy(np.array([[0, 0], [0, 1]]), 2).round(3).tolist()
    [0.0, 0.693]
    """
    cast = (votes >= 0).sum(axis=0)
    total = np.zeros(votes.shape[1])
    for member, mine in enumerate(votes):  # counts each class once, at the first member that votes for it
        new = (mine >= 0) & ~(votes[:member] == mine).any(axis=0)
        share = (votes == mine).sum(axis=0) / np.maximum(cast, 1)
        total -= np.where(new, share * np.log(np.where(share > 0, share, 1)), 0)
    return np.where(cast > 1, total + 0.0, np.nan)


def mutual_information(probs: Sequence[np.ndarray]) -> np.ndarray:
    """Compute the entropy of the mean minus the mean of the entropies (Houlsby et al. 2011, eq. 2).

    Parameters
    ----------
    probs : sequence of float arrays (n, k), one per member, rows sum to 1

    Returns
    -------
    float64 (n,), in [0, log k] nats, high = the members are confident of different classes.

    Examples
    --------
    >>> mutual_information([np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])]).round(3).tolist()
    [0.693]
    """
    n = len(probs[0])
    out = np.empty(n)
    step = max(1, (1 << 20) // probs[0].shape[1])
    for start in range(0, n, step):
        blocks = [np.asarray(one[start : start + step], np.float64) for one in probs]
        mean = reduce(np.add, blocks) / len(blocks)
        out[start : start + step] = _entropy(mean) - sum(_entropy(block) for block in blocks) / len(blocks)
    return np.maximum(out, 0)


def _entropy(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1)


def _joined(runs: Sequence[Run], ids: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return shared ids in the order of the first run, and their rows in each run; raise InputError if runs differ."""
    first = runs[0]
    shared = first.dataset.ids
    for run in runs[1:]:
        if run.classes != first.classes:
            lone = sorted(set(first.classes) ^ set(run.classes))
            differ = f"not in both: {first_few(lone)}" if lone else "the same classes in another order"
            found = f"differ: {first.name} has {first.k}, {run.name} {run.k}; {differ}"
            raise InputError.at("classes", found, "Join runs of one dataset; give it the same `classes=`.")
        _, there = run.dataset.find(shared)
        if ids == "same" and (not there.all() or run.n != first.n):
            strange = shared[~there] if not there.all() else np.setdiff1d(run.dataset.ids, shared)
            found = f"differ: {first.name} has {first.n:,}, {run.name} {run.n:,}; not in both: {first_few(strange)}"
            raise InputError.at("ids", found, 'Pass ids="common" to keep the examples that all runs share.')
        shared = shared[there]
    if not len(shared):
        raise InputError.at("ids", "have no common values", "Join runs whose datasets use the same ids.")
    rows = [run.dataset.find(shared)[0] for run in runs]
    given = first.dataset.given_labels[rows[0]]
    for run, at in zip(runs[1:], rows[1:]):
        other = np.flatnonzero(run.dataset.given_labels[at] != given)
        if other.size:
            id = shared[other[0]]
            ours, theirs = _label_of(first, id), _label_of(run, id)
            found = f"differ for {other.size:,} examples: {first.name} says {ours!r}, {run.name} says {theirs!r}"
            todo = "Record all runs on the same labels; compare corrections with `wb.compare`."
            raise InputError.at("given_labels", found, todo, id=id)
    return shared, rows


def _label_of(run: Run, id: object) -> str | None:
    """Return the name of the given label of an example."""
    code = int(run.dataset.given_labels[run.dataset.rows([id])[0]])
    return None if code < 0 else run.classes[code]


def _mean(members: list[tuple[Run, np.ndarray, PredProbs]]) -> np.ndarray:
    """Return the mean probabilities (n, k) float32 of members (run, rows, PredProbs)."""
    total = np.zeros((len(members[0][1]), members[0][2].values.shape[1]), np.float32)
    for _, rows, probs in members:
        total += probs.values[rows]
    total /= len(members)
    return total


def _picked(run: Run, name: str, rows: np.ndarray) -> np.ndarray:
    """Return one statistic (epochs, len(rows)) at rows in any order."""
    if not len(rows):
        return np.zeros((len(run.epochs), 0), np.float32)
    first = int(rows.min())
    values = run.stat_matrix(name, slice(first, int(rows.max()) + 1))[:, rows - first]
    return np.nan_to_num(values, nan=-1).astype(np.int32) if name == "pred" else values


def _mean_and_spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and standard deviation (ddof 1) over the runs that have a value, (n,) each."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    filled = np.where(there, values, 0)
    mean = np.where(count > 0, filled.sum(axis=0) / np.maximum(count, 1), np.nan)
    squares = np.where(there, (filled - mean) ** 2, 0).sum(axis=0)
    return mean, np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan)
