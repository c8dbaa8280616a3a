"""Tools for texts: belief revision, claims, instructions in hindsight, relations, details, differences, mentions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError


def test_belief_revision_by_hand():
    # a = ((1 - .5) / (1 + .5)) ** (1 - .2) = (1/3) ** .8 = .41524; .1 ** a = .38438
    assert wb.texts.belief_revision(0.1, 0.5, 0.2) == pytest.approx(0.1 ** (3**-0.8))
    assert wb.texts.belief_revision(0.1, 0.0, 0.2) == pytest.approx(0.1)
    assert wb.texts.belief_revision(0.1, 1.0, 0.2) == pytest.approx(1.0)
    rare, usual = wb.texts.belief_revision(0.1, 0.5, [0.05, 0.9])
    assert rare > usual > 0.1
    with pytest.raises(InputError, match="`prior` holds 2"):
        wb.texts.belief_revision(2.0, 0.5, 0.5)


def test_reranking_puts_the_caption_of_the_scene_first():
    rng = np.random.default_rng(0)
    names = ["dog", "cat", "boat", "tree", "kite", "bench"]
    before = after = 0
    for _ in range(100):
        there = rng.choice(names, 2, replace=False)
        pairs = [there, *(rng.choice(names, 2, replace=False) for _ in range(4))]
        texts = [f"a {one} and a {other}" for one, other in pairs]
        prior = rng.uniform(0.05, 0.3, 5)
        context = [names.index(name) for name in there]
        said = wb.texts.mentions(texts, names).toarray()[:, context].astype(float)
        similarity = 0.6 * said.mean(axis=1, keepdims=True).repeat(2, axis=1)
        found = wb.texts.rerank(texts, prior, similarity, [1 / 3, 1 / 3], contexts=list(there))
        best = [set(pair) == set(there) for pair in pairs]
        before, after = before + best[int(prior.argmax())], after + best[int(found.index[0])]
    assert before < 45 and after > 80
    assert found["evidence"].iloc[0] in there and (found["revised"] >= found["prior"]).all()


def test_preferences_from_claims():
    rng = np.random.default_rng(0)
    lines, better = [], {}
    for prompt in range(100):
        wrong = rng.permutation([1, 4])
        better[prompt] = int(np.argmin(wrong))
        for response in (0, 1):
            for claim in range(8):
                right = claim >= wrong[response]
                lines.append((prompt, response, *np.clip(0.25 + 0.5 * right + rng.normal(0, 0.25, 3), 0, 1)))
    claims = pd.DataFrame(lines, columns=["prompt", "response", "a", "b", "c"])
    scores = wb.texts.score_responses(claims, ["a", "b", "c"])
    first = claims[(claims["prompt"] == 0) & (claims["response"] == 0)]
    by_hand = (first[["a", "b", "c"]] < 0.5).sum()
    assert scores.loc[(0, 0), "score"] == pytest.approx(-by_hand.mean())
    assert scores.loc[(0, 0), "disagreement"] == pytest.approx(by_hand.std(ddof=0))
    pairs = wb.texts.claim_preferences(scores)
    inverted = np.array([better[key] != chosen for key, chosen in zip(pairs["prompt"], pairs["chosen"])])
    assert inverted.mean() < 0.2 and (pairs["margin"] > 0).all()
    assert pairs["doubt"].is_monotonic_decreasing
    if inverted.any():
        assert roc_auc_score(inverted, -pairs["margin"]) > 0.7
    with pytest.raises(InputError, match="unknown column 'd'"):
        wb.texts.score_responses(claims, ["d"])
    with pytest.raises(InputError, match="`claims` row 0"):
        wb.texts.score_responses(claims.assign(a=2.0), ["a"])


def test_instructions_are_rewritten_to_what_the_output_did():
    tasks = {"upper": str.upper, "reverse": lambda text: text[::-1], "double": lambda text: text + text}

    def rule(instruction, output):
        name, text = instruction.split(": ")
        if tasks[name](text) == output:
            return instruction
        return next((f"{one}: {text}" for one, do in tasks.items() if do(text) == output), None)

    said = [f"{name}: ab{row}" for row, name in enumerate(["upper", "reverse", "double"] * 10)]
    did = [
        tasks["reverse" if row % 3 == 0 else text.split(": ")[0]](text.split(": ")[1]) for row, text in enumerate(said)
    ]
    did[29] = "nothing like it"
    frame = pd.DataFrame({"instruction": said, "output": did})
    found = wb.texts.relabel_instructions(frame, rule)
    assert found["relabelled"].sum() == 10 and found["given_instruction"].tolist() == said
    ok = [rule(*pair) == pair[0] for pair in zip(found["instruction"], found["output"])]
    assert sum(ok) == 29 and not ok[29]
    with pytest.raises(InputError, match=r"row 0 is 1\.5, which is not text"):
        wb.texts.relabel_instructions(frame, lambda said, did: 1.5)


def test_relations_are_corrected_by_boxes():
    rng = np.random.default_rng(0)
    words = ("left of", "right of", "above", "below")
    texts, boxes, true = [], [], []
    for _ in range(200):
        relation = words[rng.integers(4)]
        step = {"left of": (20, 0), "right of": (-20, 0), "above": (0, 20), "below": (0, -20)}[relation]
        x, y = rng.integers(30, 60, 2).tolist()
        boxes.append(
            {"dog": (x, y, x + 9, y + 9), "red cat": (x + step[0], y + step[1], x + step[0] + 9, y + step[1] + 9)}
        )
        true.append(f"a dog {relation} a red cat")
        texts.append(f"a dog {words[rng.integers(4)]} a red cat")
    found = wb.texts.relabel_relations(texts, boxes)
    assert np.mean([one == other for one, other in zip(texts, true)]) < 0.4
    assert found == true
    assert wb.texts.relabel_relations(found, boxes) == found  # repeated until the match holds: nothing is left
    assert wb.texts.relabel_relations(["a dog left of a bird", "no relation"], boxes[:2]) == [
        "a dog left of a bird",
        "no relation",
    ]


def test_details_of_short_and_long_captions():
    short = ["a red car and a dog", "a blue boat", "a small green house"]
    long = [
        "a shiny blue car beside a tree",
        "a blue old boat on a lake",
        "a house, red in the evening, with a green car",
    ]
    colors = {"color": ["red", "blue", "green"]}
    found = wb.texts.compare_details(short, long, ["car", "dog", "boat", "tree", "lake", "house"], colors)
    assert found["contradictions"].tolist() == [["car: red, blue"], [], []]
    assert found["only_short"].tolist() == [["dog"], [], []]
    assert found["only_long"].tolist() == [["tree"], ["lake"], ["car"]]


def test_a_difference_rebuilds_both_texts():
    rng = np.random.default_rng(0)
    words = ["a", "red", "circle,", "שלום", "été", "🦆", "x.y"]
    for _ in range(200):
        old, new = (" ".join(rng.choice(words, rng.integers(0, 9))) for _ in range(2))
        parts = wb.texts.word_diff(old, new)
        assert "".join(part.text for part in parts if part.kind != "added") == old
        assert "".join(part.text for part in parts if part.kind != "removed") == new
    long = " ".join(map(str, range(20_000)))
    assert len(wb.texts.word_diff(long, long.replace("777", "x"))) > 2


def test_mentions_of_names():
    texts = ["Two Dogs, a fire-truck", "benches and boxes", "这里有一只狗", None, "a doghouse"]
    found = wb.texts.mentions(texts, ["dog", "fire truck", "bench", "box", "狗"]).toarray()
    assert found.astype(int).tolist() == [[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1], [0] * 5, [0] * 5]


def test_odd_texts():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{one}" for one in rng.integers(0, 5000, rng.integers(6, 12))) for _ in range(300)]
    texts[:20] = [f"image {row} from the archive, no description yet" for row in range(20)]
    texts[50], texts[51], texts[52] = "one " * 300, "", None
    found = wb.texts.odd_texts(texts)
    assert found.overused.tolist() == [True] * 20 + [False] * 280 and set(found.repeated[:20]) == {20}
    assert found.outlier[50] and found.outlier.sum() < 6
    assert found.empty[51] and found.words[52] == -1 and np.isnan(found.z[52])
