"""The Explorer in a real browser compared with other tools: `python benchmarks/view.py [--quick]` (make bench-view).

Drives JupyterLab in headless Chromium: every tool shows the same points in a fresh kernel, is recoloured by another
column from Python, and most points are selected with a lasso by mouse; the tools alternate at each size. Writes
benchmarks/results/view.json, a list of rows {tool, n, first_paint_ms, recolour_ms, lasso_ms, key_ms, bytes_in,
bytes_out}, and after a full run the view section of BENCHMARKS.md.

first_paint_ms, recolour_ms: from the start of the cell (or the choice in the tool's menu, if there is no other way) to
the last finished draw call of all points, followed by a period without draw calls and messages. lasso_ms: from the
release of the mouse button to the selected rows in Python. key_ms: from a key press to the draw call with the changed
label (the drawing itself depends on the graphics card, here in software: see recolour_ms). bytes: all traffic on the
kernel's websocket, to and from the page. Values are medians of the runs. A tool that fails has the times measured
before the failure, and the reason in `note`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import RESULTS, ROOT, as_markdown, machine, measured, write_section
from viewing import PEERS, PREPARE, TOOLS, WATCH, Tool, write_points

OUT = RESULTS / "view.json"
SIZES, QUICK = (10_000, 100_000, 1_000_000), (10_000,)
TIMES = ("first_paint_ms", "recolour_ms", "lasso_ms", "key_ms")
COLUMNS = ("tool", "n", *TIMES, "bytes_in", "bytes_out", "note")
HEAD = "| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS)
PATIENCE = 90_000
"""Milliseconds after which a tool has failed."""

QUIET = 700
"""Milliseconds without a draw call or a message after which a picture is finished."""


def harness() -> Any:
    """Import the JupyterLab harness of the test suite."""
    sys.path.insert(0, str(ROOT / "tests"))  # what it imports
    spec = importlib.util.spec_from_file_location("labharness", ROOT / "tests" / "browser" / "labharness.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Bench:
    """One tool in one notebook."""

    def __init__(self, lab: Any, browser: Any, server: Any, tool: Tool, points: Path, n: int) -> None:
        self.tool, self.n = tool, n
        self.bytes, self.heard = {"bytes_in": 0, "bytes_out": 0}, 0.0
        self.times: dict[str, float | None] = {}
        cells = (f"PATH = {str(points)!r}\n{PREPARE}", tool.show, tool.recolor)
        self.notebook = lab.LabPage(browser, server, server.write_notebook(f"{tool.name}-{n}.ipynb", cells))
        self.page = self.notebook.page
        self.page.set_default_timeout(PATIENCE)
        self._count(browser)

    def _count(self, browser: Any) -> None:
        """Count the bytes of the websocket; the reload opens a new one, so that everything is counted."""
        session = browser.new_cdp_session(self.page)
        session.send("Network.enable")
        for event, field in (("webSocketFrameReceived", "bytes_in"), ("webSocketFrameSent", "bytes_out")):
            session.on(f"Network.{event}", lambda frame, field=field: self._add(field, frame["response"]))
        self.page.add_init_script(WATCH)
        self.notebook.open()
        self.page.evaluate(f"() => {{ window.enough = {self.n // 2}; }}")

    def _add(self, field: str, frame: dict) -> None:
        length, self.heard = len(frame["payloadData"]), time.monotonic()
        self.bytes[field] += length * 3 // 4 if frame["opcode"] == 2 else length  # binary frames come as base64

    def run(self, cell: int) -> float:
        """Run a cell; return its start time."""
        return self.page.evaluate(
            """at => { const n = window.jupyterapp.shell.currentWidget.content; n.activeCellIndex = at;
            window.drawn = []; const start = performance.timeOrigin + performance.now();
            window.jupyterapp.commands.execute('notebook:run-cell'); return start; }""",
            cell,
        )

    def settled(self) -> float:
        """Return the time of the last draw call after a period without draw calls and messages."""
        while True:
            self.page.wait_for_function(
                """quiet => window.drawn.length
                && performance.timeOrigin + performance.now() - window.drawn[window.drawn.length - 1] > quiet""",
                arg=QUIET,
                polling=50,
            )
            since = 1000 * (time.monotonic() - self.heard)
            if since > QUIET:
                return self.page.evaluate("() => window.drawn[window.drawn.length - 1]")
            self.page.wait_for_timeout(QUIET - since + 50)

    def recolored(self) -> float:
        """Make the tool show another column; return the time of the request."""
        if self.tool.recolor:
            return self.run(2)
        return self.page.locator(".jp-OutputArea select").first.evaluate(
            """(menu, label) => { menu.value = [...menu.options].find(option => option.label === label).value;
            window.drawn = []; const start = performance.timeOrigin + performance.now();
            menu.dispatchEvent(new Event('change', { bubbles: true })); return start; }""",
            self.tool.menu,
        )

    def measure(self) -> None:
        """Add all times of one run to `times`; those measured before a failure are kept."""
        times = self.times
        self.run(0)
        self.notebook.probe.wait("'hear' in globals()", timeout=PATIENCE / 1000)
        start = self.run(1)
        times["first_paint_ms"] = self.settled() - start
        self.page.wait_for_timeout(QUIET)
        start = self.recolored()
        times["recolour_ms"] = self.settled() - start
        self.lasso()
        at, count = self.notebook.probe.wait("selected", timeout=PATIENCE / 1000)
        if count < self.n // 3:
            raise RuntimeError(f"the lasso caught {count} of {self.n} points")
        times["lasso_ms"] = at - self.page.evaluate("() => window.released")
        times["key_ms"] = self.key() if self.tool.key else None

    def lasso(self) -> None:
        """Draw a lasso around the middle of the plot."""
        target = self.page.locator(self.tool.canvas).first
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        left, top, right, bottom = self.tool.inside
        x = [box["x"] + box["width"] * share for share in (left, right)]
        y = [box["y"] + box["height"] * share for share in (top, bottom)]
        mouse, keyboard = self.page.mouse, self.page.keyboard
        mouse.move(x[0], y[0])
        for key in self.tool.held:
            keyboard.down(key)
        mouse.down()
        for corner in ((x[1], y[0]), (x[1], y[1]), (x[0], y[1]), (x[0], y[0] + 5)):
            mouse.move(*corner, steps=5)
        mouse.up()
        for key in self.tool.held:
            keyboard.up(key)

    def key(self) -> float:
        """Press the key of a class; return the time until the changed point is drawn."""
        self.page.wait_for_timeout(QUIET)
        self.page.evaluate("() => { window.called = []; document.querySelector('.lw').focus(); }")
        self.page.keyboard.press(self.tool.key)
        self.page.wait_for_function("() => window.called.length > 0")
        return self.page.evaluate("() => window.called[0] - window.pressed")


def row_of(lab: Any, browser: Any, server: Any, tool: Tool, points: Path, n: int, runs: int) -> dict[str, Any]:
    """Return medians of a tool at a size, or the reason why there are none."""
    row: dict[str, Any] = {"tool": tool.name, "n": n, **dict.fromkeys(COLUMNS[2:])}
    if tool.needs and not (PEERS / tool.needs).is_dir():
        return {**row, "note": f"not installed: `make bench-view` puts it into {PEERS.name}/ of the environment"}
    found = []
    for _ in range(runs):
        bench = Bench(lab, browser, server, tool, points, n)
        try:
            bench.measure()
        except Exception as error:  # a peer that fails is a result
            row["note"] = f"failed: {str(error).splitlines()[0][:90]}"
            break
        finally:
            found.append(bench.times if row["note"] else {**bench.times, **bench.bytes})
            bench.notebook.close()
    for name in {name for one in found for name in one}:
        values = [one[name] for one in found if one.get(name) is not None]
        row[name] = round(statistics.median(values)) if values else None
    return row


def opening(n: int, folder: Path) -> str:
    """Describe the time and memory that Python needs to open a recorded run of n rows."""
    import subprocess

    done = subprocess.run(
        [sys.executable, __file__, "--opening", str(n), str(folder)], capture_output=True, text=True, check=True
    )
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return f"Python opens a recorded run of {n:,} rows (issues from the cache) in {seconds:.1f} s with {peak:.0f} MB."


def open_recorded(n: int, folder: Path) -> None:
    """In the child process: record a run, open it once for the cache, then open and measure."""
    import numpy as np

    import widgets as wd
    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, n)
    recorder = Recorder(folder / "run", Dataset.from_arrays(labels, ids=np.arange(n)))
    for epoch in range(4):
        with recorder.epoch(epoch):
            for start in range(0, n, 50_000):
                rows = np.arange(start, min(start + 50_000, n))
                logits = rng.standard_normal((len(rows), 10), np.float32)
                logits[np.arange(len(rows)), labels[rows]] += epoch
                recorder.batch(rows, logits)
    wd.Explorer(folder / "run")
    found = measured(lambda: wd.Explorer(folder / "run"))
    print(json.dumps([found.seconds, found.peak_mb]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="10,000 points, one run, no table in BENCHMARKS.md")
    parser.add_argument("--runs", type=int, default=3, help="runs of each tool at each size")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of points")
    names = [tool.name for tool in TOOLS]
    parser.add_argument("--tools", nargs="+", choices=names, default=names, help="which tools; all if not given")
    parser.add_argument("--opening", nargs=2, metavar=("N", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.opening:
        open_recorded(int(options.opening[0]), Path(options.opening[1]))
        return
    from playwright.sync_api import sync_playwright

    lab, rows = harness(), []
    sizes = options.sizes or (QUICK if options.quick else SIZES)
    print(machine(), HEAD, sep="\n\n", flush=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser, server = lab.launch(playwright), lab.LabServer(folder, [ROOT])
        try:
            for n in sizes:
                points = folder / f"{n}.npz"
                write_points(points, n)
                for tool in (tool for tool in TOOLS if tool.name in options.tools):
                    rows.append(row_of(lab, browser, server, tool, points, n, 1 if options.quick else options.runs))
                    print(as_markdown(rows[-1]), flush=True)
        finally:
            browser.close()
            server.stop()
        said = opening(max(sizes), folder)
        print(said)
    RESULTS.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n")
    if not (options.quick or options.sizes or options.tools != names):
        write_section("view", f"{said}\n\n{HEAD}", rows)


if __name__ == "__main__":
    main()
