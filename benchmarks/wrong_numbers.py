"""Detection of wrong numbers compared with cleanlab's scores: AP, AUROC and calibration on planted and real errors.

    python benchmarks/wrong_numbers.py [regression_csts_dev.csv.gz]

All methods of a row except the last use the same out-of-fold predictions of a random forest; the last uses the
features.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import cross_val_predict

import workbench as wb
from workbench.issues.calibration import calibration_error

SEEDS = (0, 1)
SHARE = 0.1


def data_sets(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Features and correct numbers."""
    rng = np.random.default_rng(100 + seed)
    X = rng.normal(size=(1000, 8))
    price = np.exp(11 + 0.5 * X[:, 0] + 0.3 * X[:, 1] * X[:, 2] + 0.2 * np.abs(X[:, 3]) + rng.normal(0, 0.2, 1000))
    Z = rng.normal(size=(800, 5))
    signed = 3 * Z[:, 0] + 2 * np.sin(2 * Z[:, 1]) + rng.normal(0, 0.3 + 0.5 * np.abs(Z[:, 2]))
    return {
        "diabetes": load_diabetes(return_X_y=True),
        "Friedman 1": make_friedman1(1000, noise=1.0, random_state=seed),
        "housing-like": (X, price.round(-2)),
        "signed": (Z, signed),
    }


def with_errors(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make a tenth wrong: factors of ten, signs, units, swaps of two random rows, shifts by one standard deviation."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(y)) < SHARE
    cause = rng.integers(0, 5, len(y))
    factor = np.choose(cause, [rng.choice([10, 0.1], len(y)), -1, rng.choice([2.54, 1 / 2.2046], len(y)), 1, 1])
    given = np.where(wrong, y * factor, y)
    given[wrong & (cause == 3)] = rng.permutation(y)[wrong & (cause == 3)]
    given[wrong & (cause == 4)] += rng.normal(0, y.std(), int((wrong & (cause == 4)).sum()))
    return given, wrong & (given != y)


def told(p: np.ndarray, wrong: np.ndarray, probability: bool) -> tuple[float, float, float]:
    """AUROC, average precision, calibration error."""
    return (
        roc_auc_score(wrong, p),
        average_precision_score(wrong, p),
        calibration_error(p, wrong) if probability else np.nan,
    )


def methods(X: np.ndarray, given: np.ndarray, predictions: np.ndarray) -> dict[str, tuple[np.ndarray, bool, float]]:
    """Suspicion of each number by method, whether it is a probability, and seconds after predictions."""
    from cleanlab.regression.rank import get_label_quality_scores

    def ours(**evidence: np.ndarray) -> np.ndarray:
        return wb.find_issues(given, task="numbers", **evidence).sort_values("row")["p_error"].to_numpy()

    asked = {
        "absolute residual (cleanlab's residual)": lambda: np.abs(given - predictions),
        "cleanlab outre": lambda: 1 - get_label_quality_scores(given, predictions, method="outre"),
        "find_issues, predictions": lambda: ours(predictions=predictions),
        "find_issues, predictions and features": lambda: ours(predictions=predictions, features=X),
        "find_issues, features": lambda: ours(features=X),
    }
    found = {}
    for name, ask in asked.items():
        start = time.perf_counter()
        found[name] = ask(), name.startswith("find"), time.perf_counter() - start
    return found


def csts(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features of the texts (TF-IDF, 60 components), ratings, masks of those off by two or more and of those that
    count."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    frame = pd.read_csv(path)
    texts = [frame["sentence1"], frame["sentence2"], frame["condition"]]
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2).fit(pd.concat(texts))
    space = TruncatedSVD(60, random_state=0).fit(words.transform(pd.concat(texts)))
    one, other, condition = (space.transform(words.transform(text)) for text in texts)
    X = np.hstack([np.abs(one - other), one * other, condition, condition * (one - other) ** 2])
    given, reference = frame["given_score"].to_numpy(float), frame["reference_score"].to_numpy(float)
    return X, given, np.abs(given - reference) >= 2, reference > 0


def main() -> None:
    rows = []
    for seed in SEEDS:
        for name, (X, y) in data_sets(seed).items():
            given, wrong = with_errors(y, seed)
            rows += judged(name, X, given, wrong, np.ones(len(y), bool))
    if len(sys.argv) > 1:
        rows += judged("csts", *csts(sys.argv[1]))
    table = pd.DataFrame(rows, columns=["data", "method", "AUROC", "AP", "ECE", "s"])
    table = table.groupby(["data", "method"], sort=False).mean().round(3)
    print(table.to_string())


def judged(name: str, X: np.ndarray, given: np.ndarray, wrong: np.ndarray, counted: np.ndarray) -> list[tuple]:
    """Print a line per method."""
    forest = RandomForestRegressor(100, random_state=0, min_samples_leaf=2)
    predictions = cross_val_predict(forest, X, given, cv=5)
    found = methods(X, given, predictions)
    return [(name, one, *told(p[counted], wrong[counted], proper), s) for one, (p, proper, s) in found.items()]


if __name__ == "__main__":
    main()
