"""Loss of the detector from bad evidence: `python benchmarks/damage.py [--quick] [--few] [--data DATA_DIR] [--json]`.

Good evidence (embeddings, out-of-fold probabilities, both) with known label errors, and in addition one piece of
evidence that is worthless or has seen the labels. For each piece, prints the loss of average precision (AP) and AUROC
relative to the good evidence alone: worst and mean over the data sets. A negative loss is a gain.

Data: handwritten digits of scikit-learn with symmetric and pair errors, Gaussian classes, and, if they are in DATA_DIR,
1,500 rows of the human labels of `cifar10n_*.npz`. The lines of few rows draw 300 of these rows, three times;
out-of-fold probabilities are compared there with the better of both kinds of evidence. `--few` computes only them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import workbench as wb

ROWS, FEW, DRAWS = 1500, 300, 3
BETTER = "the better one"


@dataclass
class Case:
    """A data set with good evidence of both kinds."""

    name: str
    given: np.ndarray
    true: np.ndarray
    embeddings: np.ndarray
    pred_probs: np.ndarray

    @property
    def k(self) -> int:
        """Number of classes."""
        return self.pred_probs.shape[1]


def out_of_fold(vectors: np.ndarray, given: np.ndarray, seed: int = 0, penalty: float = 1.0) -> np.ndarray:
    """Probabilities (n, k) of logistic regression, five folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=300))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return cross_val_predict(model, vectors, given, cv=folds, method="predict_proba").astype(np.float32)


def cases(folder: Path | None, quick: bool) -> Iterator[Case]:
    """All data sets."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    some = np.random.default_rng(0).permutation(len(digits.target))[: 700 if quick else ROWS]
    pixels, true = digits.data[some].astype(np.float32), digits.target[some]
    for name, share in (("symmetric", 0.1), ("pair", 0.2)):
        rng = np.random.default_rng(1)
        given = flipped(true, 10, share, name, rng)
        yield Case(f"digits, {name} {share:.0%}", given, true, pixels, out_of_fold(pixels[:, ::2], given, penalty=0.1))
    rng = np.random.default_rng(2)
    true = rng.integers(0, 4, 600 if quick else 1000)
    vectors = (rng.normal(size=(4, 12)) * 1.2)[true] + rng.normal(size=(len(true), 12))
    given = flipped(true, 4, 0.08, "symmetric", rng)
    other = vectors[:, :6] + 0.5 * rng.normal(size=(len(true), 6))
    yield Case("Gaussian classes, symmetric 8%", given, true, vectors.astype(np.float32), out_of_fold(other, given))
    if folder is None or quick:
        return
    for path in sorted(folder.glob("cifar10n_*_embed_*.npz")):
        stem = path.name.split("_embed_")[0]
        with np.load(folder / f"{stem}.npz") as data, np.load(path) as file:
            chosen = np.sort(np.random.default_rng(3).permutation(len(data["clean_label"]))[:ROWS])
            vectors = file["embedding"][chosen].astype(np.float32)
            for key in ("aggre_label", "random_label1", "worse_label"):
                dynamics = folder / f"dynamics_{stem}_{key}_mlp.npz"
                if key in data.files and dynamics.is_file():
                    with np.load(dynamics) as recorded:
                        probs = recorded["oos_pred_probs"][chosen]
                    given, true = data[key][chosen].astype(int), data["clean_label"][chosen].astype(int)
                    yield Case(f"CIFAR-10N {key}", given, true, vectors, probs)


def flipped(true: np.ndarray, k: int, share: float, how: str, rng: np.random.Generator) -> np.ndarray:
    """Change a share of the labels to a random other class ("symmetric") or the next class ("pair")."""
    wrong = rng.random(len(true)) < share
    step = 1 if how == "pair" else rng.integers(1, k, len(true))
    return np.where(wrong, (true + step) % k, true)


def damages(case: Case) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (description of the added evidence, the good evidence it is added to, arrays)."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(7)
    n, k = case.pred_probs.shape
    turn = rng.permutation(n)
    E, P, given = case.embeddings, case.pred_probs, case.given
    one_hot = np.eye(k)[given]
    projected = E @ rng.normal(size=(E.shape[1], 3))
    bad = {
        "noise, 16 columns": rng.normal(size=(n, 16)),
        "shuffled rows": E[turn],
        "constant": np.ones((n, 8)),
        "a wrong layer: projected to 3 columns": projected,
        "the labels themselves": one_hot + 0.05 * rng.normal(size=(n, k)),
        "trained on the labels, in part": E / E.std() + 0.8 * one_hot @ rng.normal(size=(k, E.shape[1])),
    }
    for name, vectors in bad.items():
        yield f"embeddings: {name}", "probabilities", {"embeddings": vectors.astype(np.float32), "pred_probs": P}
    yield "embeddings: twice the same columns", "embeddings", {"embeddings": np.concatenate([E, E], axis=1)}
    yield (
        "embeddings: 64 columns of noise more",
        "embeddings",
        {"embeddings": np.concatenate([E / E.std(), rng.normal(size=(n, 64))], axis=1).astype(np.float32)},
    )
    forest = RandomForestClassifier(60, random_state=0).fit(E, given).predict_proba(E)
    scaled = E / np.maximum(E.std(axis=0), 1e-9)
    linear = LogisticRegression(C=100, max_iter=200).fit(scaled, given).predict_proba(scaled)
    worse = {
        "shuffled rows": P[turn],
        "constant": np.full((n, k), 1 / k),
        "random (Dirichlet)": rng.dirichlet(np.ones(k), n),
        "a copy of the others": P,
        "in-sample forest": forest,
        "in-sample logistic regression": linear,
        "the labels, .9": 0.9 * one_hot + 0.1 / k,
        **{f"{near} neighbours with the row itself": with_itself(scaled, given, k, near) for near in (1, 3, 5, 10)},
    }
    for name, probs in worse.items():
        yield f"probabilities: {name}", "embeddings", {"embeddings": E, "pred_probs": probs.astype(np.float32)}
    yield from bad_edges(case, rng)
    votes = rng.integers(0, k, (n, 3))
    for base, good in (("embeddings", {"embeddings": E}), ("probabilities", {"pred_probs": P})):
        yield "votes: random", base, {**good, "votes": votes}
        yield "votes: shuffled rows", base, {**good, "votes": case.true[turn][:, None].repeat(2, axis=1)}
        yield "votes: the given label twice", base, {**good, "votes": given[:, None].repeat(2, axis=1)}
        noise = rng.normal(size=(4, n, k))
        yield "dynamics: noise", base, {**good, "logits": noise}
        memorised = 8 * one_hot + noise
        yield "dynamics: memorised", base, {**good, "logits": memorised}


def few_rows(case: Case, draw: int) -> Case:
    """The case with `FEW` of its rows."""
    rows = np.sort(np.random.default_rng([draw, 11]).permutation(len(case.given))[:FEW])
    return Case(case.name, case.given[rows], case.true[rows], case.embeddings[rows], case.pred_probs[rows])


def few_damages(case: Case) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The same as `damages` for few rows: models that have seen the labels, and some that have not."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    E, given, k = case.embeddings, case.given, case.k
    scaled = (E - E.mean(axis=0)) / np.maximum(E.std(axis=0), 1e-9)
    models = {f"logistic regression, C={c:g}": LogisticRegression(C=c, max_iter=300) for c in (0.001, 0.01, 1, 100)}
    models["discriminant"] = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    models["forest, 5 rows a leaf"] = RandomForestClassifier(60, min_samples_leaf=5, random_state=0)
    models["network, 20 epochs"] = MLPClassifier((64,), max_iter=20, random_state=0)
    for name, model in models.items():
        seen = np.full((len(given), k), 1e-6)
        model.fit(scaled, given)
        seen[:, model.classes_] += model.predict_proba(scaled)
        probs = (seen / seen.sum(axis=1, keepdims=True)).astype(np.float32)
        yield f"{FEW} rows, in-sample {name}", "embeddings", {"embeddings": E, "pred_probs": probs}
    for near in (1, 3, 5, 10):
        probs = with_itself(scaled, given, k, near)
        yield f"{FEW} rows, {near} neighbours with the row itself", "embeddings", {"embeddings": E, "pred_probs": probs}
    honest = {f"out-of-fold logistic regression, C={c:g}": out_of_fold(E, given, penalty=c) for c in (0.01, 1)}
    honest["out-of-fold probabilities of more rows"] = case.pred_probs
    for name, probs in honest.items():
        yield f"{FEW} rows, {name}", BETTER, {"embeddings": E, "pred_probs": probs}


def with_itself(vectors: np.ndarray, given: np.ndarray, k: int, near: int) -> np.ndarray:
    """Shares (n, k) of the labels of the nearest rows, each row itself included."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=near).fit(vectors).kneighbors(vectors, return_distance=False)
    return np.eye(k, dtype=np.float32)[given[found]].mean(axis=1)


def bad_edges(case: Case, rng: np.random.Generator) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Edges that are uninformative, copy the labels, or repeat the embeddings."""
    from sklearn.neighbors import kneighbors_graph

    n, given = len(case.given), case.given
    pairs = rng.integers(0, n, (8 * n, 2))
    mates = pairs[case.true[pairs[:, 0]] == case.true[pairs[:, 1]]][: 3 * n]
    scaled = case.embeddings / np.maximum(case.embeddings.std(axis=0), 1e-9)
    bad = {
        "random": pairs[: 3 * n],
        "shuffled": np.stack([mates[:, 0], rng.permutation(mates[:, 1])], axis=1),
        "a star": np.stack([np.zeros(n - 1, int), np.arange(1, n)], axis=1),
        "a ring in the order of rows": np.stack([np.arange(n), (np.arange(n) + 1) % n], axis=1),
        "between equal labels": pairs[given[pairs[:, 0]] == given[pairs[:, 1]]],
        "10 nearest neighbours": np.argwhere(kneighbors_graph(scaled, 10).toarray() > 0),
    }
    goods = (("embeddings", {"embeddings": case.embeddings}), ("probabilities", {"pred_probs": case.pred_probs}))
    for name, edges in bad.items():
        for base, good in goods:
            if base == "embeddings" or "nearest" not in name:  # in addition to probabilities they are new evidence
                yield f"edges: {name}", base, {**good, "edges": edges}


def measured(case: Case, arrays: dict[str, Any]) -> tuple[float, float, str]:
    """(AP, AUROC, description of the evidence)."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    found = wb.find_issues(wb.Evidence.from_arrays(case.given, case.k, **arrays))
    doubt = np.empty(len(found))
    doubt[found["row"].to_numpy()] = -np.arange(len(found))
    wrong = case.given != case.true
    return average_precision_score(wrong, doubt), roc_auc_score(wrong, doubt), found.attrs["evidence"]


def compared(case: Case, few: bool) -> Iterator[tuple[str, str, tuple, tuple]]:
    """(what is added, to which good evidence, measures of that, measures of both) of every damage."""
    alone = {"embeddings": measured(case, {"embeddings": case.embeddings})}
    if not few:
        alone["probabilities"] = measured(case, {"pred_probs": case.pred_probs})
        both = measured(case, {"embeddings": case.embeddings, "pred_probs": case.pred_probs})
        yield "nothing: both are good", BETTER, max(alone.values()), both
    for name, base, arrays in few_damages(case) if few else damages(case):
        good = alone.get(base) or max(alone["embeddings"], measured(case, {"pred_probs": arrays["pred_probs"]}))
        yield name, base, good, measured(case, arrays)


def main(argv: list[str] | None = None) -> int:
    """Run from the shell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder with cifar10n_*.npz, their embeddings and dynamics")
    parser.add_argument("--quick", action="store_true", help="small data, about a minute")
    parser.add_argument("--few", action="store_true", help="only the lines of few rows")
    parser.add_argument("--json", action="store_true", help="one JSON line per damage and data set")
    args = parser.parse_args(argv)
    losses: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for whole in cases(args.data, args.quick):
        small = [few_rows(whole, draw) for draw in range(1 if args.quick else DRAWS)]
        for case in small if args.few else [whole, *small]:
            for name, base, good, found in compared(case, case is not whole):
                loss = good[0] - found[0], good[1] - found[1]
                losses.setdefault((name, base), []).append(loss)
                if args.json:
                    row = {"data": case.name, "added": name, "to": base, "ap": good[0], "ap_loss": loss[0]}
                    print(json.dumps(row | {"auroc_loss": loss[1], "evidence": found[2]}), flush=True)
    if not args.json:
        print(f"{'evidence added':52} {'to':15} AP lost: worst    mean   AUROC lost: worst    mean")
        for (name, base), values in losses.items():
            ap, auroc = np.array(values).T
            numbers = f"{ap.max():14.3f} {ap.mean():7.3f} {auroc.max():18.3f} {auroc.mean():7.3f}"
            print(f"{name:52} {base:15} {numbers}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
