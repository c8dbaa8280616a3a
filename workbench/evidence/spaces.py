"""Map embeddings or texts to the space in which the detector's own classifiers work.

The module handles rows without an embedding, scaling, dimensionality reduction, and texts that no model has embedded.
Everything is computed in blocks of rows: a memory-mapped float16 array is never copied as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.evidence.neighbors import finite_rows
from workbench.evidence.packaged_models import minilm
from workbench.foundation.errors import InputError
from workbench.runs.run import Run

TEXT_MODELS = {"ngrams": "character n-grams of the texts", "minilm": "sentence embeddings of the texts by MiniLM"}
"""Models of `embed_texts`, and what they are."""

DIRECTIONS = 256
PROJECTED_AT_A_TIME = 1 << 22  # elements of one block of rows
WIDEST_SPACE = 4096  # wider embeddings are first projected to this many random directions


@dataclass(frozen=True)
class Space:
    """Unit vectors by which examples are compared.

    Attributes
    ----------
    vectors : float32 (n, p), rows of length 1; 0 for rows without an embedding
    there : bool (n,), which rows have an embedding
    how : str, description of the transformation
    """

    vectors: np.ndarray
    there: np.ndarray
    how: str


def unit_space(
    embeddings: np.ndarray, *, directions: int = DIRECTIONS, seed: int = 0, columns: np.ndarray | None = None
) -> Space:
    """Standardise embeddings, reduce them to their largest principal components, and scale them to length 1.

    Parameters
    ----------
    embeddings : float array (n, d); a row with NaN or infinity counts as "no embedding"
    directions : maximum number of principal components
    seed : random seed of the projection for d above 4096
    columns : indices of the columns to use; all by default

    Notes
    -----
    Text vectors (`text_vectors`) are centred but not standardised: their scale reflects how informative an n-gram is.
    """
    embeddings = np.asanyarray(embeddings)
    n, d = embeddings.shape
    d = d if columns is None else len(columns)
    there = finite_rows(embeddings)
    if d == 0 or not there.any():
        return Space(np.zeros((n, 1), np.float32), np.zeros(n, bool), "no embedding is usable")
    how = ""
    mixer = None
    if d > WIDEST_SPACE:
        mixer = np.random.default_rng(seed).standard_normal((d, WIDEST_SPACE), dtype=np.float32) / np.float32(
            np.sqrt(WIDEST_SPACE)
        )
        how = f"random projection of {d} to {WIDEST_SPACE}, "

    def block(rows: np.ndarray) -> np.ndarray:
        values = embeddings[rows] if columns is None else embeddings[rows][:, columns]
        values = values.astype(np.float32)
        return values if mixer is None else values @ mixer

    where = np.flatnonzero(there)
    parts = np.array_split(where, max(1, len(where) * d // PROJECTED_AT_A_TIME))
    width = min(d, WIDEST_SPACE)
    first = block(parts[0][:1])[0]
    total, squares = np.zeros(width), np.zeros((width, width))
    for rows in parts:
        values = block(rows) - first
        total += values.sum(axis=0, dtype=np.float64)
        squares += values.T @ values
    shift = (total / len(where)).astype(np.float32)
    covariance = squares / len(where) - np.outer(shift, shift).astype(np.float64)
    spread = np.sqrt(np.maximum(np.diag(covariance), 0))
    alive = spread > 1e-6 * max(float(np.abs(first).max()), float(spread.max()), 1e-30)
    scale = np.where(alive, 1 / np.where(alive, spread, 1), 0)
    from scipy.linalg import eigh

    kept = min(directions, width)
    correlation = covariance * scale[:, None] * scale[None, :]
    axes = eigh(correlation, subset_by_index=[width - kept, width - 1])[1]
    turn = (axes * scale[:, None]).astype(np.float32)
    vectors = np.zeros((n, kept), np.float32)
    for rows in parts:
        vectors[rows] = (block(rows) - first - shift) @ turn
    how += f"standardised, {kept} principal components of {width}, unit length"
    return Space(_to_unit(vectors), there, how)


def plain_space(vectors: np.ndarray) -> Space:
    """Scale vectors whose angles are already meaningful, such as text vectors, to length 1."""
    vectors = np.asarray(vectors, np.float32)
    there = np.asarray(np.isfinite(vectors).all(axis=1))
    return Space(_to_unit(np.where(there[:, None], vectors, 0)), there, "unit length")


def _to_unit(vectors: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    vectors /= np.maximum(length, 1e-12)[:, None]
    return vectors


def text_vectors(texts: Sequence[str], *, directions: int = DIRECTIONS, seed: int = 0) -> np.ndarray:
    """Embed texts by their character n-grams: TF-IDF, then a truncated singular value decomposition.

    Parameters
    ----------
    texts : n strings
    directions : maximum dimension of the vectors
    seed : random seed of the decomposition

    Returns
    -------
    float32 array (n, p), rows of length 1 (0 for a text without a known n-gram)

    Notes
    -----
    n-grams of 2 to 5 characters within words that occur in at least two texts, with sublinear counts. This needs no
    model, download or labels and works for any language. Above 20,000 texts the n-grams are hashed to 2^18 columns.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer, TfidfVectorizer

    texts = [str(text) for text in texts]
    options = {"analyzer": "char_wb", "ngram_range": (2, 5)}
    try:
        if len(texts) > 20_000:
            counts = HashingVectorizer(n_features=1 << 18, alternate_sign=False, norm=None, **options).transform(texts)
            counts.data = 1 + np.log(counts.data)
            table = TfidfTransformer().fit_transform(counts)
        else:
            table = TfidfVectorizer(min_df=2, sublinear_tf=True, **options).fit_transform(texts)
    except ValueError:  # scikit-learn's "empty vocabulary": no n-gram occurs twice
        return np.zeros((len(texts), 1), np.float32)
    kept = min(directions, table.shape[1] - 1, table.shape[0] - 1)
    if kept < 2:
        return np.asarray(table.todense(), np.float32)
    with np.errstate(invalid="ignore"):  # equal texts have no variance for scikit-learn to explain
        vectors = TruncatedSVD(kept, random_state=seed).fit_transform(table)
    return _to_unit(np.nan_to_num(vectors).astype(np.float32))


def embed_texts(run: Run, model: str = "ngrams") -> None:
    """Embed the texts of a run without its labels, and store the embeddings.

    Parameters
    ----------
    run : Run
    model : {"ngrams", "minilm"}; character n-grams, in any language and without a model, or the sentence embeddings of
        `workbench.texts.minilm` (extra `models`)

    Raises
    ------
    InputError : the dataset has no text column, or an unknown model. MissingEvidence : the model is not installed.
    """
    if model not in TEXT_MODELS:
        raise InputError.unknown("model", model, TEXT_MODELS)
    texts = run.dataset.texts()
    vectors = text_vectors(texts) if model == "ngrams" else minilm(texts)
    run.save_embeddings(vectors, source=TEXT_MODELS[model], trained_on_labels=False)
