"""Wrote the files beside it with release 0.1.0. Kept to document their contents; never run again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

import workbench as wb
from workbench.recording.recorder import Recorder

HERE = Path(__file__).parent
SCORES = ["confidence", "variability", "correctness", "aum", "forgetting", "el2n", "mean_loss", "self_confidence"]


def expected(run) -> dict:
    """Return the values that a reader must find, as JSON."""
    journal = run.journal
    scores = wb.score(run)
    state = journal.state().reset_index()
    return {
        "classes": list(run.dataset.classes),
        "n": run.n,
        "epochs": list(map(int, run.epochs)),
        "given": list(run.dataset.given),
        "labels": run.labels().tolist(),
        "log": journal.log().values.tolist(),
        "state": json.loads(state.to_json(orient="values")),
        "opinions": json.loads(journal.opinions().reset_index().to_json(orient="values")),
        "changes": sorted(map(str, run.changes().index)),
        "scores": {name: [round(float(v), 6) for v in scores[name]] for name in SCORES if name in scores},
        "embedding_sum": round(float(np.nansum(run.embeddings().astype(np.float64))), 4),
        "pred_probs_sum_of_squares": round(float((run.pred_probs().values.astype(np.float64) ** 2).sum()), 4),
        "votes": None if run.votes() is None else run.votes().counts().sum(axis=0).tolist(),
        "planted": None if run.planted() is None else json.loads(run.planted().to_json(orient="values")),
    }


def decide(run, ids) -> None:
    """Two authors decide, undo, redo, flag and comment."""
    data, journal = run.dataset, run.journal
    given = dict(zip(data.ids.tolist(), data.given))
    other = {id: next(c for c in data.classes if c != given[id]) for id in ids}
    a, b = "ada", "béla"
    olds = [given[i] for i in ids[:3]]
    journal.relabel(ids[:3], [other[i] for i in ids[:3]], old=olds, author=a, source="explorer", reason="seen")
    journal.keep(ids[3:5], old=[given[i] for i in ids[3:5]], author=a, source="explorer")
    journal.relabel(ids[:1], given[ids[0]], old=given[ids[0]], author=b, source="explorer", reason='no; it\'s "right"')
    journal.skip(ids[5:6], author=b)
    journal.flag(ids[5:7], author=b, source="explorer")
    journal.note(ids[6:7], "blurred, <b>ask</b> Zoë\nsecond line", author=a)
    journal.undo(a)
    journal.redo(a)
    journal.relabel(ids[7:9], [other[i] for i in ids[7:9]], old=[given[i] for i in ids[7:9]], author=b, source="bulk")
    journal.undo(b)
    journal.flag(ids[5:6], False, author=b)
    journal.close()


def digits() -> None:
    target = HERE / "digits-run"
    shutil.copytree(HERE.parents[2] / "data" / "digits-run", target)
    run = wb.open_run(target)
    decide(run, run.dataset.ids[10:20].tolist())
    finish(target, "digits-run")


def birds() -> None:
    target = HERE / "birds-run"
    rng = np.random.default_rng(20261129)
    n, classes = 36, ["finch", "gull", 'óriás, "nagy"']
    truth = rng.integers(0, 3, n)
    given = truth.copy()
    given[[4, 11, 20]] = (given[[4, 11, 20]] + 1) % 3
    planted = pd.DataFrame(
        {
            "id": [f"b{i:02d}" for i in (4, 11, 20)],
            "true_label": [classes[truth[i]] for i in (4, 11, 20)],
            "planted_label": [classes[given[i]] for i in (4, 11, 20)],
        }
    )
    frame = pd.DataFrame(
        {
            "photo": [f"b{i:02d}" for i in range(n)],
            "species": [classes[c] for c in given],
            "text": [f"bird {i} of {classes[c]}" for i, c in enumerate(truth)],
            "weight": rng.normal(30, 5, n).round(2),
            "when": pd.date_range("2026-01-01", periods=n),
        }
    )
    frame.loc[7, "weight"] = np.nan
    data = wb.Dataset.from_frame(frame, label="species", id="photo", text="text", classes=classes)
    rec = Recorder(target, data, logits=True)
    centres = rng.normal(size=(3, 8))
    for epoch in range(3):
        with rec.epoch(epoch):
            for start in range(0, n, 12):
                rows = np.arange(start, start + 12)
                features = centres[truth[rows]] * (1 + epoch) + rng.normal(size=(12, 8))
                rec.batch(data.ids[rows], features @ centres.T, embeddings=features)
    epoch = rec.epoch(3)
    epoch.__enter__()
    rec.batch(data.ids[:12], rng.normal(size=(12, 3)), embeddings=rng.normal(size=(12, 8)))
    kept = HERE / "kept"
    shutil.copytree(target, kept, ignore=shutil.ignore_patterns("*.lock"))  # as left by a kill at this moment
    epoch.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    rec.close()
    shutil.rmtree(target)
    kept.rename(target)
    run = wb.open_run(target)
    planted.to_parquet(target / "planted.parquet", index=False)
    run = wb.open_run(target)
    probs = rng.dirichlet(np.ones(3), n) * 0.3
    probs[np.arange(n), truth] += 0.7
    run.save_pred_probs(probs / probs.sum(axis=1, keepdims=True), out_of_fold=True, how="by hand")
    run.save_embeddings(centres[truth] + rng.normal(size=(n, 8)), how="by hand", trained_on_labels=False)
    votes = pd.DataFrame(
        [
            (f"b{i:02d}", who, classes[truth[i] if rng.random() < 0.8 else rng.integers(3)])
            for i in range(n)
            for who in ("v1", "v2", "v3")
            if rng.random() < 0.7
        ],
        columns=["id", "annotator", "label"],
    )
    run.save_votes(votes)
    decide(run, data.ids[2:12].tolist())
    plan = wb.audit(run, budget=10)
    first = plan.ids[:4].tolist()
    given_of = dict(zip(data.ids.tolist(), data.given))
    run.journal.keep(first, old=[given_of[i] for i in first], author="ada", source="explorer")
    from widgets.view.views import Views

    Views(target / "views.json").save("odd ones", {"color_by": "aum", "selection": [data.ids[4]], "filters": {}})
    run.journal.close()
    finish(target, "birds-run")


def finish(target: Path, name: str) -> None:
    shutil.rmtree(target / "cache", ignore_errors=True)
    run = wb.open_run(target)
    found = expected(run)
    run.journal.close()
    shutil.rmtree(target / "cache", ignore_errors=True)
    path = HERE / "expected.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**known, name: found}, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    digits()
    birds()
