"""Matching of queries and items by their words: BM25 with bm25s, or TF-IDF without it; similarity of items."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

BM25, TFIDF = "BM25", "TF-IDF"
WITHOUT_BM25 = "TF-IDF instead of BM25, which needs the extra `label-workbench[text]`"

QUERY_WORD = r"(?u)\b\w+\b"
"""What is a word."""

_QUERY_WORDS = re.compile(QUERY_WORD)


def has_bm25() -> bool:
    """Whether bm25s is installed."""
    return importlib.util.find_spec("bm25s") is not None


def lexical_scores(queries: Sequence[str], texts: Sequence[str], rows: np.ndarray) -> tuple[np.ndarray, str]:
    """Score each item for its query by common words.

    Parameters
    ----------
    queries : n texts. texts : m texts of items; document frequencies are counted over the distinct ones.
    rows : (m,) int64, query of each item.

    Returns
    -------
    scores : (m,) float64, NaN where the query or the item has no text.
    method : "BM25" or "TF-IDF".
    """
    queries = list(queries)
    blank = np.array([not text.strip() for text in queries], bool)
    known = np.array([bool(text.strip()) for text in texts], bool) & ~blank[rows]
    scores = np.full(len(texts), np.nan)
    method = BM25 if has_bm25() else TFIDF
    places = np.flatnonzero(known)
    if not len(places):
        return scores, method
    own = [str(texts[place]) for place in places.tolist()]
    distinct = {text: number for number, text in enumerate(dict.fromkeys(own))}
    number = np.array([distinct[text] for text in own])
    asked, at = np.unique(rows[places], return_inverse=True)
    words: list[str] = [str(queries[row]) for row in asked.tolist()]
    if method == BM25:
        scores[places] = _bm25(words, list(distinct), at, number)
    else:
        scores[places] = _cosines(words, list(distinct), at, number)
    return scores, method


def _bm25(queries: list[str], texts: list[str], at: np.ndarray, number: np.ndarray) -> np.ndarray:
    import bm25s

    ranker = bm25s.BM25()
    ranker.index(_words(texts), show_progress=False)
    found = np.zeros(len(at))
    starts = np.searchsorted(at, np.arange(len(queries) + 1)) if (np.diff(at) >= 0).all() else None
    for query, words in enumerate(_words(queries)):
        own = slice(int(starts[query]), int(starts[query + 1])) if starts is not None else np.flatnonzero(at == query)
        known = [word for word in words if word in ranker.vocab_dict]
        if known:
            found[own] = ranker.get_scores(known)[number[own]]
    return found


def corpus_scores(queries: Sequence[str], texts: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield the scores of all texts for each query, (m,) float64, 0 without a common word.

    Parameters
    ----------
    queries : n texts. texts : m texts of items, at least one of them with a word. Scores are those of BM25 if bm25s is
        installed, otherwise cosines of TF-IDF vectors.
    """
    if has_bm25():
        import bm25s

        ranker = bm25s.BM25()
        ranker.index(_words(texts), show_progress=False)
        for words in _words(queries):
            known = [word for word in words if word in ranker.vocab_dict]
            yield np.asarray(ranker.get_scores(known), np.float64) if known else np.zeros(len(texts))
        return
    from sklearn.feature_extraction.text import TfidfVectorizer

    model = TfidfVectorizer(token_pattern=QUERY_WORD, sublinear_tf=True)
    items = model.fit_transform(texts)
    asked = model.transform(queries)
    for row in range(len(queries)):
        yield np.asarray((items @ asked[[row]].T).toarray()).ravel()


def has_word(text: str) -> bool:
    """Whether a text holds a word that can be matched."""
    return _QUERY_WORDS.search(text) is not None


def _words(texts: Sequence[str]) -> list[list[str]]:
    return [_QUERY_WORDS.findall(text.lower()) for text in texts]


def _cosines(queries: list[str], texts: list[str], at: np.ndarray, number: np.ndarray) -> np.ndarray:
    from sklearn.feature_extraction.text import TfidfVectorizer

    model = TfidfVectorizer(token_pattern=QUERY_WORD, sublinear_tf=True)
    try:
        items = model.fit_transform(texts)
    except ValueError:  # scikit-learn's "empty vocabulary": no text holds a word
        return np.zeros(len(at))
    asked = model.transform(queries)
    return np.asarray(asked[at].multiply(items[number]).sum(axis=1)).ravel()


class Similarities:
    """Similarity of the items of one query: cosine of embeddings, or of TF-IDF vectors of their words.

    Parameters
    ----------
    texts : m texts, "" if unknown. vectors : (m, d) embeddings, NaN if unknown; None without any.
    """

    def __init__(self, texts: Sequence[str], vectors: np.ndarray | None) -> None:
        self.of_embeddings = vectors is not None
        self._known: np.ndarray = np.array([bool(text.strip()) for text in texts], bool)
        self._dense: np.ndarray | None = None
        self._sparse: Any = None
        self._texts = [" ".join(text.lower().split()) for text in texts]
        if vectors is not None:
            self._known = np.asarray(np.isfinite(vectors).all(axis=1))
            length = np.linalg.norm(np.nan_to_num(vectors), axis=1, keepdims=True)
            self._dense = np.nan_to_num(vectors) / np.maximum(length, 1e-12)
        elif self._known.any():
            self._sparse = _vectors_of_words(self._texts)

    @property
    def any(self) -> bool:
        """Whether any item is known."""
        return self._dense is not None or self._sparse is not None

    def within(self, own: slice) -> np.ndarray:
        """Return the similarities (o, o) of some items in [-1, 1], NaN if unknown and for an item with itself."""
        size = own.stop - own.start
        if self._dense is not None:
            found = (self._dense[own] @ self._dense[own].T).astype(np.float64)
        elif self._sparse is not None:
            found = np.asarray((self._sparse[own] @ self._sparse[own].T).todense(), np.float64)
        else:
            return np.full((size, size), np.nan)
        known = self._known[own]
        found[~known] = np.nan
        found[:, ~known] = np.nan
        texts = self._texts[own]
        if len(set(texts)) < size:
            codes = {text: code for code, text in enumerate(dict.fromkeys(texts))}
            number = np.array([codes[text] for text in texts])
            named = np.array([bool(text) for text in texts])
            found[np.equal.outer(number, number) & named] = 1.0
        np.fill_diagonal(found, np.nan)
        return found


def _vectors_of_words(texts: list[str]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        return TfidfVectorizer(token_pattern=QUERY_WORD, sublinear_tf=True, ngram_range=(1, 2)).fit_transform(texts)
    except ValueError:  # scikit-learn's "empty vocabulary": no text holds a word
        return None
