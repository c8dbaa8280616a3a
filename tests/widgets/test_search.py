"""The search box: what a query means, and that nothing typed there can run."""

from __future__ import annotations

import numpy as np
import pytest

from widgets.view.search import is_query, query_mask, word_mask
from workbench.errors import InputError

A = np.array([0.1, 0.5, np.nan, 0.9], np.float32)
COLUMNS = {
    "a": lambda: A,
    "given": lambda: np.array(["cat", "dog", "cat", None], object),
    "long name": lambda: np.array([1, 2, 3, 4]),
    "id": lambda: np.array([10, 11, 12, 13]),
}


def mask(text: str) -> list[int]:
    return query_mask(text, 4, COLUMNS).astype(int).tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a > .4", [0, 1, 0, 1]),
        ("a > .4 and given == 'dog'", [0, 1, 0, 0]),
        ("not a > .4", [1, 0, 1, 0]),
        ("(a > .4) & (given != 'dog')", [0, 0, 0, 1]),
        ("(a < .2) | (given == 'dog')", [1, 1, 0, 0]),
        ("~(a > .4)", [1, 0, 1, 0]),
        (".2 < a <= .5", [0, 1, 0, 0]),
        ("given in ['cat', 'owl']", [1, 0, 1, 0]),
        ("given not in ('cat',)", [0, 1, 0, 1]),
        ("given == ['cat', 'owl']", [1, 0, 1, 0]),
        ("given != ['cat']", [0, 1, 0, 1]),
        ("`long name` * 2 - 1 >= 5", [0, 0, 1, 1]),
        ("contains(given, 'CA')", [1, 0, 1, 0]),
        ("id == 12", [0, 0, 1, 0]),
        ("id in [10, 13]", [1, 0, 0, 1]),
        ("-a < -.4", [0, 1, 0, 1]),
        ("a / 0 > 1", [1, 1, 0, 1]),
    ],
)
def test_queries(text, rows):
    assert is_query(text)
    assert mask(text) == rows


@pytest.mark.parametrize("text", ["cat", "black cat", "it's", "cat and dog", "a", "", "100%", "(", "lambda"])
def test_words_are_no_queries(text):
    assert not is_query(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('x') == 0",
        "a.__class__ == 1",
        "(lambda: 1)() == 1",
        "a[0] > 1",
        "open('x') == 1",
        "2 ** 99999999 > a",
        "[x for x in a] == 1",
        "contains(a.b, 'x')",
        "(y := 1) == 1",
        "f'{a}' == 1",
        "a if a > 1 else a > 0",
        "a == b'x'",
        "contains(a)",
        "a > 0 and 'x'",
        "1 == 1",
        "a is None",
        "given in a",
        "given + given == 1",
        "'x' * 9999999999 == given",
        "a == None",
    ],
)
def test_what_a_query_cannot_do_is_refused(text):
    with pytest.raises(InputError):
        mask(text)


def test_a_typing_error_names_the_nearest_column():
    with pytest.raises(InputError, match="Did you mean 'given'"):
        mask("givn == 'cat'")


def test_numbers_and_text_do_not_compare():
    with pytest.raises(InputError, match="different kinds"):
        mask("given > 3")


def test_deep_nesting_is_an_error_and_not_a_crash():
    assert not is_query("(" * 5000 + "a > 1" + ")" * 5000)
    with pytest.raises(InputError, match=r"cannot be read|nested too deeply"):
        mask("-" * 900 + "a > 1")


def test_all_words_must_be_there_in_any_case():
    lines = np.array(["a black cat", "a white cat", "black dog"], object)
    assert word_mask("CAT black", lines).tolist() == [True, False, False]
    assert word_mask("", lines).all()
