"""The search box: what a query means, and that nothing typed there can run."""

from __future__ import annotations

import numpy as np
import pytest

from widgets.view.query_help import corrected
from widgets.view.search import is_query, query_mask, word_mask
from workbench.errors import InputError

A = np.array([0.1, 0.5, np.nan, 0.9], np.float32)
COLUMNS = {
    "a": lambda: A,
    "given": lambda: np.array(["cat", "dog", "cat", None], object),
    "long name": lambda: np.array([1, 2, 3, 4]),
    "digit": lambda: np.array(["3", "5", "3", None], object),
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
        ("digit == 3", [1, 0, 1, 0]),
        ("3 == digit", [1, 0, 1, 0]),
        ("digit != 3", [0, 1, 0, 1]),
        ("digit in (3, 5)", [1, 1, 1, 0]),
        ("digit in [3, 'x']", [1, 0, 1, 0]),
        ("digit not in (3, 5)", [0, 0, 0, 1]),
        ("digit == '3'", [1, 0, 1, 0]),
        ("3 < digit <= 5", [0, 1, 0, 0]),
        ("id == '12'", [0, 0, 1, 0]),
        ("given in []", [0, 0, 0, 0]),
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
    with pytest.raises(InputError, match="compares text with the number 3"):
        mask("given > 3")
    with pytest.raises(InputError, match="compares numbers with the text 'x'"):
        mask("a == 'x'")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("digit = 3", r"a single `=` at character 7. Write: digit == 3$"),
        ("a > .5 and given = 'cat'", r"a single `=` at character 18. Write: a > .5 and given == 'cat'$"),
        ("a > .5 AND digit == 3", r"writes `AND` at character 8. Write: a > .5 and digit == 3$"),
        ("a > .5 && digit == 3", r"joins with `&&` at character 8. Write: a > .5 and digit == 3$"),
        ("a => .5", r"`=>` at character 3. Write: a >= .5"),
        ("given == “cat”", r'curly quotes at character 10. Write: given == "cat"$'),
        ("given == cat", r"names cat, which is no column. Text goes in quotes: 'cat'"),
        ("given in [cat]", r"Text goes in quotes: 'cat'"),
        ("a > ", r"ends after `>`"),
        ("a > .9 or", r"ends after `or`"),
        ("(a > .9", r"has a `\(` without its `\)`"),
        ("given == 'cat", r"a ' without its partner at character 10"),
        ("long name > 3", r"Put it between backticks: `long name`"),
        ("a > .5 or and digit == 3", r"cannot be read at character 11"),
        ("x<y>", r"put it in quotes: 'x<y>'"),
    ],
)
def test_a_wrong_query_says_where_and_what_to_write(text, found):
    assert is_query(text, COLUMNS)
    with pytest.raises(InputError, match=found):
        mask(text)


def test_the_suggestion_of_a_slip_is_a_query_that_works():
    assert mask(corrected("a >= .5 && given = 'dog'")[0]) == mask("a >= .5 and given == 'dog'")
    assert corrected("given == 'a = b && c'") == ("given == 'a = b && c'", "")


def test_an_english_in_is_a_query_only_beside_a_column():
    assert not is_query("man in car", COLUMNS)
    assert is_query("given in car", COLUMNS)


def test_deep_nesting_is_an_error_and_not_a_crash():
    with pytest.raises(InputError):
        mask("(" * 5000 + "a > 1" + ")" * 5000)
    with pytest.raises(InputError, match=r"cannot be read|nested too deeply"):
        mask("-" * 900 + "a > 1")


def test_all_words_must_be_there_in_any_case():
    lines = np.array(["a black cat", "a white cat", "black dog"], object)
    assert word_mask("CAT black", lines).tolist() == [True, False, False]
    assert word_mask("", lines).all()
    assert word_mask('"black cat"', lines).tolist() == [True, False, False]
    assert word_mask("'cat black'", lines).tolist() == [False, False, False]
