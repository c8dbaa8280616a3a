"""Retired words do not come back: texts for people are written in plain English with the field's terms."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import floors
import pytest

ROOT = Path(__file__).resolve().parents[1]

RETIRED = {
    r"nought": "zero",
    r"(?:is|are|was|were|be|been) told(?! apart)": "receives, is passed, is reported",
    r"(?:is|are|be|can be) told apart": "is distinguished, can be distinguished",
    r"telling epochs?": "most informative epoch",
    r"learned by heart": "memorized",
    r"hangs? on (?:to|it|this|that|the)": "depends on",
    r"take with you": "takeaway",
    r"as people have them": "say what is meant",
    r"strangers?(?:'s?)?": "untrusted",
    r"(?:is|are) no (?:text|number|column|class|picture|regular file|JSON|Unicode|ids?)(?! of)": "is not a ...",
    r"suspected errors": "label issues",
    r"lens(?:es)? of (?:the )?queue": "slice",
}
"""Expressions that texts for people must not contain, in any case, and their replacements."""

PATTERN = {re.compile(rf"(?<![\w`.])(?:{old})(?!\w)", re.I): new for old, new in RETIRED.items()}
ANY = re.compile(rf"(?<![\w`.])(?:{'|'.join(RETIRED)})(?!\w)", re.I)

NAMES = {
    "told": "what it holds: options, phrases, evidence",
    "lens": "slice",
    "lenses": "slices",
    "suspect": "issue",
    "suspects": "issues",
}
"""Words that must not be part of names or texts in the code, and their replacements."""

NAME = re.compile(
    "|".join(rf"(?<![A-Za-z]){old}(?![a-z])|{old.capitalize()}(?![a-z])|(?<![A-Za-z]){old.upper()}" for old in NAMES)
)

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "howto").glob("*.md")),
    ROOT / "notebooks" / "README.md",
]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
MODULES = [path for name in ("workbench", "widgets") for path in sorted((ROOT / name).rglob("*.py"))]
SCRIPTS = sorted((ROOT / "widgets" / "js").rglob("*.js"))


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (first line, text) of everything in a file that people read: for code, its strings and comments."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        yield from ((n, "".join(cell["source"])) for n, cell in enumerate(json.loads(source)["cells"], 1))
    elif path.suffix == ".py":
        tree = floors.parsed(source)
        strings = (
            node for node in floors.nodes(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        yield from ((node.lineno, node.value) for node in strings)
        comments = re.finditer(r"(?:^|(?<=\s))#[^\n]*", source)  # faster than tokenizing; comments in strings are found
        # twice
        yield from ((source.count("\n", 0, piece.start()) + 1, piece[0]) for piece in comments)
    elif path.suffix == ".js":
        pieces = re.finditer(r"/\*.*?\*/|(?<!:)//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|`(?:[^`\\]|\\.)*`", source, re.S)
        yield from ((source.count("\n", 0, piece.start()) + 1, piece[0]) for piece in pieces)
    else:
        yield 1, source


def retired(path: Path) -> list[str]:
    """Return a line for each retired expression in a file, with its position and replacement."""
    found = []
    for first, text in texts(path):
        plain = " ".join(text.split())
        for pattern, new in PATTERN.items() if ANY.search(plain) else ():
            place = f"{path.relative_to(ROOT).as_posix()}:{first}"
            found += [f"{place}: {hit[0]!r}, say: {new}" for hit in pattern.finditer(plain)]
    return found


@pytest.mark.parametrize("paths", [PAGES, LESSONS, MODULES, SCRIPTS], ids=["pages", "lessons", "modules", "scripts"])
def test_no_text_brings_a_retired_word_back(paths):
    assert paths
    found = [line for path in paths for line in retired(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("paths", [MODULES, SCRIPTS], ids=["modules", "scripts"])
def test_no_name_brings_a_retired_word_back(paths):
    found = []
    for path in paths:
        source = path.read_text(encoding="utf-8")
        lower = source.lower()
        if not any(name in lower for name in NAMES):  # much faster than the expression
            continue
        for hit in NAME.finditer(source):
            place = f"{path.relative_to(ROOT).as_posix()}:{source.count(chr(10), 0, hit.start()) + 1}"
            found.append(f"{place}: {hit[0]!r}, say: {NAMES[hit[0].lower()]}")
    assert not found, "\n".join(found)


def test_a_retired_name_would_be_found():
    names = "told _told told_by view.lens fetchLenses ask_lenses LENSES class Suspect SUSPECTS"
    assert len(NAME.findall(names)) == len(names.split()) - 1
    assert not NAME.findall("toldo lensed suspected suspicious unsuspecting sold")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "The user is\ntold so."),
        ("a.py", 'f"{name} is no column"'),
        ("a.py", "x = 1  # a stranger's file"),
        ("a.js", "/** Nought is shown. */"),
        ("a.js", "const a = `epochs ${n}: memorized, not learned by heart`;"),
        ("a.ipynb", json.dumps({"cells": [{"source": ["**Take with you:** a\n"]}]})),
    ],
)
def test_it_would_be_found(name, text, tmp_path, monkeypatch):
    monkeypatch.setitem(retired.__globals__, "ROOT", tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert len(retired(tmp_path / name)) == 1


def test_names_and_plain_sentences_pass(tmp_path, monkeypatch):
    monkeypatch.setitem(retired.__globals__, "ROOT", tmp_path)
    (tmp_path / "a.py").write_text('kept = "there is no column of that name"  # it tells which', encoding="utf-8")
    assert not retired(tmp_path / "a.py")
