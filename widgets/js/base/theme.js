/** Detects whether the page around the view is light or dark. Hosts signal it in different ways; some use a shadow tree. */
import { luminance } from "./color.js";
import { context2d } from "./dom.js";

/**
 * Decide from the signs on a page, most reliable first.
 * @param {{jupyter?: string, vscode?: string, backgrounds: number[][], scheme: string, prefersDark: boolean}} signs
 *        `jupyter` and `vscode` are attributes of the body, `backgrounds` RGBA (0 to 255) from the view outwards, `scheme`
 *        the CSS color-scheme of the page, `prefersDark` the setting of the user's system
 */
export function darkPage({ jupyter, vscode, backgrounds, scheme, prefersDark }) {
  if (jupyter) return jupyter === "false";
  if (vscode) return vscode === "vscode-dark" || vscode === "vscode-high-contrast";
  const opaque = backgrounds.find(([, , , alpha]) => alpha > 127);
  if (opaque) return luminance(opaque.slice(0, 3)) < 0.4;
  return scheme.includes("dark") && (prefersDark || !scheme.includes("light"));
}

/** "dark" or "light" for the page around a node. @param {Node} node */
export function pageTheme(node) {
  const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
  const dark = darkPage({
    jupyter: jpThemeLight,
    vscode: vscodeThemeKind,
    backgrounds: around(node).map((one) => painted(getComputedStyle(one).backgroundColor)),
    scheme: getComputedStyle(document.documentElement).colorScheme,
    prefersDark: Boolean(window.matchMedia?.("(prefers-color-scheme: dark)").matches),
  });
  return dark ? "dark" : "light";
}

/** The ancestors of a node, from the inside out, through shadow trees. @param {Node} node */
function around(node) {
  /** @type {Element[]} */
  const found = [];
  for (let one = above(node); one; one = above(one)) if (one.nodeType === Node.ELEMENT_NODE) found.push(/** @type {Element} */ (one));
  return found;
}

/** The parent of a node, or the host of the shadow tree that it is. @param {Node} node @returns {Node | null} */
const above = (node) => node.parentNode || /** @type {Partial<ShadowRoot>} */ (node).host || null;

/** @type {CanvasRenderingContext2D | undefined} */
let painter;
/** Convert any CSS colour to RGBA with the browser. @param {string} color */
function painted(color) {
  const context = (painter ||= context2d(document.createElement("canvas"), { willReadFrequently: true }));
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data];
}
