"""Names of files, public functions and constants are unique; private names are not used outside their module."""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import floors

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    path.relative_to(ROOT).as_posix(): path for name in ("workbench", "widgets") for path in (ROOT / name).rglob("*.py")
}

DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

FOREIGN = {
    "_fields": "of a named tuple, documented as public by Python",
    "_asdict": "of a named tuple, documented as public by Python",
    "_replace": "of a named tuple, documented as public by Python",
    "_getframe": "the only way to the caller's frame, documented by Python",
    "_repr_html_": "what IPython asks an object for",
    "_repr_mimebundle_": "what IPython asks an object for",
    "_trait_notifiers": "traitlets has no public way to ask whether somebody listens",
}
"""Private names of others that may be used, and why."""

SAME_FILE = dict.fromkeys(
    ("audit", "columns", "evidence", "export", "maps", "matrices", "media", "page", "progress", "queues", "selecting"),
    "widgets mirrors the workbench: the part of the view that shows it, or asks for it",
) | {"units": "what a person can judge, in the data and in the view"}
SAME_FILE |= dict.fromkeys(
    ("heads", "neighborhood", "sets", "tables"),
    "of tags, for people (`wb.tags`); the other is inside the product",
)
SAME_FILE |= {
    "pairs": "queries with items as a kind of label; pairs of nodes as features (`wb.graphs`)",
    "edges": "as they are stored, read for a run, and passed by people (`wb.graphs`)",
    "candidates": "sets of classes as a kind of label; cells of tags that are looked at",
    "masks": "classes of pixels as a kind of label; sets of rows as one bit per row",
}
"""Names of files in two wings, widgets being one, and why."""

SAME_FUNCTION = {
    "main": "the entry point of each command",
    **dict.fromkeys(
        ("Method", "asymmetric", "cross_val_predict", "train"), "of classes, and of tags (`workbench.tags`)"
    ),
    "metrics": "of rankings, and of tags (`workbench.ranking`, `workbench.tags`)",
    "left_out": "the prediction of each row without its own label: of numbers, of tags",
    "data_map": "the figure of that name, of a run and of a simulation (`workbench.reports.figures`)",
    "robust": "a result and the figure of it (`workbench.reports.figures`)",
    **dict.fromkeys(("read", "write", "recognizes"), "what each format of `workbench.recording.imports` has"),
    **dict.fromkeys(
        ("export", "migrate", "project", "report", "score"),
        "a function and the command of its name (`workbench.shell`)",
    ),
    **dict.fromkeys(
        ("Features", "Linked", "Neighbors", "Pace"), "a thing and the message that carries it (`widgets.wire.shapes`)"
    ),
}
"""Public functions and classes that two modules define, and why one name is right for both."""


ONCE_EACH = {"HOMES": "of a package with lazy names: public name -> its module (`workbench.foundation.lazy`)"}
"""Constants that several modules define, and why."""

LEAST_CODE = 80
"""Characters of a function's body from which it may not stand twice."""

MOST_LINES = 60
LONG = {
    "workbench/foundation/statistics.py:_on_device": "one chain of tensors on a device; the host waits once",
    "workbench/issues/detector.py:find_issues": "25 arguments, spelled out for editors, and what each asks for",
}
"""Functions of more lines of code, and why they are not several."""


@functools.cache
def parsed(name: str) -> ast.Module:
    return floors.parsed(MODULES[name].read_text(encoding="utf-8"))


def lines_of(node: ast.AST, text: list[str]) -> int:
    """Count the lines of code of a function, without docstrings (also of inner functions), comments and blank lines."""
    words: set[int] = set()
    for inner in floors.nodes(node):
        if isinstance(inner, DEFINED) and ast.get_docstring(inner) is not None:
            words |= set(range(inner.body[0].lineno, inner.body[0].end_lineno + 1))
    lines = (number for number in range(node.lineno, node.end_lineno + 1) if number not in words)
    return sum(1 for number in lines if text[number - 1].strip() and not text[number - 1].strip().startswith("#"))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def own_names(tree: ast.Module) -> set[str]:
    """Return the private names that a module defines, including methods and attributes of its classes."""
    found = set()
    for node in floors.nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
    return found


def private_uses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of uses of private names of other modules, imported or as attributes."""
    own = own_names(tree) | set(FOREIGN)
    for node in floors.nodes(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, one.name) for one in node.names if is_private(one.name))
        elif isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own:
            yield from () if floors.dotted(node.value) in ("self", "cls") else ((node.lineno, ast.unparse(node)),)


def defined(tree: ast.Module) -> Iterator[str]:
    """Return the public functions and classes of a module."""
    yield from (node.name for node in tree.body if isinstance(node, DEFINED) and not node.name.startswith("_"))


def constants(tree: ast.Module) -> Iterator[str]:
    """Return upper-case names that a module assigns, except type variables."""
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names = [one for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and "TypeVar(" not in ast.unparse(node):
            yield from (one.id for one in names if one.id.isupper())


def homes(names_of: Callable[[ast.Module], Iterator[str]]) -> dict[str, set[str]]:
    """Name -> the modules that define it."""
    places = defaultdict(set)
    for name in MODULES:
        for one in names_of(parsed(name)):
            places[one].add(name)
    return places


def wing(name: str) -> str:
    return name.split("/")[1] if name.startswith("workbench/") else "widgets"


def private_definitions(tree: ast.Module) -> set[str]:
    """Return the private functions and classes that a module defines; methods may be hooks, or found by `getattr`."""
    defined = [node for node in floors.nodes(tree) if isinstance(node, DEFINED)]
    methods = {one for node in defined if isinstance(node, ast.ClassDef) for one in node.body}
    return {node.name for node in defined if is_private(node.name) and node not in methods and not node.decorator_list}


def uses(tree: ast.Module) -> set[str]:
    """Return the names that a module reads, alone, as attributes, or as texts."""
    found = set()
    for node in floors.nodes(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def test_private_functions_and_classes_are_used():
    read = set().union(*(uses(parsed(name)) for name in MODULES)) | set(FOREIGN)
    found = [f"{name}: {one}" for name in MODULES for one in private_definitions(parsed(name)) - read]
    assert not found, "remove it:\n" + "\n".join(sorted(found))


def test_an_unused_private_function_would_be_found():
    tree = ast.parse("def _a(): ...\n\nclass _B:\n    def _c(self): ...\n\ndef _d(): ...\n\n_d()")
    assert private_definitions(tree) - uses(tree) == {"_a", "_B"}


def test_private_names_stay_in_their_module():
    found = [f"{name}:{line}: {text}" for name in MODULES for line, text in private_uses(parsed(name))]
    assert not found, "make it public or move it:\n" + "\n".join(sorted(found))


def test_a_private_name_of_another_module_would_be_found():
    found = list(private_uses(ast.parse("from a import _b\n\ndef f(x):\n    return x._y, x.y, entry._fields")))
    assert found == [(1, "_b"), (4, "x._y")]
    assert not list(private_uses(ast.parse("class A:\n    def _y(self): ...\n\ndef f(a):\n    return a._y()")))


def test_each_constant_has_one_home():
    places = homes(constants)
    twice = {one for one, found in places.items() if len(found) > 1}
    todo = "give it a name of its own, or import it from its home"
    assert twice == set(ONCE_EACH), f"{todo}: { {one: sorted(places[one]) for one in twice ^ set(ONCE_EACH)} }"


def test_constants_are_found():
    text = "A, B = 1, 2\nC: int = 3\nT = TypeVar('T')\nD += 1\nabc = 4\n_E = 5\ndef f():\n    G = 6\n"
    assert list(constants(ast.parse(text))) == ["A", "B", "C", "_E"]


def test_functions_are_short_or_say_why_not():
    found = {}
    for name, path in MODULES.items():
        text = path.read_text(encoding="utf-8").splitlines()
        functions = (node for node in floors.nodes(parsed(name)) if isinstance(node, DEFINED[:2]))
        found |= {f"{name}:{node.name}": lines_of(node, text) for node in functions}
    long = {name: count for name, count in found.items() if count > MOST_LINES}
    assert set(long) == set(LONG), {name: found.get(name) for name in set(long) ^ set(LONG)}


def bodies(name: str) -> Iterator[tuple[str, str]]:
    """(name, code) of each function of a module, without its docstring and signature."""
    text = MODULES[name].read_text(encoding="utf-8").splitlines()
    for node in floors.nodes(parsed(name)):
        if isinstance(node, DEFINED[:2]):
            body = node.body[ast.get_docstring(node, clean=False) is not None :]
            code = text[body[0].lineno - 1 : body[-1].end_lineno] if body else []
            yield node.name, "\n".join(line.strip() for line in code)


def test_no_function_is_written_twice():
    """Of some length: what is shorter is a call. Longer runs of lines inside functions: `test_written_once.py`."""
    places = defaultdict(set)
    for name in MODULES:
        for function, code in bodies(name):
            if len(code) >= LEAST_CODE:
                places[code].add(f"{name}:{function}")
    twice = [sorted(found) for found in places.values() if len(found) > 1]
    assert not twice, f"one of them is enough: {twice}"


def test_lines_of_code_are_counted():
    text = (
        'def f():\n    """One.\n\n    Two."""\n\n    # no\n    def g():\n        """Three."""\n        return 1  # yes'
    )
    assert lines_of(ast.parse(text).body[0], text.splitlines()) == 3


def test_no_file_name_stands_for_two_things():
    places = defaultdict(set)
    for name, path in MODULES.items():
        if path.stem != "__init__":
            places[path.stem].add(name)
    twice = {name for name, found in places.items() if len({wing(one) for one in found}) > 1}
    assert twice == set(SAME_FILE), {name: sorted(places[name]) for name in twice ^ set(SAME_FILE)}


def test_no_public_function_stands_for_two_things():
    places = homes(defined)
    twice = {one for one, found in places.items() if len(found) > 1}
    assert twice == set(SAME_FUNCTION), {one: sorted(places[one]) for one in twice ^ set(SAME_FUNCTION)}
