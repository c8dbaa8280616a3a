"""The search box: the meaning of queries, and that typed text is never executed."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widgets.view.query_help import corrected
from widgets.view.search import is_query, query_mask, word_mask
from workbench.foundation.errors import InputError

A = np.array([0.1, 0.5, np.nan, 0.9], np.float32)
COLUMNS = {
    "a": lambda: A,
    "given_label": lambda: np.array(["cat", "dog", "cat", None], object),
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
        ("a > .4 and given_label == 'dog'", [0, 1, 0, 0]),
        ("not a > .4", [1, 0, 1, 0]),
        ("(a > .4) & (given_label != 'dog')", [0, 0, 0, 1]),
        ("(a < .2) | (given_label == 'dog')", [1, 1, 0, 0]),
        ("~(a > .4)", [1, 0, 1, 0]),
        (".2 < a <= .5", [0, 1, 0, 0]),
        ("given_label in ['cat', 'owl']", [1, 0, 1, 0]),
        ("given_label not in ('cat',)", [0, 1, 0, 1]),
        ("given_label == ['cat', 'owl']", [1, 0, 1, 0]),
        ("given_label != ['cat']", [0, 1, 0, 1]),
        ("`long name` * 2 - 1 >= 5", [0, 0, 1, 1]),
        ("contains(given_label, 'CA')", [1, 0, 1, 0]),
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
        ("given_label in []", [0, 0, 0, 0]),
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
        "given_label in a",
        "given_label + given_label == 1",
        "'x' * 9999999999 == given_label",
        "a == None",
    ],
)
def test_what_a_query_cannot_do_is_refused(text):
    with pytest.raises(InputError):
        mask(text)


def test_a_typing_error_names_the_nearest_column():
    with pytest.raises(InputError, match="Did you mean 'given_label'"):
        mask("given_labl == 'cat'")


def test_numbers_and_text_do_not_compare():
    with pytest.raises(InputError, match="compares text with the number 3"):
        mask("given_label > 3")
    with pytest.raises(InputError, match="compares numbers with the text 'x'"):
        mask("a == 'x'")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("digit = 3", r"a single `=` at character 7. Write: digit == 3$"),
        ("a > .5 and given_label = 'cat'", r"a single `=` at character 24. Write: a > .5 and given_label == 'cat'$"),
        ("a > .5 AND digit == 3", r"writes `AND` at character 8. Write: a > .5 and digit == 3$"),
        ("a > .5 && digit == 3", r"joins with `&&` at character 8. Write: a > .5 and digit == 3$"),
        ("a => .5", r"`=>` at character 3. Write: a >= .5"),
        ("given_label == “cat”", r'curly quotes at character 16. Write: given_label == "cat"$'),
        ("given_label == cat", r"names cat, which is not a column. Text goes in quotes: 'cat'"),
        ("given_label in [cat]", r"Text goes in quotes: 'cat'"),
        ("a > ", r"ends after `>`"),
        ("a > .9 or", r"ends after `or`"),
        ("(a > .9", r"has a `\(` without its `\)`"),
        ("given_label == 'cat", r"a ' without its partner at character 16"),
        ("long name > 3", r"Put it in backticks: `long name`"),
        ("a > .5 or and digit == 3", r"cannot be read at character 11"),
        ("x<y>", r"put it in quotes: 'x<y>'"),
    ],
)
def test_a_wrong_query_says_where_and_what_to_write(text, found):
    assert is_query(text, COLUMNS)
    with pytest.raises(InputError, match=found):
        mask(text)


def test_the_suggestion_of_a_slip_is_a_query_that_works():
    assert mask(corrected("a >= .5 && given_label = 'dog'")[0]) == mask("a >= .5 and given_label == 'dog'")
    assert corrected("given_label == 'a = b && c'") == ("given_label == 'a = b && c'", "")


def test_an_english_in_is_a_query_only_beside_a_column():
    assert not is_query("man in car", COLUMNS)
    assert is_query("given_label in car", COLUMNS)


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


# ---- arbitrary input ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a > 1/0", "has no finite result in `1 / 0`"),
        ("1 % 0 == 1", "has no finite result"),
        ("a > 1e308 * 10", "has no finite result"),
        ("a > 1" + "0" * 400, "more than 64 bits"),
        ("given_label != [a]", "a column in a list"),
        ("a in [a]", "a column in a list"),
        ("given_label * 9000000 == 'x'", "calculates with text"),
        ("'x' * 9000000 == 'x'", "calculates with text"),
        ("-given_label > 3", "calculates with text"),
        ("True and 'x'", "not a condition"),
        ("contains('abc', 'b')", "other than a column"),
        ("contains(given_label, given_label)", "other than a column"),
    ],
)
def test_what_cannot_be_computed_is_one_clear_error(text, found):
    with pytest.raises(InputError, match="`query` ") as caught:
        mask(text)
    assert found in str(caught.value)


def test_results_of_columns_may_be_infinite():
    assert mask("a / 0 > 1") == [1, 1, 0, 1]
    assert mask("id * 1e308 * 10 > 1") == [1, 1, 1, 1]
    assert mask("True and a > .4") == [0, 1, 0, 1]
    assert mask("digit * 2 == 6") == [1, 0, 1, 0]


ATOMS = [
    "a",
    "given_label",
    "digit",
    "id",
    "`long_name`",
    "nope",
    "'cat'",
    "'3'",
    "3",
    "0",
    "-1",
    ".5",
    "1e308",
    "True",
    "None",
    "9999999999999999999999999",
    "[1,'x']",
    "[]",
    "(a,1)",
    "{1}",
    "{}",
    "b'x'",
    "1j",
    "...",
    "lst",
    "f'{a}'",
    "'�'",
]
BINARY = [
    *"+-*/%<>&|^@,",
    "//",
    "**",
    "<<",
    "==",
    "!=",
    "<=",
    ">=",
    " and ",
    " or ",
    " in ",
    " not in ",
    " is ",
    " if ",
]
WRAPS = [
    "-{}",
    "not_{}",
    "~{}",
    "+{}",
    "({})",
    "contains({},'c')",
    "contains(a,{})",
    "[{}]",
    "{}.real",
    "{}[0]",
    "abs({})",
    "{}*1000000",
    "{}_if_a_else_1",
    "*{}",
    "contains({})",
    "[x_for_x_in_{}]",
    "lambda:{}",
]
TREES = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(BINARY), inner).map("".join),
        st.tuples(st.sampled_from(WRAPS), inner).map(lambda pair: pair[0].replace("_", " ").replace("{}", pair[1])),
    ),
    max_leaves=12,
)
FUZZED = COLUMNS | {"lst": lambda: np.array([[1], None, {"a": 1}, "x"], object)}


@settings(max_examples=250, derandomize=True)
@given(st.one_of(TREES, st.text(max_size=60), st.text("()[]'\"`-+*/<>=!aginve0123 .,{}~\n\0", max_size=200)))
def test_any_text_gives_rows_or_one_error(text):
    assert is_query(text, FUZZED) in (True, False)
    try:
        found = query_mask(text, 4, FUZZED)
    except InputError as error:
        assert len(str(error)) < 5000
    else:
        assert found.shape == (4,)
        assert found.dtype == bool


LONG = ["(" * 1000, "-" * 999 + "1", "not " * 240 + "a > 1", "[" * 500 + "]" * 500, "a" + "+a" * 499, "~" * 900 + "a"]
LONG += [" and ".join(["a > 1"] * 100), "a > " + "9" * 990, "'" * 1000]


@pytest.mark.parametrize("text", LONG)
def test_long_texts_end_soon(text):
    with contextlib.suppress(InputError):
        assert query_mask(text, 4, FUZZED).shape == (4,)
