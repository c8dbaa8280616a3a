"""Where embeddings come from: who made them, and whether that training saw the given labels.

An embedding that was trained on the labels moves wrong ones to where they claim to be, so neighbours and classifiers on
it vouch for them. Everything that judges by embeddings says which kind it had, and the detector corrects for it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import RunError
from workbench.storage.checksums import forget, note
from workbench.storage.layout import write_json

if TYPE_CHECKING:
    from workbench.run import Run

TRAINED_HERE = "the embedding was trained on these labels"
NOT_TRAINED = "the embedding never saw these labels"
HEAD = "head out-of-fold"  # how the origin of probabilities begins that `workbench.folds` made from a run's embeddings
NOT_KNOWN = "whether the embedding saw these labels is not known"


def embedding_origin(run: Run, epoch: int = -1) -> str:
    """Where the embeddings of an epoch come from and whether they saw the given labels, in words.

    What was said when they were stored (`run.save_embeddings`); else those of a recorded training saw its labels, and
    of an imported run nobody knows.

    Raises
    ------
    RunError : the note beside the embeddings is damaged.
    """
    path = _note(run, epoch)
    if not path.is_file():
        return NOT_KNOWN if run.mode == "import" else TRAINED_HERE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        how, saw = said["how"], said["trained_on_labels"]
        if not isinstance(how, str) or saw not in (True, False, None):
            raise ValueError("its fields are of another kind")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError(f"{path} is damaged ({error}). Delete it, or store the embeddings again.") from error
    words = {True: TRAINED_HERE, False: NOT_TRAINED, None: NOT_KNOWN}[saw]
    return f"{how}; {words}" if how else words


def made_here(run: Run, how: str) -> bool:
    """Whether probabilities of this origin were made from the run's own embeddings, which then say the same."""
    return bool(run.embedding_epochs) and how.startswith(HEAD)


def note_origin(run: Run, epoch: int, how: str, trained_on_labels: bool | None) -> None:
    """Keep where the embeddings of an epoch come from, in a small file beside them."""
    path = _note(run, epoch)
    write_json(path, {"how": how, "trained_on_labels": trained_on_labels})
    note(run.layout, path)


def forget_origin(run: Run, epoch: int) -> None:
    """Remove what is known of the embeddings of an epoch, before others take their place."""
    path = _note(run, epoch)
    forget(run.layout, path)
    path.unlink(missing_ok=True)


def _note(run: Run, epoch: int) -> Path:
    epoch = run.resolve_embedding_epoch(epoch) if epoch < 0 else epoch
    return run.layout.array("embeddings", epoch).with_suffix(".json")
