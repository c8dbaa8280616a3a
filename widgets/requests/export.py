"""The corrected labels, written to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from widgets.wire.messages import Arrays, Buffers, ExportAnswer, ExportRequest
from workbench.foundation.errors import ExistsError
from workbench.review.export import export, exported_rows

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_export(view: View, content: ExportRequest, buffers: Buffers) -> tuple[ExportAnswer, Arrays]:
    """Write the corrected data or a cleaned training set and return its path; with `ask`, only return the path."""
    path = Path(str(content["path"])).expanduser()
    if content.get("ask"):
        whole = path.resolve()
        return {"path": str(whole), "there": whole.exists()}, []
    cleaned = content.get("cleaned") or None
    try:
        export(view.run, path, force=bool(content.get("overwrite")), cleaned=cleaned, issues=view.issues)
    except ExistsError as error:
        raise ExistsError(f"{path.resolve()} already exists. Tick “overwrite” to replace it.") from error
    changed = _changed(view)
    rows = exported_rows(view.run, cleaned=cleaned)
    changes = f"{changed.sum():,} changed removed" if cleaned == "drop" else f"{changed[rows].sum():,} changed"
    return {"path": str(path.resolve()), "text": f"wrote {path.resolve()} ({len(rows):,} examples, {changes})"}, []


def _changed(view: View) -> np.ndarray:
    """(n,) bool, examples whose labels differ from the given ones by the decisions of all authors, as in the file."""
    if view.dataset.kind.one_class:
        return view.run.labels() != view.dataset.given_labels
    return view.dataset.kind.differ(view.run.labels(), view.dataset.labels)
