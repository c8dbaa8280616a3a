"""Opinions about the tags of one layer: our out-of-fold taggers, and the user's probabilities and scored spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.data.inputs import warn_if_permuted
from workbench.foundation.checks import check_pred_probs, refuse_infinity
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.foundation.recall import recalled
from workbench.foundation.rows import softmax
from workbench.issues.kinds.contract import Asked
from workbench.issues.spans.crf import CRF, crf_probabilities, tagger_of
from workbench.issues.spans.posterior import LEAST_LOG, corrected_tags
from workbench.issues.spans.span_layers import (
    Given,
    column_codes,
    probabilities_of_spans,
    probabilities_of_tags,
)
from workbench.issues.spans.tagger import Taggers, deal_sentences
from workbench.issues.spans.tokens import Tokens
from workbench.issues.spans.word_features import token_features
from workbench.tasks.scored_spans import scored
from workbench.tasks.sentences import flat_table, in_sentence, listed

ON_WORDS, ON_RELABELLED = "held-out taggers on words", "the same, on corrected tags"
ON_CRF = "held-out conditional random fields on words"
ON_VECTORS, ON_PROBS, ON_PREDICTIONS = "held-out taggers on embeddings", "given probabilities", "predicted spans"

LEAST_OF_LAYER = 30
"""Spans of a further layer, of those that overlap others, from which a tagger learns it."""

EMBEDDING_PENALTY = 1.0


@dataclass(frozen=True)
class Predicted:
    """Scored spans of a model, in tokens: first, last (half-open), label and p, (c,) each."""

    first: np.ndarray
    last: np.ndarray
    label: np.ndarray
    p: np.ndarray


class TagOpinions:
    """Reads the evidence once, and returns the probabilities of each layer.

    Parameters
    ----------
    tokens : of all examples. given : the given spans. labelled : (t,) bool, tokens of examples with a label.
    """

    def __init__(self, asked: Asked, tokens: Tokens, given: Given, labelled: np.ndarray) -> None:
        self.tokens, self.given, self.labelled, self.k = tokens, given, labelled, asked.dataset.k
        self.width = 2 * self.k + 1
        self.probs = _tag_probabilities(asked, tokens, given.codes(len(tokens.words), 0))
        self.predicted = _predicted(asked, tokens)
        self.vectors = token_vectors(asked, tokens)
        self.features = token_features(tokens) if tokens.known and len(tokens.words) else None
        self.folds = deal_sentences(tokens, asked.seed)
        self.tagger = tagger_of(asked)
        self.in_sample = not asked.out_of_fold

    def of(self, layer: int, codes: np.ndarray) -> dict[str, np.ndarray]:
        """Return the probabilities (t, 2 k + 1) of each opinion about a layer; codes : (t,) the given tags."""
        found: dict[str, np.ndarray] = {}
        if layer == 0 or int((self.given.layer == layer).sum()) >= LEAST_OF_LAYER:
            found |= self._own(codes)
        if self.probs is not None and layer == 0 and not (self.in_sample and found):
            found[ON_PROBS] = self.probs
        if self.predicted is not None:
            own = self._of_layer() == layer
            if layer == 0 or own.any():
                first, last, label, p = (one[own] for one in vars(self.predicted).values())
                found[ON_PREDICTIONS] = probabilities_of_spans(first, last, label, p, len(codes), self.k)
        return found

    def _own(self, codes: np.ndarray) -> dict[str, np.ndarray]:
        starts = self.tokens.starts if self.tagger == CRF else None
        return held_out_tags(self.features, self.vectors, self.folds, self.labelled, codes, self.width, starts)

    def _of_layer(self) -> np.ndarray:
        """Return the layer of each predicted span (c,): that of a given span with the same boundaries, else 0."""
        assert self.predicted is not None
        given = zip(self.given.first.tolist(), self.given.last.tolist(), self.given.layer.tolist())
        layer_of = {(first, last): layer for first, last, layer in given if layer > 0}
        pairs = zip(self.predicted.first.tolist(), self.predicted.last.tolist())
        return np.fromiter((layer_of.get(pair, 0) for pair in pairs), np.int64, len(self.predicted.first))


@recalled
def held_out_tags(
    features: Any, vectors: np.ndarray | None, folds: np.ndarray, labelled: np.ndarray, codes: np.ndarray, width: int,
    starts: np.ndarray | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return probabilities (t, width) of taggers that have not seen the token's sentence, by their description.

    Parameters
    ----------
    features : of words, (t, f); None without. vectors : of tokens, (t, d); None without. folds : (t,). labelled : (t,)
        bool, tokens to learn from. codes : (t,) their given tags. width : number of tags. starts : (n + 1,), first
        tokens of the sentences, for conditional random fields on words in addition; None without.

    Returns
    -------
    Nothing if all labelled tokens are in one fold, such as those of equal sentences: there is nothing to learn from.
    """
    found: dict[str, np.ndarray] = {}
    if len(np.unique(folds[labelled])) < 2:
        return found
    if features is not None:
        taggers = Taggers(features, folds, labelled, width)
        found[ON_WORDS] = taggers.probabilities(codes)
        corrected = corrected_tags(found[ON_WORDS], np.where(labelled, codes, -1))
        found[ON_RELABELLED] = taggers.probabilities(corrected)
        if starts is not None:
            found[ON_CRF] = crf_probabilities(features, folds, labelled, codes, width, starts)
    if vectors is not None:
        taggers = Taggers(vectors, folds, labelled, width, penalty=EMBEDDING_PENALTY)
        found[ON_VECTORS] = taggers.probabilities(codes)
    return found


def no_opinion(task: str, forms: Sequence[str], words: bool) -> MissingEvidence:
    """Return an error: there is no evidence, or only the words (or embeddings) of sentences that are all equal."""
    if not words:
        return MissingEvidence.beside_labels(task, forms)
    found = "The labelled sentences are all equal, or too few, so that no tagger can be trained without what it judges."
    return MissingEvidence(f"{found} Pass `pred_probs`, or other sentences with them.")


def pooled_tags(opinions: list[np.ndarray]) -> np.ndarray:
    """Return the geometric mean of probabilities (t, K), normalised."""
    logs = [np.maximum(np.log(np.maximum(one, 1e-30)), LEAST_LOG) for one in opinions]
    return softmax(np.mean(logs, axis=0))


def _tag_probabilities(asked: Asked, tokens: Tokens, codes: np.ndarray) -> np.ndarray | None:
    """Return (t, 2 k + 1) from the user's `pred_probs`; None without."""
    given, classes = asked.evidence.get("pred_probs"), asked.dataset.classes
    if given is None:
        return None
    probs = token_probabilities(given, tokens)
    names, k = asked.evidence.get("tags"), len(classes)
    in_order = {
        2 * k + 1: ["O", *(f"{prefix}-{name}" for name in classes for prefix in "BI")],
        k + 1: ["O", *classes],
    }
    if names is None and probs.shape[1] not in in_order:
        found = f"has {probs.shape[1]} columns for {k} classes"
        raise InputError.at("pred_probs", found, "Name them: `tags=['O', 'B-PER', ...]`.")
    columns = in_order[probs.shape[1]] if names is None else [str(one) for one in names]
    if len(columns) != probs.shape[1]:
        found = f"names {len(columns)} columns of {probs.shape[1]}"
        raise InputError.at("tags", found, "Name each column of `pred_probs` once.")
    made = probabilities_of_tags(np.asarray(probs, float), column_codes(columns, classes), k, tokens)
    if names is None:
        warn_if_permuted("pred_probs", made, codes, in_order[2 * k + 1])
    return made


def token_probabilities(given: Any, tokens: Tokens) -> np.ndarray:
    """Validate n arrays (tokens, columns) of probabilities and return the rows of all tokens."""
    probs = flat_table("pred_probs", listed("pred_probs", given), tokens.starts)
    try:
        return check_pred_probs(probs)[0]
    except InputError as error:
        raise in_sentence(error, tokens.starts) from error


def _predicted(asked: Asked, tokens: Tokens) -> Predicted | None:
    given = asked.evidence.get("predictions")
    if given is None:
        return None
    rows, start, end, label, p = scored(given, tokens.n, asked.dataset.classes)
    first, last = tokens.ranges(rows, start, end)
    there = last > first
    return Predicted(first[there], last[there], label[there], p[there])


def token_vectors(asked: Asked, tokens: Tokens) -> np.ndarray | None:
    """Return standardised embeddings of tokens and a column of 1, (t, d + 1) float32; None without."""
    given = asked.evidence.get("embeddings")
    if given is None:
        return None
    values = flat_table("embeddings", listed("embeddings", given), tokens.starts)
    if values.dtype.kind not in "fiu":
        raise InputError.at("embeddings", f"has dtype {values.dtype}", "Pass n arrays (tokens, d) of numbers.")
    refuse_infinity("embeddings", values)
    values = values.astype(np.float32)
    if np.isnan(values).any():
        row = int(tokens.rows[np.isnan(values).any(axis=1)][0])
        raise InputError.at("embeddings", "holds NaN", "Pass a vector for each token.", row=row)
    spread = values.std(axis=0)
    values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1) / np.sqrt(max(values.shape[1], 1) / 64)
    return np.concatenate([values, np.ones((len(values), 1), np.float32)], axis=1).astype(np.float32)
