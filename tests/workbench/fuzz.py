"""Damage every kind of file in a run in every way, before or after opening, and run everything that reads it.

A trial passes if each step gives the result for the undamaged run or one clear error, and if `check` finds the damage
whenever a step gives another result. To search further than the tests, with all steps or only the fast ones:

    python tests/workbench/fuzz.py FIRST_SEED LAST_SEED [all] [classes|pairs|texts]
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import workbench as wb
from workbench.foundation.errors import WorkbenchError
from workbench.issues.audit_plan import read_plan
from workbench.recording.checkpoints import load_state
from workbench.review.audit import audit
from workbench.runs.saved_evidence import saved_evidence, saved_names
from workbench.shell.commands import describe
from workbench.shell.inspection import inspect
from workbench.storage.provenance import embedding_provenance

N, K, EPOCHS = 36, 3, 3
LIMIT = 120  # seconds after which a step counts as hung, also on a busy machine


def make_run(path: Path) -> Path:
    """A small run with a file of every kind."""
    import torch

    from widgets.view.views import Views

    rng = np.random.default_rng(7)
    truth = np.arange(N) % K
    own = pd.DataFrame({"size": rng.random(N), "place": rng.choice(["here", "there"], N)})
    pictures, texts = rng.integers(0, 255, (N, 6, 6), dtype=np.uint8), [f"text {row}" for row in range(N)]
    dataset = wb.Dataset.from_arrays(truth, images=pictures, texts=texts, classes=["a", "b", "c"], metadata=own)
    with wb.Recorder(path, wb.experiments.plant_errors(dataset, 0.1, seed=0), logits=True) as recorder:
        for epoch in range(EPOCHS):
            logits = np.eye(K)[truth] * (epoch + 1) + rng.normal(size=(N, K))
            vectors = np.eye(K)[truth].repeat(3, 1) + rng.normal(0, 0.3, (N, 3 * K)) if epoch == EPOCHS - 1 else None
            with recorder.epoch(epoch):
                recorder.batch(np.arange(N), logits, vectors)
                if epoch == 0:
                    recorder.checkpoint({"w": torch.zeros(3)})
        run = recorder.run()
        probs = np.exp(np.eye(K)[truth] * 2 + rng.normal(size=(N, K)))
        run.save_pred_probs(probs / probs.sum(1, keepdims=True), out_of_fold=True, source="three folds")
        run.save_embeddings(run.embeddings().astype(np.float32), source="a net", trained_on_labels=False)
        under_way = recorder.epoch(EPOCHS)
        under_way.__enter__()
        recorder.batch(np.arange(10), rng.normal(size=(10, K)))
        kept = {file: file.read_bytes() for file in (path / "inflight").iterdir()}
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            under_way.__exit__(type(error), error, error.__traceback__)
    for file, data in kept.items():  # as left by a kill
        file.write_bytes(data)
    votes = [(row, name, "abc"[(row + (row % 7 == 0)) % K]) for row in range(N) for name in ("ann", "bob")]
    wb.review.save_votes(run, pd.DataFrame(votes, columns=["id", "annotator", "label"]))
    run.journal.relabel([3], "b", old=[run.dataset.given[3]])
    run.journal.keep([4])
    run.journal.note([5], "unsure")
    run.journal.undo()
    audit(run, 10)
    Views(run.layout.views).save("mine", {"color_by": "label", "selection": [1, 2]})
    wb.score(run)
    run.journal.close()
    return path


def steps(run: wb.Run, out: Path, everything: bool) -> Iterator[tuple[str, Callable[[], object]]]:
    """Return functions by name that read an opened run and return comparable results."""
    from widgets.explorer import Explorer
    from widgets.view.views import Views

    data = run.dataset
    yield "data", lambda: (data.ids, data.given_labels, data.classes, data.metadata, data.column_of, data.media_root)
    yield "planted", run.planted
    yield "pictures", lambda: [data.images[row] for row in range(run.n)]
    yield "statistics", lambda: [run.stats(epoch) for epoch in run.epochs]
    yield "unsealed", run.unsealed
    yield "logits", lambda: [run.logits(epoch) for epoch in run.logits_epochs]
    yield "embeddings", lambda: [run.embeddings(), embedding_provenance(run.layout, run.epochs[-1], run.mode)]
    yield "probabilities", lambda: (lambda p: p and (p.values, p.out_of_fold, p.source))(run.pred_probs())
    yield "votes", lambda: (lambda v: v and (v.counts(), v.names))(wb.review.read_votes(run))
    yield "audit", lambda: read_plan(run, run.layout.audits["unit"])
    yield "views", lambda: Views(run.layout.views).read()
    yield "checkpoint", lambda: [load_state(path)["w"].numpy() for path in run.layout.checkpoints().values()]
    yield "decisions", lambda: (run.labels(), run.journal.log(), run.changes(), run.journal.state())
    yield "scores", lambda: wb.score(run)
    if everything:
        yield "issues", lambda: wb.find_issues(run)
        yield "export", lambda: wb.export(run, out / "labels.csv", force=True).read_text(encoding="utf-8")
        yield "explorer", lambda: Explorer(run).close()
        yield "report", lambda: bool(wb.report(run, out / "report.html", force=True))
    yield "decide", lambda: run.journal.relabel([7], "c", old=[None]) is None


def make_pairs(path: Path) -> Path:
    """A run of pairs with a table of every form of evidence that they have."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame([(query, f"d{item}", int(item < 2)) for query in range(12) for item in range(5)])
    frame = frame.set_axis(["query", "item", "grade"], axis=1)
    pairs, items = frame[["query", "item"]], [f"d{item}" for item in range(5)]
    scores = pairs.assign(dense=frame["grade"] + rng.normal(0, 0.3, 60), sparse=rng.random(60))
    run = wb.import_run(frame, path, label="grade", task="pairs", scores=scores, relevant=1)
    run.save_evidence("votes", pairs.assign(judge=frame["grade"].mask(frame.index % 7 == 0)), source="a judge")
    run.save_evidence("texts", [f"question {row}" for row in range(12)])
    run.save_evidence("item_texts", {item: f"words of {item}" for item in items}, trained_on_labels=False)
    run.save_evidence("item_embeddings", dict(zip(items, rng.normal(size=(5, 4)), strict=True)))
    run.journal.close()
    return path


def make_texts(path: Path) -> Path:
    """A run of texts with a table of every form of evidence that they have."""
    rng, rows = np.random.default_rng(7), range(N)
    frame = pd.DataFrame({"id": [f"i{row}" for row in rows], "text": [f"a cat {row}" for row in rows]})
    evidence = {
        "match": pd.DataFrame(rng.random((N, 2)), columns=["x", "y"]),
        "text_embeddings": rng.normal(size=(N, 3)),
        "alternatives": [[f"a bird {row}", "none"][: row % 3] for row in rows],
        "alternative_match": [[0.5, np.nan][: row % 3] for row in rows],
        "objects": [None if row == 7 else {"cat": 0.5, "mat": 1.0} if row % 2 else ["dog"] for row in rows],
    }
    wb.import_run(frame, path, label="text", id="id", task="texts", **evidence).journal.close()
    return path


def steps_of_evidence(run: wb.Run, out: Path, everything: bool) -> Iterator[tuple[str, Callable[[], object]]]:
    """Return functions by name that read the tables of evidence of a run, and all that uses them."""
    from widgets.explorer import Explorer

    yield "data", lambda: (run.dataset.ids, run.n)
    yield "described", lambda: describe(run)
    yield "names", lambda: saved_names(run)
    for name in run.dataset.kind.evidence_forms:
        yield (
            name,
            lambda name=name: (lambda found: found and (found.values, found.provenance))(saved_evidence(run, name)),
        )
    yield "decisions", lambda: (run.journal.log(), run.changes())
    if everything:
        yield "issues", lambda: wb.find_issues(run, per="unit")
        yield "export", lambda: wb.export(run, out / "labels.csv", force=True).read_text(encoding="utf-8")
        yield "explorer", lambda: Explorer(run).close()
        yield "report", lambda: bool(wb.report(run, out / "report.html", force=True))


RUNS = {
    "classes": (make_run, steps),
    "pairs": (make_pairs, steps_of_evidence),
    "texts": (make_texts, steps_of_evidence),
}


def plain(value: object) -> str:
    """Return a text that is equal for equal values."""
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return f"{value.to_json(date_format='iso')}{value.dtypes}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tolist()}"
    if isinstance(value, dict):
        return str({key: plain(one) for key, one in value.items()})
    if isinstance(value, (list, tuple)):
        return str([plain(one) for one in value])
    return str(value)


# ---- damages -------------------------------------------------------------------------------------------------------

Damage = Callable[[Path, np.random.Generator, Path], None]


def _bytes(change: Callable[[bytes, np.random.Generator, Path], bytes]) -> Damage:
    def act(path: Path, rng: np.random.Generator, run: Path) -> None:
        data = change(path.read_bytes(), rng, run)
        path.unlink()  # a new file, so that a mapped one does not change
        path.write_bytes(data)

    return act


def _flipped(data: bytes, rng: np.random.Generator, count: int) -> bytes:
    changed = bytearray(data)
    for place in rng.integers(0, len(data), count) if data else ():
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _zeroed(data: bytes, rng: np.random.Generator) -> bytes:
    start, size = int(rng.integers(len(data) + 1)), int(rng.integers(1, 300))
    return data[:start] + bytes(len(data[start : start + size])) + data[start + size :]


def _other(data: bytes, rng: np.random.Generator, run: Path) -> bytes:
    files = sorted(file for file in run.rglob("*") if file.is_file() and not file.is_symlink())
    return files[rng.integers(len(files))].read_bytes()


def _instead(make: Callable[[Path], None]) -> Damage:
    def act(path: Path, rng: np.random.Generator, run: Path) -> None:
        path.unlink()
        make(path)

    return act


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


DAMAGES: dict[str, Damage] = {
    "cut": _bytes(lambda data, rng, run: data[: int(rng.integers(len(data) + 1))]),
    "one bit": _bytes(lambda data, rng, run: _flipped(data, rng, 1)),
    "bits": _bytes(lambda data, rng, run: _flipped(data, rng, 20)),
    "bits at the end": _bytes(lambda data, rng, run: data[:-400] + _flipped(data[-400:], rng, 3)),
    "bits at the start": _bytes(lambda data, rng, run: _flipped(data[:120], rng, 2) + data[120:]),
    "zeros": _bytes(lambda data, rng, run: _zeroed(data, rng)),
    "empty": _bytes(lambda data, rng, run: b""),
    "another's": _bytes(_other),
    "twice": _bytes(lambda data, rng, run: data + data),
    "longer": _bytes(lambda data, rng, run: data + rng.bytes(int(rng.integers(1, 200)))),
    "noise": _bytes(lambda data, rng, run: rng.bytes(len(data))),
    "gone": _instead(lambda path: None),
    "folder": _instead(Path.mkdir),
    "pipe": _instead(os.mkfifo) if hasattr(os, "mkfifo") else _instead(Path.mkdir),
    "link to nothing": _instead(lambda path: path.symlink_to("nothing")),
    "link to itself": _instead(_loop),
    "link to a device": _instead(lambda path: path.symlink_to("/dev/zero")),
}


def kind_of(name: str) -> str:
    """Return the kind of a file: all statistics, all columns in the cache, all checksums, ..."""
    folder, _, rest = name.partition("/")
    if folder == "evidence":  # a table of its own form for each name
        return name
    state = ".state" if ".state." in rest else ""
    return name if not rest else f"{folder}{state}{Path(rest).suffix}"


class Hung(Exception):
    """A step did not end."""


def _ring(*_: object) -> None:
    raise Hung("no end in sight")


class Fuzz:
    """Trials on copies of one run."""

    def __init__(self, folder: Path, everything: bool, of: str = "classes") -> None:
        self.folder, self.everything = folder, everything
        make, self.steps = RUNS[of]
        self.run = make(folder / "run")
        self.kinds: dict[str, list[str]] = {}
        for file in sorted(self.run.rglob("*")):
            if file.is_file() and file.name != ".rank=0.lock":
                name = file.relative_to(self.run).as_posix()
                self.kinds.setdefault(kind_of(name), []).append(name)
        self.whole = {name: plain(act()) for name, act in self._of(self._copy())}

    def _copy(self) -> Path:
        shutil.rmtree(self.folder / "trial", ignore_errors=True)
        return Path(shutil.copytree(self.run, self.folder / "trial"))

    def _of(self, path: Path, then: Callable[[], None] = lambda: None) -> Iterator[tuple[str, Callable[[], object]]]:
        run = wb.open_run(path)
        then()
        yield from self.steps(run, self.folder, self.everything)
        run.journal.close()

    def trial(self, seed: int, of: str | None = None, kind: str | None = None, late: bool | None = None) -> list[str]:
        """Return the problems with one damage; empty if there are none.

        The seed chooses a kind of file, a damage, and whether it happens after opening, unless they are given.
        """
        rng = np.random.default_rng([seed, 11])
        files = self.kinds[of or list(self.kinds)[seed % len(self.kinds)]]
        name = files[rng.integers(len(files))]
        drawn = list(DAMAGES)[rng.integers(len(DAMAGES))], bool(rng.random() < 0.4)
        kind, late = kind or drawn[0], drawn[1] if late is None else late
        path = self._copy()
        what = f"seed {seed}: {name}, {kind}{', after opening' if late else ''}"

        def damage() -> None:
            DAMAGES[kind](path / name, rng, self.run)

        if not late:
            damage()
        wrong, other = [], []
        acts = self._of(path, damage if late else lambda: None)
        try:
            while (step := self._guarded(lambda: next(acts, None), f"{what}: open", wrong)) not in (None, REFUSED):
                found = self._guarded(lambda act=step[1]: plain(act()), f"{what}: {step[0]}", wrong)
                if found is not REFUSED and found != self.whole[step[0]]:
                    other.append(step[0])
        finally:
            acts.close()
        findings = self._guarded(lambda: list(inspect(wb.open_run(path))), f"{what}: check", wrong)
        seen = findings is REFUSED or any(finding.is_damage for finding in findings)
        if other and not seen and not name.startswith(("journal.sqlite", "inflight/")):
            wrong.append(f"{what}: {', '.join(other)} gave something else, and check sees nothing")
        return wrong

    def _guarded(self, act: Callable[[], object], what: str, wrong: list[str]) -> object:
        """Return the result of a step; `REFUSED` after a clear error; any other error is recorded in `wrong`."""
        old = signal.signal(signal.SIGALRM, _ring)
        signal.alarm(LIMIT)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return act()
        except WorkbenchError as error:
            if len(str(error)) > 1000:
                wrong.append(f"{what}: an error of {len(str(error)):,} characters: {str(error)[:200]}")
            return REFUSED
        except Exception as error:
            place = "; ".join(f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__))
            wrong.append(f"{what}: {type(error).__name__}: {str(error)[:200]} [{place}]")
            return REFUSED
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, old)


REFUSED = object()


def main(first: int, last: int, everything: bool, of: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fuzz = Fuzz(Path(folder), everything, of)
        print(f"{len(fuzz.kinds)} kinds of files: {' '.join(fuzz.kinds)}", flush=True)
        for seed in range(first, last):
            for line in fuzz.trial(seed):
                print(line, flush=True)
            if not (seed + 1) % 100:
                print(f"up to seed {seed}", flush=True)
        print(f"{last - first} trials", flush=True)


if __name__ == "__main__":
    named = [name for name in RUNS if name in sys.argv[3:]]
    for name in named or RUNS:
        main(int(sys.argv[1]), int(sys.argv[2]), "all" in sys.argv, name)
