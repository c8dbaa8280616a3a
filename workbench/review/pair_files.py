"""Graded pairs in the formats of information retrieval: TREC qrels and runs, BEIR folders, training triples."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, shortened
from workbench.issues.pairs.pair_texts import passages_of
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.tables import check_target, json_lines
from workbench.tasks.pair_table import pair_table_of
from workbench.tasks.protocol import Format

BEIR_HEAD = ("query-id", "corpus-id", "score")
"""First line of the qrels of BEIR."""

QRELS_TODO = "A line is: query, iteration (unused), document, grade."
RUN_TODO = "A line is: query, Q0, document, rank, score, name of the ranker."


def _graded(run: Run) -> Iterator[tuple[int, Any, list[tuple[str, int | None]]]]:
    """Yield (row, id, [(item, code)]) of all queries, unjudged items with None."""
    dataset, table = run.extended(), pair_table_of(run.labels())
    starts = table.starts
    for row in range(table.n):
        own = slice(int(starts[row]), int(starts[row + 1]))
        codes = [None if code < 0 else code for code in table.grades[own].tolist()]
        yield row, dataset.ids[row : row + 1].tolist()[0], list(zip(table.items[own].tolist(), codes))


def _dataset(lines: Sequence[tuple[Any, str, Any]], options: dict[str, Any]) -> Dataset:
    """Create a Dataset of (query, item, grade)."""
    frame = pd.DataFrame({name: [line[at] for line in lines] for at, name in enumerate(("query", "item", "grade"))})
    return Dataset.from_frame(frame.astype({"grade": object}), "grade", **options)


def _numeric(run: Run) -> list[int]:
    """Return the number of each grade: its name if all are whole numbers, otherwise its place."""
    names = run.extended().classes
    try:
        return [int(name) for name in names]
    except ValueError:
        return list(range(len(names)))


def _field(value: object, what: str, row: int) -> str:
    """Return an id as one field of a line."""
    text = str(value)
    if not text or any(one.isspace() for one in text):
        raise InputError.at(what, f"is {shortened(value)}", "TREC files separate fields by spaces; use BEIR.", row=row)
    return text


# ---- TREC ----------------------------------------------------------------------------------------------------------


def write_trec(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write qrels, one judged pair per line: query, 0, document, grade. Unjudged pairs are omitted."""
    target, numbers = check_target(path, force, TREC.suffixes), _numeric(run)
    with atomic(target) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        for row, query, pairs in _graded(run):
            for item, code in pairs:
                if code is not None:
                    file.write(f"{_field(query, 'query', row)} 0 {_field(item, 'item', row)} {numbers[code]}\n")
    return target


def read_trec(
    path: str | Path, *, task: str = "pairs", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read qrels. Ids stay text; pairs that are not listed are unjudged.

    Parameters
    ----------
    id, label : ignored, since the file has no column names.

    Raises
    ------
    InputError : a line without four fields, or a grade that is not a whole number; the message names the line.
    """
    lines = []
    for number, parts in _lines(path):
        if len(parts) != 4:
            raise InputError(f"{path} line {number} has {len(parts)} fields. {QRELS_TODO}")
        lines.append((parts[0], parts[2], _whole(parts[3], path, number)))
    return _dataset(lines, {"task": task, "classes": _as_numbers(classes), **options})


def _lines(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (number, fields) of each line that is not empty."""
    with open(path, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            parts = line.split()
            if parts:
                yield number, parts


def _whole(text: object, path: str | Path, number: int) -> int:
    try:
        value = float(str(text))
    except ValueError:
        value = math.nan
    if not value.is_integer():
        raise InputError(f"{path} line {number} has the grade {shortened(text)}. Grades are whole numbers.")
    return int(value)


def _as_numbers(classes: Sequence[object] | None) -> Sequence[object] | None:
    return None if classes is None else list(getattr(classes, "categories", classes))


def read_run(path: str | Path, *, name: str | None = None) -> pd.DataFrame:
    """Read a ranking in the format of TREC runs, as `scores` for `find_issues`.

    Parameters
    ----------
    path : text file with lines: query, Q0, document, rank, score, name of the ranker.
    name : name of the column of scores; by default that in the file.

    Returns
    -------
    DataFrame with the columns query (str), item (str) and the float64 scores, in the order of the file.

    Raises
    ------
    InputError : a line without six fields, or a score that is not a number; the message names the line.
    """
    lines: list[tuple[str, str, float]] = []
    rankers: dict[str, None] = {}
    for number, parts in _lines(path):
        if len(parts) != 6:
            raise InputError(f"{path} line {number} has {len(parts)} fields. {RUN_TODO}")
        try:
            score = float(parts[4])
        except ValueError:
            score = math.nan
        if math.isnan(score):
            raise InputError(f"{path} line {number} has the score {shortened(parts[4])}. {RUN_TODO}")
        lines.append((parts[0], parts[2], score))
        rankers[parts[5]] = None
    if name is None and len(rankers) > 1:
        found = f"{path} names {len(rankers)} rankers, {', '.join(list(rankers)[:3])}"
        raise InputError(f"{found}. Name the column yourself: `name=`.")
    return pd.DataFrame(lines, columns=["query", "item", name or next(iter(rankers), "score")])


def write_run(scores: pd.DataFrame, path: str | Path, *, name: str, force: bool = False) -> Path:
    """Write the scores of one ranker as a TREC run, best item first.

    Parameters
    ----------
    scores : DataFrame with the columns query, item and `name`; pairs with NaN are omitted.
    path : file ending in .run, .trec or .txt. force : whether to replace an existing file.
    name : column of scores, and name of the ranker in the file.

    Returns
    -------
    Path

    Raises
    ------
    InputError : a column is missing, or an id contains a space.
    """
    target = check_target(path, force, (".run", ".trec", ".txt"))
    for column in ("query", "item", name):
        if column not in scores.columns:
            raise InputError.unknown("column", column, scores.columns)
    known = scores[scores[name].notna()].sort_values(name, ascending=False, kind="stable")
    label = _field(name, "name", 0)
    with atomic(target) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        for query, own in known.groupby("query", sort=False):
            for rank, (row, item, score) in enumerate(zip(own.index, own["item"], own[name]), 1):
                pair = _field(query, "query", row), _field(item, "item", row)
                file.write(f"{pair[0]} Q0 {pair[1]} {rank} {float(score)!r} {label}\n")
    return target


# ---- BEIR ----------------------------------------------------------------------------------------------------------


def write_beir(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a folder with queries.jsonl, corpus.jsonl and qrels/test.tsv, as BEIR has them.

    Unjudged pairs have no line in the qrels.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file. A BEIR data set is a folder.")
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    dataset, numbers = run.extended(), _numeric(run)
    texts = passages_of(dataset)
    targets = [folder / "queries.jsonl", folder / "corpus.jsonl", folder / "qrels" / "test.tsv"]
    for target in targets:
        check_target(target, force, (target.suffix,))
    lines, corpus = [], {}
    for row, query, pairs in _graded(run):
        for item, code in pairs:
            corpus.setdefault(item, texts.get((row, item), ""))
            if code is not None:
                if any(one in "\t\r\n" for one in f"{query}{item}"):
                    raise InputError.at("item", f"is {shortened(item)}", "Ids must not contain tabs.", row=row)
                lines.append(f"{query}\t{item}\t{numbers[code]}\n")
    queries = ({"_id": str(query), "text": dataset.text(row) or ""} for row, query in enumerate(dataset.ids.tolist()))
    _write_jsonl(targets[0], queries)
    _write_jsonl(targets[1], ({"_id": item, "title": "", "text": text} for item, text in corpus.items()))
    with atomic(targets[2]) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(BEIR_HEAD) + "\n")
        file.writelines(lines)
    return folder


def _write_jsonl(target: Path, records: Any) -> None:
    with atomic(target) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in records)


def read_beir(
    path: str | Path, *, task: str = "pairs", classes: Sequence[object] | None = None, split: str = "test",
    id: str | None = None, label: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a BEIR folder: the grades of qrels/SPLIT.tsv with the texts of queries.jsonl and corpus.jsonl.

    Parameters
    ----------
    split : name of the file of qrels, such as "train", "dev" or "test". id, label : ignored, since the format defines
        the names.

    Returns
    -------
    Dataset of the queries with grades; the text of a passage is its title and text. Passages without a grade are not
    listed, since there may be millions.

    Raises
    ------
    InputError : a file is missing or a line is invalid; the message names both.
    """
    folder = Path(path)
    qrels = folder / "qrels" / f"{split}.tsv"
    if not qrels.is_file():
        there = sorted(one.stem for one in (folder / "qrels").glob("*.tsv"))
        raise InputError.unknown("split", split, there, f"Expected the file {qrels}.")
    lines = []
    with open(qrels, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            parts = line.rstrip("\r\n").split("\t")
            if number == 1 and not _is_number(parts[-1]):
                continue  # the head, under any names
            if len(parts) != 3:
                raise InputError(f"{qrels} line {number} has {len(parts)} columns. A line is: query, document, grade.")
            lines.append((parts[0], parts[1], _whole(parts[2], qrels, number)))
    wanted = {item for _, item, _ in lines}
    texts = _texts(folder / "corpus.jsonl", wanted)
    queries = _texts(folder / "queries.jsonl", None)
    frame = pd.DataFrame(lines, columns=["query", "item", "grade"]).astype({"grade": object})
    frame["passage"] = [texts.get(item) for item in frame["item"]]
    frame["text"] = [queries.get(query, "") for query in frame["query"]]
    return Dataset.from_frame(frame, "grade", task=task, text="text", classes=_as_numbers(classes), **options)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _texts(path: Path, wanted: set[str] | None) -> dict[str, str]:
    """Return the texts by id, of those that are wanted; {} without the file."""
    if not path.is_file():
        return {}
    found = {}
    for number, one in json_lines(path):
        name = one.get("_id")
        if is_missing(name):
            raise InputError(f"{path} line {number} has no `_id`. A record is " + '{"_id": ..., "text": ...}.')
        if wanted is None or str(name) in wanted:
            found[str(name)] = " ".join(str(one[part]) for part in ("title", "text") if one.get(part))
    return found


# ---- triples -------------------------------------------------------------------------------------------------------


def write_triples(run: Run, path: str | Path, *, force: bool = False, relevant: int = 1) -> Path:
    """Write JSONL with "query", "positive" and "negative" for training a retriever: each relevant item of a query with
    each irrelevant one. Ids are in "query_id", "positive_id" and "negative_id"; the texts are written where known.

    Parameters
    ----------
    relevant : lowest grade of a positive.
    """
    target, numbers = check_target(path, force, TRIPLES.suffixes), _numeric(run)
    dataset = run.extended()
    texts = passages_of(dataset)
    with atomic(target) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        for row, query, pairs in _graded(run):
            judged = [(item, numbers[code] >= relevant) for item, code in pairs if code is not None]
            for good in (item for item, is_good in judged if is_good):
                for bad in (item for item, is_good in judged if not is_good):
                    record = {"query_id": query, "positive_id": good, "negative_id": bad}
                    words = {"query": dataset.text(row)}
                    words |= {role: texts.get((row, item)) for role, item in (("positive", good), ("negative", bad))}
                    record |= {role: text for role, text in words.items() if text is not None}
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return target


def read_triples(
    path: str | Path, *, task: str = "pairs", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read JSONL or TSV of (query, positive, negative) as grades 1 and 0; negatives can be lists.

    Parameters
    ----------
    id, label : ignored, since the format defines the names.

    Notes
    -----
    Without ids, equal texts are one query or one item, and the text is its id.

    Raises
    ------
    InputError : a line without one of the three, or an item that is positive and negative for one query; the message
        names the line.
    """
    found: dict[Any, dict[str, tuple[int, str | None]]] = {}
    texts: dict[Any, str] = {}
    for number, one in _triples(Path(path)):
        query, words = _named(one, "query", path, number)
        texts.setdefault(query, words or "")
        own = found.setdefault(query, {})
        for role, grade in (("positive", 1), ("negative", 0)):
            for item, text in _items(one, role, path, number):
                if own.get(item, (grade,))[0] != grade:
                    raise InputError(f"{path} line {number}: {shortened(item)} is positive and negative for one query.")
                own[item] = (grade, text)
    lines = [(query, item, *rest) for query, own in found.items() for item, rest in own.items()]
    frame = pd.DataFrame(lines, columns=["query", "item", "grade", "passage"]).astype({"grade": object})
    frame["text"] = [texts[query] for query in frame["query"]]
    return Dataset.from_frame(frame, "grade", task=task, text="text", classes=_as_numbers(classes), **options)


def _triples(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.suffix.lower() != ".tsv":
        yield from json_lines(path)
        return
    with open(path, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            parts = line.rstrip("\r\n").split("\t")
            if len(parts) != 3:
                raise InputError(
                    f"{path} line {number} has {len(parts)} columns. A line is: query, positive, negative."
                )
            yield number, dict(zip(("query", "positive", "negative"), parts))


def _named(one: dict[str, Any], role: str, path: str | Path, number: int) -> tuple[Any, str | None]:
    """Return (id, text) of a query or an item."""
    text, name = one.get(role), one.get(f"{role}_id")
    name = text if name is None else name
    if name is None or isinstance(name, (list, dict)) or str(name) == "":
        raise InputError(f"{path} line {number} has no {role}. A record has a query, a positive and a negative.")
    return name, text if isinstance(text, str) else None


def _items(one: dict[str, Any], role: str, path: str | Path, number: int) -> Iterator[tuple[str, str | None]]:
    values = one.get(role)
    if not isinstance(values, list):
        name, text = _named(one, role, path, number)
        yield str(name), text
        return
    names = one.get(f"{role}_id", values)
    if not isinstance(names, list) or len(names) != len(values):
        raise InputError(f"{path} line {number} has {len(values)} of `{role}`, and another number of ids.")
    for name, text in zip(names, values):
        yield _named({role: text, f"{role}_id": name}, role, path, number)


LOST = ("unjudged pairs", "queries without a judged item", "names of grades", "types of ids", "additional columns")

TREC = Format(
    (".qrels", ".txt", ".trec"), read_trec, write_trec,
    loses=("texts", *LOST),
)  # fmt: skip
BEIR = Format(("",), read_beir, write_beir, loses=LOST)
TRIPLES = Format(
    (".jsonl",), read_triples, write_triples,
    loses=("grades above and below `relevant`", "unjudged pairs", "queries without a relevant and an irrelevant item"),
)  # fmt: skip
