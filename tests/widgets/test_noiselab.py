"""The noise lab without a browser: data sent to the page, and new numbers after moving sliders."""

from __future__ import annotations

import pytest

import widgets as wd
from workbench.experiments.simulation.simulate import simulate
from workbench.foundation.errors import InputError


@pytest.fixture
def lab():
    return wd.NoiseLab("pair", 0.1, width=8, epochs=3)


def test_it_shows_what_simulate_says(lab):
    same = simulate("pair", 0.1, width=8, epochs=3)
    sent = lab._plots._figures
    assert len(sent) == 4
    assert sent[1]["data"][1]["y"] == pytest.approx(same.memorization["wrong_fitted"].tolist())
    assert f"{same.memorization['wrong_fitted'].iloc[-1]:.0%}" in lab._status.value
    assert lab.simulation.memorization.equals(same.memorization)


def test_a_slider_trains_anew_and_the_epoch_slider_only_moves_the_map(lab):
    before = lab.simulation
    map_before, repair_before = lab._plots._figures[0]["data"], lab._plots._figures[3]["data"]
    lab.epoch = 1
    assert lab.simulation is before
    assert lab._plots._figures[0]["data"] != map_before and lab._plots._figures[3]["data"] == repair_before
    lab._controls["epochs"].value = 2
    assert lab.simulation.settings["epochs"] == lab.epoch == lab._epoch.max == 2
    assert len(lab._plots._figures[1]["data"][0]["x"]) == 2


def test_the_number_to_fix_is_a_slider_that_moves_one_plot(lab):
    before = list(lab._plots._figures)
    assert lab.top == 80 and "Top 80 checked" in before[3]["layout"]["title"]["text"]
    lab.top = 30
    after = lab._plots._figures
    assert after[:3] == before[:3] and "Top 30 checked" in after[3]["layout"]["title"]["text"]
    mean = lab.simulation.fix(30).groupby(["order", "checked"])["accuracy"].mean()
    assert f"{mean['suspicious', 30]:.3f}" in lab._status.value and "Checking the 30 most" in lab._status.value
    with pytest.raises(InputError, match="`top` is 0"):
        lab.top = 0


def test_the_page_gets_plotly_when_it_asks(lab, monkeypatch):
    sent = []
    monkeypatch.setattr(lab._plots, "send", lambda message, buffers: sent.append((message, len(buffers[0]))))
    lab._plots._receive(None, {"ask": "library"}, [])
    assert sent[0][0] == {"push": "library"} and sent[0][1] > 1_000_000


@pytest.mark.parametrize(
    ("options", "words"),
    [({"noise": "none"}, "`noise` is 'none'"), ({"rate": 0.9}, "`rate`"), ({"width": 7}, "`width` is 7"),
     ({"epochs": 1}, "`epochs` is 1")],
)  # fmt: skip
def test_refusals(options, words):
    with pytest.raises(InputError, match=words):
        wd.NoiseLab(**options)


def test_an_epoch_that_is_not_there(lab):
    with pytest.raises(InputError, match="`epoch` is 4"):
        lab.epoch = 4
