"""Detection of missing and wrong tags compared with cleanlab and simple baselines; time and memory.

    python benchmarks/tags.py [DATA_DIR] [--seeds N] [--scale] [--write]

Planted sets: ten yes/no attributes of scikit-learn's digits under noise, `make_multilabel_classification`, and those
of DATA_DIR: candidate sets used as tags (partial_birdsong*.npz, partial_msrcv2*.npz). About 20 % of the positives are
removed and 10 % of their number added, at rates that vary by tag: "random" in any cell, "hard" where a model of the
true tags is uncertain. Real errors: multilabel_chexpert*.npz. Cells are AUROC / average precision of finding wrong
cells; ECE is the calibration error of p_error, "counted" the expected divided by the true number of errors, "known" the
share of seeds for which this number is identified, "ECE, audited" after verdicts on 200 random cells. `--scale`:
100,000 x 5,000 sparse tags, and cleanlab's filter at 100,000 x 20. `--write` writes the tables into BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import measured, write_section
from scipy.sparse import csr_array
from scipy.stats import rankdata
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import workbench as wb
from workbench import confident
from workbench.issues.calibration import calibration_error, expit, logit
from workbench.issues.tags.heads import left_out

ATTRIBUTES = ([0, 2, 4, 6, 8], [5, 6, 7, 8, 9], [0, 6, 8, 9], [1, 4, 7], [0, 3, 6, 9], [2, 3, 5])
ATTRIBUTES += ([2, 3, 5, 7], [8, 9], [0, 1], [4, 9])

HEAD = """| data | errors | cleanlab, logistic out of fold | ridge, self-confidence | `find_issues`, embeddings | \
and the logistic | ECE | counted | known | ECE, audited |
|---|---|---|---|---|---|---|---|---|---|"""


def worlds(folder: Path | None) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, features, true tags)."""
    digits = load_digits()
    tags = np.stack([np.isin(digits.target, one) for one in ATTRIBUTES], axis=1).astype(int)
    yield "digits, 10 attributes", digits.data + np.random.default_rng(0).normal(0, 3, digits.data.shape), tags
    x, tags = make_multilabel_classification(2000, 60, n_classes=20, n_labels=3, random_state=0)
    yield "make_multilabel, 20", x, tags
    for name in ("birdsong", "msrcv2"):
        for file in sorted(folder.glob(f"partial_{name}*.npz")) if folder else []:
            with np.load(file, allow_pickle=False) as data:
                x = next(data[one] for one in data.files if data[one].ndim == 2 and data[one].dtype.kind == "f")
                sets = next(data[one] for one in data.files if one.startswith("candidate"))
                yield f"{name}, {sets.shape[1]}", x, sets.astype(int)


def planted(tags: np.ndarray, doubt: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Given tags; `doubt` (n, k), or None, is the uncertainty of a model of the true tags about each cell."""
    given = tags.copy()
    for tag in range(tags.shape[1]):
        yes, no = np.flatnonzero(tags[:, tag] == 1), np.flatnonzero(tags[:, tag] == 0)
        many = (round(min(rng.gamma(4, 0.05), 0.6) * len(yes)), round(rng.gamma(4, 0.025) * len(yes)))
        for places, count, value in ((yes, many[0], 0), (no, many[1], 1)):
            weight = np.ones(len(places)) if doubt is None else np.exp(1.5 * doubt[places, tag])
            count = min(count, len(places) // 2)
            given[rng.choice(places, count, replace=False, p=weight / weight.sum()), tag] = value
    return given


def doubts(x: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """Normal scores, by tag, of how improbable each true cell is."""
    from scipy.stats import norm

    z = left_out(x, tags.astype(np.float32), np.ones(tags.shape, bool))
    unlikely = np.where(tags == 1, -z, z)
    return norm.ppf((rankdata(unlikely, axis=0) - 0.5) / len(tags))


def logistic(x: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Out-of-fold probabilities of one logistic regression per tag."""
    probs = np.empty(given.shape)
    for train, test in KFold(5, shuffle=True, random_state=0).split(x):
        for tag in range(given.shape[1]):
            taught = given[train, tag]
            if taught.min() == taught.max():
                probs[test, tag] = taught.mean()
                continue
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(x[train], taught)
            probs[test, tag] = model.predict_proba(x[test])[:, 1]
    return probs


def cells(found: object, shape: tuple[int, int]) -> np.ndarray:
    """p_error of the units as a table."""
    table = np.full(shape, np.nan)
    table[found["row"], found.index.get_level_values("unit").str[1:].astype(int)] = found["p_error"]
    return table


def both(error: np.ndarray, score: np.ndarray) -> np.ndarray:
    return np.array(
        [roc_auc_score(error.ravel(), score.ravel()), average_precision_score(error.ravel(), score.ravel())]
    )


def judged(given: np.ndarray, true: np.ndarray, x: np.ndarray | None, probs: np.ndarray) -> np.ndarray:
    """AUROC and AP of 4 methods (4, 2), then [ECE, counted] of the last."""
    error = given != true
    rows = [both(error, 1 - confident.tag_scores(given, np.nan_to_num(probs, nan=0.5)))]
    if x is None:
        rows += [np.full(2, np.nan)] * 2
        last = {"pred_probs": probs}
    else:
        z, share = left_out(x, given.astype(np.float32), np.ones(given.shape, bool)), given.mean(axis=0)
        ridge = expit(logit(share) + 2 * z)
        rows.append(both(error, np.where(given == 1, 1 - ridge, ridge)))
        alone = wb.find_issues(given, task="multilabel", per="unit", embeddings=x)
        rows.append(both(error, cells(alone, given.shape)))
        last = {"pred_probs": probs, "embeddings": x}
    found = wb.find_issues(given, task="multilabel", per="unit", **last)
    p = cells(found, given.shape)
    rows += [both(error, p), np.array([calibration_error(p.ravel(), error.ravel()), p.sum() / error.sum()])]
    some = np.random.default_rng(0).choice(len(found), 200, replace=False)
    seen = pd.Series(error[found["row"], found.index.get_level_values("unit").str[1:].astype(int)], found.index).iloc[
        some
    ]
    after = cells(wb.find_issues(given, task="multilabel", per="unit", verdicts=seen, **last), given.shape)
    rows.append(np.array([found.attrs["errors_identified"], calibration_error(after.ravel(), error.ravel())], float))
    return np.stack(rows)


def line(name: str, error: str, found: np.ndarray) -> dict[str, object]:
    def cell(one: np.ndarray) -> str:
        return "-" if np.isnan(one).any() else f"{one[0]:.3f} / {one[1]:.3f}".replace("0.", ".")

    ways = ("cleanlab", "ridge", "alone", "all")
    shown = dict(zip(ways, map(cell, found)))
    return {
        "data": name,
        "errors": error,
        **shown,
        "ECE": f"{found[4, 0]:.3f}".lstrip("0"),
        "counted": f"{found[4, 1]:.2f}",
        "known": f"{found[5, 0]:.0%}",
        "audited": f"{found[5, 1]:.3f}".lstrip("0"),
    }


def table(folder: Path | None, seeds: int) -> list[dict[str, object]]:
    rows = []
    for name, x, tags in worlds(folder):
        doubt = doubts(x, tags)
        for how in ("random", "hard"):
            found, share = [], []
            for seed in range(seeds):
                given = planted(tags, doubt if how == "hard" else None, np.random.default_rng(seed))
                found.append(judged(given, tags, x, logistic(x, given)))
                share.append((given != tags).mean())
            rows.append(line(name, f"{how}, {np.mean(share):.1%}", np.mean(found, axis=0)))
            print(rows[-1], flush=True)
    for file in sorted(folder.glob("multilabel_chexpert*.npz")) if folder else []:
        with np.load(file, allow_pickle=False) as data:
            columns = [list(data["classes"]).index(one) for one in data["score_classes"]]
            given, true = (
                (data["given_chexpert"][:, columns] == 1).astype(int),
                data["reference"][:, columns].astype(int),
            )
            ranks = rankdata(data["model_scores"], axis=1, nan_policy="omit") / data["model_scores"].shape[1]
        found = judged(given, true, None, np.clip(np.nanmean(ranks, axis=0), 0, 1))
        rows.append(line("CheXpert, 5 findings, real", f"{(given != true).mean():.1%}", found))
        print(rows[-1], flush=True)
    return rows


def sparse_world(n: int = 100_000, k: int = 5_000, d: int = 128) -> tuple[csr_array, np.ndarray]:
    """Tags in 500 topics, about five per row, 15 % removed and 20,000 wrong ones added."""
    rng = np.random.default_rng(0)
    topic, of_tag = rng.integers(0, 500, n), rng.permutation(np.arange(k) % 500)
    by_topic = np.argsort(of_tag, kind="stable").reshape(500, k // 500)
    draws = rng.random((n, k // 500)).argsort(axis=1)
    keep = np.arange(k // 500) < rng.integers(3, 8, n)[:, None]
    tags = by_topic[topic[:, None], draws]
    rows, tags = np.repeat(np.arange(n), keep.sum(axis=1)), tags[keep]
    own = (rng.normal(size=(500, d))[of_tag] + rng.normal(size=(k, d))).astype(np.float32)
    x = csr_array((np.ones(len(rows), np.float32), (rows, tags)), shape=(n, k)) @ own / 5
    stays = rng.random(len(rows)) >= 0.15
    place = np.concatenate([rows[stays] * k + tags[stays], rng.integers(0, n * k, 20_000)])
    place = np.unique(place)
    given = csr_array((np.ones(len(place), np.int8), np.divmod(place, k)), shape=(n, k))
    return given, x + 0.6 * rng.normal(size=(n, d)).astype(np.float32)


def scale() -> list[dict[str, object]]:
    given, x = sparse_world()
    cpu = time.process_time()
    found = measured(lambda: wb.find_issues(given, task="multilabel", embeddings=x))
    cpu = time.process_time() - cpu
    rows = [
        {"task": "`find_issues`, 100,000 x 5,000 sparse tags, 128-d embeddings", "seconds": round(found.seconds, 1)}
    ]
    rows[0] |= {
        "processor seconds": round(cpu, 1),
        "MB": found.peak_mb,
        "cleanlab, seconds": None,
        "times as fast": None,
    }
    rng = np.random.default_rng(0)
    true = (rng.random((100_000, 20)) < 0.15).astype(int)
    probs = np.clip(np.where(true == 1, 0.75, 0.2) + rng.normal(0, 0.2, true.shape), 0.001, 0.999)
    labels = np.where(rng.random(true.shape) < 0.05, 1 - true, true)
    ours = min(
        (measured(lambda: confident.find_tagged_examples(labels, probs)) for _ in range(3)), key=lambda one: one.seconds
    )
    row = {"task": "filter of examples, 100,000 x 20", "seconds": round(ours.seconds, 2), "processor seconds": None}
    try:
        from cleanlab.multilabel_classification.filter import find_label_issues
    except ImportError:
        return [*rows, {**row, "MB": ours.peak_mb, "cleanlab, seconds": None, "times as fast": None}]
    listed = [np.flatnonzero(one).tolist() for one in labels]
    runs = [measured(lambda: find_label_issues(listed, probs)) for _ in range(2)]
    theirs = min(runs, key=lambda one: one.seconds)
    assert np.array_equal(ours.result, theirs.result)
    ratio = round(theirs.seconds / ours.seconds, 1)
    row |= {"MB": ours.peak_mb, "cleanlab, seconds": round(theirs.seconds, 2), "times as fast": ratio}
    return [*rows, row]


SCALE_HEAD = """| task | seconds | processor seconds | MB | cleanlab, seconds | times as fast |
|---|---|---|---|---|---|"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--write", action="store_true")
    told = parser.parse_args()
    warnings.simplefilter("ignore")
    name, head, rows = (
        ("tags-scale", SCALE_HEAD, scale()) if told.scale else ("tags", HEAD, table(told.folder, told.seeds))
    )
    for row in rows:
        print(row)
    if told.write:
        write_section(name, head, rows)


if __name__ == "__main__":
    main()
