"""Noise lab: add label noise, train a small network, and see what it learns and which scores find the wrong labels.

All numbers come from one call of `wb.experiments.simulate` (`lab.simulation`); this module adds sliders and plots.
"""

from __future__ import annotations

import html
import time
from typing import Any

import ipywidgets as W

from widgets.plots import Plots
from workbench.experiments.simulation.simulate import NOISES, TRAIN, Simulation, simulate
from workbench.foundation.errors import InputError, WorkbenchError
from workbench.reports.figures import figure

NETWORK_WIDTHS = (8, 16, 32, 64, 128)
EPOCHS_RANGE = (2, 40)
RATES = (0.02, 0.45)
NOISE_WORDS = {
    "symmetric": "any other class",
    "pair": "always the next class",
    "classes": "5 to 9 labelled as the digit below",
    "boundary": "hard images, the closest other class",
    "annotator": "five people of different accuracy",
}


class NoiseLab(W.VBox):
    """Sliders for label noise and a network, with four plots of the results.

    Parameters
    ----------
    noise, rate, width, epochs, seed : as in `wb.experiments.simulate`
        Initial values of the sliders. `noise` is one of `workbench.experiments.simulation.simulate.NOISES`.
    top : number of most suspicious examples checked in the fourth plot; by default the number of wrong labels.

    Attributes
    ----------
    simulation : the displayed Simulation. epoch : the epoch of the data map; settable. top : as above; settable.

    Raises
    ------
    InputError : a value outside the range of the sliders.

    Examples
    --------
    >>> import widgets as wd
    >>> lab = wd.NoiseLab(rate=0.1, epochs=3)
    >>> lab.simulation.settings["rate"]
    0.1
    """

    simulation: Simulation

    def __init__(
        self, noise: str = "symmetric", rate: float = 0.2, *, width: int = 64, epochs: int = 20, seed: int = 0,
        top: int | None = None,
    ) -> None:  # fmt: skip
        _check("noise", noise, noise in NOISES, f"Use one of {', '.join(NOISES)}.")
        _check("rate", rate, RATES[0] <= rate <= RATES[1], f"Use a share from {RATES[0]} to {RATES[1]}.")
        _check("width", width, width in NETWORK_WIDTHS, f"Use one of {', '.join(map(str, NETWORK_WIDTHS))}.")
        _check(
            "epochs",
            epochs,
            EPOCHS_RANGE[0] <= epochs <= EPOCHS_RANGE[1],
            f"Use a number from {EPOCHS_RANGE[0]} to {EPOCHS_RANGE[1]}.",
        )
        top = round(rate * TRAIN) if top is None else top
        _check("top", top, 1 <= top <= TRAIN, f"Use a number from 1 to {TRAIN}.")
        wide = {"width": "auto", "margin": "2px"}
        later = {"continuous_update": False, "style": {"description_width": "76px"}, "layout": wide}
        self._controls: dict[str, Any] = {
            "noise": W.Dropdown(
                options=[(f"{name}: {NOISE_WORDS[name]}", name) for name in NOISES], value=noise, description="noise",
                style=later["style"], layout=later["layout"],
            ),
            "rate": W.FloatSlider(rate, min=RATES[0], max=RATES[1], step=0.01, description="rate", readout_format=".0%",
                                  **later),
            "width": W.SelectionSlider(options=NETWORK_WIDTHS, value=width, description="model size", **later),
            "epochs": W.IntSlider(epochs, min=EPOCHS_RANGE[0], max=EPOCHS_RANGE[1], description="epochs", **later),
            "seed": W.BoundedIntText(seed, min=0, max=9999, description="seed", **later),
        }  # fmt: skip
        self._play = W.Play(min=1, max=epochs, value=epochs, interval=350, description="play the data map")
        self._epoch = W.IntSlider(epochs, min=1, max=epochs, description="epoch", style={"description_width": "40px"},
                                  layout={"flex": "1 1 170px", "width": "auto", "min_width": "170px"})  # fmt: skip
        self._top = W.IntSlider(top, min=1, max=TRAIN, description="fix top m", **later)
        W.jslink((self._play, "value"), (self._epoch, "value"))
        self._status = W.HTML(layout={"margin": "4px 2px"})
        self._train()
        self._drawn: dict[str, Any] = {}
        self._plots = Plots(self._figures(*Simulation.figures))
        columns = "repeat(auto-fit, minmax(280px, 1fr))"
        rows = {"display": "grid", "grid_template_columns": columns, "grid_gap": "0 16px", "width": "100%"}
        playing = W.HBox([self._play, self._epoch], layout={"flex_flow": "row wrap"})
        controls = [*self._controls.values(), playing, self._top]
        super().__init__([W.GridBox(controls, layout=rows), self._status, self._plots], layout={"width": "100%"})
        for control in self._controls.values():
            control.observe(self._changed, "value")
        self._epoch.observe(lambda _: self._plots.show(self._figures("map", "memorization")), "value")
        self._top.observe(self._fixed, "value")

    @property
    def epoch(self) -> int:
        """The epoch of the data map, from 1."""
        return self._epoch.value

    @epoch.setter
    def epoch(self, value: int) -> None:
        last = self._epoch.max
        _check("epoch", value, 1 <= value <= last, f"Use a number from 1 to {last}.")
        self._epoch.value = value

    @property
    def top(self) -> int:
        """Number of most suspicious examples that are checked."""
        return self._top.value

    @top.setter
    def top(self, value: int) -> None:
        _check("top", value, 1 <= value <= TRAIN, f"Use a number from 1 to {TRAIN}.")
        self._top.value = value

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.simulation.settings.items())
        return f"<NoiseLab {said}>"

    def _figures(self, *kinds: str) -> list[Any]:
        """All figures, with those of `kinds` redrawn."""
        epoch = min(self.epoch, len(self.simulation.memorization))
        options = {"map": {"epochs": epoch}, "memorization": {"epochs": epoch}, "repair": {"checked": self.top}}
        self._drawn |= {kind: figure(self.simulation, kind, **options.get(kind, {})) for kind in kinds}
        return [self._drawn[kind] for kind in Simulation.figures]

    def _fixed(self, _change: dict[str, Any]) -> None:
        self._report()
        self._plots.show(self._figures("repair"))

    def _changed(self, _change: dict[str, Any]) -> None:
        self._say("<i>training …</i>")
        try:
            self._train()
        except WorkbenchError as error:  # the displayed numbers remain those of the last training
            self._say(f"<b>{html.escape(str(error))}</b>")
            return
        last = self.simulation.settings["epochs"]
        with self._epoch.hold_trait_notifications(), self._play.hold_trait_notifications():
            self._epoch.max = self._play.max = last
            self._epoch.value = self._play.value = last
        self._plots.show(self._figures(*Simulation.figures))

    def _train(self) -> None:
        started = time.perf_counter()
        settings = {name: control.value for name, control in self._controls.items()}
        self.simulation = simulate(settings.pop("noise"), settings.pop("rate"), **settings)
        self._report(started)

    def _report(self, started: float | None = None) -> None:
        began = time.perf_counter() if started is None else started
        summary_text = summary(self.simulation, self.top)
        self._say(f"{summary_text} <i>({time.perf_counter() - began:.1f} s)</i>")

    def _say(self, markup: str) -> None:
        """Show a line in the text colour of the page; a plain widget would show black text in a dark theme."""
        self._status.value = f'<span style="color: var(--jp-ui-font-color1, inherit)">{markup}</span>'


def summary(simulation: Simulation, top: int) -> str:
    """Summarize the four plots in two sentences."""
    wrong, n = int(simulation.wrong.sum()), len(simulation.wrong)
    mean = simulation.fix(top).groupby(["order", "checked"])[["accuracy", "corrected"]].mean()
    fitted = simulation.memorization["wrong_fitted"].iloc[-1]
    at, random, before = mean.loc[("suspicious", top)], mean.loc[("random", top)], mean.loc[("suspicious", 0)]
    return (
        f"{wrong} of {n} labels are wrong; the trained network predicts {fitted:.0%} of them. "
        f"Checking the {top} most suspicious corrects {at['corrected']:.0f} and moves test accuracy from "
        f"{before['accuracy']:.3f} to {at['accuracy']:.3f}; "
        f"checking {top} at random corrects {random['corrected']:.0f}: {random['accuracy']:.3f}."
    )


def _check(name: str, value: object, good: bool, remedy: str) -> None:
    if not good:
        raise InputError.at(name, f"is {value!r}", remedy)
