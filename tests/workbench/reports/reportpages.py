"""A report read as HTML: its tags, attributes and text, and that everything is closed."""

from __future__ import annotations

from html.parser import HTMLParser

NASTY = '"><script>alert(1)</script>'


class Reader(HTMLParser):
    """Tags, attributes and text of a page; remembers what is not closed."""

    VOID = frozenset(("meta", "img", "br", "link", "path", "circle"))

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            while self.open and self.open[-1] in ("li", "p") and self.open[-1] != tag:
                self.open.pop()
            assert self.open, f"</{tag}> closes nothing"
            assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
            self.open.pop()
        if tag == "circle":
            return

    def handle_data(self, data):
        self.text.append(data)


def parsed(path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    return reader


def text_of(path) -> str:
    """All text of a report, with single spaces."""
    return " ".join("".join(parsed(path).text).split())
