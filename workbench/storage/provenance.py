"""Provenance of evidence as a record: what made it, from what, and whether that was trained on the given labels.

Code decides by the fields. `str(record)` describes them in words for people; no code reads these words, except for
`of_old_description`, which opens files that were written before there was a record.

An embedding that was trained on the labels moves mislabelled examples towards the class of their label, so neighbours
and classifiers in that embedding confirm wrong labels. Everything that is computed from embeddings says which kind was
used, and the detector corrects for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from workbench.foundation.errors import RunError
from workbench.storage.described import about, said_beside
from workbench.storage.layout import Layout

PROVENANCE_KINDS = ("pred_probs", "embeddings", "dynamics", "neighbors", "edges", "evidence")
SOURCES = ("recorded", "imported", "user", "array", "texts", "cross-validation", "ensemble")
"""recorded: by a training or its replay. imported: part of an imported run. user: stored in the run by the user, with a
description. array: passed to a function. texts: n-grams of the texts. cross-validation: the project's classifier on
embeddings, see `workbench.evidence.out_of_fold`. ensemble: several runs, `parts`."""

MODE_WORDS = {"train": "recorded while training", "eval": "replayed from checkpoints", "import": "imported"}
"""`Run.mode`, the source of the epochs, in words."""

TRAINED_HERE = "the embedding was trained on these labels"
NOT_TRAINED = "the embedding never saw these labels"
NOT_KNOWN = "whether the embedding saw these labels is not known"
SAYS = {True: TRAINED_HERE, False: NOT_TRAINED, None: NOT_KNOWN}
TEXTS_WORDS = "character n-grams of the texts"
DEEPEST = 8
"""Maximum nesting depth of `parts` that is read from a file."""


@dataclass(frozen=True)
class Provenance:
    """The origin of one piece of evidence.

    Attributes
    ----------
    kind : kind of evidence, one of `PROVENANCE_KINDS`.
    source : what made it, one of `SOURCES`.
    words : the user's description of what made it; it is printed but never interpreted.
    out_of_fold : for predictions, whether each row comes from a model that was not trained on its label; None = not
        known.
    saw_labels : whether what made it was trained on the given labels; None = not known.
    epoch : training epoch of the embeddings.
    epochs : number of epochs of training dynamics.
    mode : source of these epochs, see `MODE_WORDS`.
    of : for training dynamics in memory, the array from which they were computed: "logits" or "statistics".
    folds, seed : number of folds and seed of a cross-validation.
    missing : number of its examples without an embedding.
    parts : provenance of the inputs: the members of an ensemble, or the embeddings of a classifier.
    """

    kind: str
    source: str
    words: str = ""
    out_of_fold: bool | None = None
    saw_labels: bool | None = None
    epoch: int | None = None
    epochs: int | None = None
    mode: str = ""
    of: str = ""
    folds: int | None = None
    seed: int | None = None
    missing: int = 0
    parts: tuple[Provenance, ...] = ()

    def __str__(self) -> str:
        """The provenance in words."""
        return _WORDS[self.kind](self)

    @property
    def seen(self) -> str:
        """ "out-of-fold" or "in-sample"; "" if that is not known or does not apply."""
        return {True: "out-of-fold", False: "in-sample", None: ""}[self.out_of_fold]

    @property
    def in_full(self) -> str:
        """The provenance in words, starting with whether it is out-of-fold."""
        said = self.source in ("cross-validation", "array")  # their words already say so
        return str(self) if said or not self.seen else f"{self.seen}: {self}"

    def to_json(self) -> dict[str, Any]:
        """Return the fields that are not empty, as JSON values."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        kept = {name: value for name, value in found.items() if value not in ("", None, ()) and name != "missing"}
        kept |= {"missing": self.missing} if self.missing else {}
        return kept | ({"parts": [part.to_json() for part in self.parts]} if self.parts else {})

    @classmethod
    def from_json(cls, said: Any, deepest: int = DEEPEST) -> Provenance:
        """Create a record from the output of `to_json`.

        Raises
        ------
        ValueError : `said` is something else.
        """
        if not isinstance(said, Mapping) or deepest == 0:
            raise ValueError("its provenance is not an object, or is nested too deeply")
        known = {name: value for name, value in said.items() if name in _TYPES}
        for name, value in known.items():
            if type(value) not in _TYPES[name]:
                raise ValueError(f"its provenance has {name} {str(value)[:100]!r}")
        parts = tuple(cls.from_json(part, deepest - 1) for part in known.pop("parts", ()))
        if known.get("kind") not in PROVENANCE_KINDS or known.get("source") not in SOURCES:
            raise ValueError("its provenance is of an unknown kind")
        return cls(**known, parts=parts)


_TYPES: dict[str, tuple[type[Any], ...]] = {
    **dict.fromkeys(("kind", "source", "words", "mode", "of"), (str,)),
    **dict.fromkeys(("out_of_fold", "saw_labels"), (bool, type(None))),
    **dict.fromkeys(("epoch", "epochs", "folds", "seed"), (int, type(None))),
    "missing": (int,),
    "parts": (list, tuple),
}


def pooled_provenance(kind: str, parts: tuple[Provenance, ...], **others: Any) -> Provenance:
    """Combine the provenance of several runs: it saw the labels if any part did, and did not if no part did."""
    saw = {part.saw_labels for part in parts}
    known = True if True in saw else None if None in saw else False
    return Provenance(kind, "ensemble", saw_labels=known, parts=parts, **others)


# ---- in words ------------------------------------------------------------------------------------------------------


def _each(parts: tuple[Provenance, ...]) -> str:
    return "; ".join(dict.fromkeys(str(part) for part in parts))


def _pred_probs(one: Provenance) -> str:
    if one.source == "array":
        return f"{one.seen} as given"
    if one.source == "ensemble":
        return f"mean of {len(one.parts)} runs: {_each(one.parts)}"
    if one.source == "cross-validation" and one.folds is not None:
        words = f"{HEAD}: {one.folds}-fold logistic regression on the embeddings of epoch {one.epoch}, "
        words += "; ".join([f"seed {one.seed}", *(str(replace(part, epoch=None)) for part in one.parts)])
        return f"{words}; {one.missing} {MISSING}" if one.missing else words
    return one.words


def _embeddings(one: Provenance) -> str:
    if one.source == "texts":
        return f"{TEXTS_WORDS}; they never saw a label"
    if one.source == "ensemble":
        return f"of {len(one.parts)} runs side by side; {_each(tuple(replace(part, epoch=None) for part in one.parts))}"
    phrases = [] if one.epoch is None else [f"epoch {one.epoch}"]
    phrases += ["as given"] if one.source == "array" else [one.words] if one.words else []
    return "; ".join([*phrases, SAYS[one.saw_labels]])


def _dynamics(one: Provenance) -> str:
    if one.source == "ensemble":
        return f"{one.epochs} epochs of {len(one.parts)} runs"
    if one.source == "array":
        return f"{one.of} of {one.epochs} epochs"
    return f"statistics of {one.epochs} epochs, {MODE_WORDS.get(one.mode, 'recorded')}"


def _neighbors(one: Provenance) -> str:
    """The space in which examples are neighbours."""
    if one.source == "texts":
        return TEXTS_WORDS
    if one.source == "ensemble":
        return f"embeddings of {len(one.parts)} runs side by side"
    if one.source == "array":
        return "embeddings passed as an array"
    return "embeddings" if one.epoch is None else f"embeddings of epoch {one.epoch}"


def _edges(one: Provenance) -> str:
    return "edges of the run" if one.source == "user" else "edges as given"


def _evidence(one: Provenance) -> str:
    seen = {True: "trained on these labels", False: "never saw these labels", None: ""}[one.saw_labels]
    return "; ".join([one.words or "saved in the run", *([seen] if seen else [])])


_WORDS = {"pred_probs": _pred_probs, "embeddings": _embeddings, "dynamics": _dynamics, "neighbors": _neighbors}
_WORDS |= {"edges": _edges, "evidence": _evidence}


# ---- as it is stored -----------------------------------------------------------------------------------------------


def embedding_provenance(layout: Layout, epoch: int, mode: str) -> Provenance:
    """Return the provenance of the embeddings of an epoch.

    It is the description that was stored with them (`Run.save_embeddings`). Without one, embeddings of a recorded
    training saw its labels; for an imported run (`mode` "import") that is not known.

    Raises
    ------
    RunError : the description of the embeddings is damaged.
    """
    path = layout.array("embeddings", epoch)
    said = about(layout, path)
    for one in (said, said_beside(path)):
        if one is not None and (
            not isinstance(one.get("how"), str) or one.get("trained_on_labels", "") not in (*SAYS,)
        ):
            place = path.with_suffix(".json")
            raise RunError(f"{place} is damaged (its fields have wrong types). Delete it, or save embeddings again.")
    if said is None and mode == "import":
        return Provenance("embeddings", "imported", epoch=epoch)
    if said is None:
        return Provenance("embeddings", "recorded", saw_labels=True, epoch=epoch)
    return Provenance("embeddings", "user", said["how"], saw_labels=said["trained_on_labels"], epoch=epoch)


HEAD = "head out-of-fold"
MISSING = "examples without an embedding have the class frequencies"
_SENTENCE = re.compile(
    rf"{HEAD}: (\d+)-fold logistic regression on the embeddings of epoch (\d+), seed (-?\d+); (?:(.*); )?"
    rf"({TRAINED_HERE}|{NOT_TRAINED}|{NOT_KNOWN})(?:; (\d+) {MISSING})?",
    re.DOTALL,
)


def of_old_description(said: Mapping[str, Any]) -> Provenance:
    """Parse the provenance of probabilities stored by releases up to 0.1.0, which described them in a sentence."""
    how, out_of_fold = str(said.get("how", "unknown")), bool(said.get("out_of_fold"))
    if not said.get("automatic", how.startswith(HEAD)):
        return Provenance("pred_probs", "user", how, out_of_fold=out_of_fold)
    found = _SENTENCE.fullmatch(how)
    if found is None:
        return Provenance("pred_probs", "cross-validation", how, out_of_fold=out_of_fold)
    folds, epoch, seed, words, says, missing = found.groups()
    saw = next(answer for answer, sentence in SAYS.items() if sentence == says)
    source = "user" if words else "imported" if saw is None else "recorded"
    embedding = Provenance("embeddings", source, words or "", saw_labels=saw, epoch=int(epoch))
    return cross_validated(embedding, int(folds), int(seed), int(missing or 0))


def cross_validated(embedding: Provenance, folds: int, seed: int, missing: int = 0) -> Provenance:
    """Return the provenance of out-of-fold probabilities made from embeddings (`workbench.evidence.out_of_fold`)."""
    return Provenance(
        "pred_probs", "cross-validation", out_of_fold=True, saw_labels=embedding.saw_labels, epoch=embedding.epoch,
        folds=folds, seed=seed, missing=missing, parts=(embedding,),
    )  # fmt: skip


def made_here(layout: Layout, one: Provenance) -> bool:
    """Whether probabilities were computed from the run's own embeddings, so that they are not independent of them."""
    return one.source == "cross-validation" and bool(layout.arrays("embeddings"))
