"""An Explorer as one HTML file that opens anywhere: maps, filters, gallery and inspector, without Python or network.

The page contains the code of the view and, instead of a kernel, a table of answers computed while saving. It is
read-only and says so. Data are not part of a script: texts and arrays are stored as compressed base64, and the content
security policy of the page forbids all other scripts and all connections.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from widgets.bundling import HERE, bundle
from widgets.requests import answer
from widgets.view.given_masks import mask_of
from widgets.view.matrices import MATRIX_KINDS
from widgets.view.objects import with_objects
from widgets.view.passages import items_of, passage_of
from widgets.view.tag_sets import LEAST_SHARE
from widgets.view.units import units_of
from widgets.wire.masks import packed
from widgets.wire.messages import Message
from widgets.wire.shapes import InspectAnswer
from workbench.evidence.projection import project
from workbench.foundation.errors import InputError
from workbench.foundation.progress import task
from workbench.storage.tables import PAGE_SUFFIXES, check_target, write_page

if TYPE_CHECKING:
    from widgets.view.view import View

Kept = dict[str, Any]
"""An answer: its JSON part (body) and the positions of its buffers in the block (at)."""


MOST_POSITIONS = 4_000_000
"""Maximum number of rows times epochs for which the file includes the maps of earlier epochs."""

MOST_RULE_BYTES = 1_000_000
"""Maximum total size of the masks of rules about tags in the file."""

ASKED = (("classes",), ("people",), *(("matrix", ("of", kind)) for kind in MATRIX_KINDS))
"""Requests without parameters, besides those about columns, slices and epochs."""

NOT_HERE = "not part of this saved page"


def save_html(view: View, path: str | Path, examples: int, force: bool) -> Path:
    """Write the page; see `Explorer.save_html`."""
    if isinstance(examples, bool) or int(examples) != examples or examples < 0:
        raise InputError.at(
            "examples", f"is {examples!r}", "Pass the number of examples to show with picture and details."
        )
    target = check_target(path, force, PAGE_SUFFIXES)
    with task("save_html", 1):
        text = saved_page(view, int(examples))
    return write_page(text, target, force=force)


def saved_page(view: View, examples: int) -> str:
    """The text of the page."""
    facts, blob = RecordedAnswers(view).all(examples)
    script = page_script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "title": html.escape(f"{view.run.name} - Label Workbench"),
        "policy": f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data: blob:; "
        "media-src data: blob:",
        "style": HERE.joinpath("explorer.css").read_text(encoding="utf-8"),
        "facts": shipped(json.dumps(facts, default=str).encode()),
        "blob": shipped(blob),
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], PAGE)


def page_script() -> str:
    """The view and the code that opens it, as one script."""
    script = re.sub(r"^export default .*;\n?", "", bundle(entry="saved_page.js"), flags=re.MULTILINE)
    script += "\nopenSavedPage(document);\n"
    if re.search(r"</script|<!--", script, re.IGNORECASE):
        raise ValueError("the code of the view would end the script element that it is in")
    return script


def shipped(data: bytes) -> str:
    """Encode bytes as text that is safe anywhere in HTML."""
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode("ascii")


def question_key(*question: object) -> str:
    """The name of a request, written in the same way as in saved_page.js."""
    return json.dumps(question, ensure_ascii=False)


class RecordedAnswers:
    """Answers to all requests that the page can make, computed in advance; arrays are stored in one block of bytes."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.answers: dict[str, Kept] = {}
        self.block: list[bytes] = []
        self.length = 0

    def all(self, examples: int) -> tuple[Message, bytes]:
        """(facts for the page, bytes of the arrays), with pictures and details of the first `examples`."""
        view = self.view
        opened = self.ask("open")
        opened["locked"] = f"a page saved on {datetime.now():%Y-%m-%d %H:%M}: read-only"
        for place in ("path", "export_path"):
            del opened[place]
        for name in view.columns:
            self.ask("column", name=name)
        for one in self.ask("slices").get("slices", []):
            self.ask("slice", name=one["name"])
        for kind, *fields in ASKED:
            self.ask(kind, **dict(fields))
        if view.compared is not None:
            self.ask("compare")
        if view.dataset.task == "multilabel":
            self._rules()
        self._maps(opened)
        rows = self._first(examples)
        details = {row: self._detail(row) for row in rows}
        near = {other for detail in details.values() for other in detail["neighbors"]["rows"]}
        near |= {other for detail in details.values() for other in (detail.get("linked") or {}).get("rows", [])}
        facts: dict[str, Any] = {
            "traits": {
                "color_by": view.traits.color_by,
                "filters": dict(view.traits.filters),
                "cameras": dict(view.traits.cameras),
                "epochs": dict(view.traits.epochs),
                "height": view.traits.height,
                "webgl": True,
            },
            "answers": self.answers,
            "details": details,
            "items": {row: with_objects(view, view.media.item(row)) for row in [*rows, *sorted(near - set(rows))]},
            "ids": [str(one) for one in view.dataset.ids.tolist()],
            "missing": NOT_HERE,
        }
        if view.traits.selection:
            facts["selection"] = self.keep([packed(view.mask_of(view.traits.selection)).tobytes()])[0]
        return facts, b"".join(self.block)

    def ask(self, kind: str, **body: object) -> Message:
        """Send a request to the view as a page would, and store the answer; an error is an answer too."""
        got, buffers = answer(self.view, {"kind": kind, **body}, [])
        got.pop("request", None)
        self.answers[question_key(kind, *body.values())] = {"body": got, "at": self.keep(buffers)}
        return got

    def keep(self, buffers: list[bytes]) -> list[list[int]]:
        """Store buffers in the block; return their [start, length], with starts at multiples of 4 for numeric
        arrays."""
        places = []
        for buffer in buffers:
            places.append([self.length, len(buffer)])
            padded = buffer + bytes(-len(buffer) % 4)
            self.block.append(padded)
            self.length += len(padded)
        return places

    def _maps(self, opened: Message) -> None:
        """Positions of the last epoch, and of earlier ones if they are not too many."""
        run = self.view.run
        if run.embedding_epochs:
            self.answers[question_key("embedding", -1)] = self._projected(run.resolve_embedding_epoch(-1))
        if len(run.example_epochs) * run.n > MOST_POSITIONS:
            opened["epochs"], opened["embedding_epochs"] = (
                list(run.example_epochs[-1:]),
                list(run.embedding_epochs[-1:]),
            )
            return
        for epoch in run.example_epochs[:-1]:
            self.ask("upto", epoch=epoch)
        for epoch in run.embedding_epochs:
            self.answers[question_key("embedding", epoch)] = self._projected(epoch)

    def _rules(self) -> None:
        """Ask for tags that go together, and the examples that break these rules."""
        listed = self.ask("rules", least=LEAST_SHARE).get("rules", [])
        for rule in listed[: max(1, MOST_RULE_BYTES // max(self.view.dataset.n // 8, 1))]:
            named = {name: rule[name] for name in ("tag", "other", "implies")}
            self.ask("rule", **named, broken=rule["broken"] > 0)

    def _projected(self, epoch: int) -> Kept:
        xy = np.ascontiguousarray(project(self.view.run, epoch), np.float32)
        return {"body": {"note": self.view.projector.note(epoch)}, "at": self.keep([xy.tobytes()])}

    def _first(self, examples: int) -> list[int]:
        """Rows included with picture and details: first the selection and the queue, then the most suspicious."""
        view = self.view
        return list(dict.fromkeys(self._in_turn()))[: min(examples, view.dataset.n)]

    def _in_turn(self) -> Iterator[int]:
        view = self.view
        if view.traits.current is not None:
            yield int(view.dataset.rows([view.traits.current])[0])
        yield from view.rows_of_queue().tolist()
        yield from np.flatnonzero(view.mask_of(view.traits.selection)).tolist()
        yield from view.order.tolist()

    def _detail(self, row: int) -> InspectAnswer:
        """The inspector's answer without thumbnails, which are stored only once."""
        detail = self.view.details.of(row, self.view.decisions.notes.get(row, ""))
        detail["neighbors"] = {**detail["neighbors"], "items": []}
        linked = detail.get("linked")
        if linked is not None:
            detail["linked"] = {**linked, "items": []}
        detail["media"] = with_objects(self.view, detail["media"])
        detail["units"] = units_of(self.view, row)
        detail["passage"] = passage_of(self.view, row)
        detail["items"] = items_of(self.view, row)
        detail["mask"] = mask_of(self.view, row)
        return detail


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{{policy}}">
<title>{{title}}</title>
<style>
html { color-scheme: light dark; }
body { margin: 0; padding: 8px; background: Canvas; }
@media (prefers-color-scheme: dark) { body { background: #0e1011; } }
{{style}}
</style>
</head>
<body>
<main id="view"><noscript>This page needs JavaScript.</noscript></main>
<template id="facts">{{facts}}</template>
<template id="block">{{blob}}</template>
<script type="module">{{script}}</script>
</body>
</html>
"""
