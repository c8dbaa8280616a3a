"""How well wrong, spurious and overlooked boxes are found, beside ObjectLab and a rule; how fast ObjectLab is.

    python benchmarks/boxes.py [DATA_DIR] [--only "NAME;..."] [--seed N] [--scale] [--write]

Sets (`box_sets.py`): pedestrians with real errors and stored predictions (DATA_DIR/kinds/detection_kitti*.npz), blood
cells with real errors (detection_bccd*.npz) and canvases of digits with seeded errors, both with a small detector that
was trained on the given labels, out of fold, on the first run (minutes; predictions are cached outside of the
repository). Units are given boxes and candidates, locations with a score of at least .02 that belong to no given box. A
given box is wrong if no true box of its class overlaps it by .5; a candidate is right to suspect if it overlaps a true
box by .5 that no given box of its class does.

"ObjectLab": one minus its scores per box, with its threshold .95 or .5, whichever is better; boxes without a score come
last. "rule": at IoU .5, the larger of (1 +- score) / 2, + where the class differs, and (score (2 i - 1) + 1) / 2 with
i = 2 (1 - IoU); 1 for a given box without a match, and the score for a prediction without one, above .95 only
("mistakenness" of FiftyOne) or always ("with scores"). "plain": one minus the largest score of the given class at IoU
.5, and the score. Cells are AUROC / average precision, "found" errors among the first 100 / 500 units. ECE: calibration
error of p_error, and that of the other units after verdicts on 200, drawn as by `wb.audit` in strata of given boxes and
of candidates (mean of five draws). "by image": the same if whole images are reviewed, by their expected number of
errors, with all given boxes and the candidates with p_error above .05. `--scale`: ObjectLab beside cleanlab. `--seed`:
of the canvases. `--write` puts the tables into BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from box_sets import BoxSet, box_sets, by_image
from measuring import measured, write_section
from sklearn.metrics import average_precision_score, roc_auc_score
from verdicts import error_after_verdicts

import workbench as wb
from workbench import confident
from workbench.confident import objectlab as lab
from workbench.issues.audit_plan import stratify_sides
from workbench.issues.boxes.judged_boxes import JudgedBoxes, judged_boxes
from workbench.issues.boxes.matched_boxes import GivenBoxes
from workbench.issues.boxes.place_forms import worth_listing
from workbench.issues.calibration import calibration_error
from workbench.tasks.box_overlaps import overlapping
from workbench.tasks.scored_boxes import ScoredBoxes

HEAD = """| data | units, wrong | ObjectLab | rule | rule with scores | plain | `find_issues` | given, candidates | \
found: ObjectLab | rule | rule with scores | `find_issues` | by image | ECE, audited | \
expected / true | known | ms an image |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"""

SCALE_HEAD = """| task | ms an image | MB | cleanlab, ms an image | times as fast |
|---|---|---|---|---|"""


FOUND_AFTER = 100, 500


class Units(NamedTuple):
    """Given boxes, then candidates: whether they are wrong, whether they are candidates, and their images."""

    wrong: np.ndarray
    added: np.ndarray
    rows: np.ndarray


def scored_row(made: BoxSet) -> dict[str, object]:
    """A row of the table."""
    labels, predictions = by_image(made.given, made.n), by_image(made.found, made.n)
    frame = pd.DataFrame({"boxes": labels})
    if made.size is not None:
        frame["width"], frame["height"] = made.size.T
    data = wb.Dataset.from_frame(frame, label="boxes", task="boxes", classes=list(made.classes))
    began = time.perf_counter()
    table = wb.find_issues(data, per="unit", predictions=predictions)
    took = time.perf_counter() - began
    judged = judged_again(made)
    p = np.concatenate([judged.of_given.p, judged.of_candidates.p])
    np.testing.assert_allclose(np.sort(p), np.sort(table["p_error"]), atol=1e-9)
    units = true_units(made, judged)
    wrong, m = units.wrong, len(judged.given.rows)
    peers = of_peers(made, judged)
    after = error_after_verdicts(p, wrong, stratify_sides(p, units.added), units.added.astype(int))
    ours = [f"{both(wrong[own], p[own])}" for own in (slice(None, m), slice(m, None))]
    return {
        "data": made.name,
        "units": f"{len(wrong):,}, {wrong[:m].sum():,} + {wrong[m:].sum():,}",
        **{name: both(wrong, peers[name]) for name in ("ObjectLab", "rule", "with scores", "plain")},
        "ours": f"**{both(wrong, p)}**",
        "parts": ", ".join(ours),
        "found ObjectLab": found(wrong, peers["ObjectLab"]),
        "found rule": found(wrong, peers["rule"]),
        "found rule with scores": found(wrong, peers["with scores"]),
        "found ours": found(wrong, p),
        "by image": found_by_image(units, p),
        "ECE": f"{short(calibration_error(p, wrong))}, {short(after)}",
        "counted": f"{p.sum() / wrong.sum():.2f}",
        "known": "yes" if table.attrs["errors_identified"] else "no",
        "ms": f"{1000 * took / made.n:.1f}",
    }


def judged_again(made: BoxSet) -> JudgedBoxes:
    rows, places, label = (made.given[name] for name in ("rows", "places", "label"))
    given = GivenBoxes(rows, places, label, np.zeros(len(rows), bool))
    seen = ScoredBoxes(*(made.found[name] for name in ("rows", "places", "label", "score")))
    listed = worth_listing(seen, len(given.rows))[0]
    size = None if made.size is None else made.size.astype(float)
    return judged_boxes(given, listed, made.n, len(made.classes), size)


def true_units(made: BoxSet, judged: JudgedBoxes) -> Units:
    """Which units are wrong, by the true boxes."""
    true, given, seen = made.true, judged.given, judged.seen
    pairs = overlapping(given.rows, given.places, true["rows"], true["places"], least=0.5)
    same = given.label[pairs.first] == true["label"][pairs.second]
    wrong = np.ones(len(given.rows), bool)
    wrong[pairs.first[same]] = False
    covered = np.zeros(len(true["rows"]), bool)
    covered[pairs.second[same]] = True
    left, at = np.flatnonzero(~covered), judged.met.candidates
    pairs = overlapping(seen.rows[at], seen.places[at], true["rows"][left], true["places"][left], least=0.5)
    hit = np.zeros(len(at), bool)
    hit[pairs.first] = True
    added = np.repeat([False, True], [len(wrong), len(hit)])
    return Units(np.concatenate([wrong, hit]), added, np.concatenate([given.rows, seen.rows[at]]))


def of_peers(made: BoxSet, judged: JudgedBoxes) -> dict[str, np.ndarray]:
    """Scores of all units, high = suspicious, by name."""
    given, seen, met = judged.given, judged.seen, judged.met
    score = seen.score[met.candidates]
    matched = met.match_iou >= 0.5
    own = np.maximum(met.match, 0)
    sign = np.where(seen.label[own] == given.label, -1, 1)
    far = 2 * np.clip(1 - met.match_iou, 0, 0.5)
    classes, places = (1 + sign * seen.score[own]) / 2, (seen.score[own] * (2 * far - 1) + 1) / 2
    rule = np.where(matched, np.maximum(classes, places), 1.0)
    return {
        "rule": np.concatenate([rule, np.where(score > 0.95, score, -1)]),
        "with scores": np.concatenate([np.where(matched, classes, 1.0), score]),
        "plain": np.concatenate([1 - judged.support.same5, score]),
        "ObjectLab": best_objectlab(made, judged),
    }


def best_objectlab(made: BoxSet, judged: JudgedBoxes) -> np.ndarray:
    listed = worth_listing(ScoredBoxes(*(made.found[name] for name in ("rows", "places", "label", "score"))), 0)[0]
    wrong = true_units(made, judged).wrong
    tried = []
    for least in (0.95, 0.5):
        before, lab.CONFIDENT_SCORE = lab.CONFIDENT_SCORE, least
        scores = lab.objectlab(judged.given, listed)
        lab.CONFIDENT_SCORE = before
        overlooked = np.full(len(judged.seen.rows), 2.0)
        np.minimum.at(overlooked, judged.seen.of, np.nan_to_num(scores.overlooked, nan=2.0))
        one = np.concatenate([np.minimum(scores.badly_located, scores.swapped), overlooked[judged.met.candidates]])
        tried.append(1 - one)
    return max(tried, key=lambda one: average_precision_score(wrong, one))


def found_by_image(units: Units, p: np.ndarray) -> str:
    """Errors among the first units if images are reviewed whole."""
    shown = ~units.added | (p > 0.05)
    expected = np.bincount(units.rows[shown], p[shown])
    rank = np.argsort(np.argsort(-expected, kind="stable"), kind="stable")
    order = np.flatnonzero(shown)
    order = order[np.lexsort((-p[order], rank[units.rows[order]]))]
    return "/".join(str(int(units.wrong[order[:most]].sum())) for most in FOUND_AFTER)


def both(wrong: np.ndarray, score: np.ndarray) -> str:
    if wrong.all() or not wrong.any():
        return "-"
    return f"{short(roc_auc_score(wrong, score))}/{short(average_precision_score(wrong, score))}"


def found(wrong: np.ndarray, score: np.ndarray) -> str:
    order = np.argsort(-score, kind="stable")
    return "/".join(str(int(wrong[order[:many]].sum())) for many in FOUND_AFTER)


def short(value: float) -> str:
    return f"{value:.3f}".lstrip("0")


def scale() -> list[dict[str, Any]]:
    """ObjectLab's scores of images: 2,000 of them beside cleanlab, and 100,000."""
    return [timed(2000, beside=True), timed(100_000, beside=False)]


def timed(n: int, beside: bool) -> dict[str, Any]:
    labels, predictions = random_images(n)
    mine = measured(lambda: confident.box_image_scores(labels, predictions))
    row: dict[str, Any] = {"task": f"{n:,} images, 10 boxes and 10 predictions each"}
    row |= {"ms": f"{1000 * mine.seconds / n:.3f}", "MB": mine.peak_mb, "cleanlab": None, "times": None}
    if beside:
        from cleanlab.object_detection.rank import get_label_quality_scores

        peer = measured(lambda: get_label_quality_scores(labels, predictions, verbose=False))
        np.testing.assert_allclose(mine.result, peer.result, rtol=1e-6)
        row |= {"cleanlab": f"{1000 * peer.seconds / n:.2f}", "times": round(peer.seconds / mine.seconds, 1)}
    return row


def random_images(n: int) -> tuple[list[dict[str, np.ndarray]], list[list[np.ndarray]]]:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 600, (n, 10, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(20, 200, (n, 10, 2))], axis=2)
    label = rng.integers(0, 5, (n, 10))
    moved = boxes + np.tile(rng.normal(0, 4, (n, 10, 2)), 2)
    seen = np.concatenate([moved, rng.beta(3, 0.6, (n, 10, 1))], axis=2)
    labels = [{"bboxes": one, "labels": own} for one, own in zip(boxes, label)]
    return labels, [[one[own == code] for code in range(5)] for one, own in zip(seen, label)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.scale:
        name, head, rows = "boxes-scale", SCALE_HEAD, scale()
        print(*rows, sep="\n")
    else:
        name, head, rows = "boxes", HEAD, []
        only = {one.strip() for one in given.only.split(";") if one}
        for made in box_sets(given.folder, only or None, given.seed):
            rows.append(scored_row(made))
            print(rows[-1], flush=True)
    if given.write:
        write_section(name, head, rows)


if __name__ == "__main__":
    main()
