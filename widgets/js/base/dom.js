/** The only module that creates elements. Text is always inserted as text, never as markup. */

/**
 * What `h` takes: attributes, properties and listeners by name. A field or a menu is itself the target of its events.
 * @template {EventTarget} N
 * @typedef {{
 *   [name: string]: any,
 *   onclick?: (event: MouseEvent) => void,
 *   onpointerdown?: (event: PointerEvent) => void,
 *   onpointermove?: (event: PointerEvent) => void,
 *   onkeydown?: (event: KeyboardEvent) => void,
 *   oninput?: (event: Event & { target: N }) => void,
 *   onchange?: (event: Event & { target: N }) => void,
 *   onfocus?: (event: FocusEvent & { target: N }) => void,
 * }} Attributes
 */
/** @typedef {Node | string | number | boolean | null | undefined} Child what an element may hold; false and nothing are left out */
/** @typedef {[heading: string, options: (string | undefined)[][]][]} Groups of a menu: an option is [value, label, title?] */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Apply one attribute, property or listener to an element.
 * @param {HTMLElement & Record<string, any>} node @param {string} key @param {any} value
 */
function assign(node, key, value) {
  if (value === undefined || value === null || value === false) return;
  if (key === "text") node.textContent = value;
  else if (key === "style") for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
  else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
  else if (key === "value" || key === "checked" || key === "disabled" || key === "selected") node[key] = value;
  else node.setAttribute(key, value === true ? "" : value);
}

/**
 * An element: `h("button", { class: "x", onclick: f, text: "Go" }, ...children)`.
 * Strings among the children become text nodes; null and false are ignored.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Attributes<HTMLElementTagNameMap[K]>} [attributes] @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) assign(node, key, value);
  for (const child of children.flat()) if (child !== null && child !== undefined && child !== false) node.append(typeof child === "object" ? child : String(child));
  return node;
}

/** A text as nodes, with the parts between backticks formatted as code. @param {string} text */
export function withCode(text) {
  return text.split("`").map((part, i) => (i % 2 ? h("code", { text: part }) : part));
}

/** An element of a drawing. @param {string} tag @param {Record<string, string | number>} attributes */
export function svgNode(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}

/** A 16 x 16 line icon from SVG path data. @param {string} path */
export function icon(path) {
  const svg = svgNode("svg", {
    viewBox: "0 0 16 16",
    width: 14,
    height: 14,
    fill: "none",
    stroke: "currentColor",
    "stroke-width": 1.4,
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
    "aria-hidden": "true",
  });
  svg.append(svgNode("path", { d: path }));
  return svg;
}

export const ICONS = {
  lasso:
    "M8 3c3.3 0 5.5 1.5 5.5 3.5S11.3 10 8 10 2.5 8.5 2.5 6.500 4.700 3 8 3M5 9.600c-1.500.5-1.500 2.400 0 2.400s1.500 1.500.5 2",
  box: "M3 3h2M7 3h2M11 3h2v2M13 7v2M13 11v2h-2M9 13H7M5 13H3v-2M3 9V7M3 5V3",
  pan: "M8 2v12M2 8h12M8 2 6.500 3.500M8 2l1.500 1.500M8 14l-1.500-1.500M8 14l1.500-1.500M2 8l1.500-1.500M2 8l1.500 1.500M14 8l-1.500-1.500M14 8l-1.500 1.500",
  replace: "M3 3h10v10H3z",
  add: "M8 3v10M3 8h10",
  remove: "M3 8h10",
  reset: "M3 6V3h3M13 6V3h-3M3 10v3h3M13 10v3h-3",
  clear: "M4 4l8 8M12 4l-8 8",
  play: "M5 3.500v9l7-4.500z",
  pause: "M5.500 3.500v9M10.500 3.500v9",
  trails: "M2.500 13C3 8 6 11 8 8s2-5 5.500-5.500M2.500 13h.01M8 8h.01M13.500 2.500h.01",
  back: "M6 3 3 6l3 3M3 6h6.500a3.500 3.500 0 0 1 0 7H6",
  forth: "M10 3l3 3-3 3M13 6H6.500a3.500 3.500 0 0 0 0 7H10",
  left: "M10 3 5 8l5 5",
  right: "M6 3l5 5-5 5",
  flag: "M4 14V2.500h8L10 5.500l2 3H4",
};

/**
 * A button that carries an icon and an accessible name.
 * @param {keyof typeof ICONS} name @param {string} label @param {() => void} onclick @param {Record<string, unknown>} [extra]
 */
export function iconButton(name, label, onclick, extra = {}) {
  return h(
    "button",
    { type: "button", class: "lw-icon", title: label, "aria-label": label, onclick, ...extra },
    icon(ICONS[name]),
  );
}

/**
 * A small × that closes or removes something; `label` is its accessible name.
 * @param {string} label @param {() => void} onclick @param {string} [title]
 */
export function closeButton(label, onclick, title) {
  return h("button", { type: "button", class: "lw-tiny", text: "×", title, "aria-label": label, onclick });
}

/** The first line of a panel: its title, and a × that closes it. @param {string} title @param {() => void} onclose */
export function panelHead(title, onclose) {
  return h("div", { class: "lw-row" }, h("strong", { text: title }), h("span", { class: "lw-space" }), closeButton("close", onclose));
}

/**
 * Replace the options of a select; groups is [[heading or "", [[value, label, title?], ...]], ...].
 * @param {HTMLSelectElement} select @param {Groups} groups @param {string} [value]
 */
export function fillSelect(select, groups, value) {
  const made = groups
    .filter(([, options]) => options.length)
    .map(([heading, options]) => {
      const nodes = options.map(([key, label, title]) => h("option", { value: key, text: label, title }));
      return heading ? h("optgroup", { label: heading }, nodes) : nodes;
    });
  select.replaceChildren(...made.flat());
  if (value !== undefined) select.value = value;
}

/**
 * A canvas sized for the device; returns its 2D context scaled to CSS pixels, cleared.
 * @param {HTMLCanvasElement} canvas @param {number} width @param {number} height
 */
export function sharpContext(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const w = Math.max(1, Math.round(width * ratio)),
    hgt = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== hgt) {
    canvas.width = w;
    canvas.height = hgt;
  }
  const context = context2d(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Resolves when the drawing is on the screen; in a hidden page, soon. */
export function seen() {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 150);
  });
}

/** The document or shadow tree that a node lies in. @param {Node} node */
export const rootOf = (node) => /** @type {Document | ShadowRoot} */ (node.getRootNode());

/**
 * The 2D context of a canvas that has no context of another kind.
 * @param {HTMLCanvasElement} canvas @param {CanvasRenderingContext2DSettings} [settings]
 */
export function context2d(canvas, settings) {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("this canvas has a context of another kind");
  return context;
}
