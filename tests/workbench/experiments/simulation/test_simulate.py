import numpy as np
import pytest

from workbench.experiments.simulation.simulate import (
    CHECKED,
    DETECTORS,
    NOISES,
    REPLICATES,
    TRAIN,
    class_noise,
    simulate,
)
from workbench.foundation.errors import InputError
from workbench.reports.figures import figure


@pytest.fixture(scope="module")
def short():
    return simulate("pair", 0.2, width=32, epochs=4, seed=3)


def test_planted_errors_are_the_wrong_ones(short):
    assert short.wrong.sum() == round(0.2 * TRAIN) == len(short.dataset.planted)
    assert np.array_equal(short.dataset.given_labels[short.wrong], (short.truth[short.wrong] + 1) % 10)
    assert np.array_equal(short.dataset.given_labels[~short.wrong], short.truth[~short.wrong])


def test_memorization_by_another_route(short):
    logits = short.evidence.get("logits")
    fitted = [np.mean([logits[e, i].argmax() == short.dataset.given_labels[i] for i in np.flatnonzero(short.wrong)])
              for e in range(4)]  # fmt: skip
    assert np.allclose(short.memorization["wrong_fitted"], fitted)
    assert short.memorization.index.tolist() == [1, 2, 3, 4]
    shares = short.memorization.to_numpy()
    assert ((shares >= 0) & (shares <= 1)).all()
    both = short.memorization["wrong_fitted"] + short.memorization["wrong_as_true"]
    assert (both <= 1 + 1e-9).all(), "one prediction cannot be the given and the true class of a wrong label"


def test_the_data_map_sums_up_the_first_epochs(short):
    table = short.data_map(2)
    p = short.evidence.get("p_given")[:2]
    assert np.allclose(table["confidence"], p.mean(axis=0), atol=1e-6)
    assert np.allclose(table["variability"], abs(p[0] - p[1]) / 2, atol=1e-6)


def test_detection_by_hand(short):
    """Precision at each point of the curve is the share of wrong labels among the examples with at least that score."""
    for name in DETECTORS:
        mine = short.detection[short.detection["detector"] == name]
        row = mine.iloc[len(mine) // 2]
        values = short.suspicion[name].to_numpy()
        top = values >= np.sort(values)[::-1][int(row["checked"]) - 1]
        assert top.sum() == row["checked"]
        assert np.isclose(short.wrong[top].mean(), row["precision"])
        assert np.isclose(short.wrong[top].sum() / short.wrong.sum(), row["recall"])


def test_repair_counts_and_pairs(short):
    table = short.repair
    counts = sorted({0, *(round(part * 160) for part in CHECKED)})
    for order in ("suspicious", "random"):
        mine = table[table["order"] == order]
        assert sorted(set(mine["checked"])) == counts and len(mine) == len(counts) * REPLICATES
        assert (mine["corrected"] <= mine["checked"]).all()
    start = table[table["checked"] == 0].pivot(index="replicate", columns="order", values="accuracy")
    assert (start["random"] == start["suspicious"]).all()
    first = short.issues["row"].to_numpy()[:160]
    at = table[(table["order"] == "suspicious") & (table["checked"] == 160)]
    assert (at["corrected"] == short.wrong[first].sum()).all()


def test_any_number_can_be_checked(short):
    """A number in the table returns its rows; another one gives new rows, which are the same on the second call."""
    table, mine = short.repair, short.fix(160)
    wanted = table[table["checked"].isin([0, 160])].reset_index(drop=True)
    assert mine.equals(wanted)
    own = short.fix(7)
    assert set(own["checked"]) == {0, 7} and len(own) == 4 * REPLICATES
    first = short.issues["row"].to_numpy()[:7]
    assert (own[own["order"] == "suspicious"]["corrected"].max()) == short.wrong[first].sum()
    assert own.equals(short.fix(7))
    all_of_it = short.fix(TRAIN).query("checked == @TRAIN").pivot(index="replicate", columns="order")
    assert (all_of_it["accuracy", "random"] == all_of_it["accuracy", "suspicious"]).all()
    with pytest.raises(InputError, match="`checked` is 801"):
        short.fix(TRAIN + 1)


def test_same_seed_same_numbers_other_seed_other_numbers(short):
    again, other = simulate("pair", 0.2, width=32, epochs=4, seed=3), simulate("pair", 0.2, width=32, epochs=4, seed=4)
    assert again.memorization.equals(short.memorization)
    assert not other.memorization.equals(short.memorization)


@pytest.mark.parametrize("noise", NOISES)
def test_every_noise_is_found_better_than_by_chance(noise):
    made = simulate(noise, 0.2, width=32, epochs=6)
    average = made.detection.attrs["average_precision"]
    assert average["p_error"] > 0.2 + 0.25, average
    if noise == "classes":
        assert (made.truth[made.wrong] >= 5).all()
        assert (made.dataset.given_labels[made.wrong] == made.truth[made.wrong] - 1).all()


@pytest.mark.slow
def test_checking_issues_brings_more_than_checking_at_random():
    table = simulate("symmetric", 0.2).repair
    mean = table[table["checked"] == 160].groupby("order")["accuracy"].mean()
    assert mean["suspicious"] > mean["random"] + 0.02


def test_a_bigger_network_learns_more_wrong_labels_by_heart():
    """Zhang et al. 2017: capacity decides how much noise can be memorized."""
    small, large = (simulate("symmetric", 0.2, width=width, epochs=30) for width in (8, 128))
    assert large.memorization["wrong_fitted"].iloc[-1] > small.memorization["wrong_fitted"].iloc[-1] + 0.1


def test_class_noise_is_a_transition_matrix():
    matrix = class_noise(4)
    assert np.allclose(matrix.sum(axis=1), 1) and np.array_equal(matrix[:2], np.eye(4)[:2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"noise": "symetric"}, "Did you mean 'symmetric'"),
        ({"rate": 0}, "`fraction` is 0"),
        ({"width": 0}, "`width` is 0"),
        ({"epochs": 1.5}, "`epochs` is 1.5"),
        ({"noise": np.eye(3)}, "shape"),
    ],
)
def test_refusals(options, words):
    with pytest.raises(InputError, match=words):
        simulate(**options)


@pytest.mark.parametrize("kind", ["map", "memorization", "detection", "repair"])
def test_figures_have_named_axes_and_lines_told_apart_without_colour(short, kind):
    drawn = figure(short, kind)
    assert drawn.layout.xaxis.title.text and drawn.layout.yaxis.title.text
    shown = [trace for trace in drawn.data if trace.showlegend is not False and not trace.name.startswith("chance")]
    looks = [(trace.line.dash, trace.marker.symbol) for trace in shown]
    assert len(set(looks)) == len(looks) > 1


def test_figures_refuse_what_they_do_not_know(short):
    with pytest.raises(InputError, match="Did you mean 'repair'"):
        figure(short, "repare")
    with pytest.raises(InputError, match="`epochs` is 9"):
        figure(short, "map", epochs=9)
