"""Link free-form tags to known ones, check them against a taxonomy, and list new ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError, shortened
from workbench.tags.descriptions import dice, words

SHOWN_EXAMPLES = 5
"""Number of examples listed for each tag."""


class LinkedTags(NamedTuple):
    """Result of `link_tags`.

    Attributes
    ----------
    tags : DataFrame, one row per distinct free-form tag. labels : n lists of the known tags that were linked.
    """

    tags: pd.DataFrame
    labels: list[list[str]]


def link_tags(
    generated: Sequence[Sequence[str]], vocabulary: Sequence[str], *,
    synonyms: Mapping[str, Sequence[str]] | None = None, threshold: float = 0.7,
    embed: Callable[[Sequence[str]], Any] | None = None,
) -> LinkedTags:  # fmt: skip
    """Link free-form tags to a known vocabulary, and list unmatched ones as candidates for new tags.

    Parameters
    ----------
    generated : n lists of strings, such as the output of a language model.
    vocabulary : k distinct known tags.
    synonyms : maps known tags to alternative names.
    threshold : in [0, 1], minimum similarity of a link.
    embed : function from strings to float (m, d), optional; cosines of these vectors are used in addition to strings.

    Returns
    -------
    LinkedTags
        tags : indexed by the free-form tag in its most frequent spelling (case, punctuation and spaces are ignored);
            linked (the known tag, None for a candidate), similarity (in [0, 1], to the nearest known tag), nearest,
            count (number of examples), is_new, examples (first row numbers). Candidates come first, most frequent
            first; a misspelled candidate is merged with a more frequent one if their similarity reaches the threshold.
        labels : the linked tags of each example, without repetitions, in the order of the vocabulary; pass them to
            `Dataset`.

    Raises
    ------
    InputError : an empty vocabulary or one with duplicates, a synonym of an unknown tag, or a threshold outside [0, 1].

    Notes
    -----
    The similarity of strings is the Dice coefficient of the character bigrams and trigrams of their words, which does
    not depend on word order; that of vectors is their cosine. The larger one is used.

    References
    ----------
    Simig et al. 2022, Open Vocabulary Extreme Classification Using Generative Models.

    Examples
    --------
    >>> found = link_tags([["Sunsets"], ["sunset", "drone"], ["drone"]], ["sunset", "beach"])
    >>> found.tags["linked"].tolist(), found.tags["count"].to_dict()
    ([None, 'sunset', 'sunset'], {'drone': 2, 'Sunsets': 1, 'sunset': 1})
    >>> found.labels
    [['sunset'], ['sunset'], []]
    """
    if not 0 <= threshold <= 1:
        raise InputError.at("threshold", f"is {threshold!r}", "Give a share between 0 and 1.")
    known = [str(one) for one in vocabulary]
    if not known or len(set(known)) < len(known):
        raise InputError.at("vocabulary", f"is {shortened(known)}", "Give distinct tags.")
    names, owner = list(known), list(range(len(known)))
    for tag, others in (synonyms or {}).items():
        if tag not in known:
            raise InputError.unknown("tag", tag, known, "It was named in `synonyms`.")
        names += [str(one) for one in others]
        owner += [known.index(tag)] * len(list(others))
    rows, spelled = _by_form(generated)
    forms = list(rows)
    best = similarity(forms, names, embed)
    nearest = best.argmax(axis=1) if len(forms) else np.empty(0, np.int64)
    score = best[np.arange(len(forms)), nearest] if len(forms) else np.empty(0)
    links = {form: owner[place] for form, place, value in zip(forms, nearest.tolist(), score) if value >= threshold}
    merged = _merged([form for form in forms if form not in links], rows, threshold, embed)
    lines = []
    for form, place, value in zip(forms, nearest.tolist(), score.tolist()):
        if merged.get(form, form) != form:
            continue
        mine = sorted({row for one in forms if one == form or merged.get(one) == form for row in rows[one]})
        linked = known[links[form]] if form in links else None
        line = {"linked": linked, "similarity": value, "nearest": known[owner[place]], "count": len(mine)}
        lines.append({"tag": spelled[form], **line, "is_new": linked is None, "examples": mine[:SHOWN_EXAMPLES]})
    columns = ["tag", "linked", "similarity", "nearest", "count", "is_new", "examples"]
    frame = pd.DataFrame(lines, columns=columns).set_index("tag")
    frame["linked"] = pd.Series([line["linked"] for line in lines], index=frame.index, dtype=object)
    frame = frame.sort_values(["is_new", "count"], ascending=False, kind="stable")
    found: list[set[int]] = [set() for _ in generated]
    for form, tag in links.items():
        for row in rows[form]:
            found[row].add(tag)
    return LinkedTags(frame, [[known[tag] for tag in sorted(one)] for one in found])


def invalid_tags(
    tags: Sequence[Sequence[str]], taxonomy: Sequence[str], *, most: int = 1
) -> pd.DataFrame:  # fmt: skip
    """Find tags that are not in a taxonomy, their longest valid prefix, and the nearest valid tags.

    Parameters
    ----------
    tags : n lists of strings, imported or generated.
    taxonomy : the valid tags, such as "Energy > Solar > Roofs".
    most : number of nearest valid tags to return, at least 1.

    Returns
    -------
    DataFrame, one row per invalid tag of an example
        row (int64, of the example), tag, valid_prefix (longest prefix of a valid tag), allowed_next (characters that
        may follow it, sorted), nearest (the valid tag with the fewest edits, ties in the order of the taxonomy; a list
        if `most` is above 1), edits (int64, insertions, deletions and replacements).

    Raises
    ------
    InputError : an empty taxonomy, or `most` below 1.

    Notes
    -----
    Edits are counted along the trie, so common prefixes are compared once.

    References
    ----------
    Buchner et al. 2024, Prompt Tuned Embedding Classification for Multi-Label Industry Sector Allocation, who keep
    generated sectors inside a trie.

    Examples
    --------
    >>> found = invalid_tags([["Energy > Solr"], ["Water"]], ["Energy > Solar", "Water"])
    >>> found[["nearest", "edits"]].to_numpy().tolist()
    [['Energy > Solar', 1]]
    """
    valid = list(dict.fromkeys(str(one) for one in taxonomy))
    if not valid:
        raise InputError.at("taxonomy", "is empty", "Give the valid tags.")
    check_whole("most", most, 1)
    trie = Trie(valid)
    known, repaired, lines = set(valid), {}, []
    for row, given in enumerate(tags):
        for tag in given:
            if tag in known:
                continue
            if tag not in repaired:
                prefix, allowed = trie.follow(tag)
                found = trie.nearest(tag, int(most))
                names = [valid[place] for place, _ in found]
                repaired[tag] = (prefix, allowed, names[0] if most == 1 else names, found[0][1])
            lines.append((row, tag, *repaired[tag]))
    return pd.DataFrame(lines, columns=["row", "tag", "valid_prefix", "allowed_next", "nearest", "edits"])


class Trie:
    """The valid strings as a prefix tree.

    Parameters
    ----------
    valid : distinct strings.
    """

    def __init__(self, valid: Sequence[str]) -> None:
        self.root: dict[str, Any] = {}
        for place, text in enumerate(valid):
            node = self.root
            for letter in text:
                node = node.setdefault(letter, {})
            node[""] = place  # where a string ends

    def follow(self, text: str) -> tuple[str, str]:
        """Return the longest prefix of the text that begins a valid string, and the characters that may follow."""
        node, length = self.root, 0
        for letter in text:
            if letter not in node:
                break
            node, length = node[letter], length + 1
        return text[:length], "".join(sorted(letter for letter in node if letter))

    def nearest(self, text: str, most: int) -> list[tuple[int, int]]:
        """Return (place, edits) of the valid strings with the fewest edits, computing shared prefixes once."""
        found: list[tuple[int, int]] = []
        first = np.arange(len(text) + 1)
        letters = np.array(list(text))
        waiting = [(self.root, first)]
        while waiting:
            node, row = waiting.pop()
            limit = sorted(edits for _, edits in found)[most - 1] if len(found) >= most else None
            if limit is not None and row.min() > limit:
                continue
            for letter, below in node.items():
                if not letter:
                    found.append((below, int(row[-1])))
                    continue
                step = np.minimum(row[1:] + 1, row[:-1] + (letters != letter)) if len(text) else row[1:]
                step = np.concatenate([[row[0] + 1], step])
                step = np.minimum.accumulate(step - first) + first  # insertions along the row
                waiting.append((below, step))
        return sorted(found, key=lambda one: (one[1], one[0]))[:most]


def similarity(some: Sequence[str], others: Sequence[str], embed: Callable[[Sequence[str]], Any] | None) -> np.ndarray:
    """Return similarities (len(some), len(others)) in [0, 1], the larger one of strings and vectors."""
    found = dice([words(text) for text in some], [words(text) for text in others])
    if embed is None or not len(some):
        return found
    vectors = [np.asarray(embed(list(group)), float) for group in (some, others)]
    unit = [v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in vectors]
    return np.maximum(found, np.clip(unit[0] @ unit[1].T, 0, 1))


def _by_form(generated: Sequence[Sequence[str]]) -> tuple[dict[str, list[int]], dict[str, str]]:
    """Return the rows of each form, and its most frequent spelling."""
    rows: dict[str, list[int]] = {}
    spellings: dict[str, Counter[str]] = {}
    for row, given in enumerate(generated):
        for text in dict.fromkeys(given):
            form = " ".join(words(str(text)))
            if form and row not in rows.get(form, [])[-1:]:
                rows.setdefault(form, []).append(row)
            if form:
                spellings.setdefault(form, Counter())[str(text)] += 1
    return rows, {form: counted.most_common(1)[0][0] for form, counted in spellings.items()}


def _merged(
    forms: list[str], rows: Mapping[str, list[int]], threshold: float, embed: Callable[[Sequence[str]], Any] | None
) -> dict[str, str]:
    """Map each candidate to the more frequent candidate that it is merged with, or to itself."""
    order = sorted(forms, key=lambda form: (-len(rows[form]), forms.index(form)))
    alike = similarity(order, order, embed)
    kept: list[int] = []
    found = {}
    for place, form in enumerate(order):
        close = [other for other in kept if alike[place, other] >= threshold]
        found[form] = order[close[0]] if close else form
        if not close:
            kept.append(place)
    return found
