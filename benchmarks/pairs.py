"""How well wrong grades of (query, item) pairs are found, beside the margin of a ranker, BM25 and judges alone.

    python benchmarks/pairs.py [DATA_DIR] [--only NAME,...] [--write]

"made": queries and passages of a few topics, with planted errors: relevant passages graded irrelevant, copies of them
graded irrelevant, and irrelevant passages graded relevant; 10 % of the pairs are unjudged. Two rankers and
BM25 see the true grades with noise; with "judge", a judge that is right about 85 % of the pairs. Mean of three seeds.
DATA_DIR/kinds/ir_llmjudge_trecdl23*.npz: grades 0 to 3 of assessors and of 33 language models; 6 % of the grades are
changed, with probabilities that fall with the distance ("near") or with its square ("nearest"), mean of five seeds.
Real errors of the assessors count as correct there.

Cells are AUROC / average precision of finding wrong grades among the judged ones. "margin": mean standing of the
rankers above the weakest relevant (for relevant pairs: below the strongest irrelevant) other item; "BM25": the same of
BM25 alone; "judge": share of judges that give another grade. ECE: calibration error of p_error, and of the rest after
an audit of 200 units (mean of five draws) / what these probabilities would have if they were right, since shares of few
units vary / `debiased_calibration_error`, without that ("audited / right / debiased"). "counted": expected over true
errors; "known": seeds in which the number counts as known. "unjudged": average precision of finding relevant ones among
the unjudged pairs. "nDCG@10": of a model trained on rankers and texts, judged by the true grades, with the given and
with the repaired grades (suggestions with p_error of at least .5), and the 95 % interval of the difference by bootstrap
over queries.
`--write` puts the table into BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from measuring import write_section
from sklearn.metrics import average_precision_score, roc_auc_score
from verdicts import by_verdicts, errors_after_verdicts, rooted

import workbench as wb
from workbench.issues.audit_plan import stratify
from workbench.issues.calibration import calibration_error
from workbench.issues.pairs.lexical import lexical_scores

HEAD = """| data | pairs, wrong | margin | BM25 | judge | `find_issues` | ECE | audited / right / debiased | \
counted | known | unjudged | nDCG@10 | s |
|---|---|---|---|---|---|---|---|---|---|---|---|---|"""


class World(NamedTuple):
    """Pairs with query, item, grade, true, and optionally text, passage; evidence for `find_issues`."""

    name: str
    frame: pd.DataFrame
    evidence: dict[str, object]
    rankers: list[str]
    judges: list[str]


def worlds(folder: Path | None) -> Iterator[World]:
    for seed in range(3):
        frame = retrieval(seed)
        votes = frame[["query", "item", "judge"]]
        for name, rankers, judges in (
            ("made, texts", [], []),
            ("made, one ranker", ["dense"], []),
            ("made, two rankers", ["dense", "late"], []),
            ("made, two rankers and a judge", ["dense", "late"], ["judge"]),
        ):
            evidence: dict[str, object] = {"scores": frame[["query", "item", *rankers]]} if rankers else {}
            yield World(name, frame, evidence | ({"votes": votes} if judges else {}), rankers, judges)
    for file in sorted((folder / "kinds").glob("ir_llmjudge_trecdl23*.npz")) if folder else []:
        yield from judged_sets(file)


def retrieval(seed: int, n: int = 150, per: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    topics = [[f"t{topic}w{word}" for word in range(12)] for topic in range(40)]
    common = [f"c{word}" for word in range(200)]
    rows = []
    for query in range(n):
        topic = rng.integers(40)
        core = rng.choice(topics[topic], 4, replace=False)
        asked = " ".join(rng.permutation([*core[:3], *rng.choice(common, 2)]))
        relevant = rng.integers(1, 4)
        for item in range(per):
            grade = int(1 + rng.integers(2)) if item < relevant else 0
            near = grade or rng.random() < 0.5
            words = [*rng.choice(core, (rng.integers(2), 2, 3)[grade], replace=False), *rng.choice(common, 12)]
            words += [*rng.choice(topics[topic if near else rng.integers(40)], 3)]
            rows.append((f"q{query}", f"q{query}d{item}", grade, asked, " ".join(rng.permutation(words))))
        if rng.random() < 0.3:
            rows.append((f"q{query}", f"q{query}copy", *rows[-per][2:]))
    frame = pd.DataFrame(rows, columns=["query", "item", "true", "text", "passage"])
    for name, noise in (("dense", 0.85), ("late", 1.0)):
        frame[name] = frame["true"] + rng.normal(scale=noise, size=len(frame))
    wrong = rng.random(len(frame)) < 0.15
    frame["judge"] = np.where(wrong, (frame["true"] + rng.integers(1, 3, len(frame))) % 3, frame["true"])
    frame["grade"] = frame["true"].astype(float)
    copies = frame["item"].str.endswith("copy").to_numpy()
    for chosen, share, grade in (
        ((frame["true"] > 0) & ~copies, 0.15, 0),
        ((frame["true"] > 0) & copies, 0.5, 0),
        (frame["true"] == 0, 0.02, 1),
    ):
        places = np.flatnonzero(chosen)
        frame.loc[rng.choice(places, int(share * len(places)), replace=False), "grade"] = grade
    frame.loc[rng.choice(len(frame), len(frame) // 10, replace=False), "grade"] = np.nan
    return frame


def judged_sets(file: Path) -> Iterator[World]:
    with np.load(file, allow_pickle=False) as data:
        pairs = pd.DataFrame({"query": data["query"], "item": data["passage"], "true": data["human"].astype(int)})
        llm, names = data["llm"].astype(float), [str(one) for one in data["llm_names"]]
    llm[(llm < 0) | (llm > 3)] = np.nan  # some answers are outside of the scale
    votes = pd.concat([pairs[["query", "item"]], pd.DataFrame(llm, columns=names)], axis=1)
    for (name, power), seed in itertools.product((("near", 1), ("nearest", 2)), range(5)):
        rng = np.random.default_rng(seed)
        grade = pairs["true"].to_numpy().copy()
        for place in rng.choice(len(grade), int(0.06 * len(grade)), replace=False):
            others = np.setdiff1d(np.arange(4), grade[place])
            weight = 1.0 / np.abs(others - grade[place]) ** power
            grade[place] = rng.choice(others, p=weight / weight.sum())
        frame = pd.concat([pairs.assign(grade=grade.astype(float)), votes[names]], axis=1)
        yield World(f"TREC DL 2023, 33 judges, 6 % to {name}", frame, {"votes": votes, "relevant": 2}, [], names)


def misplaced(frame: pd.DataFrame, scores: np.ndarray) -> np.ndarray:
    """How far a pair stands above the weakest relevant, or below the strongest irrelevant, other item of its query."""
    found = np.zeros(len(frame))
    for _, own in frame.assign(z=scores).groupby("query"):
        z = (own["z"] - own["z"].mean()) / max(own["z"].std(), 1e-9)
        good, bad = (own["grade"] > 0).to_numpy(), (own["grade"] == 0).to_numpy()
        low, high = (z[good].min() if good.any() else z.max()), (z[bad].max() if bad.any() else z.min())
        found[own.index] = np.where(good, high - z, z - low)
    return found


def baselines(world: World, judged: np.ndarray, wrong: np.ndarray) -> dict[str, str]:
    frame, found = world.frame, dict.fromkeys(("margin", "BM25", "judge"), "")
    if world.rankers:
        z = frame.groupby("query")[world.rankers].transform(lambda one: (one - one.mean()) / one.std()).mean(axis=1)
        found["margin"] = both(wrong, misplaced(frame, z.to_numpy())[judged])
    if "passage" in frame and not world.rankers:
        codes, queries = pd.factorize(frame["query"])
        texts = frame.groupby("query")["text"].first()[queries].tolist()
        scores = lexical_scores(texts, frame["passage"].tolist(), codes)[0]
        found["BM25"] = both(wrong, misplaced(frame, np.nan_to_num(scores))[judged])
    if world.judges:
        votes = frame[world.judges].to_numpy(float)
        same = (votes == frame[["grade"]].to_numpy(float)).sum(axis=1) / np.isfinite(votes).sum(axis=1)
        found["judge"] = both(wrong, (1 - same)[judged])
    return found


def both(wrong: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    return roc_auc_score(wrong, score), average_precision_score(wrong, score)


def judged_world(world: World) -> dict[str, object]:
    frame = world.frame.reset_index(drop=True)
    labels = frame[[name for name in ("query", "item", "grade", "text", "passage") if name in frame]]
    start = time.perf_counter()
    units = wb.find_issues(labels, task="pairs", per="unit", threshold=0.5, **world.evidence)
    took = time.perf_counter() - start
    table = units.reset_index().merge(frame[["query", "item", "true", "grade"]], left_on=["id", "item"],
                                      right_on=["query", "item"])  # fmt: skip
    known = table[table["p_error"].notna()].reset_index(drop=True)
    wrong = (known["true"] != known["grade"]).to_numpy()
    rest = table[table["p_error"].isna()]
    p = known["p_error"].to_numpy()
    row: dict[str, object] = {"data": world.name, "pairs": len(known), "wrong": int(wrong.sum())}
    there = frame["grade"].notna().to_numpy()
    row |= baselines(world, there, (frame["true"] != frame["grade"]).to_numpy()[there])
    row |= {
        "ours": both(wrong, p),
        "ECE": calibration_error(p, wrong),
        "audited": errors_after_verdicts(p, wrong, stratify(p), by_verdicts(p, wrong)).means(),
    }
    row |= {"counted": p.sum() / wrong.sum(), "known": int(units.attrs["errors_identified"])}
    row["unjudged"] = average_precision_score(rest["true"] > 0, rest["p_relevant"]) if len(rest) else np.nan
    row["ndcg"] = repaired(world, labels, table) if world.rankers else ()
    return row | {"s": took}


def repaired(world: World, labels: pd.DataFrame, table: pd.DataFrame) -> tuple[float, ...]:
    """nDCG@10 by the true grades of models trained on given and on repaired grades, and the interval."""
    better = dict(zip(zip(table["id"], table["item"]), table["suggested_label"]))
    issue = dict(zip(zip(table["id"], table["item"]), table["is_issue"]))
    pairs = list(zip(labels["query"], labels["item"]))
    grades = [better[pair] if issue[pair] else grade for pair, grade in zip(pairs, labels["grade"])]
    scores = [
        wb.ranking.rank_jointly(one, **world.evidence) for one in (labels, labels.assign(grade=pd.Series(grades)))
    ]
    true = world.frame[["query", "item"]].assign(grade=world.frame["true"])
    found = wb.ranking.compare_metrics(true, scores[0], after_scores=scores[1]).loc[("reranked", "ndcg@10")]
    return tuple(float(found[name]) for name in ("before", "after", "low", "high"))


def averaged(rows: list[dict[str, object]]) -> dict[str, object]:
    """The mean row of the seeds of a set, as text."""
    frame = pd.DataFrame(rows)

    def pair(name: str) -> str:
        values = [one for one in frame[name] if isinstance(one, tuple)]
        return " / ".join(short(one) for one in np.mean(values, axis=0)) if values else ""

    def short(value: float, digits: int = 3) -> str:
        return f"{value:.{digits}f}".replace("0.", ".", 1) if value < 1 else f"{value:.{digits}f}"

    def audited(values: list[tuple[float, float, float]]) -> str:
        after, right, square = np.mean(values, axis=0)
        return " / ".join(map(short, (after, right, rooted(square))))

    ndcg = [one for one in frame["ndcg"] if one]
    change = ""
    if ndcg:
        before, after, low, high = np.mean(ndcg, axis=0)
        change = f"{short(before)} to {short(after)} ({low:+.3f} to {high:+.3f})"
    return {
        "data": rows[0]["data"],
        "pairs, wrong": f"{frame['pairs'].mean():,.0f}, {frame['wrong'].mean():,.0f}",
        **{name: pair(name) for name in ("margin", "BM25", "judge", "ours")},
        "ECE": short(frame["ECE"].mean()),
        "audited": audited(frame["audited"].tolist()),
        "counted": f"{frame['counted'].mean():.2f}",
        "known": f"{frame['known'].sum()} of {len(frame)}",
        "unjudged": "" if frame["unjudged"].isna().all() else short(frame["unjudged"].mean()),
        "nDCG@10": change,
        "s": f"{frame['s'].mean():.1f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found: dict[str, list[dict[str, object]]] = {}
    for world in worlds(options.folder):
        if not options.only or world.name in options.only.split(","):
            found.setdefault(world.name, []).append(judged_world(world))
            print(found[world.name][-1], flush=True)
    rows = [averaged(one) for one in found.values()]
    for row in rows:
        print(row)
    if options.write:
        write_section("pairs", HEAD, rows)


if __name__ == "__main__":
    main()
