// Plotly figures side by side, as many in a row as fit. Plotly's code comes from the kernel's own plotly, once per page
// part; figures come as plain values, and a new value is drawn into the plot that is there.

const CONFIG = { displayModeBar: false, displaylogo: false };

async function loaded(model) {
  const source = await new Promise((resolve) => {
    const answer = (message, buffers) => {
      if (message.push !== "library") return;
      model.off("msg:custom", answer);
      resolve(buffers[0]);
    };
    model.on("msg:custom", answer);
    model.send({ ask: "library" });
  });
  const parts = ["const module = { exports: {} }, exports = module.exports, define = undefined;\n", source,
    "\nexport default module.exports;"];
  const address = URL.createObjectURL(new Blob(parts, { type: "text/javascript" }));
  try {
    return (await import(address)).default;
  } finally {
    URL.revokeObjectURL(address);
  }
}

function render({ model, el }) {
  el.classList.add("lw-plots");
  el.dataset.state = "loading";
  let plotly = null;
  let gone = false;
  const places = [];
  const drawn = [];
  const draw = async () => {
    const figures = model.get("_figures");
    while (places.length < figures.length) places.push(el.appendChild(document.createElement("div")));
    await Promise.all(figures.map(({ data, layout }, n) => {
      const now = JSON.stringify([data, layout]);
      if (drawn[n] === now) return null; // a slider moves some of the plots, and the others stay as they are
      drawn[n] = now;
      return plotly.react(places[n], data, layout, CONFIG);
    }));
    el.dataset.state = "ready";
  };
  const changed = () => plotly && !gone && draw();
  const watch = new ResizeObserver(() => {
    if (plotly && el.clientWidth) for (const place of places) if (place.layout) plotly.Plots.resize(place);
  });
  loaded(model).then((library) => {
    if (gone) return;
    plotly = library;
    draw().then(() => watch.observe(el));
  }, (error) => {
    el.dataset.state = "failed";
    el.textContent = `The plots could not be drawn: ${error.message}`;
  });
  model.on("change:_figures", changed);
  return () => {
    gone = true;
    watch.disconnect();
    model.off("change:_figures", changed);
    for (const place of places) if (plotly && place.layout) plotly.purge(place);
  };
}

export default { render };
