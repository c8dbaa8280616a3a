"""Safe display of the output of the user's `render` function: text, a picture, or HTML in a sandboxed frame.

HTML is the output of any object with `_repr_html_` (`IPython.display.HTML`, a DataFrame, a Styler). The page shows it
in an `<iframe sandbox>` whose policy allows only inline styles and embedded pictures: no scripts, no forms, no
requests. An error in the function is shown instead of the example.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from widgets.view.harmless import harmless
from widgets.view.items import FULL, LONG_TEXT, SHORT_TEXT, THUMB, cut_text, encoded
from widgets.wire.shapes import Content
from workbench.data.media import encode_png
from workbench.foundation.errors import InputError, plain_scalar

if TYPE_CHECKING:
    from workbench.data.dataset import Dataset

LONG_HTML = 500_000
"""Maximum number of characters of HTML sent to the page."""

SHORT_HTML = 400

FRAME_POLICY = "default-src 'none'; img-src data:; media-src data:; font-src data:; style-src 'unsafe-inline'"
STYLE = ":root { color-scheme: light dark } body { margin: 4px; font: 12px/1.4 system-ui, sans-serif }"


class Row(Mapping[str, Any]):
    """One example as passed to the user's function; images and sounds are read only on access."""

    def __init__(self, dataset: Dataset, row: int) -> None:
        self._dataset, self._row = dataset, row
        if dataset.kind.one_class:
            code = dataset.given_labels[row : row + 1]
            given = None if code[0] < 0 else plain_scalar(dataset.labels_of(code)[0])
        else:
            given = dataset.kind.to_column(dataset.labels[row : row + 1], dataset.classes)[0]
        self._made = {"id": plain_scalar(dataset.ids[row]), "given_label": given}
        self._media = {"image": dataset.image} if dataset.images is not None else {}
        self._media |= {"audio": dataset.sound} if dataset.sounds is not None else {}

    def __getitem__(self, name: str) -> object:
        if name in self._made:
            return self._made[name]
        if name in self._media:
            return self._media[name](self._row)
        if name not in self._dataset.metadata.columns:
            raise KeyError(f"{name!r}; there are {', '.join(map(repr, self))}")
        return plain_scalar(self._dataset.metadata[name].iat[self._row])

    def __iter__(self) -> Iterator[str]:
        yield from self._made
        yield from self._dataset.metadata.columns
        yield from self._media

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getattr__(self, name: str) -> object:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(str(error)) from None


def rendered(render: Callable[[Row], object], dataset: Dataset, row: int, *, thumb: bool) -> Content:
    """Convert the return value of `render` for a row to an item of `widgets.view.media`."""
    try:
        made: Any = render(Row(dataset, row))
        if made is not None and not isinstance(made, str) and hasattr(made, "_repr_html_"):
            made = _Html(made._repr_html_())
    except Exception as error:  # the user's code: any exception is shown instead of its output
        return {"error": f"render: {_where(error)}"}
    if made is None:
        return {"error": "render returned nothing"}
    if isinstance(made, _Html):
        if len(made) > LONG_HTML:
            return {"error": f"render returned {len(made):,} characters of HTML; at most {LONG_HTML:,} are shown"}
        return {"text": cut_text(_text_of(made), SHORT_HTML)} if thumb else {"html": document(made)}
    if isinstance(made, str):
        return {"text": cut_text(made, SHORT_TEXT if thumb else LONG_TEXT)}
    try:
        data = made if isinstance(made, bytes) else encode_png(made, row)
    except InputError:
        raise
    except Exception as error:
        found = f"returned {type(made).__name__}, which is not a picture ({type(error).__name__}: {error})"
        raise InputError.at("render", found, "Return text, an image or something with _repr_html_.") from error
    return encoded(data, THUMB if thumb else FULL)


def document(html: str) -> str:
    """A page for the frame: its policy, then the HTML without the parts that the policy cannot block."""
    head = f'<meta http-equiv="Content-Security-Policy" content="{FRAME_POLICY}"><style>{STYLE}</style>'
    return f"<!doctype html><html><head>{head}</head><body>{harmless(html)}</body></html>"


class _Html(str):
    """Text that contains HTML."""

    def __new__(cls, value: object) -> _Html:
        if not isinstance(value, str):
            raise TypeError(f"_repr_html_ returned {type(value).__name__}, not text")
        return super().__new__(cls, value)


class _Words(HTMLParser):
    """The text between tags, without scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def _text_of(html: str) -> str:
    parser = _Words()
    parser.feed(html)
    return " ".join(" ".join(parser.words).split())


def _where(error: Exception) -> str:
    """ "ZeroDivisionError: division by zero (line 3 of shown)": the last line of the user's own code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    place = f" (line {frames[-1].lineno} of {frames[-1].name})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
