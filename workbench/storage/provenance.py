"""Where embeddings come from: who made them, and whether that training saw the given labels.

An embedding that was trained on the labels moves wrong ones to where they claim to be, so neighbours and classifiers on
it vouch for them. Everything that judges by embeddings says which kind it had, and the detector corrects for it.
"""

from __future__ import annotations

from workbench.foundation.errors import RunError
from workbench.storage.described import about, said_beside
from workbench.storage.layout import Layout
from workbench.storage.probabilities import HEAD

TRAINED_HERE = "the embedding was trained on these labels"
NOT_TRAINED = "the embedding never saw these labels"
NOT_KNOWN = "whether the embedding saw these labels is not known"
SAYS = {True: TRAINED_HERE, False: NOT_TRAINED, None: NOT_KNOWN}


def embedding_origin(layout: Layout, epoch: int, mode: str) -> str:
    """Where the embeddings of an epoch come from and whether they saw the given labels, in words.

    What was said when they were stored (`Run.save_embeddings`); else those of a recorded training saw its labels, and
    of an imported run (`mode` "import") nobody knows.

    Raises
    ------
    RunError : what is said of the embeddings is damaged.
    """
    path = layout.array("embeddings", epoch)
    said = about(layout, path)
    for one in (said, said_beside(path)):
        if one is not None and (
            not isinstance(one.get("how"), str) or one.get("trained_on_labels", "") not in (*SAYS,)
        ):
            place = path.with_suffix(".json")
            raise RunError(f"{place} is damaged (its fields are of another kind). Delete it, or save embeddings again.")
    if said is None:
        return NOT_KNOWN if mode == "import" else TRAINED_HERE
    how = said["how"]
    words = SAYS[said["trained_on_labels"]]
    return f"{how}; {words}" if how else words


def made_here(layout: Layout, how: str) -> bool:
    """Whether probabilities of this origin were made from the run's own embeddings, which then say the same."""
    return bool(layout.arrays("embeddings")) and how.startswith(HEAD)
