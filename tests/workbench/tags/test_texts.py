"""Mentions in texts, free tags and a vocabulary, stages of a pipeline, judged pairs: each against a recount."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.tags import vocabulary

ORGANS = ["kidney", "liver", "heart", "lung", "stomach", "spleen", "bladder", "thyroid", "pancreas", "retina"]
TROUBLES = {"failure": "insufficiency", "inflammation": "swelling", "tumour": "neoplasm", "stone": "calculus"}


@pytest.fixture(scope="module")
def notes():
    """Template notes over 40 codes with a long tail, some mentioned by a synonym or an abbreviation."""
    rng = np.random.default_rng(0)
    described, short = {}, {}
    for number, (organ, trouble) in enumerate(itertools.product(ORGANS, TROUBLES)):
        short[f"{organ} {trouble}"] = f"X{number}Q"
        described[f"{organ} {trouble}"] = [f"{organ} {trouble}", f"{organ} {TROUBLES[trouble]}", f"X{number}Q"]
    codes = list(described)
    chance = 1 / np.arange(1, 41)
    true = np.zeros((300, 40), int)
    texts = []
    for row in range(300):
        mine = rng.choice(40, rng.integers(1, 4), replace=False, p=chance / chance.sum())
        true[row, mine] = 1
        said = [described[codes[code]][rng.integers(3)] for code in mine]
        said = [one.replace("failure", "failures").replace("tumour", "tumours") for one in said]
        texts.append("Patient with " + " and with known ".join(said) + ", followed up in two weeks.")
    given = np.where((true == 1) & (true.sum(axis=0) <= 10) & (rng.random(true.shape) < 0.3), 0, true)
    return texts, described, true, given


def test_dropped_codes_are_found_by_their_names_and_synonyms(notes):
    texts, described, true, given = notes
    scores = wb.tags.match_descriptions(texts, described)
    found = wb.tags.proposals(given, scores, add_above=0.8, classes=list(described))
    dropped = (true == 1) & (given == 0)
    tags = found.index.get_level_values("unit").str[1:].astype(int)
    assert dropped.sum() > 15
    assert dropped[found["row"], tags].sum() / dropped.sum() > 0.95 and dropped[found["row"], tags].mean() > 0.9
    usual = wb.tags.metrics(true, given.astype(float)).summary
    better = wb.tags.metrics(true, scores, threshold=0.8).summary
    assert better.loc["tail", "macro_f1"] > usual.loc["tail", "macro_f1"] + 0.1 and better.loc["tail", "tags"] > 10
    names_only = wb.tags.match_descriptions(texts, {code: code for code in described})
    fewer = wb.tags.proposals(given, names_only, add_above=0.8, classes=list(described))
    assert len(fewer) < 0.7 * len(found), "synonyms count"


def test_matches_by_hand():
    described = {"renal failure": ["renal failure", "ESRD"], "long": "a long story of many words", "none": "xylophone"}
    texts = ["Acute RENAL failures.", "ESR and renal", "a long story of many words", "", "failure renal"]
    found = wb.tags.match_descriptions(texts, described)
    assert found[0, 0] > 0.85 and found[1, 0] < 0.7, "ESR is not ESRD"
    assert found[2, 1] == pytest.approx(1) and (found[:, 2] == 0).all() and (found[3] == 0).all()
    assert found[4, 0] < found[0, 0], "the order of words counts"
    assert ((found >= 0) & (found <= 1)).all()
    parents = {"renal failure": "long", "long": "none"}
    above = wb.tags.match_descriptions(texts, described, parents=parents)
    assert above[0, 2] == above[0, 1] == found[0, 0] and above[2, 2] == pytest.approx(1)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"texts": "one"}, "`texts` is 'one'"),
        ({"descriptions": {}}, "`descriptions` is"),
        ({"descriptions": {"a": "..."}}, "hold '...'"),
        ({"descriptions": {"a": []}}, "are empty"),
        ({"parents": {"a": "c"}}, "unknown tag 'c'"),
        ({"parents": {"a": "b", "b": "a"}}, "form a cycle"),
        ({"ngram": 0}, "`ngram` is 0"),
    ],
)
def test_descriptions_that_cannot_be_matched_are_refused(named, message):
    with pytest.raises(InputError, match=message):
        wb.tags.match_descriptions(**{"texts": ["a"], "descriptions": {"a": "a", "b": "b"}} | named)


def test_free_tags_are_linked_and_new_ones_counted():
    rng = np.random.default_rng(1)
    known = [
        f"{one} {two}" for one in ("red", "blue", "green", "tall") for two in ("house", "river", "garden", "bridge")
    ]
    synonyms = {"red house": ["crimson dwelling"], "blue river": ["azure stream"]}
    new = ["submarine", "helicopter", "volcano", "cathedral"]
    generated, truth, wanted = [], [], dict.fromkeys(new, 0)
    for _ in range(200):
        some = rng.choice(len(known), 2, replace=False)
        texts = [known[one] for one in some]
        texts = [synonyms[one][0] if one in synonyms else one.upper() + "s" for one in texts]
        if rng.random() < 0.4:
            extra = new[rng.integers(4)]
            wanted[extra] += 1
            texts.append(extra.title() if rng.random() < 0.5 else extra + "s")
        generated.append(texts)
        truth.append([known[one] for one in sorted(some)])
    found = wb.tags.link_tags(generated, known, synonyms=synonyms)
    assert found.labels == truth
    candidates = found.tags[found.tags["is_new"]]
    assert {one.lower().rstrip("s") for one in candidates.index} == set(new)
    counted = {one.lower().rstrip("s"): count for one, count in candidates["count"].items()}
    assert counted == wanted and candidates["count"].is_monotonic_decreasing
    without = wb.tags.link_tags(generated, known)
    assert without.tags["is_new"].sum() == len(new) + 2
    vectors = {"crimson dwelling": [1, 0], "red house": [1, 0.1], "azure stream": [0, 1], "blue river": [0.1, 1]}
    embedded = wb.tags.link_tags(
        generated, known, embed=lambda texts: [vectors.get(str(one).lower(), [0, 0]) for one in texts]
    )
    assert embedded.labels == truth


def test_invalid_tags_are_all_found_and_repaired():
    rng = np.random.default_rng(2)
    taxonomy = [f"{one} > {two}" for one in ("Energy", "Health", "Finance", "Transport") for two in
                ("Hardware", "Software", "Services", "Research")]  # fmt: skip
    tags, true = [], []
    for _ in range(50):
        right = taxonomy[rng.integers(len(taxonomy))]
        place = int(rng.integers(len(right) - 1))
        kind = rng.integers(3)
        bad = right[:place] + ("" if kind == 0 else "q" + right[place:][kind - 1 :] if kind else right[place + 1 :])
        bad = right[:place] + right[place + 1 :] if kind == 0 else bad
        tags.append([right, bad])
        true.append(right)
    found = wb.tags.invalid_tags(tags, taxonomy)
    assert found["row"].tolist() == list(range(50)), "all, and no valid one"
    assert (found["nearest"] == true).mean() == 1 and (found["edits"] == 1).all()
    for one in found.itertuples():
        starts = [text for text in taxonomy if text.startswith(one.valid_prefix)]
        assert starts and one.tag.startswith(one.valid_prefix)
        assert set(one.allowed_next) == {
            text[len(one.valid_prefix)] for text in starts if len(text) > len(one.valid_prefix)
        }
        longer = one.tag[: len(one.valid_prefix) + 1]
        assert longer == one.valid_prefix or not any(text.startswith(longer) for text in taxonomy)


def test_edits_along_the_trie_are_those_of_the_usual_table():
    rng = np.random.default_rng(3)
    valid = list(dict.fromkeys("".join(rng.choice(list("abc"), rng.integers(1, 7))) for _ in range(40)))
    trie = vocabulary.Trie(valid)
    for _ in range(60):
        text = "".join(rng.choice(list("abcd"), rng.integers(0, 8)))
        every = sorted((edits(text, one), place) for place, one in enumerate(valid))[:3]
        assert [(e, place) for place, e in trie.nearest(text, 3)] == every


def edits(one: str, other: str) -> int:
    table = np.arange(len(other) + 1)
    for place, letter in enumerate(one, 1):
        new = [place]
        for at, letter2 in enumerate(other, 1):
            new.append(min(new[-1] + 1, table[at] + 1, table[at - 1] + (letter != letter2)))
        table = np.array(new)
    return int(table[-1])


@pytest.fixture(scope="module")
def trail():
    """200 examples over 1,000 tags: retrieved candidates, with a tenth of the gold tags replaced at random."""
    rng = np.random.default_rng(4)
    true = [sorted(rng.choice(1000, 3, replace=False).tolist()) for _ in range(200)]
    gold, wrong = [], []
    for row, one in enumerate(true):
        mine = list(one)
        if rng.random() < 0.3:
            mine[0] = int(rng.choice(np.setdiff1d(np.arange(1000), one)))
            wrong.append((row, mine[0]))
        gold.append(mine)
    retrieved, ranked = [], []
    for one in true:
        kept = [tag for tag in one if rng.random() < 0.95]
        others = rng.choice(1000, 40 - len(kept), replace=False).tolist()
        pool = rng.permutation(list(dict.fromkeys(kept + others))).tolist()
        retrieved.append(pool)
        ranked.append(kept + [tag for tag in pool if tag not in kept][:7])
    return gold, wrong, {"retrieve": retrieved, "rank": ranked}


def test_recall_of_stages_is_that_of_a_loop(trail):
    gold, _, stages = trail
    names = [f"t{one}" for one in range(1000)]
    labels = [[names[one] for one in mine] for mine in gold]
    found = wb.tags.trail_recall(labels, stages, at=(1, 5, 10), classes=names)
    for stage, lists in stages.items():
        hits = [[tag in mine for tag in one] for one, mine in zip(lists, gold)]
        for rank in (1, 5, 10):
            share = np.mean([sum(one[:rank]) / len(mine) for one, mine in zip(hits, gold)])
            precise = np.mean([sum(one[:rank]) / min(rank, len(mine)) for one, mine in zip(hits, gold)])
            assert found.loc[stage, f"recall@{rank}"] == pytest.approx(share)
            assert found.loc[stage, f"rank_precision@{rank}"] == pytest.approx(precise)
    assert found.loc["rank", "rank_precision@1"] > 0.6 > found.loc["retrieve", "rank_precision@1"]


def test_planted_gold_tags_are_never_retrieved(trail):
    gold, wrong, stages = trail
    names = [f"t{one}" for one in range(1000)]
    labels = [[names[one] for one in mine] for mine in gold]
    found = wb.tags.never_retrieved(labels, stages, classes=names)
    cells = list(zip(found["row"], found["tag"].str[1:].astype(int)))
    assert len(set(wrong) & set(cells)) / len(wrong) > 0.9
    assert set(cells) == {(row, tag) for row, mine in enumerate(gold) for tag in mine
                          if not any(tag in lists[row] for lists in stages.values())}  # fmt: skip
    frame = pd.DataFrame(
        [(row, stage, names[tag], rank) for stage, lists in stages.items() for row, one in enumerate(lists)
         for rank, tag in enumerate(one)], columns=["row", "stage", "tag", "rank"],
    ).sample(frac=1, random_state=0)  # fmt: skip
    assert wb.tags.never_retrieved(labels, frame, classes=names).equals(found)
    one = wb.tags.trail_recall(labels, frame, classes=names).loc["rank"]
    assert one.equals(wb.tags.trail_recall(labels, stages, classes=names).loc["rank"])
    unknown = wb.tags.trail_recall(labels, {"guess": [["nonsense"]] * 200}, classes=names)
    assert unknown.loc["guess", "unknown"] == 200 and unknown.loc["guess", "recall"] == 0
    with pytest.raises(InputError, match="1 lists in 'rank' for 200"):
        wb.tags.never_retrieved(labels, {"rank": [[1]]}, classes=names)
    with pytest.raises(InputError, match="`at` is"):
        wb.tags.trail_recall(labels, stages, at=(0,), classes=names)


@pytest.fixture(scope="module")
def judged():
    """Judgements of eight tags of known relevance for each of ten examples, all on pairs of similar relevance."""
    rng = np.random.default_rng(5)
    lines, truth = [], rng.normal(0, 1.5, (10, 8))
    for row in range(10):
        order = np.argsort(truth[row])
        for _ in range(120):
            place = rng.integers(7)
            one, other = order[place], order[min(place + rng.integers(1, 3), 7)]
            first = rng.random() < 1 / (1 + np.exp(truth[row, other] - truth[row, one]))
            winner, loser = (one, other) if first else (other, one)
            lines.append((row, f"t{winner}", f"t{loser}"))
    return pd.DataFrame(lines, columns=["row", "winner", "loser"]), truth


def test_relevance_is_nearer_to_the_truth_than_counts_of_votes(judged):
    told, truth = judged

    def order(part, column):
        frame = wb.tags.rank_relevance(part)
        frame["share"] = frame["wins"] / frame["judged"]
        return np.mean([kendalltau(one[column], truth[row][one["tag"].str[1:].astype(int)]).statistic
                        for row, one in frame.groupby("row")])  # fmt: skip

    few = told.groupby("row").head(25)
    assert order(told, "strength") > order(few, "strength")
    assert order(told, "strength") > order(told, "share") and order(told, "strength") > 0.7


def test_strengths_are_the_maximum_of_the_likelihood(judged):
    told, _ = judged
    part = told[told["row"] == 3]
    found = wb.tags.rank_relevance(part, prior=0.5).set_index("tag")["strength"]

    def likelihood(strength):
        pairs = strength[part["winner"]].to_numpy() - strength[part["loser"]].to_numpy()
        prior = 0.5 * (np.logaddexp(0, -strength) + np.logaddexp(0, strength)).sum()
        return -np.logaddexp(0, -pairs).sum() - prior

    at = likelihood(found)
    assert found.mean() == pytest.approx(0, abs=1e-9)
    for tag in found.index:
        for step in (-0.05, 0.05):
            moved = found.copy()
            moved[tag] += step
            moved -= moved.mean()
            assert likelihood(moved) <= at + 1e-3
    with pytest.raises(InputError, match="unknown column 'loser'"):
        wb.tags.rank_relevance(part.drop(columns="loser"))
    with pytest.raises(InputError, match="row 0 judges a tag against itself"):
        wb.tags.rank_relevance(pd.DataFrame({"row": [0], "winner": ["a"], "loser": ["a"]}))
