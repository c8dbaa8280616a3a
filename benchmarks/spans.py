"""How well wrong and missing spans are found, beside cleanlab; how fast cleanlab's token filter is, here and there.

    python benchmarks/spans.py [DATA_DIR] [--only NAME,...] [--tokens] [--scale] [--write]

Named entities with real errors, BIO tags on words: the label sets of DATA_DIR/kinds/ner_noisebench*.npz and
DATA_DIR/conll03*.npz; and sentences made from patterns with planted errors, which need no data. Units are the given
spans and what `find_issues` proposes; a given span is wrong if no true one equals it, a proposal is right to doubt if a
true span overlaps it. cleanlab: the tagger of `find_issues` alone, out of fold, self-confidence of the worst token.
Cells are AUROC / average precision; ECE is the calibration error of p_error, and that of the other units after verdicts
on 200, drawn as by `wb.audit` in strata of given and of proposed ones ("audited", mean of five draws); "right" the
share of wrong units whose suggested value is right, among all and among the 300 most suspicious; "counted" expected
over true errors, "known" whether their number counts as known. `--tokens`: the tags as classes of tokens, and recorded
trainings (DATA_DIR/dynamics_*.npz), on the sets that take seconds. `--scale`: one million tokens with nine classes.
`--write` puts the tables into BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from measuring import measured, write_section
from sklearn.metrics import average_precision_score, roc_auc_score
from verdicts import error_after_verdicts

import workbench as wb
from workbench import confident
from workbench.issues.audit_plan import stratify_sides
from workbench.issues.calibration import calibration_error
from workbench.issues.kinds.contract import Asked
from workbench.issues.spans.estimator import tokens_in
from workbench.issues.spans.posterior import token_posterior
from workbench.issues.spans.span_layers import given_spans
from workbench.issues.spans.tag_opinions import ON_WORDS, TagOpinions, pooled_tags
from workbench.issues.spans.tagger import Taggers, deal_sentences, first_copies
from workbench.issues.spans.token_estimator import token_words
from workbench.issues.spans.word_features import token_features
from workbench.tasks.span_table import table_of
from workbench.tasks.span_tags import spans_of_tags, tags_of_spans

HEAD = """| data | units, wrong | tokens: cleanlab | tokens: ours | spans: cleanlab | spans: `find_issues` | \
sentences: cleanlab | sentences: ours | ECE | audited | right, all / 300 | counted | known | s |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"""


class World(NamedTuple):
    """n sentences: words, given and true tags; None where a token has no reference."""

    name: str
    words: list[list[str]]
    given: list[list[str]]
    true: list[list[str | None]]
    probs: list[np.ndarray] | None = None
    columns: list[str] | None = None


def worlds(folder: Path | None) -> Iterator[World]:
    for file in sorted((folder / "kinds").glob("ner_noisebench*.npz")) if folder else []:
        with np.load(file, allow_pickle=False) as data:
            tags, there = data["tags"], data["tokens"] != "[TOK]"
            sentence, words = data["sentence"][there], data["tokens"][there]
            cut = [np.flatnonzero(np.diff(sentence)) + 1]
            for name in [one for one in data.files if one.startswith("noise_")]:
                parts = [np.split(one, *cut) for one in (words, tags[data[name][there]], tags[data["clean"][there]])]
                words_, given, true = ([one.tolist() for one in part] for part in parts)
                yield World(name.removeprefix("noise_"), words_, given, [in_order(one) for one in true])
    for file in sorted(folder.glob("conll03*.npz")) if folder else []:
        with np.load(file, allow_pickle=False) as data:
            tags, cut = [*data["tags"].tolist(), None], np.flatnonzero(np.diff(data["sentence"])) + 1
            named = [np.array(tags, object)[data[one]] for one in ("given", "cleanconll")]
            parts = [[one.tolist() for one in np.split(part, cut)] for part in (data["tokens"], *named)]
        parts[2] = [in_order(one) for one in parts[2]]
        beside = file.with_name(f"dynamics_{file.name}")
        yield World("conll03", *parts)
        if beside.exists():
            with np.load(beside, allow_pickle=False) as data:
                yield World("conll03, and its pred_probs", *parts, np.split(data["oos_pred_probs"], cut), tags[:-1])
    yield from made()


def in_order(tags: list[str | None]) -> list[str | None]:
    """Tags with a B at the begin of every span, as those that are given are read."""
    spans = spans_of_tags([tag or "O" for tag in tags]).spans
    return [None if tag is None else own for tag, own in zip(tags, tags_of_spans(spans, len(tags)))]


NAMES = {
    "first": "Ada Boris Chen Dana Elif Femi Goran Hana Ivo Jana Kofi Lena Milo Nora Omar Petra Quinn Rosa Sami Tara",
    "last": "Abara Berg Costa Dimas Ekman Faro Gil Haas Ito Jung Kaya Lund Mora Nagy Okoro Pires Rahl Sato Tan Ueda",
    "town": "Aldersund Brenford Corvale Dunmarsh Eastwick Farnholt Greymoor Hallborg Kelsing Lowfield Norwell Oakham",
    "firm": "Apex Bluestone Corto Delphi Ermine Fulcrum Granite Helix Ironbark Juno Keystone Lumen",
    "end": "Bank Group Holdings Motors Systems Union",
    "more": "North Bay",
}
PATTERNS = (
    "{p} of {o} flew to {l} on Monday .",
    "The board of {o} met {p} in {l} .",
    "{l} : rain , then sun .",
    "{p} and {p} won in {l} .",
    "Shares of {o} fell after {p} left .",
    "He said that nothing had changed in {l} .",
    "Nobody from {o} was there .",
    "On Tuesday the market was closed .",
)


def made(n: int = 2500) -> Iterator[World]:
    """Sentences from patterns, with three kinds of planted errors."""
    rng = np.random.default_rng(0)

    def some(kind: str, share: float = 1.0) -> list[str]:
        return [str(rng.choice(NAMES[kind].split()))] if rng.random() < share else []

    fill = {
        "p": lambda: (some("first", 0.7) + some("last"), "PER"),
        "l": lambda: (some("town") + some("more", 0.2), "LOC"),
        "o": lambda: (some("firm") + some("end", 0.7), "ORG"),
    }
    words, true = [], []
    for _ in range(n):
        own: list[str] = []
        tags: list[str] = []
        for word in str(rng.choice(PATTERNS)).split():
            names, label = fill[word[1]]() if word.startswith("{") else ([word], "")
            own += [str(one) for one in names]
            tags += [f"{'B' if not place else 'I'}-{label}" if label else "O" for place in range(len(names))]
        words.append(own)
        true.append(tags)
    for kind in ("left out", "swapped", "borders"):
        given = [planted(one, kind, rng) for one in true]
        yield World(f"made, {kind}", words, given, [list(one) for one in true])


def planted(tags: list[str], kind: str, rng: np.random.Generator) -> list[str]:
    tags = list(tags)
    for start, end, label in spans_of_tags(tags).spans:
        if rng.random() >= 0.12:
            continue
        if kind == "left out":
            tags[start:end] = ["O"] * (end - start)
        elif kind == "swapped":
            other = {"PER": "ORG", "ORG": "LOC", "LOC": "PER"}[label]
            tags[start:end] = [f"{tag[0]}-{other}" for tag in tags[start:end]]
        elif end - start > 1:
            tags[end - 1] = "O"
        elif start and tags[start - 1] == "O":
            tags[start - 1 : start + 1] = [f"B-{label}", f"I-{label}"]
    return tags


def both(wrong: np.ndarray, score: np.ndarray) -> str:
    return f"{roc_auc_score(wrong, score):.3f} / {average_precision_score(wrong, score):.3f}".replace("0.", ".")


def truth(world: World, units: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(wrong, known, right) of units, bool each: is it wrong, has it a reference, is its suggested value right? Adds
    the column `place`, (start, end)."""
    spans = [{(a, b, name) for a, b, name in spans_of_tags([tag or "O" for tag in tags]).spans} for tags in world.true]
    places = [
        json.loads(one) for one in units["given_value"].where(units["given_value"] != "null", units["suggested_value"])
    ]
    units["place"] = [(one["start"], one["end"]) for one in places]
    wrong, known, right = np.zeros((3, len(units)), bool)
    columns = zip(units["row"], units["given_value"], units["suggested_value"], units["place"])
    for at, (row, given, suggested, (low, high)) in enumerate(columns):
        overlap = {one for one in spans[row] if one[0] < high and one[1] > low}
        value, other = (None if one == "null" else json.loads(one) for one in (given, suggested))
        wrong[at] = bool(overlap) if value is None else (low, high, value["label"]) not in spans[row]
        known[at] = None not in world.true[row][max(low - 1, 0) : high + 1]
        right[at] = (other["start"], other["end"], other["label"]) in spans[row] if other else not overlap
    return wrong, known, right


def asked_about(world: World) -> tuple[Asked, wb.Dataset, dict[str, object]]:
    dataset = wb.Dataset.from_arrays(world.given, task="spans", scheme="BIO")
    evidence: dict[str, object] = {"tokens": world.words}
    if world.probs is not None:
        evidence |= {"pred_probs": world.probs, "tags": world.columns}
    return Asked(dataset, evidence), dataset, evidence


def judged(world: World) -> dict[str, object]:
    asked, dataset, evidence = asked_about(world)
    table = table_of(dataset.labels)
    tokens = tokens_in(asked, table)
    given = given_spans(table, tokens)
    codes = given.codes(len(tokens.words), 0)
    opinions = TagOpinions(asked, tokens, given, np.ones(len(codes), bool)).of(0, codes)
    self_confidence = opinions[ON_WORDS][np.arange(len(codes)), codes]
    seen = token_posterior(pooled_tags(list(opinions.values())), codes, first=first_copies(tokens, codes))

    start = time.perf_counter()
    units = wb.find_issues(dataset, per="unit", threshold=0.0, **evidence)
    took = time.perf_counter() - start
    wrong, known, right = truth(world, units)
    shown, wrong, right = units[known], wrong[known], right[known]

    flat = [tag for tags in world.true for tag in tags]
    reference = np.array([tag is not None for tag in flat])
    names = ["O", *(f"{prefix}-{name}" for name in dataset.classes for prefix in "BI")]
    true_codes = np.array([names.index(tag) if tag in names else -2 for tag in flat])
    token_wrong = (true_codes != codes)[reference]
    first, last = tokens.ranges(
        *(np.array(one) for one in zip(*((r, a, b) for r, (a, b) in zip(shown["row"], shown["place"]))))
    )
    least = np.array([self_confidence[a:b].min() for a, b in zip(first, last)])
    starts = tokens.starts
    bad = np.array(
        [((true_codes != codes) & reference)[a:b].any() if reference[a:b].any() else False for a, b in pairwise(starts)]
    )
    worst = np.array([1 - self_confidence[a:b].min() for a, b in pairwise(starts)])
    after = audited(units[known], wrong)
    top = np.argsort(-shown["p_error"].to_numpy(), kind="stable")[:300]
    return {
        "data": world.name,
        "units": f"{len(shown):,}, {wrong.sum():,}",
        "tokens, cleanlab": both(token_wrong, 1 - self_confidence[reference]),
        "tokens": both(token_wrong, seen.w[reference]),
        "spans, cleanlab": both(wrong, 1 - least),
        "spans": both(wrong, shown["p_error"].to_numpy()),
        "sentences, cleanlab": both(bad, worst),
        "sentences": both(bad, any_wrong(units, len(starts) - 1)),
        "ECE": f"{calibration_error(shown['p_error'].to_numpy(), wrong):.3f}".lstrip("0"),
        "audited": f"{after:.3f}".lstrip("0"),
        "right": f"{right[wrong].mean():.2f} / {right[top][wrong[top]].mean():.2f}".replace("0.", "."),
        "counted": f"{shown['p_error'].sum() / wrong.sum():.2f}",
        "known": "yes" if units.attrs["errors_identified"] else "no",
        "s": f"{took:.1f}",
    }


def any_wrong(units: pd.DataFrame, n: int) -> np.ndarray:
    """P(any unit is wrong) of each sentence, 0 without units."""
    right = np.ones(n)
    np.multiply.at(right, units["row"].to_numpy(), 1 - units["p_error"].to_numpy())
    return 1 - right


def audited(units: pd.DataFrame, wrong: np.ndarray) -> float:
    """Calibration error of other units after 200 verdicts, in strata of given and of proposed ones."""
    p = units["p_error"].to_numpy()
    added = (units["given_value"] == "null").to_numpy() if "given_value" in units else np.zeros(len(p), bool)
    labels = units["given_label"].astype(str) + " " + units["suggested_label"].astype(str)
    return error_after_verdicts(p, wrong, stratify_sides(p, added), labels.factorize()[0])


TOKENS_HEAD = """| data | task | units, wrong | cleanlab | `find_issues` | ECE | audited | counted | known | s |
|---|---|---|---|---|---|---|---|---|---|"""


def of_tokens(folder: Path | None, only: list[str]) -> Iterator[dict[str, object]]:
    """Rows on classes of tokens, and on spans where a training was recorded."""
    for world in worlds(folder):
        if world.name not in only if only else not world.name.startswith(("made", "conll03")):
            continue
        if world.probs is None:
            yield judged_by_task(world, "tokens")
            continue
        assert folder is not None
        with np.load(folder / "dynamics_conll03_dev.npz", allow_pickle=False) as data:
            logits = data["logits"].astype(np.float32)
        alone = world._replace(name="conll03, and a training", probs=None)
        yield judged_by_task(alone, "tokens", logits)
        yield judged_by_task(alone, "spans", logits)
        yield judged_by_task(world._replace(name="conll03, its pred_probs and a training"), "tokens", logits)


def judged_by_task(world: World, task: str, logits: np.ndarray | None = None) -> dict[str, object]:
    """A row; logits : (epochs, t, tags) of a training that is recorded first."""
    names = world.columns or sorted({tag for tags in world.given for tag in tags})
    codes = np.array([names.index(tag) for tags in world.given for tag in tags])
    told = {"classes": names} if task == "tokens" else {"scheme": "BIO"}
    data = wb.Dataset.from_arrays(world.given, task=task, **told)
    evidence: dict[str, object] = {"tokens": world.words}
    if world.probs is not None:
        evidence |= {"pred_probs": world.probs} | ({"tags": names} if task == "spans" else {})
    row: dict[str, object] = {"data": world.name, "task": task}
    with tempfile.TemporaryDirectory() as place:
        source = data if logits is None else recorded(data, codes, logits, Path(place) / "run")
        start = time.perf_counter()
        units = wb.find_issues(source, per="unit", threshold=0.0, **evidence)
        took = time.perf_counter() - start
    if task == "spans":
        wrong, known, _ = truth(world, units)
        peer = ""
    else:
        flat = [tag for tags in world.true for tag in tags]
        starts = np.concatenate([[0], np.cumsum([len(tags) for tags in world.given])])
        at = starts[units["row"]] + [int(key[1:]) for key in units.index.get_level_values("unit")]
        known = np.array([tag is not None for tag in flat])[at]
        wrong = np.array([tag != names[code] for tag, code in zip(flat, codes)])[at]
        peer = both(wrong[known], 1 - self_confidence(data, evidence, codes)[at][known])
    units, wrong = units[known], wrong[known]
    p_error = units["p_error"].to_numpy()
    return row | {
        "units": f"{len(units):,}, {wrong.sum():,}",
        "cleanlab": peer,
        "ours": both(wrong, p_error),
        "ECE": f"{calibration_error(p_error, wrong):.3f}".lstrip("0"),
        "audited": f"{audited(units, wrong):.3f}".lstrip("0"),
        "counted": f"{p_error.sum() / wrong.sum():.2f}",
        "known": "yes" if units.attrs["errors_identified"] else "no",
        "s": f"{took:.1f}",
    }


def self_confidence(data: wb.Dataset, evidence: dict[str, object], codes: np.ndarray) -> np.ndarray:
    """Probability of each given class (t,) by the tagger of `find_issues` alone, out of fold."""
    tokens = token_words(Asked(data, evidence))
    taggers = Taggers(token_features(tokens), deal_sentences(tokens, 0), np.ones(len(codes), bool), data.k)
    return taggers.probabilities(codes)[np.arange(len(codes)), codes]


def recorded(data: wb.Dataset, codes: np.ndarray, logits: np.ndarray, path: Path) -> wb.Run:
    """A run with a recorded training; codes : (t,) the tags with which the model was trained."""
    sizes = np.array([len(tags) for tags in data.given])
    starts = np.cumsum(sizes) - sizes
    with wb.Recorder(path, data) as rec:
        for epoch, values in enumerate(logits):
            with rec.epoch(epoch):
                for rows in np.array_split(np.argsort(sizes, kind="stable"), max(len(sizes) // 64, 1)):
                    place = np.arange(max(sizes[rows].max(), 1))
                    there = place < sizes[rows, None]
                    at = np.where(there, starts[rows, None] + place, 0)
                    rec.batch(data.ids[rows], values[at], labels=np.where(there, codes[at], -100))
    return wb.open_run(path)


SCALE_HEAD = """| task | seconds | MB | cleanlab, seconds | times as fast |
|---|---|---|---|---|"""


def scale() -> list[dict[str, object]]:
    """One million tokens in 50,000 sentences, nine classes, as lists of arrays."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(5, 36, 50_000)
    t, k = int(sizes.sum()), 9
    true = np.where(rng.random(t) < 0.8, 0, rng.integers(1, k, t))
    logits = rng.normal(size=(t, k)).astype(np.float32) + 4 * np.eye(k, dtype=np.float32)[true]
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    given = np.where(rng.random(t) < 0.05, rng.integers(0, k, t), true)
    cuts = np.cumsum(sizes)[:-1]
    labels, arrays = [one.tolist() for one in np.split(given, cuts)], np.split(probs.astype(float), cuts)
    tasks = {
        f"filter of tokens, {t:,} x {k}": (confident.find_token_issues, "filter", "find_label_issues"),
        f"scores of tokens and sentences, {t:,} x {k}": (scored, "rank", "get_label_quality_scores"),
    }
    return [beside(name, labels, arrays, *told) for name, told in tasks.items()]


def beside(name: str, labels: list, probs: list, ours: Callable, module: str, theirs: str) -> dict[str, object]:
    """A row on a task: ours, the best of three, and cleanlab once."""
    mine = min((measured(lambda: ours(labels, probs)) for _ in range(3)), key=lambda one: one.seconds)
    row = {"task": name, "seconds": round(mine.seconds, 2), "MB": mine.peak_mb}
    try:
        peer = getattr(__import__(f"cleanlab.token_classification.{module}", fromlist=[theirs]), theirs)
    except ImportError:
        return row | {"cleanlab, seconds": None, "times as fast": None}
    found = measured(lambda: peer(labels, probs))
    if module == "filter":
        assert [tuple(one) for one in mine.result.tolist()] == found.result
    else:
        np.testing.assert_allclose(mine.result[0], found.result[0], rtol=1e-6)
    return row | {"cleanlab, seconds": round(found.seconds, 2), "times as fast": round(found.seconds / mine.seconds, 1)}


def scored(labels: list, probs: list) -> tuple[np.ndarray, list[np.ndarray]]:
    return confident.sentence_scores(labels, probs), confident.token_scores(labels, probs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--tokens", action="store_true")
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--write", action="store_true")
    told = parser.parse_args()
    warnings.simplefilter("ignore")
    if told.scale:
        name, head, rows = "spans-scale", SCALE_HEAD, scale()
        print(*rows, sep="\n")
    else:
        name, head, rows = ("tokens", TOKENS_HEAD, []) if told.tokens else ("spans", HEAD, [])
        only = [one for one in told.only.split(",") if one]
        chosen = (judged(world) for world in worlds(told.folder) if not only or world.name in only)
        for row in of_tokens(told.folder, only) if told.tokens else chosen:
            rows.append(row)
            print(row, flush=True)
    if told.write:
        write_section(name, head, rows)


if __name__ == "__main__":
    main()
