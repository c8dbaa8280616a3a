/** The view in its page: layouts by width, theme, and visibility. */
import { readTheme } from "./base/color.js";
import { pageTheme } from "./base/theme.js";
/** @import { Explorer } from "./main.js" */

/** Container widths at which the layout changes. */
/** @type {[number, string][]} */
const LAYOUTS = [
  [1040, "wide"],
  [830, "middle"],
  [540, "narrow"],
  [0, "tiny"],
];
/** Times of further checks after a change of the page's theme, whose style sheet arrives later, ms. */
const THEME_CHECKS = [0, 120, 400, 1200];
/** Attributes of the page that hosts change with their theme. */
const THEME_ATTRIBUTES = ["class", "style", "data-theme", "data-jp-theme-name", "data-jp-theme-light", "data-vscode-theme-kind"];

/** @param {import("./main.js").Explorer} view */
export function pageFeature(view) {
  const { root, registry } = view;
  registry.on("start", () => {
    watchSizes(view);
    watchPixels(view);
    watchTheme(view);
    layout(view);
  });
  registry.on("layout", () => {
    view.maps.forEach((map) => map.resize());
    view.gallery.resize();
    view.side.refresh(true);
    view.inspector.redrawCurve();
  });
  registry.on("theme", () => {
    view.colorBy(view.paint.by);
    view.side.refresh(true);
    view.gallery.redraw();
    view.inspector.showEditor();
    view.inspector.neighbors.captions();
    view.inspector.linked.again();
    view.inspector.redrawCurve();
  });
  registry.onTrait("height", (height) => {
    root.style.setProperty("--lw-height", `${height}px`);
    layout(view);
  });
  view.head.onFold = () => {
    view.head.fold.setAttribute("aria-expanded", String(root.classList.toggle("lw-unfolded")));
    layout(view);
  };
}

/** Sizes for which a view was laid out last. @type {WeakMap<object, string>} */
const laidOut = new WeakMap();

/** @param {Explorer} view */
function layout(view) {
  const width = view.root.clientWidth;
  if (width) arrange(view, width);
  laidOut.set(view, sizesOf(view));
}

/** Sizes of the view and its maps; a hidden view has none. @param {Explorer} view */
function sizesOf({ root, maps }) {
  return [root, ...maps.map((map) => map.stage)].map((el) => `${el.clientWidth} ${el.clientHeight}`).join();
}

/** @param {Explorer} view @param {number} width */
function arrange(view, width) {
  const [, kind] = LAYOUTS.find(([least]) => width >= least) ?? LAYOUTS[LAYOUTS.length - 1];
  if (view.root.dataset.layout !== kind) view.root.dataset.layout = kind;
  view.registry.run("layout");
}

/** @param {Explorer} view */
function watchSizes(view) {
  const sizes = new ResizeObserver(() => {
    if (sizesOf(view) !== laidOut.get(view)) layout(view); // an observer also reports the sizes that it begins with
  });
  sizes.observe(view.root);
  view.maps.forEach((map) => sizes.observe(map.stage));
  let away = false; // scrolled out of view: the drawing may have been discarded
  const seen = new IntersectionObserver((entries) => {
    const here = entries.some((entry) => entry.isIntersecting);
    if (here && away) view.maps.forEach((map) => map.redraw());
    away = !here;
  });
  seen.observe(view.root);
  view.registry.onEnd(() => {
    sizes.disconnect();
    seen.disconnect();
  });
}

/** Redraw if the pixel ratio changes, by zoom or on another screen, even if no size changed. @param {Explorer} view */
function watchPixels(view) {
  const resolution = window.matchMedia?.(`(resolution: ${window.devicePixelRatio}dppx)`);
  if (!resolution) return;
  const changed = () => {
    layout(view);
    watchPixels(view);
  };
  resolution.addEventListener("change", changed, { once: true });
  view.registry.onEnd(() => resolution.removeEventListener("change", changed));
}

/** @param {Explorer} view */
function watchTheme(view) {
  const themes = new MutationObserver(() =>
    THEME_CHECKS.forEach((ms) => setTimeout(() => view.root.isConnected && retheme(view), ms)),
  );
  for (const node of [document.body, document.documentElement])
    themes.observe(node, { attributes: true, attributeFilter: THEME_ATTRIBUTES });
  view.registry.onEnd(() => themes.disconnect());
  const scheme = window.matchMedia?.("(prefers-color-scheme: dark)");
  if (scheme) view.registry.listen(scheme, "change", () => retheme(view));
}

/** The theme of the page changed: read its colours again and redraw. @param {Explorer} view */
function retheme(view) {
  if (!view.root.clientWidth) return; // JupyterLab hides the page while it swaps themes: a later check will do
  const before = JSON.stringify(view.colors);
  view.root.dataset.theme = pageTheme(view.root);
  view.colors = readTheme(view.root);
  if (JSON.stringify(view.colors) !== before) view.registry.run("theme");
}
