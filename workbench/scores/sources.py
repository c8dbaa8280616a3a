"""Sources of evidence for scores, a recorded run or arrays: what is available, its description, and the columns.

For a run, columns are read from its cache, and scores over epochs continue from their longest stored state.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.evidence.evidence import NEIGHBORS, Evidence
from workbench.evidence.neighbors import neighbors
from workbench.evidence.out_of_fold import out_of_fold
from workbench.foundation.errors import MissingEvidence
from workbench.foundation.statistics import PER_EPOCH
from workbench.runs.votes import Votes, read_votes
from workbench.scores.blocks import (
    Part,
    Plan,
    Resumed,
    Sink,
    is_running,
    kept,
    planned,
    pure_scores,
    run_blocks,
    running_of,
)
from workbench.scores.registry import SCORES
from workbench.scores.running import Running
from workbench.storage import cache
from workbench.storage.columns import has_column, read_column, rows_of
from workbench.storage.epoch_statistics import BLOCK_ROWS
from workbench.storage.provenance import Provenance

if TYPE_CHECKING:
    from workbench.runs.run import Run
    from workbench.storage.probabilities import PredProbs

LARGEST_BLOCK = 1 << 19
LABEL_FREE = frozenset({"neighbor_distances"})
"""Evidence that does not depend on labels, of runs of all kinds of labels."""
LONG_PASS = 4_000_000  # rows times epochs from which a progress bar is shown by default
FORM = 2  # version of the cached columns; increased when the definition of a score changes


@dataclass(frozen=True)
class How:
    """How columns are computed: rows at a time, progress bar (None: only if it takes long), and dask client."""

    block_rows: int | None = None
    progress: bool | None = None
    client: Any = None

    def bar(self, n: int, epochs: int) -> bool:
        """Return whether a progress bar is shown."""
        return n * max(epochs, 1) >= LONG_PASS if self.progress is None else self.progress


@dataclass(frozen=True)
class Source:
    """Evidence for scores.

    Attributes
    ----------
    n : number of examples. ids : their index. there : names of the available evidence.
    columns : (names, how) -> {name: (n,)}.
    words : names of evidence -> {name: description}.
    """

    n: int
    ids: pd.Index
    there: frozenset[str]
    columns: Callable[[list[str], How], dict[str, np.ndarray]]
    words: Callable[[set[str]], dict[str, str]]


def of_run(run: Run, client: Any = None) -> Source:
    """Return a run's statistics, probabilities and neighbours as a source; scores of sealed epochs are cached.

    Missing evidence is computed on the cluster of `client`, if given.
    """
    made = _RunColumns(run, client)
    ids = pd.Index(run.dataset.ids, name="id")
    return Source(run.n, ids, made.there(), made.columns, made.words)


class _RunColumns:
    """Columns of scores of one run: those that its cache has, the others computed and kept there."""

    def __init__(self, run: Run, client: Any) -> None:
        self.run, self.client = run, client
        self.given = run.dataset.given_labels if run.dataset.kind.one_class else np.full(run.n, -1)
        self.sealed = run.layout.sealed()
        self.folder = run.layout.cache / "scores"
        self._digests: dict[str, Any] = {}

    # the evidence

    def there(self) -> frozenset[str]:
        """Names of the evidence that the run has, or that can be computed from it."""
        run, found = self.run, {"given_labels"}
        if not run.dataset.kind.one_class:
            return LABEL_FREE if run.embedding_epochs else frozenset()
        if self.sealed:
            found |= set(PER_EPOCH)
        labelled = int((self.given >= 0).sum())
        if run.pred_probs() is not None or (run.embedding_epochs and labelled > 1):
            found.add("pred_probs")
        if run.embedding_epochs:
            found |= {"neighbor_labels", "neighbor_distances"}
        if run.layout.votes.exists():
            found.add("vote_counts")
        return frozenset(found)

    @functools.cached_property
    def pred_probs(self) -> PredProbs:
        return out_of_fold(self.run, client=self.client)

    @functools.cached_property
    def votes(self) -> Votes:
        found = read_votes(self.run)
        if found is None:
            raise MissingEvidence.needed("This score", ["vote_counts"], "Store votes with `wb.review.save_votes`.")
        return found

    @functools.cached_property
    def in_file(self) -> bool:
        """Return whether the probabilities are those in the run's file, rather than computed because it is unusable."""
        found, stored = self.pred_probs, self.run.pred_probs()
        return stored is not None and (stored.provenance, stored.made_of) == (found.provenance, found.made_of)

    def whole(self, needs: set[str]) -> dict[str, np.ndarray]:
        """Return the evidence that is not read in blocks."""
        found: dict[str, np.ndarray] = {"given_labels": self.given}
        if "pred_probs" in needs and not self.in_file:
            found["pred_probs"] = self.pred_probs.values
        if "neighbor_labels" in needs:
            found["neighbor_labels"] = neighbors(self.run, k=NEIGHBORS, client=self.client).labels(self.given)
        if "neighbor_distances" in needs:
            found["neighbor_distances"] = neighbors(self.run, k=NEIGHBORS, client=self.client).distances
        return found

    # what is kept

    def digest(self, kind: str) -> Any:
        """Digest of one kind of evidence, made once."""
        if kind not in self._digests:
            self._digests[kind] = self._digest(kind)
        return self._digests[kind]

    def _digest(self, kind: str) -> Any:
        layout = self.run.layout
        if kind == "given_labels":
            return cache.digest(self.given)
        if kind == "pred_probs":
            values = self.pred_probs.values
            return cache.fingerprint([layout.pred_probs], layout) if self.in_file else cache.digest(values)
        if kind in ("neighbor_labels", "neighbor_distances"):
            return [NEIGHBORS, cache.embedding_key(layout, self.run.resolve_embedding_epoch(-1))]
        if kind == "vote_counts":
            return cache.fingerprint([layout.votes], layout)
        return {str(epoch): cache.fingerprint(files, layout) for epoch, files in self.sealed.items()}

    def key(self, name: str, epochs: int) -> str:
        """Return the digest of a score's inputs; for scores over epochs, of the first `epochs` epochs only."""
        row = SCORES[name]
        kinds = {"statistics" if need in PER_EPOCH else need for need in row.needs} | {"given_labels"}
        made_of = {kind: self.digest(kind) for kind in sorted(kinds)}
        if is_running(name):
            made_of["statistics"] = list(made_of["statistics"].items())[:epochs]
        return cache.key_digest({"form": FORM, "score": name, "options": dict(row.options), **made_of})

    def taken(self, name: str) -> int:
        """The number of epochs used by a score."""
        running = running_of(name)
        return len(self.sealed) if running is None else min(running.taken(len(self.sealed)), len(self.sealed))

    def so_far(self, name: str, running: Running) -> Resumed:
        """Return the longest stored state of a score, from which it continues."""
        row, take, state = SCORES[name], self.taken(name), f"{name}.state"
        for epochs in range(take, 0, -1):
            key = self.key(name, epochs)
            path = has_column(self.folder, state, key)
            if path is not None and read_column(self.folder, state, key, self.run.n) is not None:
                return Resumed(row.needs[0], running, path, epochs, take)
        return Resumed(row.needs[0], running, None, 0, take)

    def stored(self, digests: Mapping[str, str]) -> dict[str, np.ndarray]:
        """Return the columns that the cache has."""
        found = {name: read_column(self.folder, name, digest, self.run.n) for name, digest in digests.items()}
        return {name: values for name, values in found.items() if values is not None}

    # the columns

    def columns(self, names: list[str], how: How) -> dict[str, np.ndarray]:
        digests = {name: self.key(name, self.taken(name)) for name in names}
        found = self.stored(digests)
        left = [name for name in names if name not in found]
        if left:
            found |= self.computed(left, {name: digests[name] for name in left}, how)
        return {name: found[name] for name in names}

    def files(self, how: How, needs: set[str], resumed: dict[str, Resumed]) -> tuple[tuple[Any, ...], ...]:
        """Return the statistics files by epoch; needed ones are fetched, or named for workers to read parts of."""
        place = self.run.layout.here if how.client is None else self.run.layout.source
        first = min((one.have for one in resumed.values()), default=len(self.sealed))
        first = 0 if needs & set(PER_EPOCH) else first
        wanted = [epoch >= first for epoch in range(len(self.sealed))]
        paths_of = zip(wanted, self.sealed.values())
        return tuple(tuple(map(place, paths)) if now else tuple(paths) for now, paths in paths_of)

    def computed(self, names: list[str], digests: dict[str, str], how: How) -> dict[str, np.ndarray]:
        run = self.run
        others = [name for name in names if not is_running(name)]
        needs = {need for name in others for need in SCORES[name].needs}
        if "pred_probs" in needs:
            _ = self.pred_probs  # made now, so that blocks find its file
        running = {name: running_of(name) for name in names}
        resumed = {name: self.so_far(name, one) for name, one in running.items() if one is not None}
        files = self.files(how, needs, resumed)
        in_files = {"pred_probs"} if "pred_probs" in needs and self.in_file else set()
        plan = Plan(pure_scores(others), resumed, files, {name: run.layout.pred_probs for name in in_files})
        held = self.whole(needs)

        def evidence(rows: slice) -> dict[str, np.ndarray]:
            block = {name: values[rows] for name, values in held.items()}
            if how.client is not None and run.url:  # workers cannot read the local working folder
                block |= {name: rows_of(path, rows) for name, path in plan.arrays.items()}
                block |= {f"{name}.state": rows_of(one.path, rows) for name, one in resumed.items() if one.path}
            return block | ({"vote_counts": self.votes.counts(rows)} if "vote_counts" in needs else {})

        block_rows = how.block_rows or min(LARGEST_BLOCK, BLOCK_ROWS * max(map(len, files), default=1))
        written = digests | {f"{name}.state": digests[name] for name in resumed}
        compute = functools.partial(
            run_blocks, planned(plan), evidence, n=run.n, progress=how.bar(run.n, len(files)), client=how.client
        )
        if run.n and kept(run, written, block_rows, compute) and len(found := self.stored(digests)) == len(names):
            return found
        memory = Sink(run.n, block_rows)
        compute(memory)
        return {name: memory.columns.get(name, np.empty(0, np.float32)) for name in names}

    def words(self, needs: set[str]) -> dict[str, str]:
        run = self.run
        out: dict[str, str] = {}
        if needs & set(PER_EPOCH):
            dynamics = Provenance("dynamics", "recorded", out_of_fold=False, epochs=len(self.sealed), mode=run.mode)
            out |= dict.fromkeys(PER_EPOCH, dynamics.in_full)
        if "pred_probs" in needs:
            out["pred_probs"] = self.pred_probs.provenance.in_full
        if "neighbor_labels" in needs:
            out["neighbor_labels"] = (
                f"out-of-fold: given labels of {min(NEIGHBORS, max(run.n - 1, 0))} neighbours, own label excluded, "
                f"by the embeddings of {run.embedding_provenance()}"
            )
        if "vote_counts" in needs:
            out["vote_counts"] = f"votes of {len(self.votes.names)} annotators"
        if "neighbor_distances" in needs:
            graph = neighbors(run, k=NEIGHBORS)
            out["neighbor_distances"] = (
                f"{graph.k} neighbours by {graph.how}, on the embeddings of {run.embedding_provenance()}"
            )
        return out


def of_evidence(evidence: Evidence) -> Source:
    """Return array evidence as a source; nothing is cached."""
    needs_known = {need for row in SCORES.values() for need in row.needs}
    there = frozenset(need for need in needs_known if evidence.has(need))
    n = len(evidence.get("given_labels"))

    def columns(names: list[str], how: How) -> dict[str, np.ndarray]:
        plan = Plan(pure_scores(names))
        needs = {need for name in names for need in SCORES[name].needs} | {"given_labels"}
        evidence.block(needs, slice(0, 0))  # triggers computations that are done once
        sink = Sink(n, how.block_rows or BLOCK_ROWS)
        epochs = evidence.epochs if needs & set(PER_EPOCH) else 1

        def block(part: Part) -> dict[str, np.ndarray]:
            return planned(plan)(Part(part.rows, evidence.block(needs, part.rows)))

        def ready(rows: slice) -> dict[str, np.ndarray]:
            return {} if how.client is None else evidence.block(needs, rows)

        function = block if how.client is None else planned(plan)
        run_blocks(function, ready, sink, n=n, progress=how.bar(n, epochs), client=how.client)
        return {name: sink.columns.get(name, np.empty(0, np.float32)) for name in names}

    def words(needs: set[str]) -> dict[str, str]:
        out = dict.fromkeys(needs & set(PER_EPOCH), "in-sample: statistics per epoch")
        if "pred_probs" in needs:
            out["pred_probs"] = "out-of-fold" if getattr(evidence, "out_of_fold", False) else "in-sample"
        if "neighbor_labels" in needs:
            out["neighbor_labels"] = "out-of-fold: labels of the neighbours, own label excluded"
        if "neighbor_distances" in needs:
            out["neighbor_distances"] = f"{NEIGHBORS} neighbours by cosine distance"
        return out

    ids = getattr(evidence, "ids", None)
    index = pd.RangeIndex(n, name="id") if ids is None else pd.Index(ids, name="id")
    return Source(n, index, there, columns, words)
