"""Speed and memory of the engine compared with other libraries: `python benchmarks/engine.py [--quick]`.

Every implementation runs in its own process on the same arrays, loaded from the same files; the implementations run
alternately. The first run gives the peak of resident memory above that with the arrays loaded, the fastest of all runs
the time. Results are compared before times: masks must be equal and scores agree to 2e-6. Writes
benchmarks/results/engine.json, a list of rows {work, ours_s, peer, peer_s, ratio, ours_peak_mb, peer_peak_mb}, and
after a full run the engine section of BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from measuring import RESULTS, ROOT, as_markdown, machine, measured, size, write_section

OUT = RESULTS / "engine.json"

FULL = {"narrow": (1_000_000, 10), "wide": (100_000, 1000), "dynamics": (10, 100_000, 10), "disk": (10, 1_000_000, 100)}
QUICK = {"narrow": (100_000, 10), "wide": (10_000, 1000), "dynamics": (10, 10_000, 10), "disk": (4, 100_000, 100)}


# ---- the arrays


def probabilities(n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Softmax outputs of a decent model, float32, and labels, 15 % of which are random."""
    rng = np.random.default_rng(n + k)
    true = rng.integers(0, k, n)
    probs = np.empty((n, k), np.float32)
    for start in range(0, n, 10_000):
        part = rng.standard_normal((min(10_000, n - start), k), dtype=np.float32)
        part[np.arange(len(part)), true[start : start + 10_000]] += 4
        np.exp(part, out=part)
        probs[start : start + 10_000] = part / part.sum(axis=1, keepdims=True)
    return np.where(rng.random(n) < 0.15, rng.integers(0, k, n), true), probs


def logits_file(path: Path, epochs: int, n: int, k: int, dtype: type) -> None:
    """Write logits of a model that learns the true class epoch by epoch, without keeping them all in memory."""
    rng = np.random.default_rng(epochs + n + k)
    true = rng.integers(0, k, n)
    out = np.lib.format.open_memmap(path, "w+", dtype, (epochs, n, k))
    noise = rng.standard_normal((20_000 + 997, k), dtype=np.float32)
    for epoch in range(epochs):
        for start in range(0, n, 20_000):
            rows = slice(start, min(start + 20_000, n))
            shift = (epoch * 131 + start // 20_000 * 17) % 997
            part = noise[shift : shift + rows.stop - start].copy()
            part[np.arange(len(part)), true[rows]] += 4 * (epoch + 1) / epochs
            out[epoch, rows] = part
        out.flush()
    np.save(path.with_suffix(".labels.npy"), np.where(rng.random(n) < 0.15, rng.integers(0, k, n), true))


# ---- one implementation in one process


def tasks(who: str, what: str, folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Names and calls of one implementation on one set of arrays; called in the child process."""
    import peers

    from workbench.confident.label_issues import FILTERS, find_label_issues
    from workbench.foundation.checks import check_pred_probs
    from workbench.scores.from_logits import dynamics
    from workbench.scores.labels import normalized_margin

    if what in ("narrow", "wide"):
        y, p = np.load(folder / f"{what}.labels.npy"), np.load(folder / f"{what}.npy")
        if who == "ours":  # imports do not count for the first task
            find_label_issues(np.arange(200) % 2, np.full((200, 2), 0.5))
        else:
            peers.cleanlab_filter(np.arange(200) % 2, np.full((200, 2), 0.5), "prune_by_class", 1)
        for by in FILTERS:
            if who == "ours":
                yield by, lambda by=by: find_label_issues(y, p, by=by)
            else:
                jobs = 1 if who == "cleanlab" else None
                if jobs or by.startswith("prune") or by == "both":
                    yield by, lambda by=by, jobs=jobs: peers.cleanlab_filter(y, p, by, jobs)
        if what == "wide" and who == "ours":
            yield "normalized margin", lambda: normalized_margin(y, p)
            yield "normalized margin, checked", lambda: normalized_margin(*check_pred_probs(p, y)[::-1])
        elif what == "wide" and who == "cleanlab":
            yield "normalized margin", lambda: peers.cleanlab_margin(y, p)
            yield "normalized margin, checked", lambda: peers.cleanlab_margin_checked(y, p)
        return
    y = np.load(folder / f"{what}.labels.npy")
    if what == "disk":
        yield "dynamics", lambda: dynamics(np.load(folder / "disk.npy", mmap_mode="r"), y)
        return
    logits = np.load(folder / "dynamics.npy")
    if who == "aum":
        peers.aum_all_epochs(logits[:, :10], y[:10])
    if who == "ours":
        yield "dynamics", lambda: dynamics(logits, y)
    elif who == "aum":
        yield "dynamics", lambda: {"aum": np.array(list(peers.aum_all_epochs(logits, y).values()))}
    else:
        lists, labels = logits.transpose(1, 0, 2).tolist(), y.tolist()
        peers.cartography_loop(lists[:10], labels[:10])
        yield "dynamics", lambda: {k: np.array(v) for k, v in peers.cartography_loop(lists, labels).items()}


def child(who: str, what: str, folder: Path) -> None:
    """Run the task named in each input line; print its time and peak memory."""
    calls = dict(tasks(who, what, folder))
    print(json.dumps(list(calls)), flush=True)
    for line in sys.stdin:
        name, keep = json.loads(line)
        found = measured(calls[name])
        if keep:
            arrays = found.result if isinstance(found.result, dict) else {"it": found.result}
            np.savez(folder / f"{what}.{name}.{who}.npz", **arrays)
            del arrays
        print(json.dumps({"seconds": found.seconds, "peak_mb": found.peak_mb}), flush=True)
        del found


# ---- all of them


class Child:
    """One implementation, waiting in its own process."""

    def __init__(self, who: str, what: str, folder: Path):
        command = [sys.executable, __file__, "--child", who, what, str(folder)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.who = who
        self.names: list[str] = self._answer()

    def run(self, name: str, keep: bool = False) -> dict[str, float]:
        print(json.dumps([name, keep]), file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.who} ended with {self.process.wait()}")
        return json.loads(line) if line[0] in "[{" else self._answer()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait()


def side_by_side(name: str, children: list[Child], runs: int) -> dict[str, dict[str, float]]:
    """Peak of the first run and time of the fastest; implementations alternate, so that they see the same load."""
    best = {child.who: child.run(name, keep=True) for child in children}
    for _ in range(runs):
        for child in children:
            if best[child.who]["seconds"] < 5:
                best[child.who]["seconds"] = min(best[child.who]["seconds"], child.run(name)["seconds"])
    return best


def compare(folder: Path, what: str, name: str, who: str) -> None:
    """Raise an error if results differ, instead of printing a ratio."""
    ours, theirs = (np.load(folder / f"{what}.{name}.{w}.npz", allow_pickle=False) for w in ("ours", who))
    for key in theirs.files:
        a, b = ours[key], theirs[key]
        if key == "correctness":
            b = b / QUICK["dynamics"][0]
        if b.dtype == bool:
            same = np.array_equal(a, b)
        else:
            same = np.allclose(a, b, rtol=1e-5, atol=2e-6)
        if not same:
            raise SystemExit(f"{name} on {what}: our {key} and that of {who} differ in {(a != b).sum()} of {len(a)}")


def row(work: str, ours: dict, peer: str, theirs: dict | None) -> dict[str, Any]:
    ratio = None if theirs is None else round(theirs["seconds"] / ours["seconds"], 1)
    line = {
        "work": work,
        "ours_s": round(ours["seconds"], 4),
        "peer": peer,
        "peer_s": None if theirs is None else round(theirs["seconds"], 4),
        "ratio": ratio,
        "ours_peak_mb": ours["peak_mb"],
        "peer_peak_mb": None if theirs is None else theirs["peak_mb"],
    }
    print(as_markdown(line), flush=True)
    return line


def all_rows(shapes: dict[str, tuple[int, ...]], folder: Path, runs: int) -> Iterator[dict[str, Any]]:
    for what in ("narrow", "wide"):
        labels, probs = probabilities(*shapes[what])
        np.save(folder / f"{what}.npy", probs)
        np.save(folder / f"{what}.labels.npy", labels)
        del labels, probs
        with ExitStack() as stack:
            ours, one, many = (
                stack.enter_context(Child(who, what, folder)) for who in ("ours", "cleanlab", "cleanlab, all cores")
            )
            for name in ours.names:
                best = side_by_side(name, [ours, one], runs)
                compare(folder, what, name, "cleanlab")
                peer = best["cleanlab"]
                if name in many.names:  # its time is the better of one process and as many as there are cores
                    peer["seconds"] = min(peer["seconds"], many.run(name)["seconds"])
                yield row(f"{name}, {size(*shapes[what])}", best["ours"], "cleanlab 2.9.0", peer)
    epochs, n, k = shapes["dynamics"]
    logits_file(folder / "dynamics.npy", epochs, n, k, np.float32)
    for who, peer in (("cartography", "loop after cartography"), ("aum", "aum 1.0.2")):
        with Child("ours", "dynamics", folder) as ours, Child(who, "dynamics", folder) as theirs:
            best = side_by_side("dynamics", [ours, theirs], runs)
        compare(folder, "dynamics", "dynamics", who)
        yield row(f"all dynamics, {size(epochs, n, k)}", best["ours"], peer, best[who])
    epochs, n, k = shapes["disk"]
    logits_file(folder / "disk.npy", epochs, n, k, np.float16)
    with Child("ours", "disk", folder) as ours:
        best = side_by_side("dynamics", [ours], 0)["ours"]
    yield row(f"all dynamics from disk, float16, {size(epochs, n, k)}", best, "-", None)


HEAD = "| work | ours s | peer | peer s | ratio | ours peak MB | peer peak MB |\n|---|---|---|---|---|---|---|"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, in about a minute")
    parser.add_argument("--runs", type=int, default=6, help="further runs of each implementation, in turns")
    parser.add_argument("--tmp", default=None, help="where to put 3 GB of arrays for the time of the run")
    parser.add_argument("--child", nargs=3, metavar=("WHO", "WHAT", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], options.child[1], Path(options.child[2]))
        return
    print(machine(), HEAD, sep="\n\n", flush=True)
    with tempfile.TemporaryDirectory(dir=options.tmp) as folder:
        rows = list(all_rows(QUICK if options.quick else FULL, Path(folder), 2 if options.quick else options.runs))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n")
    if not options.quick:
        write_section("engine", HEAD, rows)


if __name__ == "__main__":
    main()
