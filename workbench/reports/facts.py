"""The contents of a report as plain values, independent of HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
import pandas as pd

from workbench.confident.health import noise_report
from workbench.data.media import read_image, thumbnail
from workbench.foundation.errors import InputError, MissingEvidence, WorkbenchError
from workbench.foundation.progress import step
from workbench.issues import find_issues, planted_report
from workbench.issues.confusion import probabilities
from workbench.issues.reasons import apart
from workbench.issues.totals import error_count
from workbench.reports.figures.curves import over_epochs
from workbench.reports.figures.reliability import FEWEST_VERDICTS, binned, judged, known_errors
from workbench.reports.of_sets import classes_of_sets, in_words, learned, sizes_of_sets
from workbench.runs.saved_evidence import saved_evidence, saved_names
from workbench.scores import score
from workbench.storage.provenance import MODE_WORDS

if TYPE_CHECKING:
    from workbench.confident.health import NoiseReport
    from workbench.issues.totals import ErrorCount
    from workbench.runs.run import Run

Seen = bool | Literal["not known"] | None
"""Whether evidence is out-of-fold."""

SEEN_NOT_KNOWN: Literal["not known"] = "not known"

MOST_CLASSES = 20
"""Maximum number of classes in tables and matrices; with more, the worst are listed."""

MEDIA_BYTES = 3_500_000
"""Maximum size of all thumbnails in one page."""

EXCERPT = 420  # characters per text
MAP_POINTS = 15_000  # points of the data map


@dataclass(frozen=True)
class ShownIssue:
    """One example or unit with its evidence, ready to be shown; `part` is the part of the text that is judged."""

    id: object
    given: str | None
    suggested: str | None
    p_error: float
    p_suggested: float
    reasons: tuple[str, ...]
    decision: str
    picture: tuple[bytes, int, int] | None
    text: str | None
    no_picture: str
    p_given_curve: np.ndarray
    p_suggested_curve: np.ndarray
    unit: str = ""
    part: tuple[int, int] | None = None


@dataclass(frozen=True)
class DataMap:
    """Points of the data map: (m,) variability, confidence, correctness, and the line of each in the issues."""

    variability: np.ndarray
    confidence: np.ndarray
    correctness: np.ndarray
    lines: np.ndarray
    thinned_from: int


class Words(NamedTuple):
    """Names of what a report counts.

    Attributes
    ----------
    label, labels : name of what can be wrong, singular and plural. meaning : its definition, or "".
    classes : name of the classes. points : name of points on the data map, and of what has a class. curve : description
    of the small curves. known : names of what is judged, and of what is not because it has no given value.
    wrong : what they are if they are wrong.
    """

    label: str
    labels: str
    meaning: str
    classes: str
    points: str
    curve: str
    known: tuple[str, str]
    wrong: str = "wrong"


CLASS_WORDS = Words(
    "label", "labels", "", "classes", "examples",
    "probability of the given label (solid) and of the suggested one (dashed)", ("labelled examples", "unlabelled"),
)  # fmt: skip


class OwnFacts(Protocol):
    """Contents of a report for one kind of label only, shown by the sections of `page.SECTIONS`.

    Attributes
    ----------
    unit : heading of the column with the names of units; "" if each example is its only unit.
    """

    @property
    def unit(self) -> str: ...

    def name_of(self, id: object, key: str) -> str:
        """Return the name of a unit."""
        ...


@dataclass(frozen=True)
class Facts:
    """The contents of a report; `sizes` only of candidate sets, by number of candidates."""

    name: str
    n: int
    k: int
    epochs: int
    mode: str
    issues: pd.DataFrame
    about: dict[str, Any]
    evidence: list[tuple[str, Seen, str]]
    shown: list[ShownIssue]
    classes: pd.DataFrame
    pairs: pd.DataFrame
    data_map: DataMap | None
    noise: NoiseReport | None
    decisions: pd.DataFrame
    verdicts: dict[str, int]
    changes: pd.DataFrame
    total: ErrorCount | None
    looked: int
    canaries: dict[str, Any] | None
    gain: tuple[np.ndarray, np.ndarray] | None
    reliability: tuple[pd.DataFrame | None, str]
    missing: list[str] = field(default_factory=list)
    sizes: pd.DataFrame | None = None
    words: Words = CLASS_WORDS
    own: OwnFacts | None = None

    def names(self, id: object) -> tuple[str, ...]:
        """Return the names of an entry of the index of issues: the id, and the unit if there are several."""
        if not isinstance(id, tuple):
            return (str(id),)
        return (str(id[0]), self.own.name_of(*id)) if self.own is not None and self.own.unit else (str(id[0]),)


def gather(run: Run, issues: pd.DataFrame | None, top: int, fdr: float | None) -> Facts:
    """Collect the facts of a run; parts without evidence are left out and named in `missing`."""
    if issues is None:
        step("label errors")
    found = _named(run, find_issues(run, fdr=fdr) if issues is None else issues)
    state = run.journal.state()
    missing: list[str] = []
    planted = run.planted()
    canaries = gain = None
    if planted is not None and len(planted):
        canaries, gain = planted_report(found, planted), _gain(found, planted)
    verdicts = state["verdict"].value_counts()
    return Facts(
        name=run.name,
        n=run.n,
        k=run.k,
        epochs=len(run.epochs),
        mode=run.mode,
        issues=found,
        about=dict(found.attrs),
        evidence=evidence_used(run, found),
        shown=_shown(run, found, state, top),
        classes=_classes(run, found),
        pairs=pair_table(found),
        data_map=_data_map(run, found, missing),
        noise=_noise(run, missing),
        decisions=state,
        verdicts={str(name): int(count) for name, count in verdicts.items()},
        changes=_changes(run),
        total=error_count(run, found),
        looked=len(judged(run)),
        canaries=canaries,
        gain=gain,
        reliability=reliability_of(run, found),
        missing=missing,
        sizes=None if run.dataset.kind.one_class else sizes_of_sets(run.dataset, found),
    )


def _changes(run: Run) -> pd.DataFrame:
    """Return the changes, with labels as text."""
    if run.dataset.kind.one_class:
        return _named(run, run.changes())
    return in_words(run.extended(), run.changes().droplevel("unit"), stored=True)


def _named(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """Replace labels in the user's type by class names, since a page shows text."""
    if not run.dataset.kind.one_class:
        return in_words(run.extended(), table)
    columns = [name for name in ("given_label", "suggested_label", "label") if name in table]
    names = {name: run.dataset.names_of(run.dataset.codes_of(table[name])) for name in columns}
    return table.assign(**{name: pd.Series(values, table.index, object) for name, values in names.items()})


def evidence_used(run: Run, issues: pd.DataFrame) -> list[tuple[str, Seen, str]]:
    """Return (name, whether it is out-of-fold, source) of each kind of evidence; None if the example's own label is not
    used, "not known" if it may have been."""
    rows: list[tuple[str, Seen, str]] = []
    sources = dict(issues.attrs.get("sources", {}))
    probs = run.pred_probs()
    if probs is not None:
        rows.append(("predicted probabilities", probs.out_of_fold, probs.source))
    if run.epochs:
        words = f"{MODE_WORDS[run.mode]}: the model saw these labels"
        rows.append((f"training dynamics, {len(run.epochs)} epochs", False, words))
    if run.embedding_epochs:
        rows.append(("embeddings, and neighbours by them", None, f"of {run.embedding_provenance()}"))
    elif "embeddings" in sources:
        rows.append(("embeddings, and neighbours by them", None, str(sources["embeddings"])))
    for name in saved_names(run):
        saved = saved_evidence(run, name)
        if saved is not None:
            saw = saved.provenance.saw_labels
            seen = SEEN_NOT_KNOWN if saw is None else not saw
            rows.append((name.replace("_", " "), seen, str(saved.provenance)))
    return rows


def _shown(run: Run, issues: pd.DataFrame, state: pd.DataFrame, top: int) -> list[ShownIssue]:
    """Return the first `top` examples that have a p_error, with media up to the size limit."""
    step("pictures and texts of label issues")
    shown = issues[issues["p_error"].notna()].head(top)
    rows = shown["row"].to_numpy()
    given, other = _curves(run, rows, shown["suggested_label"])
    out, room = [], MEDIA_BYTES
    now = _labels_now(run)
    for place, (id, found) in enumerate(shown.iterrows()):
        row = int(rows[place])
        picture, why = thumbnail_of(run, row, room)
        room -= len(picture[0]) if picture else 0
        out.append(
            ShownIssue(
                id=id,
                given=found["given_label"],
                suggested=found["suggested_label"],
                p_error=float(found["p_error"]),
                p_suggested=float(found["p_suggested"]),
                reasons=tuple(apart(found["reasons"])),
                decision=decision_in_words(state, id, found["given_label"], now[row]),
                picture=picture,
                text=excerpt_of(run, row),
                no_picture=why,
                p_given_curve=np.empty(0) if given is None else given[:, place],
                p_suggested_curve=np.empty(0) if other is None else other[:, place],
            )
        )
    return out


def _curves(run: Run, rows: np.ndarray, suggested: pd.Series) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return p of the given and the suggested label by epoch, (epochs, m); for candidate sets, that of the set."""
    if not run.epochs:
        return None, None
    if not run.dataset.kind.one_class:
        return learned(run)[3][:, rows], None
    given = np.stack([run.stats(epoch, ["p_given"])["p_given"][rows] for epoch in run.epochs])
    return given, over_epochs(run, rows, run.dataset.codes_of(suggested))


def _labels_now(run: Run) -> np.ndarray:
    """Return the current labels as text, (n,) object."""
    dataset = run.extended()
    if dataset.kind.one_class:
        return dataset.names_of(run.labels())
    values = dataset.kind.to_column(run.labels(), dataset.classes)
    return np.array([None if one is None else dataset.kind.in_words(one) for one in values], object)


def excerpt_of(run: Run, row: int) -> str | None:
    """Return the start of the text of a row."""
    text = run.dataset.text(row)
    return None if text is None else excerpt(text)


def excerpt(text: str, most: int = EXCERPT) -> str:
    """Return the start of a text."""
    return text[:most] + ("…" if len(text) > most else "")


def thumbnail_of(run: Run, row: int, room: int) -> tuple[tuple[bytes, int, int] | None, str]:
    """Return a thumbnail of a row, or why there is none; `room` is the number of bytes left for all thumbnails."""
    if room <= 0:
        return None, "not included: the page would become too large"
    image = run.dataset.image(row)
    try:
        data = read_image(image, run.dataset.media_root)
        return None if data is None else thumbnail(data), ""
    except InputError as error:
        return None, str(error)


def decision_in_words(state: pd.DataFrame, id: object, given: object, label: object) -> str:
    """Describe the decision about an example; "" if there is none."""
    if id not in state.index:
        return ""
    verdict = state.at[id, "verdict"]
    if label != given:
        return f"relabelled {label}"
    return {"keep": "kept", "skip": "skipped", "relabel": "kept"}.get(verdict, "")


def _classes(run: Run, issues: pd.DataFrame) -> pd.DataFrame:
    """Per given class: examples, expected errors, their share, label issues; largest share of expected errors first."""
    if not run.dataset.kind.one_class:
        changed = np.isin(run.dataset.ids.astype(object), run.changes().index.get_level_values("id").to_numpy(object))
        return classes_of_sets(run.dataset, issues, changed)
    return class_table(issues, _changes(run)["given_label"])


def class_table(issues: pd.DataFrame, changed: pd.Series) -> pd.DataFrame:
    """Return counts by given class: class, examples (or units), expected errors, issues, share, changed.

    Parameters
    ----------
    issues : result of `find_issues`. changed : the given classes of what was changed.
    """
    known = issues[issues["p_error"].notna()]
    grouped = known.groupby("given_label", sort=False)
    table = pd.DataFrame({"examples": grouped.size(), "expected": grouped["p_error"].sum()})
    table["issues"] = grouped["is_issue"].sum().astype(int)
    table["share"] = table["expected"] / table["examples"]
    counts = changed.value_counts()
    table["changed"] = counts.reindex(table.index, fill_value=0).astype(int)
    return table.sort_values("share", ascending=False, kind="stable").rename_axis("class").reset_index()


def pair_table(issues: pd.DataFrame) -> pd.DataFrame:
    """Given and suggested class of the label issues, the most frequent first."""
    known = issues["suggested_label"].notna() & issues["given_label"].notna()
    flagged = issues[issues["is_issue"].to_numpy(bool) & known]
    flagged = flagged[flagged["given_label"] != flagged["suggested_label"]]
    grouped = flagged.groupby(["given_label", "suggested_label"], sort=False)["p_error"]
    table = pd.DataFrame({"count": grouped.size(), "expected": grouped.sum()}).reset_index()
    return table.sort_values("count", ascending=False, kind="stable").reset_index(drop=True)


def _data_map(run: Run, issues: pd.DataFrame, missing: list[str]) -> DataMap | None:
    step("data map")
    if not run.epochs:
        missing.append("no data map: no epochs were recorded")
        return None
    if run.dataset.kind.one_class:
        values = score(run, ["variability", "confidence", "correctness"])
    else:
        values = pd.DataFrame(dict(zip(("variability", "confidence", "correctness"), learned(run))))
    rows = np.flatnonzero(values["confidence"].notna() & values["variability"].notna())
    drawn = drawn_of(rows)
    part = values.iloc[drawn]
    line_of = np.full(run.n, -1)
    line_of[issues["row"].to_numpy()] = np.arange(len(issues))
    columns = (part[name].to_numpy(float) for name in ("variability", "confidence", "correctness"))
    return DataMap(*columns, lines=line_of[drawn], thinned_from=len(rows))


def drawn_of(places: np.ndarray) -> np.ndarray:
    """Return a random sample of at most `MAP_POINTS` places, in their order."""
    if len(places) <= MAP_POINTS:
        return places
    return np.sort(np.random.default_rng(0).choice(places, MAP_POINTS, replace=False))


def _noise(run: Run, missing: list[str]) -> NoiseReport | None:
    step("noise between classes")
    if not run.dataset.kind.one_class:
        return None
    if run.k < 2 or not (run.dataset.given_labels >= 0).any():
        return None
    try:
        probs = probabilities(run)
        if probs is None:
            missing.append("no noise matrix: the run has neither predicted probabilities nor embeddings")
            return None
        labels = run.dataset.given_labels
        return noise_report(labels, probs.values, run.classes, out_of_fold=probs.out_of_fold, draws=100)
    except WorkbenchError as error:
        missing.append(f"no noise matrix: {error}")
        return None


def _gain(issues: pd.DataFrame, planted: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Examples reviewed from the top, and share of planted errors found among them, at up to 200 places."""
    known = issues[issues["p_error"].notna()]
    hits = np.cumsum(known.index.isin(planted["id"]))
    at = np.unique(np.linspace(0, len(known), 201).astype(int))
    total = max(int(hits[-1]) if len(hits) else 0, 1)
    return at, np.concatenate([[0], hits])[at] / total


def reliability_of(run: Run, issues: pd.DataFrame) -> tuple[pd.DataFrame | None, str]:
    """Return the bins and a description of the truth; or None and the reason why calibration cannot be checked."""
    try:
        p, wrong, how = known_errors(run, issues)
    except MissingEvidence:
        count = len(judged(run))
        so_far = f"{count:,} {'label was' if count == 1 else 'labels were'} judged by a person"
        return None, f"{so_far}, {FEWEST_VERDICTS} are needed; an audit is the best check"
    return (binned(p, wrong), how) if len(p) else (None, "no example with a verdict has a probability")
