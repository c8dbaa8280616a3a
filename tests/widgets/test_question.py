import pytest

from widgets import Question
from workbench.foundation.errors import InputError


@pytest.fixture
def question():
    return Question("Which <one>?", ["a", "b", "c"])


def test_only_one_choice_is_pressed(question):
    question._buttons["a"].value = True
    question._buttons["c"].value = True
    assert question.guess == "c"
    assert [button.value for button in question._buttons.values()] == [False, False, True]


def test_the_answer_stands_beside_the_guess(question):
    assert question.answer("b") == "On this data: b."
    question.guess = "a"
    assert question.answer("b") == "You said: a. On this data: b."
    assert question.answer("a") == "You said so too. On this data: a."


def test_text_stays_text(question):
    assert "&lt;one&gt;" in question.children[0].value


def test_refusals(question):
    with pytest.raises(InputError, match="Did you mean"):
        question.guess = "aa"
    with pytest.raises(InputError, match="two different answers"):
        Question("Which?", ["a"])
