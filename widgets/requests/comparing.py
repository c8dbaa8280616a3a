"""The other run: the agreement in words, and where it has the examples on both maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.view.placing import data_map
from widgets.view.projecting import BESIDE
from workbench.foundation.errors import InputError

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_compare(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """Agreement, scores that changed, and x and y of the other run on the axes of the data map where it has both.

    With `map` "embedding": (n, 2) places on the embedding map, nothing where one of the runs has no embeddings, or
    `later` as in `ask_embedding`.
    """
    if view.compared is None:
        raise InputError.at("other", "is missing", "Open the view with `other=` a second run.")
    found = view.compared
    if content.get("map") == "embedding":
        if not (view.run.embedding_epochs and view.other.embedding_epochs):
            return {}, []
        if not view.projector.ready(BESIDE):
            return {"later": BESIDE}, []
        return {"how": f"{found.name} laid out from this map by UMAP, then fitted to it (Procrustes)"}, [
            view.projector.layout(BESIDE)
        ]
    axes = data_map(view.columns)
    there = bool(axes) and axes["x"] in found.places and axes["y"] in found.places
    arrays = [found.places[axes["x"]], found.places[axes["y"]]] if there else []
    body = {"name": found.name, "text": found.text, "told": found.told, "scores": found.scores}
    return body | {"embedding": bool(view.run.embedding_epochs and view.other.embedding_epochs)}, arrays
