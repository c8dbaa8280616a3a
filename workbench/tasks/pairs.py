"""Graded pairs of queries and items, such as relevance judgements of passages (qrels).

A unit is a (query, item) pair, and its answer one of a few ordered grades. Unjudged is not the lowest grade: such a
pair has no label until somebody grades it, and a grade can be taken back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.errors import InputError, shortened
from workbench.foundation.lazy import LazyTable
from workbench.tasks.class_names import object_array
from workbench.tasks.keys import check_key, given_keys, number_of
from workbench.tasks.label_type import DTYPES, LabelType
from workbench.tasks.pair_reading import gathered, item_name, read_pairs
from workbench.tasks.pair_table import PAIRS_TYPE, PairTable, item_shapes, pair_table_of, stored_pairs
from workbench.tasks.protocol import Decided, Met, TaskMixin
from workbench.tasks.units import Units

PAIR_VALUE = 'Use {"grade": "1", "item": "d7"}, with the grade null for unjudged.'
NOT_JUDGED = "unjudged"


class Pairs(TaskMixin):
    """Labels are Arrow lists (`workbench.tasks.pair_table`); a value is {"grade", "item"}, the grade None: unjudged."""

    name = "pairs"
    one_unit = "one item of one query"
    long_tables = True
    column = PAIRS_TYPE
    predictions = ("scores", "texts", "item_texts", "item_embeddings", "votes", "relevant")
    evidence_forms = LazyTable(
        {
            "scores": "workbench.issues.pairs.pair_forms:RANKER_SCORES",
            "votes": "workbench.issues.pairs.pair_forms:GRADE_VOTES",
            "texts": "workbench.issues.pairs.pair_forms:QUERY_TEXTS",
            "item_texts": "workbench.issues.pairs.pair_forms:ITEM_TEXTS",
            "item_embeddings": "workbench.issues.pairs.pair_forms:ITEM_EMBEDDINGS",
            "relevant": "workbench.issues.pairs.pair_forms:RELEVANT",
        }
    )
    formats = LazyTable(
        {
            "table": "workbench.review.export:TABLE",
            "trec": "workbench.review.pair_files:TREC",
            "beir": "workbench.review.pair_files:BEIR",
            "triples": "workbench.review.pair_files:TRIPLES",
            "hf": "workbench.review.hf_files:HF_PAIRS",
        }
    )

    read = staticmethod(read_pairs)

    def gather(self, frame: pd.DataFrame, named: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
        """One row per query from a table with one row per pair; the text of an item is in the column `passages`."""
        return gathered(frame, named)

    def label_type(self, labels: Any, classes: Sequence[object] | None) -> LabelType:
        """Return the type of the grades: whole numbers, unless they are named as text."""
        if classes is None:
            return LabelType("int", DTYPES["int"])
        return LabelType.of(list(getattr(classes, "categories", classes)))

    def check(self, labels: pa.ListArray, classes: Sequence[str]) -> None:
        """Check that items are named and distinct within a query, and grades are indices in [0, k) or null."""
        super().check(labels, classes)
        flat = labels.flatten()
        nameless = flat.is_null().to_numpy(zero_copy_only=False)
        nameless |= flat.field("item").is_null().to_numpy(zero_copy_only=False)
        table = pair_table_of(labels)
        given = flat.field("grade").is_valid().to_numpy(zero_copy_only=False)
        outside = (table.grades >= len(classes)) | (given & (table.grades < 0))
        codes, _ = pd.factorize(table.items)
        twice = pd.DataFrame({"row": table.rows, "item": codes}).duplicated().to_numpy()
        todo = "Restore them, or read them with `Dataset.from_frame(frame, task='pairs')`."
        for wrong, found in (
            (nameless | (table.items == ""), "holds an item without a name"),
            (outside, f"holds a grade that is not one of {len(classes)}"),
            (twice, "lists an item twice"),
        ):
            if wrong.any():
                raise InputError.at("labels", found, todo, row=int(table.rows[np.flatnonzero(wrong)[0]]))

    def to_column(self, labels: pa.ListArray, classes: Sequence[Any]) -> np.ndarray:
        """Lists of dicts {"item", "grade"}, the grade None for unjudged items."""
        named = [*classes, None]
        return object_array(
            one
            if one is None
            else [
                {"item": pair["item"], "grade": named[-1 if pair["grade"] is None else pair["grade"]]} for pair in one
            ]
            for one in labels.to_pylist()
        )

    def differ(self, labels: pa.ListArray, others: pa.ListArray) -> np.ndarray:
        """(n,) bool, whether the grades of judged items differ; the order and unjudged items do not matter."""
        tables = [pair_table_of(one) for one in (labels, others)]
        different = tables[0].missing != tables[1].missing
        frames = [
            pd.DataFrame({"row": table.rows, "item": table.items, "grade": table.grades})[table.grades >= 0]
            for table in tables
        ]
        odd = pd.concat(frames, ignore_index=True).drop_duplicates(keep=False)
        different[odd["row"].to_numpy(np.int64)] = True
        return different

    def units(self, labels: pa.ListArray, classes: Sequence[str]) -> Units:
        """The listed pairs, unjudged ones included."""
        table = pair_table_of(labels)
        return Units(table.n, table.rows, table.grades, given_keys(table.rows), shapes=item_shapes(table.items))

    def meet(self, units: Units, classes: Sequence[str], **predictions: Any) -> Met:
        """The units; predictions are used by the estimator."""
        return Met(units, {})

    def value(self, code: int | float, shape: Mapping[str, Any] | None, classes: Sequence[str]) -> Any:
        """Item and grade."""
        if shape is None:
            return None
        return {"grade": None if code < 0 else str(classes[int(code)]), "item": shape["item"]}

    def takes(self, key: str, classes: Sequence[str]) -> bool:
        """Whether the key is that of an item that was added or proposed."""
        return key[:1] in ("a", "c")

    def decode(self, text: str, classes: Sequence[str]) -> dict[str, Any]:
        """Item and grade."""
        value = self.decoded(text)
        if not isinstance(value, dict) or set(value) != {"grade", "item"}:
            raise InputError.at("value", f"is {shortened(text)}", PAIR_VALUE)
        grade, item = value["grade"], value["item"]
        if not isinstance(item, str):
            raise InputError.at("value", f"names the item {shortened(item)}", PAIR_VALUE)
        item_name(item, field="value")
        if grade is not None and (not isinstance(grade, str) or grade not in classes):
            raise InputError.unknown("grade", grade, classes)
        return {"grade": grade, "item": item}

    def apply(self, labels: pa.ListArray, classes: Sequence[str], decided: Decided) -> pa.ListArray:
        """Return the labels with the decided grades; items that were not listed are added at the end of their query."""
        if not len(decided.keys):
            return labels
        table = pair_table_of(labels)
        starts, place_of = table.starts, table.place_of()
        grades = table.grades.copy()
        more: dict[tuple[int, str], int] = {}
        code_of = {name: code for code, name in enumerate(classes)}
        for row, key, text in zip(decided.rows.tolist(), decided.keys, decided.values, strict=True):
            value = self.decode(text, classes)
            code = -1 if value["grade"] is None else code_of[value["grade"]]
            number = number_of(check_key(key))
            if number is None:
                if not key:
                    raise InputError.at("unit", "is ''", "Name a pair by its key, such as 'g0'.", row=row)
                at = place_of.get((row, value["item"]))
                if at is None:
                    more[row, value["item"]] = code
                else:
                    grades[at] = code
                continue
            own = int(starts[row + 1] - starts[row])
            if key[0] != "g" or number >= own:
                raise InputError.at("unit", f"is {key!r}", f"The query has {own} listed items.", row=row)
            there = table.items[starts[row] + number]
            if there != value["item"]:
                found = f"names the item {shortened(value['item'])}, but {key} is {shortened(there)}"
                raise InputError.at("value", found, PAIR_VALUE, row=row)
            grades[starts[row] + number] = code
        missing = table.missing.copy()
        missing[decided.rows] = False
        added = [(row, item, code) for (row, item), code in more.items() if code >= 0]
        rows = np.concatenate([table.rows, np.array([row for row, _, _ in added], np.int64)])
        items = np.concatenate([table.items, object_array(item for _, item, _ in added)])
        every = np.concatenate([grades, np.array([code for _, _, code in added], np.int64)])
        order = np.argsort(rows, kind="stable")
        return stored_pairs(PairTable(rows[order], items[order], every[order], missing))

    def contradicts(self, said: str, given: str | None) -> bool | None:
        """Whether the grades differ; who takes a grade back says neither."""
        if self.decoded(said)["grade"] is None:
            return None
        return said != given

    def choices(self, classes: Sequence[str]) -> tuple[str, ...]:
        """None, because a value includes the item."""
        return ()

    def in_words(self, value: Mapping[str, Any] | None) -> str:
        """The item and its grade."""
        if value is None:
            return NOT_JUDGED
        return f"{value['item']}: {NOT_JUDGED if value['grade'] is None else value['grade']}"
