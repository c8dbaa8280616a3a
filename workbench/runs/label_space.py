"""Classes that are added during review (`Run.label_space`: the classes of the dataset, followed by these).

An added class is an entry of the journal and can be undone like any other decision. Codes never change: the classes of
the dataset keep theirs, and added classes follow in the order in which they were first added. A class whose addition
was undone keeps its code, since labels of others may still use it.
"""

from __future__ import annotations

from workbench.foundation.errors import InputError, shortened
from workbench.runs.run import Run
from workbench.tasks.class_names import class_text

LONGEST = 200
"""Maximum length of the name of an added class."""


def add_class(run: Run, name: object, *, author: str | None = None, source: str = "", reason: str = "") -> int:
    """Add a class (for multi-label data, a tag) to the label space of a run, as one undo step.

    Examples can then be labelled with the class, and the export contains it. Existing evidence is not changed:
    predicted probabilities keep their k columns, and the class is not suggested until a model is trained with it.

    Parameters
    ----------
    run : Run
        The entry is written to its journal.
    name : str, int or float
        The class, as a value of the user's type or a class name.
    author, source, reason : str
        As in `Journal.relabel`.

    Returns
    -------
    int
        The code of the class, at least k. A class whose addition was undone gets its old code again.

    Raises
    ------
    InputError
        The name is empty, too long or not printable, is already a class, or does not have the type of the labels; or
        the labels are not classes.
    """
    text = check_class(run, name)
    run.journal.add_class(text, author=author, source=source, reason=reason)
    return run.label_space.index(text)


def check_class(run: Run, name: object) -> str:
    """Return the name of a class that can be added; raises the errors of `add_class`."""
    dataset = run.dataset
    if dataset.kind.asks == "number":
        found = f"cannot be added: the labels of the task {dataset.task!r} are not classes"
        raise InputError.at("class", found, "Change the values of the labels instead.")
    text = class_text(name)
    if not text or text != text.strip() or len(text) > LONGEST or not text.isprintable():
        todo = f"Use 1 to {LONGEST} printable characters that do not begin or end with a space."
        raise InputError.at("class", f"is {shortened(text)}", todo)
    added = run.journal.added_classes()
    if text in dataset.classes or added.get(text):
        found = f"is {shortened(text)}, which is already in the label space"
        raise InputError.at("class", found, "Use the existing class.")
    dataset.label_type.value(text)
    return text
