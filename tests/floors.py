"""Imports between the modules of this project, read from the source: the layers, and imports that go up.

    python tests/floors.py              the folders from the top down, what each imports, and all imports that go up
    python tests/floors.py COMMIT       the same for an older commit

All imports count, including those inside functions and those for type checkers only.
"""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

WORKBENCH = ("foundation", "tasks", "graphs", "data", "storage", "runs", "evidence", "recording", "scores", "confident")
WORKBENCH += ("texts", "issues", "review", "experiments", "tags", "spans", "ranking", "vision")
WORKBENCH += ("demonstrations", "reports", "shell")
WIDGETS = ("bundling", "plots", "wire", "_bundle", "view", "requests", "saved", "question", "explorer", "linking")
WIDGETS += ("noiselab", "pairjudge")
FLOORS = (*(f"workbench.{name}" for name in WORKBENCH), *(f"widgets.{name}" for name in WIDGETS))
"""From the ground up: a module imports modules of its floor and of those below. What is in none stands on top."""

Graph = dict[str, set[str]]


@functools.cache
def parsed(text: str) -> ast.Module:
    """Return the syntax tree of a source, parsed once for all tests of a process."""
    return ast.parse(text)


@functools.cache
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Return all nodes of a syntax tree, as `ast.walk` yields them; a walk through all modules takes a second."""
    return tuple(ast.walk(tree))


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for a name or its attributes, `.b.c` for those of another expression, "" for what is neither.

    Much faster than `ast.unparse`.
    """
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id if isinstance(node, ast.Name) else "", *reversed(parts)])


def sources(commit: str | None = None) -> dict[str, str]:
    """Return a dict of module names to sources, of the current files or of a commit."""
    if commit is None:
        found = [path for name in ("workbench", "widgets") for path in (ROOT / name).rglob("*.py")]
        paths = [path.relative_to(ROOT).as_posix() for path in found]
        texts = [(ROOT / path).read_text(encoding="utf-8") for path in paths]
    else:
        listed = _git("ls-tree", "-r", "--name-only", commit, "workbench", "widgets").splitlines()
        paths = [path for path in listed if path.endswith(".py")]
        texts = [_git("show", f"{commit}:{path}") for path in paths]
    names = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in paths]
    return dict(sorted(zip(names, texts, strict=True)))


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True, encoding="utf-8")
    return done.stdout


def imports(texts: Mapping[str, str]) -> Graph:
    """Return a dict of modules to the modules of this project that they import anywhere; names of a package count as
    it."""
    return {
        name: {found for found in map(lambda one: _module(one, texts), _named(text)) if found and found != name}
        for name, text in texts.items()
    }


def _named(text: str) -> Iterable[str]:
    for node in nodes(parsed(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(dotted: str, known: Mapping[str, str]) -> str | None:
    """Return the module that contains a dotted name."""
    while dotted and dotted not in known:
        dotted = dotted.rpartition(".")[0]
    return dotted or None


def floor_of(module: str) -> int:
    """Return the index in `FLOORS`; packages and modules beside the folders are above all of their folders."""
    for height, floor in enumerate(FLOORS):
        if module == floor or module.startswith(floor + "."):
            return height
    return len(FLOORS)


def upward(graph: Graph) -> list[tuple[str, str]]:
    """Return imports that go up: (module, imported module)."""
    return sorted((one, other) for one, others in graph.items() for other in others if floor_of(other) > floor_of(one))


def circles(graph: Graph) -> list[list[str]]:
    """Return import cycles, largest first (strongly connected components by Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(one: str) -> None:
        index[one] = low[one] = len(index)
        stack.append(one)
        for other in sorted(graph[one]):
            if other not in index:
                visit(other)
                low[one] = min(low[one], low[other])
            elif other in stack:
                low[one] = min(low[one], index[other])
        if low[one] == index[one]:
            at = stack.index(one)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.append(sorted(group))

    for one in graph:
        if one not in index:
            visit(one)
    return sorted(found, key=len, reverse=True)


def picture(graph: Graph) -> str:
    """Describe the folders from the top down with their imports, then all imports that go up and all cycles."""
    folder = {module: ".".join(module.split(".")[:2]) for module in graph}
    width = max(map(len, folder.values()))
    order = sorted(set(folder.values()), key=lambda one: (-floor_of(one), one))
    lines = []
    for one in order:
        modules = [module for module in graph if folder[module] == one]
        below = sorted({folder[other] for module in modules for other in graph[module]} - {one}, key=floor_of)
        size = f"{len(modules)} file" + "s" * (len(modules) > 1)
        lines.append(
            f"{one:<{width}}  {size:>8}  -> {', '.join(name.removeprefix('workbench.') for name in below) or '-'}"
        )
    up, round_ = upward(graph), circles(graph)
    lines += ["", f"{sum(map(len, graph.values()))} imports, {len(up)} of them upwards:"]
    lines += [f"  {one} -> {other}" for one, other in up]
    lines += [f"{len(round_)} circles of files:"]
    lines += [f"  {len(group)}: {', '.join(group)}" for group in round_]
    return "\n".join(lines)


if __name__ == "__main__":
    print(picture(imports(sources(*sys.argv[1:2]))))
