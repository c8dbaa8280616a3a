"""Labelled spans in the formats of other tools: CoNLL columns, spaCy and Prodigy JSONL, Label Studio, brat."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pandas as pd

from workbench.data.dataset import Dataset
from workbench.evidence.as_evidence import TOKENS
from workbench.foundation.errors import InputError, shortened
from workbench.issues.spans.documents import Document, documents, listed_spans
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.limits import parse_json
from workbench.storage.tables import check_target, json_lines
from workbench.tasks.protocol import Format
from workbench.tasks.span_tags import SCHEMES, Span, tags_of_spans

DOCUMENT_START = "-DOCSTART-"
NO_CLASS = "_"
"""Class of a token without one, as in CoNLL-U."""

FROM_NAME, TO_NAME = "label", "text"
"""Names of the control and of the text in Label Studio's configuration."""

ANNOTATION_CONF = "annotation.conf"
_ENTITY = re.compile(r"(T\S*)\t(\S+) ([0-9]+ [0-9]+(?:;[0-9]+ [0-9]+)*)(?:\t|$)")


def labelled_documents(run: Run, what: str) -> Iterator[tuple[int, Any, Document, list[Any] | None]]:
    """Yield (row, id, document, corrected label) of all examples: a list of spans (start, end, class), or of the class
    of each token, None without one."""
    dataset, labels = run.extended(), run.labels()
    rows = range(dataset.n)
    for row, found in zip(rows, documents(dataset, rows, what)):
        label = labels[row].as_py() if run.task == TOKENS else listed_spans(labels, row)
        yield row, dataset.ids[row : row + 1].tolist()[0], found, label


def dataset_of_records(
    records: Sequence[dict[str, Any]], classes: Sequence[object] | None, task: str, options: dict[str, Any]
) -> Dataset:
    """Create a Dataset from records with id, text or tokens, spans, and additional columns."""
    frame = pd.DataFrame({"id": [one["id"] for one in records], "text": [one["text"] for one in records]})
    frame["spans"] = pd.Series([one["spans"] for one in records], dtype=object)
    if any(one.get(TOKENS) is not None for one in records):
        frame[TOKENS] = pd.Series([one.get(TOKENS) for one in records], dtype=object)
    ids = frame["id"].tolist()
    named = None not in ids and len(set(map(str, ids))) == len(ids) and len({type(one) for one in ids}) == 1
    frame = frame if named else frame.drop(columns="id")
    return Dataset.from_frame(
        frame, "spans", id="id" if named else None, text="text", task=task, classes=classes, **options
    )


# ---- CoNLL ---------------------------------------------------------------------------------------------------------


def write_conll(run: Run, path: str | Path, *, force: bool = False, scheme: str = "BIO") -> Path:
    """Write one token and its tag or class per line, separated by a tab, with an empty line after each example.

    Parameters
    ----------
    scheme : {"BIO", "IOB1", "BIOES", "BILOU", "IO"}, of the tags of spans.

    Notes
    -----
    Spans in characters are extended to whole tokens; of overlapping spans the longest is written. Examples without a
    label are omitted. A token without a class gets "_".
    """
    target = check_target(path, force, CONLL.suffixes)
    if scheme not in SCHEMES:
        raise InputError.unknown("scheme", scheme, SCHEMES)
    classes = run.extended().classes
    with atomic(target) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        for row, _, text, label in labelled_documents(run, "CoNLL"):
            if label is None:
                continue
            words = [text.text[first:last] for first, last in text.words]
            if any(not word or "\t" in word or "\n" in word or "\r" in word for word in words):
                raise InputError.at("tokens", "holds an empty token, a tab or a line end", "Use JSONL.", row=row)
            if run.task == TOKENS:
                tags = [NO_CLASS if code is None else classes[code] for code in label]
            else:
                tags = document_tags(text, label, classes, len(words), scheme)
            file.writelines(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True))
            file.write("\n")
    return target


def document_tags(text: Document, spans: Sequence[Any], classes: Sequence[str], length: int, scheme: str) -> list[str]:
    """Return the tags of a document: spans in characters as whole tokens, and of overlapping ones the longest."""
    named: list[Span] = []
    for start, end, code in spans:
        first, last = (start, end) if text.counts_tokens else text.in_tokens(start, end)
        if first < last:
            named.append((first, last, str(classes[code])))
    return tags_of_spans(_longest(named), length, scheme)


def _longest(spans: list[Span]) -> list[Span]:
    """Drop spans that overlap a longer one."""
    chosen: list[Span] = []
    for span in sorted(spans, key=lambda one: (one[0] - one[1], one[0])):
        if all(span[1] <= start or span[0] >= end for start, end, _ in chosen):
            chosen.append(span)
    return sorted(chosen)


def read_conll(
    path: str | Path, *, task: str = "spans", classes: Sequence[object] | None = None, column: int = -1,
    scheme: str | None = None, id: str | None = None, label: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read tokens in the first column and tags in another, separated by tabs or spaces, sentences by empty lines.

    Parameters
    ----------
    column : index of the column of tags, or of the classes of the task "tokens", from 0, or negative from the end.
    scheme : scheme of the tags; by default it is recognised (CoNLL-2003 is IOB1). id, label : ignored, since the file
        has no column names.

    Returns
    -------
    Dataset with the text, the column `tokens` and, if the file has -DOCSTART- lines, the column `document`.

    Raises
    ------
    InputError : a line with only one column; the message names the file and the line.
    """
    sentences: list[tuple[list[str], list[str], int]] = []
    words: list[str] = []
    tags: list[str] = []
    document = 0

    def close() -> None:
        if words:
            sentences.append((list(words), list(tags), document))
            words.clear()
            tags.clear()

    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\r\n")
            if not line.strip() or line.startswith(DOCUMENT_START):
                close()
                document += line.startswith(DOCUMENT_START)
                continue
            parts = line.split("\t") if "\t" in line else line.split()
            if line.startswith("# ") and "\t" not in line and not words:
                continue  # a comment before a sentence
            if len(parts) < 2 or not -len(parts) <= column < len(parts):
                found = f"{path} line {number} has {len(parts)} columns: {shortened(line)}"
                raise InputError(f"{found}. A line is a token and its tag, separated by a tab or spaces.")
            words.append(parts[0])
            tags.append(parts[column])
    close()
    frame = pd.DataFrame({"text": [" ".join(one) for one, _, _ in sentences]})
    frame[TOKENS] = pd.Series([one for one, _, _ in sentences], dtype=object)
    frame["tags"] = pd.Series([one for _, one, _ in sentences], dtype=object)
    if document:
        frame["document"] = [one for _, _, one in sentences]
    if task == TOKENS:
        frame["tags"] = [[None if tag == NO_CLASS else tag for tag in one] for one in frame["tags"]]
    else:
        options["scheme"] = scheme
    return Dataset.from_frame(frame, "tags", text="text", task=task, classes=classes, **options)


# ---- spaCy and Prodigy ---------------------------------------------------------------------------------------------


def write_spacy(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write JSONL with "id", "text" and "spans" [{"start", "end", "label"}] in characters, like Prodigy and spaCy.

    If spans count tokens, "tokens" is included, too, with "token_start" and "token_end" (inclusive) in the spans. An
    example without a label has no "spans".
    """
    target = check_target(path, force, SPACY.suffixes)
    classes = run.extended().classes
    with atomic(target) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        for _, name, text, spans in labelled_documents(run, "JSONL"):
            record: dict[str, Any] = {"id": name, "text": text.text}
            if text.counts_tokens:
                record[TOKENS] = [
                    {"text": text.text[first:last], "start": first, "end": last, "id": place}
                    for place, (first, last) in enumerate(text.words)
                ]
            if spans is not None:
                record["spans"] = [_spacy_span(text, span, classes) for span in spans]
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return target


def _spacy_span(text: Document, span: tuple[int, int, int], classes: Sequence[str]) -> dict[str, Any]:
    start, end = text.in_text(*span[:2])
    found = {"start": start, "end": end, "label": classes[span[2]]}
    return found | ({"token_start": span[0], "token_end": span[1] - 1} if text.counts_tokens else {})


def read_spacy(
    path: str | Path, *, task: str = "spans", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read JSONL with "text" and "spans", or doccano's "label" [[start, end, class]].

    Parameters
    ----------
    id, label : ignored, since the format defines the names.

    Raises
    ------
    InputError : a record without a text or with invalid spans; the message names the line.
    """
    records = []
    for number, one in json_lines(Path(path)):
        if not isinstance(one.get("text"), str):
            raise InputError(f"{path} line {number} has no text. A record is " + '{"text": ..., "spans": [...]}.')
        spans = one.get("spans", one.get("label", one.get("labels", one.get("entities"))))
        tokens = one.get(TOKENS)
        words = None
        try:
            if isinstance(tokens, list) and tokens:
                words = [text if isinstance(text, str) else text["text"] for text in tokens]
            found = None if spans is None else [_read_span(span) for span in spans]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} line {number} holds {shortened(spans)}, which are not spans.") from error
        if words is not None and found is not None and all(len(span) == 5 for span in found):
            places = [(span[3], span[4] + 1, span[2]) for span in found]
            records.append({"id": one.get("id"), "text": one["text"], TOKENS: words})
            records[-1]["spans"] = {"length": len(words), "spans": places}
        else:
            own = None if found is None else [span[:3] for span in found]
            records.append({"id": one.get("id"), "text": one["text"], "spans": own})
    return dataset_of_records(records, classes, task, options)


def _read_span(span: Any) -> tuple[Any, ...]:
    """Return (start, end, class), and the first and last token if the span names them."""
    if not isinstance(span, dict):
        start, end, name = span
        return start, end, name
    place = span["start"], span["end"], span["label"]
    named = "token_start" in span and "token_end" in span
    return (*place, int(span["token_start"]), int(span["token_end"])) if named else place


# ---- Label Studio --------------------------------------------------------------------------------------------------


def write_label_studio(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write tasks with annotations for import into Label Studio, with `<Labels name="label" toName="text">`.

    An example without a label has no annotation; `data` contains the id and, if spans count tokens, the tokens.
    """
    target = check_target(path, force, LABEL_STUDIO.suffixes)
    classes = run.extended().classes
    tasks = []
    for row, name, text, spans in labelled_documents(run, "Label Studio's format"):
        data: dict[str, Any] = {TO_NAME: text.text, "id": name}
        if text.counts_tokens:
            data[TOKENS] = [text.text[first:last] for first, last in text.words]
        results = []
        for place, span in enumerate(spans or ()):
            start, end = text.in_text(*span[:2])
            value = {"start": start, "end": end, "text": text.text[start:end], "labels": [classes[span[2]]]}
            about = {"id": f"{row}-{place}", "from_name": FROM_NAME, "to_name": TO_NAME, "type": "labels"}
            results.append({**about, "value": value})
        tasks.append({"data": data, "annotations": [] if spans is None else [{"result": results}]})
    with atomic(target) as temporary:
        temporary.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
    return target


def read_label_studio(
    path: str | Path, *, task: str = "spans", classes: Sequence[object] | None = None, text: str | None = None,
    id: str | None = None, label: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a JSON export of Label Studio, with the first annotation of each task that was not cancelled.

    Parameters
    ----------
    text : key of the text in `data`; by default that of the results' `to_name`, or "text". id, label : ignored, since
        the format defines the names.

    Raises
    ------
    InputError : not a list of tasks, or a task without a text; the message names it.
    """
    try:
        tasks = parse_json(Path(path).read_bytes())
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}).") from error
    if not isinstance(tasks, list):
        raise InputError(f"{path} is not a list of tasks. Export as JSON.")
    records = []
    for number, one in enumerate(tasks):
        data: Any = one.get("data") if isinstance(one, dict) else None
        there = [found for found in (one.get("annotations") or ()) if not found.get("was_cancelled")] if data else []
        results = [result for result in there[0].get("result", ()) if result.get("type") == "labels"] if there else []
        key = text or next((result["to_name"] for result in results if result.get("to_name") in data), TO_NAME)
        if data is None or not isinstance(data.get(key), str):
            raise InputError(f"{path}: task {number} has no text under {key!r}. Name it: `text=`.")
        spans = [
            (result["value"]["start"], result["value"]["end"], name)
            for result in results
            for name in result["value"].get("labels", ())
        ]
        record = {"id": data.get("id", one.get("id")), "text": data[key], "spans": spans if there else None}
        words = data.get(TOKENS)
        records.append(_counted(record, words) if isinstance(words, list) else record)
    return dataset_of_records(records, classes, task, options)


def _counted(record: dict[str, Any], words: list[Any]) -> dict[str, Any]:
    """Convert the spans of a record back to tokens, if its text is that of the tokens."""
    if record["text"] != " ".join(map(str, words)):
        return record
    ends, places = 0, []
    for word in map(str, words):
        places.append((ends, ends + len(word)))
        ends += len(word) + 1
    text = Document(record["text"], places, True, True)
    spans = record["spans"]
    if spans is not None:
        listed = [(*text.in_tokens(start, end), name) for start, end, name in spans]
        spans = {"length": len(words), "spans": listed}
    return {**record, "spans": spans, TOKENS: [str(word) for word in words]}


# ---- brat ----------------------------------------------------------------------------------------------------------


def write_brat(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .zip of brat standoff files: ID.txt and ID.ann for each example, and annotation.conf with the classes.

    Unpack it below brat's `data`. An example without a label has no .ann file; file names are ids, quoted as in URLs.
    Spans that count tokens are converted to characters.
    """
    target = check_target(path, force, BRAT.suffixes)
    classes = run.extended().classes
    wrong = [name for name in classes if re.search(r"[\s\[\]<>,|:]", name)]
    if wrong:
        todo = "Names of classes in brat have no spaces and none of []<>,|:."
        raise InputError.at("classes", f"holds {wrong[0]!r}", todo)
    with atomic(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(ANNOTATION_CONF, "[entities]\n" + "".join(f"{name}\n" for name in classes)
                        + "[relations]\n[events]\n[attributes]\n")  # fmt: skip
        for _, name, text, spans in labelled_documents(run, "brat's format"):
            stem = quote(str(name), safe="")
            packed.writestr(f"{stem}.txt", text.text)
            if spans is None:
                continue
            lines = []
            for number, span in enumerate(spans, 1):
                start, end = text.in_text(*span[:2])
                shown = re.sub(r"\s", " ", text.text[start:end])
                lines.append(f"T{number}\t{classes[span[2]]} {start} {end}\t{shown}\n")
            packed.writestr(f"{stem}.ann", "".join(lines))
    return target


def read_brat(
    path: str | Path, *, task: str = "spans", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a folder or a .zip of brat standoff files, sorted by name; ids are the file names.

    Parameters
    ----------
    classes : by default those of annotation.conf, or those that occur. id, label : ignored, since the format has no
        names.

    Notes
    -----
    Offsets count characters (code points). A discontinuous span is read from its start to its end. Relations, events,
    attributes and notes are ignored.
    """
    texts, annotations, conf = _brat_files(Path(path))
    records = []
    for stem in sorted(texts):
        spans = None
        if stem in annotations:
            found = filter(None, map(_ENTITY.match, annotations[stem].splitlines()))
            spans = []
            for one in found:
                numbers = [int(part) for part in re.split("[ ;]", one[3])]
                spans.append((min(numbers), max(numbers), one[2]))
            spans = sorted(set(spans))
        records.append({"id": unquote(stem), "text": texts[stem], "spans": spans})
    if classes is None and conf is not None:
        section = re.search(r"^\[entities\]\s*\n(.*?)(?=^\[|\Z)", conf, re.M | re.S)
        named = [line.strip() for line in section[1].splitlines()] if section else []
        named = [line.split()[0] for line in named if line and not line.startswith("#")]
        used = {span[2] for one in records for span in one["spans"] or ()}
        classes = [*named, *sorted(used - set(named))] or None
    return dataset_of_records(records, classes, task, options)


def _brat_files(path: Path) -> tuple[dict[str, str], dict[str, str], str | None]:
    """Return texts and annotations by file stem, and the configuration."""
    found: dict[str, dict[str, str]] = {".txt": {}, ".ann": {}}
    conf = None
    if path.is_dir():
        files = {file.name: file.read_bytes() for file in path.iterdir() if file.suffix in (".txt", ".ann", ".conf")}
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            wanted = [one for one in packed.infolist() if one.filename.endswith((".txt", ".ann", ".conf"))]
            if sum(one.file_size for one in wanted) > MOST_UNPACKED:
                raise InputError(
                    f"{path} unpacks to more than {MOST_UNPACKED:,} bytes. Unpack it, and pass the folder."
                )
            files = {Path(one.filename).name: packed.read(one) for one in wanted}
    else:
        raise InputError(f"{path} is neither a folder nor a .zip of brat's files.")
    for name, content in files.items():
        stem, suffix = name[:-4], name[-4:]
        if name == ANNOTATION_CONF:
            conf = content.decode()
        elif suffix in found:
            try:
                found[suffix][stem] = content.decode()
            except UnicodeDecodeError as error:
                raise InputError(f"{path}: {name} is not UTF-8 ({error}).") from error
    return found[".txt"], found[".ann"], conf


MOST_UNPACKED = 2_000_000_000
"""Bytes of the unpacked files of a .zip."""

CONLL = Format(
    (".conll", ".bio", ".tsv", ".txt"),
    read_conll,
    write_conll,
    ("ids and other columns", "examples without a label", "the space between tokens", "overlapping spans"),
)
SPACY = Format((".jsonl",), read_spacy, write_spacy, ("columns other than id, text and tokens",))
LABEL_STUDIO = Format((".json",), read_label_studio, write_label_studio, ("columns other than id, text and tokens",))
BRAT = Format((".zip",), read_brat, write_brat, ("columns other than the id and the text", "that spans count tokens"))
