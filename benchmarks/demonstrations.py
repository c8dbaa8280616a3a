"""Wrong demonstrations: planted flips found by votes and blame, and accuracy after repair, with a stand-in for a model.

    python benchmarks/demonstrations.py

Digits of scikit-learn (10 classes; two groups of them as two classes), 96 demonstrations, 0 to 60 % of their labels
flipped, three seeds. A weighted vote of the demonstrations in the prompt answers (`neighbor_log`). 1. AUROC
/ average precision of the flipped ones by `demonstration_issues`: embeddings, a log of 200 prompts of 16, both; the
baseline is the share of other labels among the 10 nearest. 2. Accuracy on 200 queries with the whole set as given,
dropped, corrected, rectified, and with correct labels. 3. Accuracy of four demonstrations by ambiguity and similarity.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

import workbench as wb

MANY, ASKED, PROMPTS, SHOTS = 96, 200, 200, 16


def task(two: bool, seed: int) -> dict[str, Any]:
    """Return x and y of demonstrations and of queries; y as text."""
    digits = load_digits()
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(digits.target))
    y = np.array([("low", "high")[int(one >= 5)] if two else f"d{one}" for one in digits.target], object)
    x = digits.data - digits.data.mean(axis=0)
    first, then = rows[:MANY], rows[MANY : MANY + ASKED]
    return {"x": x[first], "y": y[first], "queries": x[then], "asked": y[then], "rest": (x, y, rows[MANY + ASKED :])}


def flipped(y: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels with a share of others, and where."""
    rng = np.random.default_rng(seed)
    names = sorted(set(y))
    bad = np.isin(np.arange(len(y)), rng.permutation(len(y))[: round(share * len(y))])
    other = [names[(names.index(one) + 1 + int(rng.integers(len(names) - 1))) % len(names)] for one in y]
    return np.where(bad, np.array(other, object), y), bad


def asked(own: dict[str, Any], labels: np.ndarray, seed: int) -> pd.DataFrame:
    """Return a log of prompts with 16 demonstrations each: 10 queries, and 10 of the other demonstrations."""
    rng = np.random.default_rng(seed)
    parts = []
    for number in range(PROMPTS):
        shown = rng.permutation(MANY)
        prompt, others = shown[:SHOTS].tolist(), shown[SHOTS : SHOTS + 10]
        some = rng.permutation(ASKED)[:10]
        for ids, x, y in ((others, own["x"], labels), (some, own["queries"], own["asked"])):
            log = wb.demonstrations.neighbor_log(
                [prompt], labels, own["x"], x[ids], y[ids], classes=sorted(set(own["y"]))
            )
            names = [f"q{one}" for one in ids] if x is own["queries"] else ids.tolist()
            parts.append(log.assign(prompt=number, query=pd.Series(names, dtype=object)))
    return pd.concat(parts, ignore_index=True)


def detection(two: bool, share: float, seed: int) -> dict[str, tuple[float, float]]:
    own = task(two, seed)
    labels, bad = flipped(own["y"], share, seed + 50)
    log = asked(own, labels, seed)
    given = pd.Series(labels)
    found = {
        "embeddings": wb.demonstrations.demonstration_issues(given, embeddings=own["x"]),
        "log": wb.demonstrations.demonstration_issues(given, log, resamples=0),
        "both": wb.demonstrations.demonstration_issues(given, log, embeddings=own["x"], resamples=0),
    }
    order = {name: one["score"].sort_index().to_numpy() for name, one in found.items()}
    unit = own["x"] / np.linalg.norm(own["x"], axis=1, keepdims=True)
    near = np.argsort(-(unit @ unit.T) + 9 * np.eye(MANY), axis=1)[:, :10]
    order["10 nearest"] = (labels[near] != labels[:, None]).mean(axis=1)
    return {name: (roc_auc_score(bad, one), average_precision_score(bad, one)) for name, one in order.items()}


def repaired(two: bool, share: float, seed: int) -> dict[str, float]:
    own = task(two, seed)
    labels, _ = flipped(own["y"], share, seed + 50)
    issues = wb.demonstrations.demonstration_issues(pd.Series(labels), embeddings=own["x"])
    sets = {"as given": (labels, np.arange(MANY)), "correct labels": (own["y"], np.arange(MANY))}
    for how in ("drop", "correct", "rectify"):
        new = wb.demonstrations.repair_labels(issues, how)
        sets[how] = (new["label"].fillna("-").to_numpy(object), np.flatnonzero(new["kept"]))
    found = {}
    for name, (shown, rows) in sets.items():
        log = wb.demonstrations.neighbor_log(
            [range(len(rows))], shown[rows], own["x"][rows], own["queries"], own["asked"]
        )
        found[name] = float(wb.demonstrations.accuracy_by(log, "shots")["accuracy"].iloc[0])
    return found


def chosen(seed: int) -> dict[str, float]:
    """Accuracy with 4 demonstrations, of which the stand-in knows 30 labelled examples as its prior."""
    own = task(False, seed)
    x, y, rows = own["rest"]
    model = LogisticRegression(C=0.01, max_iter=500).fit(x[rows[:60]], y[rows[:60]])
    names = list(model.classes_)
    prior, own_probs = (pd.DataFrame(model.predict_proba(one), columns=names) for one in (own["queries"], own["x"]))
    found = {
        "no demonstrations": float(
            (prior.to_numpy().argmax(axis=1) == [names.index(one) for one in own["asked"]]).mean()
        )
    }
    for how in ("similarity", "ambiguity"):
        table = wb.demonstrations.choose_demonstrations(
            pd.Series(own["y"]), own["x"], own["queries"], prior, demonstration_probs=own_probs, how=how, pool=12
        )
        logs = [
            wb.demonstrations.neighbor_log(
                [part["demonstration"].tolist()], own["y"], own["x"], own["queries"][[query]], own["asked"][[query]],
                prior=prior.to_numpy()[[query]], prior_weight=0.5, classes=names,
            )
            for query, part in table.groupby("query")
        ]  # fmt: skip
        found[how] = float(wb.demonstrations.read_log(pd.concat(logs)).table["correct"].mean())
    return found


def mean_of(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    return {name: np.mean([row[name] for row in rows], axis=0) for name in rows[0]}


def main(seeds: int = 3) -> None:
    print("| classes | flipped | 10 nearest | embeddings | log | both |\n|---|---|---|---|---|---|")
    for two in (True, False):
        for share in (0.1, 0.2, 0.4):
            found = mean_of([detection(two, share, seed) for seed in range(seeds)])
            cells = [
                f"{found[name][0]:.3f} / {found[name][1]:.3f}" for name in ("10 nearest", "embeddings", "log", "both")
            ]
            print(f"| {2 if two else 10} | {share:.0%} | {' | '.join(cells)} |")
    print(
        "\n| classes | flipped | as given | drop | correct | rectify | correct labels |\n|---|---|---|---|---|---|---|"
    )
    for two in (True, False):
        for share in (0.0, 0.2, 0.4, 0.6):
            found = mean_of([repaired(two, share, seed) for seed in range(seeds)])
            cells = [f"{found[name]:.3f}" for name in ("as given", "drop", "correct", "rectify", "correct labels")]
            print(f"| {2 if two else 10} | {share:.0%} | {' | '.join(cells)} |")
    print({name: round(float(value), 3) for name, value in mean_of([chosen(seed) for seed in range(seeds)]).items()})


if __name__ == "__main__":
    main()
