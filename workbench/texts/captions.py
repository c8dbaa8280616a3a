"""Two texts about one item, such as a short and a long caption: details of only one of them, and contradictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from workbench.texts.wording import mentions, words_of

REACH = 3
"""An attribute belongs to the next object within this many words."""


def compare_details(
    short: Sequence[str], long: Sequence[str], objects: Sequence[str], attributes: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Compare the objects and their attributes in two texts about each item.

    Parameters
    ----------
    short, long : n texts each
    objects : names of objects
    attributes : dict of a kind, such as "color", to its values, of which an object has one

    Returns
    -------
    DataFrame, n rows: only_short, only_long, lists of objects that only one of the texts mentions; contradictions,
    list of texts such as "car: red, blue" for objects with different attributes of one kind

    Notes
    -----
    An attribute belongs to the next object within three words ("a red sports car"). Objects are found as in `mentions`.

    References
    ----------
    Wu et al. 2024, LoTLIP: Improving Language-Image Pre-training for Long Text Understanding.
    """
    one, other = mentions(short, objects).toarray(), mentions(long, objects).toarray()
    lines = []
    for row, (text, longer) in enumerate(zip(short, long, strict=True)):
        mine, theirs = (_attributed(each, objects, attributes) for each in (text, longer))
        clash = [
            f"{name}: {', '.join(sorted(mine[name, kind]))}, {', '.join(sorted(theirs[name, kind]))}"
            for name, kind in mine.keys() & theirs.keys()
            if not mine[name, kind] & theirs[name, kind]
        ]
        only = [[name for name, has, lacks in zip(objects, *both) if has and not lacks]
                for both in ((one[row], other[row]), (other[row], one[row]))]  # fmt: skip
        lines.append((*only, sorted(clash)))
    return pd.DataFrame(lines, columns=["only_short", "only_long", "contradictions"])


def _attributed(
    text: str, objects: Sequence[str], attributes: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str], set[str]]:
    """Return the values by (object, kind)."""
    words = words_of(text)
    kind_of = {value.casefold(): kind for kind, values in attributes.items() for value in values}
    found: dict[tuple[str, str], set[str]] = {}
    for place, word in enumerate(words):
        if word not in kind_of:
            continue
        for stop in range(place + 2, min(place + 2 + REACH, len(words) + 1)):
            near = mentions([" ".join(words[place + 1 : stop])], objects).indices
            if len(near):
                found.setdefault((objects[int(near[0])], kind_of[word]), set()).add(word)
                break
    return found
