"""A multiple-choice question, asked before the numbers that answer it are shown.

The guess is only compared with the answer: nothing is counted, stored or sent.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import ipywidgets as W

from workbench.foundation.errors import InputError


class Question(W.VBox):
    """A question with a button for each choice.

    Parameters
    ----------
    text : the question. choices : at least two different answers.

    Attributes
    ----------
    guess : the last choice that was clicked, or None; settable.

    Raises
    ------
    InputError : fewer than two choices, or a guess or answer that is not one of them.

    Examples
    --------
    >>> question = Question("Is it raining?", ["yes", "no"])
    >>> question.guess = "no"
    >>> question.answer("yes")
    'You said: no. On this data: yes.'
    """

    def __init__(self, text: str, choices: Sequence[str]) -> None:
        self.choices = tuple(str(choice) for choice in choices)
        if len(set(self.choices)) < 2 or len(set(self.choices)) < len(self.choices):
            raise InputError.at("choices", f"are {list(self.choices)}", "Give at least two different answers.")
        self._guess: str | None = None
        wide = {"width": "auto", "min_width": "110px"}
        self._buttons = {choice: W.ToggleButton(False, description=choice, layout=wide) for choice in self.choices}
        for choice, button in self._buttons.items():
            button.observe(lambda change, choice=choice: change["new"] and self._chosen(choice), "value")
        row = W.Box(list(self._buttons.values()), layout={"flex_flow": "row wrap"})
        super().__init__([W.HTML(f"<b>{html.escape(text)}</b>"), row])

    @property
    def guess(self) -> str | None:
        """The chosen answer, or None."""
        return self._guess

    @guess.setter
    def guess(self, choice: str) -> None:
        self._known("guess", choice)
        self._buttons[choice].value = True

    def answer(self, choice: str) -> str:
        """Return a sentence that compares the guess with the answer `choice`."""
        self._known("answer", choice)
        if self._guess is None:
            return f"On this data: {choice}."
        right = "You said so too" if self._guess == choice else f"You said: {self._guess}"
        return f"{right}. On this data: {choice}."

    def _known(self, name: str, choice: str) -> None:
        if choice not in self.choices:
            raise InputError.unknown(name, choice, self.choices)

    def _chosen(self, choice: str) -> None:
        self._guess = choice
        for other, button in self._buttons.items():
            if other != choice:
                button.value = False
