"""Requests about the other run: the agreement, and the positions of its examples on both maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.view.placing import data_map_axes
from widgets.view.projecting import BESIDE
from widgets.wire.messages import Arrays, Buffers, CompareAnswer, CompareRequest
from workbench.foundation.errors import InputError

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_compare(view: View, content: CompareRequest, buffers: Buffers) -> tuple[CompareAnswer, Arrays]:
    """Return agreement, changed scores, and x and y of the other run on the axes of the data map if it has both.

    With `map` "embedding", return positions (n, 2) on the embedding map, nothing if one of the runs has no embeddings,
    or `later` as in `ask_embedding`.
    """
    found, other = view.compared, view.other
    if found is None or other is None:
        raise InputError.at("other", "is missing", "Pass a second run as `other=` when you open the view.")
    laid_out = bool(view.run.embedding_epochs and other.embedding_epochs)
    if content.get("map") == "embedding":
        if not laid_out:
            return {}, []
        if not view.projector.ready(BESIDE):
            return {"later": BESIDE}, []
        return {"how": f"{found.name} by UMAP initialised with this map, then aligned to it (Procrustes)"}, [
            view.projector.layout(BESIDE)
        ]
    axes = data_map_axes(view.columns)
    places = [found.places[axes[axis]] for axis in ("x", "y") if axes[axis] in found.places] if axes else []
    body: CompareAnswer = {"name": found.name, "text": found.text, "phrases": found.phrases, "scores": found.scores}
    return {**body, "embedding": laid_out}, places if len(places) == 2 else []
