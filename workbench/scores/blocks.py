"""Compute the scores of one block of rows, in one process, in threads or on a cluster, and iterate over all blocks.

Scores over epochs are updated from a stored state, so that a new epoch costs one reading of that epoch. A block holds
one epoch at a time.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.foundation.errors import RunError
from workbench.foundation.parallel import each
from workbench.foundation.statistics import PER_EPOCH
from workbench.scores.registry import SCORES
from workbench.scores.running import Running
from workbench.storage.cache import warn_not_kept
from workbench.storage.columns import Pass, rows_of
from workbench.storage.epoch_statistics import stat_rows


class Part(NamedTuple):
    """A block of rows, and its evidence that is not read from files."""

    rows: slice
    evidence: dict[str, np.ndarray]


@dataclass(frozen=True)
class Resumed:
    """A score over epochs: its statistic, its state, and the number of epochs in the state.

    Attributes
    ----------
    need : the statistic. running : how the state is updated.
    path : file of the stored state, or None. have : number of epochs in it. take : number of epochs that count.
    """

    need: str
    running: Running
    path: Path | None
    have: int
    take: int


@dataclass(frozen=True)
class Plan:
    """What to compute for every block; self-contained for sending to workers, including scores that users registered.

    Attributes
    ----------
    plain : score -> (names of evidence, pure function).
    resumed : score -> state from which it continues.
    epochs : files of the statistics of each epoch, in order.
    arrays : name of evidence -> .npy file with one row per example.
    """

    plain: Mapping[str, tuple[tuple[str, ...], Callable[..., np.ndarray]]] = field(default_factory=dict)
    resumed: Mapping[str, Resumed] = field(default_factory=dict)
    epochs: tuple[tuple[Path, ...], ...] = ()
    arrays: Mapping[str, Path] = field(default_factory=dict)


def score_block(plan: Plan, part: Part) -> dict[str, np.ndarray]:
    """Return the columns of one block: {name: (b,)}, and {name.state: (b,) records} for scores over epochs."""
    rows, given = part.rows, part.evidence["given_labels"]
    out: dict[str, np.ndarray] = {}
    states = {name: _start(one, rows, part.evidence.get(f"{name}.state")) for name, one in plan.resumed.items()}
    last = max((one.take for one in plan.resumed.values()), default=0)
    for epoch in range(min((one.have for one in plan.resumed.values()), default=0), last):
        due = {name: one for name, one in plan.resumed.items() if one.have <= epoch < one.take}
        if not due:
            continue
        values = _statistics(plan.epochs[epoch], {one.need for one in due.values()}, rows, given)
        for name, one in due.items():
            one.running.add(states[name], values[one.need])
    for name, state in states.items():
        running = plan.resumed[name].running
        out[name] = running.value(state)
        records = np.empty(len(given), running.dtype)
        for key, values in state.items():
            records[key] = values
        out[f"{name}.state"] = records
    needs = {need for wanted, _ in plan.plain.values() for need in wanted}
    evidence = dict(part.evidence)
    files = {need: path for need, path in plan.arrays.items() if need in needs and need not in evidence}
    evidence |= {need: rows_of(path, rows) for need, path in files.items()}
    left = needs - set(evidence)
    if left:
        epochs = [_statistics(files, left, rows, given) for files in plan.epochs]
        evidence |= {need: np.stack([one[need] for one in epochs]) for need in left}
    for name, (wanted, function) in plan.plain.items():
        out[name] = np.asarray(function(*(evidence[need] for need in wanted)))
    return out


def _start(resumed: Resumed, rows: slice, records: np.ndarray | None) -> dict[str, np.ndarray]:
    if resumed.path is None:
        return resumed.running.start(rows.stop - rows.start)
    records = rows_of(resumed.path, rows) if records is None else records
    if records.dtype != resumed.running.dtype:
        raise RunError(f"{resumed.path} holds another kind of state. Delete the run's cache/scores, then score again.")
    return {key: np.ascontiguousarray(records[key]) for key in resumed.running.fields}


def _statistics(files: tuple[Path, ...], names: set[str], rows: slice, given: np.ndarray) -> dict[str, np.ndarray]:
    values = stat_rows(files, sorted(names), rows.start, rows.stop)
    if "correct" in values:
        values["correct"][given < 0] = np.nan  # without a label nothing is right or wrong
    return values


class Sink:
    """Columns in memory that are not stored; same interface as `workbench.storage.columns.Pass`."""

    def __init__(self, n: int, block_rows: int) -> None:
        self._n, self._block_rows = n, block_rows
        self.columns: dict[str, np.ndarray] = {}
        self.finished_rows = 0

    def left(self) -> list[slice]:
        """Return all blocks."""
        return [slice(start, min(start + self._block_rows, self._n)) for start in range(0, self._n, self._block_rows)]

    def write(self, rows: slice, columns: Mapping[str, np.ndarray]) -> None:
        """Store one finished block; states are discarded."""
        for name, values in columns.items():
            if name.endswith(".state"):
                continue
            if name not in self.columns:
                self.columns[name] = np.empty((self._n, *values.shape[1:]), values.dtype)
            self.columns[name][rows] = values


def run_blocks(
    function: Callable[[Part], dict[str, np.ndarray]],
    evidence: Callable[[slice], dict[str, np.ndarray]],
    sink: Sink | Pass,
    *,
    n: int,
    progress: bool,
    client: Any = None,
    threads: int | None = None,
) -> None:
    """Compute and write the remaining blocks, with a progress bar; after an interruption finished blocks are kept."""
    from tqdm.auto import tqdm

    def parts() -> Iterator[Part]:
        for rows in sink.left():
            yield Part(rows, evidence(rows))

    with tqdm(
        total=n,
        initial=sink.finished_rows,
        desc="scores",
        unit="row",
        unit_scale=True,
        disable=not progress,
        leave=False,
    ) as bar:
        done = each(function, parts(), client=client, threads=threads)
        try:
            for part, columns in done:
                sink.write(part.rows, columns)
                bar.update(part.rows.stop - part.rows.start)
        except BaseException:
            if isinstance(sink, Pass):
                with contextlib.suppress(OSError):  # on a full disk the original error is raised
                    sink.save()
            raise
        finally:
            done.close()


def kept(run: Any, digests: Mapping[str, str], block_rows: int, compute: Callable[[Pass], None]) -> bool:
    """Compute columns into the run's cache; return False, with a warning, if they cannot be written."""
    try:
        columns = Pass(run.layout.cache / "scores", digests, run.n, block_rows)
        try:
            compute(columns)
            columns.finish()
        finally:
            columns.close()
    except OSError as error:
        warn_not_kept("scores", run.path, error, stacklevel=6)
        return False
    return True


def planned(plan: Plan) -> Callable[[Part], dict[str, np.ndarray]]:
    """Return the block function of a plan."""
    return functools.partial(score_block, plan)


def pure_scores(names: Iterable[str]) -> dict[str, tuple[tuple[str, ...], Callable[..., np.ndarray]]]:
    """Return the needs and pure functions of scores, for a plan."""
    return {name: (SCORES[name].needs, SCORES[name].function) for name in names}


def running_of(name: str) -> Running | None:
    """Return how a score is updated by one epoch of a recorded run; None if it cannot be."""
    row = SCORES[name]
    return row.running if len(row.needs) == 1 and row.needs[0] in PER_EPOCH else None


def is_running(name: str) -> bool:
    """Return whether a score can be updated by one epoch of a recorded run."""
    return running_of(name) is not None
