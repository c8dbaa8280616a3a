"""`help()` of each public object is complete: parameters, return values, exceptions."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator

import workbench as wb
from workbench.recording import callbacks

PACKAGES = {"wb": wb, "confident": wb.confident, "review": wb.review, "experiments": wb.experiments}
PACKAGES |= {"tags": wb.tags, "spans": wb.spans, "texts": wb.texts, "ranking": wb.ranking, "errors": wb.errors}
PACKAGES |= {"vision": wb.vision, "demonstrations": wb.demonstrations, "callbacks": callbacks}

HOOKS = re.compile("on_[a-z_]+")
"""Methods that a training framework calls, with arguments of its own."""


def public() -> Iterator[tuple[str, object]]:
    """Return all public callables by name, without modules and tables."""
    for package, module in PACKAGES.items():
        for name in getattr(module, "__all__", [one for one in vars(module) if not one.startswith("_")]):
            value = getattr(module, name)
            if callable(value) and getattr(value, "__module__", "").startswith("workbench"):
                yield f"{package}.{name}", value


def methods() -> Iterator[tuple[str, Callable]]:
    """Return all public methods of the public classes."""
    for name, value in classes().items():
        for one, held in vars(value).items():
            function = getattr(held, "__func__", held)
            if inspect.isfunction(function) and not one.startswith("_") and not HOOKS.fullmatch(one):
                yield f"{name}.{one}", function


@functools.cache
def functions() -> dict[str, Callable]:
    return {name: value for name, value in public() if inspect.isfunction(inspect.unwrap(value))}


@functools.cache
def classes() -> dict[str, type]:
    return {name: value for name, value in public() if inspect.isclass(value)}


def section(doc: str, name: str) -> str:
    """Return the text of a section of a docstring, "" if missing."""
    found = re.search(rf"^{name}\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)", doc, re.M | re.S)
    return found[1] if found else ""


def body_of(function: Callable) -> list[ast.AST]:
    """Yield the statements of a function, without those of inner functions."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))).body[0]
    found, left = [], list(tree.body)
    while left:
        node = left.pop()
        if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            found.append(node)
            left += ast.iter_child_nodes(node)
    return found


def parameters(function: Callable) -> list[str]:
    """Return the names of the parameters."""
    return [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]


def unnamed(function: Callable, text: str) -> list[str]:
    """Return parameters that do not start a line of a text, alone or with others (`a, b : description`)."""
    pattern = re.compile(r"(?:^|\. )([\w*, ]+?)(?: : |$)")
    lists = [names for line in text.splitlines() for names in pattern.findall(line.strip())]
    named = {name for names in lists for name in re.findall(r"\w+", names)}
    return [name for name in parameters(function) if name not in named]


def returns(function: Callable) -> bool:
    """Return whether a function returns a value."""
    values = [node.value for node in body_of(function) if isinstance(node, ast.Return)]
    return any(not (value is None or (isinstance(value, ast.Constant) and value.value is None)) for value in values)


def raises(function: Callable) -> bool:
    """Return whether a function itself contains a raise statement."""
    return any(isinstance(node, ast.Raise) for node in body_of(function))


def test_functions_say_all():
    wrong, found = [], functions()
    for name, function in found.items():
        doc = inspect.getdoc(function) or ""
        if lost := unnamed(function, section(doc, "Parameters")):
            wrong.append(f"{name}: not among the Parameters: {lost}")
        if returns(function) and not section(doc, "Returns"):
            wrong.append(f"{name}: it returns something and has no section Returns")
        if raises(function) and not section(doc, "Raises"):
            wrong.append(f"{name}: it raises and has no section Raises")
    assert not wrong, "\n".join(wrong)
    assert len(found) > 40


def test_methods_say_all():
    """For a method with one simple argument, a sentence may be enough."""
    wrong, found = [], dict(methods())
    for name, function in found.items():
        doc = inspect.getdoc(function) or ""
        if not doc:
            wrong.append(f"{name}: no docstring")
        if lost := [one for one in parameters(function) if not re.search(rf"\b{one}\b", doc)]:
            wrong.append(f"{name}: not named: {lost}")
        if raises(function) and not section(doc, "Raises"):
            wrong.append(f"{name}: it raises and has no section Raises")
    assert not wrong, "\n".join(wrong)
    assert len(found) > 60


def test_classes_say_how_they_are_made():
    wrong, found = [], classes()
    for name, made in found.items():
        doc = inspect.getdoc(made) or ""
        if not doc:
            wrong.append(f"{name}: no docstring")
        if issubclass(made, Exception):
            continue
        if lost := [one for one in parameters(made) if not re.search(rf"\b{one}\b", doc)]:
            wrong.append(f"{name}: not named: {lost}")
    assert not wrong, "\n".join(wrong)
    assert len(found) > 10


def test_editors_see_the_evidence_of_find_issues():
    found = inspect.signature(wb.find_issues).parameters
    spelled = ["pred_probs", "embeddings", "texts", "logits", "statistics", "votes", "ids", "classes", "out_of_fold"]
    assert all(found[name].kind is inspect.Parameter.KEYWORD_ONLY for name in spelled)
    assert [name for name in found if found[name].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD] == ["source"]


SHAPE = re.compile(r"\((?:[a-z]\w*|\d+|\.\.\.)(?: [+*-] \w+)?,[^()]*\)")
"""Such as (n,), (n, k), (epochs, n, k), (n + 1,)."""

DTYPE = re.compile(r"\b(?:u?int\d*|floats?|float\d+|bool|object|integers?|str|text|names|DataFrame|Series|dtype)\b")


def entry(doc: str, name: str) -> str:
    """Return the description of one parameter; if no section has it, the whole docstring without its sections."""
    lines, said, inside = section(doc, "Parameters").splitlines(), [], False
    for line in lines:
        begins = re.match(r"([\w*, ]+?) : ", line)
        if begins:
            inside = name in re.findall(r"\w+", begins[1])
        if inside or re.search(rf"\. (?:\w+, )*{name}(?:, \w+)* : ", line):
            said.append(line)
    return " ".join(said) or re.split(r"^\w[\w ]*\n-+$", doc, maxsplit=1, flags=re.M)[0]


def test_arrays_have_shapes_and_dtypes():
    """For every parameter and result that is annotated as an array."""
    lost = []
    for name, function in {**functions(), **dict(methods())}.items():
        doc, annotations = inspect.getdoc(function) or "", inspect.unwrap(function).__annotations__
        for one, kind in annotations.items():
            if "ndarray" in str(kind):
                text = (section(doc, "Returns") or doc) if one == "return" else entry(doc, one)
                lost += [f"{name}, {one}: no shape"] * (not SHAPE.search(text))
                lost += [f"{name}, {one}: no dtype"] * (not DTYPE.search(text))
    assert not lost, "\n".join(lost)
