"""Detection of real label errors by every score and the detector: `python benchmarks/detection.py DATA_DIR --json`.

Data sets are recognised by file name patterns:

- `cifar10n_*.npz` with `clean_label` and one or more other `*_label*` vectors, each a separate data set;
  embeddings in `<name>_embed_*.npz` (`embedding`)
- `newsclass_*.json` with text, given_label, clean_label
- `conll03_*.npz` with tokens, sentence, given and one or more references (-1 = no reference), each a separate data
  set if it differs from the given labels
- `label_errors_*.npz` with pred_probs, labels, reviewed_index, is_error: evaluated on the reviewed rows only
- `dynamics_<name>[_<labels>]_*.npz` with logits (epochs, n, k) and optionally oos_pred_probs, for any of them

Prints one line per data set and method: AUROC, average precision, precision at the number of errors, expected
calibration error (probabilities of error only), seconds. Methods: every score of `workbench.SCORES` in its declared
direction; `kernel_ridge_self_confidence`, a control with the detector's first classifier alone; `detector` on all
evidence; and the detector on each kind of evidence alone. Logits of several trainings are used one at a time;
`training` names their file.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import workbench as wb
from workbench.issues.calibration import calibration_error
from workbench.issues.posterior import opinion


@dataclass
class Case:
    """One data set: evidence by name, and which of the evaluated rows are errors."""

    name: str
    given: np.ndarray
    k: int
    is_error: np.ndarray
    judged: np.ndarray
    embeddings: np.ndarray | None = None
    texts: list[str] | None = None
    pred_probs: np.ndarray | None = None
    trainings: dict[str, np.ndarray] = field(default_factory=dict)


def cases(folder: Path) -> Iterator[Case]:
    """Yield all data sets of a folder, in the order of their file names."""
    for path in sorted(folder.glob("cifar10n_*.npz")):
        if "_embed_" not in path.name:
            yield from _images(folder, path)
    for path in sorted(folder.glob("newsclass_*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        given, clean = np.array(data["given_label"], np.int64), np.array(data["clean_label"], np.int64)
        k = len(data["classes"])
        case = Case(path.stem, given, k, given != clean, np.ones(len(given), bool), texts=list(data["text"]))
        yield _with_trainings(case, folder, path.stem)
    for path in sorted(folder.glob("conll03_*.npz")):
        yield from _tokens(folder, path)
    for path in sorted(folder.glob("label_errors_*.npz")):
        data = _load(path)
        judged = np.zeros(len(data["labels"]), bool)
        judged[data["reviewed_index"]] = True
        wrong = np.zeros(len(judged), bool)
        wrong[data["reviewed_index"]] = data["is_error"]
        probs = data["pred_probs"]
        yield Case(path.stem, data["labels"].astype(np.int64), probs.shape[1], wrong, judged, pred_probs=probs)


def _images(folder: Path, path: Path) -> Iterator[Case]:
    data = _load(path)
    clean = data["clean_label"].astype(np.int64)
    vectors = None
    for other in sorted(folder.glob(f"{path.stem}_embed_*.npz")):
        vectors = _load(other)["embedding"]
    for key in sorted(data):
        if "label" in key and key != "clean_label" and data[key].shape == clean.shape:
            given = data[key].astype(np.int64)
            k = int(max(clean.max(), given.max())) + 1
            case = Case(f"{path.stem} {key}", given, k, given != clean, clean >= 0, embeddings=vectors)
            yield _with_trainings(case, folder, f"{path.stem}_{key}")


def _tokens(folder: Path, path: Path) -> Iterator[Case]:
    data = _load(path)
    given = data["given"].astype(np.int64)
    k = len(data["tags"])
    for key in sorted(set(data) - {"tokens", "sentence", "given", "tags"}):
        truth = data[key]
        if truth.shape == given.shape and truth.dtype.kind == "i" and ((truth >= 0) & (truth != given)).any():
            case = Case(f"{path.stem} {key}", given, k, given != truth, truth >= 0)
            yield _with_trainings(case, folder, path.stem)


def _with_trainings(case: Case, folder: Path, stem: str) -> Case:
    """Add the contents of `dynamics_<stem>_*`; files with different labels are skipped."""
    for path in sorted(folder.glob(f"dynamics_{stem}*.npz")):
        if not re.fullmatch(rf"dynamics_{re.escape(stem)}(_[a-z0-9]+)?", path.stem):
            continue
        data = _load(path)
        labels = data.get("given_label", data.get("given"))
        if labels is not None and not np.array_equal(labels.astype(np.int64), case.given):
            continue
        case.trainings[path.stem] = data["logits"]
        if case.pred_probs is None and "oos_pred_probs" in data:
            case.pred_probs = data["oos_pred_probs"]
    return case


def _load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def rows(case: Case, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield one result per method."""

    def evidence(*kinds: str, training: str | None = None) -> wb.Evidence:
        return wb.Evidence.from_arrays(
            case.given,
            case.k,
            pred_probs=case.pred_probs if "pred_probs" in kinds else None,
            embeddings=case.embeddings if "embeddings" in kinds else None,
            texts=case.texts if "embeddings" in kinds else None,
            logits=case.trainings[training] if training else None,
        )

    def detector(method: str, *kinds: str, training: str | None = None) -> dict[str, Any]:
        start = time.perf_counter()
        found = wb.find_issues(evidence(*kinds, training=training), seed=seed)
        seconds = time.perf_counter() - start
        p_error = found.sort_values("row")["p_error"].to_numpy()
        place = np.empty(len(found))
        place[found["row"].to_numpy()] = -np.arange(len(found))
        line = _line(case, method, place, seconds, p_error, training)
        return {**line, "evidence": found.attrs["evidence"], "expected_errors": found.attrs["expected_errors"]}

    vectors = case.embeddings is not None or case.texts is not None
    plain = [("embeddings",)] if vectors else []
    plain += [("pred_probs",)] if case.pred_probs is not None else []
    everything = tuple(kind for kinds in plain for kind in kinds)
    if case.pred_probs is not None or vectors:
        yield from _scores(case, evidence(*everything))
    for training in case.trainings:
        yield from _scores(case, evidence(training=training), training)
    if vectors:
        start = time.perf_counter()
        alone = opinion(evidence("embeddings"), seed).control
        yield _line(case, "kernel_ridge_self_confidence", -alone, time.perf_counter() - start, 1 - alone)
    if everything and (len(plain) > 1 or case.trainings):
        for kinds in plain:
            yield detector(f"detector ({kinds[0]} only)", *kinds)
    for training in case.trainings:
        if everything:
            yield detector("detector (dynamics only)", training=training)
        yield detector("detector", *everything, training=training)
    if not case.trainings and everything:
        yield detector("detector", *everything)


def _scores(case: Case, evidence: wb.Evidence, training: str | None = None) -> Iterator[dict[str, Any]]:
    for name, score in wb.SCORES.items():
        if all(evidence.has(need) for need in score.needs):
            start = time.perf_counter()
            values = wb.score(evidence, name)[name].to_numpy(float)
            doubt = np.nan_to_num(values if score.suspicious == "high" else -values, nan=-np.inf)
            chance = 1 - values if name == "self_confidence" else None
            yield _line(case, name, doubt, time.perf_counter() - start, chance, training)


def _line(
    case: Case,
    method: str,
    doubt: np.ndarray,
    seconds: float,
    p_error: np.ndarray | None = None,
    training: str | None = None,
) -> dict[str, Any]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    wrong, doubt = case.is_error[case.judged], doubt[case.judged]
    doubt = np.clip(doubt.astype(float), -1e300, 1e300)
    errors = int(wrong.sum())
    both = 0 < errors < len(wrong)
    top = np.argsort(-doubt, kind="stable")[:errors]
    ece = None if p_error is None else round(calibration_error(p_error[case.judged], wrong), 4)
    return {
        "data": case.name,
        "method": method,
        "training": training,
        "n": len(case.given),
        "judged": len(wrong),
        "errors": errors,
        "auroc": round(float(roc_auc_score(wrong, doubt)), 4) if both else None,
        "average_precision": round(float(average_precision_score(wrong, doubt)), 4) if both else None,
        "precision_at_errors": round(float(wrong[top].mean()), 4) if errors else None,
        "ece": ece,
        "seconds": round(seconds, 3),
    }


def main(argv: list[str] | None = None) -> int:
    """Run from the shell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data_dir", type=Path, help="folder with the data sets")
    parser.add_argument("--json", action="store_true", help="one JSON line per data set and method")
    parser.add_argument("--only", default="", help="regular expression: names of data sets to run")
    args = parser.parse_args(argv)
    if not args.data_dir.is_dir():
        print(f"{args.data_dir} is not a folder.", file=sys.stderr)
        return 2
    count = 0
    for case in cases(args.data_dir):
        if not re.search(args.only, case.name):
            continue
        for row in rows(case):
            count += 1
            print(json.dumps(row) if args.json else _plain(row), flush=True)
    if not count:
        print(f"no data set was recognised in {args.data_dir}; see the top of {__file__}", file=sys.stderr)
        return 1
    return 0


def _plain(row: dict[str, Any]) -> str:
    cells = [f"{row[name]:.3f}" if row[name] is not None else "-" for name in ("auroc", "average_precision")]
    cells += [f"{row[name]:.3f}" if row[name] is not None else "-" for name in ("precision_at_errors", "ece")]
    name = row["method"] + (f" [{row['training'].rsplit('_', 1)[-1]}]" if row["training"] else "")
    return f"{row['data']:32} {name:36} {'  '.join(cells)}  {row['seconds']:7.2f} s"


if __name__ == "__main__":
    raise SystemExit(main())
