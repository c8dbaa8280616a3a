"""Every request of a page and its answer, defined once: `Requests` and `Answers` by kind.

Beside the JSON part, whose types stand here, a message carries buffers; the functions in `widgets.requests` say which.
`widgets.wire.typedefs` writes the same types as JSDoc for the page (`js/messages.js`) and checks messages.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from widgets.wire.shapes import (
    Annotator,
    ArraySpec,
    AuditInfo,
    ColumnInfo,
    InspectAnswer,
    Item,
    Number,
    OpenAnswer,
    Pace,
    Pair,
    Patch,
    ScoreChange,
    ShownParts,
    Slice,
)

if sys.version_info < (3, 11):
    from typing_extensions import NotRequired, TypedDict
else:
    from typing import NotRequired, TypedDict

Message = dict[str, Any]
"""The JSON part of any message: its kind, the number of the request, and the fields that its kind has."""

Buffers = Sequence[bytes | memoryview]
"""The buffers of an incoming message."""

Arrays = list[np.ndarray]
"""The buffers of an answer."""

# ---- requests and answers, by kind ------------------------------------------------------------------------------


class Nothing(TypedDict):
    """No fields."""


class NameRequest(TypedDict):
    """By name: a column, a slice, a saved view."""

    name: str


class ColumnAnswer(TypedDict):
    """A column and its values."""

    column: ColumnInfo
    arrays: list[ArraySpec]


class RowRequest(TypedDict):
    """About one row."""

    row: int


class MediaRequest(TypedDict):
    """Thumbnails of rows, or larger pictures."""

    rows: list[int]
    large: NotRequired[bool]


class MediaAnswer(TypedDict):
    """The appearance of the rows."""

    items: list[Item]


class SoundAnswer(TypedDict):
    """The bytes of a sound are the buffer."""

    mime: str


class PictureAnswer(TypedDict):
    """A picture in its own pixels; its bytes are the buffer."""

    mime: str
    width: int
    height: int
    original: list[int]
    note: str
    alpha: bool


class TextAnswer(TypedDict):
    """A whole text."""

    text: str


class CountMessage(TypedDict):
    """The number of rows selected or found; their mask is the buffer."""

    count: int


class SelectRequest(TypedDict):
    """The page selected the rows of a mask, which is the buffer; none without."""

    count: NotRequired[int]


class QueueRequest(TypedDict):
    """The queue in another order."""

    by: str


class QueueAnswer(TypedDict):
    """The rows of the queue are the first buffer; `unit` is the key of the units that it is about, "" for all."""

    count: int
    unit: str
    why: str
    patch: Patch


class SlicesAnswer(TypedDict):
    """Ready-made selections."""

    slices: list[Slice]


class MatrixRequest(TypedDict):
    """A matrix by its kind."""

    of: str


class MatrixAnswer(TypedDict):
    """The words of a matrix; its numbers are buffers."""

    how: str
    title: NotRequired[str]
    warning: NotRequired[str]


class ClassesAnswer(TypedDict):
    """The evidence behind the estimates of errors by class."""

    how: str


class PeopleRequest(TypedDict):
    """All information about people, or only the pace."""

    pace: NotRequired[bool]


class PeopleAnswer(TypedDict):
    """Pace, agreement of authors, quality of annotators."""

    pace: Pace
    author: NotRequired[str]
    authors: NotRequired[list[Pair]]
    annotators: NotRequired[list[Annotator]]
    withheld: NotRequired[int]


class CompareRequest(TypedDict):
    """The other run, or its positions on a map."""

    map: NotRequired[str]


class CompareAnswer(TypedDict):
    """The comparison in words, or what a map of the other run is; `later` as in `EmbeddingAnswer`."""

    name: NotRequired[str]
    text: NotRequired[str]
    phrases: NotRequired[list[str]]
    scores: NotRequired[list[ScoreChange]]
    embedding: NotRequired[bool]
    how: NotRequired[str]
    later: NotRequired[str]


class DifferRequest(TypedDict):
    """Examples on which two authors differ, or an annotator differs from the consensus."""

    authors: NotRequired[list[str]]
    annotator: NotRequired[str]


class SearchRequest(TypedDict):
    """Words or a query."""

    text: str


class DecideRequest(TypedDict):
    """A decision about rows or units; a mask of many rows, and labels that differ by row, are buffers.

    `units` are [row, key, value] each, values as their kind of label writes them.
    """

    op: Literal["relabel", "keep", "skip", "flag", "note"]
    rows: NotRequired[list[int]]
    units: NotRequired[list[list[Any]]]
    label: NotRequired[int | None]
    flag: NotRequired[bool]
    note: NotRequired[str]
    how: NotRequired[str]


class AddClassRequest(TypedDict):
    """A class or tag to add to the label space."""

    name: str


class AcceptRequest(TypedDict):
    """Accept what is suggested for units of the examples of a mask, which is the buffer.

    `least` is the smallest probability of a suggestion; `unit` a key, for units of this key only. With `sure`, the
    number that the person confirmed, it is done; without, only counted.
    """

    least: NotRequired[Number | None]
    unit: NotRequired[str]
    sure: NotRequired[int]


class AcceptAnswer(TypedDict):
    """How many units of how many examples; before it is done, the buffers are their probabilities and rows."""

    count: int
    examples: int
    time: NotRequired[str | None]
    patch: NotRequired[Patch]


class TravelRequest(TypedDict):
    """Undo or redo; `sure` if the page has shown what it acts on."""

    sure: NotRequired[bool]


class DecideAnswer(TypedDict):
    """What was written: `ask` says on how many examples an undo would act, which was not done; `code` a new class's."""

    count: int
    row: int
    time: str | None
    patch: NotRequired[Patch]
    ask: NotRequired[int]
    code: NotRequired[int]


class UptoRequest(TypedDict):
    """The data map after an epoch."""

    epoch: int


class TrailRequest(TypedDict):
    """Positions of rows on a map."""

    map: Literal["data", "embedding"]
    rows: list[int]
    epoch: NotRequired[int]


class TrailAnswer(TypedDict):
    """Extent of an epoch's layout; `later` as in `EmbeddingAnswer`."""

    extent: NotRequired[list[list[Number]]]
    later: NotRequired[int]


class EmbeddingRequest(TypedDict):
    """The embedding map of an epoch, -1 for the last."""

    epoch: NotRequired[int]


class EmbeddingAnswer(TypedDict):
    """A description of the layout; `later` is the epoch that a message names when its layout is done."""

    note: str
    later: NotRequired[int]


class AuditRequest(TypedDict):
    """The estimate, or with `draw` the sample too."""

    draw: NotRequired[bool]


class AuditAnswer(TypedDict):
    """With `draw`, the rows of the sample are the first buffer."""

    audit: AuditInfo
    patch: NotRequired[Patch]


class ExportRequest(TypedDict):
    """Write the corrected data; with `ask`, only return the path."""

    path: str
    ask: NotRequired[bool]
    cleaned: NotRequired[str | None]
    overwrite: NotRequired[bool]


class ExportAnswer(TypedDict):
    """The path of the file, and what was written, or whether it exists."""

    path: str
    text: NotRequired[str]
    there: NotRequired[bool]


class SaveViewRequest(ShownParts):
    """The displayed state, under a name; the selection's mask is the buffer."""

    name: str


class Requests(TypedDict):
    """The fields of each kind of request, beside kind, request and turn."""

    open: Nothing
    column: NameRequest
    media: MediaRequest
    sound: RowRequest
    picture: RowRequest
    text: RowRequest
    inspect: RowRequest
    select: SelectRequest
    current: RowRequest
    queue: QueueRequest
    slices: Nothing
    slice: NameRequest
    matrix: MatrixRequest
    classes: Nothing
    people: PeopleRequest
    compare: CompareRequest
    differ: DifferRequest
    search: SearchRequest
    decide: DecideRequest
    add_class: AddClassRequest
    accept: AcceptRequest
    undo: TravelRequest
    redo: TravelRequest
    upto: UptoRequest
    trail: TrailRequest
    embedding: EmbeddingRequest
    rank: Nothing
    audit: AuditRequest
    export: ExportRequest
    save_view: SaveViewRequest
    show_view: NameRequest
    delete_view: NameRequest


class Answers(TypedDict):
    """The fields of each kind of answer, beside request; one with `error` carries at most a patch."""

    open: OpenAnswer
    column: ColumnAnswer
    media: MediaAnswer
    sound: SoundAnswer
    picture: PictureAnswer
    text: TextAnswer
    inspect: InspectAnswer
    select: CountMessage
    current: Nothing
    queue: QueueAnswer
    slices: SlicesAnswer
    slice: Nothing
    matrix: MatrixAnswer
    classes: ClassesAnswer
    people: PeopleAnswer
    compare: CompareAnswer
    differ: CountMessage
    search: CountMessage
    decide: DecideAnswer
    add_class: DecideAnswer
    accept: AcceptAnswer
    undo: DecideAnswer
    redo: DecideAnswer
    upto: Nothing
    trail: TrailAnswer
    embedding: EmbeddingAnswer
    rank: Nothing
    audit: AuditAnswer
    export: ExportAnswer
    save_view: Nothing
    show_view: Nothing
    delete_view: Nothing


class ErrorAnswer(TypedDict):
    """The content of an answer after an error."""

    error: str
    patch: NotRequired[Patch]
