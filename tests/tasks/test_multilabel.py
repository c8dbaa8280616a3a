"""Tags: three states, dense, sparse and listed; stored, decided, exported and read again without loss."""

from __future__ import annotations

import numpy as np
from contract import Case
from hypothesis import strategies as st


def predictions(dataset):
    """Probabilities that follow the given cells, unsure where one is unknown."""
    rng = np.random.default_rng(0)
    given = dataset.units.given.reshape(dataset.n, dataset.k)
    return {"pred_probs": np.clip(np.where(given == 1, 0.85, 0.1) + rng.normal(0, 0.1, given.shape), 0, 1)}


CASE = Case(
    task="multilabel",
    labels=[
        {"yes": ["sea", "sky"], "unknown": []},
        {"yes": [], "unknown": []},
        None,
        {"yes": ["=tree"], "unknown": ["sea"]},
        {"yes": ["sky"], "no": []},
        {"yes": [], "no": ["sky", "=tree"]},
    ],
    classes=("sea", "sky", "=tree"),
    values=st.sampled_from(["no", "yes", "unknown"]),
    decisions=[
        (0, "p0", "no"),
        (1, "p2", "yes"),
        (2, "p1", "yes"),
        (3, "p0", "no"),
        (4, "p0", "no"),
        (5, "p1", "unknown"),
    ],
    corrected=[
        {"yes": ["sky"], "unknown": []},
        {"yes": ["=tree"], "unknown": []},
        {"yes": ["sky"], "no": []},
        {"yes": ["=tree"], "unknown": []},
        {"yes": ["sky"], "no": ["sea"]},
        {"yes": [], "no": ["=tree"]},
    ],
    words={"yes": "yes", "no": "no", "unknown": "unknown"},
    hostile=["", "maybe", "YES", '"yes"', "null", "-1", "1"],
    other_labels=[["sea"], [["whale"]], [3], [{"yes": ["sea"], "maybe": []}], [["sea", "sea"]], [[["sea"]]]],
    wrong_keys=["", "g0", "p3", "p-1", "x"],
    predictions=predictions,
    by_hand=(5, [("p0", "unknown"), ("p1", "no"), ("p2", "no")]),
)
