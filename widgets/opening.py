"""What a page is told when it opens: names, menus, axes, and what is missing and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from widgets.auditing import canaries, estimate
from widgets.columns import Column

if TYPE_CHECKING:
    from widgets.explorer import Explorer
    from workbench.run import Run

DATA_MAPS = (
    ("variability", "confidence"),
    ("normalized_margin", "self_confidence"),
    ("p_suggested", "self_confidence"),
)
"""Axes of the data map: the first pair that the run has evidence for."""


def described(explorer: Explorer) -> dict:
    """The JSON part of the answer to `open`; the arrays travel beside it."""
    run, dataset = explorer.run, explorer.dataset
    attrs = explorer.issues.attrs
    return {
        "name": run.name,
        "path": str(run.path),
        "n": dataset.n,
        "classes": list(dataset.classes),
        "columns": [column.described() for column in explorer.columns.values()],
        "epochs": list(run.epochs),
        "embedding_epochs": list(run.embedding_epochs),
        "media": explorer.media.kind,
        "color_by": explorer.color_by,
        "keymap": explorer.keymap,
        "blind": explorer.blind,
        "saved": explorer.decisions.last_time or "",
        "data_map": data_map(explorer.columns),
        "no_data_map": "No statistics per epoch in this run,\nso there is no data map.",
        "embedding": embedding_state(run),
        "lenses": [{"name": name, "count": int(mask.sum())} for name, mask in explorer._lenses.items()],
        "expected": expected_errors(attrs),
        "how": how_sure(attrs),
        "warning": attrs.get("missing", ""),
        "canaries": canaries(run, explorer.issues),
        "audit": estimate(run, explorer.issues),
    }


def data_map(columns: dict[str, Column]) -> dict | None:
    """Axes of the data map, with fixed ranges where the scores have them; None without such scores."""
    for x, y in DATA_MAPS:
        if x in columns and y in columns and np.isfinite(columns[y].values).any():
            ranges = [columns[name].range for name in (x, y)]
            if x == "variability":  # from 0, so that epochs can be compared; not to .5, which few runs come near
                ranges[0] = (0.0, max(0.1, min(0.5, 1.15 * float(np.nanmax(columns[x].values)))))
            return {"x": x, "y": y, "ranges": [list(one) for one in ranges] if all(ranges) else None}
    return None


def embedding_state(run: Run) -> dict:
    """Is there an embedding map, and what to say until (or instead of) it?"""
    if run.embedding_epochs:
        return {"there": True, "message": "projecting…"}
    how = 'Record them with `rec.batch(ids, logits, embeddings=…)`\nor `wb.replay(…, embed="layer")`.'
    return {"there": False, "message": f"No embeddings in this run.\n{how}"}


def lens_masks(columns: dict[str, Column], n: int) -> dict[str, np.ndarray]:
    """Ready-made selections that rest on scores, by name; empty ones are left out."""
    lenses = {}
    numbers = {name: column.values for name, column in columns.items() if column.categories is None}
    if "never_learned" in numbers:
        lenses["never learned"] = numbers["never_learned"] > 0.5
    if "neighbor_disagreement" in numbers:
        lenses["most neighbours disagree"] = numbers["neighbor_disagreement"] > 0.5
    if "forgetting" in numbers:
        lenses["forgotten more than once"] = numbers["forgetting"] > 1
    lenses["suggestion differs"] = (columns["suggested"].values >= 0) & (
        columns["suggested"].values != columns["given"].values
    )
    return {name: mask for name, mask in lenses.items() if mask.any()}


def expected_errors(attrs: dict) -> str:
    """In words: how many errors the detector expects in all; empty when it does not say."""
    expected, interval = attrs.get("expected_errors"), attrs.get("expected_errors_interval")
    if expected is None:
        return ""
    text = f"about {expected:,.0f} wrong labels expected in all"
    return text if interval is None else f"{text} ({interval[0]:,.0f} to {interval[1]:,.0f})"


def how_sure(attrs: dict) -> str:
    """In a sentence: what the probabilities rest on."""
    told = {"evidence": "from {}", "pred_probs": "predicted probabilities: {}", "threshold": "suspected: {}"}
    parts = [text.format(attrs[key]) for key, text in told.items() if attrs.get(key) and attrs[key] != "none"]
    return "; ".join(parts)


def export_name(run: Run) -> Path:
    """Where an export goes by default, without the suffix: the kernel's folder."""
    return Path(f"{run.name}-corrected")
