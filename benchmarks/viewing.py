"""The tools measured by `view.py`, as notebook cells, and the detection of finished drawing in the page.

Every tool gets the same arrays: two coordinates, a score and a class of each point, distributed like a data map. After
a draw call with at least half of the points, one pixel is read back, so that the time is that of the finished picture;
this is the same for all tools. embedding-atlas cannot be recoloured from Python, so its own menu is used; its first
picture has no colours, and its table and charts are off. Releases after 0.22 require WebGPU, which headless Chromium
lacks.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PEERS = Path(sys.prefix) / "peers"
"""Where `make bench-view` puts what only one tool needs, outside of the environment's own packages."""

WATCH = """
(() => {
  window.called = []; window.drawn = []; window.pressed = 0; window.released = 0;
  const now = () => performance.timeOrigin + performance.now();
  const patient = AbortSignal.timeout.bind(AbortSignal);  // anywidget gives a widget up whose code was not there in 2 s
  AbortSignal.timeout = ms => patient(Math.max(ms, 60000));
  const readOne = gl => {
    const kind = gl.getParameter(gl.IMPLEMENTATION_COLOR_READ_TYPE);
    const array = { [gl.FLOAT]: Float32Array, [gl.UNSIGNED_INT]: Uint32Array, [gl.INT]: Int32Array, 0x140B: Uint16Array }[kind];
    const format = array ? gl.getParameter(gl.IMPLEMENTATION_COLOR_READ_FORMAT) : gl.RGBA;
    gl.readPixels(0, 0, 1, 1, format, array ? kind : gl.UNSIGNED_BYTE, new (array || Uint8Array)(16));
  };
  for (const proto of [WebGLRenderingContext.prototype, WebGL2RenderingContext.prototype])
    for (const [name, at] of [['drawArrays', 2], ['drawElements', 1], ['drawArraysInstanced', 2], ['drawElementsInstanced', 1]]) {
      const original = proto[name];
      if (original) proto[name] = function (...args) {
        if (args[at] >= window.enough) window.called.push(now());
        const result = original.apply(this, args);
        if (args[at] >= window.enough) { readOne(this); window.drawn.push(now()); }
        return result;
      };
    }
  window.enough = 5000;
  window.addEventListener('keydown', () => { window.pressed = now(); }, true);
  for (const kind of ['pointerup', 'mouseup'])
    window.addEventListener(kind, () => { window.released = now(); }, true);
})();
"""  # noqa: E501 (one statement of JavaScript)


@dataclass(frozen=True)
class Tool:
    """Notebook code of one tool; `selected` is set by its observer to (time, number of rows).

    recolor : a cell; "" if the page's first menu is used, with the option `menu`. held : keys that turn a drag into a
    lasso. inside : left, top, right and bottom of the lasso, as fractions of the plot, where nothing covers it.
    needs : a required module.
    """

    name: str
    show: str
    recolor: str
    canvas: str
    key: str | None = None
    menu: str = ""
    held: tuple[str, ...] = ()
    inside: tuple[float, float, float, float] = (0.04, 0.04, 0.96, 0.96)
    needs: str = ""


PREPARE = """
import time, numpy as np, pandas as pd
with np.load(PATH) as arrays: frame = pd.DataFrame({name: arrays[name] for name in arrays.files})
selected = None
def hear(rows):
    global selected
    if len(rows): selected = (1000 * time.time(), len(rows))
"""

TOOLS = (
    Tool(
        "workbench",
        """
import widgets as wd
view = wd.Explorer(frame, label="label", x="x", y="y", color_by="score")
view.observe(lambda change: hear(change["new"]), "selection")
view
""",
        "view.color_by = 'given_label'",
        ".lw-over",
        "1",
    ),
    Tool(
        "jupyter-scatter",
        """
import jscatter
frame["label"] = frame["label"].astype("category")
chart = jscatter.Scatter(data=frame, x="x", y="y", color_by="score", height=450)
chart.widget.mouse_mode = "lasso"
chart.widget.observe(lambda change: hear(change["new"]), "selection")
chart.show()
""",
        "_ = chart.color(by='label')",
        ".jupyter-widgets canvas, .lm-Widget canvas",
    ),
    Tool(
        "plotly",
        """
import plotly.graph_objects as go
figure = go.FigureWidget(go.Scattergl(x=frame["x"], y=frame["y"], mode="markers",
    marker=dict(size=3, color=frame["score"], colorscale="Viridis")))
figure.update_layout(dragmode="lasso", hovermode=False, width=700, height=450)
figure.data[0].on_selection(lambda trace, points, state: hear(points.point_inds))
figure
""",
        "figure.data[0].marker.color = frame['label'].to_numpy()",
        ".plotly .nsewdrag, .js-plotly-plot .nsewdrag",
    ),
    Tool(
        "embedding-atlas",
        f"""
import sys
sys.path.append({str(PEERS)!r})
from embedding_atlas.widget import EmbeddingAtlasWidget
chart = EmbeddingAtlasWidget(frame.assign(label=frame["label"].astype(str)), x="x", y="y",
    show_table=False, show_charts=False)
chart.observe(lambda change: change["new"] and hear(chart.selection("arrow").read_all()), "_predicate")
chart
""",
        "",
        ".jp-OutputArea canvas",
        menu="label (VARCHAR)",
        held=("Shift", "Meta"),
        inside=(0.04, 0.2, 0.8, 0.9),
        needs="embedding_atlas",
    ),
)


def write_points(path: Path, n: int) -> None:
    """Write a data map of n points, most of them easy, some ambiguous, some hard; ten classes."""
    rng = np.random.default_rng(n)
    kind = rng.choice(3, n, p=(0.78, 0.16, 0.06))
    confidence = rng.beta(np.array([9.0, 4.0, 1.2])[kind], np.array([1.5, 4.0, 8.0])[kind])
    spread = np.sqrt(confidence * (1 - confidence)) * rng.beta(6, 3, n)
    score = np.clip(rng.beta(1, 6, n) + 0.7 * (kind == 2), 0, 1)
    np.savez(
        path,
        x=spread.astype(np.float32),
        y=confidence.astype(np.float32),
        score=score.astype(np.float32),
        label=rng.integers(0, 10, n).astype(np.int32),
    )
