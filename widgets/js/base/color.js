/** Colours: Okabe-Ito for classes, viridis and cividis for scores, those of the page for everything else. */

/** @typedef {ReturnType<typeof readTheme>} Theme colours of the page as [r, g, b], and whether it is dark */
/** @typedef {{ suspicious?: string, dark?: boolean, scheme?: string }} ScoreLook the suspicious end of a score, and its colours */

const OKABE_ITO = ["#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7", "#f0e442"];
const VIRIDIS = [
  [68, 1, 84],
  [72, 36, 117],
  [65, 68, 135],
  [53, 95, 141],
  [42, 120, 142],
  [33, 145, 140],
  [34, 168, 132],
  [68, 191, 112],
  [122, 209, 81],
  [189, 223, 38],
  [253, 231, 37],
];
const CIVIDIS = [
  [0, 32, 77],
  [0, 48, 111],
  [53, 69, 107],
  [79, 87, 108],
  [102, 105, 112],
  [124, 123, 120],
  [148, 142, 119],
  [173, 162, 112],
  [200, 182, 97],
  [228, 204, 71],
  [255, 233, 69],
];

/** Entry of the lookup table for "no value". */
export const MISSING = 255;
/** Entries 0..LEVELS-1 of a lookup table represent values. */
export const LEVELS = 254;

/** "#rrggbb", "#rgb" or "rgb(...)" as [r, g, b]. @param {string} text */
export function parseColor(text) {
  const t = String(text).trim();
  if (t[0] === "#") {
    const hex = t.length === 4 ? [...t.slice(1)].map((c) => c + c).join("") : t.slice(1);
    return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
  }
  const parts = t.match(/[\d.]+/g);
  return parts && parts.length >= 3 ? parts.slice(0, 3).map(Number) : [128, 128, 128];
}

/** [r, g, b] as "#rrggbb". @param {number[]} rgb */
export const hex = (rgb) =>
  `#${rgb
    .map((v) =>
      Math.round(Math.max(0, Math.min(255, v)))
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;

/** Relative luminance as defined by WCAG, 0 (black) to 1 (white). @param {number[]} rgb */
export function luminance(rgb) {
  const [r, g, b] = rgb.map((v) => {
    const c = v / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** WCAG contrast ratio of two colours, 1 to 21. @param {number[]} a @param {number[]} b */
export function contrast(a, b) {
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (hi + 0.05) / (lo + 0.05);
}

/** A colour from OKLCH coordinates: lightness 0-1, chroma, hue in degrees. @param {number} l @param {number} c @param {number} hue */
export function oklch(l, c, hue) {
  const a = c * Math.cos((hue * Math.PI) / 180),
    b = c * Math.sin((hue * Math.PI) / 180);
  const [x, y, z] = [
    l + 0.3963377774 * a + 0.2158037573 * b,
    l - 0.1055613458 * a - 0.0638541728 * b,
    l - 0.0894841775 * a - 1.291485548 * b,
  ].map((v) => v ** 3);
  return [
    4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z,
    -1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z,
    -0.0041960863 * x - 0.7034186147 * y + 1.707614701 * z,
  ].map((v) => {
    const u = Math.max(0, Math.min(1, v));
    return 255 * (u <= 0.0031308 ? 12.92 * u : 1.055 * u ** (1 / 2.4) - 0.055);
  });
}

/** One colour per class: Okabe-Ito first, then steps around the hue circle with varying lightness. @param {number} k */
export function classColors(k, dark = false) {
  const base = OKABE_ITO.map(parseColor);
  if (!dark) base[6] = [170, 153, 0]; // plain Okabe-Ito yellow is unreadable on white: same hue, darker
  base.push(dark ? [210, 210, 210] : [60, 60, 60]);
  const out = base.slice(0, k);
  for (let i = out.length; i < k; i++) {
    const j = i - base.length;
    out.push(
      oklch((dark ? [0.72, 0.58, 0.84] : [0.58, 0.45, 0.7])[j % 3], 0.11 + 0.03 * (j % 2), (j * 137.508 + 20) % 360),
    );
  }
  return out;
}

/** Colour at t in [0, 1] of a list of evenly spaced stops. @param {number[][]} stops @param {number} t */
export function ramp(stops, t) {
  const f = Math.max(0, Math.min(1, t)) * (stops.length - 1),
    i = Math.min(stops.length - 2, Math.floor(f)),
    u = f - i;
  return [0, 1, 2].map((j) => stops[i][j] * (1 - u) + stops[i + 1][j] * u);
}

/**
 * The colour for a fraction t of a score's range. The suspicious end is salient on both backgrounds: dark on light
 * pages, bright on dark pages. The other end is muted but remains visible.
 * @param {number} t
 */
export function scoreColor(t, { suspicious = "high", dark = false, scheme = "viridis" } = {}) {
  const toward = suspicious === "low" ? 1 - t : t,
    quiet = 0.45 * (1 - toward) ** 2;
  const salient = dark ? 0.2 + 0.8 * toward : 0.88 * (1 - toward),
    grey = dark ? 95 : 190;
  return ramp(scheme === "cividis" ? CIVIDIS : VIRIDIS, salient).map((v) => v + (grey - v) * quiet);
}

/** RGBA table of 256 entries for a score; entry MISSING is the given grey. @param {ScoreLook} options @param {number[]} missing */
export function scoreTable(options, missing) {
  const table = new Uint8Array(1024);
  for (let i = 0; i < LEVELS; i++) table.set([...scoreColor(i / (LEVELS - 1), options).map(Math.round), 255], 4 * i);
  table.set([...missing, 255], 4 * MISSING);
  return table;
}

/** RGBA table for categories; colours repeat beyond 254 categories. @param {number[][]} colors @param {number[]} missing */
export function classTable(colors, missing) {
  const table = new Uint8Array(1024);
  for (let i = 0; i < LEVELS; i++)
    table.set([...(colors[i % Math.max(1, colors.length)] || missing).map(Math.round), 255], 4 * i);
  table.set([...missing, 255], 4 * MISSING);
  return table;
}

/**
 * Table entry of every number: 0..253 over [low, high], MISSING for NaN.
 * @param {ArrayLike<number>} values @param {number} low @param {number} high
 */
export function levelsOf(values, low, high) {
  const out = new Uint8Array(values.length),
    factor = high > low ? (LEVELS - 1) / (high - low) : 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    out[i] = v === v ? Math.max(0, Math.min(LEVELS - 1, (v - low) * factor + 0.5)) | 0 : MISSING;
  }
  return out;
}

/** Table entry of every category code: the code itself, MISSING for -1. @param {ArrayLike<number>} codes */
export function levelsOfCodes(codes) {
  const out = new Uint8Array(codes.length);
  for (let i = 0; i < codes.length; i++) out[i] = codes[i] < 0 ? MISSING : codes[i] % LEVELS;
  return out;
}

/** Colours of the page as numbers, read from an element inside the widget. @param {Element} node */
export function readTheme(node) {
  const background = parseColor(getComputedStyle(node).backgroundColor);
  const dark = luminance(background) < 0.4;
  /** @param {number} t */
  const mix = (t) => background.map((v) => v + ((dark ? 255 : 0) - v) * t);
  return {
    dark,
    background,
    text: mix(dark ? 0.86 : 0.85),
    quiet: mix(dark ? 0.62 : 0.6),
    line: mix(0.16),
    grey: mix(dark ? 0.3 : 0.22),
    faint: mix(0.1),
    accent: parseColor(dark ? "#64b5f6" : "#1565c0"),
    warn: parseColor(dark ? "#ffb74d" : "#b04a00"),
  };
}
