"""Calibration error of p_error of every kind of labels, before and after an audit of 200 units.

    python benchmarks/after_audit.py [DATA_DIR] [--draws N] [--only KIND,...] [--write]

The sets are those of the other benchmarks, one seed each, spans without CoNLL-2003. Each draw is an audit: 200 units (a
third of fewer than 400) in the strata of `wb.audit`, given and candidate units apart; the errors are those of the units
that it leaves. "ECE" is `calibration_error`: its mean over draws and the interval that holds 90 % of them; "by chance"
is what it would be if these probabilities were exactly right, since shares of few units vary. "debiased" is
`debiased_calibration_error`, without what chance adds: the root of the mean square, and the interval of 90 % of the
draws. Where gaps differ, a root mean square is the larger one. Below 0: the gaps are smaller than chance makes them.
"above .05" is the share of draws, of the ECE and of the debiased error.

What an audit of this size can reach: "best map" is the ECE, of the units left, of a map of the same form that is fitted
to the truth of all units; "share counted" that of this map if only its level is unknown, so that the verdicts say which
share is wrong (weighted by strata). "all units" is the ECE of all units, judged ones at their verdict. `--write` writes
the table into BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pandas as pd
from measuring import write_section
from verdicts import by_verdicts, errors_after_verdicts, rooted

import workbench as wb
from workbench.issues import detector
from workbench.issues.audit_plan import stratify_sides
from workbench.issues.calibration import calibration_error, debiased_calibration_error
from workbench.issues.kinds import finding
from workbench.issues.review import with_verdicts

HEAD = """| data | units, wrong | before: ECE / debiased | ECE | by chance | best map / share counted | all units | \
debiased | above .05 |
|---|---|---|---|---|---|---|---|---|"""
BUDGET, FEW = 200, 400
SHARE = 0.1


class Judged(NamedTuple):
    """Units: P(wrong), whether they are, the number of their kind of error (None: all alike), whether they are not
    given; (m,) each."""

    name: str
    p: np.ndarray
    wrong: np.ndarray
    pair: np.ndarray | None = None
    added: np.ndarray | None = None


def captured(name: str, labels: Any, index: Any, wrong: np.ndarray, **asked: Any) -> Judged:
    """The units at `index` as `find_issues` passes them to `with_verdicts`."""
    told = pd.Series(wrong, index=index)
    with (
        patch.object(finding, "with_verdicts", wraps=with_verdicts) as of_kinds,
        patch.object(detector, "with_verdicts", wraps=with_verdicts) as of_classes,
    ):
        wb.find_issues(labels, verdicts=told, **asked)
    p_error, verdicts, pair = (of_kinds.call_args or of_classes.call_args).args
    at = p_error.index.get_indexer(verdicts.index)
    at = at[p_error.notna().to_numpy()[at]]
    truth = verdicts.reindex(p_error.index[at]).to_numpy(bool)
    return Judged(name, p_error.to_numpy()[at], truth, None if pair is None else np.asarray(pair)[at])


def of_tags(folder: Path | None) -> Iterator[Judged]:
    import tag_verdicts

    for name, p, wrong, pair in tag_verdicts.sets(None if folder is None else folder / "kinds"):
        yield Judged(name, p, wrong, pair, pair % 2 == 0)


def of_spans(folder: Path | None) -> Iterator[Judged]:
    import spans

    for world in spans.worlds(folder):
        if world.name.startswith("conll03"):  # a minute each
            continue
        _, dataset, evidence = spans.asked_about(world)
        units = wb.find_issues(dataset, per="unit", threshold=0.0, **evidence)
        wrong, known, _ = spans.truth(world, units)
        units = units[known]
        pair = (units["given_label"].astype(str) + " " + units["suggested_label"].astype(str)).factorize()[0]
        yield Judged(world.name, units["p_error"].to_numpy(), wrong[known], pair, units["given_value"] == "null")


def of_pairs(folder: Path | None) -> Iterator[Judged]:
    import pairs

    names = set()
    for world in pairs.worlds(folder):
        if world.name in names:
            continue
        names.add(world.name)
        frame = world.frame.reset_index(drop=True)
        labels = frame[[name for name in ("query", "item", "grade", "text", "passage") if name in frame]]
        units = wb.find_issues(labels, task="pairs", per="unit", **world.evidence)
        keys = frame.set_index(["query", "item"])
        own = keys.loc[pd.MultiIndex.from_arrays([units.index.get_level_values("id"), units["item"]])]
        wrong = (own["true"] != own["grade"]).to_numpy()
        held = units["p_error"].notna().to_numpy()
        yield captured(world.name, labels, units.index[held], wrong[held], task="pairs", per="unit", **world.evidence)


def of_preferences(folder: Path | None) -> Iterator[Judged]:
    import preferences

    sets = [*preferences.made()]
    if folder is not None:
        sets += preferences.llmbar(folder / "kinds" / "llmjudge_llmbar_dev.json.gz")
        sets += preferences.pandalm(folder / "kinds" / "llmjudge_pandalm_dev.csv.gz")
    names = set()
    for one in sets:
        if one.name in names:
            continue
        names.add(one.name)
        evidence = {"scores": one.scores, "judgements": one.votes, "swapped_judgements": one.swapped}
        asked = {name: value for name, value in evidence.items() if value is not None}
        asked |= {"task": "preferences", "per": "unit"}
        labels = one.given if one.texts is None else one.texts.assign(preferred=one.given)
        index = wb.find_issues(labels, **asked).sort_values("row").index
        yield captured(one.name, labels, index, one.given != one.right, **asked)


def of_numbers(folder: Path | None) -> Iterator[Judged]:
    import wrong_numbers
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import cross_val_predict

    sets = [(name, X, *wrong_numbers.with_errors(y, 0)) for name, (X, y) in wrong_numbers.data_sets(0).items()]
    if folder is not None:
        X, given, wrong, counted = wrong_numbers.csts(str(folder / "kinds" / "regression_csts_dev.csv.gz"))
        sets.append(("csts", X[counted], given[counted], wrong[counted]))
    for name, X, given, wrong in sets:
        forest = RandomForestRegressor(30, random_state=0, min_samples_leaf=2)
        asked = {"task": "numbers", "per": "unit", "predictions": cross_val_predict(forest, X, given, cv=5)}
        index = wb.find_issues(given, **asked).sort_values("row").index
        yield captured(name, given, index, wrong, **asked)


def of_nodes(folder: Path | None) -> Iterator[Judged]:
    import nodes

    names = {"karate club"}
    for case in nodes.cases(None if folder is None else folder / "kinds" / "graph_cora_llm_dev.npz"):
        if case.name not in names:
            names.add(case.name)
            known = np.flatnonzero(case.scored)
            evidence = {"embeddings": case.features, "edges": case.edges}
            yield captured(case.name, case.given, known, case.wrong[known], **evidence)


def of_candidates(folder: Path | None) -> Iterator[Judged]:
    import candidates

    for name, x, sets, true in candidates.worlds(None if folder is None else folder / "kinds"):
        given, wrong = candidates.replaced(sets, true, SHARE, 0)
        classes = pd.CategoricalDtype(range(given.shape[1]), ordered=True) if name in candidates.ORDERED else None
        index = pd.MultiIndex.from_product([range(len(x)), [""]], names=["id", "unit"])
        yield captured(name, given, index, wrong, task="candidates", classes=classes, embeddings=x)


def of_texts(folder: Path | None) -> Iterator[Judged]:
    import texts

    sets = [(f"{one.name}, {share:.0%}", *texts.swapped(one, share, 0)[:3])
            for one in texts.sets(folder, 0) for share in texts.SHARES
            if share < 0.2 or one.name == "sentences"]  # fmt: skip
    if folder is not None:
        sets.append(("answers, 14 models", *texts.answers(folder / "kinds" / "bench_mmlu_redux_dev.csv.gz")[:3]))
    for name, frame, evidence, wrong in sets:
        asked = {"task": "texts", "per": "unit", **evidence}
        index = wb.find_issues(frame, **asked).sort_values("row").index
        yield captured(name, frame, index, wrong, **asked)


def of_boxes(folder: Path | None) -> Iterator[Judged]:
    import boxes
    from box_sets import box_sets

    for made in box_sets(folder, {"kitti", "bccd"}) if folder else []:
        judged = boxes.judged_again(made)
        units = boxes.true_units(made, judged)
        p = np.concatenate([judged.of_given.p, judged.of_candidates.p])
        yield Judged(made.name, p, units.wrong, units.added.astype(int), units.added)


KINDS: dict[str, Callable[[Path | None], Iterator[Judged]]] = {
    "tags": of_tags, "candidates": of_candidates, "numbers": of_numbers, "nodes": of_nodes, "spans": of_spans,
    "pairs": of_pairs, "preferences": of_preferences, "texts": of_texts, "boxes": of_boxes,
}  # fmt: skip


def row(judged: Judged, draws: int) -> tuple[dict[str, str], np.ndarray]:
    """A row, and its numbers: ECE and squared debiased error before, both after, the ECE of the best map, of its shape
    and of all units, shares of draws above .05."""
    p, wrong = judged.p, judged.wrong
    added = np.zeros(len(p), bool) if judged.added is None else np.asarray(judged.added)
    budget = BUDGET if len(p) >= FEW else len(p) // 3
    moved = by_verdicts(p, wrong, judged.pair)
    after = errors_after_verdicts(p, wrong, stratify_sides(p, added), moved, draws, budget)
    before = [calibration_error(p, wrong), debiased_calibration_error(p, wrong)]
    measured, right, debiased = after.means()
    above = [float(np.mean(one > 0.05)) for one in (after.measured, after.debiased)]
    others = [float(one.mean()) for one in (after.best, after.shifted, after.every)]
    text = {
        "data": judged.name, "units": f"{len(p):,}, {wrong.sum():,}", "before": " / ".join(map(short, before)),
        "ECE": f"{short(measured)} ({ends(after.measured)})", "chance": short(right),
        "best": f"{short(others[0])} / {short(others[1])}", "all": short(others[2]),
        "debiased": f"{short(rooted(debiased))} ({ends(after.debiased)})", "above": f"{above[0]:.0%} / {above[1]:.0%}",
    }  # fmt: skip
    return text, np.array([before[0], before[1] * abs(before[1]), measured, right, debiased, *others, *above])


def mean_row(numbers: np.ndarray) -> dict[str, str]:
    before, before2, measured, right, debiased, best, shifted, every, *above = numbers.mean(axis=0)
    return {
        "data": f"**mean of {len(numbers)} sets**", "units": "",
        "before": f"{short(before)} / {short(rooted(before2))}", "ECE": short(measured), "chance": short(right),
        "best": f"{short(best)} / {short(shifted)}", "all": short(every), "debiased": short(rooted(debiased)),
        "above": f"{above[0]:.0%} / {above[1]:.0%}",
    }  # fmt: skip


def ends(errors: np.ndarray) -> str:
    return " to ".join(short(one) for one in np.quantile(errors, [0.05, 0.95]))


def short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--draws", type=int, default=30)
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    rows, numbers = [], []
    for kind in asked.only.split(","):
        for judged in KINDS[kind](asked.folder):
            text, own = row(judged, asked.draws)
            text["data"] = f"{kind}: {text['data']}"
            print(" | ".join(text.values()), flush=True)
            rows.append(text)
            numbers.append(own)
    rows.append(mean_row(np.array(numbers)))
    print(rows[-1])
    if asked.write:
        write_section("after-audit", HEAD, rows)


if __name__ == "__main__":
    main()
