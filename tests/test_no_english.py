"""Texts are for people: no code makes decisions by parsing a sentence, of ours or of another library."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import floors
import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = [path for name in ("workbench", "widgets") for path in sorted((ROOT / name).rglob("*.py"))]
SCRIPTS = sorted((ROOT / "widgets" / "js").rglob("*.js"))

PROSE = {"how", "note", "notes", "words", "reason", "reasons", "message", "origin", "why"}
"""Names of sentences. Records (`Provenance`, kinds of reasons) may be asked; sentences may not be read."""

READERS = {
    "fullmatch",
    "startswith",
    "endswith",
    "split",
    "partition",
    "rpartition",
    "find",
    "index",
    "count",
    "match",
    "search",
}

ALLOWED = {
    # (file, parsed expression): reason
    ("workbench/storage/provenance.py", "how"): "the one reader of sentences that releases up to 0.1.0 stored",
    ("workbench/storage/journalfile.py", "str(error)"): "SQLite tells a lock from damage in words only",
    ("workbench/recording/checkpoints.py", "str(error)"): "torch and safetensors tell their errors in words only",
    ("workbench/storage/failures.py", "str(error)"): "NumPy raises a full disk without its number",
    ("workbench/storage/failures.py", "requested and"): "the same",
}


def read(node: ast.expr) -> str | None:
    """Return the sentence that an expression refers to, if it looks like one."""
    if isinstance(node, (ast.Call, ast.Subscript)):
        text = ast.unparse(node)
        if re.fullmatch(r"str\((error|problem|exc|e)\)|(error|problem|exc|e)\.args\[0\]", text):
            return text
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str" and node.args:
        return read(node.args[0])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "lower"):
        return read(node.func.value)
    if isinstance(node, ast.BoolOp):
        return next(filter(None, map(read, node.values)), None)
    if isinstance(node, ast.Subscript):
        return read(node.slice) or read(node.value)
    if isinstance(node, ast.Constant) and node.value in PROSE:
        return node.value
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
    return name if name in PROSE else None


def decisions(tree: ast.AST):
    """Yield (line, sentence) of code that parses a sentence or compares something with one."""
    for node in floors.nodes(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READERS:
            inner = node.func.value
            found = read(inner)
            if floors.dotted(inner) == "re":
                found = next(filter(None, map(read, node.args)), None)
            if found and not lines_only(node):
                yield node.lineno, found
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for op, left, right in zip(node.ops, sides, sides[1:]):
                if isinstance(op, (ast.In, ast.NotIn)) and (found := read(right)) and text_like(left):
                    yield node.lineno, found
                if isinstance(op, (ast.Eq, ast.NotEq, ast.In, ast.NotIn)):
                    for side in (left, right):
                        if isinstance(side, ast.Constant) and isinstance(side.value, str) and " " in side.value.strip():
                            yield node.lineno, side.value


def lines_only(node: ast.Call) -> bool:
    """Return whether a text is only split into words or lines for printing."""
    cuts = [one.value if isinstance(one, ast.Constant) else one for one in node.args]
    return node.func.attr in ("split", "partition") and cuts in ([], ["\n"])


def text_like(node: ast.expr) -> bool:
    """Return whether an expression searched in a text is a text of several words, or a variable."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and " " in node.value
    return isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node).rpartition(".")[2] not in ("name", "id")


def read_in_modules() -> Iterator[tuple[str, int, str]]:
    """Yield (file, line, sentence) of all decisions based on sentences in our modules."""
    for path in MODULES:
        for line, what in decisions(floors.parsed(path.read_text(encoding="utf-8"))):
            yield path.relative_to(ROOT).as_posix(), line, what


def test_no_decision_by_a_sentence_and_no_exception_that_nobody_needs():
    found = list(read_in_modules())
    wrong = [f"{place}:{line} reads {what!r}" for place, line, what in found if (place, what) not in ALLOWED]
    assert not wrong, "\n".join([*wrong, "Pass a record, a code or a flag beside the words, and decide by that."])
    assert set(ALLOWED) <= {(place, what) for place, _, what in found}


NAMES = "error|message|title|note|how|reason"
JS = re.compile(rf"(?:{NAMES})\)?\.(?:startsWith|endsWith|includes|match|split)\(|\.test\((?:{NAMES})\)")


def test_the_view_reads_no_sentence():
    wrong = []
    for path in SCRIPTS:
        lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        wrong += [f"{path.name}:{number}: {line.strip()[:120]}" for number, line in lines if JS.search(line)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "code",
    [
        "if TRAINED_HERE in note: pass",
        "how.startswith(HEAD)",
        'evidence.notes.get("embeddings", "").startswith("character")',
        'str(self.reasons[row] or "").split("; ")',
        'attrs["pred_probs"] == "in-sample: they have seen"',
        '"never saw" in described["how"]',
        'if "unexpected keyword" in str(error): pass',
        're.match("a", reason)',
    ],
)
def test_the_known_patterns_are_seen(code):
    assert list(decisions(ast.parse(code)))
