import ipywidgets as W
import pytest

import workbench as wb
from widgets import PairJudge
from workbench.foundation.errors import InputError

TAGS = {"a": ["sea", "dog", "<sky>"], "b": ["cat", "sofa"]}


def test_buttons_judge_and_the_next_pair_comes():
    judge = PairJudge(TAGS)
    assert judge.current == ("a", "sea", "dog")
    judge._buttons[1].click()
    assert judge.judgements.to_numpy().tolist() == [["a", "dog", "sea"]] and judge.current == ("a", "sea", "<sky>")
    judge._skip.click()
    for _ in range(2):
        judge._buttons[0].click()
    assert judge.current is None and all(button.disabled for button in judge._buttons)
    assert judge.judgements.to_numpy().tolist() == [["a", "dog", "sea"], ["a", "dog", "<sky>"], ["b", "cat", "sofa"]]
    judge._buttons[0].click()  # nothing is left to judge
    assert len(judge.judgements) == 3
    ranked = wb.tags.rank_relevance(judge.judgements)
    assert ranked.loc[ranked["row"] == "a", "tag"].iloc[0] == "dog"


def test_back_forgets_what_was_judged_and_what_was_skipped():
    judge = PairJudge(TAGS)
    judge.choose("sea")
    judge.skip()
    judge._back.click()
    assert judge.current == ("a", "sea", "<sky>") and len(judge.judgements) == 1
    judge._back.click()
    assert judge.current == ("a", "sea", "dog") and judge.judgements.empty and judge._back.disabled
    judge.undo()
    assert judge.current == ("a", "sea", "dog")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_what_is_judged_is_in_the_file_and_not_asked_again(tmp_path, suffix):
    path = tmp_path / f"judged{suffix}"
    judge = PairJudge(TAGS, path=path)
    judge.choose("dog")
    judge.choose("sea")
    judge.undo()
    again = PairJudge(TAGS, path=path)
    assert again.judgements.to_numpy().tolist() == [["a", "dog", "sea"]] and again.current == ("a", "sea", "<sky>")
    again.choose("<sky>")
    assert len(PairJudge(TAGS, path=path).judgements) == 2


def test_examples_are_shown_and_text_stays_text():
    judge = PairJudge([("<b>", "x", "y")])
    assert judge._place.children[0].value == "&lt;b&gt;"
    assert isinstance(PairJudge(TAGS, show=lambda row: W.Label(row))._place.children[0], W.Label)


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="row 1 compares 'x' with itself"):
        PairJudge([(0, "x", "y"), (0, "x", "x")])
    with pytest.raises(InputError, match="unknown choice 'cow'"):
        PairJudge(TAGS).choose("cow")
    (tmp_path / "other.csv").write_text("row,who\n1,2\n")
    with pytest.raises(InputError, match="unknown column 'winner'"):
        PairJudge(TAGS, path=tmp_path / "other.csv")
