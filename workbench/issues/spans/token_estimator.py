"""The estimator of classes of tokens: probabilities that the class of each token is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.data.inputs import warn_if_permuted
from workbench.foundation.errors import InputError
from workbench.foundation.progress import step
from workbench.issues.kinds.contract import Asked, Found
from workbench.issues.spans.crf import CRF, TAGGERS, tagger_of
from workbench.issues.spans.forms import Forms
from workbench.issues.spans.posterior import Posterior, token_posterior
from workbench.issues.spans.recorded import ON_DYNAMICS, recorded_confidence, with_dynamics
from workbench.issues.spans.span_count import coded, interval, sharpened, token_noise
from workbench.issues.spans.span_layers import Given
from workbench.issues.spans.tag_opinions import (
    ON_PROBS,
    ON_VECTORS,
    ON_WORDS,
    held_out_tags,
    no_opinion,
    pooled_tags,
    token_probabilities,
    token_vectors,
)
from workbench.issues.spans.tagger import deal_sentences, first_copies
from workbench.issues.spans.tokens import Tokens, blank_tokens, numbered_tokens
from workbench.issues.spans.word_features import token_features
from workbench.issues.spans.words import counted_elsewhere
from workbench.issues.tags.words import hundredths
from workbench.tasks.class_names import object_array
from workbench.tasks.sentences import listed, starts_of
from workbench.tasks.span_table import SpanTable
from workbench.tasks.span_tags import OUTSIDE
from workbench.tasks.token_classes import token_starts
from workbench.tasks.units import Units


class TokensEstimator:
    """The estimator of the task "tokens"."""

    version = 3

    def judge(self, asked: Asked) -> Found:
        """Estimate P(wrong) for each token."""
        dataset = asked.dataset
        tokens = token_words(asked)
        units = dataset.units
        place = tokens.starts[units.rows] + np.arange(units.m) - units.starts[units.rows]
        given = np.full(len(tokens.words), -1, np.int64)
        given[place] = units.given
        step("taggers that have not seen the sentence")
        opinions = _opinions(asked, tokens, given)
        if not opinions:
            raise no_opinion("tokens", dataset.kind.predictions, tokens.known and bool((given >= 0).any()))
        probs = pooled_tags(list(opinions.values()))
        outside = dataset.classes.index(OUTSIDE) if OUTSIDE in dataset.classes else -1
        seen = token_posterior(probs, given, first=first_copies(tokens, given), outside=outside, plain=True)
        noise = token_noise(probs, given, seen)
        seen = seen._replace(p_error=sharpened(seen, probs.argmax(axis=1) != given, noise.share))
        why = noise.why
        used, confidence = tuple(opinions), recorded_confidence(asked, tokens)
        if confidence is not None:
            seen, used = with_dynamics(seen, given, confidence), (*used, ON_DYNAMICS)
        step("tokens")
        in_sample = not asked.out_of_fold and not {ON_WORDS, ON_VECTORS} & set(opinions)
        if in_sample:
            why = "the model has seen the labels; pass tokens, texts or out-of-fold probabilities"
        return _found(asked, units, place, tokens, given, probs, seen, used, why, in_sample)


def token_words(asked: Asked) -> Tokens:
    """Return the tokens of all examples: the user's, the words of the texts, or unknown ones."""
    labels, evidence = asked.dataset.labels, asked.evidence
    sizes, missing = np.diff(token_starts(labels)), asked.dataset.kind.missing(labels)
    none = np.empty(0, np.int64)
    table = SpanTable(none, none, none, none, np.where(missing, -1, sizes), missing)
    words, texts, probs = (evidence.get(name) for name in ("tokens", "texts", "pred_probs"))
    if words is not None:
        return numbered_tokens(words, table)
    if texts is not None:
        return numbered_tokens([str(one).split() for one in texts], table, "texts")
    if probs is not None:
        own = np.diff(starts_of(listed("pred_probs", probs)))
        sizes = np.where(missing, own, sizes) if len(own) == len(sizes) else sizes
    return blank_tokens(sizes)


def _opinions(asked: Asked, tokens: Tokens, given: np.ndarray) -> dict[str, np.ndarray]:
    """Return the probabilities (t, k) of each source."""
    k, labelled = asked.dataset.k, given >= 0
    features = token_features(tokens) if tokens.known and len(tokens.words) else None
    folds = deal_sentences(tokens, asked.seed)
    found = {}
    if labelled.any():
        starts = tokens.starts if tagger_of(asked) == CRF else None
        found = held_out_tags(features, token_vectors(asked, tokens), folds, labelled, given, k, starts)
    values = asked.evidence.get("pred_probs")
    if values is not None:
        probs = token_probabilities(values, tokens)
        if probs.shape[1] != k:
            todo = "Name all classes in the order of the columns: `classes=[...]`."
            raise InputError.at("pred_probs", f"has {probs.shape[1]} columns for {k} classes", todo)
        warn_if_permuted("pred_probs", probs, given, asked.dataset.classes)
        if asked.out_of_fold or not found:
            found[ON_PROBS] = np.asarray(probs, float)
    return found


def _found(
    asked: Asked, units: Units, place: np.ndarray, tokens: Tokens, given: np.ndarray, probs: np.ndarray,
    seen: Posterior, used: tuple[str, ...], why: str, in_sample: bool,
) -> Found:  # fmt: skip
    names = object_array([*asked.dataset.class_values, None])
    codes, q, p_error = units.given, seen.q[place].copy(), seen.p_error[place]
    known = np.flatnonzero(codes >= 0)
    rest = np.ones(len(q))
    rest[known] = np.maximum(1 - q[known, codes[known]], 1e-12)
    q[known, codes[known]] = -1.0
    other = np.where(q.max(axis=1, initial=-1.0) >= 0, q.argmax(axis=1), -1)  # -1: the only class is the given one
    share = np.clip(q.max(axis=1, initial=0.0) / rest, 0, 1)
    on_words = f"{TAGGERS[tagger_of(asked)]} on words; " if ON_WORDS in used else ""
    says = "in-sample" if in_sample else "out-of-fold"
    return Found(
        units,
        p_error,
        names[codes],
        names[other],
        share * np.where(codes < 0, 1.0, np.nan_to_num(p_error)),
        interval(p_error, why),
        TokenWords(tokens, given, place, other, probs, says, asked.dataset.classes),
        columns={"text": np.where(tokens.known, tokens.words[place], np.array(None, object))},
        pair=coded(codes, other),
        identified=not why,
        why=why,
        evidence=", ".join(used),
        method=f"{on_words}weight of the noise matrix of classes: {seen.noise_weight:.0%}",
    )


class TokenWords:
    """Reasons of tokens, written on demand.

    Parameters
    ----------
    given : (t,) classes, -1 without a label. place, other : (m,) the token of each unit, and the suggested class.
    probs : (t, k). says : description of their source. names : class names.
    """

    def __init__(
        self, tokens: Tokens, given: np.ndarray, place: np.ndarray, other: np.ndarray, probs: np.ndarray, says: str,
        names: Sequence[str],
    ) -> None:  # fmt: skip
        self.tokens, self.given, self.place, self.other, self.probs = tokens, given, place, other, probs
        self.says, self.names = says, names
        at = np.flatnonzero(given >= 0)
        self.forms = Forms(tokens, Given(at, at + 1, given[at], np.zeros(len(at), np.int64)), given >= 0)

    def __call__(self, places: np.ndarray) -> list[str]:
        """Return up to two reasons of each unit."""
        at = self.place[places]
        labels = self.forms.counts(at, at + 1)[0] if self.tokens.known else [{} for _ in at]
        sentences = []
        for token, other, counts in zip(at.tolist(), self.other[places].tolist(), labels):
            codes = [code for code in (int(self.given[token]), other) if code >= 0]
            said = ", ".join(f"{self.names[code]} {hundredths(float(self.probs[token, code]))}" for code in codes)
            elsewhere = counted_elsewhere(dict(counts), int(self.given[token]), 0, self.names)
            sentences.append("; ".join(one for one in (f"{self.says}: {said}" if said else "", elsewhere) if one))
        return sentences
