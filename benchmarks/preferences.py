"""How well wrong preferences are found, beside the difference of scores and the majority of judges alone.

    python benchmarks/preferences.py [DATA_DIR] [--write]

made        800 pairs whose answers differ in quality, a tie where they hardly do; 5 to 20 % of the labels are
            changed. Two scorers see the quality with noise; seven judges in both orders, three of which follow it
LLMBar      210 pairs (DATA_DIR/kinds/llmjudge_llmbar_dev.json.gz) with the answers of 65 judges in both orders; 5 to
            20 % of the labels are exchanged. "few" has 4 judges drawn at random
PandaLM     512 pairs (DATA_DIR/kinds/llmjudge_pandalm_dev.csv.gz): the label is that of a language model or of one of
            three people, right is the majority of the (other) people: real errors. Judges are the (other) models

Cells are AUROC / average precision of finding wrong labels. "scores": minus the gap in favour of the given label;
"judges": share of votes for another answer, and "consistent": the same with judges weighed by their consistency over
both orders. ECE: calibration error of p_error, and of the rest after an audit of 200 pairs, or of a third of fewer than
400 (mean of five draws) / the error that these probabilities would have if they were right, since shares of few pairs
vary / `debiased_calibration_error`, without that ("audited / right / debiased"). "counted": expected over true errors;
"inside": draws in which the interval holds the true number; "known": draws in which the number counts as known. Means
of the draws (5 made, 10 LLMBar).
`--write` puts the table into BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from measuring import write_section
from sklearn.metrics import average_precision_score, roc_auc_score
from verdicts import errors_after_verdicts, rooted

import workbench as wb
from workbench.issues.audit_plan import stratify
from workbench.issues.calibration import calibration_error

SHARES = (0.05, 0.1, 0.2)
SIDE = {"first": 1.0, "second": -1.0, "tie": 0.0}
HEAD = """| data | pairs, wrong | scores | judges | consistent | `find_issues` | ECE | audited / right / debiased | \
counted | inside | known |
|---|---|---|---|---|---|---|---|---|---|---|"""


class Judged(NamedTuple):
    """Pairs with given and right labels, and evidence."""

    name: str
    given: np.ndarray
    right: np.ndarray
    texts: pd.DataFrame | None = None
    scores: np.ndarray | None = None
    votes: pd.DataFrame | None = None
    swapped: pd.DataFrame | None = None


def made() -> Iterator[Judged]:
    for share in SHARES:
        for seed in range(5):
            rng = np.random.default_rng(seed)
            n = 800
            quality = rng.normal(size=(n, 2)) * 1.2
            gap = quality[:, 0] - quality[:, 1]
            right = np.where(np.abs(gap) < 0.2, "tie", np.where(gap > 0, "first", "second"))
            given = changed(right, share, rng, ("first", "second", "tie"))
            scores = np.stack([quality + rng.normal(0, noise, quality.shape) for noise in (0.8, 1.2)], axis=2)
            orders = []
            for sign in (1, -1):
                noise = rng.normal(0, 1.2, (n, 7)) + sign * np.where(np.arange(7) < 3, 2.5, 0.0)
                orders.append(pd.DataFrame(np.where(gap[:, None] + noise > 0, 1, 2)))
            yield Judged(f"made, {share:.0%}, scores", given, right, None, scores)
            yield Judged(f"made, {share:.0%}, judges", given, right, None, None, *orders)
            yield Judged(f"made, {share:.0%}, both", given, right, None, scores, *orders)


def changed(right: np.ndarray, share: float, rng: np.random.Generator, answers: tuple[str, ...]) -> np.ndarray:
    given = right.copy()
    for place in rng.choice(len(right), round(share * len(right)), replace=False):
        given[place] = rng.choice([one for one in answers if one != right[place]])
    return given


def llmbar(path: Path) -> Iterator[Judged]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        data = json.load(file)
    items = pd.DataFrame(data["items"])
    texts = pd.DataFrame({"prompt": items["input"], "chosen": items["output_1"], "rejected": items["output_2"]})
    right = np.where(items["gold"] == 1, "first", "second")
    one, other = (
        pd.DataFrame(data[f"votes_order_{name}"], columns=data["evaluators"]) for name in ("given", "swapped")
    )
    for share in SHARES:
        for seed in range(10):
            rng = np.random.default_rng(seed)
            given = changed(right, share, rng, ("first", "second"))
            few = rng.choice(one.columns, 4, replace=False)
            yield Judged(f"LLMBar, {share:.0%}", given, right, texts, None, one, other)
            yield Judged(f"LLMBar, {share:.0%}, few", given, right, texts, None, one[few], other[few])


def pandalm(path: Path) -> Iterator[Judged]:
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    names = {"1": "first", "2": "second", "0": "tie", "Tie": "tie"}
    texts = pd.DataFrame({"prompt": frame["instruction"], "chosen": frame["response1"], "rejected": frame["response2"]})
    people = frame[["annotator1", "annotator2", "annotator3"]].map(names.get)
    models = frame[["gpt35", "pandalm"]].map(names.get)
    majority = people.mode(axis=1)[0].to_numpy(object)
    for one, other in (("gpt35", "pandalm"), ("pandalm", "gpt35")):
        known = models[one].notna().to_numpy()
        yield Judged(
            f"PandaLM, {one}", models[one].to_numpy(object)[known], majority[known],
            texts[known].reset_index(drop=True), votes=models.loc[known, [other]].reset_index(drop=True),
        )  # fmt: skip
    for name in people:
        others = people.drop(columns=name)
        agree = (others.iloc[:, 0] == others.iloc[:, 1]).to_numpy()
        yield Judged(
            "PandaLM, one person", people[name].to_numpy(object)[agree], others.iloc[:, 0].to_numpy(object)[agree],
            texts[agree].reset_index(drop=True), votes=models[agree].reset_index(drop=True),
        )  # fmt: skip


def against(data: Judged) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Return the plain scores of suspicion: by scores, by judges, by judges weighed by their consistency."""
    side = np.array([SIDE[one] for one in data.given])
    scores = judges = consistent = None
    if data.scores is not None:
        gap = (data.scores[:, 0] - data.scores[:, 1]).mean(axis=1)
        scores = np.where(side == 0, np.abs(gap) - np.median(np.abs(gap)), -side * gap)
    if data.votes is not None:
        votes = [signs(data.votes)] + ([] if data.swapped is None else [signs(data.swapped)])
        judges = np.mean([(one != side[:, None]).mean(axis=1) for one in votes], axis=0)
        if data.swapped is not None:
            weight = np.maximum(1 - 2 * (votes[0] != votes[1]).mean(axis=0), 0) ** 3
            consistent = np.mean([(one != side[:, None]) @ weight for one in votes], axis=0)
    return scores, judges, consistent


def signs(votes: pd.DataFrame) -> np.ndarray:
    known = SIDE | {1: 1.0, 2: -1.0, 0: 0.0, None: np.nan}
    return votes.map(lambda one: known.get(one, np.nan)).to_numpy(float)


def measure(data: Judged) -> dict[str, object]:
    wrong = data.given != data.right
    evidence: dict[str, object] = {
        name: value
        for name, value in (("scores", data.scores), ("judgements", data.votes), ("swapped_judgements", data.swapped))
        if value is not None
    }
    labels = data.given if data.texts is None else data.texts.assign(preferred=data.given)
    start = time.perf_counter()
    found = wb.find_issues(labels, task="preferences", per="unit", **evidence).sort_values("row")
    took = time.perf_counter() - start
    p = found["p_error"].to_numpy()
    held = np.isfinite(p)
    p, truth = p[held], wrong[held]
    cells = dict(zip(("scores", "judges", "consistent"), against(data)))
    row: dict[str, object] = {"data": data.name, "n": len(p), "wrong": int(truth.sum()), "s": took}
    for name, values in (*((name, None if one is None else one[held]) for name, one in cells.items()), ("ours", p)):
        row[f"{name} auroc"] = np.nan if values is None else roc_auc_score(truth, values)
        row[f"{name} ap"] = np.nan if values is None else average_precision_score(truth, values)

    def moved(some: np.ndarray) -> np.ndarray:
        verdicts = pd.Series(truth[some], found.index[held][some])
        after = wb.find_issues(labels, task="preferences", per="unit", verdicts=verdicts, **evidence)
        return after.sort_values("row")["p_error"].to_numpy()[held]

    budget = 200 if len(p) >= 400 else len(p) // 3
    after, right, debiased = errors_after_verdicts(p, truth, stratify(p), moved, budget=budget).means()
    low, high = found.attrs["expected_errors_interval"]
    row |= {"ece": calibration_error(p, truth), "audited": after, "right": right, "debiased": debiased}
    row |= {"counted": p.sum() / max(truth.sum(), 1), "inside": low <= truth.sum() <= high}
    row["known"] = found.attrs["errors_identified"]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    sets = [*made()]
    if asked.folder:
        sets += llmbar(asked.folder / "kinds" / "llmjudge_llmbar_dev.json.gz")
        sets += pandalm(asked.folder / "kinds" / "llmjudge_pandalm_dev.csv.gz")
    rows = pd.DataFrame([measure(one) for one in sets])
    table = []
    for name, own in rows.groupby("data", sort=False):
        mean = own.drop(columns="data").astype(float).mean()
        row: dict[str, object] = {"data": name, "pairs": f"{mean['n']:.0f}, {mean['wrong']:.0f}"}
        for one in ("scores", "judges", "consistent", "ours"):
            auroc, ap = mean[f"{one} auroc"], mean[f"{one} ap"]
            row[one] = "" if np.isnan(auroc) else f"{short(auroc)} / {short(ap)}"
        row |= {
            "ece": short(mean["ece"]),
            "audited": " / ".join(map(short, (mean["audited"], mean["right"], rooted(mean["debiased"])))),
            "counted": f"{mean['counted']:.2f}",
        }
        row |= {one: f"{int(own[one].sum())} of {len(own)}" for one in ("inside", "known")}
        table.append(row)
        print(row, flush=True)
    if asked.write:
        write_section("preferences", HEAD, table)


def short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


if __name__ == "__main__":
    main()
