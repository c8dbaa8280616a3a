"""Read spans as lists, from every form in which they are passed, and check texts that belong to them."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.issues.spans.documents import documents
from workbench.runs.run import Run, opened
from workbench.tasks import require_task
from workbench.tasks.span_reading import read_spans
from workbench.tasks.span_table import table_of
from workbench.tasks.span_tags import Span


class SpanLists(NamedTuple):
    """The spans of n examples.

    Attributes
    ----------
    spans : n lists of (start, end, class), ordered; [] for an example without spans or without a label. names : names
        of the classes. lengths : (n,) int64, numbers of tokens; -1 if positions count characters. missing : (n,) bool,
        examples without a label. ids : (n,) ids, by default the row numbers. texts : n str, or None if unknown.
    """

    spans: list[list[Span]]
    names: tuple[str, ...]
    lengths: np.ndarray
    missing: np.ndarray
    ids: np.ndarray
    texts: list[str] | None

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.spans)


def read_span_lists(labels: Any, field: str = "spans", n: int | None = None) -> SpanLists:
    """Return spans as lists.

    Parameters
    ----------
    labels : n lists of spans or of tags; a Run, with its corrections; a Dataset; or anything with these as `spans`.
    field : name of the argument in error messages.
    n : required number of examples.

    Raises
    ------
    InputError : labels in an unsupported form, of another kind, or not of n examples.
    """
    source = opened(getattr(labels, "spans", labels))
    texts: list[str] | None = None
    if isinstance(source, (Run, Dataset)):
        require_task(source, "spans", "projection of spans")
        dataset = source.extended() if isinstance(source, Run) else source
        stored = source.labels() if isinstance(source, Run) else source.labels
        names, ids = tuple(dataset.classes), dataset.ids
        counts_tokens = (table_of(cast(pa.StructArray, stored)).length >= 0).any()
        if dataset.text_column is not None and not counts_tokens:
            texts = [one.text for one in documents(dataset, range(dataset.n), "projection")]
    else:
        try:
            stored, names = read_spans(source, None)
        except InputError as error:
            if error.parts.get("field") != "labels":
                raise
            raise error.but(field=field) from error
        ids = np.arange(len(stored))
    table = table_of(cast(pa.StructArray, stored))
    if n is not None and table.n != n:
        raise InputError.at(field, f"has {table.n} entries for {n} examples", "Pass one list of spans per example.")
    spans: list[list[Span]] = [[] for _ in range(table.n)]
    for row, start, end, label in zip(*(one.tolist() for one in table[:4])):
        spans[row].append((start, end, names[label]))
    return SpanLists(spans, tuple(map(str, names)), table.length, table.missing, ids, texts)


def read_texts(texts: Any, n: int, field: str = "texts") -> list[str]:
    """Return n texts as a list of str.

    Raises
    ------
    InputError : another number of texts, or an entry that is not text.
    """
    if isinstance(texts, str) or not hasattr(texts, "__len__") or len(texts) != n:
        found = f"has {len(texts)} entries for {n} examples" if hasattr(texts, "__len__") else "is not a list"
        raise InputError.at(field, found, "Pass one text per example.")
    listed = list(texts)
    for row, one in enumerate(listed):
        if not isinstance(one, str):
            raise InputError.at(field, f"is {shortened(one)}", "Pass text.", row=row)
    return listed


def read_ids(ids: Any, own: np.ndarray) -> np.ndarray:
    """Return ids (n,), `own` by default.

    Raises
    ------
    InputError : another number of ids, or ids that repeat.
    """
    if ids is None:
        return own
    index = pd.Index(ids)
    if len(index) != len(own):
        raise InputError.at("ids", f"has {len(index)} entries for {len(own)} examples", "Pass one id per example.")
    if not index.is_unique:
        raise InputError.at("ids", f"names {shortened(index[index.duplicated()][0])} twice", "Pass distinct ids.")
    return index.to_numpy()


def span_texts(spans: list[Span], text: str | None) -> list[str]:
    """Return the text of each span, "" if the text is unknown."""
    return ["" if text is None else text[start:end] for start, end, _ in spans]
