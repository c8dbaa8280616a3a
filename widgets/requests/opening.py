"""The message that opens a page: names, menus, axes, and which evidence is missing and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from widgets.requests.objects_map import objects_have_vectors
from widgets.view.auditing import canaries, estimate, total_in_brief, total_in_words
from widgets.view.kinds import kind_queues
from widgets.view.placing import data_map_axes
from widgets.view.pooled import pool_in_words
from widgets.view.queues import orders, unit_of_queue
from widgets.view.states import states_of
from widgets.view.tags import tags_by_doubt
from widgets.view.unrecorded import FrameRun
from widgets.wire.masks import packed
from widgets.wire.messages import Arrays, Buffers, Nothing
from widgets.wire.packing import packed_arrays
from widgets.wire.shapes import AxesInfo, EmbeddingInfo, OpenAnswer
from workbench.issues.totals import error_count

if TYPE_CHECKING:
    import pandas as pd

    from widgets.view.view import View
    from workbench.data.dataset import Dataset
    from workbench.runs.run import Run

FIRST_SCORES, MOST_FIRST = ("p_error", "confidence", "aum"), 3

LIVE = ("label", "verdict")
"""Columns that the page derives from the decisions."""

NO_STATISTICS = "No maps: they need probabilities, embeddings, edges or a recorded training"
NO_VECTORS = "No maps: they need embeddings of the examples"
NO_AXES = "No maps: pass x= and y= (columns with positions), pred_probs=, embeddings= or edges="


def _no_data_map(run: Run) -> str:
    """What a run lacks whose examples have no places on a map."""
    if "pred_probs" in run.dataset.kind.evidence_forms:  # probabilities of pixels are not those of an example
        return NO_VECTORS
    return NO_AXES if isinstance(run, FrameRun) else NO_STATISTICS


def ask_open(view: View, content: Nothing, buffers: Buffers) -> tuple[OpenAnswer, Arrays]:
    """Everything that the page needs to draw the view; the selection follows in a separate message."""
    view.decisions.catch_up()
    columns, decisions = view.columns, view.decisions
    arrays = {
        "given": decisions.given, "suggested": view.suggested, "labels": decisions.labels,
        "verdict": decisions.verdict, "flags": decisions.marks, "p_error": view.p_error,
        "p_suggested": view.p_suggested, "order": view.order, "queue": view.rows_of_queue(),
        "is_issue": view.issue.astype(np.uint8),
    }  # fmt: skip
    meta = described(view)
    axes = meta["data_map"]
    shown = [axes["x"], axes["y"]] if axes else []
    for name in (*shown, view.traits.color_by):
        if name not in LIVE:
            arrays.setdefault(name, columns[name].values)
    meta["arrays"], packed_ones = packed_arrays(arrays)
    if view.traits.selection:
        view.channel.send({"push": "selection"}, [packed(view.mask_of(view.traits.selection)).tobytes()])
    return meta, packed_ones


def described(view: View) -> OpenAnswer:
    """The JSON part of the answer to `open`; `arrays` is left to fill."""
    run, dataset = view.run, view.dataset
    attrs = view.issues.attrs
    total = error_count(run, view.issues, view.only)
    return {
        "name": run.name if view.pool is None else f"{run.name} and {len(view.pool.runs) - 1} more",
        "path": str(run.path),
        "n": dataset.n,
        "classes": list(states_of(dataset).names),
        "space": [] if dataset.kind.one_class else list(dataset.classes),
        "added": view.decisions.added,
        "choices": [] if dataset.kind.one_class else list(dataset.kind.choices(dataset.classes)),
        "columns": [column.described() for column in view.columns.values()],
        "epochs": list(run.example_epochs),
        "unit_epochs": list(view.details.tag_curves.epochs),
        "embedding_epochs": list(run.embedding_epochs),
        "media": view.media.kind,
        "brief_texts": view.media.brief_texts,
        "evidence_columns": evidence_columns(dataset),
        "color_by": view.traits.color_by,
        "task": dataset.task,
        "keymap": view.keymap,
        "blind": view.blind,
        "saved": view.decisions.last_time or "",
        "data_map": user_map(view) or data_map_axes(view.columns),
        "no_data_map": _no_data_map(run),
        "maps": maps_shown(view),
        "views": list(view.named_views.read()),
        "lasting": not isinstance(run, FrameRun) or run.lasting is not None,
        "first_filters": first_filters(view),
        "embedding": embedding_state(run),
        "objects": objects_have_vectors(run),
        "queues": orders(view),
        "queue_unit": unit_of_queue(view),
        "tags": tags_by_doubt(dataset.classes, view.doubts) if dataset.task == "multilabel" else [],
        "kinds": kind_queues(view),
        "changed": view.decisions.edited,
        "queue_order": view.queue_order,
        "doubted": view.doubted,
        "ordered": view.ordered,
        "suggests": "suggested_label" in view.columns,
        "author": view.decisions.who,
        "second": view.decisions.alone,
        "pooled": "" if view.pool is None else run.name,
        "other": "" if view.compared is None else view.compared.name,
        "expected": total_in_brief(total),
        "expected_title": total_in_words(view.issues, total),
        "how": how_sure(attrs),
        "warning": warning(view),
        "canaries": canaries(run, view.issues),
        "audit": estimate(run, view.issues, view.only, view.queue_order),
        "export_path": str(export_name(run)),
        "arrays": [],
    }


def evidence_columns(dataset: Dataset) -> list[str]:
    """Return the names of the user's columns that the detector uses as evidence, such as scores of two answers."""
    one = dataset.metadata.iloc[:1]

    def found(columns: pd.DataFrame) -> dict[str, tuple[int, ...]]:
        return {name: np.shape(value) for name, value in dataset.kind.evidence_in(columns).items()}

    whole = found(one)
    return [str(name) for name in one.columns if whole and found(one.drop(columns=name)) != whole]


def maps_shown(view: View) -> list[bool]:
    """Whether the first map and the embedding map are shown, each if it has points. Without both, the grid is shown."""
    return [bool(user_map(view) or data_map_axes(view.columns)), bool(view.run.embedding_epochs)]


def first_filters(view: View) -> list[str]:
    """Initial filters: scores with values, then (for a DataFrame) the user's first numeric columns."""
    columns = view.columns
    names = [name for name in FIRST_SCORES if name in columns and np.isfinite(columns[name].values).any()]
    if isinstance(view.run, FrameRun):
        mine = [name for name in view.dataset.metadata.columns if name in columns]
        numbers = [name for name in mine if columns[name].categories is None and name not in (view.run.axes or ())]
        names += numbers[: max(0, MOST_FIRST - len(names))]
    own = ("given_label",) if view.dataset.kind.one_class else ("kind",)
    return [*names, *(name for name in (*own, "verdict") if name in columns)]


def user_map(view: View) -> AxesInfo | None:
    """The axes that the user chose for a DataFrame."""
    axes = view.run.axes if isinstance(view.run, FrameRun) else None
    if axes is None:
        return None
    x, y = (name if name in view.columns else f"{name} (data)" for name in axes)
    return {"x": x, "y": y, "ranges": None, "title": "map"}


def warning(view: View) -> str:
    """A note shown at the start: missing evidence, or decisions that will not be saved."""
    if isinstance(view.run, FrameRun):
        lost = "decisions are lost when the kernel stops: pass journal='file.sqlite' to keep them"
        return "" if view.run.lasting else lost
    missing = view.issues.attrs.get("missing", "")
    return missing if view.pool is None else "; ".join(filter(None, (pool_in_words(view.pool), missing)))


def embedding_state(run: Run) -> EmbeddingInfo:
    """Whether there is an embedding map, and the message shown until (or instead of) it."""
    if run.embedding_epochs:
        return {"there": True, "message": "projecting…"}
    if run.dataset.edges is not None:
        return {"there": False, "message": ""}
    if run.dataset.text_column is not None:
        return {"there": False, "message": "No embeddings, so no second map: wb.embed_texts(run) creates them."}
    if isinstance(run, FrameRun):
        return {"there": False, "message": "No second map: pass embeddings= for one."}
    how = 'rec.batch(ids, logits, embeddings=…) or wb.replay(…, embed="layer") records them'
    return {"there": False, "message": f"No embeddings, so no second map: {how}."}


def how_sure(attrs: Mapping[Any, Any]) -> str:
    """The evidence behind the probabilities, in a sentence."""
    phrases = {"evidence": "from {}", "pred_probs": "predicted probabilities: {}", "threshold": "label issues: {}"}
    parts = [text.format(attrs[key]) for key, text in phrases.items() if attrs.get(key) and attrs[key] != "none"]
    return "; ".join(parts)


def export_name(run: Run) -> Path:
    """Default path of an export without the suffix, in the kernel's folder."""
    return Path(f"{run.name}-corrected")
