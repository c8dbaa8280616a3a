"""Every request of a page and its answer, defined once: `Requests` and `Answers` by kind.

Besides the JSON part, whose types are defined here, a message has buffers, documented in `widgets.requests`.
`widgets.wire.typedefs` writes the same types as JSDoc for the page (`js/state/messages.js`) and checks messages.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from widgets.wire.pictures import MaskPartRequest, MaskRuns, PictureAnswer, TileAnswer, TileRequest
from widgets.wire.shapes import (
    Annotator,
    ArraySpec,
    AuditInfo,
    ColumnInfo,
    FormCount,
    InspectAnswer,
    Item,
    Number,
    OpenAnswer,
    Pace,
    Pair,
    Patch,
    ReplaceAnswer,
    ReplaceRequest,
    ScoreChange,
    ShownParts,
    Slice,
    TagRule,
)

if sys.version_info < (3, 11):
    from typing_extensions import NotRequired, TypedDict
else:
    from typing import NotRequired, TypedDict

Message = dict[str, Any]
"""The JSON part of any message: its kind, the number of the request, and the fields of its kind."""

Buffers = Sequence[bytes | memoryview]
"""The buffers of an incoming message."""

Arrays = list[np.ndarray]
"""The buffers of an answer."""

# ---- requests and answers, by kind ------------------------------------------------------------------------------


class Nothing(TypedDict):
    """No fields."""


class NameRequest(TypedDict):
    """The name of a column, a slice or a saved view."""

    name: str


class ColumnAnswer(TypedDict):
    """A column and its values."""

    column: ColumnInfo
    arrays: list[ArraySpec]


class RowRequest(TypedDict):
    """One row."""

    row: int


class MediaRequest(TypedDict):
    """Thumbnails of rows, or larger pictures."""

    rows: list[int]
    large: NotRequired[bool]


class MediaAnswer(TypedDict):
    """The appearance of the rows."""

    items: list[Item]


class SoundAnswer(TypedDict):
    """The type of a sound; its bytes are the buffer."""

    mime: str


class TextAnswer(TypedDict):
    """A whole text."""

    text: str


class CountMessage(TypedDict):
    """The number of rows selected or found; their mask is the buffer."""

    count: int


class SelectRequest(TypedDict):
    """The page selected the rows of a mask, which is the buffer; without a buffer, none."""

    count: NotRequired[int]


class QueueRequest(TypedDict):
    """Request the queue in another order."""

    by: str


class QueueAnswer(TypedDict):
    """The queue, whose rows are the first buffer; `unit` is the key of its units, "" for all."""

    count: int
    unit: str
    why: str
    patch: Patch


class SlicesAnswer(TypedDict):
    """Ready-made selections."""

    slices: list[Slice]


class MatrixRequest(TypedDict):
    """Request a matrix by its kind."""

    of: str


class MatrixAnswer(TypedDict):
    """The texts of a matrix; its numbers are buffers."""

    how: str
    title: NotRequired[str]
    warning: NotRequired[str]


class ClassesAnswer(TypedDict):
    """The evidence behind the estimates of errors by class."""

    how: str


class RulesRequest(TypedDict):
    """Rules about pairs of tags that hold in at least the share `least` of the examples with the first tag."""

    least: Number


class RulesAnswer(TypedDict):
    """The listed rules, and the number of all rules."""

    rules: list[TagRule]
    total: int


class RuleRequest(TypedDict):
    """The examples that break a rule, or follow it."""

    tag: str
    other: str
    implies: bool
    broken: bool


class RuleAnswer(TypedDict):
    """Number of examples; their mask is the buffer. `unit` is the key of the tag to judge in them, "" for none."""

    count: int
    unit: str


class PeopleRequest(TypedDict):
    """Request all information about people, or only the pace."""

    pace: NotRequired[bool]


class PeopleAnswer(TypedDict):
    """Pace, agreement of authors, quality of annotators."""

    pace: Pace
    author: NotRequired[str]
    authors: NotRequired[list[Pair]]
    annotators: NotRequired[list[Annotator]]
    withheld: NotRequired[int]


class CompareRequest(TypedDict):
    """Request the comparison with the other run, or its positions on a map."""

    map: NotRequired[str]


class CompareAnswer(TypedDict):
    """The comparison as text, or a description of a map of the other run; `later` as in `EmbeddingAnswer`."""

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
    """Search words or a query."""

    text: str


class DecideRequest(TypedDict):
    """A decision about rows or units; masks of many rows and labels that differ by row are sent as buffers.

    Each of `units` is [row, key, value], with the value in the format of its kind of label. "keep" with `whole` says
    that these units of an example are as given, and that nothing else is wrong or missing.
    """

    whole: NotRequired[bool]
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


class FormsAnswer(TypedDict):
    """The listed forms with several labels, and the number of all."""

    forms: list[FormCount]
    total: int


class FormRequest(TypedDict):
    """The places of a form with one of some labels; with `label`, give all of them this label.

    `sure` is the number of places that the user confirmed.
    """

    form: str
    labels: list[str]
    label: NotRequired[str]
    sure: NotRequired[int]


class FormAnswer(TypedDict):
    """Number of places and of their examples. The buffer is the mask of these, or the state after a decision."""

    count: int
    examples: int
    time: NotRequired[str | None]
    patch: NotRequired[Patch]


class AcceptRequest(TypedDict):
    """Accept the suggestions for units of the examples in a mask, which is the buffer.

    `least` is the minimum probability of a suggestion; `unit` limits it to units with this key, `queue` to those of a
    queue by kind of error. Without `sure`, the number confirmed by the user, the suggestions are only counted.
    """

    least: NotRequired[Number | None]
    unit: NotRequired[str]
    queue: NotRequired[str]
    sure: NotRequired[int]


class AcceptAnswer(TypedDict):
    """The number of units and of their examples; if only counted, the buffers are their probabilities and rows."""

    count: int
    examples: int
    time: NotRequired[str | None]
    patch: NotRequired[Patch]


class TravelRequest(TypedDict):
    """Undo or redo; `sure` if the user has confirmed it."""

    sure: NotRequired[bool]


class DecideAnswer(TypedDict):
    """The result of a decision: `ask` is the number of decisions of an undo that needs confirmation; `code` that of a
    new class."""

    count: int
    row: int
    time: str | None
    patch: NotRequired[Patch]
    ask: NotRequired[int]
    code: NotRequired[int]


class UptoRequest(TypedDict):
    """Request the data map up to an epoch."""

    epoch: int


class TrailRequest(TypedDict):
    """Request the positions of rows on a map."""

    map: Literal["data", "embedding"]
    rows: list[int]
    epoch: NotRequired[int]


class TrailAnswer(TypedDict):
    """Extent of an epoch's layout; `later` as in `EmbeddingAnswer`."""

    extent: NotRequired[list[list[Number]]]
    later: NotRequired[int]


class EmbeddingRequest(TypedDict):
    """Request the embedding map of an epoch, -1 = last."""

    epoch: NotRequired[int]


class EmbeddingAnswer(TypedDict):
    """A description of the layout; `later` is the epoch whose layout will be announced by a message when it is done."""

    note: str
    later: NotRequired[int]


class ObjectsAnswer(TypedDict):
    """The objects with an embedding: the keys of their units, names of the kinds of errors, and the projection in
    words.

    The buffers are the rows of their examples, positions x, y, class codes (-1 = none), probabilities of an error, and
    kinds of errors (-1 = none).
    """

    keys: list[str]
    kinds: list[str]
    note: str


class AuditRequest(TypedDict):
    """Request the estimate and, with `draw`, the sample: of units, or of whole examples."""

    draw: NotRequired[bool]
    per: NotRequired[Literal["unit", "example"]]


class AuditAnswer(TypedDict):
    """The estimate; with `draw`, the rows of the sample are the first buffer."""

    audit: AuditInfo
    patch: NotRequired[Patch]


class ExportRequest(TypedDict):
    """Write the corrected data; with `ask`, only return the path."""

    path: str
    ask: NotRequired[bool]
    cleaned: NotRequired[str | None]
    overwrite: NotRequired[bool]


class ExportAnswer(TypedDict):
    """The path of the file, and a description of what was written, or whether the file exists."""

    path: str
    text: NotRequired[str]
    there: NotRequired[bool]


class SaveViewRequest(ShownParts):
    """Save the displayed state under a name; the mask of the selection is the buffer."""

    name: str


class Requests(TypedDict):
    """The fields of each kind of request, besides kind, request and turn."""

    open: Nothing
    column: NameRequest
    media: MediaRequest
    sound: RowRequest
    picture: RowRequest
    tile: TileRequest
    mask_part: MaskPartRequest
    text: RowRequest
    inspect: RowRequest
    select: SelectRequest
    current: RowRequest
    queue: QueueRequest
    slices: Nothing
    slice: NameRequest
    matrix: MatrixRequest
    classes: Nothing
    rules: RulesRequest
    rule: RuleRequest
    forms: Nothing
    form: FormRequest
    people: PeopleRequest
    compare: CompareRequest
    differ: DifferRequest
    search: SearchRequest
    decide: DecideRequest
    add_class: AddClassRequest
    accept: AcceptRequest
    replace: ReplaceRequest
    undo: TravelRequest
    redo: TravelRequest
    upto: UptoRequest
    trail: TrailRequest
    embedding: EmbeddingRequest
    objects: Nothing
    rank: Nothing
    audit: AuditRequest
    export: ExportRequest
    save_view: SaveViewRequest
    show_view: NameRequest
    delete_view: NameRequest


class Answers(TypedDict):
    """The fields of each kind of answer, besides request; an answer with `error` has at most a patch."""

    open: OpenAnswer
    column: ColumnAnswer
    media: MediaAnswer
    sound: SoundAnswer
    picture: PictureAnswer
    tile: TileAnswer
    mask_part: MaskRuns
    text: TextAnswer
    inspect: InspectAnswer
    select: CountMessage
    current: Nothing
    queue: QueueAnswer
    slices: SlicesAnswer
    slice: Nothing
    matrix: MatrixAnswer
    classes: ClassesAnswer
    rules: RulesAnswer
    rule: RuleAnswer
    forms: FormsAnswer
    form: FormAnswer
    people: PeopleAnswer
    compare: CompareAnswer
    differ: CountMessage
    search: CountMessage
    decide: DecideAnswer
    add_class: DecideAnswer
    accept: AcceptAnswer
    replace: ReplaceAnswer
    undo: DecideAnswer
    redo: DecideAnswer
    upto: Nothing
    trail: TrailAnswer
    embedding: EmbeddingAnswer
    objects: ObjectsAnswer
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
