"""Parts of the messages between Python and a page: columns, items, curves, details of an example."""

from __future__ import annotations

import sys
from typing import Any, Literal

if sys.version_info < (3, 11):  # optional fields were added in 3.11
    from typing_extensions import NotRequired, TypedDict
else:
    from typing import NotRequired, TypedDict

from widgets.wire.pictures import MaskRuns

Number = float
"""A JSON number, integer or float."""


class AddedClass(TypedDict):
    """A class added to those of the dataset; `stands` is False if its addition was undone."""

    name: str
    stands: bool


class Patch(TypedDict):
    """The current state of rows: four buffers, from number `at` on, with rows, labels, verdicts and marks.

    `changed` is the total number of examples whose labels differ from the given ones, `added` the added classes in
    the order of their codes.
    """

    at: int
    changed: int
    added: NotRequired[list[AddedClass]]


class Said(TypedDict):
    """The values of an array, or the buffer that contains them."""

    fill: NotRequired[Number | None]
    rows: NotRequired[bool]
    like: NotRequired[str]
    buffer: NotRequired[int]
    sent: NotRequired[str]
    less: NotRequired[int]


class ArraySpec(Said):
    """The encoding of an array, see `widgets.wire.packing`."""

    name: str
    type: str
    length: int


class ColumnInfo(TypedDict):
    """A column that can be coloured, filtered and searched."""

    name: str
    kind: Literal["number", "category"]
    title: str
    source: str
    categories: NotRequired[list[str]]
    classes: NotRequired[bool]
    suspicious: NotRequired[str]
    range: NotRequired[list[Number]]


class Content(TypedDict):
    """The appearance of an item: one of src, text, html, table, sound, url and error, or nothing.

    `original` is the size in pixels of a picture that is shown smaller.
    """

    src: NotRequired[str]
    width: NotRequired[int]
    height: NotRequired[int]
    original: NotRequired[list[int]]
    alpha: NotRequired[bool]
    text: NotRequired[str]
    html: NotRequired[str]
    table: NotRequired[list[list[str]]]
    sound: NotRequired[str]
    url: NotRequired[str]
    error: NotRequired[str]
    brief: NotRequired[str]


class Item(Content):
    """The appearance of an example.

    `mask` is the mask of a picture as it is now, small, or the masks of its instances, -1 elsewhere. `objects` are the
    objects of a picture as [x0, y0, x1, y1, code], with sides as shares of the picture's, and the class.
    """

    row: int
    id: int | str
    objects: NotRequired[list[list[Number]]]
    mask: NotRequired[MaskRuns]


class AxesInfo(TypedDict):
    """The columns with the positions on the first map."""

    x: str
    y: str
    ranges: list[list[Number]] | None
    title: str


class EmbeddingInfo(TypedDict):
    """Whether there is an embedding map, and the message shown until (or instead of) it."""

    there: bool
    message: str


class TagInfo(TypedDict):
    """A tag that can be filtered by, and the number of examples in which it is likely missing, or wrong."""

    name: str
    missing: int
    wrong: int


class KindCount(TypedDict):
    """A queue of doubtful units: a kind of error, or a pair of classes, and the number of its units."""

    name: str
    count: int
    pair: bool


class TagRule(TypedDict):
    """Examples with `tag` have (`implies`), or do not have, the tag `other`: a share of `count`, all but `broken`.

    `expected` is the share if the two tags were independent.
    """

    tag: str
    other: str
    implies: bool
    count: int
    share: Number
    expected: Number
    broken: int


class LabelCount(TypedDict):
    """How often a form has a label; "nothing" is no span."""

    label: str
    count: int


class FormCount(TypedDict):
    """Equal words with several labels, the most frequent label first."""

    form: str
    labels: list[LabelCount]


class AuditInfo(TypedDict):
    """The number of remaining errors as text; `due` is the number of due second looks, `done` the progress of an audit
    of units as text."""

    text: NotRequired[str]
    title: NotRequired[str]
    begun: NotRequired[bool]
    due: NotRequired[int]
    done: NotRequired[str]


MediaKind = Literal["own", "image", "audio", "text", "none"]
"""How examples are displayed: by the user's function ("own"), or as pictures, sounds, texts, or rows of a table."""


class KeysInfo(TypedDict):
    """The effective keys: of review mode, and of each editor by kind of label."""

    review: dict[str, list[str]]
    edit: dict[str, dict[str, list[str]]]


class OpenAnswer(TypedDict):
    """Everything that a page needs to draw the view. `objects` says whether there is a map of objects."""

    name: str
    path: NotRequired[str]
    n: int
    task: str
    classes: list[str]
    space: list[str]
    added: list[AddedClass]
    choices: list[str]
    columns: list[ColumnInfo]
    epochs: list[int]
    unit_epochs: list[int]
    embedding_epochs: list[int]
    media: MediaKind
    brief_texts: bool
    evidence_columns: list[str]
    color_by: str
    keymap: KeysInfo
    blind: bool
    saved: str
    data_map: AxesInfo | None
    no_data_map: str
    maps: list[bool]
    views: list[str]
    lasting: bool
    first_filters: list[str]
    embedding: EmbeddingInfo
    objects: bool
    queues: list[str]
    queue_unit: str
    tags: list[TagInfo]
    kinds: list[KindCount]
    changed: int
    queue_order: str
    doubted: bool
    ordered: bool
    suggests: bool
    author: str
    second: bool
    pooled: str
    other: str
    expected: str
    expected_title: str
    how: str
    warning: str
    canaries: str
    audit: AuditInfo
    export_path: NotRequired[str]
    arrays: list[ArraySpec]
    locked: NotRequired[str]


class ShownParts(TypedDict):
    """The displayed state, or a part of it; a saved view includes the time of saving."""

    filters: NotRequired[dict[str, Any]]
    color_by: NotRequired[str]
    cameras: NotRequired[dict[str, list[Number]]]
    epochs: NotRequired[dict[str, int]]
    selection: NotRequired[list[int | str]]
    saved: NotRequired[str]


class Curve(TypedDict):
    """Probabilities of the given and the suggested class after each epoch; null where unknown."""

    epochs: list[int]
    given: list[Number | None]
    suggested: list[Number | None] | None


class SetCurve(TypedDict):
    """Outputs of a training on candidate sets for one set after each epoch; null if unknown.

    `weights` of the most likely candidates `names`, as shares of the set; `outside`, the probability of other classes;
    `sizes`, the number of candidates left if unlikely ones are removed after each epoch.
    """

    epochs: list[int]
    names: list[str]
    weights: list[list[Number | None]]
    outside: list[Number | None]
    sizes: list[int]


class Neighbors(TypedDict):
    """The neighbours of an example, nearest first, or the reason why there are none.

    `labels` are their given labels in words, by the key of a unit or "" for the whole label, for labels that are not
    one class.
    """

    rows: list[int]
    items: list[Item]
    labels: NotRequired[list[dict[str, str]]]
    by: NotRequired[str]
    other: NotRequired[str]
    none: NotRequired[str]


class Linked(TypedDict):
    """The nodes linked to an example, largest weight first.

    `total` is the number of all of them; `between` has pairs of indices into `rows` that are linked to each other.
    """

    rows: list[int]
    items: list[Item]
    total: int
    between: list[list[int]]


class OnAxis(TypedDict):
    """Positions of a number and of the quantiles of groups on a common axis from 0 to 1."""

    at: NotRequired[Number]
    all: NotRequired[list[Number]]
    given: NotRequired[list[Number]]
    suggested: NotRequired[list[Number]]


class Shares(TypedDict):
    """The frequency of a category, by group."""

    shares: NotRequired[dict[str, Number]]


class Feature(OnAxis, Shares):
    """A feature of a row of a table: its value, and how unusual it is."""

    name: str
    value: str
    number: Number | None
    of: Literal["class", "all"]
    unusual: Number | None


class Features(TypedDict):
    """x"""

    rows: list[Feature]
    more: int


class UnitDoubt(TypedDict):
    """The detector's result for a unit; `standing` and `relevant` of an item: among the items of its query, and the
    probability that it is relevant."""

    p_error: NotRequired[Number | None]
    standing: NotRequired[Number | None]
    relevant: NotRequired[Number | None]
    suggested: NotRequired[str | None]
    p_suggested: NotRequired[Number | None]
    doubted: NotRequired[bool]
    kind: NotRequired[str | None]
    reasons: NotRequired[list[str]]


class ReplaceRequest(TypedDict):
    """Replace characters in the texts of the examples in a mask, which is the buffer.

    Without `sure`, the number of texts that the user confirmed, the result is only shown.
    """

    find: str
    by: str
    whole_words: NotRequired[bool]
    match_case: NotRequired[bool]
    sure: NotRequired[int]


class ReplacedText(TypedDict):
    """A text before and after a replacement."""

    id: int | str
    before: str
    after: str


class ReplaceAnswer(TypedDict):
    """The number of texts and of their examples, and the first of them."""

    count: int
    examples: int
    shown: list[ReplacedText]
    time: NotRequired[str | None]
    patch: NotRequired[Patch]


class TextVersion(TypedDict):
    """A version of a text: its value (in the format of the journal), author ("" for the given one) and time."""

    value: str | None
    author: str
    time: str


class UnitInfo(UnitDoubt):
    """A unit of an example: its given and current values (in the format of the journal) and its shape.

    If an example has several units, also the name of the unit and the detector's result. `asked` is set if the queue is
    an audit in which the unit was drawn. `curve` is the probability of "yes" of a tag after each of the `unit_epochs`
    of a recorded training, null if it was not recorded. A text also has its `alternatives`, in the format of the
    journal, and its `versions` if it was changed. A given box also has its `outline`, polygons x, y, x, y, ... of a
    segmentation or of a rotated box, or its `region`, [y0, x0, height, width, run lengths].
    """

    key: str
    given: str | None
    value: str | None
    changed: bool
    shape: Any
    name: NotRequired[str]
    decided: NotRequired[bool]
    asked: NotRequired[bool]
    curve: NotRequired[list[Number | None]]
    alternatives: NotRequired[list[str]]
    versions: NotRequired[list[TextVersion]]
    outline: NotRequired[list[list[float]]]
    region: NotRequired[list[Any]]


class Passage(TypedDict):
    """The text of an example with spans: start and end of its tokens in characters, and the unit of spans."""

    text: str
    begin: list[int]
    end: list[int]
    counts: Literal["tokens", "characters"]


class ItemText(TypedDict):
    """The text of an item of a query."""

    item: str
    text: str


class InspectAnswer(TypedDict):
    """All details of one example; `whole` is whether it was confirmed as a whole, if the queue asks for that."""

    whole: NotRequired[bool]

    row: int
    id: int | str
    media: Item
    reasons: list[str]
    meanings: NotRequired[list[str]]
    note: str
    p_given: Number | None
    p_epoch: NotRequired[int | None]
    curve: Curve
    sets: SetCurve | None
    neighbors: Neighbors
    linked: NotRequired[Linked | None]
    columns: list[list[str]]
    features: Features | None
    units: NotRequired[list[UnitInfo]]
    passage: NotRequired[Passage | None]
    items: NotRequired[list[ItemText] | None]
    mask: NotRequired[MaskRuns | None]


class Slice(TypedDict):
    """A ready-made selection."""

    name: str
    count: int
    how: str


class Pace(TypedDict):
    """Decisions of the most recent session."""

    decisions: int
    per_minute: Number | None


class Pair(TypedDict):
    """Two authors who judged the same examples."""

    a: str
    b: str
    n: int
    differ: int
    text: str


class Annotator(TypedDict):
    """An annotator and the reliability of their votes."""

    name: str
    votes: int
    quality: Number
    often: str


class ScoreChange(TypedDict):
    """A score in two runs."""

    name: str
    spearman: Number | None
    mean_change: Number | None
    mean_absolute_change: Number | None
