"""Take the screenshots of README and docs from the real view: `python docs/screenshots.py [name ...]` (needs Chromium).

Opens a copy of the recorded run in `data/` in JupyterLab, reviews a few issues with keys, brings each part of the view
into an informative state, and takes a screenshot. Two more runs on the same digits, one with corrected labels, show the
comparison. Fewer colours would make the files smaller, but change those of rare classes.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests" / "browser"), str(REPOSITORY / "tests")]
import labharness  # noqa: E402 (the test suite's way to drive JupyterLab)
import samples  # noqa: E402

WIDTH, HEIGHT = 1480, 1000
CELLS = ("import widgets as wd", "ex = wd.Explorer(path, **options)\nex")
PRESSED = (" ", " ", "k", " ", "f", " ", "s", " ")
TITLE = "id => document.querySelector('.lw-title').textContent.endsWith(String(id))"


class Studio:
    """A notebook in a browser page that opens one run after another."""

    def __init__(self, lab: object) -> None:
        self.lab, self.page = lab, lab.page

    def open(self, run: str, *, width: int = WIDTH, **options: object) -> None:
        """Open an Explorer on a run in the folder and wait for its embedding map."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.lab.probe.run(f"path, options = {run!r}, {options!r}")
        self.lab.run_all()
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.lw-map-note')].some(note => note.textContent.startsWith('UMAP'))",
            timeout=180_000,
        )

    def python(self, code: str) -> None:
        """Run code in the kernel and wait for the page to update."""
        self.lab.probe.run(code)
        self.page.wait_for_timeout(700)

    def keys(self, *keys: str) -> None:
        """Press keys in the view."""
        self.page.locator(".lw-name").click()
        for key in keys:
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(200)

    def tab(self, name: str) -> None:
        """Show a panel beside the maps."""
        self.page.locator(".lw-filters > .lw-tabs button", has_text=name).click()
        self.page.wait_for_timeout(1000)

    def take(self, name: str, selector: str = ".lw", nth: int = 0) -> None:
        """Take a screenshot of an element."""
        self.page.mouse.move(5, 5)
        self.page.wait_for_timeout(900)
        shot = Image.open(io.BytesIO(self.page.locator(selector).nth(nth).screenshot())).convert("RGB")
        shot.save(HERE / name, optimize=True)

    def frame(self) -> Image.Image:
        """The whole view, at the width of a page."""
        shot = Image.open(io.BytesIO(self.page.locator(".lw").first.screenshot())).convert("RGB")
        return shot.resize((1000, round(shot.height * 1000 / shot.width)), Image.LANCZOS)


def explorer(studio: Studio) -> None:
    """The whole view after some decisions, light and dark."""
    studio.open("digits")
    studio.keys(*PRESSED)
    studio.page.locator(".lw-saved", has_text="saved").wait_for()
    for theme, name in (("Light", "explorer.png"), ("Dark", "explorer-dark.png")):
        studio.lab.theme(f"JupyterLab {theme}")
        studio.page.wait_for_timeout(1500)
        studio.take(name)
    studio.lab.theme("JupyterLab Light")


def maps(studio: Studio) -> None:
    """Data map by suspicion, embedding map by label with the neighbours of a label issue."""
    studio.open("digits")
    studio.take("explorer-data-map.png", ".lw-map")
    studio.python("ex.color_by = 'label'; ex.current = ex.queue[11]")
    studio.take("explorer-embedding-map.png", ".lw-map", 1)


def panels(studio: Studio) -> None:
    """Crossfilter, classes, matrix."""
    studio.open("digits")
    studio.python("ex.filters = {'confidence': [0.0, 0.5], 'given_label': ['3', '5', '8']}")
    studio.take("explorer-crossfilter.png", ".lw-filters")
    studio.python("ex.filters = {}")
    for panel, name in (("classes", "explorer-classes.png"), ("matrix", "explorer-matrix.png")):
        studio.tab(panel)
        studio.take(name, ".lw-filters")


def review(studio: Studio) -> None:
    """Inspector, and the gallery of a selection with suggestions to accept."""
    studio.open("digits")
    studio.python("ex.current = ex.queue[14]")
    studio.take("explorer-inspector.png", ".lw-inspector")
    studio.python("ex.selection = [id for id in ex.queue if ex.issues.loc[id, 'given_label'] == '8']")
    studio.page.get_by_label("minimum probability of a suggestion").select_option("0.5")
    studio.take("explorer-gallery.png", ".lw-gallery")


def time(studio: Studio) -> None:
    """The slider at an earlier epoch, with the trails of the examples that moved most."""
    studio.open("digits")
    studio.python("ex.color_by = 'label'; ex.selection = ex.scores['variability'].nlargest(6).index.tolist()")
    studio.keys("t")
    studio.page.get_by_label("data map: epoch", exact=True).focus()
    for _ in range(4):
        studio.page.keyboard.press("ArrowLeft")
        studio.page.wait_for_timeout(400)
    studio.take("explorer-time.png", ".lw-map")


def comparison(studio: Studio) -> None:
    """The same digits before and after correction: arrows for what moved."""
    studio.open("noisy", other="corrected", color_by="confidence change")
    studio.page.wait_for_selector(".lw-compare button")
    studio.take("explorer-comparison.png", ".lw-center")


def second_opinion(studio: Studio) -> None:
    """Examples judged by one author, shown to another without the first verdict and the suggestion."""
    studio.open("digits", author="anna", second_opinion=True, blind=True)
    studio.take("explorer-second-opinion.png", ".lw-inspector")


def narrow(studio: Studio) -> None:
    """The view in a window 800 pixels wide."""
    studio.page.set_viewport_size({"width": 800, "height": 1400})
    studio.open("digits", width=800)
    studio.page.set_viewport_size({"width": 800, "height": 1400})
    studio.take("explorer-narrow.png")


def kinds(studio: Studio) -> None:
    """The inspector of each other kind of label, for its page."""
    makers = {
        "kind-tags.png": samples.tagged_run,
        "kind-candidates.png": samples.candidates_run,
        "kind-numbers.png": samples.numbered_run,
        "kind-spans.png": samples.span_run,
        "kind-graphs.png": samples.node_run,
    }
    for name, make in makers.items():
        run = make(Path(tempfile.mkdtemp()) / name.removesuffix(".png"))
        studio.python(f"path, options = {str(run)!r}, {{}}")
        studio.lab.run_all()
        studio.page.locator(".lw[data-state=ready]").wait_for(timeout=180_000)
        studio.page.wait_for_function("() => document.querySelector('.lw-title').textContent.startsWith('example ')")
        studio.take(name, ".lw-inspector")


def moving(studio: Studio) -> None:
    """Label issues reviewed with single keys, as an animation taken frame by frame."""
    studio.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    studio.open("digits")
    frames = [studio.frame()]
    for key in (" ", " ", "k", " ", "f", " ", "u", "t"):
        studio.keys(key)
        studio.page.mouse.move(5, 5)
        studio.page.wait_for_timeout(700)
        frames.append(studio.frame())
    times = [1800, *[1100] * (len(frames) - 2), 2200]
    frames[0].save(
        HERE / "review.webp", save_all=True, append_images=frames[1:], duration=times, loop=0, quality=80, method=6
    )


PICTURES: tuple[Callable[[Studio], None], ...] = (
    explorer, maps, panels, review, time, comparison, second_opinion, narrow, kinds, moving,
)  # fmt: skip


def record(folder: Path) -> None:
    """The run in `data/`, and two trainings on small digits: with wrong labels and with true labels."""
    from sklearn.datasets import load_digits

    from workbench.recording.recorder import Recorder

    shutil.copytree(REPOSITORY / "data" / "digits-run", folder / "digits")
    dataset, features, _ = samples.noisy_digits()
    true = dataset.with_labels(load_digits().target[: dataset.n])
    for name, labels in (("noisy", dataset), ("corrected", true)):
        samples.train(Recorder(folder / name, labels), labels, features)


def main(names: list[str]) -> int:
    """Take the screenshots of the given functions, or all, into this folder."""
    from playwright.sync_api import sync_playwright

    folder = Path(tempfile.mkdtemp(prefix="screenshots-"))
    record(folder)
    server = labharness.LabServer(folder, [REPOSITORY])
    try:
        with sync_playwright() as playwright:
            browser = labharness.launch(playwright, width=WIDTH, height=HEIGHT)
            lab = labharness.LabPage(browser, server, server.write_notebook("look.ipynb", CELLS), WIDTH, HEIGHT)
            studio = Studio(lab)
            for picture in PICTURES:
                if not names or picture.__name__ in names:
                    picture(studio)
            lab.close()
            browser.close()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
