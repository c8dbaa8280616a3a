"""Recall of the stages of a pipeline for very many tags (guess, retrieve, rank), and tags that no stage found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, shortened
from workbench.tags.tables import TagTable, cells_frame, table_of_tags
from workbench.tasks.tag_cells import NO, YES

Trail = Mapping[str, Sequence[Sequence[object]]] | pd.DataFrame


def trail_recall(
    labels: Any, stages: Trail, *, at: Sequence[int] = (1, 5, 10, 50), classes: Sequence[object] | None = None
) -> pd.DataFrame:
    """Compute how many of the given tags each stage of a retrieve-and-rank pipeline ranks among its first results.

    Parameters
    ----------
    labels : as in `proposals`. classes : as in `proposals`.
    stages : maps each stage to n lists of tags (names or numbers), best first; or a DataFrame with columns row (number
        or id), stage, tag and rank (small = best). Unknown tags count as misses.
    at : ranks, at least 1.

    Returns
    -------
    DataFrame indexed by stage, in the given order
        recall@r : share of the tags of an example among the first r, mean over examples with tags. rank_precision@r :
        number of hits among the first r divided by min(r, number of tags), likewise. recall : of the whole list.
        length : mean length of the lists. unknown : number of listed tags that are unknown.

    Raises
    ------
    InputError : a stage with the wrong length, a rank below 1, or labels in an unsupported form.

    References
    ----------
    D'Oosterlinck et al. 2024, In-Context Learning for Extreme Multi-Label Classification.
    """
    ranks = [int(one) for one in at]
    if not ranks or min(ranks) < 1 or any(int(one) != one for one in at):
        raise InputError.at("at", f"is {shortened(list(at))}", "Give ranks from 1.")
    table = table_of_tags(labels, classes)
    size = (table.given == YES).sum(axis=1)
    some = size > 0
    lines = {}
    for stage, lists, unknown in _listed(table, stages):
        hits = [np.array([tag >= 0 and table.given[row, tag] == YES for tag in one], bool) for row, one in
                enumerate(lists)]  # fmt: skip
        line: dict[str, float] = {}
        for rank in ranks:
            first = np.array([one[:rank].sum() for one in hits])
            line[f"recall@{rank}"] = float((first[some] / size[some]).mean()) if some.any() else np.nan
            best = np.minimum(rank, size[some])
            line[f"rank_precision@{rank}"] = float((first[some] / best).mean()) if some.any() else np.nan
        every = np.array([one.sum() for one in hits])
        line["recall"] = float((every[some] / size[some]).mean()) if some.any() else np.nan
        line["length"] = float(np.mean([len(one) for one in lists])) if lists else np.nan
        lines[stage] = {**line, "unknown": unknown}
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("stage")


def never_retrieved(labels: Any, stages: Trail, *, classes: Sequence[object] | None = None) -> pd.DataFrame:
    """Find given tags that no stage found for their example: wrong labels, or tags that the pipeline misses.

    Parameters
    ----------
    labels, stages, classes : as in `trail_recall`.

    Returns
    -------
    DataFrame indexed by (id, unit)
        in the format of `proposals`, with support (int64, number of examples given the tag) and found_elsewhere (share
        of the other examples with the tag for which a stage found it; NaN if there are none). Tags that are found
        elsewhere come first, since they point to the example rather than to the pipeline.

    Raises
    ------
    InputError : a stage with the wrong length, or labels in an unsupported form.
    """
    table = table_of_tags(labels, classes)
    found = np.zeros(table.given.shape, bool)
    for _, lists, _ in _listed(table, stages):
        for row, one in enumerate(lists):
            found[row, [tag for tag in one if tag >= 0]] = True
    yes = table.given == YES
    support, hits = yes.sum(axis=0), (yes & found).sum(axis=0)
    rows, tags = np.nonzero(yes & ~found)
    with np.errstate(invalid="ignore", divide="ignore"):
        elsewhere = hits[tags] / (support[tags] - 1)
    order = np.lexsort((tags, rows, -np.nan_to_num(elsewhere, nan=-1.0)))
    rows, tags, elsewhere = rows[order], tags[order], elsewhere[order]
    suggested = np.full(len(rows), NO)
    return cells_frame(table, rows, tags, suggested, support=support[tags], found_elsewhere=elsewhere)


def _listed(table: TagTable, stages: Trail) -> Iterator[tuple[str, list[list[int]], int]]:
    """Yield each stage with lists of distinct tag numbers, -1 for unknown ones, and the number of unknown ones."""
    n = len(table.given)
    place = {name: number for number, name in enumerate(table.names)}
    for stage, lists in (_of_frame(table, stages) if isinstance(stages, pd.DataFrame) else stages).items():
        if len(lists) != n:
            raise InputError.at("stages", f"have {len(lists)} lists in {stage!r} for {n} examples", "Give one each.")
        coded = []
        for one in lists:
            codes = [_code(tag, place) for tag in dict.fromkeys(one)]
            coded.append(codes)
        yield str(stage), coded, sum(code < 0 for one in coded for code in one)


def _code(tag: object, place: Mapping[str, int]) -> int:
    if isinstance(tag, (int, np.integer)) and str(tag) not in place:
        return int(tag) if 0 <= tag < len(place) else -1
    return place.get(str(tag), -1)


def _of_frame(table: TagTable, frame: pd.DataFrame) -> dict[str, list[list[object]]]:
    for name in ("row", "stage", "tag", "rank"):
        if name not in frame.columns:
            raise InputError.unknown("column", name, frame.columns, "A trail has row, stage, tag and rank.")
    rows = {one: number for number, one in enumerate(table.ids.tolist())}
    found: dict[str, list[list[object]]] = {}
    for row, stage, tag in frame.sort_values("rank", kind="stable")[["row", "stage", "tag"]].itertuples(index=False):
        if row not in rows:
            raise InputError.at("stages", f"name the row {shortened(row)}", "Use ids, or row numbers without ids.")
        found.setdefault(str(stage), [[] for _ in rows])[rows[row]].append(tag)
    first = dict.fromkeys(map(str, frame["stage"]))
    return {stage: found[stage] for stage in first}
