"""Two schemes of entity types side by side: a proposed mapping of types, overlap of entities, and merged labels.

Zheng, Chen and Ma 2022, Cross-domain Named Entity Recognition via Graph Matching.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, shortened
from workbench.foundation.printing import Printed
from workbench.spans.overlaps import matched_spans, overlap_share
from workbench.spans.projection_faults import Fault, Projection, fault_table
from workbench.spans.span_lists import SpanLists, read_ids, read_span_lists, read_texts
from workbench.spans.type_names import name_similarity
from workbench.tasks.span_tags import OUTSIDE, Span

NAME_WEIGHT = 0.5
"""Weight of the similarity of names beside that of the entities, in the evidence for a pair of types."""

GRAPH_WEIGHT, GRAPH_ROUNDS = 0.3, 20
"""Weight of the similarity of neighbours in the graphs of types, and number of rounds in which it spreads."""

NARROWER_SHARE = 0.5
"""Share of a type's spans inside spans of another type from which it is proposed as a part of that one."""


@dataclass(frozen=True, repr=False)
class TypeMapping(Printed):
    """A proposed mapping between the types of two schemes.

    Attributes
    ----------
    mapping : DataFrame indexed by the types of `one`: other (the type that it maps to, None if unmatched), relation
        ("same", "narrower", or None), score (in [0, 1]), margin (loss of the assignment without this pair), entities
        and names (the evidence), spans (number).
    unmatched : types of `other` to which none maps.
    scores : DataFrame (types of `one`, types of `other`), float64.
    confusion : DataFrame, float64: the same and "O", sums of overlaps of spans in the same texts; shares of common
        entities of two data sets.
    """

    mapping: pd.DataFrame
    unmatched: tuple[str, ...]
    scores: pd.DataFrame
    confusion: pd.DataFrame

    def __str__(self) -> str:
        known = self.mapping["other"].notna()
        pairs = [f"{one} -> {other}" for one, other in self.mapping["other"][known].items()]
        said = [f"{len(pairs)} of {len(known)} types mapped: {', '.join(pairs) or 'none'}"]
        alone = [*self.mapping.index[~known], *self.unmatched]
        return "\n".join([*said, f"unmatched: {', '.join(alone)}"] if alone else said)

    def types(self) -> dict[str, str]:
        """Return a dict of the mapped types of `one` to those of `other`."""
        return self.mapping["other"].dropna().to_dict()


def map_types(
    one: Any, other: Any, *, texts: Any = None, other_texts: Any = None, graphs: tuple[Any, Any] | None = None,
    least_score: float = 0.15,
) -> TypeMapping:  # fmt: skip
    """Propose which types of two schemes mean the same.

    Parameters
    ----------
    one, other : spans in two schemes: n lists of spans or tags, Runs or Datasets. Of the same texts, they may be two
        annotations, or an annotation and the predictions of a model trained on the other scheme.
    texts, other_texts : for two data sets with different texts: n and m str, or lists of tokens; by default those of
        Runs or Datasets. The entities that occur in both are compared instead of positions.
    graphs : (k, k) and (l, l) float, similarities of the types within each scheme, in the order of the sorted names,
        such as confusion matrices of models; by default how often types occur in the same text.
    least_score : in [0, 1], smallest score of a pair.

    Returns
    -------
    TypeMapping, with `mapping`, `unmatched`, `scores` and `confusion`. It is a proposal: check pairs with a small score
    or margin.

    Raises
    ------
    InputError : different numbers of texts without `other_texts`, or graphs of the wrong shape.

    Notes
    -----
    Entities: in the same texts, Dice's coefficient of two types, 2 sum IoU / (n_t + n_u) over pairs of overlapping
    spans; in different texts, sum over entities of min(p_t, p_u) of the shares of mentions. With the similarity of
    names, E = (entities + 0.5 names) / 1.5, or the larger one if only one is above 0. The graphs add S = 0.7 E + 0.3 A
    S B', with rows of A and B that sum to 1 (IsoRank), scaled to the largest E. The mapping is the assignment with the
    largest sum of S. A type that is left over is "narrower" than the type that holds at least half of its spans.

    References
    ----------
    Zheng, Chen and Ma 2022, Cross-domain Named Entity Recognition via Graph Matching. Singh, Xu and Berger 2008,
    Global alignment of multiple protein interaction networks (IsoRank).

    Examples
    --------
    >>> found = map_types([[(0, 3, "PER"), (8, 12, "LOC")]], [[(0, 3, "Person"), (8, 12, "City")]])
    >>> found.types()
    {'LOC': 'City', 'PER': 'Person'}
    """
    first, second = read_span_lists(one, "one"), read_span_lists(other, "other")
    names = _names(first), _names(second)
    if not all(names):
        raise InputError.at("one" if not names[0] else "other", "has no spans", "Pass labels with spans.")
    same = other_texts is None and first.n == second.n
    if same:
        confusion, held = _by_position(first, second, names)
        counts = _counts(first, names[0]), _counts(second, names[1])
        entities = 2 * confusion[:-1, :-1] / (counts[0][:, None] + counts[1][None, :])
    else:
        entities, held = _by_form(_forms(first, texts, "texts"), _forms(second, other_texts, "other_texts"), names)
        confusion = np.zeros((len(names[0]) + 1, len(names[1]) + 1))
        confusion[:-1, :-1] = entities
    alike = name_similarity(names[0], names[1])
    both = np.where((entities > 0) & (alike > 0), (entities + NAME_WEIGHT * alike) / (1 + NAME_WEIGHT), 0)
    evidence = np.maximum(both, np.maximum(entities, NAME_WEIGHT * alike))
    scores = _spread(evidence, *_graphs(graphs, (first, second), names))
    frame = _assigned(scores, evidence, entities, alike, held, names, least_score, _counts(first, names[0]))
    labels = pd.Index([*names[0], OUTSIDE], name="one"), pd.Index([*names[1], OUTSIDE], name="other")
    unmatched = tuple(name for name in names[1] if name not in set(frame["other"]))
    table = pd.DataFrame(scores, labels[0][:-1], labels[1][:-1])
    return TypeMapping(frame, unmatched, table, pd.DataFrame(confusion, *labels))


def entity_overlap(one: Any, other: Any, *, texts: Any = None, other_texts: Any = None) -> pd.DataFrame:
    """Count the entities that two data sets have in common, by type, such as of two domains.

    Parameters
    ----------
    one, other, texts, other_texts : as in `map_types`.

    Returns
    -------
    DataFrame indexed by (type of one, type of other), pairs with common entities and, with None, all types of `one`
        entities (distinct, without case), common (of these, in `other` with this type; with None, in any type), share
        (common / entities), mentions, mentions_common (mentions of common entities).

    Raises
    ------
    InputError : data without texts or tokens.

    Examples
    --------
    >>> found = entity_overlap([[(0, 3, "PER")], [(0, 2, "PER")]], [[(0, 3, "Name")]], texts=["Ada", "Bo"],
    ...                        other_texts=["Ada"])
    >>> found.loc[("PER", "Name")].tolist()
    [2.0, 1.0, 0.5, 2.0, 1.0]
    """
    first = _forms(read_span_lists(one, "one"), texts, "texts")
    second = _forms(read_span_lists(other, "other"), other_texts, "other_texts")
    every = {form for forms in second.values() for form in forms}
    rows, index = [], []
    for name in sorted(first):
        forms = first[name]
        for to, there in [(None, every), *((other, set(second[other])) for other in sorted(second))]:
            common = [form for form in forms if form in there]
            if common or to is None:
                mentions = sum(forms.values()), sum(forms[form] for form in common)
                rows.append((len(forms), len(common), len(common) / len(forms), *mentions))
                index.append((name, to))
    columns = ["entities", "common", "share", "mentions", "mentions_common"]
    names = pd.MultiIndex.from_tuples(index, names=["one", "other"])
    return pd.DataFrame(rows, index=names, columns=pd.Index(columns))


def merge_schemes(
    one: Any, other: Any, mapping: TypeMapping | Mapping[str, str], *, texts: Any = None, other_texts: Any = None,
    ids: Any = None,
) -> Projection:  # fmt: skip
    """Merge the spans of two schemes into one, for import and export.

    Parameters
    ----------
    one, other : as in `map_types`.
    mapping : result of `map_types`, or dict of types of `one` to types of `other`. Mapped types get the name of
        `other`. An unmatched type keeps its name, with " (one)" if `other` has another type of this name.
    texts, other_texts : n and m str, or lists of tokens; by default those of Runs or Datasets. With `other_texts`, or
        different numbers of examples, the examples of `other` follow those of `one`.
    ids : ids of the results; by default those of `one`, or the row numbers if examples follow each other.

    Returns
    -------
    Projection
        Of the same texts, `spans` has each span once; if spans that overlap differ in class or position, that of `one`
        is kept, and it is in `issues` as "conflict", with that of `other` as suggestion. `sources`: 0 for spans that
        `one` has, 1 for those that only `other` has. ``frame()`` is ready for `import_run`, and so for `export`.

    Raises
    ------
    InputError : a mapping from or to unknown types.

    Examples
    --------
    >>> merged = merge_schemes([[(0, 3, "PER")]], [[(0, 3, "Person"), (5, 9, "City")]], {"PER": "Person"},
    ...                        texts=["Ada: Rome"])
    >>> merged.spans
    [[(0, 3, 'Person'), (5, 9, 'City')]]
    """
    first, second = read_span_lists(one, "one"), read_span_lists(other, "other")
    known = tuple({span[2] for own in side.spans for span in own} for side in (first, second))
    types = mapping.types() if isinstance(mapping, TypeMapping) else dict(mapping)
    for name, to in types.items():
        if name not in known[0] or to not in known[1]:
            found = f"maps {shortened(name)} to {shortened(to)}"
            raise InputError.at("mapping", found, "Map types of `one` to types of `other`.")
    types |= {name: f"{name} (one)" if name in known[1] else name for name in known[0] if name not in types}
    mapped = [sorted((start, end, types[label]) for start, end, label in own) for own in first.spans]
    words = _words(first, texts, "texts")
    if other_texts is not None or first.n != second.n:
        more = _words(second, other_texts, "other_texts")
        spans = [*mapped, *second.spans]
        sources = [[int(row >= first.n)] * len(own) for row, own in enumerate(spans)]
        ends = np.concatenate([first.lengths, second.lengths])
        both = None if words is None or more is None else [*words, *more]
        return _merged(spans, sources, [], both, ends, read_ids(ids, np.arange(len(spans))))
    spans, sources = [], []
    faults: list[Fault] = []
    for row, (mine, theirs) in enumerate(zip(mapped, second.spans)):
        kept: dict[Span, int] = dict.fromkeys(mine, 0)
        for left, right in matched_spans(mine, theirs, least=1e-9):
            if left is None and right is not None:
                kept[right] = 1
            elif left is not None and right is not None and left != right:
                reason = f"the other scheme has {right[2]} at {right[0]}:{right[1]}"
                faults.append(Fault(row, "conflict", left, right, reason, 1 - overlap_share(left, right)))
        spans.append(sorted(kept))
        sources.append([kept[span] for span in sorted(kept)])
    lengths = np.maximum(first.lengths, second.lengths)
    return _merged(spans, sources, faults, words, lengths, read_ids(ids, first.ids))


def _merged(
    spans: list[list[Span]], sources: list[list[int]], faults: list[Fault], words: list[Any] | None,
    lengths: np.ndarray, ids: np.ndarray,
) -> Projection:  # fmt: skip
    is_text = words is None or all(isinstance(one, str) for one in words)
    texts, tokens = (words, None) if is_text else (None, words)
    return Projection(ids, spans, texts, tokens, lengths, sources, fault_table(faults, ids, spans, texts, tokens))


def _words(side: SpanLists, texts: Any, field: str) -> list[Any] | None:
    """Return n texts, or n lists of tokens; None if unknown."""
    if texts is None:
        return side.texts
    if len(texts) and not isinstance(texts[0], str):
        return [[str(word) for word in own] for own in texts]
    return read_texts(texts, side.n, field)


def _forms(side: SpanLists, texts: Any, field: str) -> dict[str, Counter[str]]:
    """Return the number of mentions of each entity, without case, by type."""
    words = _words(side, texts, field)
    if words is None or len(words) != side.n:
        problem = "is not given" if words is None else f"has {len(words)} entries for {side.n} examples"
        raise InputError.at(field, problem, "Pass one text, or one list of tokens, per example.")
    found: dict[str, Counter[str]] = {}
    for own, text in zip(side.spans, words):
        for start, end, label in own:
            form = text[start:end] if isinstance(text, str) else " ".join(text[start:end])
            found.setdefault(label, Counter())[" ".join(form.casefold().split())] += 1
    return found


def _names(side: SpanLists) -> list[str]:
    return sorted({span[2] for own in side.spans for span in own})


def _counts(side: SpanLists, names: list[str]) -> np.ndarray:
    counted = Counter(span[2] for own in side.spans for span in own)
    return np.array([counted[name] for name in names], float)


def _by_position(
    first: SpanLists, second: SpanLists, names: tuple[list[str], list[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return sums of overlaps (k + 1, l + 1) and the shares of spans of `one` inside spans of `other` (k, l)."""
    code = [{name: place for place, name in enumerate(side)} for side in names]
    table = np.zeros((len(names[0]) + 1, len(names[1]) + 1))
    held = np.zeros((len(names[0]), len(names[1])))
    for mine, theirs in zip(first.spans, second.spans):
        for left, right in matched_spans(mine, theirs, least=1e-9):
            row = -1 if left is None else code[0][left[2]]
            column = -1 if right is None else code[1][right[2]]
            table[row, column] += 1.0 if left is None or right is None else overlap_share(left, right)
        for left in mine:
            for kind in {one[2] for one in theirs if one[0] <= left[0] and left[1] <= one[1]}:
                held[code[0][left[2]], code[1][kind]] += 1
    return table, held / _counts(first, names[0])[:, None]


def _by_form(
    first: dict[str, Counter[str]], second: dict[str, Counter[str]], names: tuple[list[str], list[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the intersections of the shares of mentions (k, l), and the shares of mentions of common entities."""
    common, held = (np.zeros((len(names[0]), len(names[1]))) for _ in range(2))
    for i, name in enumerate(names[0]):
        total = sum(first[name].values())
        for j, to in enumerate(names[1]):
            there, whole = second[to], sum(second[to].values())
            shared = [form for form in first[name] if form in there]
            common[i, j] = sum(min(first[name][form] / total, there[form] / whole) for form in shared)
            held[i, j] = sum(first[name][form] for form in shared) / total
    return common, held


def _graphs(
    graphs: tuple[Any, Any] | None, sides: tuple[SpanLists, SpanLists], names: tuple[list[str], list[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the graphs of types (k, k) and (l, l), rows that sum to 1, or to 0 without neighbours."""
    found = []
    for place, (side, own) in enumerate(zip(sides, names)):
        if graphs is None:
            table = np.zeros((side.n, len(own)))
            for row, spans in enumerate(side.spans):
                table[row, [own.index(kind) for kind in {span[2] for span in spans}]] = 1
            links = table.T @ table
        else:
            links = np.asarray(graphs[place], float)
            if links.shape != (len(own), len(own)) or not np.isfinite(links).all() or (links < 0).any():
                todo = f"Pass finite numbers of at least 0, ({len(own)}, {len(own)}), for {own}."
                raise InputError.at("graphs", f"holds an array of shape {links.shape}", todo)
            links = links + links.T
        np.fill_diagonal(links, 0)
        total = links.sum(axis=1, keepdims=True)
        found.append(np.divide(links, total, out=np.zeros_like(links), where=total > 0))
    return found[0], found[1]


def _spread(evidence: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the evidence with that of neighbouring types, on the scale of the evidence."""
    top = float(evidence.max())
    scores = evidence
    for _ in range(GRAPH_ROUNDS):
        scores = (1 - GRAPH_WEIGHT) * evidence + GRAPH_WEIGHT * (one @ scores @ other.T)
    return scores * (top / scores.max()) if scores.max() > 0 else scores


def _assigned(
    scores: np.ndarray, evidence: np.ndarray, entities: np.ndarray, alike: np.ndarray, held: np.ndarray,
    names: tuple[list[str], list[str]], least: float, counts: np.ndarray,
) -> pd.DataFrame:  # fmt: skip
    """Return the rows of `TypeMapping.mapping`."""
    from scipy.optimize import linear_sum_assignment

    def best(table: np.ndarray) -> tuple[float, dict[int, int]]:
        rows, columns = linear_sum_assignment(table, maximize=True)
        return float(table[rows, columns].sum()), dict(zip(rows.tolist(), columns.tolist()))

    usable = np.where((scores >= least) & (evidence > 0), scores, 0.0)
    total, chosen = best(usable)
    rows: list[tuple[object, ...]] = []
    for i in range(len(names[0])):
        j, relation, margin = chosen.get(i, -1), "same", np.nan
        if j >= 0 and usable[i, j] > 0:
            without = usable.copy()
            without[i, j] = 0
            margin = total - best(without)[0]
        else:
            j = int(np.argmax(held[i]))
            relation = "narrower" if held[i, j] >= NARROWER_SHARE else None
        if relation is None:
            nearest = int(np.argmax(scores[i]))
            rows.append((None, None, scores[i, nearest], np.nan, *(one[i, nearest] for one in (entities, alike))))
        else:
            score = scores[i, j] if relation == "same" else held[i, j]
            rows.append((names[1][j], relation, score, margin, entities[i, j], alike[i, j]))
    columns = ["other", "relation", "score", "margin", "entities", "names"]
    frame = pd.DataFrame(rows, index=pd.Index(names[0], name="one"), columns=pd.Index(columns))
    for name in columns[:2]:
        frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    return frame.assign(spans=counts.astype(np.int64))
