"""Spans and classes of tokens in files for Argilla (JSON records) and for Hugging Face datasets (Parquet)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.data.dataset import Dataset
from workbench.evidence.as_evidence import TOKENS
from workbench.foundation.cells import is_plain
from workbench.foundation.errors import InputError, shortened
from workbench.review.hf_columns import NO_CLASS_LABEL, class_label_names, columns_beside, read_columns, write_columns
from workbench.review.span_files import dataset_of_records, document_tags, labelled_documents
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.limits import parse_json
from workbench.storage.tables import check_target
from workbench.tasks.protocol import Format
from workbench.tasks.sentences import PADDING
from workbench.tasks.span_tags import OUTSIDE, SCHEMES

QUESTION, FIELD = "label", "text"
"""Names of the span question and of the text field in Argilla."""

AGENT = "label-workbench"
# ---- Argilla -------------------------------------------------------------------------------------------------------


def write_argilla(
    run: Run, path: str | Path, *, force: bool = False, question: str = QUESTION, user_id: str | None = None
) -> Path:
    """Write a list of Argilla's records: fields, metadata, and the spans in characters as the answer to a question.

    Parameters
    ----------
    question : name of the span question. user_id : a user of the Argilla server, whose responses the spans become; by
        default they are suggestions, which need no user.

    Notes
    -----
    An example without a label has neither. Other columns with text and numbers become metadata.
    """
    target = check_target(path, force, ARGILLA.suffixes)
    dataset = run.extended()
    records = []
    for row, name, text, spans in labelled_documents(run, "Argilla's format"):
        about = {str(key): dataset.metadata[key].iat[row] for key in dataset.metadata if key != dataset.text_column}
        plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in about.items()}
        record: dict[str, Any] = {"id": str(name), "fields": {FIELD: text.text}}
        record["metadata"] = {key: value for key, value in plain.items() if is_plain(value) and value == value}
        if spans is not None:
            ends = [(*text.in_text(*span[:2]), dataset.classes[span[2]]) for span in spans]
            value = [{"start": start, "end": end, "label": label} for start, end, label in ends]
            if user_id is None:
                record["suggestions"] = {question: {"value": value, "agent": AGENT}}
            else:
                record["responses"] = {question: [{"value": value, "user_id": user_id}]}
        records.append(record)
    with atomic(target) as temporary:
        temporary.write_text(json.dumps(records, ensure_ascii=False, indent=1), encoding="utf-8")
    return target


def read_argilla(
    path: str | Path, *, task: str = "spans", classes: Sequence[object] | None = None, question: str | None = None,
    text: str | None = None, id: str | None = None, label: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a JSON file of Argilla's records, with the first response that was not discarded, or else the suggestion.

    Parameters
    ----------
    question : name of the span question; by default that of the first record with an answer. text : name of the field;
        by default "text", or the only field. id, label : ignored, since the format defines the names.

    Raises
    ------
    InputError : not a list of records, or a record without the text or with other answers; the message names it.
    """
    try:
        records = parse_json(Path(path).read_bytes())
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}).") from error
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise InputError(f"{path} is not a list of records. Export it with `dataset.records.to_json`.")
    if question is None:
        names = (name for one in records for side in ("responses", "suggestions") for name in one.get(side) or ())
        question = next(names, QUESTION)
    found = []
    for number, one in enumerate(records):
        fields = one.get("fields") or {}
        key = text or (FIELD if FIELD in fields or len(fields) != 1 else next(iter(fields)))
        if not isinstance(fields, dict) or not isinstance(fields.get(key), str):
            raise InputError(f"{path}: record {number} has no field {key!r}. Name the text: `text=`.")
        value = _answer(one, question)
        try:
            spans = None if value is None else [(span["start"], span["end"], span["label"]) for span in value]
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: record {number} holds {shortened(value)}, which are not spans.") from error
        found.append({"id": one.get("id"), "text": fields[key], "spans": spans})
    return dataset_of_records(found, classes, task, options)


def _answer(record: dict[str, Any], question: str) -> Any:
    responses = (record.get("responses") or {}).get(question) or []
    for one in responses if isinstance(responses, list) else []:
        if isinstance(one, dict) and one.get("status") != "discarded" and one.get("value") is not None:
            return one["value"]
    suggestion = (record.get("suggestions") or {}).get(question)
    return suggestion.get("value") if isinstance(suggestion, dict) else None


# ---- Hugging Face --------------------------------------------------------------------------------------------------


def write_hf_tags(run: Run, path: str | Path, *, force: bool = False, scheme: str = "BIO") -> Path:
    """Write a .parquet file with the columns of token classification: tokens, and tags as a list of ClassLabel.

    `datasets.load_dataset("parquet", data_files=...)` opens it with the names of the tags. The column has the user's
    name, by default "ner_tags", or "tags" for classes of tokens, of which -1 is a token without a class.

    Parameters
    ----------
    scheme : {"BIO", "IOB1", "BIOES", "BILOU", "IO"}, of the tags of spans.

    Notes
    -----
    Spans in characters are extended to whole tokens; of overlapping spans the longest is written.
    """
    target = check_target(path, force, HF_TAGS.suffixes)
    if scheme not in SCHEMES:
        raise InputError.unknown("scheme", scheme, SCHEMES)
    dataset, of_tokens = run.extended(), run.task == TOKENS
    name = dataset.column_of.get("given_label", "tags" if of_tokens else "ner_tags")
    words, tags = [], []
    for _, _, text, label in labelled_documents(run, "the layout of Hugging Face datasets"):
        words.append([text.text[first:last] for first, last in text.words])
        if of_tokens:
            tags.append(None if label is None else [NO_CLASS_LABEL if code is None else code for code in label])
        else:
            tags.append(label and document_tags(text, label, dataset.classes, len(words[-1]), scheme))
            tags[-1] = [OUTSIDE] * len(words[-1]) if label == [] else tags[-1]
    prefixes = {"BIO": "BI", "IOB1": "BI", "BIOES": "BIES", "BILOU": "BILU", "IO": "I"}[scheme]
    names = list(dataset.classes)
    if not of_tokens:
        names = [OUTSIDE, *(f"{prefix}-{one}" for one in dataset.classes for prefix in prefixes)]
        code_of = {tag: code for code, tag in enumerate(names)}
        tags = [None if one is None else [code_of[tag] for tag in one] for one in tags]
    columns = columns_beside(dataset, {name, TOKENS}, without=(TOKENS,))
    columns[TOKENS] = pa.array(words, pa.list_(pa.string()))
    columns[name] = pa.array(tags, pa.list_(pa.int64()))
    return write_columns(columns, target, {name: names})


def read_hf_tags(
    path: str | Path, *, label: str | None = None, id: str | None = "id", task: str = "spans",
    classes: Sequence[object] | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a Parquet file with tokens and a list of ClassLabel (or of text) for each example.

    Parameters
    ----------
    label : name of the column of tags; by default "ner_tags", "pos_tags" or "tags". classes : by default those of the
        tags that occur, or for classes of tokens the names in the file.

    Raises
    ------
    InputError : there is no such column, or a tag is beyond the names in the file.
    """
    known = ("ner_tags", "pos_tags", "tags")
    table, others, roles = read_columns(path, known if label is None else [label])
    if label is None:
        label = next((one for one in known if one in table.column_names), known[0])
        table, others, roles = read_columns(path, [label])
    if label not in table.column_names:
        raise InputError.unknown("column", label, others, "Name the tags: `label=`.")
    names = class_label_names(table.schema.metadata or {}, label)
    rows = table.column(label).to_pylist()
    if names is not None:
        rows = [None if one is None else [_named(tag, names, row) for tag in one] for row, one in enumerate(rows)]
        classes = names if classes is None and task == TOKENS else classes
    frame = others.assign(**{label: pd.Series(rows, dtype=object)})
    return Dataset.from_frame(
        frame, label, id=id if id in frame.columns else None, task=task, classes=classes, **roles, **options
    )


def _named(tag: Any, names: Sequence[str], row: int) -> str | None:
    if tag is None or tag in (NO_CLASS_LABEL, PADDING):
        return None
    if not isinstance(tag, int) or not 0 <= tag < len(names):
        raise InputError.at("labels", f"holds {shortened(tag)}", f"The file names {len(names)} tags.", row=row)
    return names[tag]


ARGILLA = Format((".json",), read_argilla, write_argilla, ("lists in other columns", "that spans count tokens"))
HF_TAGS = Format((".parquet",), read_hf_tags, write_hf_tags, ("overlapping spans", "positions in characters"))
