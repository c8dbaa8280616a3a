"""Projected spans: planted faults found by `wb.spans`, on sentence pairs that are made on the spot.

    python benchmarks/projected_spans.py

1. Markers: translated sentences in which a seventh of the markers has a fault; share of faults in `issues`, false
   alarms, span F1 before and after the suggestions. 2. Alignments with wrong links: span F1 of `place_spans` and of the
   range of all linked tokens; average precision of wrong positions by margin. 3. Tags of five languages with 20 % wrong
   links: accuracy of `propagate_tags`, of single sources and of an equal vote.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

import workbench as wb

PEOPLE = ["Ada Berg", "Boris Costa", "Chen Dimas", "Dana Ekman", "Elif Faro", "Femi Gil", "Goran Haas"]
TOWNS = [("Norwell", "Norwell"), ("Munich", "München"), ("Vienna", "Wien"), ("Oakham", "Oakham"), ("Rome", "Rom")]
PATTERNS = [
    ("{p} flew to {t} on Monday .", "Am Montag flog {p} nach {t} ."),
    ("In {t} it rained when {p} came .", "Es regnete in {t} , als {p} kam ."),
    ("{p} and {q} met in {t} .", "In {t} trafen sich {p} und {q} ."),
    ("The mayor of {t} called {p} .", "Der Bürgermeister von {t} rief {p} an ."),
    ("Nobody was there .", "Niemand war dort ."),
]
MARKER_FAULTS = ("drop", "double", "open", "inside", "swap")


def sentence_pairs(n: int, seed: int) -> list[tuple[str, list[Any], str, list[Any]]]:
    """Return n tuples (text, spans, translation, its spans), in characters, in the order of the source's spans."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        source, target = PATTERNS[int(rng.integers(len(PATTERNS)))]
        p, q = rng.choice(len(PEOPLE), 2, replace=False)
        town = TOWNS[int(rng.integers(len(TOWNS)))]
        words = [{"p": PEOPLE[p], "q": PEOPLE[q], "t": one} for one in town]
        sides = [_filled(text, own) for text, own in zip((source, target), words)]
        order = sorted(sides[0][1], key=lambda name: sides[0][1][name])
        spans = [[(*side[1][name], "LOC" if name == "t" else "PER") for name in order] for side in sides]
        found.append((sides[0][0], spans[0], sides[1][0], spans[1]))
    return found


def _filled(pattern: str, words: dict[str, str]) -> tuple[str, dict[str, tuple[int, int]]]:
    text, places = "", {}
    for piece in pattern.split(" "):
        text += " " if text else ""
        name = piece.strip("{}")
        if piece != name:
            places[name] = (len(text), len(text) + len(words[name]))
            text += words[name]
        else:
            text += piece
    return text, places


def marked_with_faults(pairs: list[Any], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Return translations with letters as markers, and the planted fault of each ("" without one)."""
    rng = np.random.default_rng(seed)
    lines, planted = [], []
    for _, _, text, spans in pairs:
        fault = str(rng.choice(MARKER_FAULTS)) if spans and rng.random() < share else ""
        fault = "drop" if fault == "swap" and len(spans) < 2 else fault
        chosen = int(rng.integers(max(len(spans), 1)))
        pieces = [(start, f"<{chr(97 + number)}>", end, f"</{chr(97 + number)}>")
                  for number, (start, end, _) in enumerate(spans)]  # fmt: skip
        if fault == "drop":
            pieces.pop(chosen)
        elif fault == "swap":
            one, other = pieces[0], pieces[1]
            pieces[0], pieces[1] = (one[0], other[1], one[2], other[3]), (other[0], one[1], other[2], one[3])
        elif fault == "inside":
            start, opening, end, closing = pieces[chosen]
            pieces[chosen] = (start, opening, end - 2, closing)
        marks = [mark for start, opening, end, closing in pieces for mark in ((start, 1, opening), (end, 0, closing))]
        if fault == "open":
            marks.remove((pieces[chosen][2], 0, pieces[chosen][3]))
        elif fault == "double":
            marks += [(0, 1, pieces[chosen][1]), (2, 0, pieces[chosen][3])] if pieces[chosen][0] > 3 else [
                (len(text) - 1, 1, pieces[chosen][1]), (len(text), 0, pieces[chosen][3])]  # fmt: skip
        line, at = "", 0
        for place, _, mark in sorted(marks):
            line, at = line + text[at:place] + mark, place
        lines.append(line + text[at:])
        planted.append(fault)
    return lines, planted


def span_f1(found: list[Any], true: list[Any]) -> float:
    """Return F1 of exact spans."""
    hits = sum(len(set(one) & set(other)) for one, other in zip(found, true))
    return 2 * hits / max(sum(map(len, found)) + sum(map(len, true)), 1)


def accepted(found: Any, spans: list[Any]) -> list[Any]:
    """Return the spans after all suggestions of the issues are accepted."""
    kept = [list(own) for own in spans]
    numbered = [list(own) for own in spans]
    for (_, unit), one in found.issues.iterrows():
        row, value = int(one["row"]), json.loads(one["suggested_value"])
        if unit.startswith("g"):
            kept[row].remove(numbered[row][int(unit[1:])])
        if value is not None:
            kept[row].append((value["start"], value["end"], value["label"]))
    return [sorted(set(own)) for own in kept]


def markers(n: int = 2000) -> str:
    pairs = sentence_pairs(n, 0)
    lines, planted = marked_with_faults(pairs, 0.15, 1)
    found = wb.spans.read_marked(
        lines, [spans for _, spans, _, _ in pairs], style="letters", source_texts=[text for text, *_ in pairs]
    )
    rows = set(found.issues["row"])
    wrong = {row for row, fault in enumerate(planted) if fault}
    by_kind = {
        fault: np.mean([row in rows for row, one in enumerate(planted) if one == fault]) for fault in MARKER_FAULTS
    }
    true = [sorted(spans) for *_, spans in pairs]
    alarms = len(rows - wrong) / (n - len(wrong))
    shares = ", ".join(f"{fault} {share:.2f}" for fault, share in by_kind.items())
    f1 = span_f1(found.spans, true), span_f1(accepted(found, found.spans), true)
    return f"| markers | {len(wrong)} of {n} | {shares} | {alarms:.3f} | {f1[0]:.3f} | {f1[1]:.3f} |"


def linked(pairs: list[Any], wrong: float, seed: int) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Return (source spans, links with weights, target tokens, true target spans), in tokens, by word positions."""
    rng = np.random.default_rng(seed)
    out: tuple[list[Any], list[Any], list[Any], list[Any]] = ([], [], [], [])
    for source, spans, target, true in pairs:
        sides = [text.split(" ") for text in (source, target)]
        starts = [np.cumsum([0, *(len(word) + 1 for word in side)]).tolist() for side in sides]
        in_tokens = [
            [(at.index(start), at.index(end + 1), label) for start, end, label in own]
            for at, own in zip(starts, (spans, true))
        ]
        links = [(i, j) for one, other in zip(*in_tokens) for i, j in zip(range(*one[:2]), range(*other[:2]))]
        free = [i for i in range(len(sides[0])) if not any(one[0] <= i < one[1] for one in in_tokens[0])]
        rest = [j for j in range(len(sides[1])) if not any(one[0] <= j < one[1] for one in in_tokens[1])]
        links += list(zip(free, rest))
        noisy = [
            (i, int(rng.integers(len(sides[1]))) if rng.random() < wrong else j, float(rng.uniform(0.5, 1)))
            for i, j in links
        ]
        for held, one in zip(out, (in_tokens[0], noisy, sides[1], sorted(in_tokens[1]))):
            held.append(one)
    return out


def alignments(wrong: float, n: int = 2000) -> str:
    spans, links, tokens, true = linked(sentence_pairs(n, 2), wrong, 3)
    table = wb.spans.candidate_positions(spans, links, tokens=tokens)
    found = wb.spans.place_spans(table, spans, tokens=tokens, least_margin=np.inf)
    ranges = []
    for own, edges in zip(spans, links):
        targets = [[j for i, j, _ in edges if start <= i < end] for start, end, _ in own]
        ranges.append([(min(one), max(one) + 1, span[2]) for one, span in zip(targets, own) if one])
    margins = found.issues[found.issues["margin"].notna()]
    is_wrong, margin = [], []
    for (_, unit), one in margins.iterrows():
        row = int(one["row"])
        is_wrong.append(found.spans[row][int(unit[1:])] not in true[row])
        margin.append(one["margin"])
    quality = "-"
    if any(is_wrong):
        ap, auc = average_precision_score(is_wrong, -np.array(margin)), roc_auc_score(is_wrong, -np.array(margin))
        quality = f"{auc:.3f} / {ap:.3f} ({np.mean(is_wrong):.3f} wrong)"
    return f"| {wrong:.0%} | {span_f1(found.spans, true):.3f} | {span_f1(ranges, true):.3f} | {quality} |"


def five_languages(n: int, wrong: float, seed: int) -> tuple[dict[str, Any], dict[str, Any], list[Any], list[Any]]:
    """Return (tags, links) by language, target tokens and true tags: 300 word forms with 8 tags, five word orders."""
    rng = np.random.default_rng(seed)
    tag_of = rng.integers(0, 8, 300)
    tokens, true = [], []
    tags: dict[str, list[Any]] = {f"language {one}": [] for one in range(5)}
    links: dict[str, list[Any]] = {name: [] for name in tags}
    for _ in range(n):
        forms = rng.zipf(1.3, int(rng.integers(5, 15))) % 300
        own = [f"t{tag_of[form]}" for form in forms]
        tokens.append([f"w{form}" for form in forms])
        true.append(own)
        for name in tags:
            order = rng.permutation(len(own))
            tags[name].append([own[place] for place in order])
            moved = np.where(rng.random(len(own)) < wrong, rng.integers(0, len(own), len(own)), order)
            kept = rng.random(len(own)) < 0.85
            links[name].append([(i, int(j)) for i, j in enumerate(moved) if kept[i]])
    return tags, links, tokens, true


def tags_by_votes(n: int = 500) -> list[float]:
    tags, links, tokens, true = five_languages(n, 0.2, 4)
    flat = np.array([tag for own in true for tag in own], object)

    def accuracy(found: Any) -> float:
        return float((found.tokens["tag"].to_numpy(object) == flat).mean())

    names = list(tags)
    single = [
        accuracy(wb.spans.propagate_tags({name: tags[name]}, {name: links[name]}, tokens=tokens, forms=0))
        for name in names
    ]
    equal = wb.spans.propagate_tags(tags, links, tokens=tokens, weights="equal", forms=0)
    agreed = wb.spans.propagate_tags(tags, links, tokens=tokens, forms=0)
    whole = wb.spans.propagate_tags(tags, links, tokens=tokens)
    wrong = whole.tokens["tag"].to_numpy(object) != flat
    auc = roc_auc_score(wrong, np.nan_to_num(whole.tokens["entropy"], nan=9.0)) if wrong.any() else np.nan
    return [float(np.mean(single)), accuracy(equal), accuracy(agreed), accuracy(whole), float(auc)]


HEADS = (
    "| | with a fault | found, by fault | false alarms | span F1 | after suggestions |\n|---|---|---|---|---|---|",
    "\n| wrong links | `place_spans`, F1 | range of links, F1 | AUROC / AP of wrong positions |\n|---|---|---|---|",
    "\n| single source | equal votes | by agreement | with forms | AUROC, errors by entropy |\n|---|---|---|---|---|",
)


def main() -> None:
    print(HEADS[0])
    print(markers())
    print(HEADS[1])
    for wrong in (0.0, 0.1, 0.2, 0.3):
        print(alignments(wrong))
    print(HEADS[2])
    print(f"| {' | '.join(f'{one:.3f}' for one in tags_by_votes())} |")


if __name__ == "__main__":
    main()
