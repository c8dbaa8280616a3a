"""Classes that are added while reviewing (`Run.label_space` is those of the dataset, then these).

An added class is an entry of the journal, undone like any other decision. Codes never move: the classes of the dataset
keep theirs, added ones follow in the order in which they were first added, and one whose addition was undone keeps its
place, as labels of somebody else may still name it.
"""

from __future__ import annotations

from workbench.foundation.errors import InputError, shortened
from workbench.runs.run import Run
from workbench.tasks.class_names import class_text

LONGEST = 200
"""Characters of the name of a class that is added."""


def add_class(run: Run, name: object, *, author: str | None = None, source: str = "", reason: str = "") -> int:
    """Add a class (of multi-label data a tag) to the label space of a run, as one step of undo.

    Examples can be given the class from then on; the export holds it. Evidence knows nothing of it: predicted
    probabilities keep their k columns, and nothing suggests it until a model is trained with it.

    Parameters
    ----------
    run : Run
        Its journal takes the entry.
    name : str, int or float
        The class, a value of the user's type or its name.
    author, source, reason : str
        As in `Journal.relabel`.

    Returns
    -------
    int
        The code of the class, at least k. One whose addition was undone gets its old code back.

    Raises
    ------
    InputError
        The name is empty, too long or not printable, is a class already, or is no value of the type of the labels; or
        labels of this kind are no classes.
    """
    text = check_class(run, name)
    run.journal.add_class(text, author=author, source=source, reason=reason)
    return run.label_space.index(text)


def check_class(run: Run, name: object) -> str:
    """The name under which a class can be added; InputError as for `add_class`."""
    dataset = run.dataset
    if dataset.kind.asks == "number":
        found = f"cannot be added: the labels of the task {dataset.task!r} are no classes"
        raise InputError.at("class", found, "Give the values themselves.")
    text = class_text(name)
    if not text or text != text.strip() or len(text) > LONGEST or not text.isprintable():
        todo = f"Use 1 to {LONGEST} printable characters that do not begin or end with a space."
        raise InputError.at("class", f"is {shortened(text)}", todo)
    added = run.journal.added_classes()
    if text in dataset.classes or added.get(text):
        raise InputError.at("class", f"is {shortened(text)}, which is in the label space already", "Choose it.")
    dataset.label_type.value(text)
    return text
