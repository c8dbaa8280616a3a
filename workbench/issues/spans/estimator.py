"""The estimator of spans: probabilities that given spans are wrong and that spans are missing."""

from __future__ import annotations

import numpy as np

from workbench.foundation.errors import MissingEvidence
from workbench.foundation.progress import step
from workbench.issues.kinds.contract import Asked, Found
from workbench.issues.spans.judged_spans import judged_spans
from workbench.issues.spans.posterior import token_posterior
from workbench.issues.spans.recorded import ON_DYNAMICS, recorded_confidence, with_dynamics
from workbench.issues.spans.results import Layer, found_spans
from workbench.issues.spans.span_count import token_noise
from workbench.issues.spans.span_layers import given_spans
from workbench.issues.spans.tag_opinions import ON_VECTORS, ON_WORDS, TagOpinions, no_opinion, pooled_tags
from workbench.issues.spans.tagger import first_copies
from workbench.issues.spans.tokens import Tokens, blank_tokens, numbered_tokens, segments, tokens_of_texts
from workbench.tasks.scored_spans import scored
from workbench.tasks.sentences import listed, starts_of
from workbench.tasks.span_table import SpanTable, table_of


class SpansEstimator:
    """The estimator of the task "spans"."""

    version = 4

    def judge(self, asked: Asked) -> Found:
        """Estimate P(wrong) for each given span, and for "nothing" where a span seems to be missing."""
        dataset = asked.dataset
        table = table_of(dataset.labels)
        tokens = tokens_in(asked, table)
        given = given_spans(table, tokens)
        labelled = ~table.missing[tokens.rows]
        step("taggers that have not seen the sentence")
        heads = TagOpinions(asked, tokens, given, labelled)
        confidence = recorded_confidence(asked, tokens)
        taken = np.zeros(len(tokens.words), bool)
        for layer in range(given.layers):
            taken |= given.codes(len(taken), layer) > 0
        layers = []
        for layer in range(given.layers):
            codes = given.codes(len(taken), layer)
            opinions = heads.of(layer, codes)
            if not opinions:
                continue
            probs, used = pooled_tags(list(opinions.values())), tuple(opinions)
            tags = np.where(labelled, codes, -1)
            seen = token_posterior(probs, tags, first=first_copies(tokens, tags))
            why = token_noise(probs, tags, seen).why if layer == 0 else ""
            if layer == 0 and confidence is not None:
                seen = with_dynamics(seen, tags, confidence)
                used = (*used, ON_DYNAMICS)
            own = np.flatnonzero(given.layer == layer)
            parts = (own, given.first[own], given.last[own], given.label[own])
            closed = taken | (layer > 0)  # missing spans are proposed once
            judged = judged_spans(*parts, probs, seen, tokens.rows, tokens.starts, closed)
            layers.append(Layer(judged, probs, seen, used, why))
        if not layers:
            words = heads.features is not None or heads.vectors is not None
            raise no_opinion("spans", dataset.kind.predictions, words and bool(labelled.any()))
        step("spans")
        in_sample = not asked.out_of_fold and not {ON_WORDS, ON_VECTORS} & set(layers[0].used)
        return found_spans(asked, table, tokens, given, layers, in_sample)


def tokens_in(asked: Asked, table: SpanTable) -> Tokens:
    """Return the tokens of all examples: the user's, those of the texts, or segments between boundaries of spans."""
    evidence = asked.evidence
    words, texts, probs = (evidence.get(name) for name in ("tokens", "texts", "pred_probs"))
    if (table.length >= 0).any():
        if words is None and texts is not None:
            return numbered_tokens([str(one).split() for one in texts], table, "texts")
        if words is not None:
            return numbered_tokens(words, table)
        sizes = np.zeros(table.n, np.int64) if probs is None else np.diff(starts_of(listed("pred_probs", probs)))
        if len(sizes) == table.n:
            return blank_tokens(np.where(table.length >= 0, table.length, sizes))
    if texts is not None:
        return tokens_of_texts(list(texts), table, words)
    if words is not None:
        return numbered_tokens(words, table)
    if probs is not None:
        return blank_tokens(np.diff(starts_of(listed("pred_probs", probs))))
    if "predictions" not in evidence:
        raise MissingEvidence.beside_labels("spans", ("tokens", "texts"))
    rows, start, end, *_ = scored(evidence["predictions"], table.n, asked.dataset.classes)
    every = (np.concatenate(pair) for pair in ((table.rows, rows), (table.start, start), (table.end, end)))
    return segments(table.n, *every)
