"""The search box: words in ids, texts and labels, or a query such as `p_error > .5 and given_label == "cat"`.

A query is parsed and never executed as Python: only comparisons, arithmetic, and/or/not, `in` and `contains(column,
"text")` on the view's columns are supported, so typed or stored queries cannot run code.
"""

from __future__ import annotations

import ast
import difflib
import functools
import operator
import re
import warnings
from collections.abc import Callable, Container, Mapping
from typing import Any, TypeGuard

import numpy as np
import pandas as pd

from widgets.view.query_help import looks_like_query, unreadable_query
from workbench.foundation.errors import InputError, WorkbenchError

LONGEST_QUERY = 1000
"""Maximum length of a query in characters."""

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}  # fmt: skip
_BACKTICKS = re.compile(r"`([^`]+)`")


def is_query(text: str, columns: Container[str] = ()) -> bool:
    """Return whether a text is a query or an attempt at one, rather than plain words.

    "man in car" is plain words unless it contains one of `columns`; a text entirely in quotes is plain words too.
    """
    tree = _parsed(text)[0]
    if tree is None:
        return looks_like_query(text)
    if isinstance(tree.body, ast.Constant):
        return False
    return any(_asks(node, columns) for node in ast.walk(tree))


def query_mask(text: str, n: int, columns: Mapping[str, Callable[[], np.ndarray]]) -> np.ndarray:
    """Return a mask (n,) of the rows that satisfy a query.

    Parameters
    ----------
    text : the query; column names with spaces must be in backticks.
    columns : functions by name that return arrays (n,): numbers, or object arrays of str.

    Raises
    ------
    InputError : not a query, an unknown column, or an expression that queries do not support.

    Notes
    -----
    Names of classes that are numbers compare with numbers: `given_label == 3` finds the class "3".
    """
    tree, names, place = _parsed(text)
    if tree is None:
        raise unreadable_query(text, columns, lambda other: _parsed(other)[0] is not None, place)
    reader = _Reader(columns, names)
    try:
        result = reader.read(tree.body)
    except RecursionError as error:
        raise InputError.at("query", "is nested too deeply", "Use fewer parentheses and operators.") from error
    except WorkbenchError:
        raise
    except TypeError as error:
        raise InputError.at(
            "query", f"compares things of different kinds ({error})", "Quote names: given_label == '4'."
        ) from error
    except (ValueError, ArithmeticError, MemoryError) as error:
        found = f"cannot be computed ({type(error).__name__}: {str(error)[:200]})"
        raise InputError.at("query", found, "Compare a column with a number or with text in quotes.") from error
    mask = np.asarray(result)
    if mask.shape != (n,) or mask.dtype != bool:
        raise InputError.at("query", "is not a condition on the columns", "Compare a column with a value.")
    return mask


def word_mask(text: str, haystack: np.ndarray) -> np.ndarray:
    """Return a mask (n,) of the rows whose text contains every word (ignoring case), or a whole phrase in quotes."""
    mask = np.ones(len(haystack), bool)
    words = text.lower().split()
    quoted = text.strip()
    if len(quoted) > 2 and quoted[0] in "\"'" and quoted[0] == quoted[-1]:
        words = [quoted[1:-1].lower()]
    for word in words:
        mask &= np.fromiter((word in line for line in haystack), bool, len(haystack))
    return mask


def _asks(node: ast.AST, columns: Container[str]) -> bool:
    """Return whether a node compares or calls. `in` without a list is an English word, unless it is next to a
    column."""
    if isinstance(node, ast.Call):
        return True
    if not isinstance(node, ast.Compare):
        return False
    listed = (ast.List, ast.Tuple, ast.Set)
    words = (ast.In, ast.NotIn, ast.Is, ast.IsNot)
    sides = [node.left, *node.comparators]
    if any(not isinstance(op, words) for op in node.ops) or any(isinstance(side, listed) for side in sides):
        return True
    return any(not isinstance(side, ast.Name) or side.id in columns for side in sides)


def _parsed(text: str) -> tuple[ast.Expression | None, dict[str, str], int | None]:
    """The tree of a query, the column names in backticks by placeholder, and the position where parsing stopped."""
    names: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        name = f"backtick_{len(names)}"
        names[name] = match[1]
        return name

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's warnings about the text as code
            return ast.parse(_BACKTICKS.sub(placeholder, text[:LONGEST_QUERY]).strip(), mode="eval"), names, None
    except SyntaxError as error:
        return None, names, error.offset - 1 if error.offset and not names else None
    except (ValueError, RecursionError, MemoryError):
        return None, names, None


def _numbers(values: np.ndarray) -> np.ndarray:
    """Convert names to float64 (n,), NaN for names that are not numbers."""
    codes, names = pd.factorize(values, use_na_sentinel=True)
    return np.append(pd.to_numeric(pd.Series(names, dtype=object), errors="coerce").to_numpy(float), np.nan)[codes]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_text(value: object) -> TypeGuard[np.ndarray]:
    return isinstance(value, np.ndarray) and value.dtype == object


def _alike(one: Any, other: Any) -> tuple[Any, Any]:
    """Convert both sides of a comparison to one type: names or quoted numbers compared with numbers become numbers."""
    if _is_text(one) and _is_number(other):
        numbers = _numbers(one)
        if np.isnan(numbers).all():
            raise InputError.at("query", f"compares text with the number {other}", f"Text goes in quotes: '{other}'.")
        return numbers, other
    if isinstance(one, np.ndarray) and one.dtype.kind in "fiu" and isinstance(other, str):
        try:
            return one, float(other)
        except ValueError:
            raise InputError.at("query", f"compares numbers with the text {other!r}", "Write a number.") from None
    return one, other


def _operand(value: Any) -> Any:
    """An operand of arithmetic as float64, so that integers cannot grow without limit."""
    if _is_text(value):
        value = _numbers(value)
        if not np.isnan(value).all():
            return value
    elif isinstance(value, (bool, int, float)) or (isinstance(value, np.ndarray) and value.dtype.kind in "fiu"):
        return np.asarray(value, np.float64)[()]
    raise InputError.at("query", "calculates with text", "Use + - * / % on numbers.")


class _Reader:
    """Evaluator of the few kinds of nodes that queries support."""

    def __init__(self, columns: Mapping[str, Callable[[], np.ndarray]], names: dict[str, str]) -> None:
        self.columns, self.names = columns, names

    def read(self, node: ast.AST) -> Any:
        """The value of a node: an array (n,) or a constant."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise InputError.at(
                "query", f"uses {type(node).__name__}", "Only comparisons, and/or/not, in and contains()."
            )
        return method(node)

    def _constant(self, node: ast.Constant) -> object:
        if type(node.value) is int and not -(2**63) <= node.value < 2**64:
            raise InputError.at("query", "holds a number of more than 64 bits", "Write it as 1e30, or in quotes.")
        if isinstance(node.value, (bool, int, float, str)):
            return node.value
        raise InputError.at("query", f"uses the constant {node.value!r}", "Use numbers and quoted text.")

    def _name(self, node: ast.Name) -> np.ndarray:
        name = self.names.get(node.id, node.id)
        if name not in self.columns:
            raise InputError.unknown("column", name, self.columns)
        return self.columns[name]()

    def _boolop(self, node: ast.BoolOp) -> np.ndarray:
        joined = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return functools.reduce(joined, (self._condition(value) for value in node.values))

    def _binop(self, node: ast.BinOp) -> object:
        if isinstance(node.op, (ast.BitAnd, ast.BitOr)):
            joined = np.logical_and if isinstance(node.op, ast.BitAnd) else np.logical_or
            return joined(self._condition(node.left), self._condition(node.right))
        if type(node.op) not in _ARITHMETIC:
            raise InputError.at("query", f"uses the operator {type(node.op).__name__}", "Use + - * / %.")
        left, right = _operand(self.read(node.left)), _operand(self.read(node.right))
        with np.errstate(all="ignore"):
            result = _ARITHMETIC[type(node.op)](left, right)
        if np.ndim(result) == 0 and not np.isfinite(result):
            raise InputError.at("query", f"has no finite result in `{ast.unparse(node)[:60]}`", "Check the numbers.")
        return result

    def _unaryop(self, node: ast.UnaryOp) -> object:
        if isinstance(node.op, (ast.Not, ast.Invert)):
            return np.logical_not(self._condition(node.operand))
        value = self.read(node.operand)
        return value if isinstance(node.op, ast.UAdd) else -(value if _is_number(value) else _operand(value))

    def _compare(self, node: ast.Compare) -> np.ndarray:
        left: Any = self.read(node.left)
        result = np.asarray(True)
        for op, right_node in zip(node.ops, node.comparators):
            if isinstance(op, (ast.Eq, ast.NotEq)) and isinstance(right_node, ast.List):  # as in pandas
                op = ast.In() if isinstance(op, ast.Eq) else ast.NotIn()
            right = self._members(right_node) if isinstance(op, (ast.In, ast.NotIn)) else self._value(right_node)
            part = self._one(op, left, right)
            result = np.logical_and(result, part)
            left = right
        return result

    def _one(self, op: ast.cmpop, left: Any, right: Any) -> np.ndarray:
        if isinstance(op, (ast.In, ast.NotIn)):
            parts = [np.asarray(operator.eq(*_alike(left, one)), bool) for one in right]
            found = np.logical_or.reduce(parts) if parts else np.zeros(np.shape(left), bool)
            return ~found if isinstance(op, ast.NotIn) else found
        if type(op) not in _COMPARE:
            word = {"Is": "is", "IsNot": "is not"}.get(type(op).__name__, type(op).__name__)
            raise InputError.at("query", f"compares by `{word}`", "Use == != < <= > >= in.")
        left, right = _alike(left, right)
        right, left = _alike(right, left)
        return np.asarray(_COMPARE[type(op)](left, right), bool)

    def _members(self, node: ast.AST) -> list[Any]:
        if not isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            raise InputError.at("query", "has `in` without a list", "Write given in ['cat', 'dog'].")
        members = [self._value(element) for element in node.elts]
        if any(np.ndim(member) for member in members):
            raise InputError.at("query", "has a column in a list", "List numbers and quoted text: given in ['cat'].")
        return members

    def _value(self, node: ast.AST) -> Any:
        """The right side of a comparison: an unquoted word that is not a column was meant as text."""
        name = self.names.get(node.id, node.id) if isinstance(node, ast.Name) else None
        if name is not None and name not in self.columns:
            near = difflib.get_close_matches(name, self.columns, n=1, cutoff=0.8)
            todo = f"Text goes in quotes: '{name}'." + (f" Or did you mean the column {near[0]}?" if near else "")
            raise InputError.at("query", f"names {name}, which is not a column", todo)
        return self.read(node)

    def _call(self, node: ast.Call) -> np.ndarray:
        if not isinstance(node.func, ast.Name) or node.func.id != "contains" or len(node.args) != 2 or node.keywords:
            raise InputError.at(
                "query", "calls something other than contains(column, 'text')", "Only contains() is supported."
            )
        values, wanted = self.read(node.args[0]), self.read(node.args[1])
        if not np.ndim(values) or np.ndim(wanted):
            found = "calls contains() with arguments other than a column and a text"
            raise InputError.at("query", found, "Write contains(column, 'text').")
        wanted = str(wanted).lower()
        return np.fromiter((wanted in str(value).lower() for value in values), bool, len(values))

    def _condition(self, node: ast.AST) -> np.ndarray:
        value = np.asarray(self.read(node))
        if value.dtype != bool:
            raise InputError.at("query", "joins a part that is not a condition", "Compare it: column > 0.")
        return value
