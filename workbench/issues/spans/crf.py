"""Out-of-fold tags by linear-chain conditional random fields (Lafferty et al. 2001), with python-crfsuite."""

from __future__ import annotations

import importlib.util
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.kinds.contract import Asked

LOGISTIC, CRF = "logistic", "crf"
TAGGERS = {LOGISTIC: "logistic regression", CRF: "logistic regression and conditional random fields"}
"""Taggers on words, and their descriptions."""

SETTINGS = {"c1": 0.05, "c2": 0.05, "max_iterations": 60, "feature.possible_transitions": True}
"""Of CRFsuite's L-BFGS: penalties of the absolute and of the squared weights, steps, weights of unseen transitions."""


def has_crf() -> bool:
    """Whether python-crfsuite is installed."""
    return importlib.util.find_spec("pycrfsuite") is not None


def tagger_of(asked: Asked) -> str:
    """Return the name of the tagger on words that was requested, by default `LOGISTIC`.

    Raises
    ------
    InputError : an unknown name. MissingEvidence : python-crfsuite is not installed.
    """
    name = asked.evidence.get("tagger", LOGISTIC)
    if not isinstance(name, str) or name not in TAGGERS:
        raise InputError.unknown("tagger", name, TAGGERS)
    if name == CRF and not has_crf():
        raise MissingEvidence(f"tagger={CRF!r} needs python-crfsuite: `pip install 'label-workbench[text]'`.")
    return name


def crf_probabilities(
    x: Any, folds: np.ndarray, labelled: np.ndarray, codes: np.ndarray, width: int, starts: np.ndarray
) -> np.ndarray:
    """Return marginal probabilities (t, width) of tags, each by a tagger that has not seen the token's sentence.

    Parameters
    ----------
    x : (t, f) sparse binary features. folds : (t,), the same for all tokens of a sentence. labelled : (t,) bool, tokens
        to learn from; each run of them in a sentence is a sequence. codes : (t,) int, their tags. width : number of
        tags. starts : (n + 1,), the first token of each sentence.
    """
    import pycrfsuite

    items, names = _items(x), [str(code) for code in range(width)]
    sentences = [(start, end) for start, end in pairwise(starts.tolist()) if end > start]
    runs = _runs(labelled, starts)
    out = np.full((len(codes), width), 1 / width)
    for fold in np.unique(folds).tolist():
        trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=SETTINGS, verbose=False)
        learnt = [(start, end) for start, end in runs if folds[start] != fold]
        if not learnt:
            continue
        for start, end in learnt:
            trainer.append(items[start:end], [names[code] for code in codes[start:end].tolist()])
        with tempfile.TemporaryDirectory(prefix="crf-") as folder:
            model = Path(folder) / "model"
            trainer.train(str(model))
            content = model.read_bytes()
        tagger = pycrfsuite.Tagger()
        with tagger.open_inmemory(content):
            known = sorted(int(name) for name in tagger.labels())
            for start, end in ((start, end) for start, end in sentences if folds[start] == fold):
                tagger.set(items[start:end])
                out[start:end] = 0
                for at in range(end - start):
                    out[start + at, known] = [tagger.marginal(names[code], at) for code in known]
    return out / out.sum(axis=1, keepdims=True)


def _items(x: Any) -> list[list[str]]:
    """Return the features of each token, named by their columns."""
    table = x.tocsr()
    names = np.array([str(column) for column in range(table.shape[1])], object)[table.indices].tolist()
    return [names[start:end] for start, end in pairwise(table.indptr.tolist())]


def _runs(labelled: np.ndarray, starts: np.ndarray) -> list[tuple[int, int]]:
    """Return the runs (first, last + 1) of labelled tokens within sentences."""
    sentence = np.where(labelled, np.repeat(np.arange(len(starts) - 1), np.diff(starts)), -1)
    borders = [0, *(np.flatnonzero(np.diff(sentence)) + 1).tolist(), len(sentence)]
    return [(start, end) for start, end in pairwise(borders) if end > start and labelled[start]]
