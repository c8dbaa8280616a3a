"""How well wrong, badly outlined, spurious and overlooked instances are found, beside a rule, and how fast masks match.

    python benchmarks/instances.py [DATA_DIR] [--cache DIR] [--scale] [--write]

Canvases of digits with seeded errors (`benchmarks/works/digit_instances.py`): a small detector is trained on the boxes
around the given masks, out of fold, and the bright pixels in its boxes are the predicted masks; predictions are kept in
`--cache`. Units are given instances and candidates, predictions that belong to no given instance. A candidate is right
to suspect if it overlaps a true mask by .5 that was left out. Crowd masks: the masks of single crowd workers for each
cell of DATA_DIR/kinds/segmentation_bubil*.npz, each beside the other workers' masks as predictions, or their fusion; a
mask is wrong if its IoU with that of experts is below .7.

"IoU": one minus the IoU of masks with the matched prediction, and the score of a candidate. "rule": at IoU .5, the
larger of (1 +- score) / 2, + where the class differs, and (score (2 i - 1) + 1) / 2 with i = 2 (1 - IoU); 1 without a
match, and the score of a candidate ("mistakenness" of FiftyOne, with scores). "boxes": `find_issues(task="boxes")` with
the boxes around the same masks. Cells are AUROC / average precision; "found": wrong units among the first 100 / 300;
"kind": share of the errors of given instances whose kind is right; "outline": mean IoU with the true mask of
instances with a seeded outline that have a suggestion, given and suggested. ECE: calibration error of p_error, and that
of the other units after verdicts on 200 (mean of five draws). `--scale`: masks of 2,000 images beside pycocotools.
`--write` puts the tables into BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from masks import crowd_masks
from measuring import measured, write_section
from sklearn.metrics import average_precision_score, roc_auc_score
from verdicts import error_after_verdicts
from works.digit_instances import SIDE, DigitInstances, digit_instances, iou, runs

import workbench as wb
from workbench.issues.audit_plan import stratify_sides
from workbench.issues.boxes.judged_boxes import JudgedBoxes, judged_boxes
from workbench.issues.boxes.matched_boxes import GivenBoxes
from workbench.issues.boxes.place_forms import worth_listing
from workbench.issues.calibration import calibration_error
from workbench.tasks.instance_evidence import read_scored_instances
from workbench.tasks.object_overlaps import GivenObjects, overlaps_of
from workbench.tasks.run_lengths import decode_runs
from workbench.tasks.scored_boxes import ScoredBoxes

CLASSES = [str(one) for one in range(10)]
HEAD = """| data | units, wrong | IoU | rule | boxes | `find_issues` | given, candidates | found: rule | \
`find_issues` | kind | outline | ECE, audited | expected / true | known | ms an image |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"""
SCALE_HEAD = """| task | s | MB | pycocotools, s |
|---|---|---|---|"""


def scored_row(made: DigitInstances, name: str) -> dict[str, object]:
    """A row of the table."""
    data = wb.Dataset.from_arrays(made.given, task="instances", classes=CLASSES)
    found_ = read_scored_instances(made.predictions, data.n, CLASSES)
    began = time.perf_counter()
    table = wb.find_issues(data, per="unit", predictions=found_)
    took = time.perf_counter() - began
    given = given_of(made.given)
    judged = judged_boxes(given, worth_listing(found_, len(given.rows))[0], data.n, len(CLASSES))
    p = np.concatenate([judged.of_given.p, judged.of_candidates.p])
    np.testing.assert_allclose(np.sort(p), np.sort(table["p_error"]), atol=1e-9)
    wrong, added = truth_of(made, judged, given)
    peers = of_peers(judged, given)
    after = error_after_verdicts(p, wrong, stratify_sides(p, added), added.astype(int))
    return {
        "data": name,
        "units": f"{len(p):,}, {wrong[~added].sum():,} + {wrong[added].sum():,}",
        **{key: both(wrong, peers[key]) for key in ("IoU", "rule")},
        "boxes": of_boxes(made, given, found_),
        "ours": f"**{both(wrong, p)}**",
        "parts": f"{both(wrong[~added], p[~added])}, {both(wrong[added], p[added])}",
        "found rule": found(wrong, peers["rule"]),
        "found ours": found(wrong, p),
        "kind": kinds_right(made, table),
        "outline": outlines(made, table),
        "ECE": f"{short(calibration_error(p, wrong))}, {short(after)}",
        "counted": f"{p.sum() / wrong.sum():.2f}",
        "known": "yes" if table.attrs["errors_identified"] else "no",
        "ms": f"{1000 * took / len(made.given):.0f}",
    }


def given_of(labels: list[dict[str, Any]]) -> GivenBoxes:
    """Instances as the estimator takes them."""
    scored = [{**one, "scores": np.ones(len(one["labels"]))} for one in labels]
    own = read_scored_instances(scored, len(labels), CLASSES)
    return GivenBoxes(own.rows, own.places, own.label, np.zeros(len(own.rows), bool), own.masks)


def full_mask(text: str) -> np.ndarray:
    """The mask of a value as an array of its canvas."""
    value = json.loads(text)
    x0, y0, x1, y1 = value["box"]
    mask = np.zeros((SIDE, SIDE), bool)
    mask[y0:y1, x0:x1] = decode_runs(value["mask"], y1 - y0, x1 - x0)
    return mask


def truth_of(made: DigitInstances, judged: JudgedBoxes, given: GivenBoxes) -> tuple[np.ndarray, np.ndarray]:
    """Whether each unit is wrong, given ones before candidates, and whether it is a candidate."""
    wrong = np.array([kind != "" for own in made.kinds for kind in own])
    true = given_of(made.true)
    covered = overlaps_of(true, given, least=0.1).first
    left = true.chosen(np.setdiff1d(np.arange(len(true.rows)), covered))
    at, seen = judged.met.candidates, judged.seen
    masks = None if seen.masks is None else seen.masks[at]
    hit = np.zeros(len(at), bool)
    hit[overlaps_of(GivenObjects(seen.rows[at], seen.places[at], masks), left, least=0.5).first] = True
    return np.concatenate([wrong, hit]), np.repeat([False, True], [len(wrong), len(hit)])


def of_peers(judged: JudgedBoxes, given: GivenBoxes) -> dict[str, np.ndarray]:
    """Scores of all units, high = suspicious, by name."""
    seen, met = judged.seen, judged.met
    score = seen.score[met.candidates]
    own = np.maximum(met.match, 0)
    sign = np.where(seen.label[own] == given.label, -1, 1)
    far = 2 * np.clip(1 - met.match_iou, 0, 0.5)
    classes, places = (1 + sign * seen.score[own]) / 2, (seen.score[own] * (2 * far - 1) + 1) / 2
    rule = np.where(met.match_iou >= 0.5, np.maximum(classes, places), 1.0)
    return {"IoU": np.concatenate([1 - met.match_iou, score]), "rule": np.concatenate([rule, score])}


def of_boxes(made: DigitInstances, given: GivenBoxes, found_: ScoredBoxes) -> str:
    """The same with the boxes around the masks; candidates are judged by the boxes of the true masks."""
    plain = given._replace(masks=None)
    listed = worth_listing(found_._replace(masks=None), len(plain.rows))[0]
    judged = judged_boxes(plain, listed, len(made.given), len(CLASSES))
    wrong = np.array([kind != "" for own in made.kinds for kind in own])
    true = given_of(made.true)
    left = true.chosen(np.setdiff1d(np.arange(len(true.rows)), overlaps_of(true, given, least=0.1).first))
    at = judged.met.candidates
    hit = np.zeros(len(at), bool)
    boxes = GivenObjects(judged.seen.rows[at], judged.seen.places[at])
    hit[overlaps_of(boxes, left._replace(masks=None), least=0.5).first] = True
    p = np.concatenate([judged.of_given.p, judged.of_candidates.p])
    return both(np.concatenate([wrong, hit]), p)


def kinds_right(made: DigitInstances, table: pd.DataFrame) -> str:
    """Share of the errors of given instances whose kind is right."""
    right = []
    for row, key, kind in zip(table["row"], table.index.get_level_values("unit"), table["kind"]):
        true = made.kinds[row][int(key[1:])] if key.startswith("g") else ""
        if true:
            right.append(true == kind)
    return f"{np.mean(right):.2f}"


def outlines(made: DigitInstances, table: pd.DataFrame) -> str:
    """Mean IoU with the true mask of instances with a seeded outline that have a suggestion: given and suggested."""
    before, after = [], []
    keys = table.index.get_level_values("unit")
    for row, key, given, said in zip(table["row"], keys, table["given_value"], table["suggested_value"]):
        if not key.startswith("g") or made.kinds[row][int(key[1:])] != "outline" or said == given:
            continue
        mask = full_mask(given)
        true = max(made.true[row]["masks"], key=lambda one: iou(one, mask))
        before.append(iou(mask, true))
        after.append(0.0 if said == "null" else iou(full_mask(said), true))
    return f"{np.mean(before):.2f}, {np.mean(after):.2f}"


def crowd_row(folder: Path, fuse: bool) -> dict[str, object]:
    """Masks of single crowd workers, each beside the others, or beside their fusion."""
    given, predictions, wrong = [], [], []
    for _, _, gold, crowd in crowd_masks(folder):
        for number, one in enumerate(crowd):
            others = np.delete(crowd, number, axis=0)
            shown = [runs(other) for other in ([wb.vision.fuse_masks(others)] if fuse else others)]
            given.append({"masks": [runs(one)], "labels": ["cell"]})
            predictions.append({"masks": shown, "labels": ["cell"] * len(shown), "scores": [1.0] * len(shown)})
            wrong.append(iou(one, gold) < 0.7)
    data = wb.Dataset.from_arrays(given, task="instances")
    began = time.perf_counter()
    table = wb.find_issues(data, per="unit", predictions=predictions)
    took = time.perf_counter() - began
    own = table[[key.startswith("g") for key in table.index.get_level_values("unit")]].sort_values("row")
    bad, p = np.array(wrong), own["p_error"].to_numpy()
    after = error_after_verdicts(p, bad, stratify_sides(p, np.zeros(len(p), bool)), np.zeros(len(p), int))
    return {
        "data": f"crowd masks beside the {'fusion of the ' if fuse else ''}others",
        "units": f"{len(p):,}, {bad.sum():,}",
        "IoU": both(bad, 1 - own["overlap"].to_numpy()), "rule": None, "boxes": None, "ours": f"**{both(bad, p)}**",
        "parts": None, "found rule": None, "found ours": found(bad, p), "kind": None, "outline": None,
        "ECE": f"{short(calibration_error(p, bad))}, {short(after)}", "counted": f"{p.sum() / bad.sum():.2f}",
        "known": "yes" if table.attrs["errors_identified"] else "no", "ms": f"{1000 * took / len(given):.0f}",
    }  # fmt: skip


def both(wrong: np.ndarray, score: np.ndarray) -> str:
    return f"{short(roc_auc_score(wrong, score))}/{short(average_precision_score(wrong, score))}"


def found(wrong: np.ndarray, score: np.ndarray) -> str:
    order = np.argsort(-score, kind="stable")
    return "/".join(str(int(wrong[order[:many]].sum())) for many in (100, 300))


def short(value: float) -> str:
    return f"{value:.3f}".lstrip("0")


def scale(cache: Path | None, images: int = 2000) -> list[dict[str, object]]:
    """IoU of the masks of many images, beside pycocotools image by image."""
    from pycocotools import mask as coco

    made = digit_instances(400, 0, cache)
    given = [made.given[row % 400] for row in range(images)]
    shown = [made.predictions[row % 400] for row in range(images)]
    shown = [{name: values[:10] for name, values in one.items()} for one in shown]
    ours = read_scored_instances([{**one, "scores": np.ones(len(one["labels"]))} for one in given], images, CLASSES)
    other = read_scored_instances(shown, images, CLASSES)
    mine = measured(lambda: overlaps_of(ours, other))
    peers = [
        ([coco.encode(np.asfortranarray(mask, np.uint8)) for mask in one["masks"]],
         [coco.encode(np.asfortranarray(decode_runs(own["counts"], *own["size"]), np.uint8)) for own in two["masks"]])
        for one, two in zip(given, shown)
    ]  # fmt: skip
    peer = measured(lambda: [coco.iou(two, one, [0] * len(one)) for one, two in peers if one])
    total = sum(float(np.sum(one)) for one in peer.result)
    np.testing.assert_allclose(mine.result.iou.sum(), total, rtol=1e-9)
    task = f"{images:,} images, {len(ours.rows):,} given and {len(other.rows):,} predicted masks"
    return [{"task": task, "s": f"{mine.seconds:.2f}", "MB": mine.peak_mb, "peer": f"{peer.seconds:.2f}"}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.scale:
        name, head, rows = "instances-scale", SCALE_HEAD, scale(given.cache)
    else:
        name, head = "instances", HEAD
        rows = [scored_row(digit_instances(400, 0, given.cache), "canvases, seeded errors")]
        rows += [] if given.folder is None else [crowd_row(given.folder, fuse) for fuse in (True, False)]
    print(*rows, sep="\n")
    if given.write:
        write_section(name, head, rows)


if __name__ == "__main__":
    main()
