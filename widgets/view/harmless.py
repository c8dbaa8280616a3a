"""Sanitise HTML that a user's function returned for untrusted data, so that it opens no connection.

The policy of the frame blocks scripts and all resources, but not `<link rel=preconnect>`, DNS prefetching, or
navigation of the frame. So the HTML is parsed and written again with only harmless elements, and only attributes that
refer to no other location.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

_HTML = """
a abbr address article aside audio b bdi bdo blockquote br button caption center cite code col colgroup data
dd del details dfn div dl dt em fieldset figcaption figure font footer h1 h2 h3 h4 h5 h6 header hgroup hr i
img ins kbd label legend li main mark meter nav ol optgroup option output p picture pre progress q rp rt
ruby s samp section select small source span strike strong sub summary sup table tbody td tfoot th thead
time tr tt u ul var video wbr style
"""
_SVG = """
svg g path rect circle ellipse line polyline polygon text tspan textpath defs lineargradient radialgradient
stop clippath mask pattern marker symbol use image title desc filter fegaussianblur feoffset feblend
fecolormatrix feflood fecomposite femerge femergenode
"""
_MATH = """
math mrow mi mo mn ms mtext msup msub msubsup mfrac msqrt mroot mover munder munderover mtable mtr mtd
mspace
"""
ELEMENTS = frozenset(f"{_HTML} {_SVG} {_MATH}".split())
"""Elements that are kept; other elements are replaced by their contents."""

DROPPED = frozenset(("script", "template", "noscript", "object", "applet", "iframe", "noembed", "noframes", "xmp"))
"""Elements that are removed with their contents."""

_LEADING = """
action archive background cite classid codebase data formaction href icon imagesrcset longdesc manifest ping
poster profile src srcset usemap xlink:href xml:base xmlns:xlink http-equiv srcdoc attributename
"""
LEADING = frozenset(_LEADING.split())
"""Attributes that refer to a location; kept only if it is in the document itself or a data URL."""

_TAG_NAME = re.compile(r"[a-z][a-z0-9]*")
_ATTRIBUTE = re.compile(r"[a-z_][a-z0-9_.:-]*")
_INSIDE = re.compile(r"\s*(#|data:(image|audio|video|font)/)", re.IGNORECASE)
_CSS_IMPORT = re.compile(r"@(import|namespace)\b", re.IGNORECASE)
VOID = frozenset(("br", "col", "hr", "img", "source", "wbr"))


def harmless(text: str) -> str:
    """Return the HTML without anything that opens a connection, even when clicked."""
    writer = _Writer()
    writer.feed(_closed(text))
    writer.close()
    return "".join(writer.out)


def _closed(text: str) -> str:
    """Remove comments and declarations, and escape unfinished tags as text, so that parsing takes linear time."""
    parts, start = [], 0
    while (opening := text.find("<!--", start)) >= 0:
        ending = text.find("-->", opening + 4)
        if ending < 0:
            break
        parts.append(text[start:opening])
        start = ending + 3
    text = "".join(parts) + text[start:]
    last = text.rfind(">") + 1
    text = text[:last] + text[last:].replace("<", "&lt;")
    text = re.sub(r"<!doctype[^>]*>", "", text, flags=re.IGNORECASE)
    return text.replace("<!", "&lt;!").replace("<?", "&lt;?")


class _Writer(HTMLParser):
    """Parser that writes only the elements and attributes known to be harmless."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._dropping: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in DROPPED:
            self._dropping.append(tag)
        if self._dropping or tag not in ELEMENTS or not _TAG_NAME.fullmatch(tag):
            return
        kept = "".join(f' {name}="{html.escape(value or "")}"' for name, value in attrs if _leads_nowhere(name, value))
        self.out.append(f"<{tag}{kept}>")
        self._style = tag == "style"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in DROPPED:
            self.handle_starttag(tag, attrs)
            if tag not in VOID:
                self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._dropping:
            while self._dropping.pop() != tag:
                pass
        elif not self._dropping and tag in ELEMENTS and tag not in VOID:
            self.out.append(f"</{tag}>")
            self._style = False

    def handle_data(self, data: str) -> None:
        if self._dropping:
            return
        if self._style:  # inside SVG, browsers parse styles as HTML, so they must not contain tags
            self.out.append(_CSS_IMPORT.sub("@no-\\1", data).replace("<", "\\3c "))
        else:
            self.out.append(html.escape(data, quote=False))


def _leads_nowhere(name: str, value: str | None) -> bool:
    """Whether an attribute runs no code and refers to no other location."""
    if not _ATTRIBUTE.fullmatch(name) or name.startswith("on"):
        return False
    return name not in LEADING or bool(_INSIDE.match(value or ""))
