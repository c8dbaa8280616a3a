"""Named views: filters, colour, cameras, epochs and selection, stored in a run as one small JSON file.

    views.json    {"schema_version": 2,
                   "views": {name: {"filters", "color_by", "cameras", "epochs", "selection", "saved"}}}

The file may be untrusted, so it is limited in size and every field is checked before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

from widgets.wire.shapes import ShownParts
from workbench.foundation.errors import InputError, RunError
from workbench.storage.checksums import sealed
from workbench.storage.files import is_there
from workbench.storage.layout import Layout, write_json
from workbench.storage.limits import small_json

VIEWS_VERSION = 2
MOST_VIEWS = 200
MOST_SELECTED = 100_000
"""Maximum number of ids in the selection of a named view."""
LONGEST_NAME = 100

RENAMED = {"given": "given_label", "suggested": "suggested_label"}
"""Names of columns in files of schema 1 -> their current names."""
VIEW_FIELDS = {"filters": dict, "color_by": str, "cameras": dict, "epochs": dict, "selection": list}
"""Fields of a view; all are optional, and missing fields do not change when the view is shown."""


class Views:
    """The named views of one run, read from the file each time so that several notebooks can share them.

    Parameters
    ----------
    path : the JSON file, created when the first view is saved.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, ShownParts]:
        """Views by name, in the order in which they were saved.

        Raises
        ------
        RunError : the file is damaged, of a newer schema, or too large.
        """
        if not is_there(self.path):
            return {}
        try:
            return _checked(small_json(self.path))
        except RunError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            todo = "Restore the file, or delete it to start without saved views."
            raise RunError(f"{self.path} cannot be read ({error}). {todo}") from error

    def save(self, name: str, view: ShownParts) -> None:
        """Save a view under a name; an existing view of that name is replaced.

        Raises
        ------
        WriteError : the run cannot be written; the existing views are kept.
        """
        name = _name(name)
        views = self.read()
        if (many := len(view.get("selection", ()))) > MOST_SELECTED:
            found = f"holds {many:,} selected examples"
            raise InputError.at("view", found, f"Save a filter instead, or select up to {MOST_SELECTED:,}.")
        if name not in views and len(views) >= MOST_VIEWS:
            found = f"exceeds the maximum of {MOST_VIEWS} saved views"
            raise InputError.at("view", found, "Delete one with `delete_view`.")
        stamp = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._write({**views, name: {**view, "saved": stamp}})

    def delete(self, name: str) -> None:
        """Delete a view."""
        views = self.read()
        if name not in views:
            raise InputError.unknown("view", name, views)
        self._write({other: view for other, view in views.items() if other != name})

    def _write(self, views: Mapping[str, ShownParts]) -> None:
        stored = {"schema_version": VIEWS_VERSION, "views": views}
        layout = Layout(self.path.parent)
        if self.path != layout.views or not layout.run_json.is_file():
            write_json(self.path, stored)
            return
        with sealed(layout, self.path) as temporary:
            temporary.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError.at("name", f"is {name!r}", f"Name a view with 1 to {LONGEST_NAME} printable characters.")
    return name.strip()


def _checked(stored: Any) -> dict[str, ShownParts]:
    """The views of a file: known fields of the right kind; whether columns and ids exist is checked when shown."""
    version = stored["schema_version"]
    if type(version) is not int or version > VIEWS_VERSION:
        raise ValueError(f"schema version {version!r}, this release reads {VIEWS_VERSION}")
    out: dict[str, ShownParts] = {}
    for name, view in list(stored["views"].items())[:MOST_VIEWS]:
        kept: dict[str, Any] = {}
        for field, kind in VIEW_FIELDS.items():
            if field in view:
                if not isinstance(view[field], kind):
                    raise ValueError(f"field `{field}` of view {name!r} is not a {kind.__name__}")
                kept[field] = view[field]
        if version == 1:
            kept = _renamed(kept)
        ids = kept.get("selection", [])
        if len(ids) > MOST_SELECTED or not all(type(one) in (int, str) for one in ids):
            raise ValueError(f"the selection of view {name!r} is not a list of up to {MOST_SELECTED:,} ids")
        out[_name(name)] = cast(ShownParts, kept | {"saved": str(view.get("saved", ""))[:40]})
    return out


def _renamed(view: dict[str, Any]) -> dict[str, Any]:
    """A view of schema 1 with the current names of columns."""
    out = dict(view)
    if "filters" in view:
        out["filters"] = {RENAMED.get(name, name): value for name, value in view["filters"].items()}
    if "color_by" in view:
        out["color_by"] = RENAMED.get(view["color_by"], view["color_by"])
    return out
