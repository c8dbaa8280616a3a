// Generated from widgets/js/ by `python -m widgets._bundle`. Do not edit.

// --- editors.js
const EDITORS = {};

// --- base/boxes.js
const LEAST_SIDE = 1;
const HANDLES = [
[0, 0],
[0.5, 0],
[1, 0],
[1, 0.5],
[1, 1],
[0.5, 1],
[0, 1],
[0, 0.5],
];
const rounded = (value) => Math.round(value * 100) / 100;
const within0 = (value, most) => Math.max(0, Math.min(most, value));
function clamped([x0, y0, x1, y1], size) {
const [w, h] = size ?? [Infinity, Infinity];
const along = (a, b, most) => [a, b].sort((p, q) => p - q).map((one) => rounded(size ? within0(one, most) : one));
const [[left, right], [top, bottom]] = [along(x0, x1, w), along(y0, y1, h)];
return [left, top, right, bottom];
}
function moved([x0, y0, x1, y1], dx, dy, size) {
const along = (low, high, by, most) => Math.max(Math.min(0, -low), Math.min(Math.max(0, most - high), by));
const x = size ? along(x0, x1, dx, size[0]) : dx,
y = size ? along(y0, y1, dy, size[1]) : dy;
return ([x0 + x, y0 + y, x1 + x, y1 + y].map(rounded));
}
function pulled(box, handle, x, y, size) {
const [fx, fy] = HANDLES[handle],
next = [...box];
if (fx !== 0.5) next[2 * fx] = x;
if (fy !== 0.5) next[1 + 2 * fy] = y;
const out = clamped(next, size);
for (const axis of [0, 1]) if (out[axis + 2] - out[axis] < LEAST_SIDE) return box;
return out;
}
const handleAt = ([x0, y0, x1, y1], handle) => [x0 + (x1 - x0) * HANDLES[handle][0], y0 + (y1 - y0) * HANDLES[handle][1]];
function handleUnder(box, [x, y], reach) {
let best = -1,
least = reach;
HANDLES.forEach((_, handle) => {
const [hx, hy] = handleAt(box, handle),
far = Math.max(Math.abs(hx - x), Math.abs(hy - y));
if (far < least) [best, least] = [handle, far];
});
return best;
}
const areaOf = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
function boxesUnder(boxes, [x, y], reach) {
return boxes
.map((box, i) => ([box, i]))
.filter(([[x0, y0, x1, y1]]) => {
const px = x1 - x0 < reach ? reach : 0,
py = y1 - y0 < reach ? reach : 0;
return x >= x0 - px && x <= x1 + px && y >= y0 - py && y <= y1 + py;
})
.sort(([a], [b]) => areaOf(a) - areaOf(b))
.map(([, i]) => i);
}

// --- base/color.js
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
const MISSING = 255;
const LEVELS = 254;
function parseColor(text) {
const t = String(text).trim();
if (t[0] === "#") {
const hex = t.length === 4 ? [...t.slice(1)].map((c) => c + c).join("") : t.slice(1);
return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
}
const parts = t.match(/[\d.]+/g);
return parts && parts.length >= 3 ? parts.slice(0, 3).map(Number) : [128, 128, 128];
}
const hex = (rgb) =>
`#${rgb
.map((v) =>
Math.round(Math.max(0, Math.min(255, v)))
.toString(16)
.padStart(2, "0"),
)
.join("")}`;
function luminance(rgb) {
const [r, g, b] = rgb.map((v) => {
const c = v / 255;
return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
});
return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a, b) {
const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
return (hi + 0.05) / (lo + 0.05);
}
function oklch(l, c, hue) {
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
function classColors(k, dark = false) {
const base = OKABE_ITO.map(parseColor);
if (!dark) base[6] = [170, 153, 0];
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
function ramp(stops, t) {
const f = Math.max(0, Math.min(1, t)) * (stops.length - 1),
i = Math.min(stops.length - 2, Math.floor(f)),
u = f - i;
return [0, 1, 2].map((j) => stops[i][j] * (1 - u) + stops[i + 1][j] * u);
}
function scoreColor(t, { suspicious = "high", dark = false, scheme = "viridis" } = {}) {
const toward = suspicious === "low" ? 1 - t : t,
quiet = 0.45 * (1 - toward) ** 2;
const salient = dark ? 0.2 + 0.8 * toward : 0.88 * (1 - toward),
grey = dark ? 95 : 190;
return ramp(scheme === "cividis" ? CIVIDIS : VIRIDIS, salient).map((v) => v + (grey - v) * quiet);
}
function scoreTable(options, missing) {
const table = new Uint8Array(1024);
for (let i = 0; i < LEVELS; i++) table.set([...scoreColor(i / (LEVELS - 1), options).map(Math.round), 255], 4 * i);
table.set([...missing, 255], 4 * MISSING);
return table;
}
function classTable(colors, missing) {
const table = new Uint8Array(1024);
for (let i = 0; i < LEVELS; i++)
table.set([...(colors[i % Math.max(1, colors.length)] || missing).map(Math.round), 255], 4 * i);
table.set([...missing, 255], 4 * MISSING);
return table;
}
function levelsOf(values, low, high) {
const out = new Uint8Array(values.length),
factor = high > low ? (LEVELS - 1) / (high - low) : 0;
for (let i = 0; i < values.length; i++) {
const v = values[i];
out[i] = v === v ? Math.max(0, Math.min(LEVELS - 1, (v - low) * factor + 0.5)) | 0 : MISSING;
}
return out;
}
function levelsOfCodes(codes) {
const out = new Uint8Array(codes.length);
for (let i = 0; i < codes.length; i++) out[i] = codes[i] < 0 ? MISSING : codes[i] % LEVELS;
return out;
}
function readTheme(node) {
const background = parseColor(getComputedStyle(node).backgroundColor);
const dark = luminance(background) < 0.4;
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

// --- base/dom.js
const SVG = "http://www.w3.org/2000/svg";
function assign(node, key, value) {
if (value === undefined || value === null || value === false) return;
if (key === "text") node.textContent = value;
else if (key === "style") for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
else if (key === "value" || key === "checked" || key === "disabled" || key === "selected") node[key] = value;
else node.setAttribute(key, value === true ? "" : value);
}
function h(tag, attributes = {}, ...children) {
const node = document.createElement(tag);
for (const [key, value] of Object.entries(attributes)) assign(node, key, value);
for (const child of children.flat()) if (child !== null && child !== undefined && child !== false) node.append(typeof child === "object" ? child : String(child));
return node;
}
function withCode(text) {
return text.split("`").map((part, i) => (i % 2 ? h("code", { text: part }) : part));
}
function svgNode(tag, attributes) {
const node = document.createElementNS(SVG, tag);
for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
return node;
}
function icon(path) {
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
const ICONS = {
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
function iconButton(name, label, onclick, extra = {}) {
return h(
"button",
{ type: "button", class: "lw-icon", title: label, "aria-label": label, onclick, ...extra },
icon(ICONS[name]),
);
}
function closeButton(label, onclick, title) {
return h("button", { type: "button", class: "lw-tiny", text: "×", title, "aria-label": label, onclick });
}
function panelHead(title, onclose) {
return h("div", { class: "lw-row" }, h("strong", { text: title }), h("span", { class: "lw-space" }), closeButton("close", onclose));
}
function fillSelect(select, groups, value) {
const made = groups
.filter(([, options]) => options.length)
.map(([heading, options]) => {
const nodes = options.map(([key, label, title]) => h("option", { value: key, text: label, title }));
return heading ? h("optgroup", { label: heading }, nodes) : nodes;
});
select.replaceChildren(...made.flat());
if (value !== undefined) select.value = value;
}
function sharpContext(canvas, width, height) {
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
function seen() {
return new Promise((resolve) => {
requestAnimationFrame(() => setTimeout(resolve));
setTimeout(resolve, 150);
});
}
const rootOf = (node) => (node.getRootNode());
function context2d(canvas, settings) {
const context = canvas.getContext("2d", settings);
if (!context) throw new Error("this canvas has a context of another kind");
return context;
}

// --- base/format.js
const count = (n) => Math.round(n).toLocaleString("en-US");
function brief(n) {
const [size, unit] = n >= 999_500 ? [1e6, "M"] : n >= 1000 ? [1000, "k"] : [1, ""];
const value = n / size;
return unit && value < 9.95 ? `${value.toFixed(1)}${unit}` : `${Math.round(value)}${unit}`;
}
function probability(p) {
if (p === null || p === undefined || !Number.isFinite(p)) return "–";
if (p > 0.995 && p < 1) return ">.99";
if (p < 0.005 && p > 0) return "<.01";
const text = p.toFixed(2);
return text === "1.00" ? "1" : text === "0.00" ? "0" : text.replace(/^(-?)0/, "$1");
}
function short(value) {
if (!Number.isFinite(value)) return "–";
if (value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3)) return value.toExponential(1);
return String(Number(value.toPrecision(3)));
}
function within(value, [low, high]) {
const step = 10 ** Math.floor(Math.log10(Math.max(high - low, 1e-300) / 500));
return short(Math.round(value / step) * step);
}
function clip(text, most = 24) {
const points = [...String(text)];
if (points.length <= most) return String(text);
const head = Math.ceil((most - 1) * 0.6);
return `${points.slice(0, head).join("")}…${points.slice(points.length - (most - 1 - head)).join("")}`;
}
const shortened = new WeakMap();
function shortNames(names, most) {
const known = shortened.get(names) ?? new Map(),
fitting = known.get(most) ?? shorten(names, most);
shortened.set(names, known.set(most, fitting));
return fitting;
}
function shorten(names, most) {
const out = names.map((name) => clip(name, most)),
alike = (new Map());
out.forEach((text, i) => alike.set(text, [...(alike.get(text) || []), i]));
for (const group of alike.values()) {
if (group.length < 2) continue;
const shared = commonStart(group.map((i) => names[i]));
for (const i of group) {
const rest = [...names[i].slice(shared)];
out[i] = `…${rest.length < most ? rest.join("") : `${rest.slice(0, most - 2).join("")}…`}`;
}
}
return out;
}
function commonStart(names) {
let same = 0;
while (same < names[0].length && names.every((name) => name[same] === names[0][same])) same++;
const before = names[0].slice(0, same);
return Math.max(...[" ", "/", "_", "-", "."].map((mark) => before.lastIndexOf(mark))) + 1;
}
function clock(date = new Date()) {
return `${String(date.getHours()).padStart(2, "0")}:${String(date.getMinutes()).padStart(2, "0")}`;
}
function ticks(low, high, target = 4) {
const span = high - low;
if (!(span > 0)) return [low];
const raw = span / target,
power = 10 ** Math.floor(Math.log10(raw));
const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999) ?? 10 * power;
const out = [];
for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
out.push(Number((i * step).toPrecision(12)));
return out;
}

// --- examples/facts.js
function factLine(name, content) {
return h("div", { class: "lw-fact" }, h("span", { class: "lw-fact-name", text: name }), content);
}
const quiet = (text) => h("span", { class: "lw-quiet", text });
function tallFact(name, value, { detail = "", title = "" } = {}) {
return h(
"div",
{ class: "lw-fact lw-fact-tall" },
h("span", { class: "lw-fact-name", text: name }),
h("span", { class: "lw-num lw-quiet lw-clip", text: detail, title }),
value,
);
}
const STAYS = { 2: "kept", 3: "skipped" };
function decisionLine(said, { verdict, flagged }) {
const text = said + (flagged ? " · ⚑" : "");
return factLine("decision", h("span", { class: `lw-fact-value${verdict ? " lw-strong" : " lw-quiet"}` }, h("span", { class: "lw-clip", text, title: text })));
}
function meter(p, { text, title, label }) {
return h(
"span",
{ class: "lw-fact-value", title },
h("span", { class: "lw-meter", role: "img", "aria-label": `${label}: ${probability(p)}` }, h("span", { style: { width: `${100 * (p || 0)}%` } })),
h("span", { class: "lw-num", text: `${text}${probability(p)}` }),
);
}

// --- base/runlengths.js
function countsOf(text) {
const counts = [];
for (let i = 0; i < text.length; ) {
let value = 0,
shift = 0,
group = 0;
do {
group = text.charCodeAt(i++) - 48;
value += (group & 31) * 2 ** shift;
shift += 5;
} while (group & 32);
if (group & 16) value -= 2 ** shift;
counts.push(value + (counts.length > 2 ? counts[counts.length - 2] : 0));
}
return counts;
}
function textOf(counts) {
let text = "";
counts.forEach((count, i) => {
let value = count - (i > 2 ? counts[i - 2] : 0),
more = true;
while (more) {
const group = value & 31;
value >>= 5;
more = group & 16 ? value !== -1 : value !== 0;
text += String.fromCharCode((more ? group | 32 : group) + 48);
}
});
return text;
}
function pixelsOf({ height, width, counts }) {
const pixels = new Uint8Array(height * width);
let at = 0;
countsOf(counts).forEach((count, i) => {
if (i % 2) for (let place = at; place < at + count; place++) pixels[(place % height) * width + Math.floor(place / height)] = 1;
at += count;
});
return pixels;
}
function regionOf(raster, wide) {
const high = raster.length / wide;
let [x0, y0, x1, y1] = [wide, high, -1, -1];
for (let y = 0; y < high; y++)
for (let x = 0; x < wide; x++)
if (raster[y * wide + x]) {
if (x < x0) x0 = x;
if (x > x1) x1 = x;
if (y < y0) y0 = y;
y1 = y;
}
if (x1 < 0) return null;
const counts = [0];
let value = 0;
for (let x = x0; x <= x1; x++)
for (let y = y0; y <= y1; y++) {
const now = raster[y * wide + x] ? 1 : 0;
if (now !== value) counts.push(0);
value = now;
counts[counts.length - 1]++;
}
return { y0, x0, height: y1 - y0 + 1, width: x1 - x0 + 1, counts: textOf(counts) };
}

// --- base/rasters.js
function rasterOf({ lengths, codes }, width, height) {
const out = new Int16Array(width * height);
let at = 0;
lengths.forEach((length, i) => {
out.fill(codes[i], at, at + length);
at += length;
});
return { codes: out, width, height };
}
function paintRegion(raster, region, code, step = 1) {
const pixels = pixelsOf(region);
for (let y = Math.ceil(region.y0 / step) * step; y < region.y0 + region.height; y += step)
for (let x = Math.ceil(region.x0 / step) * step; x < region.x0 + region.width; x += step)
if (pixels[(y - region.y0) * region.width + x - region.x0]) raster.codes[(y / step) * raster.width + x / step] = code;
}
function inside({ width, height }, [x0, y0, x1, y1]) {
return [Math.max(0, Math.floor(x0)), Math.max(0, Math.floor(y0)), Math.min(width, Math.ceil(x1)), Math.min(height, Math.ceil(y1))];
}
function brushed(raster, from, to, radius, code) {
const [ax, ay] = from,
[dx, dy] = [to[0] - ax, to[1] - ay],
length = dx * dx + dy * dy;
const part = inside(raster, [Math.min(ax, to[0]) - radius, Math.min(ay, to[1]) - radius, Math.max(ax, to[0]) + radius, Math.max(ay, to[1]) + radius]);
for (let y = part[1]; y < part[3]; y++)
for (let x = part[0]; x < part[2]; x++) {
const [px, py] = [x + 0.5 - ax, y + 0.5 - ay],
t = length ? Math.max(0, Math.min(1, (px * dx + py * dy) / length)) : 0;
if ((px - t * dx) ** 2 + (py - t * dy) ** 2 <= radius * radius) raster.codes[y * raster.width + x] = code;
}
return part;
}
function filled(raster, outline, code) {
const xs = outline.map(([x]) => x),
ys = outline.map(([, y]) => y),
part = inside(raster, [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]);
for (let y = part[1]; y < part[3]; y++) {
const middle = y + 0.5,
crossings = [];
outline.forEach(([x0, y0], i) => {
const [x1, y1] = outline[(i + 1) % outline.length];
if (y0 <= middle !== y1 <= middle) crossings.push(x0 + ((middle - y0) / (y1 - y0)) * (x1 - x0));
});
crossings.sort((a, b) => a - b);
for (let i = 0; i + 1 < crossings.length; i += 2)
for (let x = Math.max(part[0], Math.ceil(crossings[i] - 0.5)); x < Math.min(part[2], Math.ceil(crossings[i + 1] - 0.5)); x++) raster.codes[y * raster.width + x] = code;
}
return part;
}
function changedRegions(before, after, [x0, y0, x1, y1]) {
const wide = x1 - x0,
changed = new Map();
for (let y = y0; y < y1; y++)
for (let x = x0; x < x1; x++) {
const at = y * after.width + x,
code = after.codes[at];
if (code === before.codes[at]) continue;
if (!changed.has(code)) changed.set(code, new Uint8Array(wide * (y1 - y0)));
(changed.get(code))[(y - y0) * wide + x - x0] = 1;
}
return [...changed].map(([code, pixels]) => {
const region = (regionOf(pixels, wide));
return [code, { ...region, x0: region.x0 + x0, y0: region.y0 + y0 }];
});
}
function cutOut({ codes, width }, [x0, y0, x1, y1]) {
return Array.from({ length: Math.max(0, y1 - y0) }, (_, y) => codes.slice((y0 + y) * width + x0, (y0 + y) * width + x1));
}
function putBack({ codes, width }, [x0, y0], rows) {
rows.forEach((row, y) => codes.set(row, (y0 + y) * width + x0));
}
const joinedParts = (a, b) => (a ? [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])] : b);
function borderOf(region) {
const pixels = pixelsOf(region),
{ width, height, x0, y0 } = region,
lines = [];
const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : pixels[y * width + x]);
for (let y = 0; y <= height; y++) {
let from = -1;
for (let x = 0; x <= width; x++) {
const differs = x < width && at(x, y) !== at(x, y - 1);
if (differs && from < 0) from = x;
if (!differs && from >= 0) {
lines.push([x0 + from, y0 + y, x0 + x, y0 + y]);
from = -1;
}
}
}
for (let x = 0; x <= width; x++) {
let from = -1;
for (let y = 0; y <= height; y++) {
const differs = y < height && at(x, y) !== at(x - 1, y);
if (differs && from < 0) from = y;
if (!differs && from >= 0) {
lines.push([x0 + x, y0 + from, x0 + x, y0 + y]);
from = -1;
}
}
}
return lines;
}

// --- examples/boxoutlines.js
function shapeOf({ outline, region }) {
const path = new Path2D();
for (const polygon of outline ?? []) {
path.moveTo(polygon[0], polygon[1]);
for (let at = 2; at < polygon.length; at += 2) path.lineTo(polygon[at], polygon[at + 1]);
path.closePath();
}
const [y0, x0, height, width, counts] = region ?? [];
for (const [ax, ay, bx, by] of region ? borderOf({ y0, x0, height, width, counts }) : []) {
path.moveTo(ax, ay);
path.lineTo(bx, by);
}
return path;
}
function strokeShape(context, path, { x, y, k }, color, width) {
context.save();
context.translate(x, y);
context.scale(k, k);
for (const [ink, line] of ([["rgba(0, 0, 0, 0.55)", width + 1.5], [color, width]])) {
context.strokeStyle = ink;
context.lineWidth = line / k;
context.stroke(path);
}
context.restore();
}

// --- base/zoom.js
function fitted(box, size) {
const k = Math.min(box[0] / size[0], box[1] / size[1]);
return settled({ k, x: 0, y: 0 }, box, size);
}
function scaled(place, factor, point, box, size) {
const least = Math.min(1, fitted(box, size).k) / 2,
most = Math.max(40, fitted(box, size).k * 8);
const k = Math.min(most, Math.max(least, place.k * factor)),
f = k / place.k;
return settled({ k, x: point[0] - (point[0] - place.x) * f, y: point[1] - (point[1] - place.y) * f }, box, size);
}
function originalPixels(place, box, size, ratio = 1) {
return scaled(place, 1 / ratio / place.k, [box[0] / 2, box[1] / 2], box, size);
}
function settled({ k, x, y }, box, size) {
const along = (at, room, length) => (length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at)));
return { k, x: along(x, box[0], size[0] * k), y: along(y, box[1], size[1] * k) };
}
function resized(place, from, to) {
return { ...place, k: (place.k * from[0]) / to[0] };
}
function highlighted(text, words) {
const wanted = words.filter(Boolean).map((word) => word.toLowerCase());
if (!wanted.length) return [[text, false]];
const lower = text.toLowerCase();
if (lower.length !== text.length) return [[text, false]];
const parts = [];
let from = 0;
for (;;) {
let at = -1,
length = 0;
for (const word of wanted) {
const found = lower.indexOf(word, from);
if (found >= 0 && (at < 0 || found < at || (found === at && word.length > length))) [at, length] = [found, word.length];
}
if (at < 0) break;
if (at > from) parts.push([text.slice(from, at), false]);
parts.push([text.slice(at, at + length), true]);
from = at + length;
}
if (from < text.length) parts.push([text.slice(from), false]);
return parts;
}
function searchWords(search) {
if (!search) return [];
const inside = [...search.matchAll(/contains\s*\([^,()]*,\s*(["'])(.*?)\1\s*\)/g)].map((found) => found[2]);
if (inside.length || /[=<>]|contains\s*\(/.test(search)) return inside;
return search.trim().split(/\s+/);
}

// --- base/imagestage.js
const TILE = 512;
const MOST_PIXELS = 16_000_000;
const TILES_KEPT = 64;
const PIXELS_REST = 120;
const DRAG_FROM = 3;
class ImageStage {
canvas = h("canvas", { class: "lw-stage-canvas", role: "img" });
el = h("div", { class: "lw-stage" }, this.canvas);
shown = null;
place = { k: 1, x: 0, y: 0 };
fits = true;
holds = false;
pixels = null;
tiles = new Map();
level = 0;
frame = 0;
timer = 0;
spent = 0;
scrolling = () => false;
constructor(hands, source) {
this.hands = hands;
this.source = source;
this.watch = new ResizeObserver(() => this.resize());
this.watch.observe(this.el);
this.listen();
}
show(shown) {
const before = this.shown;
this.shown = shown;
if (before?.row !== shown?.row || before?.src !== shown?.src) {
this.pixels = null;
this.tiles.clear();
if (shown?.src) this.load(shown);
}
if (shown && (before?.row !== shown.row || String(before.size) !== String(shown.size))) this.fit();
this.redraw();
}
load(shown) {
const image = new Image();
image.onload = () => {
if (this.shown?.src !== shown.src || this.pixels) return;
this.pixels = { image, width: image.naturalWidth };
this.redraw();
};
image.src = shown.src ?? "";
}
box() {
return [this.el.clientWidth, this.el.clientHeight];
}
resize() {
if (this.fits) this.fit();
else this.put(settled(this.place, this.box(), this.shown?.size ?? [1, 1]));
}
fit() {
if (!this.shown || !this.el.clientWidth) return;
this.put(fitted(this.box(), this.shown.size));
this.fits = true;
}
zoom(factor, point = this.box().map((side) => side / 2)) {
if (this.shown) this.put(scaled(this.place, factor, point, this.box(), this.shown.size));
}
togglePixels() {
const ratio = window.devicePixelRatio || 1;
if (!this.shown) return;
if (!this.fits && Math.abs(this.place.k * ratio - 1) < 1e-6) this.fit();
else this.put(originalPixels(this.place, this.box(), this.shown.size, ratio));
}
reveal(point) {
const [x, y] = this.toScreen(point),
[w, hgt] = this.box(),
{ k } = this.place;
if (!this.shown || this.fits || (x >= 0 && y >= 0 && x <= w && y <= hgt)) return;
this.put(settled({ k, x: w / 2 - point[0] * k, y: hgt / 2 - point[1] * k }, this.box(), this.shown.size));
}
put(place) {
this.place = place;
this.fits = false;
this.redraw();
clearTimeout(this.timer);
this.timer = setTimeout(() => this.sharpen(), PIXELS_REST);
}
toScreen([x, y]) {
const { place } = this;
return [x * place.k + place.x, y * place.k + place.y];
}
screenAt(event) {
const box = this.canvas.getBoundingClientRect();
return [((event.clientX - box.left) * this.el.clientWidth) / box.width, ((event.clientY - box.top) * this.el.clientHeight) / box.height];
}
at(event) {
const [x, y] = this.screenAt(event),
{ place } = this;
return [(x - place.x) / place.k, (y - place.y) / place.k];
}
redraw() {
this.frame ||= requestAnimationFrame(() => this.draw());
}
draw() {
this.frame = 0;
const began = performance.now(),
{ shown, place, pixels } = this,
[w, hgt] = this.box();
if (!w) return;
const context = sharpContext(this.canvas, w, hgt);
if (!shown) return;
const scale = place.k * (window.devicePixelRatio || 1);
context.imageSmoothingEnabled = scale < 3;
if (pixels) context.drawImage(pixels.image, place.x, place.y, shown.size[0] * place.k, shown.size[1] * place.k);
this.drawTiles(context, shown);
if (shown.text) {
context.fillStyle = getComputedStyle(this.el).color;
context.fillText(shown.text, 8, 16, w - 16);
}
this.hands.draw(context);
this.spent = performance.now() - began;
}
async sharpen() {
const { shown, source } = this,
ratio = window.devicePixelRatio || 1;
if (!shown?.src || !source || !this.pixels || this.place.k * ratio * shown.size[0] <= this.pixels.width) return;
if (this.pixels.width >= shown.size[0]) return;
if (shown.size[0] * shown.size[1] > MOST_PIXELS) {
this.level = Math.max(0, Math.floor(Math.log2(1 / (this.place.k * ratio))));
for (const [x, y] of this.tilesInSight(shown)) this.tile(shown, source, x, y);
return;
}
const pixels = await source.original(shown.row).catch(() => null);
if (pixels && this.shown?.row === shown.row) {
this.pixels = pixels;
this.redraw();
}
}
tilesInSight({ size }) {
const side = TILE * 2 ** this.level,
{ place } = this,
box = this.box();
const along = (at, room, length) => {
const first = Math.max(0, Math.floor(-at / place.k / side)),
last = Math.min(Math.ceil(length / side), Math.ceil((room - at) / place.k / side));
return Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
};
return along(place.y, box[1], size[1]).flatMap((y) => along(place.x, box[0], size[0]).map((x) => [x, y]));
}
async tile(shown, source, x, y) {
const { level } = this,
key = `${level}/${x}/${y}`;
if (this.tiles.has(key)) return;
this.tiles.set(key, null);
const tile = await source.tile(shown.row, level, x, y).catch(() => null);
if (this.shown?.row !== shown.row) return;
if (tile) this.tiles.set(key, tile);
else this.tiles.delete(key);
for (const oldest of this.tiles.keys()) {
if (this.tiles.size <= TILES_KEPT) break;
this.tiles.delete(oldest);
}
this.redraw();
}
drawTiles(context, shown) {
if (!this.tiles.size) return;
const { place } = this,
here = [...this.tiles].filter(([, tile]) => tile).map(([key, tile]) => ({ at: key.split("/").map(Number), tile }));
here.sort((a, b) => b.at[0] - a.at[0]);
for (const { at, tile } of here) {
const [level, x, y] = at,
side = TILE * 2 ** level,
w = Math.min(side, shown.size[0] - x * side),
hgt = Math.min(side, shown.size[1] - y * side);
if (tile) context.drawImage(tile.image, x * side * place.k + place.x, y * side * place.k + place.y, w * place.k, hgt * place.k);
}
}
listen() {
const { canvas, hands } = this;
let held = null;
canvas.addEventListener("mousedown", (event) => event.button === 1 && event.preventDefault());
canvas.addEventListener("pointerdown", (event) => {
if (!this.shown || event.button > 1) return;
const pans = event.button === 1 || this.holds;
held = { drag: (!pans && hands.press(this.at(event), event)) || this.pan(event), from: this.screenAt(event), moved: false };
canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
if (!held) {
canvas.style.cursor = this.holds ? "grab" : hands.cursor(this.at(event));
return;
}
const [x, y] = this.screenAt(event);
held.moved ||= Math.hypot(x - held.from[0], y - held.from[1]) >= DRAG_FROM;
if (held.moved) held.drag.move(this.at(event), event);
});
canvas.addEventListener("pointerup", (event) => {
const { drag, moved = false } = held ?? {};
held = null;
drag?.end?.(moved);
if (drag && !moved && event.button === 0) hands.click(this.at(event), event);
});
canvas.addEventListener("pointercancel", () => {
held?.drag.cancel?.();
held = null;
});
canvas.addEventListener("dblclick", () => hands.twice());
canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
}
pan(event) {
const from = this.screenAt(event),
{ place } = this;
return {
move: (_, now) => {
const [x, y] = this.screenAt(now),
moved = { k: place.k, x: place.x + x - from[0], y: place.y + y - from[1] };
this.put(settled(moved, this.box(), this.shown?.size ?? [1, 1]));
},
};
}
wheel(event) {
if (!this.shown || this.scrolling()) return;
event.preventDefault();
event.stopPropagation();
this.zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 16 : 1) * 0.0016), this.screenAt(event));
}
destroy() {
cancelAnimationFrame(this.frame);
clearTimeout(this.timer);
this.watch.disconnect();
}
}

// --- maps/legend.js
const MOST = 12;
function drawLegend(node, legend) {
if (!legend) {
node.replaceChildren();
return;
}
const hidden = [h("span", { class: "lw-quiet", text: "colours are hidden in blind mode" })];
const colors = legend.kind === "category" ? swatches(legend) : legend.kind === "number" ? bar(legend) : hidden;
node.replaceChildren(...colors, h("span", { class: "lw-quiet lw-shapes", text: "◆ changed  ■ flagged" }));
}
function bar({ column, range, color }) {
const stops = Array.from({ length: 12 }, (_, i) => hex(color(i / 11))).join(",");
const direction = column.suspicious ? `${column.suspicious} = suspicious` : "";
return [
h("span", { class: "lw-legend-name", text: column.name, title: column.source || "" }),
h("span", { class: "lw-num", text: short(range[0]) }),
h("span", { class: "lw-ramp", style: { background: `linear-gradient(90deg,${stops})` } }),
h("span", { class: "lw-num", text: short(range[1]) }),
h("span", { class: "lw-quiet", text: direction }),
];
}
function swatches({ column, colors }) {
const { categories = [] } = column,
names = categories.slice(0, MOST),
more = categories.length - names.length;
return [
h("span", { class: "lw-legend-name", text: column.name }),
...names.map((name, i) =>
h(
"span",
{ class: "lw-key", title: name },
swatch(colors[i % colors.length]),
h("span", { text: shortNames(categories, 14)[i] }),
),
),
...(more > 0 ? [h("span", { class: "lw-quiet", text: `and ${more} more` })] : []),
];
}
function swatch(rgb) {
return h("span", { class: "lw-swatch", style: { background: hex(rgb) }, "aria-hidden": "true" });
}

// --- base/keys.js
const MEANINGS = {
label: "set a class",
labelSelection: "relabel the selection, one undo step",
accept: "accept the suggestion",
keep: "keep the given label",
confirmAll: "confirm the undecided labels of the example",
nothing: "answer “nothing here” or “no”",
unknown: "answer “unknown”",
skip: "skip, decide later",
flag: "flag or unflag",
undo: "undo the last decision",
redo: "redo the decision",
nextUnit: "next unit of the example",
previousUnit: "previous unit of the example",
neighbors: "select the neighbours",
next: "next example",
previous: "previous example",
type: "type a class name",
edit: "open the editor of the example; Esc leaves it",
note: "write a note",
hide: "hide or show suggestions",
clear: "clear the selection",
trails: "show trails over epochs for the selection or this example",
enlarge: "enlarge the picture or text; again to close",
grid: "show a grid of many examples; again to close",
zoomIn: "larger: the enlarged example, the grid or the maps",
zoomOut: "smaller",
pixels: "enlarged picture: original size; again to fit",
undoView: "undo a change of the view: filters, selection, colour, zoom",
redoView: "redo a change of the view",
help: "show or hide this help",
leave: "close, then leave the view",
};
const OF_TASK = { nothing: "nothing", unknown: "units", nextUnit: "units", previousUnit: "units" };
function inForce(keymap, editor) {
return Object.fromEntries(Object.entries(keymap).filter(([action]) => !OF_TASK[action] || editor[OF_TASK[action]]));
}
function digitClasses(classes) {
const named = classes.length > 0 && classes.every((name) => /^[0-9]$/.test(name));
const pairs = named
? classes.map((name, i) => [name, i])
: classes.slice(0, 10).map((_, i) => [String((i + 1) % 10), i]);
return Object.fromEntries(pairs);
}
function digitOf(event) {
const [, row, pad] = /^(?:Digit([0-9])|Numpad([0-9]))$/.exec(event.code || "") || [];
if (row !== undefined) return row;
if (pad !== undefined && event.key === pad) return pad;
return /^[0-9]$/.test(event.key) ? event.key : null;
}
const PLACES = { Period: ".", Comma: "," };
function pressed(event) {
const typed = event.getModifierState?.("AltGraph"),
ctrl = !typed && (event.ctrlKey || event.metaKey),
alt = !typed && event.altKey;
let { key } = event;
const letter = /^Key([A-Z])$/.exec(event.code || "")?.[1];
if (letter && (alt || /^[^\x00-\x7f]$/.test(key))) key = letter; // Alt+h types "˙" on a Mac, and other scripts have other letters
else if (alt && PLACES[event.code || ""]) key = PLACES[event.code || ""];
if (key.length === 1) key = event.shiftKey ? key.toUpperCase() : key.toLowerCase();
return { held: `${ctrl ? "Ctrl+" : ""}${alt ? "Alt+" : ""}`, shift: event.shiftKey ? "Shift+" : "", key };
}
function keyName(event) {
const { held, shift, key } = pressed(event);
return held + (key.length > 1 ? shift : "") + key;
}
function actionOf(event, keymap) {
if (event.isComposing) return null;
const { held, shift, key } = pressed(event),
digit = digitOf(event),
digits = digit === null ? [] : [`${held}${shift}digit`],
names = [keyName(event), held + key];
for (const name of shift ? [...names, ...digits] : [...digits, ...names])
for (const [action, keys] of Object.entries(keymap)) if (keys.includes(name)) return digit !== null && digits.includes(name) ? { action, digit } : { action };
return null;
}
const CAPS = {
" ": "Space",
ArrowRight: "→",
ArrowLeft: "←",
ArrowUp: "↑",
ArrowDown: "↓",
Escape: "Esc",
Backspace: "⌫",
Delete: "Del",
};
function keyCap(key) {
if (CAPS[key]) return CAPS[key];
const [, held, rest] = /^(Ctrl|Alt|Shift)\+(.+)$/.exec(key) || [];
if (held) return `${held === "Shift" ? "⇧" : `${held} `}${keyCap(rest)}`;
return /^[A-Z]$/.test(key) ? `⇧${key.toLowerCase()}` : key;
}
const capOf = (keymap, action) => keyCap(keymap[action]?.[0] || "");
function matchingClasses(classes, text, most = 8, without = (code) => false) {
const wanted = text.trim().toLowerCase();
const words = wanted.split(/\s+/).filter(Boolean);
const hits = classes
.map((name, i) => ([name.toLowerCase(), i]))
.filter(([name, i]) => words.every((word) => name.includes(word)) && !without(i));
const rank = ([name]) => (name === wanted ? 0 : name.startsWith(wanted) ? 1 : 2);
return hits
.sort((a, b) => rank(a) - rank(b) || a[1] - b[1])
.slice(0, most)
.map(([, i]) => i);
}

// --- base/lineeditor.js
class LineEditor {
example = null;
constructor({ place, line, space, judge, say, theme, explain, addClass }, ...tools) {
this.place = place;
this.line = line;
this.space = space;
this.judge = judge;
this.say = say;
this.theme = theme;
this.explain = explain;
this.addClass = addClass;
this.facts = h("div", { class: "lw-labels" });
this.tools = tools;
place.facts.append(this.facts);
place.tools.append(...tools);
}
show(example) {
this.example = example;
}
thumb(el, [{ value }]) {
el.append(h("span", { class: "lw-clip", text: value === 1 ? "changed" : value < 0 ? "unlabelled" : "" }));
}
key(_event) {
return false;
}
open() {
if (this.line.standing) this.line.open(this.line.standing);
}
close() {
this.line.close();
}
destroy() {
this.facts.remove();
for (const tool of this.tools) tool.remove();
}
}
class ManyUnitsEditor extends LineEditor {
units = [];
focus = "";
get current() {
return this.units.find((unit) => unit.key === this.focus);
}
get asked() {
return "";
}
focusOn(_key) {}
nextOpen() {
if (this.asked) return this.units.find((unit) => !unit.decided && unit.asked);
const wanted = this.units.find((unit) => !unit.decided && unit.key === this.example?.unit);
const open = this.units.filter((unit) => !unit.decided && (unit.doubted || this.example?.hides)),
{ kind = "", hides } = this.example ?? {};
return wanted || (kind && !hides && open.find((unit) => this.ofKind(unit, kind))) || open[0];
}
ofKind(unit, kind) {
return unit.kind === kind;
}
advance() {
const next = this.nextOpen();
if (next) this.focusOn(next.key);
return Boolean(next) || this.example?.whole === false;
}
confirmAll() {
if (this.example?.whole === false) {
this.judge(this.units.filter((unit) => !unit.decided && unit.given !== null).map(({ key, given }) => ({ key, value: given })), "confirm", true);
return true;
}
const open = this.units.filter((unit) => !unit.decided && unit.given !== null),
doubted = this.example?.hides ? [] : open.filter((unit) => unit.doubted);
const those = doubted.length ? doubted : open;
if (those.length) this.judge(those.map((unit) => ({ key: unit.key, value: unit.given })), "confirm");
return those.length > 0;
}
}

// --- examples/unitlist.js
const IGNORED = "ignore";
function valueText(value) {
if (value === null || value === undefined) return "none";
if (!/^["[{]|^null$/.test(value)) return value;
try {
const plain = JSON.parse(value);
if (plain === null) return "nothing";
if (plain.region) return plain.label ?? IGNORED;
if (typeof plain === "object" && plain.label) return String(plain.label);
if (typeof plain === "object" && "grade" in plain) return plain.grade === null ? "unjudged" : String(plain.grade);
return Array.isArray(plain) ? plain.join(", ") : String(plain);
} catch {
return value;
}
}
function isOfKind(unit, kind) {
return Boolean(unit.kind) && (unit.kind === kind || kind === `${unit.kind}, ${valueText(unit.given)} → ${valueText(unit.suggested)}`);
}
function inOrder(units, blind) {
const place = (unit) => (unit.doubted && !blind ? 0 : unit.decided ? 1 : unit.given !== null && unit.given !== "no" ? 2 : 3);
const doubt = (unit) => (place(unit) === 0 ? -(unit.p_error ?? 0) : 0);
return [...units].sort((a, b) => place(a) - place(b) || doubt(a) - doubt(b) || String(a.name).localeCompare(String(b.name), undefined, { numeric: true }));
}
function freshKey() {
const bytes = crypto.getRandomValues(new Uint8Array(6));
return `a${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
class KeptLines {
lines = new Map();
frame = 0;
constructor(list) {
this.list = list;
}
draw(units, lookOf, lineOf) {
const before = this.lines;
this.lines = new Map(
units.map((unit, i) => {
const look = lookOf(unit, i),
old = before.get(unit.key);
return [unit.key, old?.look === look ? old : { look, el: lineOf(unit, i) }];
}),
);
const order = [...before.keys()],
{ children } = this.list,
wanted = [...this.lines].map(([key, { el }]) => ({ key, el }));
if (order.length === wanted.length && wanted.every(({ key }, i) => key === order[i]))
wanted.forEach(({ el }, i) => children[i] !== el && children[i].replaceWith(el));
else this.list.replaceChildren(...wanted.map(({ el }) => el));
}
reveal() {
cancelAnimationFrame(this.frame);
this.frame = requestAnimationFrame(() => this.scroll());
}
scroll() {
const { list } = this,
el = list.querySelector(".lw-focused");
if (!el) return;
const top = el.offsetTop - list.offsetTop,
bottom = top + el.offsetHeight;
if (top < list.scrollTop) list.scrollTop = top;
else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}
}

// --- examples/objecteditor.js
const SAID = { 1: "changed", ...STAYS };
class ObjectEditor extends ManyUnitsEditor {
editing = false;
digits = {};
codes = new Map();
constructor(options, one, ...tools) {
super(options, ...tools);
this.one = one;
this.keymap = options.keymap;
this.place.root.classList.add("lw-many");
this.grow();
}
headline() {
return [];
}
draw() {}
reveal() {}
label(_name, _how) {}
get isNew() {
return false;
}
edit() {}
act(_action) {
return false;
}
leave() {
this.editing = false;
}
inTurn(units) {
return units;
}
grow() {
const { space } = this;
this.digits = digitClasses(space.classes);
this.codes = new Map(space.classes.map((name, code) => [name, code]));
this.line.stand({
name: "class",
resting: `/ type one of ${count(space.classes.length)} classes`,
placeholder: `type the class of the ${this.one}`,
nothing: "no such class",
find: space.matches,
may: space.lacks,
add: async (name) => {
if ((await this.addClass(name)) >= 0) this.label(name, "typed");
},
title: (code) => space.classes[code],
node: (code) => [swatch(space.color(code)), h("span", { class: "lw-clip", text: space.shortName(code, 40) })],
choose: (code) => this.label(space.classes[Number(code)], "typed"),
});
}
show(example) {
const other = example?.row !== this.example?.row,
before = this.asked,
turned = other || example?.kind !== this.example?.kind;
super.show(example);
this.units = example?.units ? this.inTurn(example.units) : [];
if (other) this.leave();
if (turned || before !== this.asked || (!this.current && !this.isNew))
this.focus = (this.units.find(({ key }) => key === this.example?.picked) || this.nextOpen() || this.units[0])?.key ?? "";
this.facts.replaceChildren(...(example ? this.describe(example) : []));
this.draw();
this.explain(this.current);
this.reveal();
}
ofKind(unit, kind) {
return isOfKind(unit, kind);
}
get asked() {
return this.units.filter((unit) => unit.asked).map((unit) => unit.key).join(" ");
}
describe({ verdict, flagged, hides, pError }) {
const doubted = this.units.filter((unit) => unit.doubted),
open = doubted.filter((unit) => !unit.decided),
changed = this.units.filter((unit) => unit.changed);
const said = [changed.length && `${count(changed.length)} changed`, SAID[verdict] || "undecided"].filter(Boolean).join(" · ");
const few = `${count(doubted.length)} of ${count(this.units.length)}${doubted.length ? `, ${count(open.length)} open` : ""}`;
return [
factLine("doubtful", hides ? quiet("hidden") : h("span", { class: "lw-fact-value lw-num", text: few })),
factLine("any wrong?", hides ? quiet("hidden") : Number.isFinite(pError) ? h("span", { class: "lw-fact-value lw-num", text: `p ${probability(pError)}`, title: `p_error: probability that any ${this.one} of the example is wrong, or one is missing` }) : quiet("not judged")),
decisionLine(said, { verdict, flagged }),
];
}
doubtOf(unit, more = "") {
if (this.example?.hides) return [];
const parts = [];
if (unit.suggested && unit.suggested !== unit.value && !unit.decided)
parts.push(h("button", { type: "button", class: "lw-answer lw-is-hint", text: `→ ${valueText(unit.suggested)}${more}`, title: [unit.kind, valueText(unit.suggested)].filter(Boolean).join(" → "), onclick: () => this.accept() }));
if (Number.isFinite(unit.p_error)) parts.push(h("span", { class: "lw-num lw-quiet", text: `p ${probability(unit.p_error)}`, title: "p_error" }));
return parts;
}
focusOn(key) {
this.focus = key;
this.leave();
this.draw();
this.explain(this.current);
this.reveal();
}
step(by) {
if (!this.units.length) return;
const at = this.units.findIndex((unit) => unit.key === this.focus);
this.focusOn(this.units[at < 0 ? 0 : Math.max(0, Math.min(this.units.length - 1, at + by))].key);
}
open(typing) {
if (!typing) this.edit();
else if (this.line.standing) this.line.open(this.line.standing);
}
key(event) {
const meant = actionOf(event, { ...this.keymap, label: ["digit"], type: ["/"] });
if (!meant) return false;
if (meant.digit !== undefined) this.digit(meant.digit, false);
else if (meant.action === "type") this.open(true);
else return this.act(meant.action);
return true;
}
close() {
this.line.close();
if (this.editing || this.isNew) {
this.leave();
this.draw();
}
}
digit(digit, selection) {
const code = this.digits[digit];
if (selection) this.say(`digits apply to one ${this.one} here, not to a selection`, "warn");
else if (code === undefined) this.say(`no class on key ${digit}`, "warn");
else this.label(this.space.classes[code], "key");
}
accept() {
const unit = this.current;
if (!unit) return;
if (unit.suggested === null || unit.suggested === undefined) this.say(`there is no suggestion for this ${this.one}`, "warn");
else this.judge([{ key: unit.key, value: unit.suggested }], "accept");
}
keep() {
const unit = this.current;
if (unit) this.judge([{ key: unit.key, value: unit.given ?? "null" }], "keep");
}
}

// --- examples/stageeditor.js
const AROUND = ".lw-cover-head, .lw-enlarge";
class StageEditor extends ObjectEditor {
chosen = new Set();
focus = "";
constructor(options, { one, many }, ...tools) {
const head = h("div", { class: "lw-span-line" }),
list = h("div", { class: "lw-units lw-boxes", role: "list", "aria-label": `${many} of the example`, tabindex: "-1" });
super(options, one, head, ...tools, list);
this.many = many;
this.locked = !options.pictures;
this.head = head;
this.lines = new KeptLines(list);
this.stage = new ImageStage(
{
draw: (context) => this.paint(context),
press: (at, event) => (this.editing && !event.shiftKey ? this.press(at, event) : null),
click: (at, event) => this.click(at, event),
cursor: (at) => this.cursor(at),
twice: () => !this.locked && !this.editing && this.current && this.open(),
},
options.pictures,
);
this.place.root.classList.add("lw-of-boxes");
this.outside = (event) => {
const path = event.composedPath(),
own = [this.stage.el, ...this.tools, this.line.el];
if (this.editing && !path.some((el) => own.includes((el)) || (el instanceof Element && el.matches(AROUND)))) this.close();
};
this.released = (event) => event.key === " " && (this.stage.holds = false);
document.addEventListener("pointerdown", this.outside, true);
document.addEventListener("keyup", this.released, true);
}
paint(_context) {}
press(_at, _event) {
return null;
}
click(_at, _event) {}
cursor(_at) {
return "default";
}
drawn() {
return [];
}
get unsaved() {
return false;
}
lineNow(_unit) {
return { now: "", color: [], edited: false };
}
get size() {
const item = this.example?.item;
return item?.original ?? (item?.width && item.height ? [item.width, item.height] : null);
}
inTurn(units) {
return inOrder(units, Boolean(this.example?.hides));
}
show(example) {
if (example?.row !== this.example?.row) {
this.chosen.clear();
if (this.unsaved) this.say("what was drawn was not saved, because another example was shown", "warn");
}
super.show(example);
}
drawOn(size) {
const { example } = this,
item = example?.item;
const shown = example && (item || this.units.length) ? { row: example.row, size: this.size ?? size, src: item?.src, text: item?.src ? "" : (item?.error ?? item?.url ?? "no picture") } : null;
this.stage.show(shown);
this.stage.el.classList.toggle("lw-editing", this.editing);
this.head.replaceChildren(...(example ? this.headline() : []));
this.lines.draw(this.units, (unit, i) => `${i},${this.look(unit)}`, (unit) => this.lineOf(unit));
const at = this.units.findIndex(({ key }) => key === this.focus);
this.stage.canvas.setAttribute("aria-label", `${this.units.length} ${this.many}${at < 0 ? "" : `; in focus ${at + 1}: ${valueText(this.units[at].value)}`}`);
}
look(unit) {
const { key, value, suggested, decided, doubted, p_error, kind } = unit,
{ now, edited } = this.lineNow(unit);
return [key === this.focus, this.chosen.has(key), this.example?.row, this.example?.hides, now, edited, value, suggested, decided, doubted, p_error, kind].join();
}
lineOf(unit) {
const { hides } = this.example ?? {},
focused = unit.key === this.focus,
hint = !hides && !unit.decided && unit.doubted ? unit.suggested : null,
{ now, color, edited } = this.lineNow(unit);
return h(
"div",
{
class: `lw-unit${focused ? " lw-focused" : ""}${unit.doubted && !hides ? " lw-doubted" : ""}${this.chosen.has(unit.key) ? " lw-chosen" : ""}`,
role: "listitem",
"aria-current": String(focused),
"data-key": unit.key,
onclick: (event) => this.pick(unit.key, event.shiftKey),
},
swatch(color),
h("span", { class: "lw-unit-name lw-clip", text: now, title: now }),
hint && hint !== unit.value ? h("span", { class: "lw-unit-hint lw-quiet lw-clip", text: `${unit.kind ?? ""} → ${valueText(hint)}`, title: valueText(hint) }) : null,
h("span", { class: "lw-num lw-quiet", text: edited || unit.changed ? "✎" : hides || !Number.isFinite(unit.p_error) ? "" : `p ${probability(unit.p_error)}` }),
);
}
editButton(what) {
const [text, title, onclick] = this.editing ? [this.unsaved ? "save" : "done", "Enter", () => this.close()] : ["edit", `Enter: ${what}`, () => this.open()];
return h("button", { type: "button", class: "lw-answer", text, title, onclick, hidden: this.locked });
}
colorOf(label) {
const code = this.codes.get(label ?? "");
return code === undefined ? [128, 128, 128] : this.space.color(code);
}
pick(key, more) {
if (!more) {
this.focusOn(key);
return;
}
if (!this.chosen.size && this.focus) this.chosen.add(this.focus);
if (this.chosen.has(key)) this.chosen.delete(key);
else this.chosen.add(key);
if (!this.chosen.has(this.focus)) this.focus = [...this.chosen][0] ?? key;
this.draw();
}
focusOn(key) {
this.chosen.clear();
if (!this.editing) {
super.focusOn(key);
return;
}
this.focus = key;
this.draw();
this.explain(this.current);
this.reveal();
}
leave() {
super.leave();
this.stage.holds = false;
}
close() {
if (!this.editing) {
super.close();
return;
}
const verdicts = this.drawn();
this.line.close();
this.leave();
this.draw();
if (verdicts.length) this.judge(verdicts, "key");
}
undo(_back) {}
key(event) {
if (event.key !== " ") return super.key(event);
this.stage.holds = true;
return true;
}
act(action) {
const acts = {
choose: () => this.close(),
remove: () => this.nothing(),
undoStroke: () => this.undo(true),
redoStroke: () => this.undo(false),
nextObject: () => this.step(1),
previousObject: () => this.step(-1),
larger: () => this.stage.zoom(1.25),
smaller: () => this.stage.zoom(0.8),
fit: () => this.stage.fit(),
};
acts[action]?.();
return Boolean(acts[action]);
}
get targets() {
return this.chosen.size ? [...this.chosen] : this.focus ? [this.focus] : [];
}
get wanted() {
const keys = new Set(this.targets);
return this.units.filter((unit) => keys.has(unit.key));
}
digit(digit, selection) {
if (digit === "0" && this.digits[0] === undefined) this.stage.fit();
else super.digit(digit, selection);
}
decide(verdicts, how) {
this.chosen.clear();
if (verdicts.length) this.judge(verdicts, how);
}
nothing() {}
inside(value, _given) {
return value;
}
accept() {
const suggested = this.wanted.filter((unit) => typeof unit.suggested === "string");
if (!suggested.length) super.accept();
else this.decide(suggested.map((unit) => ({ key: unit.key, value: this.inside(unit.suggested ?? "null", unit.given) })), "accept");
}
keep() {
this.decide(this.wanted.map((unit) => ({ key: unit.key, value: unit.given ?? "null" })), "keep");
}
destroy() {
super.destroy();
document.removeEventListener("pointerdown", this.outside, true);
document.removeEventListener("keyup", this.released, true);
this.stage.destroy();
}
}

// --- examples/boxeditor.js
const FEW_NAMES = 40;
const LONGEST_NAME = 24;
const REACH = 8;
const DOT = 5;
const ARROWS = { moveLeft: [-1, 0], moveRight: [1, 0], previousMatch: [0, -1], nextMatch: [0, 1] };
const SIDES = { narrower: [-1, 0], wider: [1, 0], lower: [0, -1], higher: [0, 1] };
const CORNERS = [-1, 4, 6, 0, 2];
class BoxEditor extends StageEditor {
drafts = new Map();
past = [];
future = [];
stroke = "";
things = [];
read = new Map();
outlines = new Map();
drawing = false;
corner = 0;
fast = false;
lastLabel = "";
constructor(options, { one, many, point }) {
super(options, { one, many });
this.point = point;
}
placed(text) {
if (!text) return null;
if (!this.read.has(text)) {
const value = JSON.parse(text),
at = value && (value.box ?? value.point);
this.read.set(text, at ? { box: this.point ? [at[0], at[1], at[0], at[1]] : at, label: value.label } : null);
}
return this.read.get(text) ?? null;
}
written(placed) {
if (!placed) return "null";
const { box, label } = placed;
return JSON.stringify(this.point ? { label, point: box.slice(0, 2) } : { box, label });
}
nowOf(unit) {
return this.drafts.has(unit.key) ? (this.drafts.get(unit.key) ?? null) : this.placed(unit.value);
}
startOf(key) {
const thing = this.things.find((one) => one.key === key);
return thing ? thing.now || thing.hint || thing.ghost : null;
}
list() {
const hides = this.example?.hides,
there = new Set(this.units.map(({ key }) => key));
const things = this.units.map((unit) => {
const now = this.nowOf(unit),
focused = unit.key === this.focus,
hinted = !hides && !unit.decided && (unit.doubted || focused) && unit.suggested !== unit.value && !this.drafts.has(unit.key);
const hint = hinted ? this.placed(unit.suggested) : null;
return { key: unit.key, unit, now, hint, ghost: now || hint || !focused ? null : this.placed(unit.given) || this.placed(hides ? null : unit.suggested) };
});
const fresh = [...this.drafts].filter(([key, now]) => now && !there.has(key)).map(([key, now]) => ({ key, unit: null, now, hint: null, ghost: null }));
return [...things, ...fresh];
}
show(example) {
if (example?.row !== this.example?.row) {
this.read.clear();
this.outlines.clear();
}
super.show(example);
}
draw() {
this.things = this.example ? this.list() : [];
const reach = (side) => Math.max(1, ...this.things.map(({ now, hint, ghost }) => (now || hint || ghost)?.box[side] ?? 0));
this.drawOn(this.size ?? [reach(2), reach(3)]);
}
lineNow(unit) {
const now = this.nowOf(unit),
shown = now || this.placed(unit.given) || (this.example?.hides ? null : this.placed(unit.suggested));
return { now: now?.label ?? "none", color: this.colorOf(shown?.label), edited: this.drafts.has(unit.key) };
}
reveal() {
const at = this.startOf(this.focus)?.box;
if (at) this.stage.reveal([(at[0] + at[2]) / 2, (at[1] + at[3]) / 2]);
this.lines.reveal();
}
headline() {
const unit = this.current,
thing = this.things.find(({ key }) => key === this.focus),
now = thing && (thing.now || thing.hint || thing.ghost);
const act = this.editButton("draw, move, resize");
if (!now) return [quiet(this.units.length || this.editing ? "" : `nothing here${this.locked ? "" : `: press Enter and ${this.point ? "click" : "drag"} to add a ${this.one}`}`), act];
const others = [...this.chosen].filter((key) => key !== this.focus).length,
[x0, y0, x1, y1] = now.box.map((side) => Math.round(side * 10) / 10),
where = this.point ? `at ${x0}, ${y0}` : `${Math.round((x1 - x0) * 10) / 10} × ${Math.round((y1 - y0) * 10) / 10} at ${x0}, ${y0}`;
const hint = unit && this.placed(unit.suggested),
same = hint && thing.now && hint.label === thing.now.label,
other = !same ? "" : hint.mask !== thing.now?.mask ? " redrawn" : String(hint.box) !== String(thing.now?.box) ? " elsewhere" : "";
return [
act,
h("span", { class: "lw-unit-value lw-clip", text: `${thing.now ? thing.now.label : "none"}${others ? ` and ${count(others)} more` : ""}`, title: thing.now?.label ?? "" }),
h("span", { class: "lw-num lw-quiet lw-clip", text: where }),
...(unit && !this.editing ? this.doubtOf(unit, other) : []),
];
}
paint(context) {
const { things } = this,
named = things.length <= FEW_NAMES;
context.font = "600 11px system-ui, sans-serif";
context.textBaseline = "alphabetic";
context.lineJoin = "round";
for (const thing of things) if (thing.key !== this.focus) this.paintThing(context, thing, named);
const thing = things.find(({ key }) => key === this.focus);
if (thing) this.paintThing(context, thing, true);
const box = this.editing && !this.point && thing?.now?.box;
if (box) this.paintHandles(context, box);
}
paintThing(context, { key, unit, now, hint, ghost }, named) {
const focused = key === this.focus,
strong = focused || this.chosen.has(key),
doubted = unit?.doubted && !unit.decided && !this.example?.hides,
removed = doubted && now && unit.suggested === "null";
context.globalAlpha = strong || doubted ? 1 : 0.75;
const path = now && unit && this.outlineOf(unit, now);
if (now && path) {
this.outline(context, now, 1, [2, 3]);
strokeShape(context, path, this.stage.place, hex(this.colorOf(now.label)), strong ? 3 : 2);
} else if (now) this.outline(context, now, strong ? 3 : 2, []);
if (hint) this.outline(context, hint, focused ? 3 : 2, [6, 4]);
if (ghost) this.outline(context, ghost, 1.5, [1, 4]);
const shown = now || hint || ghost;
if (!shown) return;
if (removed && !this.point) this.cross(context, now.box, hex(this.colorOf(now.label)));
if (named || doubted) this.name(context, shown, `${this.nameOf(shown.label)}${doubted && Number.isFinite(unit.p_error) ? ` ${probability(unit.p_error)}` : ""}`, strong);
context.globalAlpha = 1;
}
nameOf(label) {
const code = this.codes.get(label);
return code === undefined ? label : this.space.shortName(code, LONGEST_NAME);
}
onScreen([x0, y0, x1, y1]) {
const [left, top] = this.stage.toScreen([x0, y0]),
[right, bottom] = this.stage.toScreen([x1, y1]);
return [left, top, right - left, bottom - top];
}
outline(context, { box, label }, width, dash) {
const [x, y, w, hgt] = this.onScreen(box);
context.setLineDash([]);
for (const [color, line] of ([["rgba(0, 0, 0, 0.55)", width + 1.5], [hex(this.colorOf(label)), width]])) {
context.strokeStyle = color;
context.lineWidth = line;
context.setLineDash(dash);
context.beginPath();
if (this.point) context.arc(x, y, DOT, 0, 7);
else context.rect(x, y, w, hgt);
context.stroke();
}
if (this.point && !dash.length) {
context.fillStyle = hex(this.colorOf(label));
context.fill();
}
context.setLineDash([]);
}
outlineOf(unit, now) {
if (!unit.outline && !unit.region) return null;
if (String(this.placed(unit.given)?.box) !== String(now.box)) return null;
if (!this.outlines.has(unit.key)) this.outlines.set(unit.key, shapeOf(unit));
return this.outlines.get(unit.key) ?? null;
}
cross(context, box, color) {
const [x, y, w, hgt] = this.onScreen(box);
context.strokeStyle = color;
context.lineWidth = 1.5;
context.setLineDash([6, 4]);
context.beginPath();
context.moveTo(x, y);
context.lineTo(x + w, y + hgt);
context.moveTo(x + w, y);
context.lineTo(x, y + hgt);
context.stroke();
context.setLineDash([]);
}
name(context, { box, label }, text, strong) {
const [left, top] = this.onScreen(box),
width = context.measureText(text).width + 6,
x = Math.max(0, Math.min(left + (this.point ? DOT + 3 : -1), this.stage.canvas.clientWidth - width)),
y = Math.max(13, top - (this.point ? 0 : 2)),
color = this.colorOf(label);
context.fillStyle = hex(color);
context.fillRect(x, y - 12, width, 14);
context.fillStyle = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] > 140 ? "#000" : "#fff";
context.fillText(text, x + 3, y - 1);
if (strong) {
context.strokeStyle = context.fillStyle;
context.lineWidth = 1;
context.strokeRect(x + 0.5, y - 11.5, width - 1, 13);
}
}
paintHandles(context, box) {
context.lineWidth = 1;
HANDLES.forEach((_, handle) => {
const [x, y] = this.stage.toScreen(handleAt(box, handle));
context.fillStyle = handle === CORNERS[this.corner] ? "#f0c000" : "#fff";
context.strokeStyle = "#000";
context.fillRect(x - 3.5, y - 3.5, 7, 7);
context.strokeRect(x - 3.5, y - 3.5, 7, 7);
});
}
under(at) {
const here = this.things.filter(({ now, hint }) => now || hint),
boxes = here.map(({ now, hint }) => (now || hint).box);
return boxesUnder(boxes, at, REACH / this.stage.place.k).map((i) => here[i].key);
}
cursor(at) {
if (!this.editing) return this.under(at).length ? "pointer" : "default";
const box = this.drafted?.box;
if (box && !this.point && !this.drawing) {
const handle = handleUnder(box, at, REACH / this.stage.place.k);
if (handle >= 0) return ["nwse", "ns", "nesw", "ew"][handle % 4] + "-resize";
}
return box && !this.drawing && this.under(at).includes(this.focus) ? "move" : "crosshair";
}
get drafted() {
return this.things.find(({ key }) => key === this.focus)?.now ?? null;
}
press(at, event) {
if (this.point && !this.drawing) {
const [under] = this.under(at);
if (under && under !== this.focus) this.focusOn(under);
}
const box = this.drafted?.box ?? null,
key = this.focus,
handle = box && !this.point && !this.drawing ? handleUnder(box, at, REACH / this.stage.place.k) : -1;
if (box && handle >= 0) return this.drag((to) => this.set(key, pulled(box, handle, to[0], to[1], this.size)));
if (box && !this.drawing && this.under(at).includes(key)) return this.drag((to) => this.set(key, moved(box, to[0] - at[0], to[1] - at[1], this.size)));
return this.point ? null : this.drawNew(at);
}
drag(follow) {
let begun = false;
return {
move: (to) => {
if (!begun) this.begin("");
begun = true;
follow(to);
},
cancel: () => begun && this.undo(true),
};
}
drawNew(from) {
const key = freshKey(),
label = this.newLabel,
drag = this.drag((to) => {
this.focus = key;
this.chosen.clear();
this.corner = 0;
this.set(key, clamped([...from, ...to], this.size), label);
});
return {
...drag,
end: (far) => {
const box = this.drafts.get(key)?.box;
if (far && box && Math.min(box[2] - box[0], box[3] - box[1]) < LEAST_SIDE) this.undo(true);
},
};
}
get newLabel() {
return this.lastLabel || this.startOf(this.focus)?.label || this.space.classes[0];
}
click(at, event) {
const here = this.under(at);
if (here.length) this.pick(here[event.shiftKey ? 0 : (here.indexOf(this.focus) + 1) % here.length], event.shiftKey);
else if (this.editing && this.point) {
const key = freshKey(),
label = this.newLabel;
this.begin("");
this.focus = key;
this.set(key, clamped([...at, ...at], this.size), label);
} else if (this.chosen.size) {
this.chosen.clear();
this.draw();
}
}
focusOn(key) {
this.stroke = "";
this.corner = 0;
super.focusOn(key);
}
edit() {
if (!this.example?.units) return;
this.editing = true;
const thing = this.things.find(({ key }) => key === this.focus);
if (thing && !thing.now && thing.hint) this.drafts.set(thing.key, thing.hint);
this.draw();
}
leave() {
super.leave();
this.drawing = false;
this.drafts = new Map();
this.past = [];
this.future = [];
this.stroke = "";
this.corner = 0;
}
drawn() {
if (!this.past.length) return [];
const before = new Map(this.units.map((unit) => [unit.key, this.written(this.placed(unit.value))]));
const all = [...this.drafts].map(([key, now]) => ({ key, value: this.written(now) }));
return all.filter(({ key, value }) => value !== (before.get(key) ?? "null"));
}
get unsaved() {
return this.past.length > 0;
}
begin(what) {
if (what && what === this.stroke) return;
this.stroke = what;
this.past.push(new Map(this.drafts));
this.future = [];
}
set(key, box, label, mask) {
const now = { box, label: label ?? this.startOf(key)?.label ?? this.newLabel, mask },
thing = this.drafts.has(key) && this.things.find((one) => one.key === key);
this.drafts.set(key, now);
if (!thing || thing.now?.label !== now.label) this.draw();
else {
thing.now = now;
this.head.replaceChildren(...this.headline());
this.stage.redraw();
}
}
undo(back) {
const [from, to] = back ? [this.past, this.future] : [this.future, this.past],
before = from.pop();
if (!before) {
this.say("no stroke to undo", "warn");
return;
}
to.push(this.drafts);
this.drafts = before;
this.stroke = "";
this.things = this.list();
if (!this.things.some(({ key }) => key === this.focus)) this.focus = this.units[0]?.key ?? "";
this.draw();
}
key(event) {
this.fast = event.shiftKey;
return super.key(event);
}
act(action) {
if (ARROWS[action]) this.nudge(...ARROWS[action]);
else if (SIDES[action]) this.widen(...SIDES[action]);
else if (action === "draw" || action === "select") this.use(action === "draw");
else if (action === "corner") this.grab();
else if (action === "everywhere") this.chooseAlike();
else return super.act(action);
return true;
}
use(drawing) {
this.drawing = drawing;
this.say(drawing ? `drag draws a new ${this.one}` : `drag moves and resizes the ${this.one} in focus, and draws beside it`);
this.draw();
}
grab() {
if (!this.point) this.corner = (this.corner + 1) % CORNERS.length;
this.draw();
}
nudge(dx, dy) {
const box = this.drafted?.box,
by = this.fast ? 10 : 1,
handle = CORNERS[this.corner];
if (!box) return;
this.begin(`move ${this.focus} ${handle}`);
if (handle < 0) this.set(this.focus, moved(box, dx * by, dy * by, this.size));
else {
const [x, y] = handleAt(box, handle);
this.set(this.focus, pulled(box, handle, x + dx * by, y + dy * by, this.size));
}
}
widen(dx, dy) {
const box = this.drafted?.box,
by = this.fast ? 10 : 1;
if (!box || this.point) return;
this.begin(`size ${this.focus}`);
this.set(this.focus, pulled(box, 4, box[2] + dx * by, box[3] + dy * by, this.size));
}
chooseAlike() {
const label = this.drafted?.label;
this.chosen = new Set(this.things.filter(({ now }) => now && now.label === label).map(({ key }) => key));
this.say(`${count(this.chosen.size)} selected; a digit or / changes their class`);
this.draw();
}
label(name, how) {
const found = this.targets.map((key) => ({ key, now: this.startOf(key) })).filter(({ now }) => now);
this.lastLabel = name;
if (!found.length) this.say(`no ${this.one} in focus`, "warn");
else if (this.editing) {
this.begin("");
for (const { key, now } of found) if (now) this.set(key, now.box, name);
} else this.decide(found.map(({ key, now }) => ({ key, value: this.written(now && { ...now, label: name }) })), how);
}
inside(value, given) {
const placed = this.placed(value),
box = placed && clamped(placed.box, this.size),
stays = String(placed?.box) === String(this.placed(given)?.box);
return placed && box && !stays && String(box) !== String(placed.box) ? this.written({ ...placed, box }) : value;
}
nothing() {
const { targets } = this;
if (!this.editing) {
this.decide(targets.map((key) => ({ key, value: "null" })), "key");
return;
}
this.begin("");
for (const key of targets) {
if (this.units.some((unit) => unit.key === key)) this.drafts.set(key, null);
else this.drafts.delete(key);
}
this.chosen.clear();
if (!this.units.some((unit) => unit.key === this.focus)) this.focus = this.units[0]?.key ?? "";
this.draw();
}
}

// --- editors/boxes.js
{
const editor = {
task: "boxes",
nothing: true,
units: true,
edits: {
choose: "save what was drawn, choose the highlighted class, or save the note",
nextMatch: "move the box down; next matching class",
previousMatch: "move the box up; previous matching class",
leave: "leave the editor and save what was drawn",
moveLeft: "move the box left by a pixel (⇧ ten)",
moveRight: "move the box right",
draw: "draw new boxes everywhere",
select: "move the box in focus; draw beside it",
remove: "no box here",
everywhere: "select all boxes of the class",
nextObject: "next box",
previousObject: "previous box",
undoStroke: "undo the last stroke",
redoStroke: "redo the stroke",
larger: "larger picture (also with the wheel; hold Space and drag to pan)",
smaller: "smaller picture",
fit: "show the whole picture",
corner: "grab the next corner for the arrows",
narrower: "narrower by a pixel (⇧ ten)",
wider: "wider by a pixel",
lower: "less high by a pixel",
higher: "higher by a pixel",
},
make: (options) => new BoxEditor(options, { one: "box", many: "boxes", point: false }),
};
EDITORS[editor.task] = editor;
}

// --- editors/candidates.js
{
const DIGITS = 10;
const WRONG = "p_error: probability that the true class is none of the candidates";
const namesOf = (value) => (value ? JSON.parse(value) : []);
class CandidatesEditor extends LineEditor {
constructor(options) {
const chips = h("div", { class: "lw-choices", role: "listbox", "aria-label": "candidates" });
super(options, chips);
this.unit = null;
this.names = [];
this.focus = 0;
this.codes = new Map();
this.chips = chips;
this.place.root.classList.add("lw-many");
this.grow();
}
grow() {
const { space } = this;
this.codes = new Map(space.classes.map((name, code) => [name, code]));
this.line.stand({
name: "class",
resting: `/ type one of ${count(space.classes.length)} classes`,
placeholder: "type the true class",
nothing: "no such class",
find: space.matches,
may: space.lacks,
add: async (name) => {
if ((await this.addClass(name)) >= 0) this.choose(name, "typed");
},
title: (code) => space.classes[code],
node: (code) => [swatch(space.color(code)), h("span", { class: "lw-clip", text: space.shortName(code, 40) })],
choose: (code) => this.choose(space.classes[Number(code)], "typed"),
});
}
choose(name, how) {
if (this.unit) this.judge([{ key: this.unit.key, value: JSON.stringify([name]) }], how);
}
show(example) {
if (example?.row !== this.example?.row) this.focus = 0;
super.show(example);
this.unit = example?.units?.[0] ?? null;
const given = namesOf(this.unit?.given);
this.names = [...given, ...namesOf(this.unit?.value).filter((name) => !given.includes(name))];
this.focus = Math.min(this.focus, Math.max(this.names.length - 1, 0));
this.facts.replaceChildren(...(example && this.unit ? this.describe(example, this.unit) : []));
this.chips.replaceChildren(...this.names.map((name, i) => this.chip(name, i)));
this.chips.style.setProperty("--lw-choice-columns", this.names.some((name) => name.length > 9) ? "2" : "3");
this.explain(this.unit);
}
describe({ verdict, flagged, hides }, { given, value, suggested, p_error, p_suggested }) {
const says = { text: "p ", title: WRONG, label: "probability that the true class is none of them" };
const now = value !== given ? valueText(value) : STAYS[verdict] || "undecided";
const hidden = (name) => factLine(name, quiet("hidden"));
return [
factLine("candidates", given ? h("span", { class: "lw-fact-value lw-num", text: count(namesOf(given).length) }) : quiet("none given")),
hides
? hidden("suggested")
: suggested
? tallFact("suggested", this.named(namesOf(suggested)[0]), { detail: `p ${probability(p_suggested)}` })
: factLine("suggested", quiet("nothing")),
hides ? hidden("none of them?") : factLine("none of them?", Number.isFinite(p_error) ? meter(p_error, says) : quiet("not judged")),
decisionLine(now, { verdict, flagged }),
];
}
color(name) {
return this.space.color(this.codes.get(name) ?? -1);
}
named(name) {
return h("span", { class: "lw-fact-value", title: name }, swatch(this.color(name)), h("span", { class: "lw-clip", text: name }));
}
chip(name, i) {
const { unit, example } = this,
now = namesOf(unit?.value),
is = now.length === 1 && now[0] === name,
hint = !example?.hides && !is && namesOf(unit?.suggested)[0] === name;
const marks = `${is ? " lw-is-label" : hint ? " lw-is-hint" : ""}${now.includes(name) ? "" : " lw-out"}${i === this.focus ? " lw-focused" : ""}`;
return h(
"button",
{
type: "button",
role: "option",
class: `lw-choice${marks}`,
"aria-selected": String(is),
"data-name": name,
title: now.includes(name) ? `${name} is the true class` : `${name}: removed from the set`,
onclick: () => this.choose(name, "button"),
},
h("kbd", { text: i < DIGITS ? String((i + 1) % 10) : "" }),
swatch(this.color(name)),
h("span", { class: "lw-clip", text: name }),
);
}
step(by) {
if (!this.names.length) return;
this.focus = (this.focus + by + this.names.length) % this.names.length;
for (const [i, el] of [...this.chips.children].entries()) el.classList.toggle("lw-focused", i === this.focus);
this.chips.children[this.focus].scrollIntoView?.({ block: "nearest" });
}
digit(digit, selection) {
const name = this.names[(Number(digit) + 9) % 10];
if (selection) this.say("digits apply to one example here, not to a selection", "warn");
else if (name === undefined) this.say(`no candidate on key ${digit}`, "warn");
else this.choose(name, "key");
}
nothing() {
const name = this.names[this.focus],
left = namesOf(this.unit?.value).filter((one) => one !== name);
if (!this.unit || !name) return;
if (!left.length) this.say("a set keeps at least one candidate: type the true class instead", "warn");
else this.judge([{ key: this.unit.key, value: JSON.stringify(left) }], "key");
}
accept() {
if (!this.unit?.suggested) this.say("there is no suggestion for this example", "warn");
else this.judge([{ key: this.unit.key, value: this.unit.suggested }], "accept");
}
keep() {
if (!this.unit?.given) this.say("there is no label to keep", "warn");
else this.judge([{ key: this.unit.key, value: this.unit.given }], "keep");
}
confirmAll() {
if (!this.unit?.given || this.unit.decided) return false;
this.keep();
return true;
}
}
const editor = {
task: "candidates",
nothing: true,
units: true,
edits: {
choose: "choose the highlighted class, or save the note",
nextMatch: "next matching class",
previousMatch: "previous matching class",
leave: "leave the box",
},
make: (options) => new CandidatesEditor(options),
};
EDITORS[editor.task] = editor;
}

// --- editors/classes.js
{
const BUTTONS = 10;
const WHOSE = {
given: (name, epoch) => `p_given: probability of ${name} in epoch ${epoch} of the recorded training, which saw the given label`,
suggested: (name) => `p_suggested: the detector's probability that ${name} is the correct label`,
wrong: "p_error: the detector's probability that the given label is wrong",
};
class ClassEditor extends LineEditor {
constructor(options) {
const choices = h("div", { class: "lw-choices", role: "group", "aria-label": "classes" });
super(options, choices);
this.choices = choices;
this.digits = {};
this.keyOf = {};
this.many = false;
this.dark = false;
this.grow();
}
grow() {
const { space, line } = this;
this.digits = Object.fromEntries(Object.entries(digitClasses(space.classes)).filter(([, code]) => !space.gone(code)));
this.keyOf = Object.fromEntries(Object.entries(this.digits).map(([digit, code]) => [code, digit]));
this.many = space.classes.length > BUTTONS;
line.stand(this.typing());
this.buildChoices();
if (this.example) this.mark(this.example);
}
typing() {
const { space, judge } = this;
return {
name: "class",
resting: this.many ? `/ type one of ${count(space.classes.length)} classes` : "type a class",
placeholder: "type a class",
nothing: "no such class",
find: space.matches,
may: space.lacks,
add: async (name) => {
const code = await this.addClass(name);
if (code >= 0) judge([{ key: "", value: code }], "typed");
},
title: (code) => space.classes[code],
node: (code) => [swatch(space.color(code)), h("span", { class: "lw-clip", text: space.shortName(code, 40) })],
choose: (code) => judge([{ key: "", value: code }], "typed"),
};
}
buildChoices() {
this.dark = this.theme().dark;
const { space } = this,
codes = Object.values(this.digits).sort((a, b) => a - b);
this.choices.replaceChildren(
...codes.map((code) =>
h(
"button",
{
type: "button",
class: "lw-choice",
"data-code": code,
title: `${space.classes[code]} (key ${this.keyOf[code]})`,
onclick: () => this.judge([{ key: "", value: code }], "button"),
},
h("kbd", { text: this.keyOf[code] }),
swatch(space.color(code)),
h("span", { class: "lw-clip", text: space.shortName(code, 17) }),
),
),
);
const longest = Math.max(0, ...codes.map((code) => space.classes[code].length));
this.choices.style.setProperty("--lw-choice-columns", String(longest <= 2 ? 5 : longest > 9 || codes.length <= 4 ? 2 : 3));
this.place.root.classList.toggle("lw-many", this.many);
}
show(example) {
super.show(example);
if (this.dark !== this.theme().dark) this.buildChoices();
for (const button of this.choices.querySelectorAll("button")) button.disabled = !example;
if (!example) this.facts.replaceChildren();
else this.facts.replaceChildren(this.given(example), ...this.doubts(example), this.decision(example));
this.mark(example);
}
mark(example) {
for (const button of this.choices.querySelectorAll("button")) {
const code = Number(button.dataset.code),
is = code === example?.label;
button.classList.toggle("lw-is-label", is);
button.classList.toggle("lw-is-hint", Boolean(example && !example.hides && code === example.suggested && !is));
button.setAttribute("aria-pressed", String(is));
}
}
given({ given, hides, pGiven, epoch }) {
if (pGiven === null || hides) return this.classFact("given", given);
return this.classFact("given", given, `epoch ${epoch}: p ${probability(pGiven)}`, WHOSE.given(this.space.className(given), epoch));
}
doubts({ suggested, hides, pError, pSuggested, doubted }) {
if (!doubted) return [];
if (hides) return [factLine("suggested", quiet("hidden")), factLine("wrong?", quiet("hidden"))];
const says = { text: "detector: p ", title: WHOSE.wrong, label: "probability that the label is wrong" };
return [
suggested < 0
? factLine("suggested", quiet("nothing"))
: this.classFact("suggested", suggested, `detector: p ${probability(pSuggested)}`, WHOSE.suggested(this.space.className(suggested))),
factLine("wrong?", Number.isFinite(pError) ? meter(pError, says) : quiet("not judged")),
];
}
decision({ label, edited, verdict, flagged }) {
const said = edited ? `now ${this.space.shortName(label, 22)}` : STAYS[verdict] || "undecided";
return decisionLine(said, { verdict, flagged });
}
classFact(name, code, detail, title) {
const { space } = this,
value = h("span", { class: "lw-fact-value", title: space.className(code) });
this.thumb(value, [{ value: code, most: 26 }]);
return tallFact(name, value, { detail, title });
}
thumb(el, [{ value, most, before = "" }]) {
const { space } = this;
if (value >= 0) el.append(swatch(space.color(value)));
el.append(h("span", { class: "lw-clip", text: before + space.shortName(value, most ?? Infinity) }));
}
digit(digit, selection) {
const code = this.digits[digit];
if (code === undefined) this.say(`no class on key ${digit}`, "warn");
else this.judge([{ key: "", value: code }], selection ? "selection" : "key");
}
accept() {
if (!this.example) return;
const { suggested } = this.example;
if (suggested < 0) this.say("there is no suggestion for this example", "warn");
else this.judge([{ key: "", value: suggested }], "accept");
}
keep() {
if (this.example) this.judge([{ key: "", value: this.example.given }], "keep");
}
}
const editor = {
task: "multiclass",
nothing: false,
units: false,
edits: {
choose: "choose the highlighted class, or save the note",
nextMatch: "next matching class",
previousMatch: "previous matching class",
leave: "leave the box",
},
make: (options) => new ClassEditor(options),
};
EDITORS[editor.task] = editor;
}

// --- examples/instanceeditor.js
const MOST_SHAPE = 4_000_000;
const MOST_PAINTED = 40_000_000;
const OPACITIES = [0, 0.9];
class InstanceEditor extends BoxEditor {
shapes = new Map();
tool = "lasso";
radius = 6;
opacity = 0.35;
outlined = [];
mouse = [0, 0];
constructor(options) {
super(options, { one: "instance", many: "instances", point: false });
}
placed(text) {
const placed = super.placed(text);
if (text && placed && placed.mask === undefined) placed.mask = String(JSON.parse(text).mask);
return placed;
}
written(placed) {
return placed ? JSON.stringify({ box: placed.box, label: placed.label, mask: placed.mask }) : "null";
}
regionOf({ box: [x0, y0, x1, y1], mask }) {
return { x0, y0, width: x1 - x0, height: y1 - y0, counts: mask ?? "" };
}
shapeOf(placed) {
const region = { ...this.regionOf(placed), x0: 0, y0: 0 },
key = `${region.width},${region.counts}`;
let known = this.shapes.get(key);
if (!known) {
const [border, fill] = [new Path2D(), new Path2D()],
large = region.width * region.height > MOST_SHAPE,
pixels = large ? new Uint8Array(0) : pixelsOf(region);
if (large) border.rect(0, 0, region.width, region.height);
else {
for (const [ax, ay, bx, by] of borderOf(region)) {
border.moveTo(ax, ay);
border.lineTo(bx, by);
}
rowRuns(pixels, region.width, (x, y, length) => fill.rect(x, y, length, 1));
}
known = { border, fill, pixels };
this.shapes.set(key, known);
}
return known;
}
show(example) {
if (example?.row !== this.example?.row) this.shapes.clear();
super.show(example);
}
paint(context) {
super.paint(context);
if (this.editing) this.paintTool(context);
}
outline(context, placed, width, dash) {
const { border, fill } = this.shapeOf(placed),
{ x, y, k } = this.stage.place,
[x0, y0] = placed.box,
color = hex(this.colorOf(placed.label)),
alpha = context.globalAlpha;
context.save();
context.translate(x + x0 * k, y + y0 * k);
context.scale(k, k);
if (!dash.length) {
context.globalAlpha = alpha * this.opacity;
context.fillStyle = color;
context.fill(fill);
context.globalAlpha = alpha;
}
for (const [stroke, line] of ([["rgba(0, 0, 0, 0.55)", width + 1.5], [color, width]])) {
context.strokeStyle = stroke;
context.lineWidth = line / k;
context.setLineDash(dash.map((length) => length / k));
context.stroke(border);
}
context.restore();
}
paintHandles() {}
paintTool(context) {
const { stage } = this,
[x, y] = stage.toScreen(this.mouse);
context.save();
context.strokeStyle = "#fff";
context.lineWidth = 1.5;
context.globalCompositeOperation = "difference";
context.beginPath();
if (this.outlined.length)
for (const at of this.outlined) {
const [left, top] = stage.toScreen(at);
context.lineTo(left, top);
}
else if (this.tool !== "lasso") context.arc(x, y, this.radius * stage.place.k, 0, 7);
context.stroke();
context.restore();
}
under([x, y]) {
const here = this.things.filter(({ now, hint }) => {
const placed = now || hint,
[column, line] = placed ? [Math.floor(x - placed.box[0]), Math.floor(y - placed.box[1])] : [-1, -1];
if (!placed || column < 0 || line < 0 || column >= placed.box[2] - placed.box[0] || line >= placed.box[3] - placed.box[1]) return false;
const { pixels } = this.shapeOf(placed);
return !pixels.length || Boolean(pixels[line * (placed.box[2] - placed.box[0]) + column]);
});
const area = ({ now, hint }) => {
const [x0, y0, x1, y1] = (now || hint).box;
return (x1 - x0) * (y1 - y0);
};
return here.sort((a, b) => area(a) - area(b)).map(({ key }) => key);
}
cursor(at) {
this.mouse = at;
if (!this.editing) return this.under(at).length ? "pointer" : "default";
this.stage.redraw();
return "crosshair";
}
canvas() {
const size = this.size ?? this.stage.shown?.size;
if (!size || size[0] * size[1] > MOST_PAINTED) {
this.say("this picture is too large to paint on here; decide by keys", "warn");
return null;
}
const [width, height] = size.map(Math.ceil);
return { width, height, codes: new Int16Array(width * height) };
}
press(at, event) {
const raster = this.canvas(),
before = this.drawing ? null : this.drafted,
less = this.tool === "erase" || event.altKey;
if (!raster || (!before && less)) return null;
const key = before ? this.focus : freshKey(),
label = before?.label ?? this.newLabel,
lasso = this.tool === "lasso",
code = less ? 0 : 1;
if (before) paintRegion(raster, this.regionOf(before), 1);
let part = before ? before.box : null,
last = at;
if (lasso) this.outlined = [at];
const stroke = this.drag((to) => {
this.mouse = to;
if (lasso) this.outlined.push(to);
else {
part = joinedParts(part, brushed(raster, last, to, this.radius, code));
this.take(key, label, raster, part);
}
last = to;
this.stage.redraw();
});
return {
...stroke,
end: () => {
if (lasso && this.outlined.length > 2) this.take(key, label, raster, joinedParts(part, filled(raster, this.outlined, code)));
this.outlined = [];
this.draw();
},
cancel: () => {
this.outlined = [];
stroke.cancel?.();
},
};
}
take(key, label, raster, [x0, y0, x1, y1]) {
const wide = x1 - x0,
pixels = new Uint8Array(Math.max(wide, 0) * Math.max(y1 - y0, 0));
for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) pixels[(y - y0) * wide + x - x0] = raster.codes[y * raster.width + x];
const region = regionOf(pixels, Math.max(wide, 1));
this.focus = key;
if (region) {
const [left, top] = [region.x0 + x0, region.y0 + y0];
this.set(key, [left, top, left + region.width, top + region.height], label, region.counts);
} else if (this.units.some((unit) => unit.key === key)) this.drafts.set(key, null);
else this.drafts.delete(key);
}
leave() {
super.leave();
this.outlined = [];
}
set(key, box, label, mask) {
super.set(key, box, label, mask ?? this.startOf(key)?.mask);
}
nudge(dx, dy) {
const box = this.drafted?.box,
by = this.fast ? 10 : 1;
if (!box) return;
this.begin(`move ${this.focus}`);
this.set(this.focus, moved(box, dx * by, dy * by, this.size));
}
pickTool(tool) {
this.tool = tool;
this.say(tool === "erase" ? "the eraser takes pixels from the instance in focus" : `${tool} adds pixels to the instance in focus; with Alt it takes them away`);
this.stage.redraw();
}
act(action) {
if (action === "lasso" || action === "brush" || action === "erase") this.pickTool(action);
else if (action === "thinner" || action === "thicker") {
this.radius = Math.max(0.5, Math.min(200, this.radius * (action === "thicker" ? 1.25 : 0.8)));
this.say(`brush of ${Math.round(2 * this.radius)} pixels`);
this.stage.redraw();
} else if (action === "fainter" || action === "stronger") {
this.opacity = Math.max(OPACITIES[0], Math.min(OPACITIES[1], this.opacity + (action === "stronger" ? 0.1 : -0.1)));
this.stage.redraw();
} else return super.act(action);
return true;
}
use(drawing) {
this.drawing = drawing;
this.say(drawing ? "each stroke draws a new instance" : "strokes change the instance in focus");
this.draw();
}
inside(value) {
return value;
}
}
function rowRuns(pixels, width, call) {
for (let start = 0; start < pixels.length; start += width)
for (let x = 0; x < width; x++) {
if (!pixels[start + x]) continue;
const from = x;
while (x < width && pixels[start + x]) x++;
call(from, start / width, x - from);
}
}

// --- editors/instances.js
{
const editor = {
task: "instances",
nothing: true,
units: true,
edits: {
choose: "save what was painted, choose the highlighted class, or save the note",
nextMatch: "move the instance down; next matching class",
previousMatch: "move the instance up; previous matching class",
leave: "leave the editor and save what was painted",
moveLeft: "move the instance left by a pixel (⇧ ten)",
moveRight: "move the instance right",
lasso: "lasso: add what it encloses; Alt takes it away",
brush: "brush: add pixels; Alt takes them away",
erase: "eraser",
thinner: "thinner brush",
thicker: "thicker brush",
draw: "draw new instances",
select: "change the instance in focus",
remove: "no instance here",
everywhere: "select all instances of the class",
fainter: "fainter masks",
stronger: "stronger masks",
nextObject: "next instance",
previousObject: "previous instance",
undoStroke: "undo the last stroke",
redoStroke: "redo the stroke",
larger: "larger picture (also with the wheel; hold Space and drag to pan)",
smaller: "smaller picture",
fit: "show the whole picture",
},
make: (options) => new InstanceEditor(options),
};
EDITORS[editor.task] = editor;
}

// --- examples/masklayer.js
const isBackground = (name) => /^(background|bg|ground|void)$|_background_/i.test(name);
function layerOf(raster, colorOf) {
const canvas = h("canvas", { width: raster.width, height: raster.height });
refresh(canvas, raster, colorOf, [0, 0, raster.width, raster.height]);
return canvas;
}
function refresh(canvas, raster, colorOf, [x0, y0, x1, y1]) {
if (x1 <= x0 || y1 <= y0) return;
const image = new ImageData(x1 - x0, y1 - y0),
words = new Uint32Array(image.data.buffer),
known = new Map();
let at = 0;
for (let y = y0; y < y1; y++)
for (let x = x0; x < x1; x++) {
const code = raster.codes[y * raster.width + x];
let word = known.get(code);
if (word === undefined) {
const color = colorOf(code);
word = color ? ((255 << 24) | (color[2] << 16) | (color[1] << 8) | color[0]) >>> 0 : 0;
known.set(code, word);
}
words[at++] = word;
}
context2d(canvas).putImageData(image, x0, y0);
}

// --- examples/maskeditor.js
const MOST_REGION = 4_000_000;
const WINDOW = 2048;
const PALETTE = 12;
const TOOL_KEYS = { brush: "brush", erase: "erase", lasso: "lasso" };
function windowOf(stage, size) {
const { place } = stage,
box = stage.box();
const sides = [place.x, place.y].map((at, axis) => {
const low = Math.max(0, Math.floor(-at / place.k)),
high = Math.min(size[axis], Math.ceil((box[axis] - at) / place.k)),
spare = Math.max(0, high - low - WINDOW);
return [low + Math.floor(spare / 2), high - Math.ceil(spare / 2)];
});
return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]];
}
class MaskEditor extends StageEditor {
now = null;
edited = null;
layer = null;
window = null;
opening = false;
after = null;
past = [];
future = [];
painted = { row: -1, values: ([]) };
read = new Map();
regions = new Map();
tool = "brush";
brush = "";
radius = 6;
opacity = 0.5;
swipes = false;
mouse = [0, 0];
outline = [];
constructor(options) {
const palette = h("div", { class: "lw-palette", role: "group", "aria-label": "brush" });
super(options, { one: "region", many: "regions" }, palette);
this.palette = palette;
this.pictures = options.pictures;
}
valueOf(text) {
if (!text) return null;
if (!this.read.has(text)) {
const value = JSON.parse(text),
[y0, x0, height, width, counts] = value?.region ?? [];
this.read.set(text, counts === undefined ? null : { label: value.label, region: { y0, x0, height, width, counts } });
}
return this.read.get(text) ?? null;
}
written(label, { y0, x0, height, width, counts }) {
return JSON.stringify({ label, region: [y0, x0, height, width, counts] });
}
placeOf(unit) {
return unit && (this.valueOf(unit.value) || this.valueOf(unit.suggested) || this.valueOf(unit.given));
}
codeOf(label) {
return label === null ? -1 : (this.codes.get(label) ?? -1);
}
colorAt(code) {
return code < 0 || isBackground(this.space.classes[code]) ? null : this.space.color(code);
}
get blank() {
return this.space.classes.findIndex(isBackground);
}
get size() {
const { mask } = this.example ?? {};
return mask ? [mask.width, mask.height] : super.size;
}
get every() {
return this.example?.mask?.step ?? 1;
}
get unsaved() {
return this.past.length > 0;
}
open1(unit) {
return Boolean(unit.doubted && !unit.decided && unit.suggested && !this.example?.hides);
}
show(example) {
if (example?.row !== this.example?.row) {
this.read.clear();
this.regions.clear();
this.now = null;
}
super.show(example);
}
draw() {
this.settle();
this.drawOn(this.size ?? [1, 1]);
this.drawPalette();
}
settle() {
const { mask, row, units } = this.example ?? {},
values = (units ?? []).filter((unit) => unit.value && (unit.changed || unit.decided)).map(({ value }) => value ?? ""),
before = this.painted;
if (this.now && before.row === row && before.values.length === values.length && values.every((value) => before.values.includes(value))) return;
const more = this.now && before.row === row && before.values.every((value) => values.includes(value));
const fresh = more ? values.filter((value) => !before.values.includes(value)) : values;
this.painted = { row: row ?? -1, values };
this.after = null;
if (!more) this.now = mask ? rasterOf(mask, Math.ceil(mask.width / mask.step), Math.ceil(mask.height / mask.step)) : null;
for (const value of fresh) this.paintValue(this.now, this.valueOf(value));
if (!more) this.layer = this.now && layerOf(this.now, (code) => this.colorAt(code));
else if (this.layer && this.now) for (const value of fresh) refresh(this.layer, this.now, (code) => this.colorAt(code), this.partOf(this.valueOf(value)));
}
partOf(value) {
const { x0, y0, width, height } = value?.region ?? { x0: 0, y0: 0, width: 0, height: 0 },
{ every, now } = this;
return [Math.floor(x0 / every), Math.floor(y0 / every), Math.min(now?.width ?? 0, Math.ceil((x0 + width) / every)), Math.min(now?.height ?? 0, Math.ceil((y0 + height) / every))];
}
paintValue(raster, value) {
if (raster && value) paintRegion(raster, value.region, this.codeOf(value.label), this.every);
}
suggestions() {
if (!this.after && this.now) {
const raster = { ...this.now, codes: this.now.codes.slice() };
for (const unit of this.units) if (this.open1(unit)) this.paintValue(raster, this.valueOf(unit.suggested));
this.after = layerOf(raster, (code) => this.colorAt(code));
}
return this.after;
}
lineNow(unit) {
const now = this.valueOf(unit.value) || this.placeOf(unit);
return { now: now ? (now.label ?? IGNORED) : "none", color: this.colorOf(now?.label), edited: false };
}
headline() {
const unit = this.current,
place = this.placeOf(unit),
act = this.editButton("paint with brush, eraser and lasso");
if (!unit || !place) return [act, quiet(this.example?.mask ? `no doubtful region${this.locked ? "" : ": press Enter to paint"}` : "no mask")];
const { y0, x0 } = place.region,
now = this.valueOf(unit.value);
return [
act,
h("span", { class: "lw-unit-value lw-clip", text: now ? (now.label ?? IGNORED) : "none" }),
h("span", { class: "lw-num lw-quiet lw-clip", text: `${count(this.shapeOf(place.region).area)} px at ${x0}, ${y0}` }),
...(this.editing ? [] : this.doubtOf(unit)),
];
}
drawPalette() {
const { editing, space } = this;
const button = (text, title, pressed, onclick, ...inside) => h("button", { type: "button", class: "lw-answer", title, "aria-pressed": String(pressed), onclick }, ...inside, text);
const tools = Object.values(TOOL_KEYS).map((tool) => button(tool, `tool: ${tool}`, this.tool === tool, () => this.use(tool)));
const own = this.codeOf(this.brush),
codes = space.classes.map((_, code) => code).filter((code) => code < PALETTE || code === own);
const classes = codes.map((code) => button(space.shortName(code, 12), space.classes[code], code === own, () => this.label(space.classes[code], "button"), swatch(space.color(code))));
this.palette.replaceChildren(
...(editing ? [...tools, ...classes, button(IGNORED, "pixels without a label", this.brush === null, () => this.nothing())] : []),
button("before | after", "the mask, and right of the mouse with all open suggestions", this.swipes, () => this.swipe()),
h("input", {
type: "range",
min: "0",
max: "1",
step: "0.05",
value: String(this.opacity),
"aria-label": "opacity of the mask",
title: "opacity of the mask",
oninput: (event) => this.fade(Number(event.target.value) - this.opacity),
}),
);
}
fade(by) {
this.opacity = Math.max(0, Math.min(1, this.opacity + by));
this.stage.redraw();
}
swipe() {
if (this.example?.hides) this.say("suggestions are hidden", "warn");
else this.swipes = !this.swipes;
this.draw();
}
shapeOf(region) {
const key = `${region.x0},${region.y0},${region.width},${region.counts}`;
let known = this.regions.get(key);
if (!known) {
const border = new Path2D(),
{ x0, y0, width, height } = region;
if (width * height > MOST_REGION) border.rect(x0, y0, width, height);
else
for (const [ax, ay, bx, by] of borderOf(region)) {
border.moveTo(ax, ay);
border.lineTo(bx, by);
}
known = { border, area: countsOf(region.counts).reduce((sum, length, i) => sum + (i % 2 ? length : 0), 0) };
this.regions.set(key, known);
}
return known;
}
paint(context) {
const { stage, layer, swipes } = this,
{ x, y, k } = stage.place,
[w, hgt] = stage.box(),
[wide, high] = this.size ?? [1, 1],
[edge] = swipes ? stage.toScreen(this.mouse) : [w];
context.imageSmoothingEnabled = false;
const lay = (from, left, right) => {
if (!from || right <= left) return;
context.save();
context.beginPath();
context.rect(left, 0, right - left, hgt);
context.clip();
context.globalAlpha = this.opacity;
context.drawImage(from, x, y, wide * k, high * k);
context.restore();
};
context.save();
if (this.window) context.clip(this.around(this.window, w, hgt), "evenodd");
lay(layer, 0, edge);
context.restore();
if (this.window) this.paintWindow(context, this.window);
if (swipes) {
lay(this.suggestions(), edge, w);
context.fillStyle = "#f0c000";
context.fillRect(edge - 1, 0, 2, hgt);
}
context.save();
context.translate(x, y);
context.scale(k, k);
for (const unit of this.units) if (unit.key !== this.focus && (this.open1(unit) || this.chosen.has(unit.key))) this.paintRegion(context, unit, k);
if (this.current) this.paintRegion(context, this.current, k);
if (this.editing) this.paintTool(context, k);
context.restore();
}
around({ x0, y0, before }, w, hgt) {
const path = new Path2D(),
[left, top] = this.stage.toScreen([x0, y0]),
{ k } = this.stage.place;
path.rect(0, 0, w, hgt);
path.rect(left, top, before.width * k, before.height * k);
return path;
}
paintWindow(context, { x0, y0, before, layer }) {
const [left, top] = this.stage.toScreen([x0, y0]),
{ k } = this.stage.place,
[w, hgt] = [before.width * k, before.height * k];
context.globalAlpha = this.opacity;
context.drawImage(layer, left, top, w, hgt);
context.globalAlpha = 1;
context.strokeStyle = "#f0c000";
context.lineWidth = 2;
context.strokeRect(left, top, w, hgt);
}
paintRegion(context, unit, k) {
const place = this.placeOf(unit),
strong = unit.key === this.focus || this.chosen.has(unit.key);
if (!place) return;
const { border } = this.shapeOf(place.region),
hint = this.open1(unit) ? this.valueOf(unit.suggested) : place;
for (const [color, width, dash] of ([["rgba(0, 0, 0, 0.7)", strong ? 4.5 : 3, []], [strong ? "#fff" : hex(this.colorOf(hint?.label)), strong ? 2.5 : 1.5, strong ? [] : [4, 3]]])) {
context.strokeStyle = color;
context.lineWidth = width / k;
context.setLineDash(dash.map((length) => length / k));
context.stroke(border);
}
context.setLineDash([]);
}
paintTool(context, k) {
context.strokeStyle = "#fff";
context.lineWidth = 1.5 / k;
context.beginPath();
if (this.outline.length) this.outline.forEach(([x, y]) => context.lineTo(x, y));
else if (this.tool !== "lasso") context.arc(this.mouse[0], this.mouse[1], this.radius, 0, 7);
context.globalCompositeOperation = "difference";
context.stroke();
context.globalCompositeOperation = "source-over";
}
under([x, y]) {
const here = this.units.filter((unit) => {
const region = this.placeOf(unit)?.region,
[column, line] = region ? [Math.floor(x) - region.x0, Math.floor(y) - region.y0] : [-1, -1];
return region && column >= 0 && line >= 0 && column < region.width && line < region.height && pixelsOf(region)[line * region.width + column];
});
const area = (unit) => this.shapeOf((this.placeOf(unit)).region).area;
return here.sort((a, b) => area(a) - area(b)).map(({ key }) => key);
}
cursor(at) {
this.mouse = at;
if (this.swipes || this.editing) this.stage.redraw();
return this.editing ? "crosshair" : "default";
}
click(at, event) {
if (this.editing) return;
const here = this.under(at);
if (here.length) this.pick(here[event.shiftKey ? 0 : (here.indexOf(this.focus) + 1) % here.length], event.shiftKey);
}
press(at, event) {
const raster = this.edited;
if (!raster) return null;
const { x0 = 0, y0 = 0 } = this.window ?? {},
inside = ([x, y]) => [x - x0, y - y0];
const whole = { ...raster, codes: raster.codes.slice() },
code = this.tool === "erase" || event.altKey ? this.blank : this.codeOf(this.brush),
lasso = this.tool === "lasso";
let part = null,
last = at;
const drawn = (dirty) => {
part = joinedParts(part, dirty);
this.redrawPart(dirty);
};
if (lasso) this.outline = [at];
else drawn(brushed(raster, inside(at), inside(at), this.radius, code));
return {
move: (to) => {
this.mouse = to;
if (lasso) this.outline.push(to);
else drawn(brushed(raster, inside(last), inside(to), this.radius, code));
last = to;
this.stage.redraw();
},
end: () => {
if (lasso && this.outline.length > 2) drawn(filled(raster, this.outline.map(inside), code));
this.outline = [];
if (part) this.past.push({ part, rows: cutOut(whole, part) });
this.future = [];
this.draw();
},
cancel: () => {
this.outline = [];
if (part) putBack(raster, part, cutOut(whole, part));
if (part) this.redrawPart(part);
},
};
}
redrawPart(part) {
const layer = this.window?.layer ?? this.layer;
if (layer && this.edited) refresh(layer, this.edited, (code) => this.colorAt(code), part);
this.stage.redraw();
}
edit() {
if (!this.now) {
this.say("there is no mask to paint on", "warn");
return;
}
if (this.every > 1) this.openWindow();
else this.begin(this.now);
}
async openWindow() {
const { pictures, example } = this,
box = windowOf(this.stage, this.size ?? [1, 1]);
if (!example || !pictures || this.opening) return;
this.opening = true;
const runs = await pictures.mask(example.row, box).catch((error) => this.say(error.message, "error"));
this.opening = false;
if (!runs || this.example?.row !== example.row || this.editing) return;
const before = rasterOf(runs, runs.width, runs.height);
this.window = { x0: box[0], y0: box[1], before, layer: layerOf(before, (code) => this.colorAt(code)) };
this.begin(before);
this.say("paint inside the frame; to paint elsewhere, leave, move there and press Enter");
}
begin(raster) {
const place = this.placeOf(this.current);
this.editing = true;
this.swipes = false;
this.brush ||= this.valueOf(this.current?.suggested)?.label ?? place?.label ?? this.space.classes[Math.max(0, this.blank === 0 ? 1 : 0)];
this.edited = { ...raster, codes: raster.codes.slice() };
this.draw();
}
leave() {
super.leave();
this.window = null;
if (this.past.length && this.every === 1 && this.now && this.layer) refresh(this.layer, this.now, (code) => this.colorAt(code), this.past.map((stroke) => stroke.part).reduce(joinedParts));
this.edited = null;
this.past = [];
this.future = [];
this.outline = [];
}
drawn() {
const { edited } = this,
{ x0 = 0, y0 = 0, before = this.now } = this.window ?? {};
if (!before || !edited || !this.past.length) return [];
const part = this.past.map((stroke) => stroke.part).reduce(joinedParts);
return changedRegions(before, edited, part).map(([code, region]) => ({ key: freshKey(), value: this.written(code < 0 ? null : this.space.classes[code], { ...region, x0: region.x0 + x0, y0: region.y0 + y0 }) }));
}
undo(back) {
const [from, to] = back ? [this.past, this.future] : [this.future, this.past],
stroke = from.pop();
if (!stroke || !this.edited) {
this.say("no stroke to undo", "warn");
return;
}
to.push({ part: stroke.part, rows: cutOut(this.edited, stroke.part) });
putBack(this.edited, stroke.part, stroke.rows);
this.redrawPart(stroke.part);
this.draw();
}
use(tool) {
this.tool = tool;
this.say(tool === "erase" ? `the eraser leaves ${this.blank < 0 ? IGNORED : this.space.classes[this.blank]}` : `${tool} with ${this.brush ?? IGNORED}; with Alt it erases`);
this.draw();
}
resize(factor) {
this.radius = Math.max(0.5, Math.min(200, this.radius * factor));
this.say(`brush of ${Math.round(2 * this.radius)} pixels`);
this.stage.redraw();
}
act(action) {
if (TOOL_KEYS[action]) this.use(TOOL_KEYS[action]);
else if (action === "thinner" || action === "thicker") this.resize(action === "thicker" ? 1.25 : 0.8);
else if (action === "fainter" || action === "stronger") this.fade(action === "stronger" ? 0.1 : -0.1);
else if (action === "swipe") this.swipe();
else return super.act(action);
return true;
}
label(name, how) {
if (this.editing) {
this.brush = name;
this.draw();
this.stage.el.scrollIntoView({ block: "nearest" }); // the field of "/" is below it
return;
}
const found = this.wanted.map((unit) => ({ key: unit.key, place: this.placeOf(unit) })).filter(({ place }) => place);
if (!found.length) this.say("no region in focus", "warn");
else this.decide(found.map(({ key, place }) => ({ key, value: this.written(name, (place).region) })), how);
}
nothing() {
this.label(null, "key");
}
}

// --- editors/masks.js
{
const editor = {
task: "masks",
nothing: true,
units: true,
edits: {
choose: "save what was painted, choose the highlighted class, or save the note",
nextMatch: "next matching class",
previousMatch: "previous matching class",
leave: "leave the editor and save what was painted",
brush: "brush; a digit or / sets its class, Alt erases",
erase: "eraser: leaves the background, or pixels to ignore",
lasso: "lasso: fill an outline; Alt subtracts",
thinner: "thinner brush",
thicker: "thicker brush",
remove: "paint pixels to ignore",
fainter: "fainter mask",
stronger: "stronger mask",
swipe: "right of the mouse, the mask with all open suggestions",
nextObject: "next region",
previousObject: "previous region",
undoStroke: "undo the last stroke of the brush",
redoStroke: "redo the stroke",
larger: "larger picture (also with the wheel)",
smaller: "smaller picture",
fit: "show the whole mask",
},
make: (options) => new MaskEditor(options),
};
EDITORS[editor.task] = editor;
}

// --- editors/pairs.js
{
const VERDICTS = { 1: "changed", ...STAYS };
const FILTERS = ["all", "unjudged", "doubtful"];
const BRIEF = 160,
LONG = 1200;
const parsed = (value) => (value ? JSON.parse(value) : null);
const graded = (item, grade) => JSON.stringify({ grade, item });
class PairsEditor extends ManyUnitsEditor {
constructor(options) {
const list = h("div", { class: "lw-graded-list", role: "list", "aria-label": "items of the query", tabindex: "-1" }),
shown = h("div", { class: "lw-choices lw-graded-filter", role: "group", "aria-label": "items shown" });
super(options, shown, list);
this.list = list;
this.shown = shown;
this.filter = FILTERS[0];
this.texts = new Map();
this.every = [];
this.digits = {};
this.codes = new Map();
this.frame = 0;
this.place.root.classList.add("lw-many", "lw-of-pairs");
this.grow();
}
grow() {
const { space } = this;
this.digits = digitClasses(space.classes);
this.codes = new Map(space.classes.map((name, code) => [name, code]));
this.line.stand({
name: "item",
resting: "/ type a part of an item to find it",
placeholder: "type a part of the id or text of an item",
nothing: "no such item",
find: (text) => this.found(text),
title: (at) => this.itemOf(this.units[at]),
node: (at) => [h("span", { class: "lw-clip", text: this.itemOf(this.units[at]) })],
choose: (at) => this.focusOn(this.units[Number(at)]?.key ?? ""),
});
}
found(text) {
const wanted = text.toLowerCase(),
has = (unit) => `${this.itemOf(unit)} ${this.texts.get(this.itemOf(unit)) ?? ""}`.toLowerCase().includes(wanted);
return this.units.flatMap((unit, at) => (has(unit) ? [at] : [])).slice(0, 50);
}
show(example) {
const other = example?.row !== this.example?.row,
before = this.asked;
super.show(example);
this.texts = new Map((example?.items ?? []).map(({ item, text }) => [item, text]));
this.every = [...(example?.units ?? [])].sort((a, b) => (b.standing ?? b.relevant ?? -Infinity) - (a.standing ?? a.relevant ?? -Infinity) || 0);
this.sift();
if (other || before !== this.asked || !this.current) this.focus = (this.nextOpen() || this.units[0])?.key ?? "";
this.facts.replaceChildren(...(example ? this.describe(example) : []));
this.draw();
this.explain(this.current);
this.reveal();
}
sift() {
const { filter, example } = this;
this.units = this.every.filter((unit) => filter === "all" || unit.decided || (filter === "unjudged" ? unit.given === null : Boolean(unit.doubted) && !example?.hides));
}
get asked() {
return this.every.filter((unit) => unit.asked).map((unit) => unit.key).join(" ");
}
itemOf(unit) {
return unit ? (unit.shape?.item ?? parsed(unit.value)?.item ?? parsed(unit.suggested)?.item ?? "") : "";
}
describe({ verdict, flagged, hides, pError }) {
const doubted = this.every.filter((unit) => unit.doubted),
unjudged = this.every.filter((unit) => unit.value === null || parsed(unit.value)?.grade === null),
changed = this.every.filter((unit) => unit.changed);
const said = [changed.length && `${count(changed.length)} changed`, VERDICTS[verdict] || "undecided"].filter(Boolean).join(" · ");
return [
factLine("items", h("span", { class: "lw-fact-value lw-num", text: `${count(this.every.length)}, ${count(unjudged.length)} unjudged` })),
factLine("doubtful", hides ? quiet("hidden") : h("span", { class: "lw-fact-value lw-num", text: count(doubted.length) })),
factLine("any wrong?", hides ? quiet("hidden") : Number.isFinite(pError) ? h("span", { class: "lw-fact-value lw-num", text: `p ${probability(pError)}`, title: "p_error: probability that any grade of the query is wrong" }) : quiet("not judged")),
decisionLine(said, { verdict, flagged }),
];
}
draw() {
this.shown.replaceChildren(
...FILTERS.map((name) =>
h("button", { type: "button", class: `lw-choice${name === this.filter ? " lw-is-label" : ""}`, "aria-pressed": String(name === this.filter), "data-name": name, title: "Enter shows the next of these", onclick: () => this.sieve(name) }, h("span", { class: "lw-clip", text: name })),
),
);
this.list.replaceChildren(...(this.units.length ? this.units.map((unit, i) => this.card(unit, i)) : [quiet(this.example ? `no ${this.filter === "all" ? "" : `${this.filter} `}items` : "")]));
}
card(unit, i) {
const hides = this.example?.hides,
focused = unit.key === this.focus,
item = this.itemOf(unit),
text = this.texts.get(item),
now = parsed(unit.value)?.grade ?? null,
was = parsed(unit.given)?.grade ?? null;
const hint = !hides && !unit.decided && unit.suggested && unit.suggested !== unit.value ? unit.suggested : null;
const shown = hides ? "" : Number.isFinite(unit.p_error) ? `p ${probability(unit.p_error)}` : Number.isFinite(unit.relevant) ? `relevant ${probability(unit.relevant)}` : "";
return h(
"div",
{
class: `lw-graded${focused ? " lw-focused" : ""}${unit.doubted && !hides ? " lw-doubted" : ""}`,
role: "listitem",
"aria-current": String(focused),
"data-key": unit.key,
onclick: () => this.focusOn(unit.key),
},
h(
"div",
{ class: "lw-graded-head" },
h("span", { class: "lw-num lw-quiet", text: String(i + 1), title: "place by the standing among the rankers" }),
h("span", { class: "lw-clip lw-strong", text: item, title: item }),
h("span", { class: "lw-num lw-quiet", text: unit.changed ? `✎ was ${was ?? "unjudged"}` : shown, title: hides ? "" : unit.kind || "" }),
this.chip(now),
...(hint ? [h("button", { type: "button", class: "lw-answer lw-is-hint", text: `→ ${valueText(hint)}`, title: `suggested: ${valueText(hint)}`, onclick: () => this.press(unit, hint) })] : []),
),
...(text === undefined ? [] : [h("p", { class: "lw-graded-text", dir: "auto", text: clip(text, focused ? LONG : BRIEF) })]),
);
}
chip(grade) {
const code = this.codes.get(grade),
color = code === undefined ? "transparent" : hex(this.space.color(code));
return h("span", { class: `lw-grade${grade === null ? " lw-quiet" : ""}`, style: { "border-color": color }, text: grade ?? "unjudged" });
}
focusOn(key) {
this.focus = key;
this.draw();
this.explain(this.current);
this.reveal();
}
reveal() {
cancelAnimationFrame(this.frame);
this.frame = requestAnimationFrame(() => {
const el = this.list.querySelector(".lw-focused");
if (!el) return;
const above = el.offsetTop - this.list.offsetTop,
below = above + el.offsetHeight - this.list.clientHeight;
if (above < this.list.scrollTop) this.list.scrollTop = above;
else if (below > this.list.scrollTop) this.list.scrollTop = Math.min(above, below);
});
}
step(by) {
if (!this.units.length) return;
const at = this.units.findIndex((unit) => unit.key === this.focus);
this.focusOn(this.units[at < 0 ? 0 : Math.max(0, Math.min(this.units.length - 1, at + by))].key);
}
sieve(name) {
this.filter = name;
this.sift();
if (!this.current) this.focus = (this.nextOpen() || this.units[0])?.key ?? "";
this.focusOn(this.focus);
this.say(`${name} items: ${count(this.units.length)}`);
}
open(typing) {
if (typing) super.open();
else this.sieve(FILTERS[(FILTERS.indexOf(this.filter) + 1) % FILTERS.length]);
}
press(unit, value) {
this.focus = unit.key;
this.judge([{ key: unit.key, value }], "button");
}
digit(digit, selection) {
const code = this.digits[digit],
unit = this.current;
if (selection) this.say("digits apply to one item here, not to a selection", "warn");
else if (code === undefined) this.say(`no grade on key ${digit}`, "warn");
else if (unit) this.judge([{ key: unit.key, value: graded(this.itemOf(unit), this.space.classes[code]) }], "key");
}
unknown() {
const unit = this.current;
if (unit) this.judge([{ key: unit.key, value: graded(this.itemOf(unit), null) }], "key");
}
nothing() {
this.unknown();
}
accept() {
const unit = this.current;
if (!unit?.suggested) this.say("there is no suggestion for this item", "warn");
else this.judge([{ key: unit.key, value: unit.suggested }], "accept");
}
keep() {
const unit = this.current;
if (unit && unit.given === null) this.say("the item is unjudged: press a digit to grade it", "warn");
else if (unit) this.judge([{ key: unit.key, value: unit.given }], "keep");
}
}
const editor = {
task: "pairs",
nothing: true,
units: true,
edits: {
choose: "go to the highlighted item, or save the note",
nextMatch: "next matching item",
previousMatch: "previous matching item",
leave: "leave the box",
},
make: (options) => new PairsEditor(options),
};
EDITORS[editor.task] = editor;
}

// --- editors/points.js
{
const editor = {
task: "points",
nothing: true,
units: true,
edits: {
choose: "save what was drawn, choose the highlighted class, or save the note",
nextMatch: "move the point down; next matching class",
previousMatch: "move the point up; previous matching class",
leave: "leave the editor and save what was drawn",
moveLeft: "move the point left by a pixel (⇧ ten)",
moveRight: "move the point right",
draw: "draw new points everywhere",
select: "move the point in focus; draw beside it",
remove: "no point here",
everywhere: "select all points of the class",
nextObject: "next point",
previousObject: "previous point",
undoStroke: "undo the last stroke",
redoStroke: "redo the stroke",
larger: "larger picture (also with the wheel; hold Space and drag to pan)",
smaller: "smaller picture",
fit: "show the whole picture",
},
make: (options) => new BoxEditor(options, { one: "point", many: "points", point: true }),
};
EDITORS[editor.task] = editor;
}

// --- base/worddiff.js
const MOST_CELLS = 4_000_000;
const WORD = /[\p{L}\p{N}\p{M}_'’]+\s*|\s+|[^\s]\s*/gu;
function wordDiff(old, now) {
const a = old.match(WORD) ?? [],
b = now.match(WORD) ?? [],
shorter = Math.min(a.length, b.length);
let start = 0,
end = 0;
while (start < shorter && a[start] === b[start]) start++;
while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
const parts = [];
add(parts, "same", a.slice(0, start));
between(parts, a.slice(start, a.length - end), b.slice(start, b.length - end));
add(parts, "same", a.slice(a.length - end));
return parts;
}
function add(parts, kind, words) {
if (!words.length) return;
const last = parts[parts.length - 1],
text = words.join("");
if (last?.kind === kind) last.text += text;
else parts.push({ kind, text });
}
function between(parts, a, b) {
const width = b.length + 1;
if ((a.length + 1) * width > MOST_CELLS || !a.length || !b.length) {
add(parts, "removed", a);
add(parts, "added", b);
return;
}
const common = new Uint16Array((a.length + 1) * width);
for (let i = a.length - 1; i >= 0; i--)
for (let j = b.length - 1; j >= 0; j--)
common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
let i = 0,
j = 0;
while (i < a.length || j < b.length) {
if (i < a.length && j < b.length && a[i] === b[j]) {
add(parts, "same", [a[i]]);
i++;
j++;
} else if (i < a.length && (j === b.length || common[(i + 1) * width + j] >= common[i * width + j + 1])) add(parts, "removed", [a[i++]]);
else add(parts, "added", [b[j++]]);
}
}

// --- editors/preferences.js
{
const OTHERS = ([
["0", "tie", "both are equally good"],
["3", "neither", "both are too poor to be used"],
]);
const WITHOUT = [
{ item: "first", text: "" },
{ item: "second", text: "" },
];
const ALIKE = 0.4;
const SAYS = { text: "p ", title: "p_error: probability that the given answer is not the better one", label: "probability that the label is wrong" };
function markedAnswer(text, other) {
const parts = wordDiff(other, text).filter((part) => part.kind !== "removed"),
same = parts.reduce((sum, part) => sum + (part.kind === "same" ? part.text.length : 0), 0);
const marks = same >= ALIKE * Math.min(text.length, other.length);
return h("span", { class: "lw-text-words", dir: "auto" }, ...parts.map((part) => (marks && part.kind === "added" ? h("ins", { text: part.text }) : document.createTextNode(part.text))));
}
class PreferencesEditor extends ManyUnitsEditor {
constructor(options) {
const answers = h("div", { class: "lw-answers", role: "group", "aria-label": "answers" });
super(options, answers);
this.answers = answers;
this.shown = WITHOUT;
this.place.root.classList.add("lw-many", "lw-of-preferences");
this.line.stand({ name: "answer", resting: "1 and 2 choose an answer, 0 a tie", placeholder: "first, second, tie or neither", choose: (text) => this.typed(String(text)) });
}
show(example) {
super.show(example);
this.units = example?.units ?? [];
this.focus = this.units[0]?.key ?? "";
this.shown = example?.items?.length === 2 ? example.items : WITHOUT;
this.facts.replaceChildren(...(example ? this.describe(example) : []));
this.answers.replaceChildren(...(example ? [...this.shown.map((_, place) => this.card(place)), h("div", { class: "lw-answers-others" }, ...OTHERS.map(([digit, value, title]) => this.button(digit, value, title)))] : []));
this.explain(this.current);
}
describe({ verdict, flagged, hides }) {
const unit = this.current,
said = unit?.changed ? "changed" : STAYS[verdict] || "undecided";
return [
factLine("wrong?", hides ? quiet("hidden") : Number.isFinite(unit?.p_error) ? meter(unit?.p_error, SAYS) : quiet("not judged")),
...(unit?.kind && unit.doubted && !hides ? [factLine("kind", h("span", { class: "lw-fact-value", text: unit.kind }))] : []),
decisionLine(said, { verdict, flagged }),
];
}
standing(value) {
const unit = this.current,
is = value === valueText(unit?.value),
hint = !this.example?.hides && Boolean(unit?.doubted) && !unit?.decided && !is && value === valueText(unit?.suggested);
return { is, hint, state: `${is ? " lw-is-label" : ""}${hint ? " lw-is-hint" : ""}`, said: [is && "label", hint && "suggested"].filter(Boolean).join(", ") };
}
card(place) {
const { item, text } = this.shown[place],
other = this.shown[1 - place].text,
digit = String(place + 1),
{ is, state, said } = this.standing(item);
return h(
"button",
{ type: "button", class: `lw-answer-card${state}`, "data-value": item, "aria-pressed": String(is), title: `better: answer ${digit}`, onclick: () => this.say1(item, "button") },
h("span", { class: "lw-row" }, h("kbd", { text: digit }), h("span", { class: "lw-quiet", text: this.example?.hides ? "" : item }), h("span", { class: "lw-space" }), h("span", { class: "lw-quiet", text: said })),
text ? markedAnswer(text, other) : h("span", { class: "lw-quiet", text: text === "" && this.shown !== WITHOUT ? "an empty answer" : `${item} answer` }),
);
}
button(digit, value, title) {
const { is, state } = this.standing(value);
return h("button", { type: "button", class: `lw-choice${state}`, "data-value": value, "aria-pressed": String(is), title, onclick: () => this.say1(value, "button") }, h("kbd", { text: digit }), h("span", { class: "lw-clip", text: value }));
}
say1(value, how) {
const unit = this.current;
if (unit) this.judge([{ key: unit.key, value: JSON.stringify(value) }], how);
}
typed(text) {
if (this.space.choices.includes(JSON.stringify(text))) this.say1(text, "typed");
else this.say("type first, second, tie or neither", "warn");
}
digit(digit, selection) {
const other = OTHERS.find(([key]) => key === digit)?.[1],
value = other ?? this.shown[Number(digit) - 1]?.item;
if (selection) this.say("digits apply to one pair here, since each has its own order", "warn");
else if (value === undefined) this.say(`no answer on key ${digit}`, "warn");
else this.say1(value, "key");
}
accept() {
const unit = this.current;
if (!unit?.suggested) this.say("there is no suggestion for this pair", "warn");
else this.judge([{ key: unit.key, value: unit.suggested }], "accept");
}
keep() {
const unit = this.current;
if (!unit?.given) this.say("no answer was given", "warn");
else this.judge([{ key: unit.key, value: unit.given }], "keep");
}
}
const editor = {
task: "preferences",
nothing: false,
units: true,
edits: {
choose: "save the typed answer",
leave: "leave the box",
},
make: (options) => new PreferencesEditor(options),
};
EDITORS[editor.task] = editor;
}

// --- examples/passage.js
const LETTER = 6.5;
const FAR = 60;
const PIECE = 80;
function tokensOf({ begin, end, counts }, place) {
if (counts === "tokens") return place.start < begin.length ? [place.start, Math.min(place.end, begin.length)] : null;
const first = firstAfter(end, place.start),
last = firstAfter(begin, place.end - 1);
return first < last ? [first, last] : null;
}
function firstAfter(numbers, value) {
let low = 0,
high = numbers.length;
while (low < high) {
const middle = (low + high) >> 1;
if (numbers[middle] > value) high = middle;
else low = middle + 1;
}
return low;
}
function placeOf({ begin, end, counts }, first, last) {
return counts === "tokens" ? { start: first, end: last } : { start: begin[first], end: end[last - 1] };
}
function levels(ranges) {
const order = ranges.map((_, i) => i).sort((a, b) => ranges[a].last - ranges[a].first - (ranges[b].last - ranges[b].first) || ranges[a].first - ranges[b].first),
found = new Array(ranges.length).fill(0),
taken = ([]);
for (const i of order) {
const { first, last } = ranges[i];
const meets = (level) => {
for (let token = first; token < last; token++) if (level.has(token)) return true;
return false;
};
while (found[i] < taken.length && meets(taken[found[i]])) found[i]++;
const level = (taken[found[i]] ||= new Set());
for (let token = first; token < last; token++) level.add(token);
}
return found;
}
function equalForms(words, first, last) {
const wanted = words.slice(first, last);
const found = [];
for (let at = 0; at + wanted.length <= words.length; at++) {
if (wanted.every((word, i) => words[at + i] === word)) {
found.push([at, at + wanted.length]);
at += wanted.length - 1;
}
}
return found;
}
const NO_TEXT = { text: "", begin: [], end: [], counts: "tokens" };
class PassageView {
constructor({ pick }) {
this.pick = pick;
this.el = h("div", { class: "lw-passage", dir: "auto", role: "group", "aria-label": "text with spans" });
for (const type of ["pointerdown", "pointerover"]) this.el.addEventListener(type, (event) => this.pointed((event)));
this.passage = null;
this.points = [];
this.kept = null;
this.pieces = [];
this.drawn = new Map();
this.marked = null;
this.seeking = null;
this.watcher = typeof IntersectionObserver === "undefined" ? null : new IntersectionObserver((seen) => this.seen(seen), { root: this.el, rootMargin: "200px" });
}
pointed(event) {
const { target } = event,
token = (target instanceof Element ? target.closest(".lw-token") : null);
if (!token || (event.type === "pointerover" && !(event.buttons & 1))) return;
event.preventDefault();
this.pick(Number(token.dataset.token), event.type === "pointerover" || event.shiftKey);
}
get words() {
const { passage } = this;
if (!passage) return [];
this.kept ||= passage.begin.map((first, i) => this.points.slice(first, passage.end[i]).join(""));
return this.kept;
}
show(passage, rails, marked) {
if (passage !== this.passage) {
this.passage = passage;
this.kept = null;
this.points = Array.from(passage?.text || "");
this.build();
}
const now = rails.filter((rail) => !rail.hint),
hints = rails.filter((rail) => rail.hint);
const above = levels(now),
below = levels(hints);
this.drawn = new Map();
for (const one of [...now.map((rail, i) => ({ rail, level: above[i] })), ...hints.map((rail, i) => ({ rail, level: below[i] }))])
for (let token = one.rail.first; token < one.rail.last; token++) {
const there = this.drawn.get(token);
if (there) there.push(one);
else this.drawn.set(token, [one]);
}
this.marked = marked;
for (const [side, used] of Object.entries({ above, below })) {
const room = String(used.reduce((most, one) => Math.max(most, one), 0) + (used.length ? 1 : 0));
if (this.el.style.getPropertyValue(`--lw-${side}`) !== room) this.el.style.setProperty(`--lw-${side}`, room);
}
for (const piece of this.pieces) {
piece.fresh = false;
if (piece.near) this.fill(piece);
}
}
build() {
this.watcher?.disconnect();
this.pieces = [];
const { passage } = this,
nodes = [];
const total = passage ? passage.begin.length : 0;
for (let first = 0; first < total; first += PIECE) {
const last = Math.min(first + PIECE, total),
el = h("span", { class: "lw-piece", text: this.between(first, last) });
const piece = { first, last, el, near: !this.watcher || total <= 4 * PIECE, fresh: false, tokens: [], drawing: [] };
this.pieces.push(piece);
nodes.push(el);
}
this.el.replaceChildren(...(total ? nodes : [h("span", { class: "lw-empty-line", text: passage?.text || "no text: pass it with text=, or in a column named tokens" })]));
if (this.watcher) for (const piece of this.pieces) if (!piece.near) this.watcher.observe(piece.el);
this.el.scrollTop = 0;
}
between(first, last) {
const { begin, end } = this.passage ?? NO_TEXT;
return this.points.slice(first ? end[first - 1] : 0, last === begin.length ? this.points.length : end[last - 1]).join("");
}
seen(entries) {
for (const { target, isIntersecting } of entries) {
const piece = this.pieces.find((one) => one.el === target);
if (!piece) continue;
piece.near = isIntersecting;
if (isIntersecting && !piece.fresh) this.fill(piece);
}
}
fill(piece) {
const { first, last, el, drawing } = piece;
piece.fresh = true;
if (!piece.tokens.length) {
const { begin, end } = this.passage ?? NO_TEXT;
const nodes = [];
for (let token = first; token < last; token++) {
const space = this.points.slice(token ? end[token - 1] : 0, begin[token]).join("");
if (space) nodes.push(space);
piece.tokens.push(h("span", { class: "lw-token", "data-token": String(token) }, this.words[token]));
nodes.push(piece.tokens[token - first]);
}
if (last === begin.length) nodes.push(this.points.slice(end[last - 1]).join(""));
el.replaceChildren(...nodes);
}
for (const [at, own] of piece.tokens.entries()) {
const token = first + at,
there = this.drawn.get(token) ?? [];
const now = there.map((one) => this.drawingOf(one, token)).join("\n");
if (now !== (drawing[at] ?? "")) own.replaceChildren(this.words[token], ...there.map((one) => this.rail(one, token)));
drawing[at] = now;
own.classList.toggle("lw-marked", Boolean(this.marked && token >= this.marked[0] && token < this.marked[1]));
for (const [i, { rail }] of there.entries()) own.children[i].classList.toggle("lw-focused", rail.focused);
}
}
drawingOf({ rail, level }, token) {
const { key, first, last, name, color, hint } = rail;
return JSON.stringify([key, first, last, name, color, hint, level, token === first ? this.roomOf(rail, level) : ""]);
}
rail({ rail, level }, token) {
const { first, last, name, color, hint, key } = rail;
const marks = `${hint ? " lw-is-hint" : ""}${token === first ? " lw-first" : ""}${token < last - 1 ? " lw-goes-on" : ""}`;
return h("i", { class: `lw-rail${marks}`, "data-key": key, style: { "--lw-level": String(level), "--lw-rail": color }, title: hint ? `suggested: ${name}` : name }, token === first ? h("b", { text: name, style: { "max-width": this.roomOf(rail, level) } }) : null);
}
roomOf({ first, last, hint }, level) {
const { begin } = this.passage ?? NO_TEXT;
for (let token = last; token < begin.length && begin[token] - begin[first] <= FAR; token++)
if (this.drawn.get(token)?.some((one) => one.level === level && one.rail.hint === hint)) return `${Math.max((begin[token] - begin[first]) * LETTER - 4, 9)}px`;
return "none";
}
reveal(token) {
const piece = this.pieces.find((one) => token >= one.first && token < one.last);
if (!piece) return;
if (!piece.fresh) this.fill(piece);
const own = piece.tokens[token - piece.first];
this.seeking?.disconnect();
if (typeof IntersectionObserver === "undefined") return this.scrollTo(own.getBoundingClientRect(), this.el.getBoundingClientRect());
this.seeking = new IntersectionObserver(([{ boundingClientRect, rootBounds }]) => {
this.seeking?.disconnect();
if (rootBounds) this.scrollTo(boundingClientRect, rootBounds);
}, { root: this.el });
this.seeking.observe(own);
}
scrollTo(own, seen) {
const above = own.top - 20 - seen.top,
below = own.bottom + 20 - seen.bottom;
if (above < 0) this.el.scrollTop += above;
else if (below > 0) this.el.scrollTop += below;
}
destroy() {
this.watcher?.disconnect();
this.seeking?.disconnect();
this.el.remove();
}
}

// --- examples/passageeditor.js
class PassageEditor extends ObjectEditor {
marked = null;
frame = 0;
sought = false;
constructor(options, one) {
const passage = new PassageView({ pick: (token, extend) => this.pick(token, extend) }),
head = h("div", { class: "lw-span-line" });
super(options, one, passage.el, head);
this.passage = passage;
this.head = head;
this.place.root.classList.add("lw-of-spans");
}
get isNew() {
return Boolean(this.marked);
}
rails() {
return [];
}
tokensIn(_unit) {
return null;
}
pick(_token, _extend) {}
draw() {
if ((this.example?.passage ?? null) !== this.passage.passage) this.drawNow();
else this.frame ||= requestAnimationFrame(() => this.drawNow());
}
drawNow() {
cancelAnimationFrame(this.frame);
this.frame = 0;
const { example } = this;
this.passage.show(example?.passage ?? null, example?.passage ? this.rails() : [], this.marked);
this.head.replaceChildren(...(example ? this.headline() : []));
this.passage.el.classList.toggle("lw-editing", this.editing);
if (this.sought) this.reveal();
}
textOf([first, last]) {
return this.passage.words.slice(first, last).join(" ");
}
reveal() {
this.sought = this.frame > 0;
const tokens = this.marked || this.tokensIn(this.current);
if (tokens && !this.sought) this.passage.reveal(tokens[0]);
}
destroy() {
cancelAnimationFrame(this.frame);
super.destroy();
this.passage.destroy();
}
}

// --- editors/spans.js
{
const EDGES = { shrinkEnd: [0, -1], growEnd: [0, 1], growStart: [-1, 0], shrinkStart: [1, 0] };
const MARKING = { nextToken: [1, false], previousToken: [-1, false], growToken: [1, true], shrinkToken: [-1, true] };
const LONGEST = 40;
const parsed = (value) => (value ? JSON.parse(value) : null);
const written = (place, label) => JSON.stringify({ end: place.end, label, start: place.start });
class SpansEditor extends PassageEditor {
draft = null;
anchor = null;
marked = null;
constructor(options) {
super(options, "span");
}
inTurn(units) {
const start = (unit) => (unit.shape || parsed(unit.value) || parsed(unit.suggested))?.start ?? 0;
return [...units].sort((a, b) => start(a) - start(b));
}
placeNow(unit) {
return unit && (parsed(unit.value) || unit.shape || parsed(unit.suggested));
}
rails() {
const rails = [];
const { passage = null, hides = false } = this.example ?? {};
const add = (unit, value, hint) => {
const tokens = value && passage && tokensOf(passage, value);
if (!tokens) return;
const code = this.codes.get(value.label);
const color = code === undefined ? "var(--lw-accent)" : hex(this.space.color(code));
rails.push({ key: unit.key, first: tokens[0], last: tokens[1], name: value.label, color, hint, focused: unit.key === this.focus });
};
for (const unit of this.units) {
const draft = unit.key === this.focus && this.draft ? { ...this.draft, label: this.labelOf(unit) ?? "" } : null;
add(unit, draft || parsed(unit.value), false);
if (!hides && !unit.decided && (unit.doubted || unit.key === this.focus) && unit.suggested && unit.suggested !== unit.value) add(unit, parsed(unit.suggested), true);
}
return rails;
}
labelOf(unit) {
return (parsed(unit.value) || parsed(unit.given) || parsed(unit.suggested))?.label;
}
headline() {
const unit = this.current,
{ passage = null } = this.example ?? {};
if (this.marked && passage) return [h("span", { class: "lw-clip", text: `“${this.textOf(this.marked)}”` }), h("span", { class: "lw-quiet", text: "press a digit or / to name the new span" })];
if (!unit) return [quiet(this.units.length ? "" : "no spans: drag over words, or press Enter and use the arrows")];
const place = this.draft || this.placeNow(unit),
tokens = place && passage && tokensOf(passage, place);
const parts = [...(tokens ? [h("span", { class: "lw-clip lw-strong", text: `“${clip(this.textOf(tokens), LONGEST)}”` })] : []), h("span", { class: "lw-unit-value", text: valueText(unit.value) })];
const same = parsed(unit.suggested),
moved = same && passage && tokens && tokensOf(passage, same)?.join() !== tokens.join();
return [...parts, ...this.doubtOf(unit, moved ? " with other boundaries" : "")];
}
tokensIn(unit) {
const passage = this.example?.passage,
place = this.placeNow(unit);
return passage && place && tokensOf(passage, place);
}
pick(token, extend) {
const passage = this.example?.passage;
if (!passage) return;
if (extend) {
this.anchor ??= token;
this.marked = [Math.min(this.anchor, token), Math.max(this.anchor, token) + 1];
this.draft = null;
this.draw();
return;
}
this.anchor = token;
const here = this.units.filter((unit) => {
const place = this.placeNow(unit),
tokens = place && tokensOf(passage, place);
return tokens && token >= tokens[0] && token < tokens[1];
});
const at = here.findIndex((unit) => unit.key === this.focus);
if (here.length) this.focusOn(here[(at + 1) % here.length].key);
else {
this.marked = [token, token + 1];
this.draft = null;
this.draw();
}
this.anchor = token;
}
edit() {
if (!this.example?.passage?.begin.length) {
this.say("spans cannot be edited without the text", "warn");
return;
}
this.editing = true;
if (!this.current && !this.marked) this.mark(0, false);
this.draw();
}
leave() {
this.editing = false;
this.draft = this.marked = this.anchor = null;
}
act(action) {
if (EDGES[action]) this.move(...EDGES[action]);
else if (MARKING[action]) this.mark(...MARKING[action]);
else if (action === "remove") this.nothing();
else if (action === "everywhere") this.everywhere();
else if (action === "choose") this.commit();
else return false;
return true;
}
move(start, end) {
const passage = this.example?.passage,
place = this.draft || this.placeNow(this.current),
now = this.marked || (passage && place && tokensOf(passage, place));
if (!now || !passage) return;
const first = Math.max(0, now[0] + start),
last = Math.min(passage.begin.length, now[1] + end);
if (first >= last) return;
if (this.marked) this.marked = [first, last];
else this.draft = placeOf(passage, first, last);
this.draw();
this.passage.reveal(end ? last - 1 : first);
}
mark(by, extend) {
const passage = this.example?.passage;
if (!passage) return;
const most = passage.begin.length,
place = this.placeNow(this.current),
from = this.marked || (place && tokensOf(passage, place)) || [0, 1];
let marked = [from[0], Math.max(from[0] + 1, Math.min(most, from[1] + by))];
if (!extend) {
const at = this.marked || !place ? Math.max(0, Math.min(most - 1, (by > 0 ? from[1] - 1 : from[0]) + by)) : by > 0 ? Math.min(most - 1, from[1]) : Math.max(0, from[0] - 1);
marked = [at, at + 1];
}
this.marked = marked;
this.draft = null;
this.draw();
this.passage.reveal(by > 0 ? marked[1] - 1 : marked[0]);
}
commit() {
const unit = this.current,
{ draft } = this;
if (unit && draft) {
const label = this.labelOf(unit);
this.leave();
this.judge([{ key: unit.key, value: written(draft, label) }], "key");
} else this.close();
}
everywhere() {
const { passage = null, hides = false } = this.example ?? {},
unit = this.current,
value = unit && (parsed(unit.value) || (hides ? null : parsed(unit.suggested))),
tokens = value && passage && tokensOf(passage, value);
if (!tokens || !passage) {
this.say("no span in focus", "warn");
return;
}
const verdicts = equalForms(this.passage.words, tokens[0], tokens[1]).map(([first, last]) => {
const place = placeOf(passage, first, last);
const there = this.units.find((one) => {
const own = this.placeNow(one);
return own && own.start === place.start && own.end === place.end;
});
return { key: there?.key ?? freshKey(), value: written(place, value.label) };
});
this.leave();
this.say(`${value.label} at ${count(verdicts.length)} ${verdicts.length === 1 ? "place" : "places"}; one undo reverts it`);
this.judge(verdicts, "key");
}
label(name, how) {
const unit = this.current,
passage = this.example?.passage;
if (this.marked && passage) {
const key = freshKey(),
value = written(placeOf(passage, this.marked[0], this.marked[1]), name);
this.leave();
this.focus = key;
this.judge([{ key, value }], how);
return;
}
const place = unit && (this.draft || this.placeNow(unit));
if (!place) this.say("no span in focus: drag over words", "warn");
else {
this.leave();
this.judge([{ key: unit.key, value: written(place, name) }], how);
}
}
nothing() {
const unit = this.current;
if (!unit) return;
this.leave();
this.judge([{ key: unit.key, value: "null" }], "key");
}
}
const editor = {
task: "spans",
nothing: true,
units: true,
edits: {
choose: "save the boundaries, choose the highlighted class, or save the note",
nextMatch: "next matching class",
previousMatch: "previous matching class",
leave: "leave the editor without saving the boundaries",
shrinkEnd: "move the end one token to the left",
growEnd: "move the end one token to the right",
growStart: "move the start one token to the left",
shrinkStart: "move the start one token to the right",
nextToken: "select the next token; a digit makes it a span",
previousToken: "select the previous token",
growToken: "extend the selection by one token",
shrinkToken: "shrink the selection by one token",
remove: "no span here",
everywhere: "repeat the span at all occurrences of its words",
},
make: (options) => new SpansEditor(options),
};
EDITORS[editor.task] = editor;
}

// --- examples/comparedtext.js
function compared(text, from) {
const parts = from === null ? [{ kind: "same", text }] : wordDiff(from, text);
return h(
"span",
{ class: "lw-text-words", dir: "auto" },
...parts.map((part) => (part.kind === "same" ? document.createTextNode(part.text) : h(part.kind === "added" ? "ins" : "del", { text: part.text }))),
);
}

// --- editors/texts.js
{
const KEYS = 9;
const SAYS = { text: "p ", title: "p_error: probability that the text is wrong", label: "probability that the text is wrong" };
const textOf = (value) => (value === null || value === undefined ? null : JSON.parse(value));
class TextsEditor extends ManyUnitsEditor {
editing = false;
draft = "";
constructor(options) {
const list = h("div", { class: "lw-texts", role: "list", "aria-label": "texts of the example" });
super(options, list);
this.keymap = options.keymap;
this.list = list;
this.box = h("textarea", {
class: "lw-text-box",
dir: "auto",
rows: 4,
"aria-label": "text; Enter saves it, Shift+Enter starts a new line, Escape discards the changes",
onkeydown: (event) => this.typed(event),
});
this.place.root.classList.add("lw-many", "lw-of-texts");
this.line.stand({ name: "text", resting: "Enter edits the text", placeholder: "type the whole text, Enter saves it", choose: (text) => this.save(String(text)) });
}
get asked() {
return this.units.filter((unit) => unit.asked).map((unit) => unit.name || "text").join(", ");
}
show(example) {
const other = example?.row !== this.example?.row;
super.show(example);
if (this.editing && !other) return;
this.units = example?.units ?? [];
if (other || !this.current) this.focus = (this.nextOpen() || this.units[0])?.key ?? "";
this.draw();
}
draw() {
const { example, current } = this;
this.facts.replaceChildren(...(example ? this.describe(example) : []));
this.list.replaceChildren(...this.units.map((unit) => this.card(unit)));
this.explain(current);
}
describe({ verdict, flagged, hides }) {
const unit = this.current;
const now = unit?.changed ? "changed" : STAYS[verdict] || "undecided";
return [
factLine("wrong?", hides ? quiet("hidden") : Number.isFinite(unit?.p_error) ? meter(unit?.p_error, SAYS) : quiet("not judged")),
...(unit?.kind && !hides && unit.doubted ? [factLine("kind", h("span", { class: "lw-fact-value", text: unit.kind }))] : []),
decisionLine(now, { verdict, flagged }),
];
}
card(unit) {
const now = textOf(unit.value),
given = textOf(unit.given),
focused = unit.key === this.focus;
const doubt = !this.example?.hides && this.units.length > 1 && Number.isFinite(unit.p_error) ? `p ${probability(unit.p_error)}` : "";
return h(
"div",
{ class: `lw-text-unit${focused ? " lw-focused" : ""}${unit.doubted && !this.example?.hides ? " lw-doubted" : ""}`, role: "listitem", "data-key": unit.key, onclick: () => focused || this.focusOn(unit.key) },
h("div", { class: "lw-row" }, h("span", { class: "lw-quiet lw-clip", text: unit.name || "text" }), h("span", { class: "lw-space" }), h("span", { class: "lw-num lw-quiet", text: doubt })),
this.editing && focused
? this.box
: h("div", { class: "lw-text-now", title: "Enter edits it", ondblclick: () => this.open() }, now === null ? quiet("no text") : unit.changed ? compared(now, given) : compared(now, null)),
...(focused ? [...this.others(unit).map((text, i) => this.choice(text, i, now)), this.history(unit)] : []),
);
}
others(unit) {
const hint = this.example?.hides ? null : textOf(unit.suggested);
const all = [hint, ...(unit.alternatives ?? []).map(textOf), unit.changed ? textOf(unit.given) : null];
return [...new Set(all.filter((text) => text !== null && text !== textOf(unit.value)))];
}
choice(text, i, now) {
const hint = !this.example?.hides && text === textOf(this.current?.suggested);
return h(
"button",
{ type: "button", class: `lw-text-choice${hint ? " lw-is-hint" : ""}`, "data-text": text ?? "", title: hint ? "suggested" : "alternative", onclick: () => this.save(text, "button") },
h("kbd", { text: i < KEYS ? String(i + 1) : "" }),
compared(text ?? "", now),
);
}
history(unit) {
const { versions = [] } = unit;
if (versions.length < 2) return "";
return h(
"details",
{ class: "lw-text-versions" },
h("summary", { text: `${versions.length} versions` }),
...versions.map(({ value, author, time }) =>
h("div", { class: "lw-text-version" }, h("span", { class: "lw-quiet", text: author ? `${author} ${time.slice(0, 16).replace("T", " ")}` : "given" }), compared(textOf(value) ?? "", null)),
),
);
}
focusOn(key) {
this.close();
this.focus = key;
this.draw();
}
step(by) {
const at = this.units.findIndex((unit) => unit.key === this.focus);
if (this.units.length > 1) this.focusOn(this.units[(at + by + this.units.length) % this.units.length].key);
}
save(text, how = "typed") {
const unit = this.current;
if (unit && text !== null) this.judge([{ key: unit.key, value: JSON.stringify(text) }], how);
}
digit(digit, selection) {
const text = this.current && this.others(this.current)[Number(digit) - 1];
if (selection) this.say("digits apply to one example here, not to a selection", "warn");
else if (text === undefined) this.say(`no alternative on key ${digit}`, "warn");
else this.save(text, "key");
}
accept() {
const unit = this.current;
if (!unit?.suggested) this.say("there is no alternative that is suggested", "warn");
else this.judge([{ key: unit.key, value: unit.suggested }], "accept");
}
keep() {
const unit = this.current;
if (!unit?.given) this.say("no text was given", "warn");
else this.judge([{ key: unit.key, value: unit.given }], "keep");
}
open() {
if (!this.current || this.editing) return;
this.editing = true;
this.draft = textOf(this.current.value) ?? "";
this.box.value = this.draft;
this.draw();
this.box.focus({ preventScroll: true });
this.box.setSelectionRange(this.draft.length, this.draft.length);
}
close() {
super.close();
if (!this.editing) return;
this.editing = false;
this.draw();
}
typed(event) {
if (event.isComposing || event.shiftKey || actionOf(event, this.keymap)?.action !== "choose") return;
event.preventDefault();
const text = this.box.value;
this.close();
const view = this.place.root.closest(".lw");
view?.focus({ preventScroll: true });
if (text === this.draft) this.keepOrSame();
else this.save(text);
}
keepOrSame() {
const unit = this.current;
if (unit?.value) this.judge([{ key: unit.key, value: unit.value }], "keep");
}
}
const editor = {
task: "texts",
nothing: false,
units: true,
edits: {
choose: "save the text (Shift+Enter starts a new line)",
leave: "discard the changes",
},
make: (options) => new TextsEditor(options),
};
EDITORS[editor.task] = editor;
}

// --- editors/tokens.js
{
const STEPS = { nextToken: 1, previousToken: -1 };
const LONGEST = 40;
const MOST_LETTERS = 8;
const numberOf = ({ key }) => Number(key.slice(1));
class TokensEditor extends PassageEditor {
constructor(options) {
super(options, "token");
this.place.root.classList.add("lw-of-tokens");
}
rails() {
const { hides = false } = this.example ?? {},
total = this.example?.passage?.begin.length ?? 0;
const rails = [];
const looks = new Map();
const lookOf = (value) => {
const name = valueText(value),
code = this.codes.get(name);
const look = { name, color: code === undefined ? "var(--lw-accent)" : hex(this.space.color(code)) };
looks.set(value, look);
return look;
};
const add = (unit, value, hint) => {
const first = numberOf(unit);
if (!value || first >= total) return;
rails.push({ key: unit.key, first, last: first + 1, ...(looks.get(value) ?? lookOf(value)), hint, focused: unit.key === this.focus });
};
for (const unit of this.units) {
add(unit, unit.value, false);
if (!hides && !unit.decided && (unit.doubted || unit.key === this.focus) && unit.suggested !== unit.value) add(unit, unit.suggested, true);
}
const letters = Math.max(0, ...new Set(rails.map(({ name }) => name.length)));
this.place.root.style.setProperty("--lw-letters", String(Math.min(letters, MOST_LETTERS)));
return rails;
}
headline() {
const unit = this.current;
if (!unit) return [quiet("no tokens")];
const words = this.example?.passage ? this.textOf([numberOf(unit), numberOf(unit) + 1]) : "";
return [h("span", { class: "lw-clip lw-strong", text: `“${clip(words, LONGEST)}”` }), h("span", { class: "lw-unit-value", text: valueText(unit.value) }), ...this.doubtOf(unit)];
}
tokensIn(unit) {
return unit ? [numberOf(unit), numberOf(unit) + 1] : null;
}
pick(token, _extend) {
if (this.units.some(({ key }) => key === `p${token}`)) this.focusOn(`p${token}`);
}
step(by) {
const at = this.units.findIndex((unit) => unit.key === this.focus),
beyond = by > 0 ? this.units.slice(at + 1) : this.units.slice(0, Math.max(at, 0)).reverse();
const next = this.example?.hides ? undefined : beyond.find((unit) => unit.doubted);
if (next) this.focusOn(next.key);
else if (this.example?.hides || !this.units.some((unit) => unit.doubted)) super.step(by);
}
edit() {
this.editing = true;
this.passage.el.classList.add("lw-editing");
}
act(action) {
if (STEPS[action]) {
super.step(STEPS[action]);
this.edit();
} else if (action === "everywhere") this.everywhere();
else if (action === "choose") this.close();
else return false;
return true;
}
everywhere() {
const unit = this.current,
value = unit && (unit.value || (this.example?.hides ? null : unit.suggested));
if (!unit || !value) {
this.say("no token with a class in focus", "warn");
return;
}
const { words } = this.passage,
word = words[numberOf(unit)];
const verdicts = this.units.filter((one) => words[numberOf(one)] === word).map(({ key }) => ({ key, value }));
this.leave();
this.say(`${valueText(value)} at ${count(verdicts.length)} ${verdicts.length === 1 ? "place" : "places"}; one undo reverts it`);
this.judge(verdicts, "key");
}
label(name, how) {
const unit = this.current;
this.leave();
if (unit) this.judge([{ key: unit.key, value: JSON.stringify(name) }], how);
else this.say("no token in focus", "warn");
}
keep() {
const unit = this.current;
if (unit?.given) this.judge([{ key: unit.key, value: unit.given }], "keep");
}
}
const editor = {
task: "tokens",
nothing: false,
units: true,
edits: {
choose: "choose the highlighted class, or leave the editor",
nextMatch: "next matching class",
previousMatch: "previous matching class",
leave: "leave the editor",
nextToken: "the next token",
previousToken: "the previous token",
everywhere: "repeat the class at all occurrences of the word",
},
make: (options) => new TokensEditor(options),
};
EDITORS[editor.task] = editor;
}

// --- editors/units.js
{
const FEW = 3;
const LONGEST = 36;
const MARKS = { yes: "✓", no: "–", unknown: "?" };
const VERDICTS = { 1: "changed", ...STAYS };
function nudge(text, up, { shiftKey, altKey }) {
const value = Number(text);
if (!text.trim() || !Number.isFinite(value)) return text;
const power = (value ? Math.floor(Math.log10(Math.abs(value))) - 2 : 0) + (shiftKey ? 1 : altKey ? -1 : 0),
moved = value + (up ? 1 : -1) * 10 ** power;
return String(Number(moved.toFixed(Math.max(0, Math.min(20, -power, 20)))));
}
class UnitsEditor extends ManyUnitsEditor {
constructor(options) {
const list = h("div", { class: "lw-units", role: "list", "aria-label": "labels of the example", tabindex: "-1" });
super(options, list);
this.list = list;
this.lines = new KeptLines(list);
const { space } = this;
this.few = space.choices.length > 0 && space.choices.length <= FEW;
this.digits = this.few || !space.choices.length ? {} : digitClasses(space.choices.map(valueText));
this.place.root.classList.add("lw-many");
this.grow();
}
grow() {
this.line.stand(this.typing());
}
typing() {
const { space } = this;
const naming = space.choices.includes("yes") && space.classes.length > 0,
names = naming ? space.classes : space.choices.map(valueText);
const common = { name: naming ? "tag" : "value", resting: naming ? `/ type one of ${count(names.length)} tags` : "/ type a value", nothing: "no match" };
if (!names.length) return { ...common, placeholder: "type a value, Enter saves it", nudge, choose: (text) => this.typed(String(text)) };
return {
...common,
stays: naming,
placeholder: naming ? "type a tag that applies" : "type an answer",
find: (text) => (naming ? space.matches(text) : matchingClasses(names, text)),
may: (name) => naming && space.lacks(name),
add: async (name) => {
const code = await this.addClass(name);
if (code >= 0) this.apply(code);
},
title: (code) => names[code],
node: (code) => [h("span", { class: "lw-clip", text: names[code] })],
choose: (code) => (naming ? this.apply(Number(code)) : this.say1(space.choices[Number(code)], "typed")),
};
}
apply(code) {
const name = this.space.classes[code],
unit = this.units.find((one) => one.name === name);
this.focus = unit?.key ?? `p${code}`;
this.judge([{ key: this.focus, value: "yes" }], "typed");
}
typed(text) {
if (!text) this.say("type a value first", "warn");
else this.say1(text, "typed");
}
say1(value, how) {
const unit = this.current;
if (unit) this.judge([{ key: unit.key, value }], how);
}
show(example) {
const before = this.asked;
let other = example?.row !== this.example?.row;
super.show(example);
this.units = example?.units ? inOrder(example.units, example.hides) : [];
other ||= this.asked !== before;
if (other || !this.current) this.focus = (this.nextOpen() || this.units[0])?.key ?? "";
this.facts.replaceChildren(...(example ? this.describe(example) : []));
this.drawLines();
this.explain(this.current);
this.lines.reveal();
}
drawLines() {
const { example } = this;
this.lines.draw(
this.units,
(unit, i) => JSON.stringify([i, example?.row, example?.hides, unit.key === this.focus, { ...unit, reasons: null, curve: null }]),
(unit, i) => this.lineOf(unit, i),
);
}
get asked() {
return this.units.filter((unit) => unit.asked).map((unit) => unit.name || "label").join(", ");
}
describe({ verdict, flagged, hides, pError, audited }) {
const doubted = this.units.filter((unit) => unit.doubted),
open = doubted.filter((unit) => !unit.decided),
changed = this.units.filter((unit) => unit.changed);
const said = [changed.length && `${count(changed.length)} changed`, VERDICTS[verdict] || "undecided"].filter(Boolean).join(" · ");
const drawn = [this.asked, this.asked && audited && `(${audited})`].filter(Boolean).join(" ");
if (this.units.length === 1) {
const says = { text: "p ", title: "p_error: probability that the label is wrong", label: "probability that the label is wrong" };
return [
factLine("wrong?", hides ? quiet("hidden") : Number.isFinite(pError) ? meter(pError, says) : quiet("not judged")),
decisionLine(said, { verdict, flagged }),
];
}
return [
...(drawn ? [factLine(audited ? "drawn" : "asked", h("span", { class: "lw-fact-value" }, h("span", { class: "lw-clip", text: drawn, title: drawn })))] : []),
factLine("doubtful", hides ? quiet("hidden") : h("span", { class: "lw-fact-value lw-num", text: `${count(doubted.length)} of ${count(this.units.length)}${doubted.length ? `, ${count(open.length)} open` : ""}` })),
factLine("any wrong?", hides ? quiet("hidden") : Number.isFinite(pError) ? h("span", { class: "lw-fact-value lw-num", text: `p ${probability(pError)}`, title: "p_error: probability that any label of the example is wrong" }) : quiet("not judged")),
decisionLine(said, { verdict, flagged }),
];
}
lineOf(unit, i) {
const hides = this.example?.hides,
focused = unit.key === this.focus;
const doubt = hides ? "" : unit.p_error === null || unit.p_error === undefined ? "" : `p ${probability(unit.p_error)}`;
const title = [unit.name, `given: ${valueText(unit.given)}`, !hides && unit.kind && `${unit.kind}, p(wrong) ${probability(unit.p_error)}`].filter(Boolean).join("\n");
return h(
"div",
{
class: `lw-unit${focused ? " lw-focused" : ""}${unit.doubted && !hides ? " lw-doubted" : ""}`,
role: "listitem",
"aria-current": String(focused),
"data-key": unit.key,
title,
onclick: () => this.focusOn(unit.key),
},
h("kbd", { class: "lw-quiet", text: this.few && i < 10 ? String((i + 1) % 10) : "" }),
h("span", { class: "lw-unit-name", text: clip(unit.name || "label", LONGEST) }),
h("span", { class: "lw-num lw-quiet", text: unit.changed ? "✎" : doubt }),
...this.answers(unit),
);
}
answers(unit) {
const hides = this.example?.hides,
hint = !hides && unit.doubted && !unit.decided ? unit.suggested : null;
if (!this.few) {
const now = valueText(unit.value);
const suggested = hint !== null && hint !== undefined && hint !== unit.value;
return [
h("span", { class: "lw-clip lw-unit-value", text: now, title: now }),
...(suggested ? [h("button", { type: "button", class: "lw-answer lw-is-hint", text: `→ ${valueText(hint)}`, title: `suggested: ${valueText(hint)}`, onclick: () => this.press(unit, hint) })] : []),
];
}
return this.space.choices.map((value) => {
const is = value === unit.value;
return h("button", {
type: "button",
class: `lw-answer${is ? " lw-is-label" : value === hint && !is ? " lw-is-hint" : ""}`,
"aria-pressed": String(is),
"aria-label": `${unit.name}: ${valueText(value)}`,
title: valueText(value),
text: MARKS[value] || valueText(value),
onclick: () => this.press(unit, value),
});
});
}
press(unit, value) {
this.focus = unit.key;
this.judge([{ key: unit.key, value }], "button");
}
focusOn(key) {
this.focus = key;
for (const el of this.list.querySelectorAll("div")) {
const is = el.dataset.key === key;
el.classList.toggle("lw-focused", is);
el.setAttribute("aria-current", String(is));
}
this.explain(this.current);
this.lines.reveal();
}
step(by) {
if (!this.units.length) return;
const at = this.units.findIndex((unit) => unit.key === this.focus);
this.focusOn(this.units[Math.max(0, Math.min(this.units.length - 1, at + by))].key);
}
digit(digit, selection) {
const unit = this.units[(Number(digit) + 9) % 10];
if (selection && this.few && unit) this.judge([{ key: unit.key, value: "yes" }], "selection");
else if (selection) this.say("Shift + digit applies the tag of that row to the whole selection", "warn");
else if (!this.space.choices.length) this.line.open({ ...this.typing(), value: digit });
else if (this.few) {
const other = unit && this.space.choices.find((value) => value !== unit.value && value !== "unknown");
if (unit && other !== undefined) this.press(unit, other);
else this.say(`no label on key ${digit}`, "warn");
} else if (this.digits[digit] !== undefined) this.say1(this.space.choices[this.digits[digit]], "key");
else this.say(`no answer on key ${digit}`, "warn");
}
nothing() {
const value = this.space.choices.includes("no") ? "no" : this.space.choices.includes("null") ? "null" : null;
if (value === null) this.say("“nothing” is not an answer here", "warn");
else this.say1(value, "key");
}
unknown() {
if (this.space.choices.includes("unknown")) this.say1("unknown", "key");
else this.say("“unknown” is not an answer here", "warn");
}
open() {
this.line.open({ ...this.typing(), value: this.space.choices.length ? "" : valueText(this.current?.value ?? "") });
}
accept() {
const unit = this.current;
if (!unit) return;
if (unit.suggested === null || unit.suggested === undefined) this.say("there is no suggestion for this label", "warn");
else this.judge([{ key: unit.key, value: unit.suggested }], "accept");
}
keep() {
const unit = this.current;
if (unit) this.judge([{ key: unit.key, value: unit.given }], "keep");
}
}
const editor = {
task: "units",
nothing: true,
units: true,
edits: {
choose: "choose the highlighted answer, or save the value or note",
nextMatch: "next match; lower a number by one step (⇧ ten steps, Alt a tenth)",
previousMatch: "previous match; raise a number by one step",
leave: "leave the box",
},
make: (options) => new UnitsEditor(options),
};
EDITORS[editor.task] = editor;
}

// --- base/bits.js
function arrayOf(Type, view) {
const { buffer, byteOffset = 0, byteLength } = view;
return new Type(buffer.slice(byteOffset, byteOffset + byteLength));
}
function packMask(mask) {
const out = new Uint8Array((mask.length + 7) >> 3);
for (let i = 0; i < mask.length; i++) if (mask[i]) out[i >> 3] |= 1 << (i & 7);
return out;
}
function unpackMask(bytes, n) {
const out = new Uint8Array(n);
for (let i = 0; i < n; i++) out[i] = (bytes[i >> 3] >> (i & 7)) & 1;
return out;
}
function countMask(mask) {
let total = 0;
for (let i = 0; i < mask.length; i++) total += mask[i];
return total;
}
function rowsOf(mask, order) {
const out = new Int32Array(countMask(mask));
let at = 0;
for (let i = 0; i < order.length; i++) if (mask[order[i]]) out[at++] = order[i];
return out;
}
function extent(values) {
let low = Infinity,
high = -Infinity;
for (let i = 0; i < values.length; i++) {
const v = values[i];
if (v < low) low = v;
if (v > high && v !== Infinity) high = v;
}
return low <= high && Number.isFinite(low) ? [low, high] : [0, 1];
}

// --- review/actions.js
const FEW = 500;
class Actions {
constructor({ store, wire, say }) {
this.store = store;
this.wire = wire;
this.say = say;
this.asked = null;
}
name(code) {
return this.store.shortName(code, 28);
}
label(code, how = "key") {
const { store } = this,
{ row } = store;
if (row < 0) return;
const was = store.labels[row];
if (was === code && store.verdict[row]) {
this.say(`already ${this.name(code)}`);
this.advance(row);
return;
}
this.relabel(
Int32Array.of(row),
Int32Array.of(code),
code === store.given[row] ? `keep ${this.name(code)}` : `${this.name(was)} → ${this.name(code)}`,
how,
);
this.advance(row);
}
async units(verdicts, how, { changed, done, text, whole }) {
const { store } = this,
{ row } = store;
if (row < 0 || this.refused()) return false;
this.asked = null;
const given = store.given[row];
store.apply({ rows: Int32Array.of(row), labels: Int32Array.of(changed ? 1 : given), verdict: done ? "relabel" : undefined, text });
const step = store.past[store.past.length - 1];
this.say(text);
try {
const units = verdicts.map(({ key, value }) => [row, key, value]);
await this.send("decide", whole ? { op: "keep", how, whole, rows: [row], units } : { op: "relabel", how, units }, []);
return true;
} catch (error) {
store.past = store.past.filter((one) => one !== step);
if ((error).lost) store.write(step.before);
return false;
}
}
keep() {
const { store } = this,
{ row } = store;
if (row < 0) return;
const text = `keep ${this.name(store.given[row])}`;
this.decide(
{ op: "keep", rows: Int32Array.of(row), labels: Int32Array.of(store.given[row]), verdict: "keep", text },
{ how: "key" },
);
this.advance(row);
}
skip() {
const { store } = this,
{ row } = store;
if (row < 0) return;
this.decide({ op: "skip", rows: Int32Array.of(row), verdict: "skip", text: "skipped" }, { how: "key" });
this.advance(row);
}
flag() {
const { store } = this,
{ row } = store;
if (row < 0) return;
const on = !store.flagged(row);
this.decide({ op: "flag", rows: Int32Array.of(row), flag: on, text: on ? "flagged" : "flag removed" });
}
note(text) {
const { row } = this.store;
if (row < 0) return Promise.resolve();
return this.decide(
{ op: "note", rows: Int32Array.of(row), note: Boolean(text), text: text ? "note written" : "note removed" },
{ note: text },
);
}
refused() {
const { locked } = this.store;
if (locked) this.say(locked, "error");
return Boolean(locked);
}
advance(row) {
const { store } = this;
if (!store.locked && store.row === row && store.rows().includes(row)) store.goTo(store.nextOpen());
}
async addClass(name) {
if (this.refused()) return -1;
const { store } = this;
this.asked = null;
store.apply({ rows: new Int32Array(0), text: `“${name}” added` });
const step = store.past[store.past.length - 1];
try {
const { body } = await this.send("add_class", { name }, []);
return body.code ?? -1;
} catch {
store.past = store.past.filter((one) => one !== step);
return -1;
}
}
labelSelection(code) {
const { store } = this,
rows = store.lists.selection;
if (!rows.length) {
this.say("nothing is selected: draw around points first", "warn");
return;
}
this.relabel(
rows,
new Int32Array(rows.length).fill(code),
`${count(rows.length)} examples → ${this.name(code)}`,
"selection",
);
}
acceptable(least = null) {
const { store } = this;
return store.lists.selection.filter(
(row) =>
store.suggested[row] >= 0 &&
store.suggested[row] !== store.labels[row] &&
(least === null || store.pSuggested[row] >= least),
);
}
acceptSelection(least) {
const { store } = this,
rows = this.acceptable(least);
if (!rows.length) {
this.say("no suggestion in the selection is above this probability", "warn");
return;
}
this.relabel(
rows,
rows.map((row) => store.suggested[row]),
`${count(rows.length)} suggestions accepted`,
"accept selection",
);
}
async acceptUnits(body, mask) {
await this.ofMany(Int32Array.from(this.store.rows()), "accept", body, [mask], ({ count: n, examples }) => `${count(n)} suggestions accepted in ${count(examples)} examples`);
}
async unitOfMany(rows, key, value) {
const units = Array.from(rows, (row) => [row, key, value]);
await this.ofMany(rows, "decide", { op: "relabel", how: "selection", units }, [], ({ count: n }) => `${value}, in ${count(n)} examples`);
}
async ofMany(rows, kind, body, buffers, inWords) {
if (this.refused()) return;
const { store } = this,
before = store.standing(rows);
try {
const answer = await this.send(kind, body, buffers),
text = inWords(answer.body);
store.remember(before, text);
this.say(text);
} catch {
}
}
undo() {
return this.travel(false);
}
redo() {
return this.travel(true);
}
async travel(forward) {
if (this.refused()) return;
const { store } = this,
word = forward ? "redo" : "undo";
const step = store.travel(forward);
if (step) {
this.say(`${forward ? "redone" : "undone"}: ${step.text}`);
this.visit(step.rows);
}
try {
const sure = Boolean(step) || this.asked === word;
this.asked = null;
const { body } = await this.send(word, { sure }, []);
if (body.ask) {
this.asked = word;
this.say(`${word} ${count(body.ask)} decisions of an earlier session? Press the same key again to confirm`, "warn");
} else if (!body.count && !step) this.say(`nothing to ${word}`);
else if (!step) {
this.say(`${forward ? "redone" : "undone"}: ${count(body.count)} ${body.count === 1 ? "example" : "examples"}`);
this.visit(body.count === 1 ? [body.row] : []);
}
} catch {
}
}
visit(rows) {
if (!rows.length) return;
const { store } = this,
row = rows.length === 1 ? rows[0] : store.firstOpen();
if (row >= 0) store.goTo(row);
}
relabel(rows, labels, text, how) {
return this.decide({ op: "relabel", rows, labels, verdict: "relabel", text }, { how });
}
async decide(change, extra = {}) {
if (this.refused()) return;
this.asked = null;
const { store } = this,
{ op, rows, labels, flag } = change;
store.apply(change);
const step = store.past[store.past.length - 1];
this.say(change.text);
const same = labels && labels.every((code) => code === labels[0]);
const body = { op, flag, ...extra, label: same ? labels[0] : undefined };
const buffers = same || !labels ? [] : [labels.buffer];
try {
await this.send("decide", body, buffers, rows);
} catch (error) {
store.past = store.past.filter((one) => one !== step);
if ((error).lost) store.write(step.before);
}
}
async send(kind, body, buffers, rows) {
const { store } = this;
let asked = body;
if (rows) {
if (rows.length <= FEW) asked = { ...body, rows: Array.from(rows) };
else {
const mask = new Uint8Array(store.n);
for (const row of rows) mask[row] = 1;
if (buffers.length) buffers = [inRowOrder(rows, new Int32Array(buffers[0])).buffer];
buffers = [packMask(mask).buffer, ...buffers];
}
}
store.pending++;
store.emit("history");
try {
const answer = await this.wire.ask(kind, asked, buffers);
store.saved = answer.body.time || clock();
return answer;
} catch (error) {
this.say(`not saved: ${(error).message}`, "error");
throw error;
} finally {
store.pending--;
store.emit("history");
}
}
}
function inRowOrder(rows, labels) {
const order = Array.from(rows, (_, i) => i).sort((a, b) => rows[a] - rows[b]);
return Int32Array.from(order, (i) => labels[i]);
}

// --- state/orders.js
const ORDERS = {
suspicion: "most suspicious first",
pairs: "by class pair",
clusters: "by cluster",
annotators: "disagreement of annotators",
second: "second opinion",
random: "in random order",
audit: "random audit",
audit_examples: "random audit of whole examples",
again: "second looks of the audit",
swapped: "repeats with the answers swapped",
column: "by the coloured score",
all: "all examples",
own: "in your own order",
};
function offeredOrders(possible, inForce, groups = []) {
const offered = Object.entries(ORDERS).filter(([name]) => possible.includes(name) || name === inForce);
const listed = groups.some(([, queues]) => queues.some(([name]) => name === inForce));
return !inForce || listed || Object.hasOwn(ORDERS, inForce) ? offered : [[inForce, `by ${inForce}`], ...offered];
}
function tagQueues(tags) {
const kinds = ["missing", "wrong"];
return kinds.map((kind) => {
const some = tags.filter((tag) => tag[kind]).sort((a, b) => b[kind] - a[kind]);
return [`${kind} tag`, some.map((tag) => [`${kind} tag ${tag.name}`, `${tag.name}: ${kind} in ${tag[kind]}`])];
});
}
const OF_KIND = "kind: ";
const kindOf = (order) => (order.startsWith(OF_KIND) ? order.slice(OF_KIND.length) : "");
function kindQueues(kinds) {
return [false, true].map((pairs) => [pairs ? "pair of classes" : "kind of error", kinds.filter(({ pair }) => pair === pairs).map(({ name, count }) => [OF_KIND + name, `${name}: ${count}`])]);
}
function emptyQueue({ meta }, order) {
const why = {
suspicion: "No label issues were found.",
pairs: "No label issues were found.",
clusters: "No label issues were found.",
random: "No label issues were found.",
annotators: "No two annotators disagree.",
second: `No other author has judged an example that ${meta.author || "you"} had not judged yet.`,
audit: "The random audit has no examples.",
audit_examples: "The random audit has no examples.",
own: "The list of ids that was passed as the queue is empty.",
};
return `${why[order] || "The queue is empty."} Choose “all examples” above to review all of them.`;
}
function classCounts(store) {
const k = store.classes.length,
given = new Int32Array(k),
issues = new Int32Array(k),
changed = new Int32Array(k);
const expected = new Float64Array(k);
for (let i = 0; i < store.n; i++) {
const c = store.given[i];
if (c < 0) continue;
given[c]++;
if (store.issue[i]) issues[c]++;
if (store.edited(i)) changed[c]++;
if (store.pError[i] > 0) expected[c] += store.pError[i];
}
return { given, issues, changed, expected };
}
function topPairs(counts, k, most = 30) {
const pairs = [];
for (let i = 0; i < counts.length; i++) if (counts[i]) pairs.push([Math.floor(i / k), i % k, counts[i]]);
return pairs.sort((a, b) => b[2] - a[2] || a[0] - b[0] || a[1] - b[1]).slice(0, most);
}
function cellCounts(given, codes, k) {
const counts = new Int32Array(k * k);
for (let i = 0; i < given.length; i++) if (given[i] >= 0 && codes[i] >= 0) counts[given[i] * k + codes[i]]++;
return counts;
}

// --- review/unitsuggestions.js
const ASK_PAUSE = 120;
class UnitSuggestions {
constructor({ store, actions, kind, onNews, fail }) {
this.store = store;
this.actions = actions;
this.onNews = onNews;
this.kind = kind;
this.fail = fail;
this.likely = [];
this.rows = [];
this.asked = 0;
this.due = false;
this.timer = 0;
store.on("history", () => {
if (this.due && !store.pending) this.renew();
});
}
get offered() {
const { list, queueUnit, meta } = this.store;
return meta.doubted && (list === "selection" || (list === "queue" && Boolean(queueUnit || this.kind())));
}
get unit() {
return this.store.unit || undefined;
}
get about() {
return { unit: this.unit, queue: this.store.list === "queue" ? this.kind() : undefined };
}
mask() {
const mask = new Uint8Array(this.store.n);
for (const row of this.store.rows()) mask[row] = 1;
return packMask(mask).buffer;
}
renew() {
clearTimeout(this.timer);
this.due = false;
const asked = ++this.asked;
this.timer = setTimeout(async () => {
if (!this.offered || this.store.locked) return;
this.due = this.store.pending > 0;
if (this.due) return;
try {
const { buffers } = await this.actions.wire.ask("accept", this.about, [this.mask()]);
if (asked !== this.asked) return;
this.likely = [...arrayOf(Float32Array, buffers[0])];
this.rows = [...arrayOf(Int32Array, buffers[1])];
this.onNews();
} catch (error) {
this.fail((error));
}
}, ASK_PAUSE);
}
held(least) {
const rows = this.rows.filter((_, i) => least === null || this.likely[i] >= least);
return { count: rows.length, examples: new Set(rows).size };
}
accept(least) {
const { count } = this.held(least);
return this.actions.acceptUnits({ least, ...this.about, sure: count }, this.mask());
}
destroy() {
clearTimeout(this.timer);
}
}

// --- review/bulk.js
const THRESHOLDS = [0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3];
const CAREFUL = 0.9;
const ARMED = 4000;
function thresholds(likely) {
const all = [...THRESHOLDS.map((level) => ([level, likely.filter((p) => p >= level).length])), [null, likely.length]];
return all.filter(([, held], i) => held && held !== all[i - 1]?.[1]);
}
function preset(levels) {
const careful = levels.filter(([level]) => level !== null && level >= CAREFUL);
return (careful[careful.length - 1] || levels[0])?.[0] ?? null;
}
class Bulk {
constructor({ store, actions, units, fail, onRank }) {
this.store = store;
this.actions = actions;
this.onRank = onRank;
this.onAudit = () => {};
this.onReorder = () => {};
this.armed = 0;
this.frame = 0;
this.chosen = false;
this.ranking = false;
this.units = units ? new UnitSuggestions({ store, actions, fail, kind: () => (this.order.value.startsWith(OF_KIND) ? this.order.value : undefined), onNews: () => this.offer() }) : null;
this.least = h("select", {
"aria-label": "minimum probability of a suggestion",
title: "p_suggested: the detector's probability that the suggested label is correct",
onchange: () => {
this.chosen = true;
this.show();
},
});
this.button = h("button", { type: "button", class: "lw-button", onclick: () => this.accept() });
this.accepting = h("span", { class: "lw-bulk" }, this.button, this.least);
this.order = h("select", { "aria-label": "order of the queue", onchange: () => this.reorder(this.order.value) });
this.rebase(store.meta.queue_order || "suspicion");
this.rank = h("button", {
type: "button",
class: "lw-button",
text: "Rank again",
title: "rank all examples again with your verdicts",
onclick: () => this.rankAgain(),
});
this.ordering = h("span", { class: "lw-bulk" }, this.order, store.meta.doubted !== false && this.rank);
this.el = h("span", { class: "lw-gallery-actions" }, this.accepting, this.ordering);
for (const topic of ["list", "mask", "labels"]) store.on(topic, () => this.later());
this.show();
}
later() {
cancelAnimationFrame(this.frame);
this.frame = requestAnimationFrame(() => this.show());
}
show() {
const { store } = this;
clearTimeout(this.armed);
this.armed = 0;
const offered = this.units ? this.units.offered : store.list === "selection" && store.meta.suggests !== false;
this.accepting.hidden = !offered || store.blind;
this.ordering.hidden = store.list !== "queue";
if (this.accepting.hidden) return;
this.offer();
this.units?.renew();
}
get likely() {
return this.units ? this.units.likely : Array.from(this.actions.acceptable(), (row) => this.store.pSuggested[row]);
}
get level() {
return this.least.value === "" ? null : Number(this.least.value);
}
offer() {
const { likely } = this,
levels = thresholds(likely);
this.least.hidden = !levels.length;
const key = (level) => (level === null ? "" : String(level)),
kept = this.chosen && levels.some(([level]) => level === this.level);
if (!kept) this.chosen = false;
const value = key(kept ? this.level : preset(levels));
const words = (level, held) => `${level === null ? "any p" : `p ≥ ${probability(level)}`} (${count(held)})`;
fillSelect(this.least, [["", levels.map(([level, held]) => [key(level), words(level, held)])]], value);
const { level } = this,
ready = level === null ? likely.length : likely.filter((p) => p >= level).length;
this.button.textContent = ready ? `Accept ${count(ready)} suggestion${ready === 1 ? "" : "s"}` : "No suggestion to accept";
this.button.title = ready ? "" : "no suggested label differs from the current label";
this.button.disabled = !ready;
this.button.classList.remove("lw-primary");
}
asked(least) {
if (!this.units) return `Relabel ${count(this.actions.acceptable(least).length)}? Click again`;
const held = this.units.held(least);
return `Set ${count(held.count)} labels of ${count(held.examples)} examples? Click again`;
}
accept() {
const least = this.level;
if (!this.armed) {
this.button.textContent = this.asked(least);
this.button.classList.add("lw-primary");
this.armed = setTimeout(() => this.show(), ARMED);
return;
}
clearTimeout(this.armed);
this.armed = 0;
if (this.units) this.units.accept(least);
else this.actions.acceptSelection(least);
}
rebase(name) {
const { queues = Object.keys(ORDERS), tags = [], kinds = [] } = this.store.meta,
groups = [...tagQueues(tags), ...kindQueues(kinds)];
fillSelect(this.order, [["", offeredOrders(queues, name, groups)], ...groups], name);
}
async rankAgain() {
this.rank.textContent = "ranking…";
this.rank.setAttribute("aria-disabled", "true");
if (this.ranking) return;
this.ranking = true;
try {
await this.onRank();
} finally {
this.ranking = false;
this.rank.textContent = "Rank again";
this.rank.removeAttribute("aria-disabled");
}
}
reorder(name) {
if (name === "audit" || name === "audit_examples") this.onAudit(name === "audit" ? "unit" : "example");
else this.onReorder(name);
}
destroy() {
this.units?.destroy();
clearTimeout(this.armed);
cancelAnimationFrame(this.frame);
}
}

// --- review/audit.js
const PAUSE = 700;
class Audit {
constructor({ store, wire, say }) {
this.store = store;
this.wire = wire;
this.say = say;
this.timer = 0;
this.store.on("labels", () => this.later());
}
later() {
if (!this.store.meta.audit?.text && !this.store.meta.audit?.begun) return;
clearTimeout(this.timer);
this.timer = setTimeout(() => this.refresh(), PAUSE);
}
async refresh() {
try {
const { body } = await this.wire.ask("audit");
this.take(body);
} catch {
}
}
async draw(per) {
const { body, buffers } = await this.wire.ask("audit", { draw: true, per });
this.take(body);
this.store.setQueue(arrayOf(Int32Array, buffers[0]));
this.store.emptyBecause = "";
this.store.goTo(this.store.firstOpen("queue"));
const drawn = body.audit.done || `${this.store.lists.queue.length} examples`;
this.say(`queue of the random audit: ${drawn}, drawn at random; judge them in this order`);
}
take(body) {
this.store.meta.audit = body.audit;
this.store.emit("count");
}
destroy() {
clearTimeout(this.timer);
}
}
function leftInWords(audit) {
return audit?.text || "";
}
function auditFeature(view) {
const audit = new Audit({ store: view.store, wire: view.wire, say: view.say });
view.bulk.onAudit = (per) => audit.draw(per).catch(view.fail);
view.registry.onEnd(() => audit.destroy());
}

// --- base/geometry.js
const NOWHERE = 1e4;
const STRIPS = 256;
function normalized(xs, ys, [x0, x1], [y0, y1], pad = 0.93) {
const out = new Float32Array(2 * xs.length);
const sx = x1 > x0 ? (2 * pad) / (x1 - x0) : 0,
sy = y1 > y0 ? (2 * pad) / (y1 - y0) : 0;
const ox = sx ? pad : 0,
oy = sy ? pad : 0;
for (let i = 0; i < xs.length; i++) {
const x = (xs[i] - x0) * sx - ox,
y = (ys[i] - y0) * sy - oy;
out[2 * i] = x === x && y === y ? x : NOWHERE;
out[2 * i + 1] = y === y ? y : NOWHERE;
}
return out;
}
function axesOf(xy) {
const n = xy.length >> 1,
xs = new Float32Array(n),
ys = new Float32Array(n);
for (let i = 0; i < n; i++) {
xs[i] = xy[2 * i];
ys[i] = xy[2 * i + 1];
}
return [xs, ys];
}
function toData([px, py], { width, height }, { k, tx, ty }) {
return [((px / width) * 2 - 1 - tx) / k, (1 - (py / height) * 2 - ty) / k];
}
function toScreen([x, y], { width, height }, { k, tx, ty }) {
return [((x * k + tx + 1) / 2) * width, ((1 - (y * k + ty)) / 2) * height];
}
function zoomed(camera, factor, [px, py], { width, height }) {
const k = Math.max(0.5, Math.min(200, camera.k * factor)),
f = k / camera.k;
const x = (px / width) * 2 - 1,
y = 1 - (py / height) * 2;
return { k, tx: x - (x - camera.tx) * f, ty: y - (y - camera.ty) * f };
}
function centreOf({ k, tx, ty }) {
return k === 1 && tx === 0 && ty === 0 ? null : [k, 0 - tx / k, 0 - ty / k];
}
function cameraAt(centre) {
const [k, x, y] = centre || [1, 0, 0];
return { k, tx: 0 - k * x, ty: 0 - k * y };
}
function insidePolygon(xy, outline, allowed) {
const n = xy.length >> 1,
m = outline.length,
mask = new Uint8Array(n);
const ex = new Float64Array(m),
ey = new Float64Array(m);
let x0 = Infinity,
x1 = -Infinity,
y0 = Infinity,
y1 = -Infinity;
outline.forEach(([x, y], i) => {
ex[i] = x;
ey[i] = y;
x0 = Math.min(x0, x);
x1 = Math.max(x1, x);
y0 = Math.min(y0, y);
y1 = Math.max(y1, y);
});
const strip = (y) => Math.floor(((y - y0) * STRIPS) / (y1 - y0 || 1)),
edges = edgesByStrip(ey, strip);
for (let i = 0; i < n; i++) {
const x = xy[2 * i],
y = xy[2 * i + 1];
if (!(x >= x0 && x <= x1 && y >= y0 && y <= y1) || (allowed && !allowed[i])) continue;
const near = edges[strip(y)];
let inside = 0;
for (let e = 0; e < near.length; e++) {
const a = near[e],
b = a ? a - 1 : m - 1;
if (ey[a] > y !== ey[b] > y && x < ((ex[b] - ex[a]) * (y - ey[a])) / (ey[b] - ey[a]) + ex[a]) inside ^= 1;
}
mask[i] = inside;
}
return mask;
}
function edgesByStrip(ey, strip) {
const edges = Array.from({ length: STRIPS + 1 }, () => ([]));
for (let a = 0; a < ey.length; a++) {
const [from, to] = [strip(ey[a]), strip(ey[a ? a - 1 : ey.length - 1])];
for (let s = Math.min(from, to); s <= Math.max(from, to); s++) edges[s].push(a);
}
return edges;
}
function corners([ax, ay], [bx, by]) {
return [
[ax, ay],
[bx, ay],
[bx, by],
[ax, by],
];
}
function insideBox(xy, a, b, allowed) {
return insidePolygon(xy, corners(a, b), allowed);
}
function nearest(xy, [x, y], rx, ry, allowed) {
let best = -1,
least = 1;
for (let i = 0; i < xy.length >> 1; i++) {
const dx = (xy[2 * i] - x) / rx;
if (!(dx <= 1 && dx >= -1)) continue;
const dy = (xy[2 * i + 1] - y) / ry,
d = dx * dx + dy * dy;
if (d <= least && (!allowed || allowed[i])) {
least = d;
best = i;
}
}
return best;
}
function combined(old, fresh, mode) {
if (mode === "replace") return fresh;
const out = new Uint8Array(fresh.length);
for (let i = 0; i < out.length; i++) out[i] = mode === "add" ? old[i] | fresh[i] : old[i] & ~fresh[i];
return out;
}
function modeFor(event, chosen) {
if (event.shiftKey) return "add";
return event.altKey || event.ctrlKey || event.metaKey ? "remove" : chosen;
}
function pointStyle(n, area, k) {
const room = Math.sqrt((area * k * k) / Math.max(1, n));
const size = Math.max(1.5, Math.min(8, 0.42 * room + 1.2));
return { size, alpha: Math.max(0.35, Math.min(0.9, 0.3 + room / 12)) };
}
function cellsOf(xy, side) {
const counts = new Uint32Array(side * side);
for (let i = 0; i < xy.length; i += 2) {
const a = Math.floor(((xy[i] + 1) / 2) * side),
b = Math.floor(((1 - xy[i + 1]) / 2) * side);
if (a >= 0 && a < side && b >= 0 && b < side) counts[b * side + a]++;
}
return counts;
}

// --- maps/overlay.js
const MARGIN = 0.93;
const ink = (rgb, alpha = 1) => (alpha === 1 ? hex(rgb) : `rgba(${rgb.map(Math.round).join(",")},${alpha})`);
function trailOf({ steps }, i, upto = Infinity) {
return steps
.filter(({ epoch }) => epoch <= upto)
.map(({ xy }) => [xy[2 * i], xy[2 * i + 1]])
.filter(([x, y]) => Math.abs(x) < 100 && Math.abs(y) < 100);
}
function drawTrails(c, { trails, epoch, size, camera, store }, color, colors) {
c.lineCap = "round";
trails.rows.forEach((row, i) => {
if (!store.filter.passing[row] || store.hides(row)) return;
const path = trailOf(trails, i, epoch).map((place) => toScreen(place, size, camera));
for (let j = 1; j < path.length; j++) {
const share = j / (path.length - 1);
const [x0, y0] = path[j - 1],
[x1, y1] = path[j];
for (const { width, stroke } of [
{ width: 3.5, stroke: ink(colors.background, 0.7) },
{ width: 1.6, stroke: ink(color(row), 0.35 + 0.65 * share) },
]) {
c.strokeStyle = stroke;
c.lineWidth = width;
line(c, x0, y0, x1, y1);
}
}
if (path.length) ring(c, path[path.length - 1], 3.5, ink(color(row)), 2);
});
}
function ring(c, [x, y], radius, stroke, line) {
c.strokeStyle = stroke;
c.lineWidth = line;
c.beginPath();
c.arc(x, y, radius, 0, 7);
c.stroke();
}
function drawAxes(c, { x, y, ranges: [xr, yr], size, camera }, colors) {
const { width, height } = size;
const invert = (v, [lo, hi]) => (hi > lo ? ((v / MARGIN + 1) / 2) * (hi - lo) + lo : lo);
const forward = (v, [lo, hi]) => (hi > lo ? (((v - lo) / (hi - lo)) * 2 - 1) * MARGIN : 0);
const [left, bottom] = toData([0, height], size, camera),
[right, top] = toData([width, 0], size, camera);
const room = width - c.measureText(`${x} →`).width - 18;
const along = (v) => toScreen([forward(v, xr), 0], size, camera)[0];
const spread = readable((target) => ticks(invert(left, xr), invert(right, xr), target), width / 90, (v) => along(v) > 12 && along(v) < room);
c.fillStyle = ink(colors.quiet);
c.strokeStyle = ink(colors.line);
c.lineWidth = 1;
c.textAlign = "center";
c.textBaseline = "bottom";
for (const tick of spread) {
const px = along(tick);
line(c, px, height, px, height - 4);
if (px > 12 && px < room) c.fillText(short(tick), px, height - 4);
}
c.textAlign = "left";
c.textBaseline = "middle";
for (const tick of ticks(invert(bottom, yr), invert(top, yr), Math.max(2, height / 60))) {
const [, py] = toScreen([0, forward(tick, yr)], size, camera);
if (py < 28) continue;
line(c, 0, py, 4, py);
if (py < height - 18) c.fillText(short(tick), 6, py);
}
plate(c, `${x} →`, width - 6 - c.measureText(`${x} →`).width, height - 10, colors);
plate(c, `↑ ${y}`, 6, 10, colors);
}
function readable(make, target, fits) {
for (const finer of [1, 1.6, 2.5, 4]) {
const found = make(Math.max(2, target * finer));
if (found.filter(fits).length > 1) return found;
}
return make(Math.max(2, target));
}
function line(c, x0, y0, x1, y1) {
c.beginPath();
c.moveTo(x0, y0);
c.lineTo(x1, y1);
c.stroke();
}
function drawRegions(c, { width, height }, colors, crowd) {
if (width < 240) return;
const steps = (from, to) => [0, 0.25, 0.5, 0.75, 1].map((t) => from + t * (to - from));
const places = [
["easy to learn", steps(34, width * 0.35).flatMap((x) => [26, 12].map((y) => [x, y]))],
["hard to learn", steps(34, width * 0.5).flatMap((x) => [height - 28, height - 42].map((y) => [x, y]))],
["ambiguous", steps(height * 0.25, height * 0.75).map((y) => [width - 10, y, true])],
];
c.textBaseline = "middle";
for (const [text, all] of places) {
const wide = c.measureText(text).width + 6;
const boxes = all.map(([x, y, right]) => [right ? x - wide + 3 : x - 3, y - 7, right ? x + 3 : x - 3 + wide, y + 7]);
const clear = boxes.map((box) => (box[0] < 80 && box[1] < 18 ? Infinity : crowd(box)));
const [x0, y0] = boxes[clear.indexOf(Math.min(...clear))];
plate(c, text, x0 + 3, y0 + 7, colors);
}
}
function plate(c, text, x, y, colors) {
c.textAlign = "left";
c.textBaseline = "middle";
c.fillStyle = ink(colors.background, 0.82);
c.fillRect(x - 3, y - 7, c.measureText(text).width + 6, 14);
c.fillStyle = ink(colors.quiet);
c.fillText(text, x, y);
}
function drawNeighbors(c, from, places, rays, colors) {
if (rays)
for (const place of places) {
c.strokeStyle = ink(colors.text, 0.35);
c.lineWidth = 1;
line(c, from[0], from[1], place[0], place[1]);
}
for (const place of places) ring(c, place, 5, ink(colors.text, 0.6), 1);
}
function drawOutline(c, { kind, points, mode }, colors) {
c.beginPath();
(kind === "box" ? corners(points[0], points[points.length - 1]) : points).forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
c.closePath();
c.fillStyle = ink(colors.accent, 0.1);
c.strokeStyle = ink(colors.accent);
c.lineWidth = 1.4;
c.setLineDash(mode === "remove" ? [4, 3] : []);
c.fill();
c.stroke();
c.setLineDash([]);
}

// --- base/packing.js
const TYPES = { i4: Int32Array, f4: Float32Array, u1: Uint8Array, u2: Uint16Array };
function unpackedArrays(specs, buffers) {
const out = {};
for (const spec of specs) out[spec.name] = unpacked(spec, buffers, out);
return out;
}
function unpacked(spec, buffers, earlier) {
const Type = TYPES[spec.type],
{ length, fill, buffer, less = 0 } = spec;
if (fill !== undefined) return new Type(length).fill(fill === null ? NaN : fill);
const out = new Type(length);
if (spec.rows) {
for (let i = 0; i < length; i++) out[i] = i;
return out;
}
if (spec.like) return earlier[spec.like].slice(0, length);
if (buffer === undefined) throw new Error(`no values were sent for the array ${spec.name}`);
const sent = arrayOf(TYPES[spec.sent || spec.type], buffers[buffer]);
if (!spec.sent) return sent;
for (let i = 0; i < length; i++) out[i] = sent[i] - less;
return out;
}

// --- state/source.js
const ASK_AGAIN = 5000;
class Source {
constructor(wire, store) {
this.wire = wire;
this.store = store;
this.layouts = new Map();
}
async load(name) {
const { store } = this;
if (store.values(name)) return;
const { body, buffers } = await this.wire.ask("column", { name });
store.setColumn(body.column, unpackedArrays(body.arrays, buffers)[name]);
}
async search(text) {
const { buffers } = await this.wire.ask("search", { text });
return unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n);
}
async slice(name) {
const { buffers } = await this.wire.ask("slice", { name });
return unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n);
}
async dataMap(epoch) {
const { meta } = this.store;
if (meta.data_map && epoch === meta.epochs[meta.epochs.length - 1]) {
return [this.store.loaded(meta.data_map.x), this.store.loaded(meta.data_map.y)];
}
const { buffers } = await this.wire.ask("upto", { epoch });
const [xs, ys] = buffers.map((buffer) => arrayOf(Float32Array, buffer));
return [xs, ys];
}
async embedding(epoch = -1) {
const { body, buffers } = await this.patiently("embedding", { epoch });
return placed(body, buffers);
}
async patiently(kind, question) {
for (;;) {
const answer = await this.wire.ask(kind, question);
const epoch = answer.body.later;
if (epoch === undefined) return answer;
await new Promise((resolve, reject) => {
this.layouts.set(epoch, [...(this.layouts.get(epoch) || []), { resolve, reject }]);
setTimeout(resolve, ASK_AGAIN);
});
}
}
laidOut({ epoch, failed }) {
const waiting = this.layouts.get(epoch) || [];
this.layouts.delete(epoch);
for (const { resolve, reject } of waiting) {
if (failed) reject(new Error(failed));
else resolve();
}
}
}
function placed(body, buffers) {
const [xs, ys] = axesOf(arrayOf(Float32Array, buffers[0]));
return { note: body.note, xs, ys };
}

// --- maps/compare.js
const MOST_ARROWS = 30;
const HEAD_LENGTH = 6;
function movedMost({ moved, passing, selection, most = MOST_ARROWS }) {
const pool = selection.length ? Array.from(selection) : Array.from(moved.keys()).filter((row) => !passing || passing[row]);
const far = pool.filter((row) => moved[row] > 0);
return far.sort((a, b) => moved[b] - moved[a] || a - b).slice(0, most);
}
function distances([ax, ay], [bx, by]) {
return Float32Array.from(ax, (x, row) => Math.hypot(bx[row] - x, by[row] - ay[row]) || 0);
}
class Compare {
constructor(view, { map, name, here, there, ranges, how, far }) {
this.view = view;
this.map = map;
this.name = name;
this.here = here;
this.there = there;
this.ranges = ranges;
this.how = how;
this.far = far;
this.at = "here";
this.rows = [];
const { store } = view;
this.moved = distances(this.here, this.there);
this.buttons = ["here", "other"].map((at) =>
h("button", {
type: "button",
class: "lw-tiny",
text: at === "here" ? clip(store.meta.name, 14) : clip(name, 14),
title: at === "here" ? "positions in this run" : `positions in ${name}${this.how && `: ${this.how}`}`,
"aria-pressed": String(at === this.at),
onclick: () => this.go(at),
}),
);
this.el = h("span", { class: "lw-compare", role: "group", "aria-label": `run on the ${map.title}` }, this.buttons);
map.overlays.push((c, _, colors) => this.draw(c, colors));
map.heading.after(this.el);
store.on("mask", () => this.choose());
this.choose();
}
go(at) {
this.at = at;
this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", String((i ? "other" : "here") === at)));
const [xs, ys] = at === "here" ? this.here : this.there;
this.map.setData(xs, ys, this.ranges || this.map.ranges);
const far = count(this.moved.filter((value) => value > this.far).length);
const there = `positions in ${this.name}; ${far} moved by more than ${short(this.far)}${this.how && `; ${this.how}`}`;
this.view.say(at === "here" ? "positions in this run" : there);
}
choose() {
const { store } = this.view;
this.rows = movedMost({
moved: this.moved,
passing: store.filter.active ? store.filter.passing : null,
selection: store.lists.selection,
});
this.map.redrawOver();
}
draw(c, colors) {
if (this.view.store.look.epochs[this.map.title] !== undefined) return;
c.lineWidth = 1;
c.strokeStyle = ink(colors.text, 0.45);
const from = this.screen(this.here),
to = this.screen(this.there);
from.forEach((place, i) => arrow(c, place, to[i]));
}
screen([xs, ys]) {
const { map, rows } = this,
xy = normalized(Float32Array.from(rows, (row) => xs[row]), Float32Array.from(rows, (row) => ys[row]), map.ranges[0], map.ranges[1]);
return rows.map((_, i) => toScreen([xy[2 * i], xy[2 * i + 1]], map.size, map.camera));
}
}
function arrow(c, [x0, y0], [x1, y1]) {
const length = Math.hypot(x1 - x0, y1 - y0);
if (!(length > 3)) return;
const turn = Math.atan2(y1 - y0, x1 - x0),
head = Math.min(HEAD_LENGTH, length / 2);
c.beginPath();
c.moveTo(x0, y0);
c.lineTo(x1, y1);
for (const side of [-0.45, 0.45]) {
c.moveTo(x1, y1);
c.lineTo(x1 - head * Math.cos(turn + side), y1 - head * Math.sin(turn + side));
}
c.stroke();
}
function runsTab(view, { name, phrases = [], scores = [] }) {
const value = (number) => (number === null ? "–" : short(number));
const row = (score) =>
h(
"button",
{
type: "button",
class: "lw-people-row",
title: `colour by the change of ${score.name}, and review the largest changes`,
onclick: async () => {
await view.colorBy(`${score.name} change`);
view.bulk.onReorder("column");
},
},
h("span", { class: "lw-clip", text: score.name }),
h("span", { class: "lw-num", text: `ρ ${value(score.spearman)}` }),
h("span", {
class: "lw-quiet lw-people-text",
text: `mean absolute change ${value(score.mean_absolute_change)}, mean change ${value(score.mean_change)}`,
}),
);
const parts = [
h("h4", { text: `${view.store.meta.name} and ${name}` }),
...phrases.map((text) => h("p", { text })),
h("h4", { text: "scores, least similar first" }),
...scores.map(row),
h("p", { class: "lw-quiet", text: `ρ: Spearman's rank correlation; changes are ${name} minus ${view.store.meta.name}.` }),
];
view.addTab("runs", h("div", { class: "lw-side lw-people", role: "tabpanel", "aria-label": "runs", hidden: true }, ...parts), () => {});
}
async function compareEmbedding(view, name) {
const { body, buffers } = await view.source.patiently("compare", { map: "embedding" });
if (!buffers.length) return;
const here = await view.source.embedding(),
there = placed({}, buffers);
const both = (["xs", "ys"]);
const ranges = both.map((axis) => extent([...extent(here[axis]), ...extent(there[axis])]));
const far = 0.1 * Math.max(...ranges.map(([low, high]) => high - low));
new Compare(view, {
map: view.maps[1],
name,
here: [here.xs, here.ys],
there: [there.xs, there.ys],
ranges,
how: body.how ?? "",
far,
});
}
function compareFeature(view) {
const { store, wire, registry, say, fail } = view;
if (!store.meta.other) return;
registry.on("start", async () => {
try {
const { body, buffers } = await wire.ask("compare");
const { name = "", text = "" } = body;
say(text, "quiet");
view.status.title = text;
runsTab(view, body);
if (buffers.length && store.meta.data_map) {
const { x, y, ranges } = store.meta.data_map,
there = buffers.map((buffer) => arrayOf(Float32Array, buffer));
const here = [store.loaded(x), store.loaded(y)];
new Compare(view, { map: view.maps[0], name, here, there, ranges, how: "", far: 0.1 });
}
if (body.embedding && !store.locked) await compareEmbedding(view, name);
} catch (error) {
fail(error);
}
});
}

// --- maps/timeline.js
class Timeline {
constructor({ epochs, first, name, n, load, show, onTurn, say }) {
this.epochs = epochs;
this.first = first;
this.name = name;
this.n = n;
this.load = load;
this.show = show;
this.onTurn = onTurn;
this.say = say;
this.wanted = undefined;
this.playing = 0;
this.turns = 0;
this.frames = new Map();
this.last = epochs.length - 1;
this.slider = h("input", {
type: "range",
min: String(this.first),
max: String(this.last),
step: "1",
"aria-label": `${this.name}: epoch`,
oninput: () => this.turn(Number(this.slider.value)),
});
this.slider.value = String(this.last);
this.label = h("span", { class: "lw-num" });
this.button = h(
"button",
{
type: "button",
class: "lw-icon",
title: "play the epochs",
"aria-label": `${this.name}: play the epochs`,
onclick: () => this.toggle(),
},
icon(ICONS.play),
);
this.el = h("span", { class: "lw-timeline" }, this.button, this.slider, this.label);
this.mark(this.last);
}
mark(position) {
const { epochs } = this;
this.label.textContent = `epoch ${epochs[position]}`;
this.slider.setAttribute("aria-valuetext", this.label.textContent);
}
goTo(epoch) {
this.stop();
const at = epoch === undefined ? -1 : this.epochs.indexOf(epoch),
position = at < 0 ? this.last : Math.max(this.first, at);
if (position !== (this.wanted ?? this.last)) this.go(position);
}
turn(position) {
this.onTurn(this.epochs[position]);
return this.go(position);
}
async go(position) {
this.slider.value = String(position);
this.mark(position);
this.wanted = position;
try {
const [xs, ys, note] = await this.frame(position);
if (this.wanted === position) this.show(xs, ys, this.epochs[position], note);
} catch (error) {
this.stop();
this.say((error).message, "error");
}
}
async frame(position) {
const known = this.frames.get(position);
if (known) return known;
const frame = await this.load(this.epochs[position]);
this.frames.set(position, frame);
const [oldest] = this.frames.keys();
if (this.frames.size * this.n > 4e6) this.frames.delete(oldest);
return frame;
}
toggle() {
if (!this.playing) {
this.play();
return;
}
this.stop();
this.onTurn(this.epochs[this.wanted ?? this.last]);
}
async play() {
const mine = (this.playing = ++this.turns);
this.button.replaceChildren(icon(ICONS.pause));
let position = Number(this.slider.value) >= this.last ? this.first : Number(this.slider.value);
for (; position <= this.last && this.playing === mine; position++) {
await this.go(position);
await new Promise((resolve) => setTimeout(resolve, Math.max(120, Math.min(600, 6000 / (this.last + 1)))));
}
if (this.playing !== mine) return;
this.stop();
this.onTurn(this.epochs[this.last]);
}
stop() {
this.playing = 0;
this.button.replaceChildren(icon(ICONS.play));
}
destroy() {
this.playing = 0;
}
}

// --- state/look.js
const CAMERAS = ["data map", "embedding map"];
const REST = 200;
function lookFeature(view) {
const { store, registry, model } = view;
const moved = afterRest(REST, () => store.setLook({ cameras: camerasOf(view.maps) }));
view.maps.slice(0, CAMERAS.length).forEach((map) => (map.onCamera = moved));
const changed = new Set();
const tell = afterRest(REST, () => {
for (const name of changed) model.set(name, store.look[name]);
changed.clear();
model.save_changes();
});
store.on("look", ({ part }) => {
for (const name of (Object.keys(part))) changed.add(name);
tell();
});
registry.onTrait("color_by", (color_by) => view.showLook({ color_by }));
registry.onTrait("filters", (filters) => view.showLook({ filters: filters || {} }));
registry.onTrait("cameras", (cameras) => view.showLook({ cameras: cameras || {} }));
registry.onTrait("epochs", (epochs) => view.showLook({ epochs: epochs || {} }));
registry.on("start", () => view.showLook({ cameras: model.get("cameras") || {}, epochs: model.get("epochs") || {} }));
registry.onEnd(() => [moved, tell].forEach((one) => one.cancel()));
view.showLook = (look) => showLook(view, look);
}
async function showLook(view, { filters, color_by, cameras, epochs }) {
const { store, maps } = view;
if (color_by && color_by !== view.paint.by) await view.colorBy(color_by);
if (cameras && JSON.stringify(cameras) !== JSON.stringify(camerasOf(maps))) {
CAMERAS.forEach((name, i) => maps[i].setCamera(cameraAt(cameras[name])));
store.setLook({ cameras });
}
if (epochs && JSON.stringify(epochs) !== JSON.stringify(store.look.epochs)) {
for (const line of view.timelines) line.goTo(epochs[line.name]);
store.setLook({ epochs });
}
if (filters && JSON.stringify(filters) !== JSON.stringify(view.filters.state())) await view.filters.restore(filters);
}
function camerasOf(maps) {
const pairs = CAMERAS.map((name, i) => [name, centreOf(maps[i].camera)]);
return Object.fromEntries(pairs.filter(([, centre]) => centre));
}
function afterRest(ms, run) {
let timer = 0;
const call = () => {
clearTimeout(timer);
timer = setTimeout(run, ms);
};
call.cancel = () => clearTimeout(timer);
return call;
}

// --- maps/trails.js
const MOST_TRAILS = 50;
const TRAIL_REST = 150;
function stepOf(epoch, xy, ranges) {
const [xs, ys] = axesOf(xy);
return { epoch, xy: normalized(xs, ys, ranges[0], ranges[1]) };
}
class Trails {
constructor(view) {
this.view = view;
this.on = false;
this.turn = 0;
this.button = iconButton("trails", "trails of the selected examples over epochs", () => this.toggle());
this.button.setAttribute("aria-pressed", "false");
}
toggle() {
this.on = !this.on;
this.button.setAttribute("aria-pressed", String(this.on));
if (this.on) this.load(true);
else this.clear();
}
clear() {
this.turn++;
for (const map of this.view.maps) {
map.trails = null;
map.redrawOver();
}
}
rows() {
const { store } = this.view;
if (store.selectedCount) return Array.from(store.lists.selection.slice(0, MOST_TRAILS));
return store.row >= 0 ? [store.row] : [];
}
async load(aloud = false) {
const { store, say, fail, maps } = this.view,
turn = ++this.turn,
rows = this.rows();
for (const map of maps) map.trails = null;
if (aloud) say(rows.length ? this.words(rows.length) : "select examples to see their trails", rows.length ? "" : "warn");
if (!rows.length) return;
try {
if (overEpochs(store.meta)) await this.dataSteps(rows, turn);
await this.embeddingSteps(rows, turn);
} catch (error) {
fail(error);
}
}
words(shown) {
const { selectedCount } = this.view.store;
return selectedCount > shown
? `trails of the ${shown} most suspicious of ${count(selectedCount)} selected`
: `${shown === 1 ? "trail" : "trails"} of ${count(shown)} ${shown === 1 ? "example" : "examples"}`;
}
async dataSteps(rows, turn) {
const { wire, store, maps } = this.view,
{ buffers } = await wire.ask("trail", { map: "data", rows }),
ranges = store.meta.data_map?.ranges;
if (turn !== this.turn || !ranges) return;
const all = arrayOf(Float32Array, buffers[0]),
size = 2 * rows.length;
const steps = store.meta.epochs.map((epoch, e) =>
stepOf(epoch, all.slice(e * size, (e + 1) * size), ranges),
);
this.show(maps[0], { rows, steps: steps.slice(1) });
}
async embeddingSteps(rows, turn) {
const { source, store, maps } = this.view,
{ embedding_epochs: epochs } = store.meta;
if (epochs.length < 2) return;
const trails = { rows, steps: [] };
for (const epoch of [...epochs].reverse()) {
const { body, buffers } = await source.patiently("trail", { map: "embedding", rows, epoch });
if (turn !== this.turn) return;
trails.steps.unshift(stepOf(epoch, arrayOf(Float32Array, buffers[0]), body.extent ?? []));
this.show(maps[1], trails);
}
}
show(map, trails) {
map.trails = trails;
map.redrawOver();
}
}
const overEpochs = (meta) => !meta.pooled && meta.data_map?.x === "variability" && meta.epochs.length > 1;
function trailsFeature(view) {
const { store, registry } = view,
{ meta } = store;
const trails = new Trails(view),
later = afterRest(TRAIL_REST, () => trails.on && trails.load());
const why = store.locked || (overEpochs(meta) || meta.embedding_epochs.length > 1 ? "" : "a single epoch has no trails"),
possible = !why;
registry.onAction("trails", () => (possible ? trails.toggle() : view.say(why, "warn")));
if (!possible) return;
for (const map of view.maps)
map.overlays.push((c, on, colors) => {
const { trails: shown, epoch, size, camera } = on;
if (shown) drawTrails(c, { trails: shown, epoch, size, camera, store }, (row) => view.paint.classColor(store.labels[row]), colors);
});
view.addTool(trails.button);
store.on("mask", ({ selection }) => selection && later());
store.on("cursor", () => !store.selectedCount && later());
registry.onEnd(() => later.cancel());
}

// --- maps/epochs.js
const EMBEDDING = "embedding map";
function epochsFeature(view) {
const { meta } = view.store,
[data, embedding] = view.maps;
const place = ({ note, xs, ys }) => {
embedding.note.textContent = note ?? "";
embedding.setData(xs, ys);
};
view.timelines = [];
if (meta.maps[0] !== false && meta.maps[1] === false && !meta.embedding.there) {
const title = meta.embedding.message.replaceAll("`", "");
view.addTool(h("span", { class: "lw-quiet lw-clip", text: title, title }));
}
view.maps.forEach((map, i) => (map.el.hidden = meta.maps[i] === false));
embedding.stage.append(embedding.note);
view.registry.onPush("embedding", (body, buffers) => {
if (view.store.look.epochs[EMBEDDING] === undefined) place(placed(body, buffers));
});
view.registry.onPush("projected", (body) => {
view.source.laidOut(body);
if (body.failed) view.say(body.failed, "error");
});
const axes = meta.data_map;
if (axes && overEpochs(meta)) {
addTimeline(view, data, {
name: "data map",
epochs: meta.epochs,
first: 1,
load: (epoch) => view.source.dataMap(epoch),
show: (xs, ys) => data.setData(xs, ys, axes.ranges),
});
}
if (meta.embedding_epochs.length > 1) {
addTimeline(view, embedding, {
name: EMBEDDING,
epochs: meta.embedding_epochs,
first: 0,
load: (epoch) => embeddingOf(view, epoch),
show: (xs, ys) => embedding.setData(xs, ys),
});
}
view.registry.on("start", () => start(view, place));
}
function addTimeline(view, map, options) {
const show = (xs, ys, epoch, note) => {
map.epoch = epoch;
if (note) map.note.textContent = note;
options.show(xs, ys);
};
const onTurn = (epoch) => turned(view, options, epoch);
const line = new Timeline({ n: view.store.n, say: view.say, ...options, show, onTurn });
view.timelines.push(line);
map.extra.append(line.el);
view.registry.onEnd(() => line.destroy());
}
function turned({ store }, { name, epochs }, epoch) {
const shown = { ...store.look.epochs };
if (epoch === epochs[epochs.length - 1]) delete shown[name];
else shown[name] = epoch;
store.setLook({ epochs: shown });
}
async function start({ store, source, maps }, place) {
const { meta } = store,
[data, embedding] = maps;
if (meta.data_map) data.setData(store.loaded(meta.data_map.x), store.loaded(meta.data_map.y), meta.data_map.ranges);
else data.say(meta.no_data_map);
if (!embedding.el.hidden) embedding.say(meta.embedding.message);
if (!meta.embedding.there) return;
try {
const last = await source.embedding();
if (store.look.epochs[EMBEDDING] === undefined) place(last);
} catch (error) {
embedding.say((error).message);
}
}
async function embeddingOf({ source, maps: { 1: map } }, epoch) {
map.note.textContent = `computing the map of epoch ${epoch}…`;
const { note, xs, ys } = await source.embedding(epoch);
return [xs, ys, note];
}

// --- filters/classes.js
const COLUMNS = [
["issues", "label issues among the examples with this given label"],
["wrong", "expected share of wrong labels among the examples with this given label (mean of the detector's p_error)"],
];
class ClassTable {
constructor({ store, paint, wire, select }) {
this.store = store;
this.paint = paint;
this.wire = wire;
this.select = select;
this.asked = false;
this.estimated = null;
this.el = h("div", { class: "lw-side lw-classes", role: "tabpanel", "aria-label": "classes", hidden: true });
}
async estimate() {
if (this.asked) return;
this.asked = true;
try {
const { body, buffers } = await this.wire.ask("classes");
this.estimated = { how: body.how, arrays: buffers.map((buffer) => arrayOf(Float32Array, buffer)) };
} catch (error) {
this.estimated = { how: (error).message, arrays: [] };
}
this.draw();
}
draw() {
const { store } = this,
doubted = store.meta.doubted !== false,
shape = `lw-class-row${doubted ? "" : " lw-plain"}`,
{ given, issues, changed, expected } = classCounts(store),
colors = this.paint.classColors();
const share = (c) => (given[c] ? expected[c] / given[c] : 0);
const codes = store.classes.map((_, c) => c).sort((a, b) => share(b) - share(a));
const head = h(
"div",
{ class: `${shape} lw-quiet` },
h("span", { class: "lw-bar-name", text: "class" }),
(doubted ? COLUMNS : [["given", "examples with this given label"]]).map(([text, title]) => h("span", { text, title })),
);
const [wrong, missed] = this.estimated?.arrays || [];
const joint = (c) =>
wrong
? ` Confident learning: about ${count(wrong[c])} with this label truly belong to another class, and about ${count(missed[c])} of this class have another label.`
: "";
if (doubted) this.estimate();
this.el.replaceChildren(
head,
...codes.map((c) =>
h(
"button",
{
type: "button",
class: shape,
title: doubted
? `${store.classes[c]}: ${count(issues[c])} label issues in ${count(given[c])} examples, ${count(changed[c])} changed.${joint(c)} Click to select the label issues.`
: `${store.classes[c]}: ${count(given[c])} examples, ${count(changed[c])} changed. Click to select them.`,
onclick: () =>
doubted
? this.select((row) => store.issue[row] && store.given[row] === c, `label issues of ${store.classes[c]}`)
: this.select((row) => store.given[row] === c, `given ${store.classes[c]}`),
},
h(
"span",
{ class: "lw-bar-name" },
swatch(colors[c]),
h("span", { class: "lw-clip", text: store.shortName(c, 14) }),
),
h("span", { class: "lw-num", text: doubted ? `${brief(issues[c])} of ${brief(given[c])}` : brief(given[c]) }),
doubted && h("span", { class: "lw-num", text: `${(100 * share(c)).toFixed(share(c) < 0.1 ? 1 : 0)}%` }),
),
),
h("p", { class: "lw-how lw-quiet", text: this.estimated?.how || "" }),
);
}
}

// --- filters/matrix.js
const FONT = "10px system-ui, sans-serif";
const KINDS = {
issues: ["label issues by suggestion", "given ↓  suggested →", "suggested"],
predicted: ["confusion (predictions)", "given ↓  predicted →", "predicted"],
noise: ["noise matrix (estimate)", "given ↓  truly → (% of the true class)", "truly"],
};
const ROOMY = 15,
NAMED = 9;
const NAMES = 62;
class MatrixPanel {
constructor({ store, wire, paint, theme, fail, select }) {
this.store = store;
this.wire = wire;
this.paint = paint;
this.theme = theme;
this.fail = fail;
this.select = select;
this.kind = "issues";
this.loaded = new Map();
this.shown = null;
this.cell = 0;
this.edge = 0;
this.menu = h("select", {
class: "lw-matrix-menu",
"aria-label": "what the matrix shows",
onchange: () => this.show((this.menu.value)),
});
fillSelect(this.menu, [["", Object.entries(KINDS).map(([kind, [text]]) => [kind, text])]], this.kind);
this.axes = h("div", { class: "lw-quiet" });
this.canvas = h("canvas", {
class: "lw-matrix",
role: "img",
"aria-label": "matrix of classes; the list below shows the same",
onpointermove: (event) => this.point(this.at(event)),
onpointerleave: () => this.point(null),
onclick: (event) => this.choose(this.at(event)),
});
this.readout = h("div", { class: "lw-readout lw-quiet" });
this.list = h("div", { class: "lw-pairs" });
this.how = h("p", { class: "lw-how lw-quiet" });
this.el = h(
"div",
{ class: "lw-side lw-side-matrix", role: "tabpanel", "aria-label": "matrix", hidden: true },
this.menu,
this.axes,
this.canvas,
this.readout,
this.list,
this.how,
);
}
async show(kind) {
this.kind = kind;
if (kind !== "issues" && !this.loaded.has(kind)) {
this.readout.textContent = "counting…";
this.list.replaceChildren();
this.how.textContent = "";
try {
await this.load(kind);
} catch (error) {
this.menu.value = this.kind = "issues";
this.fail((error));
}
}
this.draw();
}
async load(kind) {
const { body, buffers } = await this.wire.ask("matrix", { of: kind });
const [matrix, low, high] = buffers.slice(1).map((buffer) => arrayOf(Float32Array, buffer));
const codes = arrayOf(Int32Array, buffers[0]);
const counts = cellCounts(this.store.given, codes, this.store.k);
this.loaded.set(kind, { ...body, codes, counts, cells: matrix ?? counts, low, high });
}
data() {
const { store } = this,
k = store.k;
const loaded = this.loaded.get(this.kind);
if (loaded) return loaded;
const codes = Int32Array.from(store.suggested, (code, row) => (store.issue[row] ? code : -1));
const counts = cellCounts(store.given, codes, k);
return { codes, counts, cells: counts, how: "" };
}
draw() {
const { store } = this,
k = store.k;
this.shown = this.data();
this.axes.textContent = KINDS[this.kind][1];
const off = Float32Array.from(this.shown.cells, (value, i) => (i % (k + 1) ? value : 0));
this.point(null);
this.list.replaceChildren(...topPairs(off, k).map(([a, b, value]) => this.pair(a, b, value)));
this.how.textContent = [this.shown.title, this.shown.how].filter(Boolean).join(" · ");
this.how.title = this.shown.warning || "";
this.how.classList.toggle("lw-warn", this.kind === "noise");
if (this.kind === "noise") this.how.append(h("span", { class: "lw-fine", text: this.shown.warning }));
this.paintMatrix(k, off);
}
value(number) {
return this.kind === "noise" ? `${(100 * number).toFixed(number < 0.0995 ? 1 : 0)}%` : count(number);
}
pair(a, b, value) {
const { classes } = this.store,
colors = this.paint.classColors();
const name = (code) => [swatch(colors[code]), h("span", { class: "lw-clip", text: this.store.shortName(code, 22) })];
const long = Math.max(classes[a].length, classes[b].length) > 9;
return h(
"button",
{ type: "button", class: `lw-pair${long ? " lw-pair-tall" : ""}`, title: this.sentence(a, b), onclick: () => this.choose([a, b]) },
...name(a),
h("span", { class: "lw-quiet", text: "→" }),
...name(b),
h("span", { class: "lw-num", text: this.value(value) }),
);
}
sentence(a, b) {
const { classes } = this.store,
at = a * this.store.k + b,
{ counts, low, high, cells } = this.shown ?? this.data();
const pair = `given ${classes[a]}, ${KINDS[this.kind][2]} ${classes[b]}`;
if (this.kind !== "noise" || !low || !high) return `${pair}: ${count(counts[at])}`;
const range = `${(100 * low[at]).toFixed(1)} to ${(100 * high[at]).toFixed(1)}`;
return `${pair}: ${this.value(cells[at])} (${range}), ${count(counts[at])} examples`;
}
paintMatrix(k, off) {
const width = this.canvas.clientWidth || 160,
c = context2d(this.canvas),
whole = Math.min(width, 280);
c.font = FONT;
const names = shortNames(this.store.classes.slice(0, k), 9),
wide = Math.min(NAMES, Math.ceil(Math.max(...names.map((name) => c.measureText(name).width))) + 5),
edge = (whole - wide) / k >= NAMED ? wide : 0;
const size = whole - edge;
this.canvas.style.height = `${size + edge}px`;
sharpContext(this.canvas, width, size + edge);
const theme = this.theme(),
cell = size / k,
gap = cell > 8 ? 1 : 0;
c.font = FONT;
if (edge) this.name(c, names, cell, edge, theme);
const most = Math.sqrt(off.reduce((high, value) => Math.max(high, value), 0)) || 1;
for (let a = 0; a < k; a++)
for (let b = 0; b < k; b++) {
const value = off[a * k + b],
share = Math.sqrt(value) / most,
x = edge + b * cell,
y = edge + a * cell;
c.fillStyle =
a === b
? hex(theme.line)
: value
? hex(scoreColor(0.25 + 0.75 * share, { dark: theme.dark }))
: hex(theme.faint);
c.fillRect(x, y, cell - gap, cell - gap);
if (value && cell >= ROOMY) this.write(c, value, x + cell / 2, y + cell / 2, share > 0.45, cell);
}
this.cell = cell;
this.edge = edge;
}
name(c, names, cell, edge, theme) {
c.fillStyle = hex(theme.quiet);
c.textBaseline = "middle";
names.forEach((name, i) => {
const middle = edge + (i + 0.5) * cell;
c.textAlign = "right";
c.fillText(name, edge - 4, middle, edge - 4);
c.save();
c.translate(middle, edge - 4);
if (c.measureText(name).width > cell) {
c.rotate(-Math.PI / 2);
c.textAlign = "left";
} else c.textAlign = "center";
c.fillText(name, 0, 0, c.textAlign === "left" ? edge - 4 : cell);
c.restore();
});
}
write(c, value, x, y, strong, cell) {
const text = this.kind === "noise" ? (100 * value).toFixed(value < 0.0995 ? 1 : 0) : String(value);
if (text === "0.0") return;
c.font = FONT;
if (c.measureText(text).width > cell - 1) return;
c.fillStyle = strong !== this.theme().dark ? "#fff" : "#000";
c.textAlign = "center";
c.textBaseline = "middle";
c.fillText(text, x, y);
}
at(event) {
const box = this.canvas.getBoundingClientRect(),
k = this.store.k,
scale = this.canvas.clientWidth / box.width;
const a = Math.floor(((event.clientY - box.top) * scale - this.edge) / this.cell),
b = Math.floor(((event.clientX - box.left) * scale - this.edge) / this.cell);
return a >= 0 && b >= 0 && a < k && b < k ? [a, b] : null;
}
point(hit) {
const nothing = !this.shown || !this.shown.counts.some((value) => value);
const why = this.store.meta.doubted === false ? "Without probabilities or embeddings no label issues can be found." : "nothing to show";
this.readout.textContent = hit ? this.sentence(hit[0], hit[1]) : nothing ? why : "click a cell to select it";
this.canvas.style.cursor = hit && this.shown?.counts[hit[0] * this.store.k + hit[1]] ? "pointer" : "default";
}
choose(cell) {
if (!cell || !this.shown) return;
const [a, b] = cell,
{ store } = this,
{ codes } = this.shown;
this.select(
(row) => store.given[row] === a && codes[row] === b,
`given ${store.classes[a]}, ${KINDS[this.kind][2]} ${store.classes[b]}`,
);
}
}

// --- filters/evidence.js
const SOON = 200_000;
function evidenceFeature(view) {
const { store, paint, theme, wire, fail, registry } = view;
const select = (test, name) => {
const mask = new Uint8Array(store.n);
for (let i = 0; i < store.n; i++) mask[i] = test(i) ? 1 : 0;
view.showSlice(mask, name);
};
const classes = new ClassTable({ store, paint, wire, select }),
matrix = new MatrixPanel({ store, paint, theme, wire, select, fail });
if (!view.kind.units) {
view.addTab("classes", classes.el, () => classes.draw());
view.addTab("matrix", matrix.el, () => matrix.draw());
}
let asked = false;
const load = () => {
if (!asked) fetchSlices(view);
asked = true;
};
if (view.kind.units) {
view.head.slicing.hidden = true;
return;
}
if (store.n <= SOON) registry.on("start", load);
view.head.slices.addEventListener("focus", load);
}
async function fetchSlices({ store, wire, head, fail }) {
try {
const { body } = await wire.ask("slices");
store.slices = body.slices;
head.fillSlices();
} catch (error) {
fail(error);
}
}

// --- review/exporter.js
const FORMATS = [
["csv", "CSV"],
["jsonl", "JSON lines"],
["parquet", "Parquet"],
];
const CONTENTS = [
["", "all examples, with author, time and reason of each change"],
["relabel", "cleaned training set: labels corrected"],
["drop", "cleaned training set: changed examples removed"],
];
class Exporter {
constructor({ wire, path, say, onClose, onToggle }) {
this.wire = wire;
this.say = say;
this.onClose = onClose;
this.onToggle = onToggle;
this.path = h("input", {
class: "lw-path",
"aria-label": "file to write",
spellcheck: "false",
value: `${path}.csv`,
oninput: () => this.whereTo(),
onkeydown: (event) => event.key === "Enter" && this.write(),
});
this.kind = h("select", { "aria-label": "what to write" });
fillSelect(this.kind, [["", CONTENTS]], "");
this.place = h("div", { class: "lw-quiet lw-place-of" });
this.over = h("input", { type: "checkbox" });
this.result = h("div", { class: "lw-result", role: "status" });
this.button = h("button", {
type: "button",
class: "lw-button lw-primary",
text: "Write file",
onclick: () => this.write(),
});
const formats = h(
"span",
{ class: "lw-formats", role: "radiogroup", "aria-label": "format" },
FORMATS.map(([suffix, name], i) =>
h(
"label",
{},
h("input", {
type: "radio",
name: `lw-format-${Math.random()}`,
value: suffix,
checked: i === 0,
onchange: (event) => this.setFormat(event.target),
}),
name,
),
),
);
this.radios = [...formats.querySelectorAll("input")];
this.el = h(
"div",
{ class: "lw-panel lw-export", role: "dialog", "aria-label": "export", hidden: true },
panelHead("Export the corrected data", () => this.toggle(false)),
this.kind,
formats,
this.path,
this.place,
h(
"div",
{ class: "lw-line" },
h("label", { title: "overwrite an existing file" }, this.over, "overwrite"),
h("span", { class: "lw-space" }),
this.button,
),
this.result,
);
}
setFormat(chosen) {
for (const radio of this.radios) radio.checked = radio === chosen;
this.path.value = this.path.value.replace(/\.(csv|jsonl|parquet)$/i, "") + `.${chosen.value}`;
this.whereTo();
}
toggle(open = Boolean(this.el.hidden)) {
this.el.hidden = !open;
if (open) {
this.result.textContent = "";
this.path.focus({ preventScroll: true });
this.path.select();
this.whereTo();
} else this.onClose?.();
this.onToggle?.(open);
}
async whereTo() {
const path = this.path.value.trim();
if (!path) {
this.place.textContent = "enter a file name";
return;
}
try {
const { body } = await this.wire.ask("export", { path, ask: true });
if (this.path.value.trim() !== path) return;
this.place.textContent = `writes ${body.path}${body.there ? " · file exists" : ""}`;
this.place.classList.toggle("lw-warn", Boolean(body.there));
} catch (error) {
this.place.textContent = (error).message;
}
}
async write() {
this.button.disabled = true;
this.result.className = "lw-result";
this.result.textContent = "writing…";
try {
const { body } = await this.wire.ask("export", {
path: this.path.value.trim(),
overwrite: this.over.checked,
cleaned: this.kind.value,
});
this.result.textContent = body.text ?? "";
this.over.checked = false;
this.say(body.text ?? "");
} catch (error) {
this.result.className = "lw-result lw-error";
this.result.textContent = (error).message;
} finally {
this.button.disabled = false;
}
}
}
function exportFeature(view) {
const { head } = view;
const exporter = new Exporter({
wire: view.wire,
path: view.store.meta.export_path ?? "",
say: view.say,
onClose: () => view.focus(),
onToggle: (open) => head.export.setAttribute("aria-expanded", String(open)),
});
head.onExport = () => {
exporter.toggle();
view.under(exporter.el, head.export);
};
view.addPanel(exporter.el);
view.registry.onEscape(() => {
if (exporter.el.hidden) return false;
exporter.toggle(false);
return true;
});
}

// --- filters/countedpanel.js
const QUICK = 1000;
class CountedPanel {
constructor({ store, wire, showSlice, fail }, { name, mark, tools = [] }) {
this.store = store;
this.wire = wire;
this.showSlice = showSlice;
this.fail = fail;
this.asked = 0;
this.took = 0;
this.stale = true;
this.again = h("button", { type: "button", class: "lw-link", text: "count again", title: "labels have changed since this was counted", hidden: true, onclick: () => this.ask() });
this.list = h("div", { class: "lw-sets-list" });
this.how = h("p", { class: "lw-how lw-quiet" });
this.el = h(
"div",
{ class: `lw-side lw-sets ${mark}`, role: "tabpanel", "aria-label": name, hidden: true },
h("div", { class: "lw-row" }, ...tools, h("span", { class: "lw-space" }), this.again),
this.list,
this.how,
);
this.store.on("labels", () => {
this.stale = true;
});
this.store.on("history", () => {
if (!this.el.hidden) this.draw();
});
}
async request() {}
fill(_body) {}
draw() {
if (!this.stale) return;
if (this.took > QUICK) this.again.hidden = false;
else if (!this.store.pending) this.ask();
}
async ask() {
const asked = ++this.asked,
begun = performance.now();
this.stale = false;
this.again.hidden = true;
if (!this.list.children.length) this.how.textContent = "counting…";
try {
const body = await this.request();
if (asked !== this.asked) return;
this.took = performance.now() - begun;
this.fill(body);
} catch (error) {
this.how.textContent = "";
this.fail((error));
}
}
}

// --- filters/forms.js
const CONFIRMING = 4000;
const NO_LABEL = "nothing";
const countsInWords = ({ labels }) => labels.map(({ label, count: n }) => `${label} ${count(n)}`).join(" · ");
class FormsPanel extends CountedPanel {
constructor(options) {
super(options, { name: "equal words with several labels", mark: "lw-of-forms", tools: [h("span", { class: "lw-quiet", text: "equal words, several labels" })] });
this.actions = options.actions;
this.nothing = options.nothing;
this.form = "";
this.armed = 0;
this.forms = [];
this.total = 0;
}
async request() {
return (await this.wire.ask("forms", {})).body;
}
fill({ forms, total }) {
clearTimeout(this.armed);
this.list.replaceChildren(...forms.flatMap((form) => (form.form === this.form ? [this.line(form), this.tools(form)] : [this.line(form)])));
this.forms = forms;
this.total = total;
const left = total - forms.length;
this.how.textContent = forms.length
? `The most one-sided first, counted from the labels as they are now.${left ? ` ${count(left)} more are not listed.` : ""}`
: "Equal words have the same label everywhere.";
}
line(form) {
const counts = countsInWords(form),
open = form.form === this.form;
return h(
"button",
{ type: "button", class: "lw-set-row lw-form-row", title: `${form.form}: ${counts}`, "aria-expanded": String(open), onclick: () => this.pick(open ? "" : form.form) },
h("span", { class: "lw-clip", text: form.form, dir: "auto" }),
h("span", { class: "lw-clip lw-num lw-quiet", text: counts }),
);
}
pick(form) {
this.form = form;
this.fill({ forms: this.forms, total: this.total });
}
tools(form) {
const boxes = form.labels.map(({ label, count: n }, i) => {
const box = h("input", { type: "checkbox", checked: i > 0, value: label, onchange: () => show() });
return { box, n, el: h("label", {}, box, ` ${label} ${count(n)}`) };
});
const target = h("select", { "aria-label": "label for the chosen places", onchange: () => show() }),
names = [...this.store.space, ...(this.nothing ? [NO_LABEL] : [])];
fillSelect(target, [["", names.map((name) => [name, name])]], form.labels[0].label);
const go = h("button", { type: "button", class: "lw-button", onclick: () => this.relabel(form.form, chosen(), target.value, go, sum()) });
const chosen = () => boxes.filter(({ box }) => box.checked && box.value !== target.value).map(({ box }) => box.value),
sum = () => boxes.filter(({ box }) => chosen().includes(box.value)).reduce((total, { n }) => total + n, 0),
show = () => {
clearTimeout(this.armed);
this.armed = 0;
go.textContent = `Relabel ${count(sum())} as ${target.value}`;
go.disabled = !sum();
};
show();
const look = h("button", { type: "button", class: "lw-link", text: "show", title: "select the examples with these labels", onclick: () => this.select(form.form, boxes.filter(({ box }) => box.checked).map(({ box }) => box.value)) });
return h("div", { class: "lw-form-tools" }, ...boxes.map(({ el }) => el), look, target, go);
}
async select(form, labels) {
try {
const { buffers } = await this.wire.ask("form", { form, labels });
this.showSlice(unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n), `“${form}” as ${labels.join(", ")}`);
} catch (error) {
this.fail((error));
}
}
async relabel(form, labels, label, button, sure) {
if (!this.armed) {
const before = button.textContent;
button.textContent = `${before}: click again`;
this.armed = setTimeout(() => {
this.armed = 0;
button.textContent = before;
}, CONFIRMING);
return;
}
clearTimeout(this.armed);
this.armed = 0;
try {
const { buffers } = await this.wire.ask("form", { form, labels }),
mask = unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n);
const rows = Int32Array.from(Array.from(mask.keys()).filter((row) => mask[row]));
await this.actions.ofMany(rows, "form", { form, labels, label, sure }, [], ({ count: n, examples }) => `“${form}”: ${label} at ${count(n)} places in ${count(examples)} examples; one undo reverts it`);
} catch (error) {
this.fail((error));
}
}
}
function formsFeature(view) {
const { store, wire, fail, actions } = view;
if (store.meta.task !== "spans" && store.meta.task !== "tokens") return;
const panel = new FormsPanel({ store, wire, fail, actions, nothing: store.meta.task === "spans", showSlice: (mask, name) => view.showSlice(mask, name) });
view.addTab("forms", panel.el, () => panel.draw());
}

// --- examples/grid.js
const TILE_SIZES = { least: 56, most: 240, first: 104 };
const TILE_GAP = 6;
const TILE_CAPTION = 34;
const LARGE_FROM = 110;
const SCROLL_REST = 60;
const MOST_TILES = 200_000;
function layoutOf(n, width, size, caption = TILE_CAPTION) {
const columns = Math.max(1, Math.floor((width + TILE_GAP) / (size + TILE_GAP)));
const rows = Math.ceil(n / columns),
tall = size + caption + TILE_GAP;
return { columns, rows, tall, height: rows * tall };
}
function seenOf({ columns, rows, tall }, top, height, n) {
const first = Math.max(0, Math.floor(top / tall) - 1),
last = Math.min(rows, Math.ceil((top + height) / tall) + 1);
return [first * columns, Math.min(n, last * columns)];
}
class Grid {
constructor(view) {
const { maps, no_data_map } = view.store.meta;
this.alone = maps.includes(true) ? "" : no_data_map;
this.view = view;
this.open = false;
this.size = TILE_SIZES.first;
this.anchor = -1;
this.frame = 0;
this.wanted = 0;
this.timer = 0;
this.tabs = h("div", { class: "lw-tabs", role: "tablist", "aria-label": "examples in the grid" });
this.said = h("span", { class: "lw-quiet lw-num" });
this.slider = h("input", {
type: "range",
class: "lw-grid-size",
min: TILE_SIZES.least,
max: TILE_SIZES.most,
step: 4,
"aria-label": "size of the pictures",
title: "size of the pictures (+ and −)",
value: TILE_SIZES.first,
oninput: () => this.resize(Number(this.slider.value)),
onchange: () => view.focus(),
});
this.all = h("button", { type: "button", class: "lw-link", text: "select all", onclick: () => this.selectAll() });
this.sheet = h("div", { class: "lw-grid-sheet" });
this.space = h("div", { class: "lw-grid-space" }, this.sheet);
this.scroller = h("div", { class: "lw-grid-scroller", tabindex: "0", role: "group", "aria-label": "examples", onscroll: () => this.scrolled() }, this.space);
this.measured = null;
this.top = 0;
if (typeof ResizeObserver !== "undefined")
new ResizeObserver(() => {
this.measured = null;
this.scrolled();
}).observe(this.scroller);
this.el = h(
"section",
{ class: "lw-cover lw-grid", role: "region", "aria-label": "grid of examples", hidden: true },
h(
"div",
{ class: "lw-row lw-cover-head" },
this.tabs,
this.said,
h("span", { class: "lw-space" }),
this.alone ? h("span", { class: "lw-quiet lw-clip lw-no-maps", text: this.alone, title: this.alone }) : null,
this.all,
this.slider,
this.alone ? null : h("button", { type: "button", class: "lw-icon", text: "×", title: "close", "aria-label": "close the grid", onclick: () => this.close() }),
),
this.scroller,
);
}
toggle() {
if (this.open) this.close();
else this.show();
}
show() {
this.open = true;
this.el.hidden = false;
this.drawTabs();
this.follow();
}
close() {
const was = this.open;
if (this.alone) return false;
this.open = false;
this.el.hidden = true;
clearTimeout(this.timer);
this.sheet.replaceChildren();
return was;
}
get seen() {
return (this.measured ||= { width: this.scroller.clientWidth, height: this.scroller.clientHeight });
}
scrolled() {
this.top = this.scroller.scrollTop;
this.redraw();
}
rows() {
const rows = this.view.store.rows();
return rows.length > MOST_TILES ? rows.slice(0, MOST_TILES) : rows;
}
layout(n = this.rows().length) {
return layoutOf(n, this.seen.width - 2 * TILE_GAP, this.size);
}
resize(size) {
this.size = Math.max(TILE_SIZES.least, Math.min(TILE_SIZES.most, Math.round(size)));
this.slider.value = String(this.size);
this.follow();
}
resizeBy(factor) {
this.resize(this.size * factor);
}
redraw() {
if (this.open && !this.frame) this.frame = requestAnimationFrame(() => this.draw());
}
draw() {
this.frame = 0;
if (!this.open) return;
const { store } = this.view,
rows = this.rows(),
lay = this.layout(rows.length);
const [first, last] = seenOf(lay, this.top, this.seen.height, rows.length);
this.space.style.height = `${lay.height + TILE_GAP}px`;
this.sheet.style.transform = `translateY(${(first / lay.columns) * lay.tall + TILE_GAP}px)`;
this.sheet.style.setProperty("grid-template-columns", `repeat(${lay.columns}, minmax(0, 1fr))`);
this.sheet.style.setProperty("--lw-tile", `${this.size}px`);
const page = Array.from(rows.slice(first, last));
if (page.length) this.sheet.replaceChildren(...page.map((row) => this.tile(row)));
else this.sheet.replaceChildren(h("span", { class: "lw-empty-line", text: this.view.gallery.nothing() }));
const more = store.rows().length > MOST_TILES ? `the first ${count(MOST_TILES)} of ${count(store.rows().length)}` : "";
this.said.textContent = [more, store.selectedCount && `${count(store.selectedCount)} selected`].filter(Boolean).join(" · ");
this.all.hidden = !page.length;
this.fill(page);
}
get shelf() {
const { view } = this;
return this.size > LARGE_FROM && view.media.large ? view.media.large : view.media;
}
item(row) {
return this.shelf.peek(row) || this.view.media.peek(row);
}
tile(row) {
const { store } = this.view,
current = row === store.row;
const el = h(
"button",
{
type: "button",
class: "lw-tile",
"data-row": row,
"aria-label": `example ${this.item(row)?.id ?? row}${store.blind && !store.verdict[row] ? "" : `, ${store.className(store.labels[row])}`}`,
"aria-pressed": String(Boolean(store.selected[row])),
tabindex: current ? "0" : "-1",
onclick: (event) => this.click(row, event),
},
h("span", { class: "lw-tile-media" }, this.view.media.node(this.item(row), "thumb")),
this.view.gallery.caption(row),
h("span", { class: "lw-num lw-quiet lw-tile-p", text: this.doubt(row) }),
);
el.classList.toggle("lw-chosen", Boolean(store.selected[row]));
if (current) el.setAttribute("aria-current", "true");
return el;
}
doubt(row) {
const { store } = this.view;
return Number.isFinite(store.pError[row]) && !store.hides(row) ? `p(wrong) ${probability(store.pError[row])}` : "";
}
async fill(page) {
const wanted = ++this.wanted,
{ shelf } = this;
clearTimeout(this.timer);
if (page.every((row) => shelf.peek(row))) return;
await new Promise((resolve) => (this.timer = setTimeout(resolve, SCROLL_REST)));
if (wanted !== this.wanted || !this.open) return;
try {
await shelf.want(page);
} catch (error) {
this.view.fail(error);
return;
}
if (wanted !== this.wanted) return;
for (const el of this.sheet.querySelectorAll("button"))
el.firstElementChild?.replaceChildren(this.view.media.node(this.item(Number(el.dataset.row)), "thumb"));
}
drawTabs() {
this.view.gallery.drawTabs(this.tabs);
}
follow() {
if (!this.open) return;
const rows = this.rows(),
at = rows.indexOf(this.view.store.row),
lay = this.layout(rows.length);
this.space.style.height = `${lay.height + TILE_GAP}px`;
if (at >= 0) {
const top = Math.floor(at / lay.columns) * lay.tall,
{ scrollTop, clientHeight } = this.scroller;
if (top < scrollTop) this.scroller.scrollTop = top;
else if (top + lay.tall + TILE_GAP > scrollTop + clientHeight) this.scroller.scrollTop = top + lay.tall + TILE_GAP - clientHeight;
this.top = this.scroller.scrollTop;
}
this.redraw();
}
click(row, event) {
const { store, lightbox } = this.view;
if (event.shiftKey) {
this.selectRange(row);
return;
}
this.anchor = row;
if (event.ctrlKey || event.metaKey || event.altKey) {
const mask = store.selected.slice();
mask[row] ^= 1;
store.setSelection(mask, { stay: true });
return;
}
store.goTo(row);
if (event.detail === 2) lightbox?.show();
}
selectRange(row) {
const { store } = this.view,
rows = this.rows();
const [a, b] = [rows.indexOf(this.anchor < 0 ? store.row : this.anchor), rows.indexOf(row)];
const mask = store.selected.slice();
for (const one of a < 0 ? [row] : rows.slice(Math.min(a, b), Math.max(a, b) + 1)) mask[one] = 1;
store.setSelection(mask, { stay: true });
this.view.say(`${count(store.selectedCount)} selected`);
}
selectAll() {
const { store } = this.view,
mask = new Uint8Array(store.n);
for (const row of this.rows()) mask[row] = 1;
store.setSelection(mask, { stay: true });
this.view.say(`${count(store.selectedCount)} selected`);
}
key(event) {
if (this.alone && !this.el.contains((event.target))) return false;
if (!this.open || this.view.lightbox?.open || event.ctrlKey || event.metaKey || event.altKey) return false;
const { columns } = this.layout(),
page = columns * Math.max(1, Math.floor(this.scroller.clientHeight / this.layout().tall));
const by = { ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity, ArrowLeft: -1, ArrowRight: 1 }[event.key];
if (event.key === "Enter") {
this.view.lightbox?.show();
return true;
}
if (by === undefined) return false;
const { store } = this.view,
rows = this.rows(),
at = rows.indexOf(store.row);
if (!rows.length) return true;
if (!event.shiftKey) this.anchor = -1;
else if (this.anchor < 0) this.anchor = store.row;
const next = rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by))];
store.goTo(next);
if (event.shiftKey) this.selectRange(next);
else this.anchor = next;
return true;
}
destroy() {
clearTimeout(this.timer);
cancelAnimationFrame(this.frame);
}
}
function gridFeature(view) {
const { store, registry, gallery, keymap } = view;
const grid = (view.grid = new Grid(view));
view.addCover(grid.el);
const cap = capOf(keymap, "grid");
gallery.pager.before(
h("button", { type: "button", class: "lw-button lw-grid-button", hidden: Boolean(grid.alone), title: "a grid of many examples", onclick: () => grid.toggle() }, "Grid", cap && h("kbd", { text: cap })),
);
if (grid.alone) {
gallery.hideCards();
registry.on("ready", () => grid.show());
}
registry.onAction("grid", () => grid.toggle());
registry.onKey((event) => grid.key(event));
registry.onEscape(() => grid.close());
store.on("list", () => {
if (grid.open) grid.drawTabs();
grid.anchor = -1;
grid.follow();
});
store.on("mask", () => {
if (grid.open) grid.drawTabs();
grid.redraw();
});
store.on("cursor", () => grid.follow());
store.on("labels", () => grid.redraw());
registry.on("layout", () => grid.redraw());
registry.on("theme", () => grid.redraw());
registry.onEnd(() => grid.destroy());
}

// --- help.js
function printed(keys, digits) {
const known = Object.keys(digits).sort((a, b) => Number(a === "0") - Number(b === "0") || a.localeCompare(b));
const span = known.length > 1 ? `${known[0]} … ${known[known.length - 1]}` : known[0];
return keys.filter((key) => span || !key.endsWith("digit")).map((key) => keyCap(key).replace("digit", span || "").replace("⇧", key.endsWith("digit") ? "⇧ " : "⇧"));
}
function helpPanel({ keymap, edits, kind, digits, classes }, onClose) {
const named = Object.entries(digits).every(([digit, code]) => classes[code] === digit);
const words = named ? { ...MEANINGS, label: "set the class of that name" } : MEANINGS;
const lines = Object.entries(words)
.filter(([action]) => action in keymap)
.map(([action, text]) => ([printed(keymap[action], digits), text]));
const editing = Object.entries(kind.edits).map(([action, text]) => ([printed(edits[action], digits), text]));
const mouse = [
["drag", "lasso or box; Shift adds, Alt or Ctrl removes"],
["wheel", "zoom; drag with the middle button to pan; double-click to reset"],
["click", "show an example; with Shift, add it to the selection"],
];
return h(
"div",
{ class: "lw-panel lw-help", role: "dialog", "aria-label": "keys", hidden: true },
panelHead("Keys", onClose),
h(
"dl",
{},
...lines.flatMap(([keys, text]) => keyRow(keys, text)),
h("dt", { class: "lw-help-part", text: "in the editor" }),
h("dd", { class: "lw-help-part" }),
...editing.flatMap(([keys, text]) => keyRow(keys, text)),
h("dt", { class: "lw-help-part", text: "by mouse" }),
h("dd", { class: "lw-help-part" }),
...mouse.flatMap(([what, text]) => [h("dt", {}, h("span", { class: "lw-quiet", text: what })), h("dd", { text })]),
),
);
}
function keyRow(keys, text) {
const caps = keys.length ? keys.map((key) => h("kbd", { text: key })) : h("span", { class: "lw-quiet", text: "no key" });
return [h("dt", {}, caps), h("dd", { text })];
}
function keyLine(classes, keymap, suggests = true) {
const digits = Object.keys(digitClasses(classes));
const all =
digits.length === 10 ? "0–9" : digits.length > 1 ? `${digits[0]}–${digits[digits.length - 1]}` : digits[0];
const first = (action) => capOf(keymap, action);
const of = (action, word) => first(action) && `${first(action)} ${word}`;
const parts = [
all && `${all} label`,
classes.length > 9 && of("type", "type"),
suggests && of("accept", "accept"),
of("keep", "keep"),
of("skip", "skip"),
of("undo", "undo"),
[first("previous"), first("next"), "move"].filter(Boolean).join(" "),
of("help", "keys"),
];
return parts.filter(Boolean).join("  ·  ");
}
function helpFeature(view) {
const { store, head, keymap, kind } = view,
{ classes, meta } = store;
const digits = digitClasses(kind.units ? Array(10).fill("") : classes);
const keys = { keymap, kind, edits: meta.keymap.edit[kind.task], digits, classes };
const box = helpPanel(keys, () => toggle(false));
const toggle = (open = Boolean(box.hidden)) => {
const was = !box.hidden;
box.hidden = !open;
view.under(box, head.help);
head.help.setAttribute("aria-expanded", String(open));
return was !== open;
};
head.onHelp = () => toggle();
view.addPanel(box);
view.registry.onAction("help", () => toggle());
view.registry.onEscape(() => toggle(false));
}

// --- examples/media.js
const PACK = 24;
const ROOM = 16_000_000;
const FOLD = 700;
class Shelf {
constructor(room = ROOM) {
this.room = room;
this.size = 0;
this.items = new Map();
}
get(row) {
const item = this.items.get(row);
if (item) {
this.items.delete(row);
this.items.set(row, item);
}
return item;
}
put(row, item) {
this.drop(row);
this.items.set(row, item);
this.size += weight(item);
for (const [oldest] of this.items) {
if (this.size <= this.room || this.items.size === 1) return;
this.drop(oldest);
}
}
drop(row) {
const item = this.items.get(row);
if (!item) return;
this.size -= weight(item);
this.items.delete(row);
}
}
function weight({ src = "", text = "", html = "", url = "", table = [] }) {
return 200 + [src, text, html, url, ...table.flat()].reduce((sum, part) => sum + part.length, 0);
}
class Media {
constructor(wire, kind, question = {}) {
this.wire = wire;
this.kind = kind;
this.question = question;
this.shelf = new Shelf();
this.asked = new Map();
this.color = () => null;
this.large = kind === "image" && !question.large ? new Media(wire, kind, { large: true }) : null;
}
get shape() {
return this.kind === "image" || this.kind === "none" ? this.kind : "text";
}
peek(row) {
return this.shelf.get(row);
}
async want(rows) {
const missing = rows.filter((row) => !this.shelf.get(row) && !this.asked.has(row));
for (let i = 0; i < missing.length; i += PACK) this.ask(missing.slice(i, i + PACK));
await Promise.all(rows.map((row) => this.asked.get(row)).filter(Boolean));
return rows.map((row) => this.shelf.get(row));
}
ask(rows) {
const answer = this.wire
.ask("media", { rows: Array.from(rows), ...this.question })
.then(({ body }) => {
for (const item of body.items) this.keep(item);
})
.finally(() => rows.forEach((row) => this.asked.delete(row)));
rows.forEach((row) => this.asked.set(row, answer));
return answer;
}
forget(rows) {
for (const row of rows) this.shelf.drop(row);
this.large?.forget(rows);
}
node(item, size) {
const node = mediaNode(item, size);
if (!item?.mask && !item?.objects?.length) return node;
const both = document.createDocumentFragment();
both.append(node);
if (item.mask) both.append(maskNode(item.mask, this.color));
if (item.objects?.length) both.append(objectsNode(item, this.color));
return both;
}
keep(item) {
this.shelf.put(item.row, item);
}
}
function mediaNode(item, size) {
if (!item) return h("span", { class: `lw-media lw-${size} lw-wait` });
const kind = APPEARANCES.find((name) => item[name] !== undefined && item[name] !== null);
return kind ? NODES[kind](item, size) : nothing(item, size);
}
function maskNode(mask, color) {
const layer = layerOf(rasterOf(mask, Math.ceil(mask.width / mask.step), Math.ceil(mask.height / mask.step)), color);
layer.className = "lw-objects";
return layer;
}
function objectsNode({ width = 1, height = 1, objects = [] }, color) {
const svg = svgNode("svg", { class: "lw-objects", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
for (const [x0, y0, x1, y1, code] of objects) {
const point = x0 === x1 && y0 === y1,
place = { x: x0 * width, y: y0 * height, width: (x1 - x0) * width, height: (y1 - y0) * height };
const stroke = hex(color(code) ?? [128, 128, 128]);
svg.append(point ? svgNode("circle", { cx: place.x, cy: place.y, r: Math.max(width, height) / 32, stroke }) : svgNode("rect", { ...place, stroke }));
}
return svg;
}
const APPEARANCES = ["error", "src", "html", "url", "sound", "table", "text"];
const NODES = {
error: ({ error = "", brief }, size) =>
h("span", {
class: `lw-media lw-${size} lw-broken`,
title: error,
text: size === "full" ? error : clip(brief || error, 60),
}),
src: ({ id, src, width, height, alpha }, size) =>
h("img", {
class: `lw-media lw-${size}${isSmall(width, height) ? " lw-pixels" : ""}${alpha ? " lw-alpha" : ""}`,
src,
alt: `example ${id}`,
draggable: "false",
}),
html: ({ id, html }) =>
h("iframe", { class: "lw-media lw-html", sandbox: "", srcdoc: html, title: `example ${id}`, referrerpolicy: "no-referrer" }),
url: ({ url = "" }, size) => urlNode(url, size),
sound: ({ sound, text }, size) =>
h(
"span",
{ class: `lw-media lw-${size} lw-sound` },
h("span", { class: "lw-sound-name lw-clip", text: `♪ ${sound}`, title: sound }),
text ? textNode(text, size) : null,
),
table: ({ table = [] }, size) => tableNode(table, size),
text: ({ text = "" }, size) => textNode(text, size),
};
const isSmall = (width, height) => Math.max(width || 0, height || 0) < 64;
function nothing({ id }, size) {
return h("span", { class: `lw-media lw-${size} lw-none`, text: clip(String(id ?? ""), 18) });
}
function urlNode(url, size) {
const attributes = { class: `lw-media lw-${size} lw-url`, title: `${url}\nnot fetched`, text: size === "full" ? url : clip(url, 40) };
if (size !== "full" || !/^https?:\/\//i.test(url)) return h("span", attributes);
return h("a", { ...attributes, href: url, target: "_blank", rel: "noopener noreferrer" });
}
function tableNode(table, size) {
if (size !== "full")
return h("span", { class: `lw-media lw-${size} lw-text`, text: table.map(([name, value]) => `${name}  ${value}`).join("\n") });
return h(
"dl",
{ class: "lw-media lw-full lw-columns" },
table.flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value, title: value })]),
);
}
function textNode(text, size) {
const node = h("span", { class: `lw-media lw-${size} lw-text`, dir: "auto", text: size === "thumb" ? clip(text, 160) : text });
return size === "full" && text.length > FOLD * 1.2 ? folded(node, text) : node;
}
function folded(node, text) {
let open = false;
const button = h("button", { type: "button", class: "lw-link lw-unfold", onclick: () => turn(!open) });
const turn = (next) => {
open = next;
button.textContent = open ? "less" : `… ${count(text.length - FOLD)} more characters`;
button.setAttribute("aria-expanded", String(open));
node.replaceChildren(open ? text : text.slice(0, FOLD), button);
};
turn(false);
return node;
}

// --- examples/lightbox.js
const KEPT = 6;
const FETCH_REST = 120;
const ZOOM_STEP = 1.25;
const LETTERS = [11, 13, 15, 17, 20, 24, 30];
class Lightbox {
constructor(view) {
this.view = view;
this.open = false;
this.row = -1;
this.kept = new Map();
this.place = null;
this.size = null;
this.fits = false;
this.img = null;
this.text = null;
this.noted = "";
this.letters = 2;
this.timer = 0;
const key = (action) => capOf(view.keymap, action);
const button = (text, label, act, action) => {
const said = key(action) ? `${label} (${key(action)})` : label;
return h("button", { type: "button", class: "lw-icon", text, title: said, "aria-label": label, onclick: act });
};
this.title = h("strong", { class: "lw-clip" });
this.facts = h("span", { class: "lw-quiet lw-clip" });
this.note = h("span", { class: "lw-quiet lw-num lw-lightbox-note" });
this.pixels = button("1:1", "original size", () => this.togglePixels(), "pixels");
this.stage = h("div", { class: "lw-lightbox-stage" });
this.el = h(
"section",
{ class: "lw-cover lw-lightbox", role: "region", "aria-label": "enlarged example", hidden: true },
h(
"div",
{ class: "lw-row lw-cover-head" },
this.title,
this.facts,
h("span", { class: "lw-space" }),
this.note,
h(
"span",
{ class: "lw-group" },
button("−", "smaller", () => this.zoom(1 / ZOOM_STEP), "zoomOut"),
button("+", "larger", () => this.zoom(ZOOM_STEP), "zoomIn"),
this.pixels,
iconButton("reset", "fit (double click)", () => this.fit()),
),
h(
"span",
{ class: "lw-group" },
iconButton("left", "previous example", () => view.store.step(-1)),
iconButton("right", "next example", () => view.store.step(1)),
),
button("×", "close", () => this.close(), "leave"),
),
this.stage,
);
this.listen();
}
get drawn() {
return this.view.inspector.editor.stage;
}
toggle() {
if (this.open) this.close();
else this.show();
}
show() {
if (this.view.store.row < 0) return;
this.open = true;
this.el.hidden = false;
this.draw();
}
close() {
const was = this.open;
this.open = false;
this.el.hidden = true;
clearTimeout(this.timer);
if (was) this.stage.replaceChildren();
if (was && this.drawn) this.view.inspector.drawPicture(undefined);
this.row = -1;
return was;
}
draw() {
if (!this.open) return;
const { store, media } = this.view,
{ row } = store;
clearTimeout(this.timer);
if (row < 0) {
this.close();
return;
}
const changed = row !== this.row;
this.row = row;
this.caption();
if (this.drawn) {
if (!this.stage.contains(this.drawn.el)) this.stage.replaceChildren(this.drawn.el);
return;
}
const answer = this.view.inspector.answers.get(row),
item = answer?.media || media.peek(row);
const known = this.kept.get(row);
if (known) this.drawKnown(known);
else if (item && (changed || !this.size || (item.width ?? 0) > this.size[0])) this.drawItem(item, answer);
else if (!item) this.stage.replaceChildren(h("span", { class: "lw-empty-line", text: "…" }));
if (!known) this.timer = setTimeout(() => this.fetch(row, item), FETCH_REST);
}
caption() {
const { store } = this.view,
{ row } = store;
const id = this.view.inspector.answers.get(row)?.id ?? this.view.media.peek(row)?.id;
const p = store.pError[row];
this.title.textContent = `example ${id === undefined ? "…" : clip(String(id), 40)}`;
this.title.title = id === undefined ? "" : String(id);
const given = store.className(store.given[row]);
const parts = [store.edited(row) ? `${given} → ${store.className(store.labels[row])}` : given];
if (Number.isFinite(p) && !this.view.inspector.hides) parts.push(`p(wrong) ${probability(p)}`);
this.facts.textContent = parts.join(" · ");
this.facts.title = this.facts.textContent;
}
drawItem(item, answer) {
this.noted = this.note.textContent = "";
if (item.src) {
this.drawPicture(item.src, [item.width ?? 0, item.height ?? 0], item);
return;
}
this.img = this.size = this.text = null;
this.pixels.disabled = true;
if (typeof item.text === "string" && !item.sound) this.drawText(item.text);
else if (item.table && this.view.inspector.rows) {
this.stage.replaceChildren(this.view.inspector.rows.twin(answer));
} else this.stage.replaceChildren(mediaNode(item, "full"));
}
drawKnown(known) {
if (known.text !== undefined) this.drawText(known.text);
else this.drawPicture(known.url ?? "", [known.width ?? 0, known.height ?? 0], known);
}
drawPicture(src, size, { alpha, original, note }) {
const { size: old, place } = this,
same = old && place && !this.fits && Math.abs(old[0] * size[1] - old[1] * size[0]) <= Math.max(...size, ...old);
if (same) this.place = settled(resized(place, old, size), this.box(), size);
this.size = size;
this.text = null;
this.img = h("img", {
class: `lw-lightbox-picture${isSmall(size[0], size[1]) ? " lw-pixels" : ""}${alpha ? " lw-alpha" : ""}`,
alt: this.title.textContent,
draggable: "false",
src,
});
this.noted = original ? [`${count(original[0])} × ${count(original[1])} pixels`, note].filter(Boolean).join(" · ") : "";
this.pixels.disabled = false;
this.stage.replaceChildren(this.img);
if (same) this.lay();
else this.fit();
}
drawText(text) {
this.img = this.size = null;
const words = searchWords(this.view.store.look.filters.search);
const parts = highlighted(text, words).map(([part, hit]) => (hit ? h("mark", { text: part }) : part));
this.text = h("div", { class: "lw-lightbox-text", dir: "auto" }, ...parts);
this.noted = `${count([...text].length)} characters`;
this.pixels.disabled = true;
this.stage.replaceChildren(h("div", { class: "lw-lightbox-page", tabindex: "0", role: "document", "aria-label": "text of the example" }, this.text));
this.text.querySelector("mark")?.scrollIntoView?.({ block: "center" });
this.letter(0);
}
async fetch(row, item) {
const { view } = this;
if (!item || view.store.meta.locked) {
if (view.store.meta.locked && item?.src && this.row === row) this.tell("as saved");
return;
}
const isText = typeof item.text === "string";
if (isText ? view.media.kind === "own" : !item.src || view.media.kind !== "image") return;
let known;
try {
known = isText ? (await view.wire.ask("text", { row })).body : await view.inspector.pictures.fetch(row);
this.keep(row, known);
} catch (error) {
if (this.row === row) this.tell((error).message);
return;
}
if (this.open && this.row === row && !(isText && this.text?.textContent === known.text)) this.drawKnown(known);
}
keep(row, known) {
this.kept.set(row, known);
if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value ?? -1);
}
tell(text) {
this.noted = text;
this.note.textContent = text;
}
box() {
return [this.stage.clientWidth, this.stage.clientHeight];
}
fit() {
if (this.text) this.letter(0, 2);
this.drawn?.fit();
if (!this.size) return;
this.place = fitted(this.box(), this.size);
this.fits = true;
this.lay();
}
zoom(factor, point = this.box().map((side) => side / 2)) {
if (this.text) this.letter(factor > 1 ? 1 : -1);
this.drawn?.zoom(factor);
if (!this.size || !this.place) return;
this.place = scaled(this.place, factor, point, this.box(), this.size);
this.fits = false;
this.lay();
}
togglePixels() {
this.drawn?.togglePixels();
if (!this.size || !this.place) return;
const ratio = window.devicePixelRatio || 1,
there = Math.abs(this.place.k * ratio - 1) < 1e-6;
if (there && !this.fits) {
this.fit();
return;
}
this.place = originalPixels(this.place, this.box(), this.size, ratio);
this.fits = false;
this.lay();
}
letter(by, at = this.letters) {
this.letters = Math.max(0, Math.min(LETTERS.length - 1, at + by));
this.text?.style.setProperty("font-size", `${LETTERS[this.letters]}px`);
this.note.textContent = this.noted;
}
lay() {
const { place, size, img } = this;
if (!place || !size || !img) return;
const { x, y, k } = place,
{ style } = img;
const ratio = window.devicePixelRatio || 1;
style.width = `${size[0] * k}px`;
style.height = `${size[1] * k}px`;
style.transform = `translate(${x}px, ${y}px)`;
img.classList.toggle("lw-pixels", isSmall(size[0], size[1]) || k * ratio >= 3);
this.note.textContent = [this.noted, `${count(100 * k * ratio)} %`].filter(Boolean).join(" · ");
}
listen() {
const { stage } = this;
let drag = null;
const at = (event) => {
const box = stage.getBoundingClientRect();
return [event.clientX - box.left, event.clientY - box.top];
};
stage.addEventListener("pointerdown", (event) => {
if (!this.size || !this.place || event.button !== 0) return;
stage.setPointerCapture(event.pointerId);
drag = { from: at(event), place: this.place };
event.preventDefault();
});
stage.addEventListener("pointermove", (event) => {
if (!drag || !this.size) return;
const [x, y] = at(event);
this.place = settled(
{ ...drag.place, x: drag.place.x + x - drag.from[0], y: drag.place.y + y - drag.from[1] },
this.box(),
this.size,
);
this.lay();
});
for (const type of ["pointerup", "pointercancel"]) stage.addEventListener(type, () => (drag = null));
stage.addEventListener("dblclick", () => this.fit());
stage.addEventListener(
"wheel",
(event) => {
if (!this.size) return;
event.preventDefault();
event.stopPropagation();
this.zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 16 : 1) * 0.0016), at(event));
},
{ passive: false },
);
}
key(event) {
const by = { PageDown: 0.9, PageUp: -0.9 }[event.key];
if (!this.open || !this.text || !by) return false;
this.stage.firstElementChild?.scrollBy({ top: by * this.stage.clientHeight });
return true;
}
destroy() {
clearTimeout(this.timer);
this.kept.clear();
}
}
function lightboxFeature(view) {
const { store, registry, inspector, gallery, keymap } = view;
const box = (view.lightbox = new Lightbox(view));
view.addCover(box.el);
const cap = capOf(keymap, "enlarge");
const button = h("button", {
type: "button",
class: "lw-icon lw-enlarge",
text: "⤢",
title: `enlarge${cap && ` (${cap})`}`,
"aria-label": "enlarge the example",
onclick: () => box.toggle(),
});
inspector.picture.after(button);
registry.listen(inspector.picture, "click", (event) => event.target.matches("img.lw-media") && box.show());
registry.listen(gallery.strip, "click", (event) => event.detail === 2 && event.target.closest(".lw-card") && box.show());
store.on("cursor", () => box.draw());
store.on("neighbors", () => box.draw());
store.on("labels", () => box.open && box.caption());
registry.on("layout", () => box.open && box.size && (box.fits ? box.fit() : box.lay()));
registry.onAction("enlarge", () => box.toggle());
registry.onAction("pixels", () => (box.open || box.drawn ? box.togglePixels() : view.say("enlarge the example first", "warn")));
registry.onKey((event) => box.key(event));
for (const [action, factor] of Object.entries({ zoomIn: ZOOM_STEP, zoomOut: 1 / ZOOM_STEP }))
registry.onAction(action, () => {
if (box.open || (box.drawn && !view.grid?.open)) box.zoom(factor);
else if (view.grid?.open) view.grid.resizeBy(factor);
else view.maps.forEach((map) => map.zoomBy(factor));
});
registry.onEscape(() => !inspector.editing && box.close());
registry.onEnd(() => box.destroy());
}

// --- state/lifeline.js
const RESTARTED = "The kernel was restarted or shut down: decisions are no longer saved. Run this cell again.";
const ANSWER_WITHIN = 4000;
function lifelineFeature(view) {
const { model, store, registry, root, wire } = view;
const banner = h("div", { class: "lw-banner", role: "alert", hidden: true });
view.head.el.after(banner);
const lock = (reason, kind) => {
store.locked = reason;
root.dataset.locked = kind;
banner.textContent = reason;
banner.hidden = false;
};
if (store.meta.locked) {
lock(store.meta.locked, "saved");
return;
}
wire.onLost = () => {
if (!store.locked) lock(RESTARTED, "gone");
wire.abandon("the kernel was restarted");
};
wire.onSilence = () => wire.ask("current", { row: store.row }).catch(() => {});
const look = () => {
const timer = setTimeout(() => wire.onLost(), ANSWER_WITHIN);
registry.onEnd(() => clearTimeout(timer));
wire
.ask("current", { row: store.row })
.then(() => store.locked && view.again())
.catch(() => wire.onLost())
.finally(() => clearTimeout(timer));
};
model.on("comm_live_update", look);
registry.onEnd(() => model.off("comm_live_update", look));
}

// --- base/crossfilter.js
const BINS = 40;
const NO_BIN = 255;
const BUCKETS = 8192;
function binned(values, low, high, bins = BINS) {
const out = new Uint8Array(values.length),
factor = high > low ? bins / (high - low) : 0;
for (let i = 0; i < values.length; i++) {
const v = values[i];
out[i] = v === v ? Math.max(0, Math.min(bins - 1, (v - low) * factor)) | 0 : NO_BIN;
}
return out;
}
function bucketed(values, buckets = BUCKETS) {
const n = values.length;
let low = Infinity,
high = -Infinity;
for (let i = 0; i < n; i++) {
const v = values[i];
if (v < low && v !== -Infinity) low = v;
if (v > high && v !== Infinity) high = v;
}
const factor = high > low ? buckets / (high - low) : 0;
const bucket = (v) => (factor ? Math.max(0, Math.min(buckets - 1, Math.floor((v - low) * factor))) : 0);
const starts = new Uint32Array(buckets + 1),
places = new Uint16Array(n);
let known = 0;
for (let i = 0; i < n; i++) {
if (values[i] !== values[i]) continue;
places[i] = bucket(values[i]);
starts[places[i] + 1]++;
known++;
}
for (let b = 0; b < buckets; b++) starts[b + 1] += starts[b];
const next = starts.slice(0, buckets),
rows = new Uint32Array(known);
for (let i = 0; i < n; i++) if (values[i] === values[i]) rows[next[places[i]]++] = i;
return { rows, starts, bucket };
}
class Crossfilter {
constructor(n) {
this.n = n;
this.failed = new Int32Array(n);
this.passing = new Uint8Array(n).fill(1);
this.passingCount = n;
this.bits = new Map();
this.ranges = new Map();
this.groups = new Map();
this.list = [];
this.indexes = new WeakMap();
this.flipped = new Uint32Array(1024);
this.flips = 0;
}
bit(name) {
const known = this.bits.get(name);
if (known !== undefined) return known;
const used = new Set(this.bits.values());
let free = 0;
while (used.has(1 << free)) free++;
if (free > 30) throw new Error("more than 31 filters at once");
this.bits.set(name, 1 << free);
this.forget(name);
return 1 << free;
}
range(name, values, low, high) {
const bit = this.bit(name),
before = this.ranges.get(name),
{ n } = this;
this.ranges.set(name, { values, low, high });
const test = (i) => {
if (!(values[i] >= low && values[i] <= high) !== Boolean(this.failed[i] & bit)) this.flip(i, bit);
};
if (before?.values !== values) {
for (let i = 0; i < n; i++) test(i);
return;
}
const index = this.indexes.get(values) ?? bucketed(values);
this.indexes.set(values, index);
const { rows, starts, bucket } = index;
for (const [a, b] of [
[before.low, low],
[before.high, high],
]) {
if (a === b) continue;
const end = starts[bucket(Math.max(a, b)) + 1];
for (let at = starts[bucket(Math.min(a, b))]; at < end; at++) test(rows[at]);
}
}
among(name, codes, kept) {
let most = 0;
for (const code of kept) most = Math.max(most, code);
const wanted = new Uint8Array(most + 2);
for (const code of kept) wanted[code + 1] = 1;
this.keep(name, (i) => wanted[codes[i] + 1]);
}
mask(name, mask) {
this.keep(name, (i) => mask[i]);
}
keep(name, test) {
const bit = this.bit(name),
{ failed, n } = this;
this.ranges.delete(name);
for (let i = 0; i < n; i++) if (!test(i) !== Boolean(failed[i] & bit)) this.flip(i, bit);
}
clear(name) {
const bit = this.bits.get(name),
{ failed, n } = this;
if (bit === undefined) return;
for (let i = 0; i < n; i++) if (failed[i] & bit) this.flip(i, bit);
this.bits.delete(name);
this.ranges.delete(name);
}
get active() {
return this.bits.size > 0;
}
flip(i, bit) {
const old = this.failed[i],
now = old ^ bit;
this.failed[i] = now;
if ((old === 0) !== (now === 0)) {
this.passing[i] = now === 0 ? 1 : 0;
this.passingCount += now === 0 ? 1 : -1;
if (this.flips === this.flipped.length) {
const larger = new Uint32Array(2 * this.flips);
larger.set(this.flipped);
this.flipped = larger;
}
this.flipped[this.flips++] = i;
}
for (const group of this.list) {
const was = (old & ~group.bit) === 0,
is = (now & ~group.bit) === 0;
if (was === is) continue;
const b = group.bins[i];
if (b < 0 || b >= group.size) continue;
group.shown[b] += is ? 1 : -1;
if (group.selected && group.selected[i]) group.chosen[b] += is ? 1 : -1;
}
}
takeFlipped() {
const rows = this.flipped.slice(0, this.flips);
this.flips = 0;
return rows;
}
counts(name, bins, size, selected) {
const known = this.groups.get(name),
bit = this.bits.get(name) || 0;
if (known && known.bins === bins && known.size === size && known.selected === selected && known.bit === bit)
return known;
const group = { bins, size, selected, bit, ...this.counted(bins, size, bit, selected) };
this.groups.set(name, group);
this.list = [...this.groups.values()];
return group;
}
counted(bins, size, bit, selected) {
const { failed, n } = this;
const all = new Int32Array(size),
shown = new Int32Array(size),
chosen = new Int32Array(size);
for (let i = 0; i < n; i++) {
const b = bins[i];
if (b < 0 || b >= size) continue;
all[b]++;
if ((failed[i] & ~bit) === 0) {
shown[b]++;
if (selected && selected[i]) chosen[b]++;
}
}
return { all, shown, chosen };
}
forget(name) {
this.groups.delete(name);
this.list = [...this.groups.values()];
}
}

// --- state/store.js
const VERDICTS = ["undecided", "relabelled", "kept", "skipped"];
const BITS = { flagged: 1, noted: 2, edited: 4 };
const CODE = { relabel: 1, keep: 2, skip: 3 };
const LIVE = ["label", "verdict"];
const NARROWED = ["queue", "all"];
class Store {
constructor(meta, arrays) {
this.meta = meta;
this.n = meta.n;
this.classes = meta.classes;
this.listeners = new Map();
this.given = arrays.given;
this.suggested = arrays.suggested;
this.labels = arrays.labels;
this.verdict = arrays.verdict;
this.flags = arrays.flags;
this.pError = arrays.p_error;
this.pSuggested = arrays.p_suggested;
this.order = arrays.order;
this.issue = arrays.is_issue;
this.slices = undefined;
this.neighborsOf = null;
this.columns = new Map(meta.columns.map((column) => [column.name, { ...column }]));
this.rank = new Int32Array(this.n);
for (let i = 0; i < this.n; i++) this.rank[this.order[i]] = i;
this.filter = new Crossfilter(this.n);
this.look = { filters: {}, color_by: "", cameras: {}, epochs: {} };
this.selected = new Uint8Array(this.n);
this.selectedCount = 0;
this.lists = { queue: arrays.queue, all: this.order, selection: new Int32Array(0), neighbors: new Int32Array(0) };
this.list = "queue";
this.queueUnit = meta.queue_unit || "";
this.queueKind = kindOf(meta.queue_order || "");
this.selectionUnit = "";
this.unitPicked = { row: -1, key: "" };
this.narrowed = new Map();
this.row = -1;
this.past = [];
this.future = [];
this.pending = 0;
this.saved = meta.saved || "";
this.blind = Boolean(meta.blind);
this.revealed = -1;
this.changed = meta.changed;
this.k = this.space.length;
this.gone = new Set();
this.grow(meta.added);
this.locked = "";
this.emptyBecause = "";
}
on(topic, listener) {
this.listeners.set(topic, [...(this.listeners.get(topic) || []), listener]);
}
emit(topic, detail) {
for (const listener of this.listeners.get(topic) || []) listener(detail);
}
get space() {
return this.meta.space.length ? this.meta.space : this.classes;
}
grow(added) {
const { space, k } = this,
gone = new Set(added.flatMap(({ stands }, i) => (stands ? [] : [k + i])));
if (space.length === k + added.length && gone.size === this.gone.size) return;
space.splice(k, space.length, ...added.map(({ name }) => name));
this.gone = gone;
const labels = this.columns.get("label");
if (labels && space === this.classes) labels.categories = space;
this.emit("space");
}
values(name) {
if (name === "label") return this.labels;
if (name === "verdict") return this.verdict;
return this.columns.get(name)?.values || null;
}
loaded(name) {
const values = this.values(name);
if (!values) throw new Error(`the column ${name} is not loaded`);
return values;
}
column(name) {
const column = this.columns.get(name);
if (!column) throw new Error(`no column is named ${name}`);
return column;
}
isLive(name) {
return LIVE.includes(name);
}
setColumn(column, values) {
const known = this.columns.get(column.name);
if (known) known.values = values;
else this.columns.set(column.name, { ...column, values });
}
refilter(change) {
change(this.filter);
this.narrowed.clear();
this.emit("mask", { filter: true, rows: this.filter.takeFlipped() });
}
setLook(part, { from = "page" } = {}) {
const look = { ...this.look, ...part };
if (JSON.stringify(look) === JSON.stringify(this.look)) return;
this.look = look;
this.emit("look", { part, from });
}
setSelection(mask, { from = "page", stay = false, unit = "" } = {}) {
this.selected = mask;
this.selectionUnit = unit;
this.selectedCount = countMask(mask);
this.lists.selection = rowsOf(mask, this.order);
this.emit("selection", { from });
this.emit("mask", { selection: true, from });
if (!stay || this.list === "selection") this.showList(this.selectedCount ? "selection" : "queue");
}
clearSelection() {
if (this.selectedCount) this.setSelection(new Uint8Array(this.n));
}
rows(name = this.list) {
const rows = this.lists[name] || this.lists.queue;
if (!NARROWED.includes(name) || !this.filter.active) return rows;
let narrowed = this.narrowed.get(name);
if (narrowed?.of !== rows) {
narrowed = { of: rows, rows: rows.filter((row) => this.filter.passing[row]) };
this.narrowed.set(name, narrowed);
}
return narrowed.rows;
}
get unit() {
return this.list === "queue" ? this.queueUnit : this.list === "selection" ? this.selectionUnit : "";
}
get kind() {
return this.list === "queue" ? this.queueKind : "";
}
showList(name) {
this.list = name;
this.emit("list");
}
setQueue(rows, unit = "", order = "") {
this.lists.queue = rows;
this.queueUnit = unit;
this.queueKind = kindOf(order);
this.emit("queue");
this.emit("list");
}
setSaved(time) {
this.saved = time || "";
this.emit("history");
}
goTo(row) {
if (row === this.row) return;
this.row = row;
if (this.unitPicked.row !== row) this.unitPicked = { row: -1, key: "" };
this.revealed = -1;
this.emit("cursor");
}
step(by) {
const rows = this.rows();
if (!rows.length) return;
const at = rows.indexOf(this.row);
this.goTo(rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by))]);
}
nextOpen() {
const rows = this.rows(),
at = rows.indexOf(this.row);
if (at < 0) return this.row;
for (let i = at + 1; i < rows.length; i++) if (!this.verdict[rows[i]]) return rows[i];
return rows[Math.min(at + 1, rows.length - 1)];
}
firstOpen(name = this.list) {
const rows = this.rows(name);
const open = rows.find((row) => !this.verdict[row]);
return open === undefined ? (rows.length ? rows[0] : -1) : open;
}
progress() {
const rows = this.rows("queue");
let done = 0;
for (const row of rows) if (this.verdict[row]) done++;
return { done, total: rows.length, at: rows.indexOf(this.row) + 1 };
}
apply(change) {
const { rows } = change;
const before = this.standing(rows);
rows.forEach((row, i) => {
if (change.labels) this.expect(row, change.labels[i]);
if (change.verdict)
this.verdict[row] = change.labels && change.labels[i] === this.given[row] ? CODE.keep : CODE[change.verdict];
if (change.flag !== undefined) this.flags[row] = change.flag ? this.flags[row] | BITS.flagged : this.flags[row] & ~BITS.flagged;
if (change.note !== undefined) this.flags[row] = change.note ? this.flags[row] | BITS.noted : this.flags[row] & ~BITS.noted;
});
this.remember(before, change.text);
this.touched(rows);
}
standing(rows) {
const { labels, verdict, flags } = this;
return {
rows,
labels: Int32Array.from(rows, (r) => labels[r]),
verdict: Uint8Array.from(rows, (r) => verdict[r]),
flags: Uint8Array.from(rows, (r) => flags[r]),
};
}
remember(before, text) {
const { rows } = before;
this.past.push({ before, after: this.standing(rows), text, rows });
if (this.past.length > 1000) this.past.shift();
this.future = [];
}
travel(forward = false) {
const [from, to] = forward ? [this.future, this.past] : [this.past, this.future];
const step = from.pop();
if (!step) return null;
to.push(step);
this.write(forward ? step.after : step.before);
return step;
}
expect(row, label) {
this.labels[row] = label;
this.flags[row] = label === this.given[row] ? this.flags[row] & ~BITS.edited : this.flags[row] | BITS.edited;
}
edited(row) {
return Boolean(this.flags[row] & BITS.edited);
}
flagged(row) {
return Boolean(this.flags[row] & BITS.flagged);
}
noted(row) {
return Boolean(this.flags[row] & BITS.noted);
}
patch({ rows, labels, verdict, flags }, changed) {
const news = rows.some(
(row, i) => this.labels[row] !== labels[i] || this.verdict[row] !== verdict[i] || this.flags[row] !== flags[i],
);
if (news) this.write({ rows, labels, verdict, flags });
if (changed === this.changed) return;
this.changed = changed;
this.emit("history");
}
write({ rows, labels, verdict, flags }) {
for (let i = 0; i < rows.length; i++) {
this.labels[rows[i]] = labels[i];
this.verdict[rows[i]] = verdict[i];
this.flags[rows[i]] = flags[i];
}
this.touched(rows);
}
touched(rows) {
LIVE.forEach((name) => this.filter.forget(name));
this.narrowed.clear();
this.emit("labels", rows);
}
className(code) {
return code >= 0 && code < this.classes.length ? this.classes[code] : "unlabelled";
}
shortName(code, most) {
return code >= 0 && code < this.classes.length ? shortNames(this.classes, most)[code] : "unlabelled";
}
shortenIn(text, most) {
if (text.length <= most) return text;
const named = this.classes.map((name, code) => [name, code]);
const found = named.filter(([name]) => name.length > 12 && text.includes(name));
found.sort((a, b) => b[0].length - a[0].length);
const room = Math.max(10, Math.floor((most - 30) / Math.max(1, Math.min(2, found.length))));
return found.reduce((all, [name, code]) => all.replaceAll(name, this.shortName(code, room)), text);
}
hides(row) {
return this.blind && this.meta.ordered !== false && row >= 0 && this.revealed !== row && !this.verdict[row];
}
}
function patchOf(buffers) {
return {
rows: arrayOf(Int32Array, buffers[0]),
labels: arrayOf(Int32Array, buffers[1]),
verdict: arrayOf(Uint8Array, buffers[2]),
flags: arrayOf(Uint8Array, buffers[3]),
};
}

// --- state/news.js
const TELL_PAUSE = 150;
function newsFeature(view) {
const { store, registry } = view;
hear(view);
store.on("selection", ({ from }) => {
if (from !== "python") tellSelection(view);
});
let timer = 0;
store.on("cursor", () => {
clearTimeout(timer);
timer = setTimeout(() => view.wire.ask("current", { row: store.row }).catch(() => {}), TELL_PAUSE);
});
registry.onEnd(() => clearTimeout(timer));
}
function hear(view) {
const { store, registry } = view;
registry.onPush("selection", (_, buffers) =>
store.setSelection(unpackMask(arrayOf(Uint8Array, buffers[0]), store.n), { from: "python" }),
);
registry.onPush("go", (body) => store.goTo(body.row));
registry.onPush("error", (body) => view.say(body.text, "error"));
registry.onPush("reopen", () => setTimeout(view.again));
registry.onPush("decided", (body) => store.setSaved(body.time));
}
function takePatch(store, body, buffers) {
if (body.patch?.added) store.grow(body.patch.added);
if (body.patch) store.patch(patchOf(buffers.slice(body.patch.at, body.patch.at + 4)), body.patch.changed);
}
function tellSelection({ store, wire, fail }) {
const buffers = store.selectedCount ? [packMask(store.selected).buffer] : [];
wire.ask("select", { count: store.selectedCount }, buffers).catch(fail);
}

// --- maps/points_gl.js
function built(gl) {
const program = linked(gl);
const names = ["scale", "shift", "size", "alpha", "rise", "grey", "outline", "anySelected", "table"];
const at = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)]));
const buffers = [gl.createBuffer(), gl.createBuffer(), gl.createBuffer()];
const texture = gl.createTexture();
gl.enable(gl.BLEND);
gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
gl.enable(gl.DEPTH_TEST);
gl.depthFunc(gl.LEQUAL);
return { program, at, buffers, texture };
}
const PASSES = 1;
const SELECTED = 2;
const CHANGED = 4;
const FLAGGED = 8;
const VERTEX = `#version 300 es
in vec2 place; in uint level; in uint state;
uniform vec2 scale, shift; uniform float size, alpha, rise; uniform vec3 grey; uniform bool anySelected; uniform sampler2D table;
out vec4 color; flat out float shape;
void main() {
bool passes = (state & 1u) != 0u, lit = passes && (!anySelected || (state & 2u) != 0u);
shape = lit && (state & 4u) != 0u ? 1.0 : lit && (state & 8u) != 0u ? 2.0 : 0.0;
float known = level > 253u ? 0.0 : float(level) / 253.0, doubt = rise > 0.0 ? known : 1.0 - known;
float over = shape > 0.0 ? 0.0 : rise == 0.0 ? 0.1 : 0.2 - 0.1 * doubt;
gl_Position = vec4(place * scale + shift, lit ? over : passes ? 0.4 : 0.6, 1.0);
if (!passes && anySelected) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
float big = shape > 0.0 ? max(1.5 * size, 5.0) : size * (anySelected ? 1.25 : 1.0);
gl_PointSize = lit ? big : size * (passes ? 0.85 : 0.6);
color = lit ? vec4(texelFetch(table, ivec2(int(level), 0), 0).rgb, alpha) : vec4(grey, passes ? alpha * 0.75 : alpha * 0.5);
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 color; flat in float shape; uniform vec3 outline; out vec4 pixel;
void main() {
vec2 d = abs(gl_PointCoord - 0.5);
float r = shape < 0.5 ? length(d) : shape < 1.5 ? d.x + d.y : max(d.x, d.y) * 1.12;
if (r > 0.5) discard;
vec3 rgb = shape > 0.5 && r > 0.34 ? outline : color.rgb;
float a = shape > 0.5 ? 1.0 : color.a;
pixel = vec4(rgb * a, a);
}`;
function compiled(gl, kind, source) {
const shader = gl.createShader(kind);
if (!shader) throw new Error("the context is lost");
gl.shaderSource(shader, source);
gl.compileShader(shader);
if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) || "shader");
return shader;
}
function linked(gl) {
const program = gl.createProgram();
if (!program) throw new Error("the context is lost");
gl.attachShader(program, compiled(gl, gl.VERTEX_SHADER, VERTEX));
gl.attachShader(program, compiled(gl, gl.FRAGMENT_SHADER, FRAGMENT));
["place", "level", "state"].forEach((name, i) => gl.bindAttribLocation(program, i, name));
gl.linkProgram(program);
if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) || "program");
return program;
}
class PointsGL {
static on(canvas) {
const gl = canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true, depth: true });
if (!gl) return null;
try {
return new PointsGL(canvas, gl);
} catch {
return null;
}
}
constructor(canvas, gl) {
this.canvas = canvas;
this.gl = gl;
this.kind = "webgl2";
this.onrestored = () => {};
this.n = 0;
this.kept = {};
this.parts = built(gl);
canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
canvas.addEventListener("webglcontextrestored", () => {
this.parts = built(gl);
this.again();
this.onrestored();
});
}
again() {
const { positions, levels, states, table } = this.kept;
if (positions) this.setPositions(positions);
if (levels) this.setLevels(levels);
if (states) this.setStates(states);
if (table) this.setTable(table);
}
upload(index, data, usage) {
const { gl } = this;
gl.bindBuffer(gl.ARRAY_BUFFER, this.parts.buffers[index]);
gl.bufferData(gl.ARRAY_BUFFER, data, usage);
}
setPositions(xy) {
this.kept.positions = xy;
this.n = xy.length >> 1;
this.upload(0, xy, this.gl.STATIC_DRAW);
}
setLevels(levels) {
this.kept.levels = levels;
this.upload(1, levels, this.gl.DYNAMIC_DRAW);
}
setStates(states) {
this.kept.states = states;
this.upload(2, states, this.gl.DYNAMIC_DRAW);
}
touch(which, rows) {
const { gl } = this,
data = which === "levels" ? this.kept.levels : this.kept.states;
if (!data) return;
gl.bindBuffer(gl.ARRAY_BUFFER, this.parts.buffers[which === "levels" ? 1 : 2]);
for (const row of rows) gl.bufferSubData(gl.ARRAY_BUFFER, row, data, row, 1);
}
setTable(rgba) {
const { gl } = this;
this.kept.table = rgba;
gl.bindTexture(gl.TEXTURE_2D, this.parts.texture);
gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
for (const p of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, p, gl.NEAREST);
}
draw({ camera, size, alpha, rise = 0, grey, outline, anySelected, ratio }) {
const { gl, canvas } = this,
{ at } = this.parts;
if (gl.isContextLost()) return;
gl.viewport(0, 0, canvas.width, canvas.height);
gl.clearColor(0, 0, 0, 0);
gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
if (!this.n || !this.kept.levels || !this.kept.states || !this.kept.table) return;
gl.useProgram(this.parts.program);
gl.uniform2f(at.scale, camera.k, camera.k);
gl.uniform2f(at.shift, camera.tx, camera.ty);
gl.uniform1f(at.size, size * ratio);
gl.uniform1f(at.alpha, alpha);
gl.uniform1f(at.rise, rise);
gl.uniform3fv(at.grey, grey.map((v) => v / 255));
gl.uniform3fv(at.outline, outline.map((v) => v / 255));
gl.uniform1i(at.anySelected, anySelected ? 1 : 0);
gl.uniform1i(at.table, 0);
gl.activeTexture(gl.TEXTURE0);
gl.bindTexture(gl.TEXTURE_2D, this.parts.texture);
gl.bindBuffer(gl.ARRAY_BUFFER, this.parts.buffers[0]);
gl.enableVertexAttribArray(0);
gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
for (const i of [1, 2]) {
gl.bindBuffer(gl.ARRAY_BUFFER, this.parts.buffers[i]);
gl.enableVertexAttribArray(i);
gl.vertexAttribIPointer(i, 1, gl.UNSIGNED_BYTE, 0, 0);
}
gl.drawArrays(gl.POINTS, 0, this.n);
}
destroy() {
this.gl.getExtension("WEBGL_lose_context")?.loseContext();
this.kept = {};
}
}

// --- maps/points_2d.js
function disc(diameter) {
const d = Math.max(1, Math.round(diameter));
return pixels(d, (x, y) => x ** 2 + y ** 2 <= (d / 2) ** 2);
}
function mark(diameter, kind) {
const d = Math.max(3, Math.round(diameter));
return pixels(d, (x, y) => kind === "square" || Math.abs(x) + Math.abs(y) <= d / 2);
}
function pixels(d, inside) {
const half = (d - 1) / 2,
out = [];
for (let y = 0; y < d; y++)
for (let x = 0; x < d; x++) if (inside(x - half, y - half)) out.push([x - Math.floor(half), y - Math.floor(half)]);
return out;
}
const packed = (rgb) => (255 << 24) | (Math.round(rgb[2]) << 16) | (Math.round(rgb[1]) << 8) | Math.round(rgb[0]);
class Points2D {
constructor(canvas) {
this.canvas = canvas;
this.context = (canvas.getContext("2d"));
this.kind = "canvas2d";
this.onrestored = () => {};
this.n = 0;
this.xy = null;
this.levels = null;
this.states = null;
this.table = null;
}
setPositions(xy) {
this.xy = xy;
this.n = xy.length >> 1;
}
setLevels(levels) {
this.levels = levels;
}
setStates(states) {
this.states = states;
}
setTable(rgba) {
this.table = new Uint32Array(256).map((_, i) => packed(rgba.subarray(4 * i, 4 * i + 3)));
}
touch() {
}
layer(state, anySelected) {
if (!(state & PASSES)) return 0;
if (anySelected && !(state & SELECTED)) return 1;
return state & CHANGED ? 4 : state & FLAGGED ? 3 : 2;
}
draw({ camera, size, rise = 0, grey, outline, anySelected, ratio }) {
const {
canvas: { width, height },
context,
xy,
levels,
states,
table,
n,
} = this;
if (!n || !xy || !levels || !states || !table) {
context.clearRect(0, 0, width, height);
return;
}
const image = context.createImageData(width, height),
pixels = new Uint32Array(image.data.buffer);
const wide = Math.max(1.5 * size, 5) * ratio,
discs = [
...[0.6, 0.85, anySelected ? 1.25 : 1].map((factor) => disc(size * ratio * factor)),
mark(wide * 0.8, "square"),
mark(wide, "diamond"),
],
cores = [[], [], [], mark(wide * 0.5, "square"), mark(wide * 0.6, "diamond")];
const shown = new Uint8Array(rise ? width * height : 0);
const greyValue = packed(grey),
edge = packed(outline),
{ k, tx, ty } = camera;
for (let layer = anySelected ? 1 : 0; layer < 5; layer++) {
for (let i = 0; i < n; i++) {
if (this.layer(states[i], anySelected) !== layer) continue;
const x = (((xy[2 * i] * k + tx + 1) / 2) * width) | 0,
y = (((1 - (xy[2 * i + 1] * k + ty)) / 2) * height) | 0;
if (!(x >= 9 && x < width - 9 && y >= 9 && y < height - 9)) continue;
const fill = layer < 2 ? greyValue : table[levels[i]],
weight = levels[i] > 253 ? 0 : rise > 0 ? levels[i] : 253 - levels[i];
for (const [dx, dy] of discs[layer]) {
const at = (y + dy) * width + x + dx;
if (layer === 2 && rise) {
if (shown[at] > weight) continue;
shown[at] = weight;
}
pixels[at] = layer > 2 ? edge : fill;
}
if (layer > 2) for (const [dx, dy] of cores[layer]) pixels[(y + dy) * width + x + dx] = fill;
}
}
context.putImageData(image, 0, 0);
}
destroy() {
this.xy = this.levels = this.states = null;
}
}

// --- maps/map.js
const HOME = { k: 1, tx: 0, ty: 0 };
const FEW_ROWS = 2000;
const CELLS = 48;
class PointMap {
constructor(options) {
this.store = options.store;
this.tools = options.tools;
this.theme = options.theme;
this.paint = options.paint;
this.onHover = options.onHover;
this.onPick = options.onPick;
this.onSelect = options.onSelect;
this.title = options.title;
this.x = options.x;
this.y = options.y;
this.regions = options.regions;
this.onCamera = () => {};
this.camera = { ...HOME };
this.xy = null;
this.ranges = [];
this.trails = null;
this.epoch = undefined;
this.overlays = [];
this.drag = null;
this.hover = -1;
this.frame = 0;
this.overFrame = 0;
this.gliding = 0;
this.looking = 0;
this.size = { width: 0, height: 0 };
this.counted = null;
this.cells = new Uint32Array(0);
this.base = h("canvas", { class: "lw-points", "aria-hidden": "true" });
this.over = h("canvas", {
class: "lw-over",
role: "img",
"aria-label": `${options.title} of all examples; the gallery lists them for the keyboard`,
});
this.message = h("div", { class: "lw-empty" });
this.stage = h("div", { class: "lw-stage" }, this.base, this.over, this.message);
this.heading = h("span", { class: "lw-map-title", text: options.title });
this.note = h("span", { class: "lw-map-note" });
this.extra = h("span", { class: "lw-map-extra" });
this.el = h(
"section",
{ class: "lw-map", "aria-label": options.title },
h("div", { class: "lw-row" }, this.heading, this.note, this.extra),
this.stage,
);
this.points = (options.webgl !== false && PointsGL.on(this.base)) || new Points2D(this.freshCanvas());
this.points.onrestored = () => this.redraw();
this.listen();
}
freshCanvas() {
const canvas = h("canvas", { class: "lw-points", "aria-hidden": "true" });
this.base.replaceWith(canvas);
return (this.base = canvas);
}
setData(xs, ys, ranges = null) {
this.message.textContent = "";
this.ranges = ranges || [extent(xs), extent(ys)];
const next = normalized(xs, ys, this.ranges[0], this.ranges[1]);
const calm = window.matchMedia?.("(prefers-reduced-motion: reduce)").matches,
from = this.xy?.length === next.length && next.length <= 200_000 && !calm ? this.xy : null;
if (from && next.some((value, i) => !Object.is(value, from[i]))) this.glide(from, next);
else this.place(next);
}
place(xy) {
cancelAnimationFrame(this.gliding);
this.xy = xy;
this.points.setPositions(xy);
this.recolor();
}
glide(from, to) {
cancelAnimationFrame(this.gliding);
const start = performance.now(),
mid = new Float32Array(to.length);
const tick = (now) => {
const t = Math.min(1, (now - start) / 350),
e = t * t * (3 - 2 * t);
for (let i = 0; i < to.length; i++) mid[i] = from[i] + (to[i] - from[i]) * e;
this.points.setPositions(t < 1 ? mid : to);
this.redraw();
if (t < 1) this.gliding = requestAnimationFrame(tick);
};
this.xy = to;
this.gliding = requestAnimationFrame(tick);
}
say(text) {
this.message.replaceChildren(h("span", {}, withCode(text)));
}
recolor() {
const { levels, states, table } = this.paint;
if (!levels || !table) return;
this.points.setTable(table);
this.points.setLevels(levels);
this.points.setStates(states);
this.redraw();
}
restate(rows = null) {
if (!this.paint.levels) return;
if (rows && rows.length <= FEW_ROWS) this.points.touch("states", rows);
else this.points.setStates(this.paint.states);
this.redraw();
}
retouch(rows) {
if (rows.length > FEW_ROWS) {
this.recolor();
return;
}
this.points.touch("levels", rows);
this.points.touch("states", rows);
this.redraw();
}
resize() {
const width = this.stage.clientWidth,
height = this.stage.clientHeight,
ratio = window.devicePixelRatio || 1;
if (!width || !height) return;
const w = Math.round(width * ratio),
hgt = Math.round(height * ratio);
if (this.base.width === w && this.base.height === hgt && this.size.width === width && this.size.height === height) {
this.flush();
return;
}
this.size = { width, height };
this.base.width = w;
this.base.height = hgt;
this.draw();
}
flush() {
if (this.frame) this.draw();
}
redraw() {
if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
}
redrawOver() {
if (!this.frame && !this.overFrame) this.overFrame = requestAnimationFrame(() => this.drawOver(this.theme()));
}
draw() {
cancelAnimationFrame(this.frame);
this.frame = 0;
const {
size: { width, height },
store,
theme,
} = this;
if (!width) return;
const colors = theme(),
style = pointStyle(store.n, width * height, this.camera.k);
this.points.draw({
camera: this.camera,
...style,
rise: this.paint.rise,
grey: colors.grey,
outline: colors.text,
anySelected: store.selectedCount > 0,
ratio: window.devicePixelRatio || 1,
});
this.drawOver(colors);
}
drawOver(colors) {
cancelAnimationFrame(this.overFrame);
this.overFrame = 0;
const { size, xy, store, drag } = this,
c = sharpContext(this.over, size.width, size.height);
c.font = "10px system-ui, sans-serif";
if (xy) {
if (this.x) drawAxes(c, { x: this.x, y: this.y ?? "", ranges: this.ranges, size, camera: this.camera }, colors);
if (this.regions && this.camera.k === 1) drawRegions(c, size, colors, (box) => this.crowd(box));
for (const paint of this.overlays) paint(c, this, colors);
const near = store.neighborsOf,
hidden = this.x && store.hides(store.row);
if (near && near.row === store.row && !hidden)
drawNeighbors(
c,
this.place2d(near.row),
near.rows.map((row) => this.place2d(row)),
!this.x,
colors,
);
if (this.hover >= 0) {
ring(c, this.place2d(this.hover), 6, ink(colors.text, 0.8), 1);
this.onHover(this.hover, this);
}
if (store.row >= 0 && !hidden) {
ring(c, this.place2d(store.row), 8, ink(colors.background), 4);
ring(c, this.place2d(store.row), 8, ink(colors.text), 2);
}
}
if (drag && drag.kind !== "pan") drawOutline(c, drag, colors);
}
crowd([x0, y0, x1, y1]) {
if (this.xy && this.counted !== this.xy) {
this.counted = this.xy;
this.cells = cellsOf(this.xy, CELLS);
}
const { width, height } = this.size,
at = (v, span) => Math.max(0, Math.min(CELLS - 1, Math.floor((v / span) * CELLS)));
let sum = 0;
for (let b = at(y0, height); b <= at(y1, height); b++)
for (let a = at(x0, width); a <= at(x1, width); a++) sum += this.cells[b * CELLS + a];
return sum;
}
place2d(row) {
const [x, y] = this.xy ? [this.xy[2 * row], this.xy[2 * row + 1]] : [NaN, NaN];
return toScreen([x, y], this.size, this.camera);
}
listen() {
const { over } = this;
over.addEventListener("pointerdown", (event) => this.down(event));
over.addEventListener("pointermove", (event) => this.move(event));
over.addEventListener("pointerup", (event) => this.up(event));
over.addEventListener("pointercancel", () => this.cancel());
over.addEventListener("pointerleave", () => this.setHover(-1));
over.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
over.addEventListener("dblclick", () => this.home());
}
at(event) {
const box = this.over.getBoundingClientRect();
return [
((event.clientX - box.left) * this.size.width) / box.width,
((event.clientY - box.top) * this.size.height) / box.height,
];
}
down(event) {
if (!this.xy || event.button > 1) return;
this.over.setPointerCapture(event.pointerId);
const kind = event.button === 1 ? "pan" : this.tools.tool;
this.drag = {
kind,
points: [this.at(event)],
mode: modeFor(event, this.tools.mode),
camera: { ...this.camera },
far: 0,
};
event.preventDefault();
}
move(event) {
const here = this.at(event);
if (!this.drag) {
this.lookAt(here);
return;
}
const { points, kind, camera } = this.drag;
this.drag.far = Math.max(this.drag.far, Math.hypot(here[0] - points[0][0], here[1] - points[0][1]));
if (kind === "pan") {
const { width, height } = this.size;
this.setCamera({
k: camera.k,
tx: camera.tx + ((here[0] - points[0][0]) / width) * 2,
ty: camera.ty - ((here[1] - points[0][1]) / height) * 2,
});
} else {
points.push(here);
this.drawOver(this.theme());
}
}
up(event) {
const { drag } = this;
if (!drag) return;
this.drag = null;
if (drag.far < 4) this.click(this.at(event), drag.mode, event);
else if (drag.kind !== "pan") this.outline(drag);
this.redrawOver();
}
cancel() {
this.drag = null;
this.redrawOver();
}
outline({ kind, points, mode }) {
if (!this.xy) return;
const path = points.map((p) => toData(p, this.size, this.camera));
const allowed = this.store.filter.passing;
const fresh =
kind === "box"
? insideBox(this.xy, path[0], path[path.length - 1], allowed)
: insidePolygon(this.xy, path, allowed);
const mask = combined(this.store.selected, fresh, mode);
this.onSelect(mask, { taken: countMask(fresh), mode });
}
click(here, mode, event) {
const row = this.find(here, 10);
const modified = event.shiftKey || event.altKey || event.ctrlKey || event.metaKey || this.tools.mode !== "replace";
if (row < 0) {
if (!modified) this.store.clearSelection();
return;
}
if (modified) {
const fresh = new Uint8Array(this.store.n);
fresh[row] = 1;
this.onSelect(combined(this.store.selected, fresh, mode), { taken: 1, mode });
} else this.onPick(row);
}
find(here, radius) {
if (!this.xy) return -1;
const { width, height } = this.size,
place = toData(here, this.size, this.camera);
return nearest(
this.xy,
place,
(radius * 2) / width / this.camera.k,
(radius * 2) / height / this.camera.k,
this.store.filter.passing,
);
}
lookAt(here) {
if (this.looking) return;
this.looking = requestAnimationFrame(() => {
this.looking = 0;
this.setHover(this.find(here, 7));
});
}
setHover(row) {
if (row === this.hover) return;
this.hover = row;
this.over.style.cursor = row >= 0 ? "pointer" : "";
this.drawOver(this.theme());
this.onHover(row, this);
}
wheel(event) {
if (!this.xy || this.tools.scrolling()) return;
event.preventDefault();
event.stopPropagation();
const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
this.setCamera(zoomed(this.camera, Math.exp(-pixels * 0.0016), this.at(event), this.size));
}
zoomBy(factor) {
this.setCamera(zoomed(this.camera, factor, [this.size.width / 2, this.size.height / 2], this.size));
}
home() {
this.setCamera({ ...HOME });
}
setCamera(camera) {
this.camera = camera;
this.redraw();
this.onCamera();
}
destroy() {
cancelAnimationFrame(this.frame);
cancelAnimationFrame(this.overFrame);
cancelAnimationFrame(this.gliding);
cancelAnimationFrame(this.looking);
this.points.destroy();
}
}

// --- maps/objectmap.js
const LISTED = 12;
const COLORS = ["class", "P(wrong)", "kind of error"];
function objectsOf(body, buffers) {
const [rows, xy, codes, p, errors] = buffers;
return {
...body,
rows: arrayOf(Int32Array, rows),
xy: arrayOf(Float32Array, xy),
codes: arrayOf(Int16Array, codes),
p: arrayOf(Float32Array, p),
errors: arrayOf(Int16Array, errors),
};
}
class ObjectMap {
constructor(view) {
this.view = view;
this.objects = null;
this.map = null;
this.by = COLORS[0];
this.said = h("span", { class: "lw-quiet lw-num lw-clip" });
this.names = h("span", { class: "lw-legend lw-clip" });
this.menu = h(
"select",
{ class: "lw-select", "aria-label": "colour of the objects", onchange: () => this.colorBy(this.menu.value) },
...COLORS.map((name) => h("option", { value: name, text: name })),
);
this.place = h("div", { class: "lw-object-map" });
this.button = h("button", { type: "button", class: "lw-button", text: "Objects", title: "map of the objects", "aria-pressed": "false", onclick: () => this.toggle() });
this.el = h(
"section",
{ class: "lw-cover lw-objects-cover", role: "region", "aria-label": "map of the objects", hidden: true },
h("div", { class: "lw-row lw-cover-head" }, this.menu, this.said, this.names, h("span", { class: "lw-space" }), h("button", { type: "button", class: "lw-icon", text: "×", title: "close", "aria-label": "close the map of the objects", onclick: () => this.toggle(false) })),
this.place,
);
}
toggle(open = Boolean(this.el.hidden)) {
const was = !this.el.hidden;
this.el.hidden = !open;
this.button.setAttribute("aria-pressed", String(open));
if (open && !this.objects) this.load().catch(this.view.fail);
else if (open) this.map?.resize();
if (!open && was) this.view.focus();
return was !== open;
}
async load() {
this.said.textContent = "projecting…";
const { body, buffers } = await this.view.wire.ask("objects", {});
this.objects = objectsOf(body, buffers);
this.draw(this.objects);
}
draw(objects) {
const { view } = this,
n = objects.rows.length,
passing = new Uint8Array(n).fill(1);
this.paint = { levels: new Uint8Array(n), states: new Uint8Array(n).fill(PASSES), table: new Uint8Array(0), rise: 0 };
const store = { n, row: -1, selectedCount: 0, selected: new Uint8Array(n), neighborsOf: null, filter: { passing, active: false }, hides: () => false, clearSelection: () => view.store.clearSelection() };
const map = new PointMap({
store: (store),
paint: (this.paint),
tools: view.toolbar,
theme: view.theme,
title: "map of the objects",
webgl: view.model.get("webgl") !== false,
onPick: (at) => this.pick(at),
onHover: (at) => (this.said.textContent = at < 0 ? objects.note : this.words(at)),
onSelect: (mask, how) => view.selectFromMap(this.examples(mask), how),
});
this.map = map;
this.place.replaceChildren(map.el);
const xs = objects.xy.filter((_, i) => i % 2 === 0),
ys = objects.xy.filter((_, i) => i % 2);
map.resize();
this.colorBy(this.by);
map.setData(xs, ys, [extent(xs), extent(ys)]);
this.said.textContent = objects.note;
this.watch = new ResizeObserver(() => map.resize());
this.watch.observe(map.stage);
view.store.on("cursor", () => this.mark());
}
colorBy(name) {
const { objects, map, paint, view } = this,
{ grey, dark } = view.theme();
this.by = name;
if (!objects || !map || !paint) return;
if (name === "P(wrong)") {
paint.levels = levelsOf(objects.p, 0, 1);
paint.table = scoreTable({ suspicious: "high", dark, scheme: "viridis" }, grey);
paint.rise = 1;
this.names.replaceChildren(h("span", { class: "lw-quiet", text: "brighter is more likely wrong" }));
} else {
const own = name === "class",
codes = own ? objects.codes : objects.errors,
names = own ? view.store.space : objects.kinds,
colors = view.paint.classColors(names.length);
paint.levels = levelsOfCodes(codes);
paint.table = classTable(colors, grey);
paint.rise = 0;
this.names.replaceChildren(...names.slice(0, LISTED).map((one, code) => h("span", {}, swatch(colors[code % colors.length]), one)));
}
map.recolor();
}
words(at) {
const { objects, view } = this;
if (!objects) return "";
const { codes, p, errors, kinds } = objects,
kind = errors[at] < 0 ? "" : ` · ${kinds[errors[at]]}`;
return `${codes[at] < 0 ? "none" : view.store.space[codes[at]]}${Number.isFinite(p[at]) ? ` · P(wrong) ${probability(p[at])}` : ""}${kind}`;
}
pick(at) {
const { objects, view } = this;
if (!objects) return;
const row = objects.rows[at],
key = objects.keys[at];
view.store.unitPicked = { row, key };
if (view.store.row === row) view.inspector.editor.focusOn?.(key);
else view.store.goTo(row);
this.mark();
}
mark() {
const { objects, map, view } = this,
{ row, key } = view.store.unitPicked;
if (!objects || !map) return;
map.store.row = view.store.row === row ? objects.rows.findIndex((one, at) => one === row && objects.keys[at] === key) : -1;
map.redrawOver();
}
examples(mask) {
const out = new Uint8Array(this.view.store.n);
mask.forEach((inside, at) => {
if (inside && this.objects) out[this.objects.rows[at]] = 1;
});
return out;
}
destroy() {
this.watch?.disconnect();
this.map?.destroy();
}
}
function objectMapFeature(view) {
const { store } = view;
if (!store.meta.objects || store.locked || store.blind) return;
const map = new ObjectMap(view);
view.addToHead(map.button);
view.addCover(map.el);
view.registry.onEscape(() => map.toggle(false));
view.registry.onEnd(() => map.destroy());
}

// --- base/theme.js
function darkPage({ jupyter, vscode, backgrounds, scheme, prefersDark }) {
if (jupyter) return jupyter === "false";
if (vscode) return vscode === "vscode-dark" || vscode === "vscode-high-contrast";
const opaque = backgrounds.find(([, , , alpha]) => alpha > 127);
if (opaque) return luminance(opaque.slice(0, 3)) < 0.4;
return scheme.includes("dark") && (prefersDark || !scheme.includes("light"));
}
function pageTheme(node) {
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
function around(node) {
const found = [];
for (let one = above(node); one; one = above(one)) if (one.nodeType === Node.ELEMENT_NODE) found.push((one));
return found;
}
const above = (node) => node.parentNode || (node).host || null;
let painter;
function painted(color) {
const context = (painter ||= context2d(document.createElement("canvas"), { willReadFrequently: true }));
context.clearRect(0, 0, 1, 1);
context.fillStyle = color;
context.fillRect(0, 0, 1, 1);
return [...context.getImageData(0, 0, 1, 1).data];
}

// --- page.js
const LAYOUTS = [
[1040, "wide"],
[830, "middle"],
[540, "narrow"],
[0, "tiny"],
];
const THEME_CHECKS = [0, 120, 400, 1200];
const THEME_ATTRIBUTES = ["class", "style", "data-theme", "data-jp-theme-name", "data-jp-theme-light", "data-vscode-theme-kind"];
function pageFeature(view) {
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
const laidOut = new WeakMap();
function layout(view) {
const width = view.root.clientWidth;
if (width) arrange(view, width);
laidOut.set(view, sizesOf(view));
}
function sizesOf({ root, maps }) {
return [root, ...maps.map((map) => map.stage)].map((el) => `${el.clientWidth} ${el.clientHeight}`).join();
}
function arrange(view, width) {
const [, kind] = LAYOUTS.find(([least]) => width >= least) ?? LAYOUTS[LAYOUTS.length - 1];
if (view.root.dataset.layout !== kind) view.root.dataset.layout = kind;
view.registry.run("layout");
}
function watchSizes(view) {
const sizes = new ResizeObserver(() => {
if (sizesOf(view) !== laidOut.get(view)) layout(view);
});
sizes.observe(view.root);
view.maps.forEach((map) => sizes.observe(map.stage));
let away = false;
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
function retheme(view) {
if (!view.root.clientWidth) return;
const before = JSON.stringify(view.colors);
view.root.dataset.theme = pageTheme(view.root);
view.colors = readTheme(view.root);
if (JSON.stringify(view.colors) !== before) view.registry.run("theme");
}

// --- review/people.js
const PACE_PAUSE = 1500;
class PeoplePanel {
constructor({ store, wire, showSlice, fail }) {
this.store = store;
this.wire = wire;
this.showSlice = showSlice;
this.fail = fail;
this.el = h("div", { class: "lw-side lw-people", role: "tabpanel", "aria-label": "people", hidden: true });
}
async draw() {
if (!this.el.children.length) this.el.replaceChildren(h("span", { class: "lw-quiet", text: "counting…" }));
try {
const { body } = await this.wire.ask("people");
this.fill(body);
} catch (error) {
this.fail((error));
}
}
fill({ author, pace, authors = [], withheld, annotators = [] }) {
this.el.replaceChildren(
h("h4", { text: `${author}, this session` }),
h("p", { text: paceInWords(pace) || "no decision yet" }),
h("h4", { text: "Do authors agree?" }),
...this.authors(authors, withheld),
h("h4", { text: "Annotators" }),
...this.annotators(annotators),
);
}
authors(pairs, withheld) {
if (withheld) {
const why = `Shown once you have judged all the examples that others have: ${count(withheld)} left. Until then it would reveal their verdicts.`;
return [h("p", { class: "lw-quiet", text: why })];
}
if (!pairs.length) {
const how = "No example has been judged by two people. To give a second opinion, open the run with author= and second_opinion=True.";
return [h("p", { class: "lw-quiet", text: how })];
}
return pairs.map(({ a, b, text, differ }) =>
h(
"button",
{
type: "button",
class: "lw-people-row",
title: "select the examples on which they differ",
disabled: !differ,
onclick: () => this.pick({ authors: [a, b] }, `${a} and ${b} differ`),
},
h("span", { class: "lw-clip", text: `${a} · ${b}` }),
h("span", { class: "lw-num", text: differ ? `${count(differ)} differ` : "no difference" }),
h("span", { class: "lw-quiet lw-people-text", text }),
),
);
}
annotators(people) {
if (!people.length) return [h("p", { class: "lw-quiet", text: "No votes: wb.review.save_votes(run, frame) stores them." })];
return people.map(({ name, votes, quality, often }) =>
h(
"button",
{
type: "button",
class: "lw-people-row",
title: "select the examples on which this annotator differs from the consensus",
onclick: () => this.pick({ annotator: name }, `${name} against the consensus`),
},
h("span", { class: "lw-clip", text: name }),
h("span", { class: "lw-num", text: `quality ${probability(quality)}` }),
h("span", { class: "lw-quiet lw-people-text", text: `${count(votes)} votes · most often ${often}` }),
),
);
}
async pick(body, name) {
try {
const { buffers } = await this.wire.ask("differ", body);
this.showSlice(unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n), name);
} catch (error) {
this.fail((error));
}
}
}
function paceInWords(pace) {
if (!pace?.decisions) return "";
const word = pace.decisions === 1 ? "decision" : "decisions";
return `${count(pace.decisions)} ${word}${pace.per_minute ? `, ${paceOf(pace.per_minute)} a minute` : ""}`;
}
const paceOf = (rate) => (rate < 10 ? rate.toFixed(1) : count(rate));
function peopleFeature(view) {
const { store, wire, registry, fail } = view;
const panel = new PeoplePanel({ store, wire, fail, showSlice: (mask, name) => view.showSlice(mask, name) });
view.addTab("people", panel.el, () => panel.draw());
const el = h("span", { class: "lw-num lw-quiet lw-pace" });
view.head.standing.before(el);
let pace = null;
let timer = 0;
const show = () => {
const { done, total } = store.progress();
const rate = pace?.per_minute ? ` · ${paceOf(pace.per_minute)}/min` : "";
const left = leftInWords(store.meta.audit);
el.textContent = [total ? `${count(done)}/${count(total)} done${rate}` : "", left].filter(Boolean).join(" · ");
el.title = [
el.textContent,
"decided examples of the queue",
paceInWords(pace) && `this session: ${paceInWords(pace)}`,
left && store.meta.audit.title,
]
.filter(Boolean)
.join("; ");
};
const later = () => {
clearTimeout(timer);
timer = setTimeout(async () => {
try {
pace = (await wire.ask("people", { pace: true })).body.pace;
show();
} catch {
}
}, PACE_PAUSE);
};
store.on("labels", () => {
show();
later();
});
for (const topic of ["list", "mask", "count"]) store.on(topic, show);
registry.on("start", show);
registry.onEnd(() => clearTimeout(timer));
}

// --- review/replacer.js
const TYPING_PAUSE = 150;
class Replacer {
constructor(view) {
this.view = view;
this.timer = 0;
this.turn = 0;
this.found = 0;
const { renew } = this;
this.find = h("input", { "aria-label": "text to look for", placeholder: "look for", dir: "auto", autocomplete: "off", oninput: renew });
this.by = h("input", { "aria-label": "replacement", placeholder: "replace by", dir: "auto", autocomplete: "off", oninput: renew });
this.whole = h("input", { type: "checkbox", onchange: renew });
this.anyCase = h("input", { type: "checkbox", onchange: renew });
this.button = h("button", { type: "button", class: "lw-button lw-primary", disabled: true, text: "Replace", onclick: () => this.replace() });
this.about = h("div", { class: "lw-quiet", role: "status" });
this.preview = h("div", { class: "lw-replaced", role: "list", "aria-label": "texts before and after" });
this.opener = h("button", { type: "button", class: "lw-button", text: "Replace text…", "aria-haspopup": "dialog", onclick: () => this.toggle() });
this.el = h(
"div",
{ class: "lw-panel lw-replacer", role: "dialog", "aria-label": "replace text", hidden: true },
panelHead("Replace in the filtered texts", () => this.toggle(false)),
this.find,
this.by,
h("div", { class: "lw-line" }, h("label", {}, this.whole, "whole words"), h("label", {}, this.anyCase, "any case"), h("span", { class: "lw-space" }), this.button),
this.about,
this.preview,
);
}
toggle(open = Boolean(this.el.hidden)) {
this.el.hidden = !open;
this.opener.setAttribute("aria-expanded", String(open));
if (open) {
this.view.under(this.el, this.opener);
this.find.focus({ preventScroll: true });
this.renew();
} else this.view.focus();
}
get rows() {
const { store } = this.view,
rows = [];
for (let row = 0; row < store.n; row++) if (!store.filter.active || store.filter.passing[row]) rows.push(row);
return Int32Array.from(rows);
}
get mask() {
const mask = new Uint8Array(this.view.store.n);
for (const row of this.rows) mask[row] = 1;
return packMask(mask).buffer;
}
get asked() {
return { find: this.find.value, by: this.by.value, whole_words: this.whole.checked, match_case: !this.anyCase.checked };
}
renew = () => {
clearTimeout(this.timer);
this.button.disabled = true;
const turn = ++this.turn;
this.timer = setTimeout(async () => {
if (this.el.hidden) return;
if (!this.find.value) {
this.about.textContent = "";
this.preview.replaceChildren();
return;
}
try {
const { body } = await this.view.wire.ask("replace", this.asked, [this.mask]);
if (turn !== this.turn) return;
this.found = body.count;
this.button.disabled = !body.count;
const texts = `${count(body.count)} text${body.count === 1 ? "" : "s"}`;
this.about.textContent = body.count ? `${texts} of ${count(this.rows.length)} filtered examples change${body.count > body.shown.length ? `; the first ${body.shown.length}:` : ":"}` : `no text of ${count(this.rows.length)} filtered examples contains it`;
this.preview.replaceChildren(...body.shown.map(({ id, before, after }) => h("div", { class: "lw-replaced-text", role: "listitem" }, h("span", { class: "lw-quiet lw-clip", text: String(id) }), compared(after, before))));
} catch (error) {
if (turn === this.turn) this.about.textContent = (error).message;
}
}, TYPING_PAUSE);
};
async replace() {
const { actions } = this.view;
this.button.disabled = true;
await actions.ofMany(this.rows, "replace", { ...this.asked, sure: this.found }, [this.mask], ({ count: n }) => `${count(n)} texts replaced`);
this.toggle(false);
}
}
function replaceFeature(view) {
if (view.inspector.kind.task !== "texts") return;
const replacer = new Replacer(view);
view.addToHead(replacer.opener);
view.addPanel(replacer.el);
view.registry.onEscape(() => {
if (replacer.el.hidden) return false;
replacer.toggle(false);
return true;
});
}

// --- review/review.js
const BLIND = "blind: everything that reveals the suggestion is hidden until you choose";
const BY_DOUBT = /^(suspicion|pairs|column|missing tag .*|wrong tag .*|kind: .*)$/s;
function reviewFeature(view) {
const { store, actions, inspector, registry, bulk, say } = view;
const acts = {
accept: () => (store.hides(store.row) ? say("the suggestion is hidden until you choose", "warn") : inspector.editor.accept()),
keep: () => inspector.editor.keep(),
confirmAll: () => inspector.confirmAll(),
nothing: () => inspector.editor.nothing?.(),
unknown: () => inspector.editor.unknown?.(),
nextUnit: () => inspector.editor.step?.(1),
previousUnit: () => inspector.editor.step?.(-1),
skip: () => actions.skip(),
flag: () => actions.flag(),
undo: () => actions.undo(),
redo: () => actions.redo(),
next: () => store.step(1),
previous: () => store.step(-1),
type: () => inspector.openEditor(true),
edit: () => inspector.openEditor(),
note: () => inspector.openNote(),
neighbors: () => selectNeighbors(view),
hide: () => toggleBlind(view),
clear: () => store.clearSelection(),
};
for (const [name, act] of Object.entries(acts)) registry.onAction(name, act);
registry.onEscape(() => {
const open = inspector.editing;
inspector.closeEditor();
return open;
});
store.on("list", () => {
if (store.list === "selection") store.goTo(store.firstOpen("selection"));
});
registry.onPush("queue", ({ by, unit }, buffers) => {
bulk.rebase(by);
takeQueue(store, buffers[0], unit, by);
});
bulk.onReorder = (name) => reorder(view, name);
}
function takeQueue(store, buffer, unit, order) {
store.setQueue(arrayOf(Int32Array, buffer), unit, order);
store.goTo(store.firstOpen("queue"));
}
async function reorder(view, name) {
const { store, wire, paint, say, fail } = view;
try {
const by = name === "column" ? paint.by : name;
if (name === "column" && store.columns.get(by)?.kind !== "number") {
say("colour by a score first", "warn");
return;
}
say("ordering the queue…", "quiet");
const { body, buffers } = await wire.ask("queue", { by });
store.emptyBecause = body.why || "";
takeQueue(store, buffers[0], body.unit, by);
if ((name === "again" || name === "swapped") && body.count && !store.blind) toggleBlind(view);
const words = body.unit ? `of the ${by}` : Object.hasOwn(ORDERS, name) && name !== "column" ? ORDERS[name] : `by ${by}`;
say(body.count ? `queue ${words}: ${count(body.count)}` : `queue ${words}: empty. ${body.why || emptyQueue(store, name)}`);
} catch (error) {
fail(error);
}
}
function selectNeighbors({ store, say }) {
const near = store.neighborsOf;
if (!near || near.row !== store.row || !near.rows.length) {
say("no neighbours for this example", "warn");
return;
}
const mask = new Uint8Array(store.n);
for (const row of [store.row, ...near.rows]) mask[row] = 1;
const { row } = store;
store.setSelection(mask);
store.goTo(row);
say(`${near.rows.length} neighbours selected`);
}
function toggleBlind(view) {
const { store, inspector, gallery, bulk, paint, say } = view;
store.blind = !store.blind;
say(!store.blind ? "suggestions shown" : BY_DOUBT.test(bulk.order.value) ? `${BLIND}; the order still reveals it: choose “in random order”` : BLIND);
view.colorBy(paint.by);
inspector.blindChanged();
gallery.redraw();
bulk.show();
view.maps.forEach((map) => map.redrawOver());
view.registry.run("blind");
}

// --- filters/rowtable.js
const HEADINGS = [
["name", "feature", "sort by name"],
["value", "value", "sort by value, largest first"],
["", "in the class", "dark: middle 50 % of the class; light: middle 90 %; mark: this example"],
["unusual", "unusual", "share of the examples of the given class that are at least as extreme; sort by it, most unusual first"],
];
const ODD = 0.05;
function sortedRows(rows, by) {
if (by === "name") return [...rows].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
if (by !== "value") return rows;
const number = ({ number }) => (number !== null && Number.isFinite(number) ? number : -Infinity);
return [...rows].sort((a, b) => number(b) - number(a) || a.value.localeCompare(b.value));
}
function percent(share) {
if (share === null || !Number.isFinite(share)) return "–";
if (share < 0.001) return "<0.1 %";
return `${share < 0.01 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;
}
class RowTable {
constructor({ store, paint, hides }) {
this.store = store;
this.paint = paint;
this.hides = hides;
this.by = "unusual";
this.answer = null;
this.heads = HEADINGS.map(([by, text, title]) =>
by ? h("button", { type: "button", text, title, onclick: () => this.sort(by) }) : h("span", { text, title, class: "lw-quiet" }),
);
this.list = h("div", { class: "lw-rows-list", role: "table", tabindex: "0", "aria-label": "features of the example" });
this.key = h("div", { class: "lw-rows-key" });
this.el = h("div", { class: "lw-rows" }, h("div", { class: "lw-rows-line lw-rows-head" }, this.heads), this.list, this.key);
}
sort(by) {
this.by = by;
this.draw();
}
node(answer) {
if (answer?.features && answer !== this.answer) {
this.answer = answer;
this.draw();
this.list.scrollTop = 0;
}
return this.answer ? this.el : null;
}
draw() {
const features = this.answer?.features;
if (!features) return;
const { rows, more } = features;
this.heads.forEach((head, i) => HEADINGS[i][0] && head.setAttribute("aria-pressed", String(HEADINGS[i][0] === this.by)));
const shown = sortedRows(rows, this.by),
names = shortNames(shown.map((row) => row.name), 22);
this.list.replaceChildren(
...shown.map((row, i) => this.line(row, names[i])),
...(more ? [h("div", { class: "lw-rows-line", role: "row" }, h("span", { class: "lw-quiet", role: "cell", text: `${more} more, less unusual` }))] : []),
);
this.legend();
}
get classes() {
const { store, answer } = this;
if (!answer) return { given: -1, suggested: -1 };
const given = store.given[answer.row],
suggested = store.suggested[answer.row];
return { given, suggested: this.hides() || suggested === given ? -1 : suggested };
}
color(code) {
const colors = this.paint.classColors();
return colors[code % colors.length];
}
legend() {
const { given, suggested } = this.classes,
one = (code) => (code >= 0 ? [h("span", {}, swatch(this.color(code)), clip(this.store.className(code), 22))] : []);
this.key.replaceChildren(...one(given), ...one(suggested), h("span", { text: "| this example" }));
}
line(row, name) {
const { store, answer } = this,
of = row.of === "class" && answer ? store.className(store.given[answer.row]) : "all examples";
const said = Number.isFinite(row.unusual) ? `${percent(row.unusual)} of ${of} are at least as unusual` : "nothing to compare with";
return h(
"div",
{ class: `lw-rows-line${row.unusual !== null && row.unusual <= ODD ? " lw-rows-odd" : ""}`, role: "row", title: `${row.name}: ${row.value}\n${said}` },
h("span", { class: "lw-clip", role: "cell", text: name }),
h("span", { class: "lw-num", role: "cell", text: row.value }),
h("span", { class: "lw-rows-bar", role: "cell" }, this.bar(row)),
h("span", { class: "lw-num", role: "cell", text: percent(row.unusual) }),
);
}
bar(row) {
const { given, suggested } = this.classes,
parts = [];
const strip = (which, code) => {
const place = (a, b, thin) =>
h("span", {
class: `lw-rows-${which}${thin ? " lw-rows-thin" : ""}`,
style: { left: `${100 * a}%`, width: `max(2px, ${100 * (b - a)}%)`, background: hex(this.color(code)) },
});
if (row.shares) {
if (row.shares[which] !== undefined) parts.push(place(0, 1, true), place(0, row.shares[which], false));
} else if (row[which]) parts.push(place(row[which][0], row[which][4], true), place(row[which][1], row[which][3], false));
};
if (!row.shares) parts.push(h("span", { class: "lw-rows-axis" }));
if (given >= 0) strip("given", given);
if (suggested >= 0) strip("suggested", suggested);
if (row.at !== undefined && Number.isFinite(row.at)) parts.push(h("span", { class: "lw-rows-at", style: { left: `${100 * row.at}%` } }));
return parts;
}
twin(answer) {
const { store, paint, hides } = this;
const other = new RowTable({ store, paint, hides });
other.by = this.by;
return other.node(answer) || h("span", { class: "lw-empty-line", text: "…" });
}
}
function rowTableFeature(view) {
const { store, paint, inspector, media, registry } = view;
if (media.kind !== "none") return;
const rows = (inspector.rows = new RowTable({ store, paint, hides: () => inspector.hides }));
const again = () => rows.answer && rows.draw();
registry.on("theme", again);
store.on("labels", again);
}

// --- filters/sets.js
const SHARES = [0.99, 0.95, 0.9, 0.8, 0.65, 0.5];
const FIRST = 0.9;
const asShare = (share) => `${share > 0.995 && share < 1 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;
function ruleInWords({ tag, other, implies, count: n, share, expected, broken }) {
const follows = n - broken;
return [
`${tag} ${implies ? "implies" : "excludes"} ${other}: ${count(follows)} of ${count(n)} examples with ${tag} ${implies ? "have" : "do not have"} ${other}`,
`(${asShare(share)}; ${asShare(expected)} if the two tags were independent).`,
broken ? `Click to select the ${count(broken)} that break${broken === 1 ? "s" : ""} the rule.` : "Click to select the examples that follow it.",
].join(" ");
}
class SetsPanel extends CountedPanel {
constructor(options) {
const least = h("select", {
"aria-label": "share of examples that follow a rule",
title: "share of the examples with the first tag in which the rule must hold",
onchange: () => this.ask(),
});
super(options, { name: "tags that go together", mark: "lw-of-rules", tools: [least] });
this.least = least;
fillSelect(this.least, [["", SHARES.map((share) => [String(share), `rules ≥ ${asShare(share)}`])]], String(FIRST));
}
async request() {
return (await this.wire.ask("rules", { least: Number(this.least.value) })).body;
}
fill({ rules, total }) {
this.list.replaceChildren(
h(
"div",
{ class: "lw-set-row lw-quiet" },
h("span", { text: "tag" }),
h("span", {}),
h("span", { text: "other" }),
h("span", { class: "lw-num", text: "holds", title: "share of the examples with the first tag that follow the rule" }),
h("span", { class: "lw-num", text: "broken", title: "examples that break the rule" }),
),
...rules.map((rule) => this.line(rule)),
);
const left = total - rules.length;
this.how.textContent = rules.length
? `Counted from the tags as they are now, of tags with at least 10 examples.${left ? ` ${count(left)} more rules are not listed.` : ""}`
: "No rule holds in this share of the examples.";
}
line(rule) {
const words = ruleInWords(rule);
return h(
"button",
{ type: "button", class: "lw-set-row", title: words, "aria-label": words, onclick: () => this.pick(rule) },
h("span", { class: "lw-clip", text: rule.tag }),
h("span", { class: "lw-quiet", text: rule.implies ? "→" : "≠" }),
h("span", { class: "lw-clip", text: rule.other }),
h("span", { class: "lw-num lw-quiet", text: asShare(rule.share) }),
h("span", { class: `lw-num${rule.broken ? "" : " lw-quiet"}`, text: rule.broken ? count(rule.broken) : "–" }),
);
}
async pick({ tag, other, implies, broken }) {
try {
const { body, buffers } = await this.wire.ask("rule", { tag, other, implies, broken: broken > 0 });
const name = implies ? `${tag} ${broken ? "without" : "with"} ${other}` : `${tag} ${broken ? "with" : "without"} ${other}`;
this.showSlice(unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n), name, body.unit);
} catch (error) {
this.fail((error));
}
}
}
function setsFeature(view) {
const { store, wire, fail } = view;
if (store.meta.task !== "multilabel" || store.space.length < 2) return;
const panel = new SetsPanel({ store, wire, fail, showSlice: (mask, name, unit) => view.showSlice(mask, name, unit) });
view.addTab("sets", panel.el, () => panel.draw());
}

// --- examples/sound.js
class Player {
constructor(wire) {
this.wire = wire;
this.url = "";
this.row = -1;
this.audio = h("audio", { controls: true, preload: "auto", class: "lw-player", "aria-label": "sound of the example" });
this.message = h("span", { class: "lw-quiet" });
this.el = h("div", { class: "lw-player-box" }, this.audio, this.message);
}
async show(row) {
this.forget();
this.row = row;
this.message.textContent = "";
if (row < 0) return;
try {
const { body, buffers } = await this.wire.ask("sound", { row });
if (this.row !== row) return;
this.url = URL.createObjectURL(new Blob([buffers[0]], { type: body.mime }));
this.audio.src = this.url;
} catch (error) {
if (this.row === row) this.message.textContent = (error).message;
}
}
forget() {
this.audio.pause();
this.audio.removeAttribute("src");
if (this.url) URL.revokeObjectURL(this.url);
this.url = "";
}
}
function soundFeature(view) {
if (view.media.kind !== "audio") return;
const { store, wire, fail, registry, inspector } = view;
const player = new Player(wire);
inspector.picture.after(player.el);
let timer = 0;
const show = () => {
clearTimeout(timer);
player.forget();
timer = setTimeout(() => player.show(store.row), 120);
};
store.on("cursor", show);
registry.on("start", show);
registry.onEnd(() => {
clearTimeout(timer);
player.forget();
});
}

// --- viewhistory.js
const STEPS = 50;
const STEP_REST = 350;
const WORDS = { filters: "filters", color_by: "colour", cameras: "zoom", epochs: "epoch", selected: "selection" };
class ViewHistory {
constructor(state) {
this.now = state;
this.past = [];
this.future = [];
}
record(state) {
if (!changedParts(this.now, state).length) return false;
this.past.push(this.now);
if (this.past.length > STEPS) this.past.shift();
this.now = state;
this.future = [];
return true;
}
travel(forward = false) {
const [from, to] = forward ? [this.future, this.past] : [this.past, this.future];
const state = from.pop();
if (!state) return null;
to.push(this.now);
this.now = state;
return state;
}
}
function changedParts(a, b) {
const parts = (Object.keys(WORDS));
return parts.filter((name) =>
name === "selected" ? !sameMask(a.selected, b.selected) : JSON.stringify(a[name]) !== JSON.stringify(b[name]),
);
}
function sameMask(a, b) {
return a === b || (a.length === b.length && a.every((one, i) => one === b[i]));
}
function viewHistoryFeature(view) {
const { store, registry } = view;
const state = () => ({ ...store.look, selected: store.selected });
let history = null;
let busy = false;
const back = iconButton("back", `undo the last change of the view (${capOf(view.keymap, "undoView")})`, () => travel(false)),
forth = iconButton("forth", `redo the change of the view (${capOf(view.keymap, "redoView")})`, () => travel(true));
const mark = () => {
back.disabled = !history?.past.length;
forth.disabled = !history?.future.length;
};
const record = () => {
if (history && !busy && history.record(state())) mark();
};
const later = afterRest(STEP_REST, record);
const travel = async (forward) => {
if (!history || busy) return;
record();
const from = history.now,
to = history.travel(forward);
if (!to) {
view.say(forward ? "no change of the view to redo" : "no change of the view to undo");
return;
}
busy = true;
try {
await view.showLook(to);
if (!sameMask(store.selected, to.selected)) store.setSelection(to.selected);
} finally {
busy = false;
}
mark();
const parts = changedParts(from, to).map((name) => WORDS[name]);
view.say(`view ${forward ? "redone" : "undone"}: ${parts.join(", ")}`);
};
store.on("look", later);
store.on("mask", ({ selection }) => selection && later());
registry.onAction("undoView", () => travel(false));
registry.onAction("redoView", () => travel(true));
registry.on("ready", () => (history = new ViewHistory(state())));
registry.onEnd(() => later.cancel());
view.addTool(h("span", { class: "lw-group" }, back, forth));
mark();
}

// --- views.js
class ViewsMenu {
constructor({ store, wire, say, fail, onOpen, onClose }) {
this.store = store;
this.wire = wire;
this.say = say;
this.fail = fail;
this.onOpen = onOpen;
this.onClose = onClose;
this.button = h(
"button",
{
type: "button",
class: "lw-button lw-views-button",
title: "saved filters, selection, colour, zoom and epochs",
"aria-haspopup": "dialog",
"aria-expanded": "false",
onclick: () => this.toggle(),
},
"Views ▾",
);
this.list = h("div", { class: "lw-view-list" });
this.name = h("input", {
class: "lw-path",
placeholder: "name of a new view",
"aria-label": "name of a new view",
maxlength: "100",
onkeydown: (event) => event.key === "Enter" && this.save(),
});
this.el = h(
"div",
{ class: "lw-panel lw-views", role: "dialog", "aria-label": "saved views", hidden: true },
panelHead("Saved views", () => this.toggle(false)),
this.list,
h(
"div",
{ class: "lw-line" },
this.name,
h("button", {
type: "button",
class: "lw-button lw-primary",
text: "Save",
title: "save the filters, selection, colour, zoom and epochs in the run",
onclick: () => this.save(),
}),
),
);
this.show(this.store.meta.views || []);
}
show(names) {
const empty = h("div", { class: "lw-quiet", text: "None yet. A view stores filters, selection, colour, zoom and the epochs of the sliders." });
const line = (name) =>
h(
"div",
{ class: "lw-line" },
h("button", { type: "button", class: "lw-link lw-view-name lw-clip", text: name, onclick: () => this.open(name) }),
closeButton(`delete the view ${name}`, () => this.wire.ask("delete_view", { name }).catch(this.fail), "delete this view"),
);
this.list.replaceChildren(...(names.length ? names.map(line) : [empty]));
}
async open(name) {
try {
await this.wire.ask("show_view", { name });
this.say(`view ${name}`);
this.toggle(false);
} catch (error) {
this.fail((error));
}
}
async save() {
const { store } = this,
name = this.name.value.trim();
if (!name) {
this.name.focus({ preventScroll: true });
return;
}
try {
const mask = store.selectedCount ? [packMask(store.selected).buffer] : [];
await this.wire.ask("save_view", { ...store.look, name }, mask);
this.name.value = "";
this.say(`saved the view ${name}`);
} catch (error) {
this.fail((error));
}
}
toggle(open = Boolean(this.el.hidden)) {
const was = !this.el.hidden;
this.el.hidden = !open;
this.button.setAttribute("aria-expanded", String(open));
if (open) {
this.onOpen();
this.name.focus({ preventScroll: true });
} else if (was) this.onClose();
return was !== open;
}
}
function viewsFeature(view) {
if (view.store.locked) return;
const menu = new ViewsMenu({
store: view.store,
wire: view.wire,
say: view.say,
fail: view.fail,
onOpen: () => view.under(menu.el, menu.button),
onClose: () => view.focus(),
});
view.addToHead(menu.button);
view.addPanel(menu.el);
view.registry.onPush("views", (body) => menu.show(body.views));
view.registry.onEscape(() => menu.toggle(false));
}

// --- features.js
const FEATURES = [
pageFeature,
newsFeature,
lookFeature,
viewHistoryFeature,
viewsFeature,
epochsFeature,
trailsFeature,
evidenceFeature,
setsFeature,
formsFeature,
peopleFeature,
compareFeature,
auditFeature,
exportFeature,
replaceFeature,
helpFeature,
reviewFeature,
soundFeature,
rowTableFeature,
gridFeature,
lightboxFeature,
objectMapFeature,
lifelineFeature,
];

// --- filters/filterbox.js
function filterBox({ name, title }, onClose, ...parts) {
return h(
"div",
{ class: "lw-filter", role: "group", "aria-label": `filter ${name}` },
h(
"div",
{ class: "lw-row" },
h("span", { class: "lw-filter-name", text: name, title: title || name }),
onClose && closeButton(`remove filter ${name}`, onClose, "remove this filter"),
),
...parts,
);
}

// --- filters/bars.js
class Bars {
constructor(column, store, colors, onPick, onClose) {
this.column = column;
this.store = store;
this.colors = colors;
this.onPick = onPick;
this.kept = null;
this.lines = this.categories.map((name, i) => this.line(name, i, colors ? colors()[i] : null));
this.bars = h(
"div",
{ class: "lw-bars" },
this.lines.map((line) => line.el),
);
this.el = filterBox(column, onClose, this.bars);
}
get categories() {
return this.column.categories ?? [];
}
line(name, code, color) {
const fill = h("span", { class: "lw-bar-fill" }),
back = h("span", { class: "lw-bar-all" }),
number = h("span", { class: "lw-num" }),
square = color ? swatch(color) : null;
const el = h(
"button",
{ type: "button", class: "lw-bar", "aria-pressed": "false", title: name, onclick: () => this.toggle(code) },
h("span", { class: "lw-bar-name" }, square, h("span", { class: "lw-clip", text: shortNames(this.categories, 16)[code] })),
h("span", { class: "lw-bar-track" }, back, fill),
number,
);
return { el, fill, back, number, square };
}
toggle(code) {
const kept = new Set(this.kept || []);
if (!kept.delete(code)) kept.add(code);
this.setKept(kept.size && kept.size < this.categories.length ? kept : null);
}
setKept(kept) {
this.kept = kept;
this.lines.forEach(({ el }, i) => el.setAttribute("aria-pressed", String(Boolean(kept?.has(i)))));
this.el.classList.toggle("lw-on", Boolean(kept));
this.onPick(kept);
}
draw() {
const { column, store, categories } = this;
for (let i = this.lines.length; i < categories.length; i++) {
this.lines.push(this.line(categories[i], i, this.colors?.()[i]));
this.bars.append(this.lines[i].el);
}
const { all, shown, chosen } = store.filter.counts(
column.name,
store.loaded(column.name),
this.lines.length,
store.selectedCount ? store.selected : null,
);
const numbers = store.selectedCount ? chosen : shown,
most = Math.max(1, ...all);
const colors = this.colors?.();
this.lines.forEach(({ el, fill, back, number, square }, i) => {
if (square && colors) square.style.background = hex(colors[i]);
back.style.width = `${(100 * all[i]) / most}%`;
fill.style.width = `${(100 * numbers[i]) / most}%`;
number.textContent = count(numbers[i]);
el.classList.toggle("lw-off", Boolean(this.kept && !this.kept.has(i)));
});
}
}

// --- filters/histogram.js
const HEIGHT = 34;
const GRIP = 6;
class Histogram {
constructor(column, store, theme, onBrush, onClose) {
this.column = column;
this.store = store;
this.theme = theme;
this.onBrush = onBrush;
this.range = null;
this.drag = null;
const values = column.values ?? store.loaded(column.name);
this.domain = extent(values);
this.bins = binned(values, this.domain[0], this.domain[1]);
this.canvas = h("canvas", {
class: "lw-hist",
style: { height: `${HEIGHT}px` },
"aria-hidden": "true",
title: "drag to filter, double-click to clear",
});
this.low = this.field("from");
this.high = this.field("to");
this.hint = h("span", {
class: `lw-quiet lw-hint lw-${column.suspicious || "plain"}`,
text: column.suspicious === "low" ? "◂ suspicious" : column.suspicious ? "suspicious ▸" : "",
});
this.el = filterBox(column, onClose, this.canvas, h("div", { class: "lw-range" }, this.low, this.hint, this.high));
this.listen();
this.showRange();
}
field(which) {
return h("input", {
class: "lw-bound",
inputmode: "decimal",
"aria-label": `${this.column.name} ${which}`,
onchange: () => this.typed(),
onfocus: (event) => event.target.select(),
});
}
typed() {
const number = (input, other) =>
input.value.trim() === "" || !Number.isFinite(Number(input.value)) ? other : Number(input.value);
this.setRange([number(this.low, this.domain[0]), number(this.high, this.domain[1])]);
}
listen() {
const { canvas } = this;
canvas.addEventListener("pointerdown", (event) => {
canvas.setPointerCapture(event.pointerId);
const x = this.share(event),
span = this.shares();
const near = span ? span.findIndex((s) => Math.abs(s - x) * canvas.clientWidth < GRIP) : -1;
if (span && near >= 0) this.drag = { kind: "edge", other: span[1 - near] };
else if (span && x > span[0] && x < span[1]) this.drag = { kind: "move", from: x, span };
else this.drag = { kind: "new", other: x };
event.preventDefault();
});
canvas.addEventListener("pointermove", (event) => this.drag && this.pull(this.share(event)));
canvas.addEventListener("pointerup", (event) => {
if (this.drag?.kind === "new" && Math.abs(this.share(event) - this.drag.other) * canvas.clientWidth < 3)
this.setRange(null);
this.drag = null;
});
canvas.addEventListener("dblclick", () => this.setRange(null));
}
pull(x) {
const { drag } = this;
if (!drag) return;
if (drag.kind === "move") {
const by = Math.max(-drag.span[0], Math.min(1 - drag.span[1], x - drag.from));
this.setShares(drag.span.map((s) => s + by));
} else if (Math.abs(x - drag.other) * this.canvas.clientWidth >= 2)
this.setShares([Math.min(x, drag.other), Math.max(x, drag.other)]);
}
share(event) {
const box = this.canvas.getBoundingClientRect();
return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
}
shares() {
const [lo, hi] = this.domain;
return this.range && hi > lo ? this.range.map((v) => (v - lo) / (hi - lo)) : null;
}
setShares(shares) {
const [lo, hi] = this.domain;
this.setRange(shares.map((s) => lo + s * (hi - lo)));
}
setRange(range) {
this.range = range && range[0] <= range[1] ? range : null;
this.showRange();
this.onBrush(this.range);
}
showRange() {
const [lo, hi] = this.range || this.domain;
this.low.value = within(lo, this.domain);
this.high.value = within(hi, this.domain);
this.el.classList.toggle("lw-on", Boolean(this.range));
}
draw() {
const width = this.canvas.clientWidth;
if (!width) return;
const { all, shown, chosen } = this.store.filter.counts(
this.column.name,
this.bins,
BINS,
this.store.selectedCount ? this.store.selected : null,
);
const c = sharpContext(this.canvas, width, HEIGHT),
colors = this.theme(),
most = Math.sqrt(Math.max(1, ...all)),
w = width / BINS;
const bars = (counts, style) => {
c.fillStyle = style;
counts.forEach((v, i) => {
if (v) {
const hgt = Math.max(1, (Math.sqrt(v) / most) * (HEIGHT - 2));
c.fillRect(i * w, HEIGHT - hgt, Math.max(1, w - 1), hgt);
}
});
};
bars(all, hex(colors.line));
bars(shown, hex(this.store.selectedCount ? colors.grey : colors.quiet));
if (this.store.selectedCount) bars(chosen, hex(colors.accent));
c.fillStyle = hex(colors.line);
c.fillRect(0, HEIGHT - 1, width, 1);
this.drawBrush(c, width, colors);
}
drawBrush(c, width, colors) {
const span = this.shares();
if (!span) return;
const [a, b] = span.map((s) => s * width);
c.fillStyle = hex(colors.accent);
c.globalAlpha = 0.14;
c.fillRect(a, 0, b - a, HEIGHT);
c.globalAlpha = 1;
for (const x of [a, b]) c.fillRect(Math.max(0, Math.min(width - 2, x - 1)), 0, 2, HEIGHT);
}
}

// --- filters/filters.js
function queryShown({ meta, columns, classes }) {
if (meta.doubted !== false) return "p_error > .5";
const number = [...columns.values()].find((column) => column.kind === "number");
if (!number) return `given_label == "${classes[0]}"`;
return `${/^[A-Za-z_]\w*$/.test(number.name) ? number.name : `\`${number.name}\``} > 0`;
}
const foundBy = (text, found) => `${found ? count(found) : "nothing"} found by: ${text}`;
class Filters {
constructor({ store, theme, paint, load, search, onChange, say, fail }) {
this.store = store;
this.theme = theme;
this.paint = paint;
this.load = load;
this.search = search;
this.onChange = onChange;
this.say = say;
this.fail = fail;
this.shown = new Map();
this.waiting = new Map();
this.frame = 0;
this.liveFrame = 0;
this.query = "";
this.quiet = 0;
const query = queryShown(this.store);
this.box = h("input", {
type: "search",
class: "lw-search",
placeholder: `search, or ${query}`,
"aria-label": `search texts and ids, or a query such as ${query}`,
title: `words are searched in ids, texts and labels; or a query: ${query} and given_label == "${this.store.classes[0]}"`,
onkeydown: (event) => event.key === "Enter" && this.find(),
oninput: () => this.complain(""),
onsearch: () => this.find(),
});
this.trouble = h("p", { class: "lw-trouble", role: "alert", hidden: true });
this.summary = h("div", { class: "lw-summary" });
this.adder = h("select", {
class: "lw-add",
"aria-label": "add a filter",
onchange: () => this.add(this.adder.value),
});
this.list = h("div", { class: "lw-filter-list" });
this.panel = h(
"div",
{ class: "lw-side lw-side-filters", role: "tabpanel", "aria-label": "filters" },
this.box,
this.trouble,
this.summary,
this.list,
this.adder,
);
this.el = this.panel;
this.store.on("mask", () => this.redraw());
this.store.on("labels", () => this.relive());
this.store.on("space", () => this.redraw());
this.resetAdder();
}
async start(names) {
for (const name of names) if (this.store.columns.has(name)) await this.add(name);
}
resetAdder() {
const free = (kind) =>
[...this.store.columns.values()]
.filter((c) => !this.shown.has(c.name) && c.kind === kind && c.categories?.length !== 0)
.map((c) => [c.name, c.name]);
const tags = new Map((this.store.meta.tags || []).map(({ name }) => [`tag ${name}`, name]));
fillSelect(
this.adder,
[
["", [["", "+ add a filter…"]]],
["numbers", free("number")],
["categories", free("category").filter(([name]) => !tags.has(name))],
["tags", [...tags].filter(([name]) => !this.shown.has(name))],
],
"",
);
}
async add(name) {
if (!name || this.shown.has(name)) return this.shown.get(name);
const { store } = this;
try {
await this.load(name);
} catch (error) {
this.fail((error));
return null;
}
if (this.shown.has(name)) return this.shown.get(name);
const column = store.column(name),
close = () => this.remove(name);
const view =
column.kind === "category"
? new Bars(
column,
store,
column.classes ? () => this.paint.classColors() : null,
(kept) => this.pick(name, kept),
close,
)
: new Histogram(column, store, this.theme, (range) => this.brush(name, range), close);
this.shown.set(name, view);
this.list.append(view.el);
this.resetAdder();
this.redraw();
return view;
}
remove(name) {
const view = this.shown.get(name);
if (!view) return;
view.el.remove();
this.shown.delete(name);
this.store.refilter((filter) => {
filter.clear(name);
filter.forget(name);
});
this.resetAdder();
this.notify();
}
brush(name, range) {
this.waiting.set(name, range);
this.redraw();
}
settle() {
if (!this.waiting.size) return;
const moves = [...this.waiting];
this.waiting.clear();
this.store.refilter((filter) => {
for (const [name, range] of moves) {
if (range && this.shown.has(name)) filter.range(name, this.store.loaded(name), range[0], range[1]);
else filter.clear(name);
}
});
this.notify();
}
pick(name, kept) {
this.store.refilter((filter) => (kept ? filter.among(name, this.store.loaded(name), kept) : filter.clear(name)));
this.notify();
}
notify() {
if (!this.quiet) this.onChange();
}
relive() {
const live = [...this.shown].filter(([name]) => this.store.isLive(name));
for (const [name, view] of live) {
const { kept } = view instanceof Bars ? view : { kept: null };
if (kept) this.store.refilter((filter) => filter.among(name, this.store.loaded(name), kept));
}
cancelAnimationFrame(this.liveFrame);
this.liveFrame = requestAnimationFrame(() => live.forEach(([, view]) => view.draw()));
}
complain(text) {
this.trouble.hidden = !text;
this.trouble.replaceChildren(...text.split(/`([^`\s]{1,12})`/).map((part, i) => (i % 2 ? h("code", { text: part }) : part)));
this.box.classList.toggle("lw-bad", Boolean(text));
this.box.setAttribute("aria-invalid", String(Boolean(text)));
}
async find() {
const text = this.box.value.trim();
if (text === this.query) {
this.complain("");
return;
}
const before = this.query;
this.query = text;
try {
const mask = text ? await this.search(text) : null;
if (this.query !== text) return;
this.store.refilter((filter) => (mask ? filter.mask("search", mask) : filter.clear("search")));
this.complain("");
this.say(mask ? foundBy(text, countMask(mask)) : "");
this.notify();
} catch (error) {
if (this.query !== text) return;
this.query = before;
this.complain(`${(error).message.replace(/^`query` /, "This query ")}${before ? ` Still shown: ${before}` : ""}`);
}
}
clearAll() {
this.restore({});
}
state() {
const out = {};
for (const [name, view] of this.shown) {
if (view instanceof Histogram) {
if (view.range) out[name] = view.range;
} else if (view.kept) out[name] = [...view.kept].sort((a, b) => a - b).map((code) => view.categories[code]);
}
if (this.query) out.search = this.query;
return out;
}
async restore(state) {
this.quiet++;
try {
for (const [name, view] of this.shown) {
if (name in state) continue;
if (view instanceof Histogram) {
if (view.range) view.setRange(null);
} else if (view.kept) view.setKept(null);
}
for (const [name, value] of Object.entries(state)) if (name !== "search") await this.restoreOne(name, value);
this.settle();
this.box.value = state.search || "";
await this.find();
} finally {
this.quiet--;
}
this.notify();
}
async restoreOne(name, value) {
const view = await this.add(name);
if (!view) return;
if (view instanceof Histogram) view.setRange(value);
else view.setKept(new Set(value.map((v) => view.categories.indexOf(v)).filter((code) => code >= 0)));
}
redraw() {
if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
}
draw() {
this.settle();
cancelAnimationFrame(this.frame);
this.frame = 0;
const { store } = this;
for (const view of this.shown.values()) view.draw();
if (!store.filter.active) {
this.summary.replaceChildren(h("span", { class: "lw-quiet", text: `${count(store.n)} shown` }));
return;
}
this.summary.replaceChildren(
h("span", { class: "lw-num lw-count", text: `${count(store.filter.passingCount)} of ${count(store.n)}` }),
h("button", { type: "button", class: "lw-link", text: "clear filters", onclick: () => this.clearAll() }),
);
}
destroy() {
cancelAnimationFrame(this.frame);
cancelAnimationFrame(this.liveFrame);
}
}

// --- examples/gallery.js
const TITLES = { queue: "queue", all: "all", selection: "selection", neighbors: "neighbours" };
class Gallery {
constructor({ store, media, editor, bulk, onPick, onToggle, fail }) {
this.store = store;
this.media = media;
this.editor = editor;
this.bulk = bulk;
this.onPick = onPick;
this.onToggle = onToggle;
this.fail = fail;
this.start = 0;
this.perPage = 12;
this.wanted = 0;
this.frame = 0;
this.hidden = false;
this.shown = "";
this.tabs = h("div", { class: "lw-tabs", role: "tablist", "aria-label": "examples" });
this.pager = h("span", { class: "lw-num lw-quiet" });
this.back = iconButton("left", "previous examples", () => this.page(-1));
this.forth = iconButton("right", "next examples", () => this.page(1));
this.strip = h("div", { class: `lw-strip lw-strip-${this.media.shape}`, role: "listbox", "aria-label": "examples" });
this.el = h(
"section",
{ class: "lw-gallery", "aria-label": "gallery" },
h(
"div",
{ class: "lw-row" },
this.tabs,
this.bulk.el,
h("span", { class: "lw-space" }),
this.pager,
this.back,
this.forth,
),
this.strip,
);
store.on("list", () => {
this.start = 0;
this.follow();
});
store.on("mask", ({ filter }) => {
if (filter && store.list !== "selection") {
this.start = 0;
}
this.redraw();
});
store.on("cursor", () => this.follow(true));
store.on("pictures", () => this.redraw());
store.on("labels", (rows) => this.relabelled(rows));
}
hideCards() {
this.hidden = true;
this.el.classList.add("lw-only-orders");
}
resize() {
const width = this.strip.clientWidth,
one = this.media.kind === "image" ? 74 : 158;
const fits = Math.max(1, Math.floor((width + 6) / one));
if (fits !== this.perPage) {
this.perPage = fits;
this.follow();
}
}
page(by) {
const rows = this.store.rows();
this.start = Math.max(
0,
Math.min(Math.floor(Math.max(0, rows.length - 1) / this.perPage) * this.perPage, this.start + by * this.perPage),
);
this.redraw();
}
follow(kept = false) {
const at = this.store.rows().indexOf(this.store.row);
if (at >= 0) this.start = Math.floor(at / this.perPage) * this.perPage;
if (kept && !this.frame && this.shown && this.shown === this.listed().join()) this.mark();
else this.redraw();
}
redraw() {
if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
}
listed() {
return Array.from(this.store.rows().slice(this.start, this.start + this.perPage));
}
mark() {
const { store, strip } = this,
focused = strip.contains(rootOf(strip).activeElement);
this.drawTabs();
for (const el of strip.querySelectorAll("button")) {
const row = Number(el.dataset.row),
current = row === store.row;
el.classList.toggle("lw-chosen", Boolean(store.selected[row]));
if ((el.getAttribute("aria-selected") === "true") === current) continue;
el.setAttribute("aria-selected", String(current));
el.tabIndex = current ? 0 : -1;
if (store.blind) el.lastElementChild?.replaceWith(this.caption(row));
if (focused && current) el.focus({ preventScroll: true });
}
}
draw() {
this.frame = 0;
const { store } = this,
rows = store.rows(),
page = this.listed();
if (this.hidden) return;
this.shown = page.join();
this.drawTabs();
this.pager.textContent = rows.length
? `${count(this.start + 1)}–${count(this.start + page.length)} of ${count(rows.length)}`
: "";
this.back.disabled = this.start === 0;
this.forth.disabled = this.start + this.perPage >= rows.length;
if (!page.length) {
this.strip.replaceChildren(h("span", { class: "lw-empty-line", text: this.nothing() }));
return;
}
const focused = this.strip.contains(rootOf(this.strip).activeElement);
this.strip.replaceChildren(...page.map((row) => this.card(row)));
if (focused) (this.strip.querySelector("[aria-selected=true]"))?.focus({ preventScroll: true });
this.fill(page);
}
nothing() {
const { store } = this;
if (store.list === "selection") return "Nothing selected: draw around points in a map.";
if (store.filter.active && store.lists.queue.length) return "No example in this list matches the filters.";
return store.emptyBecause || emptyQueue(store, this.bulk.order.value);
}
drawTabs(tabs = this.tabs) {
const { store } = this;
const shown = Object.keys(store.lists).filter((name) => name === "queue" || store.lists[name].length);
tabs.replaceChildren(
...shown.map((name) =>
h(
"button",
{
type: "button",
role: "tab",
"aria-selected": String(name === store.list),
onclick: () => store.showList(name),
},
h("span", { text: TITLES[name] || name }),
h("span", { class: "lw-num", text: ` ${count(store.rows(name).length)}` }),
),
),
);
}
card(row) {
const { store } = this,
current = row === store.row;
const el = h(
"button",
{
type: "button",
class: "lw-card",
role: "option",
"aria-selected": String(current),
"data-row": row,
tabindex: current ? "0" : "-1",
onclick: (event) =>
event.shiftKey || event.ctrlKey || event.metaKey || event.altKey ? this.onToggle(row) : this.onPick(row),
},
h("span", { class: "lw-card-media" }, this.media.node(this.media.peek(row), "thumb")),
this.caption(row),
);
el.classList.toggle("lw-chosen", Boolean(store.selected[row]));
return el;
}
caption(row) {
const { store } = this;
const label = store.labels[row],
changed = store.edited(row),
verdict = store.verdict[row];
if (store.blind && row !== store.row && !verdict)
return h("span", { class: "lw-caption lw-quiet", text: "?", title: "label hidden until you judge it (blind mode)" });
const mark = changed ? "✎" : verdict === 2 ? "✓" : verdict === 3 ? "…" : "";
const name = store.className(label);
const el = h(
"span",
{
class: `lw-caption${changed ? " lw-changed" : ""}`,
title: changed
? `${store.className(store.given[row])} → ${name}`
: Number.isFinite(store.pError[row]) && !store.hides(row)
? `${name}, p(wrong) ${probability(store.pError[row])}`
: name,
},
);
this.editor.thumb(el, [{ value: label, most: 18 }]);
el.append(h("span", { class: "lw-mark", text: `${mark}${store.flagged(row) ? "⚑" : ""}` }));
return el;
}
async fill(page) {
const wanted = ++this.wanted;
if (page.every((row) => this.media.peek(row))) {
this.ahead();
return;
}
try {
await this.media.want(page);
} catch (error) {
this.fail((error));
return;
}
if (wanted !== this.wanted) return;
for (const el of this.strip.querySelectorAll("button"))
el.firstElementChild?.replaceChildren(this.media.node(this.media.peek(Number(el.dataset.row)), "thumb"));
this.ahead();
}
ahead() {
const next = Array.from(this.store.rows().slice(this.start + this.perPage, this.start + 2 * this.perPage));
if (next.length)
this.media.want(next).catch(() => {
});
}
relabelled(rows) {
if (rows.length > 200) {
this.redraw();
return;
}
const changed = new Set(rows);
for (const el of this.strip.querySelectorAll("button"))
if (changed.has(Number(el.dataset.row))) el.lastElementChild?.replaceWith(this.caption(Number(el.dataset.row)));
}
}

// --- head.js
const SLICES = [
["label issues", (s, i) => s.issue[i]],
["label issues, undecided", (s, i) => s.issue[i] && !s.verdict[i]],
["changed", (s, i) => s.edited(i)],
["kept", (s, i) => s.verdict[i] === 2],
["skipped", (s, i) => s.verdict[i] === 3],
["flagged", (s, i) => s.flagged(i)],
["with a note", (s, i) => s.noted(i)],
["unlabelled", (s, i) => s.given[i] < 0],
];
class Head {
constructor({ store, onColor, onSlice, onRemoteSlice }) {
this.store = store;
this.onColor = onColor;
this.onSlice = onSlice;
this.onRemoteSlice = onRemoteSlice;
this.onExport = () => {};
this.onHelp = () => {};
this.onFold = () => {};
this.waiting = false;
const { meta } = store;
this.color = h("select", {
"aria-label": "colour by",
title: "colour by",
onchange: () => this.onColor(this.color.value),
});
this.slices = h("select", {
"aria-label": "select by a slice",
title: "ready-made selections",
onfocus: () => this.fillSlices(),
onpointerdown: () => this.fillSlices(),
onchange: () => this.pickSlice(),
});
this.gap = h("span", { class: "lw-space" });
this.changed = h("span", { class: "lw-num" });
this.saved = h("span", { class: "lw-saved" });
this.fold = h("button", {
type: "button",
class: "lw-button lw-fold",
text: "Filters",
"aria-expanded": "false",
onclick: () => this.onFold(),
});
this.export = h(
"button",
{
type: "button",
class: "lw-button",
"aria-haspopup": "dialog",
"aria-expanded": "false",
onclick: () => this.onExport(),
},
"Export ▾",
);
this.help = h("button", {
type: "button",
class: "lw-button lw-help-button",
text: "?",
title: "keys",
"aria-label": "keys",
"aria-expanded": "false",
onclick: () => this.onHelp(),
});
this.slicing = h("label", { class: "lw-pick" }, h("span", { text: "slice" }), this.slices);
this.standing = h("span", { class: "lw-state" }, this.changed, this.saved);
const tags = meta.choices.includes("yes") ? `${count(meta.space.length)} tags` : "";
const space = meta.space.length ? tags : `${count(store.classes.length)} classes`;
this.el = h(
"div",
{ class: "lw-row lw-head" },
h("strong", { class: "lw-name", text: meta.name, title: meta.path || meta.name }),
h("span", {
class: "lw-quiet lw-facts",
title: [`${count(store.n)} examples${space && `, ${space}`}`, meta.how, meta.canaries].filter(Boolean).join("; "),
}, h("span"), h("span", { text: `${count(store.n)} examples` }), h("span", { text: space && `\u00a0· ${space}` })),
this.fold,
h("label", { class: "lw-pick" }, h("span", { text: "colour" }), this.color),
this.slicing,
this.gap,
this.standing,
this.export,
this.help,
);
this.fillColors();
this.fillSlices();
store.on("labels", () => this.state());
store.on("history", () => this.state());
this.state();
}
fillColors() {
const columns = [...this.store.columns.values()];
const group = (test) => columns.filter(test).map((c) => [c.name, c.name]);
fillSelect(this.color, [
["labels", group((c) => c.classes || c.name === "verdict")],
["scores", group((c) => c.kind === "number" && c.suspicious)],
["columns", group((c) => !c.classes && c.name !== "verdict" && !(c.kind === "number" && c.suspicious))],
]);
}
fillSlices() {
const { store } = this,
totals = SLICES.map(() => 0);
for (let i = 0; i < store.n; i++)
SLICES.forEach(([, test], j) => {
if (test(store, i)) totals[j]++;
});
const own = SLICES.map(([name], j) => [name, `${name} (${count(totals[j])})`]).filter((_, j) => totals[j]);
const { slices } = store;
const more = slices
? slices.map((slice) => [`py:${slice.name}`, `${slice.name} (${count(slice.count)})`, slice.how])
: [["", "computing more…"]];
fillSelect(
this.slices,
[
["", [["", "select…"]]],
["decisions", own],
["evidence", more],
],
"",
);
}
async pickSlice() {
const { store } = this,
{ value } = this.slices;
this.slices.value = "";
if (!value) return;
if (value.startsWith("py:")) {
this.onRemoteSlice(value.slice(3));
return;
}
const slice = SLICES.find(([one]) => one === value),
mask = new Uint8Array(store.n);
if (!slice) return;
const [name, test] = slice;
for (let i = 0; i < store.n; i++) mask[i] = test(store, i) ? 1 : 0;
this.onSlice(mask, name);
}
state(waiting = this.waiting) {
const { store } = this;
this.waiting = waiting;
this.changed.textContent = `${count(store.changed)} changed`;
const text = store.pending
? waiting
? `waiting for the kernel: ${count(store.pending)} not saved`
: "saving…"
: store.saved
? `${store.meta.lasting === false ? "in memory" : "saved"} ${store.saved}`
: "";
if (this.saved.textContent !== text) this.saved.textContent = text;
this.saved.classList.toggle("lw-warn", Boolean(store.pending && waiting));
}
}

// --- state/answers.js
const ANSWERS_KEPT = 200;
const AHEAD = 3;
class InspectAnswers {
constructor({ store, wire, media }) {
this.store = store;
this.wire = wire;
this.media = media;
this.kept = new Map();
this.timer = 0;
}
get(row) {
return this.kept.get(row);
}
delete(row) {
this.kept.delete(row);
}
clear() {
this.kept.clear();
}
async fetch(row) {
const { body } = await this.wire.ask("inspect", { row });
for (const item of [body.media, ...body.neighbors.items, ...(body.linked?.items ?? [])]) this.media.keep(item);
this.kept.set(row, body);
for (const oldest of this.kept.keys()) {
if (this.kept.size <= ANSWERS_KEPT) break;
this.kept.delete(oldest);
}
return body;
}
ahead() {
clearTimeout(this.timer);
this.timer = setTimeout(() => {
const rows = this.store.rows(),
at = rows.indexOf(this.store.row);
if (at < 0) return;
for (const row of rows.slice(at + 1, at + 1 + AHEAD))
if (!this.kept.has(row))
this.fetch(row).catch(() => {
});
}, 20);
}
destroy() {
clearTimeout(this.timer);
}
}

// --- examples/curve.js
const PAD = { left: 22, right: 8, top: 6, bottom: 15 };
function apart(a, b, gap) {
if (Math.abs(a - b) >= gap) return [a, b];
const middle = (a + b) / 2,
sign = a <= b ? 1 : -1;
return [middle - (sign * gap) / 2, middle + (sign * gap) / 2];
}
function spread(places, gap) {
const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b] || a - b),
blocks = ([]);
order.forEach((i, rank) => {
let block = { sum: places[i] - rank * gap, count: 1 };
for (let last = blocks.at(-1); last && last.sum / last.count > block.sum / block.count; last = blocks.at(-1)) {
blocks.pop();
block = { sum: last.sum + block.sum, count: last.count + block.count };
}
blocks.push(block);
});
const flat = blocks.flatMap(({ sum, count }) => Array(count).fill(sum / count)),
out = [...places];
order.forEach((i, rank) => (out[i] = flat[rank] + rank * gap));
return out;
}
const lastFinite = (values) => [...values].reverse().find((v) => v !== null && Number.isFinite(v)) ?? null;
const missing = (values, epochs) => epochs.filter((_, i) => values[i] === null || !Number.isFinite(values[i]));
const listed = (some, epochs) => (some.length > 4 ? `${some.length} of ${epochs.length} epochs` : `epoch${some.length > 1 ? "s" : ""} ${some.join(", ")}`);
function tagGapsInWords({ epochs, given }, name) {
const lost = missing(given, epochs);
return lost.length ? `no value for ${name} in ${listed(lost, epochs)}: with very many tags, only the given and the most likely ones are recorded` : "";
}
function gapsInWords({ epochs, given, suggested }, name) {
if (epochs.length < 2) return "";
const lost = missing(given, epochs),
low = suggested ? missing(suggested, epochs).filter((epoch) => !lost.includes(epoch)) : [];
return [
low.length && `no line for ${name} in ${listed(low, epochs)}: it was not among the five most probable classes, and only those are recorded`,
lost.length && `this example was not recorded in ${listed(lost, epochs)}`,
]
.filter(Boolean)
.join("; ");
}
function drawCurve(canvas, curve, { given = "", suggested = "", colors, theme, nothing }) {
if (!curve) {
drawLines(canvas, [], [], { theme, nothing });
return;
}
const lines = [
{ values: curve.given, color: colors?.[0] ?? theme.text, dash: [], name: given },
...(curve.suggested ? [{ values: curve.suggested, color: colors?.[1] ?? theme.text, dash: [4, 3], name: suggested }] : []),
];
drawLines(canvas, curve.epochs, lines, { theme, nothing });
}
function drawLines(canvas, epochs, lines, { theme, nothing }) {
const width = canvas.clientWidth,
height = canvas.clientHeight;
if (!width) return;
const c = sharpContext(canvas, width, height);
c.font = "10px system-ui, sans-serif";
if (epochs.length < 2) {
c.fillStyle = hex(theme.quiet);
c.textAlign = "center";
c.textBaseline = "middle";
c.fillText(nothing ?? (epochs.length === 1 ? "no curve: only one epoch was recorded" : "no epochs recorded"), width / 2, height / 2);
return;
}
const room = Math.min(110, Math.max(...lines.map(({ name }) => c.measureText(name).width)) + 8);
const right = width - PAD.right - room,
bottom = height - PAD.bottom,
e0 = epochs[0],
e1 = epochs[epochs.length - 1];
const x = (e) => PAD.left + ((e - e0) / (e1 - e0)) * (right - PAD.left),
y = (p) => bottom - p * (bottom - PAD.top);
grid(c, { x, y, e0, e1, right, bottom, theme });
for (const { values, color, dash } of lines) stroke(c, epochs, values, x, y, color, dash);
names(c, lines, y, right, theme);
}
function grid(c, { x, y, e0, e1, right, bottom, theme }) {
c.strokeStyle = hex(theme.line);
c.fillStyle = hex(theme.quiet);
c.lineWidth = 1;
c.textBaseline = "middle";
c.textAlign = "right";
for (const p of [0, 0.5, 1]) {
c.beginPath();
c.moveTo(PAD.left, y(p) + 0.5);
c.lineTo(right, y(p) + 0.5);
c.stroke();
c.fillText(p === 0.5 ? ".5" : String(p), PAD.left - 4, y(p));
}
c.textBaseline = "top";
c.textAlign = "left";
c.fillText(`epoch ${e0}`, PAD.left, bottom + 4);
c.textAlign = "right";
c.fillText(String(e1), x(e1), bottom + 4);
}
function stroke(c, epochs, values, x, y, color, dash) {
c.strokeStyle = hex(color);
c.lineWidth = 1.8;
c.setLineDash(dash);
c.beginPath();
const known = (i) => i in values && Number.isFinite(values[i]);
const alone = [];
values.forEach((value, i) => {
if (value === null || !known(i)) return;
const place = [x(epochs[i]), y(value)];
if (known(i - 1)) c.lineTo(place[0], place[1]);
else c.moveTo(place[0], place[1]);
if (!known(i - 1) && !known(i + 1)) alone.push(place);
});
c.stroke();
c.setLineDash([]);
c.fillStyle = hex(color);
for (const place of alone) {
c.beginPath();
c.arc(place[0], place[1], 2, 0, 7);
c.fill();
}
}
function names(c, lines, y, right, theme) {
const placed = spread(
lines.map(({ values }) => y(lastFinite(values) ?? 0)),
11,
);
c.textAlign = "left";
c.textBaseline = "middle";
c.fillStyle = hex(theme.text);
lines.forEach(({ values, name }, i) => {
if (lastFinite(values) !== null) c.fillText(name, right + 5, placed[i]);
});
}

// --- state/labelspace.js
function labelSpace(store, paint) {
const classes = store.space,
gone = (code) => store.gone.has(code),
known = (code) => code >= 0 && code < classes.length;
return {
classes,
choices: store.meta.choices,
gone,
lacks: (name) => !classes.some((one, code) => one === name && !gone(code)),
matches: (text, most) => matchingClasses(classes, text, most, gone),
className: (code) => (known(code) ? classes[code] : "unlabelled"),
shortName: (code, most) => (known(code) ? shortNames(classes, most)[code] : "unlabelled"),
color: (code) => paint.classColor(code, classes.length),
};
}

// --- examples/neighbors.js
const HIDDEN = "hidden until you choose";
const NO_NEIGHBORS = { rows: [], items: [] };
class NeighborStrip {
constructor(inspector) {
this.inspector = inspector;
this.strip = h("div", { class: "lw-neighbors", "aria-label": "nearest neighbours" });
this.name = h("span");
this.parts = [h("h4", {}, this.name), this.strip];
}
get near() {
return this.inspector.answer?.neighbors ?? NO_NEIGHBORS;
}
draw() {
const { inspector } = this,
{ rows, items } = this.near;
this.title();
this.strip.replaceChildren(
...rows.map((row, i) =>
h(
"button",
{ type: "button", class: "lw-neighbor", "data-row": row, onclick: () => inspector.onPick(row) },
h("span", { class: "lw-neighbor-media" }, inspector.media.node(items[i], "thumb")),
this.caption(row),
),
),
);
}
empty() {
this.strip.replaceChildren();
this.name.textContent = "";
}
title() {
const { answer, store, hides, kind } = this.inspector;
if (!answer || store.row < 0) return;
const { rows, by, other, none } = answer.neighbors;
const given = store.given[answer.row],
labelled = rows.filter((row) => store.given[row] >= 0),
differ = labelled.filter((row) => store.given[row] !== given).length;
const counts = hides || given < 0 || kind.units ? "" : `: ${differ ? count(differ) : "none"} given another label`;
this.name.textContent = rows.length
? `${rows.length} nearest neighbours${counts}${other ? " (not those of the reasons)" : ""}`
: none || "no embeddings, so no neighbours";
this.name.title = rows.length ? [`by ${by}`, other].filter(Boolean).join(". ") : "";
}
caption(row) {
const { store, hides, editor, kind, unit } = this.inspector,
label = store.labels[row],
given = store.given[row],
name = store.className(label);
if (hides) return h("span", { class: "lw-caption lw-quiet", text: "?", title: `label ${HIDDEN}` });
if (kind.units) {
const said = this.near.labels?.[this.near.rows.indexOf(row)],
text = said?.[unit?.key ?? ""] ?? said?.[""] ?? "";
return h("span", { class: "lw-caption lw-clip", text, title: text && `given: ${text}` });
}
const differs = given >= 0 && given !== store.given[store.row],
was = label === given ? "" : `given ${store.className(given)}, now `;
const el = h("span", { class: `lw-caption${differs ? " lw-disagrees" : ""}`, title: `${was}${name}${differs ? " (given another label)" : ""}` });
editor.thumb(el, [{ value: label, most: 20, before: was && "✎" }]);
return el;
}
again() {
this.title();
this.captions();
}
captions() {
for (const el of this.strip.querySelectorAll("button")) el.lastElementChild?.replaceWith(this.caption(Number(el.dataset.row)));
}
}

// --- examples/setcurve.js
const WEIGHTS = "probability of each candidate as a share of the set after each epoch of the recorded training, which saw the set";
const LEFT = "candidates left if those far behind the most likely one are removed after each epoch (POP: more than .6 behind at first, .05 at last)";
function sizesInWords(epochs, sizes) {
const steps = epochs.flatMap((epoch, i) => (i && sizes[i] !== sizes[i - 1] ? [`${sizes[i]} from epoch ${epoch}`] : []));
return [`${sizes[0]} candidate${sizes[0] === 1 ? "" : "s"} left`, ...steps].join(", ");
}
class SetCurvePart {
constructor({ paint, space, theme }) {
this.paint = paint;
this.space = space;
this.theme = theme;
this.title = h("h4", { text: "weights of the candidates, by epoch", title: WEIGHTS, hidden: true });
this.canvas = h("canvas", { class: "lw-curve lw-set-curve", role: "img", hidden: true });
this.sizes = h("p", { class: "lw-fine lw-quiet lw-set-sizes", title: LEFT, hidden: true });
}
get parts() {
return [this.title, this.canvas, this.sizes];
}
draw(sets, hides) {
for (const part of this.parts) part.hidden = !sets || (hides && part === this.sizes);
if (!sets) return;
const theme = this.theme();
if (hides) {
drawLines(this.canvas, [], [], { theme, nothing: HIDDEN });
this.canvas.setAttribute("aria-label", `weights of the candidates by epoch: ${HIDDEN}`);
return;
}
const codes = new Map(this.space.classes.map((name, code) => [name, code]));
const lines = sets.names.map((name, i) => ({
values: sets.weights[i],
color: this.space.color(codes.get(name) ?? -1),
dash: [],
name: this.space.shortName(codes.get(name) ?? -1, 14),
}));
lines.push({ values: sets.outside, color: theme.quiet, dash: [4, 3], name: "outside" });
drawLines(this.canvas, sets.epochs, lines, { theme });
const words = sizesInWords(sets.epochs, sets.sizes);
this.sizes.textContent = words;
this.canvas.setAttribute("aria-label", `weights of ${sets.names.join(", ")} and the probability outside the set over ${sets.epochs.length} epochs; ${words}`);
}
}

// --- examples/curvepart.js
const TRAINING = "probability of a class after each epoch of the recorded training, which saw the given label";
const OF_TAGS = "probability of the tag in focus after each epoch of the recorded training, which saw the given tags";
class CurvePart {
constructor({ store, paint, theme }) {
this.store = store;
this.paint = paint;
this.theme = theme;
this.canvas = h("canvas", { class: "lw-curve", role: "img" });
this.gaps = h("p", { class: "lw-fine lw-quiet", hidden: true });
this.sets = store.meta.task === "candidates" ? new SetCurvePart({ paint, theme, space: labelSpace(store, paint) }) : null;
}
get parts() {
if (this.sets) return this.sets.parts;
const { epochs, unit_epochs: ofUnits, pooled } = this.store.meta;
if (ofUnits.length) return [h("h4", { text: "p(yes) during training, by epoch", title: OF_TAGS }), this.canvas, this.gaps];
if (!epochs.length) return [];
return [h("h4", { text: `probability during training, by epoch${pooled ? ` of ${pooled}` : ""}`, title: TRAINING }), this.canvas, this.gaps];
}
blank(nothing = "") {
this.sets?.draw(null, false);
if (this.sets) return;
this.gaps.hidden = true;
drawCurve(this.canvas, null, { theme: this.theme(), nothing });
if (nothing) this.canvas.setAttribute("aria-label", `probability over epochs: ${nothing}`);
}
drawUnit(unit, hides) {
if (hides || !unit?.curve) {
this.blank(hides ? HIDDEN : unit ? `${clip(unit.name, 24)}: not recorded` : "");
return;
}
const theme = this.theme(),
curve = { epochs: this.store.meta.unit_epochs, given: unit.curve, suggested: null };
drawCurve(this.canvas, curve, { given: clip(unit.name, 14), colors: [theme.accent], theme });
const gaps = tagGapsInWords(curve, unit.name);
this.gaps.hidden = !gaps;
this.gaps.textContent = gaps;
this.canvas.setAttribute("aria-label", `probability of ${unit.name} over ${curve.epochs.length} epochs, given: ${valueText(unit.given)}${gaps && `; ${gaps}`}`);
}
draw(answer, hides) {
this.sets?.draw(answer.sets, hides);
if (this.sets) return;
if (hides) {
this.blank(HIDDEN);
return;
}
const { store } = this,
given = store.given[answer.row],
suggested = store.suggested[answer.row];
const of = (code) => (code >= 0 ? this.paint.classColor(code) : this.theme().quiet);
const curve = suggested === given ? { ...answer.curve, suggested: null } : answer.curve;
drawCurve(this.canvas, curve, {
given: store.shortName(given, 14),
suggested: store.shortName(suggested, 14),
colors: [of(given), of(suggested)],
theme: this.theme(),
});
const gaps = gapsInWords(curve, store.className(suggested));
this.gaps.hidden = !gaps;
this.gaps.textContent = gaps;
const both = `${store.className(given)}${curve.suggested ? ` and of ${store.className(suggested)}` : ""}`;
this.canvas.setAttribute("aria-label", `probability of ${both} over ${curve.epochs.length} epochs${gaps && `; ${gaps}`}`);
}
}

// --- examples/ego.js
function placesAround(n, width, height, margin) {
const across = width / 2 - margin,
up = height / 2 - margin;
return Array.from({ length: n }, (_, i) => {
const angle = (2 * Math.PI * i) / n;
return [width / 2 + across * Math.sin(angle), height / 2 - up * Math.cos(angle)];
});
}
function drawEgo(canvas, { center, around: colors, between, theme }) {
const ratio = window.devicePixelRatio || 1,
width = canvas.clientWidth || 220,
height = canvas.clientHeight || 84;
canvas.width = Math.round(width * ratio);
canvas.height = Math.round(height * ratio);
const context = canvas.getContext("2d");
if (!context) return;
context.setTransform(ratio, 0, 0, ratio, 0, 0);
context.clearRect(0, 0, width, height);
const places = placesAround(colors.length, width, height, 9),
middle = ([width / 2, height / 2]);
const line = (from, to, color) => {
context.strokeStyle = color;
context.beginPath();
context.moveTo(from[0], from[1]);
context.lineTo(to[0], to[1]);
context.stroke();
};
context.lineWidth = 1;
for (const [one, other] of between) line(places[one], places[other], hex(theme.line));
for (const place of places) line(middle, place, hex(theme.quiet));
const dot = ([x, y], color, radius) => {
context.fillStyle = hex(color);
context.beginPath();
context.arc(x, y, radius, 0, 2 * Math.PI);
context.fill();
};
places.forEach((place, i) => dot(place, colors[i], 5));
dot(middle, center, 7);
}

// --- examples/linked.js
const NO_LINKS = { rows: [], items: [], total: 0, between: [] };
class LinkedStrip extends NeighborStrip {
constructor(inspector) {
super(inspector);
this.strip.setAttribute("aria-label", "linked nodes");
this.picture = h("canvas", { class: "lw-ego", role: "img" });
this.el = h("div", { class: "lw-linked", hidden: true }, h("h4", {}, this.name), this.picture, this.strip);
this.parts = [this.el];
}
get near() {
return this.inspector.answer?.linked ?? NO_LINKS;
}
draw() {
this.el.hidden = !this.inspector.answer?.linked;
super.draw();
this.ego();
}
empty() {
super.empty();
this.el.hidden = true;
}
again() {
super.again();
this.ego();
}
title() {
const { answer, store, hides, kind } = this.inspector;
if (!answer || store.row < 0) return;
const { rows, total } = this.near,
given = store.given[answer.row],
differ = rows.filter((row) => store.given[row] >= 0 && store.given[row] !== given).length;
const counts = hides || given < 0 || kind.units ? "" : `: ${differ ? count(differ) : "none"} given another label`;
const shown = rows.length < total ? `${rows.length} of ${count(total)}` : count(total);
this.name.textContent = total ? `${shown} linked node${total === 1 ? "" : "s"}${counts}` : "no linked nodes";
this.name.title = total ? "by the edges of this run, largest weight first" : "";
}
ego() {
const { answer, store, hides, paint, theme } = this.inspector,
{ rows, between } = this.near;
this.picture.hidden = !rows.length;
if (!answer || !rows.length) return;
const color = (row) => (hides ? theme().grey : paint.classColor(store.labels[row]));
drawEgo(this.picture, { center: color(answer.row), around: rows.map(color), between, theme: theme() });
this.picture.setAttribute("aria-label", `${this.name.textContent}; ${between.length} links between them`);
}
}

// --- examples/pictures.js
const ORIGINALS_KEPT = 6;
class Pictures {
kept = new Map();
constructor(wire) {
this.wire = wire;
}
async fetch(row) {
const known = this.kept.get(row);
if (known) return known;
const { body, buffers } = await this.wire.ask("picture", { row });
const made = { ...body, url: URL.createObjectURL(new Blob([buffers[0]], { type: body.mime })) };
this.kept.set(row, made);
for (const [oldest, { url }] of this.kept) {
if (this.kept.size <= ORIGINALS_KEPT) break;
URL.revokeObjectURL(url);
this.kept.delete(oldest);
}
return made;
}
async original(row) {
const { url } = await this.fetch(row),
image = new Image();
image.src = url;
await image.decode();
return { image, width: image.naturalWidth };
}
async tile(row, level, x, y) {
const { body, buffers } = await this.wire.ask("tile", { row, level, x, y });
const image = await createImageBitmap(new Blob([buffers[0]], { type: body.mime }));
return { image, width: image.width };
}
async mask(row, box) {
return (await this.wire.ask("mask_part", { row, box })).body;
}
destroy() {
for (const { url } of this.kept.values()) URL.revokeObjectURL(url);
this.kept.clear();
}
}

// --- base/typebox.js
const NEW = -2;
class TypeBox {
constructor({ keymap, onMode, onLeave }) {
this.keymap = keymap;
this.onMode = onMode;
this.onLeave = onLeave;
this.mode = null;
this.standing = null;
this.best = -1;
this.found = [];
this.sure = false;
this.input = h("input", {
class: "lw-type",
"aria-label": "type a class name",
autocomplete: "off",
oninput: () => this.match(),
onkeydown: (event) => this.key(event),
onblur: () => this.close(),
});
this.matches = h("div", { class: "lw-matches", role: "listbox", "aria-label": "matching classes" });
this.el = h("div", { class: "lw-typebox" }, this.input, this.matches);
}
stand(typing) {
const open = this.mode?.name === typing.name;
this.standing = typing;
if (!open) this.rest();
else {
this.mode = typing;
this.match();
}
}
rest() {
this.input.placeholder = this.standing?.resting || "";
}
open(mode) {
this.mode = mode;
this.onMode(true);
this.input.placeholder = mode.placeholder;
this.input.value = mode.value || "";
this.matches.replaceChildren();
this.input.focus({ preventScroll: true });
this.match();
}
close() {
if (!this.mode) return;
this.mode = null;
this.onMode(false);
this.input.value = "";
this.matches.replaceChildren();
this.rest();
}
match() {
this.mode ||= this.standing;
const { mode } = this;
if (!mode?.find) return;
this.onMode(true);
const text = this.input.value.trim();
this.sure = false;
this.found = mode.find(text);
if (text && mode.may?.(text)) this.found.push(NEW);
this.best = this.found.length && text ? this.found[0] : -1;
const none = this.found.length ? [] : [h("span", { class: "lw-empty-line", text: mode.nothing })];
this.matches.replaceChildren(...this.found.map((item) => this.option(item)), ...none);
this.reveal();
}
reveal() {
const panel = this.el.closest(".lw-inspector");
if (!panel) return;
const { top, bottom } = panel.getBoundingClientRect(),
below = this.matches.getBoundingClientRect().bottom - bottom,
above = this.input.getBoundingClientRect().top - top;
if (below > 0) panel.scrollTop += Math.min(below + 4, above);
}
option(item) {
const onpointerdown = (event) => {
event.preventDefault();
this.choose(item);
};
const { mode } = this;
return h(
"button",
{ type: "button", class: "lw-match", role: "option", "aria-selected": String(item === this.best), title: item === NEW ? "" : mode?.title?.(item), onpointerdown },
...(item === NEW ? [h("span", { class: "lw-clip", text: this.offer() })] : (mode?.node?.(item) ?? [])),
);
}
offer() {
const name = `“${this.input.value.trim()}”`;
return this.sure ? `Press Enter again to add ${name}` : `+ add the ${this.mode?.name} ${name}`;
}
key(event) {
const { action = "" } = actionOf(event, this.keymap) || {},
step = { nextMatch: 1, previousMatch: -1 }[action];
if (action !== "choose" && !step) return;
event.preventDefault();
if (step && this.mode?.nudge) this.input.value = this.mode.nudge(this.input.value, step < 0, event);
else if (step) this.move(step);
else if (this.mode && !this.mode.find) this.choose(this.input.value.trim());
else if (this.best !== -1) this.choose(this.best);
}
move(by) {
if (!this.mode?.find || !this.found.length) return;
const at = Math.max(0, Math.min(this.found.length - 1, this.found.indexOf(this.best) + by));
this.best = this.found[at];
[...this.matches.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
}
choose(item) {
const { mode } = this;
if (item === NEW && !this.sure) {
this.sure = true;
this.best = NEW;
this.matches.replaceChildren(this.option(NEW));
this.reveal();
return;
}
if (!mode) return;
const name = this.input.value.trim();
if (item === NEW || !mode.stays) this.leave();
if (item === NEW) {
mode.add?.(name);
return;
}
mode.choose(item);
if (mode.stays) this.open({ ...mode, value: "" });
}
leave() {
this.close();
this.onLeave();
}
}

// --- examples/unitjudge.js
const MANY = 1_000;
class UnitJudge {
constructor(inspector) {
this.inspector = inspector;
this.changed = new Set();
this.own = null;
const { store } = inspector;
store.on("labels", (rows) => {
for (const row of rows) this.changed.add(row);
});
store.on("history", () => this.renew());
store.on("queue", () => {
inspector.answers.clear();
if (store.row < 0) return;
this.changed.add(store.row);
this.renew();
});
}
async judge(verdicts, how) {
const { inspector } = this,
{ store, actions, answer } = inspector;
if (answer?.row !== store.row || !answer.units || actions.refused()) return;
const said = new Map(verdicts.map(({ key, value }) => [key, value])),
there = new Set(answer.units.map(({ key }) => key));
for (const { key, value } of verdicts) // new objects are shown at once
if (!there.has(key) && value[0] === "{") answer.units.push({ key, given: null, value, changed: true, shape: null, name: "" });
for (const unit of answer.units)
if (said.has(unit.key)) Object.assign(unit, { value: said.get(unit.key), decided: true, changed: said.get(unit.key) !== unit.given });
const changed = answer.units.some((unit) => unit.changed),
asked = answer.units.filter((unit) => unit.asked),
done = answer.whole !== false && (asked.length ? asked : answer.units.filter((unit) => unit.doubted)).every((unit) => unit.decided);
const one = answer.units.find((unit) => unit.key === verdicts[0].key);
const name = one?.shape?.item ?? (one?.name === one?.key ? "" : one?.name);
const named = [name && clip(String(name), 28), valueText(verdicts[0].value)].filter(Boolean).join(": ");
const text = verdicts.length > 1 ? `${count(verdicts.length)} labels confirmed` : named;
const saved = actions.units(verdicts, how, { changed, done, text });
this.own = answer.units.length > MANY ? { row: answer.row, step: store.past[store.past.length - 1] } : null;
inspector.showEditor();
if (how === "typed" && !(await saved)) return;
const wanted = store.unit;
if (wanted && said.has(wanted)) actions.advance(answer.row);
else if (!inspector.editor.advance?.() && done) actions.advance(answer.row);
}
confirm(verdicts) {
const { inspector } = this,
{ store, actions, answer } = inspector;
if (answer?.row !== store.row || !answer.units || actions.refused()) return;
const said = new Map(verdicts.map(({ key, value }) => [key, value]));
for (const unit of answer.units) if (said.has(unit.key)) Object.assign(unit, { value: unit.given, decided: true, changed: false });
answer.whole = true;
const changed = answer.units.some((unit) => unit.changed);
actions.units(verdicts, "confirm", { changed, done: true, text: "judged as a whole", whole: true });
inspector.showEditor();
actions.advance(answer.row);
}
judgeSelection(key, value) {
const { store, actions } = this.inspector,
rows = store.lists.selection;
if (!rows.length) actions.say("nothing is selected: draw around points first", "warn");
else actions.unitOfMany(rows, key, value);
}
async renew() {
const { inspector, changed } = this,
{ store } = inspector,
{ row } = store;
if (store.pending || !changed.size) return;
for (const one of changed) inspector.answers.delete(one);
const here = changed.has(row),
{ own } = this;
this.own = null;
inspector.media.forget([...changed]);
store.emit("pictures");
changed.clear();
if (!here || (own && own.row === row && own.step === store.past[store.past.length - 1])) return;
try {
const answer = await inspector.answers.fetch(row);
if (store.row !== row || store.pending) return;
const before = inspector.answer?.row === row ? inspector.answer.passage : null;
if (before && before.text === answer.passage?.text) answer.passage = before;
inspector.answer = answer;
inspector.showEditor();
} catch (error) {
inspector.fail((error));
}
}
}

// --- examples/inspector.js
const SKIPPED = 3;
class Inspector {
title = h("span", { class: "lw-title" });
place = h("span", { class: "lw-num lw-place" });
bar = h("span", { class: "lw-progress-fill" });
picture = h("div", { class: "lw-picture" });
facts = h("div", { class: "lw-editor-facts" });
tools = h("div", { class: "lw-editor-tools" });
why = h("ul", { class: "lw-why", "aria-label": "why the label may be wrong" });
acts = h("div", { class: "lw-acts", role: "group", "aria-label": "decisions" });
noteLine = h("div", { class: "lw-note", role: "note", dir: "auto", hidden: true });
table = h("dl", { class: "lw-columns" });
whole = h("div", { class: "lw-whole lw-row", hidden: true });
constructor(options) {
this.frame = 0;
this.store = options.store;
this.wire = options.wire;
this.media = options.media;
this.paint = options.paint;
this.theme = options.theme;
this.actions = options.actions;
this.kind = options.kind;
this.keymap = options.keymap;
this.edits = options.edits;
this.onPick = options.onPick;
this.say = options.say;
this.fail = options.fail;
this.emptyQueue = options.emptyQueue;
this.answers = new InspectAnswers(options);
this.pictures = new Pictures(options.wire);
this.answer = null;
this.unit = null;
this.rows = null;
this.typeBox = new TypeBox({
keymap: this.edits,
onMode: (typing) => this.el.classList.toggle("lw-typing", typing),
onLeave: options.onLeave,
});
this.curve = new CurvePart(this);
this.neighbors = new NeighborStrip(this);
this.linked = new LinkedStrip(this);
this.el = this.build();
const { store } = this;
this.buildActs();
this.editor = this.kind.make({
place: { facts: this.facts, tools: this.tools, root: this.el },
line: this.typeBox,
space: labelSpace(store, this.paint),
keymap: this.edits,
judge: (verdicts, how, whole) => this.judge(verdicts, how, whole),
addClass: (name) => this.actions.addClass(name),
pictures: store.meta.locked ? null : this.pictures,
say: this.say,
theme: this.theme,
explain: (unit) => this.explain(unit),
});
this.units = this.kind.units ? new UnitJudge(this) : null;
store.on("cursor", () => this.show());
store.on("space", () => this.editor.grow?.());
store.on("labels", () => {
this.showEditor();
this.queue();
this.neighbors.again();
this.linked.again();
});
let { kind } = store;
store.on("list", () => {
if (kind !== store.kind) {
({ kind } = store);
this.showEditor();
}
});
for (const topic of ["list", "mask", "count"]) store.on(topic, () => this.queue());
store.on("count", () => this.wholeLine());
}
build() {
this.why.hidden = this.store.meta.ordered === false;
return h(
"section",
{ class: `lw-inspector lw-of-${this.media.shape} lw-kind-${this.media.kind}${this.store.meta.brief_texts ? " lw-brief" : ""}`, "aria-label": "example" },
h(
"div",
{ class: "lw-part lw-part-look" },
h("div", { class: "lw-row" }, this.title, h("span", { class: "lw-space" }), this.place),
h("div", { class: "lw-progress", "aria-hidden": "true" }, this.bar),
h("div", { class: "lw-look" }, this.picture, this.facts),
),
h(
"div",
{ class: "lw-part lw-part-decide" },
this.why,
h("div", { class: "lw-choose" }, this.tools, this.typeBox.el),
this.whole,
this.acts,
this.noteLine,
),
h(
"div",
{ class: "lw-part lw-part-more" },
...this.curve.parts,
...this.linked.parts,
...this.neighbors.parts,
this.table,
),
);
}
buildActs() {
const cap = (action) => capOf(this.keymap, action);
const act = (action, text, run) =>
h(
"button",
{
type: "button",
class: "lw-act",
"data-action": action,
title: MEANINGS[action],
"aria-label": MEANINGS[action],
onclick: run,
},
h("span", { text }),
cap(action) && h("kbd", { text: cap(action) }),
);
const { actions } = this;
const { suggests } = this.store.meta;
this.acts.replaceChildren(
...(suggests === false && !this.kind.units ? [] : [act("accept", "Accept", () => this.editor.accept())]),
act("keep", "Keep", () => this.editor.keep()),
act("skip", "Skip", () => actions.skip()),
act("flag", "⚑", () => actions.flag()),
act("note", "✎", () => this.openNote()),
);
}
judge(verdicts, how, whole) {
const { actions } = this,
value = verdicts[0]?.value;
if (this.units && whole) this.units.confirm(verdicts);
else if (this.units && how === "selection") this.units.judgeSelection(verdicts[0].key, value);
else if (this.units) this.units.judge(verdicts, how);
else if (how === "selection") actions.labelSelection(value);
else if (how === "keep") actions.keep();
else actions.label(value, how);
}
showEditor() {
const { store } = this,
{ row } = store;
if (row < 0) {
this.editor.show(null);
return;
}
const { p_given = null, p_epoch = null } = this.answer?.row === row ? this.answer : {};
this.editor.show({
row,
given: store.given[row],
suggested: store.suggested[row],
label: store.labels[row],
verdict: store.verdict[row],
edited: store.edited(row),
flagged: store.flagged(row),
hides: this.hides,
doubted: store.meta.doubted !== false,
pError: store.pError[row],
pSuggested: store.pSuggested[row],
pGiven: p_given,
unit: store.unit,
picked: store.unitPicked.row === row ? store.unitPicked.key : "",
kind: store.kind,
audited: store.meta.audit?.done || "",
whole: this.answer?.row === row ? this.answer.whole : undefined,
item: this.answer?.row === row ? this.answer.media : this.media.peek(row),
units: this.answer?.row === row ? this.answer.units : null,
mask: this.answer?.row === row ? this.answer.mask : null,
passage: this.answer?.row === row ? this.answer.passage : null,
items: this.answer?.row === row ? this.answer.items : null,
epoch: p_epoch,
});
this.wholeLine();
this.reveal();
}
wholeLine() {
const { answer, store } = this,
asked = answer?.row === store.row && answer.whole !== undefined;
this.whole.hidden = !asked;
if (!asked) return;
const open = answer.units?.filter((unit) => !unit.decided).length ?? 0,
cap = capOf(this.keymap, "confirmAll"),
text = answer.whole ? "judged as a whole" : open ? `${count(open)} open ${open === 1 ? "is" : "are"} right, nothing else is missing` : "nothing else is wrong or missing";
this.whole.replaceChildren(
h("button", { type: "button", class: "lw-button lw-whole-done", disabled: answer.whole, onclick: () => this.confirmAll() }, h("span", { text }), !answer.whole && cap && h("kbd", { text: cap })),
h("span", { class: "lw-quiet lw-num", text: store.meta.audit?.done ?? "" }),
);
}
confirmAll() {
const { store, actions } = this,
{ row } = store;
if (row < 0) return;
if (this.kind.units) {
if (!this.editor.confirmAll?.()) actions.advance(row);
} else if (store.verdict[row] && store.verdict[row] !== SKIPPED) actions.advance(row);
else this.editor.keep();
}
get editing() {
return Boolean(this.editor.editing || this.typeBox.mode);
}
openEditor(typing = false) {
if (this.store.row >= 0 && !this.actions.refused()) this.editor.open(typing);
}
closeEditor() {
this.editor.close();
this.typeBox.close();
}
async show() {
const { store } = this,
{ row } = store;
this.closeEditor();
this.el.classList.toggle("lw-nothing", row < 0);
for (const button of this.acts.querySelectorAll("button")) button.disabled = row < 0;
if (row < 0) {
this.empty();
return;
}
const known = this.answers.get(row);
if (known) this.fill(known);
else {
this.showEditor();
this.drawPicture(this.media.peek(row));
this.waiting();
}
this.queue();
try {
const answer = known || (await this.answers.fetch(row));
if (store.row === row && !known) this.fill(answer);
this.answers.ahead();
} catch (error) {
if (store.row === row) this.fail((error));
}
}
get hides() {
return this.store.hides(this.store.row);
}
empty() {
this.answer = null;
this.title.textContent = "no example";
this.title.title = "";
const why = this.store.rows("queue").length ? "Click a point, or draw around several." : this.emptyQueue();
this.picture.replaceChildren(h("span", { class: "lw-empty-line", text: why }));
this.why.replaceChildren();
this.note("");
this.neighbors.empty();
this.linked.empty();
this.table.replaceChildren();
this.store.neighborsOf = null;
this.showEditor();
this.queue();
this.curve.blank();
}
waiting() {
this.title.textContent = "…";
this.why.replaceChildren();
this.note("");
}
fill(answer) {
this.answer = answer;
this.title.textContent = `example ${clip(String(answer.id), 22)}`;
this.title.title = String(answer.id);
this.drawPicture(answer.media);
this.reasons();
this.showEditor();
this.curveSoon();
this.neighbors.draw();
this.linked.draw();
this.showColumns(answer);
this.store.neighborsOf = { row: answer.row, rows: answer.neighbors.rows };
this.store.emit("neighbors");
}
drawPicture(item) {
const stage = this.editor.stage?.el;
if (!stage) this.picture.replaceChildren(this.rows?.node(this.answer) || mediaNode(item, "full"));
else if (!stage.closest(".lw-lightbox:not([hidden])")) this.picture.replaceChildren(stage);
}
explain(unit) {
this.unit = unit || null;
if (!this.answer) return;
this.reasons();
this.neighbors.captions();
if (this.store.meta.unit_epochs.length) this.curveSoon();
}
curveSoon() {
cancelAnimationFrame(this.frame);
this.frame = requestAnimationFrame(() => this.redrawCurve());
}
reasons() {
const { answer } = this,
{ unit } = this,
said = (unit ? unit.reasons : answer?.reasons) ?? [];
const shows = capOf(this.keymap, "hide");
const lines = this.hides ? [`${HIDDEN}${shows && ` (${shows} shows it)`}`] : said.length ? said : ["no reason to doubt this label"];
this.why.replaceChildren(
...lines.map((text, i) => h("li", { text: this.store.shortenIn(text, 46), title: [text, !this.hides && !unit && answer?.meanings?.[i]].filter(Boolean).join("\n") })),
);
this.note(this.hides ? "" : (answer?.note ?? ""));
}
note(text) {
this.noteLine.hidden = !text;
this.noteLine.textContent = text ? `✎ ${text}` : "";
this.noteLine.title = text || "";
}
showColumns(answer) {
const hidden = this.hides ? this.store.meta.evidence_columns : [];
const shown = this.media.kind === "none" ? [] : answer.columns.filter(([key]) => !hidden.includes(key));
this.table.replaceChildren(...shown.flatMap(([key, value]) => [h("dt", { text: key }), h("dd", { text: value, title: value })]));
}
reveal() {
if (this.store.blind && this.answer?.row === this.store.row && !this.hides) {
this.reasons();
this.redrawCurve();
this.showColumns(this.answer);
}
}
queue() {
const { store } = this,
name = store.list,
rows = store.rows(),
at = rows.indexOf(store.row) + 1;
const { done, total } = store.progress();
const word = name === "neighbors" ? "neighbours" : name;
this.place.textContent = rows.length ? `${word} ${at ? count(at) : "–"}/${count(rows.length)}` : `${word} empty`;
const basis = store.meta.audit?.title;
this.place.title = [this.place.textContent, `${count(done)} of ${count(total)} in the queue decided`, basis, store.meta.canaries]
.filter(Boolean)
.join("; ");
this.bar.style.width = total ? `${(100 * done) / total}%` : "0";
}
redrawCurve() {
if (!this.answer) return;
if (this.store.meta.unit_epochs.length) this.curve.drawUnit(this.unit, this.hides);
else this.curve.draw(this.answer, this.hides);
}
blindChanged() {
this.showEditor();
if (!this.answer) return;
this.reasons();
this.redrawCurve();
this.showColumns(this.answer);
this.neighbors.again();
this.linked.again();
}
openNote() {
if (this.store.row < 0 || this.actions.refused()) return;
const placeholder = "write a note, Enter saves it";
this.typeBox.open({ name: "note", placeholder, value: this.answer?.note || "", choose: (text) => this.saveNote(String(text)) });
}
async saveNote(text) {
const { row } = this.store,
known = this.answers.get(row);
await this.actions.note(text);
if (!known) return;
known.note = text;
if (this.store.row === row) this.reasons();
}
destroy() {
cancelAnimationFrame(this.frame);
this.answers.destroy();
this.pictures.destroy();
this.editor.destroy();
}
}

// --- keyboard.js
class Keyboard {
constructor(frame) {
this.frame = frame;
const { root, registry } = frame;
for (const type of ["keydown", "keyup", "keypress"]) registry.listen(root, type, (event) => event.stopPropagation());
registry.listen(root, "keydown", (event) => this.key(event));
registry.listen(root, "pointerdown", (event) => this.takeFocus(event));
registry.listen(root, "change", (event) => {
if (event.target.tagName === "SELECT") frame.focus();
});
}
takeFocus(event) {
if (event.target.closest("input, select, textarea, label")) return;
if (event.target.closest("button")) event.preventDefault();
this.frame.focus();
}
key(event) {
const { view } = this.frame;
if (!view) return;
if (event.target.matches("input, select, textarea")) {
if (event.key === "Escape") {
view.registry.escape();
view.focus();
}
return;
}
const button = event.target.closest("button") && (event.key === " " || event.key === "Enter");
if (button && !event.ctrlKey && !event.metaKey) return;
if (view.inspector.editor.editing && event.key !== "Escape") {
if (view.inspector.editor.key(event)) event.preventDefault();
return;
}
if (view.registry.took(event)) {
event.preventDefault();
return;
}
const meant = actionOf(event, view.keymap);
if (!meant) return;
event.preventDefault();
if (meant.digit === undefined) this.run(meant.action);
else view.inspector.editor.digit(meant.digit, meant.action === "labelSelection");
view.maps.forEach((map) => map.flush());
}
run(action) {
if (action === "leave") this.leave();
else this.frame.registry.actions.get(action)?.();
}
leave() {
const { root, registry } = this.frame;
if (registry.escape()) return;
root.blur();
const around = root.closest(".jp-Notebook, .jp-Cell");
around?.focus({ preventScroll: true });
}
}

// --- maps/paint.js
class Paint {
constructor(store, theme) {
this.store = store;
this.theme = theme;
this.by = "";
this.levels = null;
this.states = new Uint8Array(store.n);
this.table = null;
this.legend = null;
this.palettes = new Map();
this.restate();
}
classColors(k = this.store.classes.length) {
const { dark } = this.theme(),
name = `${k} ${dark}`;
const known = this.palettes.get(name) ?? classColors(k, dark);
this.palettes.set(name, known);
return known;
}
classColor(code, k = this.store.classes.length) {
const colors = this.classColors(k);
return code < 0 ? this.theme().grey : colors[code % colors.length];
}
colorBy(name) {
const { store } = this,
column = store.column(name),
values = store.loaded(name);
const { dark, grey } = this.theme();
this.by = name;
if (store.blind && store.meta.doubted !== false) {
this.levels = new Uint8Array(store.n).fill(255);
this.table = classTable(this.classColors(), grey);
this.legend = { kind: "hidden", column };
return;
}
if (column.kind === "category") {
const colors =
column.categories === store.classes || column.classes
? this.classColors()
: this.classColors(column.categories?.length);
this.levels = levelsOfCodes(values);
this.table = classTable(colors, grey);
this.legend = { kind: "category", column, colors };
return;
}
const range = column.range && column.range.every(Number.isFinite) ? column.range : extent(values);
const look = { suspicious: column.suspicious || "high", dark, scheme: column.suspicious ? "viridis" : "cividis" };
this.levels = levelsOf(values, range[0], range[1]);
this.table = scoreTable(look, grey);
this.legend = { kind: "number", column, range, color: (t) => scoreColor(t, look) };
}
restate(rows = null) {
const { store, states } = this,
{ passing } = store.filter;
if (rows) for (let i = 0; i < rows.length; i++) states[rows[i]] = this.stateOf(rows[i], passing);
else for (let i = 0; i < store.n; i++) states[i] = this.stateOf(i, passing);
}
get rise() {
const suspicious = this.legend?.column.suspicious;
return suspicious === "high" ? 1 : suspicious === "low" ? -1 : 0;
}
stateOf(i, passing) {
const { store } = this;
return (
(passing[i] ? PASSES : 0) |
(store.selected[i] ? SELECTED : 0) |
(store.edited(i) ? CHANGED : 0) |
(store.flagged(i) ? FLAGGED : 0)
);
}
touch(rows) {
const { store, levels } = this,
{ passing } = store.filter;
const codes = (this.by === "label" || this.by === "verdict") && this.legend?.kind !== "hidden" ? store.loaded(this.by) : null;
for (const row of rows) {
this.states[row] = this.stateOf(row, passing);
if (codes && levels) levels[row] = codes[row] < 0 ? 255 : codes[row] % 254;
}
}
}

// --- base/progress.js
const MOMENT = 400;
class ProgressLine {
constructor(line, pause = MOMENT) {
this.line = line;
this.pause = pause;
this.timer = 0;
this.words = "";
this.shown = "";
this.before = "";
}
tell(words) {
this.words = words;
if (this.shown) this.show();
else if (!this.timer) this.timer = setTimeout(() => this.show(), this.pause);
}
show() {
const element = this.line();
if (!this.shown) this.before = element.textContent;
element.textContent = this.shown = `${this.words}…`;
}
end() {
clearTimeout(this.timer);
if (this.shown && this.line().textContent === this.shown) this.line().textContent = this.before;
this.timer = 0;
this.shown = this.before = "";
}
}

// --- base/registry.js
class Registry {
constructor() {
this.pushes = new Map();
this.traits = new Map();
this.actions = new Map();
this.closers = [];
this.keys = [];
this.moments = new Map();
this.endings = [];
}
onPush(kind, react) {
once(this.pushes, kind, react, "push");
}
onTrait(name, react) {
once(this.traits, name, react, "trait");
}
onAction(name, act) {
once(this.actions, name, act, "action");
}
onEscape(close) {
this.closers.unshift(close);
}
escape() {
return this.closers.some((close) => close());
}
onKey(act) {
this.keys.unshift(act);
}
took(event) {
return this.keys.some((act) => act(event));
}
on(moment, react) {
if (!MOMENTS.includes(moment)) throw new Error(`unknown moment ${moment}`);
this.moments.set(moment, [...(this.moments.get(moment) || []), react]);
}
run(moment) {
for (const react of this.moments.get(moment) || []) react();
}
onEnd(end) {
this.endings.push(end);
}
listen(target, type, listener, options) {
target.addEventListener(type, listener, options);
this.onEnd(() => target.removeEventListener(type, listener, options));
}
end() {
for (const end of this.endings.splice(0)) end();
}
}
const MOMENTS = ["start", "ready", "layout", "theme"];
function once(map, key, value, what) {
if (map.has(key)) throw new Error(`two parts registered for the ${what} ${key}`);
map.set(key, value);
}

// --- base/tabs.js
class Tabs {
constructor(panels) {
this.panels = panels;
this.shown = panels[0][0];
this.frame = 0;
this.buttons = [];
this.bar = h("div", { class: "lw-tabs", role: "tablist", "aria-label": "side panel" });
this.el = h("div", { class: "lw-filters" }, this.bar);
panels.splice(0).forEach((panel) => this.add(...panel));
}
add(name, el, draw) {
this.panels.push([name, el, draw]);
this.buttons.push(h("button", { type: "button", role: "tab", text: name, onclick: () => this.show(name) }));
this.bar.append(this.buttons[this.buttons.length - 1]);
this.el.append(el);
this.mark();
}
show(name) {
this.shown = name;
this.mark();
this.refresh(true);
}
mark() {
this.panels.forEach(([name, el], i) => {
el.hidden = name !== this.shown;
this.buttons[i].setAttribute("aria-selected", String(name === this.shown));
});
}
refresh(all = false) {
const [name, , draw] = this.panels.find(([one]) => one === this.shown) ?? this.panels[0];
if (!all && name === this.panels[0][0]) return;
cancelAnimationFrame(this.frame);
this.frame = requestAnimationFrame(draw);
}
destroy() {
cancelAnimationFrame(this.frame);
}
}

// --- examples/tip.js
const POINTER_REST = 120;
class Tip {
constructor({ store, media, paint, root }) {
this.store = store;
this.media = media;
this.paint = paint;
this.root = root;
this.timer = 0;
this.line = h("div", { class: "lw-clip" });
this.picture = h("div", { class: "lw-tip-media", hidden: true });
this.el = h("div", { class: "lw-tip", hidden: true }, this.picture, this.line);
this.row = -1;
}
show(row, map) {
const { el } = this;
el.hidden = row < 0 || Boolean(map.drag);
this.row = el.hidden ? -1 : row;
clearTimeout(this.timer);
if (el.hidden) return;
this.line.textContent = this.text(row);
this.draw(row);
const [x, y] = map.place2d(row);
const stage = map.stage.getBoundingClientRect(),
box = this.root.getBoundingClientRect();
const left = stage.left - box.left + x + 10,
top = stage.top - box.top + y + 12;
el.style.left = `${Math.max(4, Math.min(left, box.width - el.offsetWidth - 8))}px`;
el.style.top = `${top + el.offsetHeight > box.height - 4 ? Math.max(4, top - el.offsetHeight - 24) : top}px`;
}
draw(row) {
const { media, picture } = this;
picture.hidden = media.kind !== "image";
if (picture.hidden) return;
const item = media.peek(row);
picture.replaceChildren(media.node(item, "thumb"));
if (item) return;
this.timer = setTimeout(async () => {
try {
await media.want([row]);
} catch {
return;
}
if (this.row !== row) return;
this.line.textContent = this.text(row);
picture.replaceChildren(media.node(media.peek(row), "thumb"));
}, POINTER_REST);
}
destroy() {
clearTimeout(this.timer);
}
text(row) {
const { store } = this,
item = this.media.peek(row),
{ by } = this.paint;
if (store.blind) return `${item ? `${item.id} · ` : ""}hidden in blind mode`;
const column = store.columns.get(by),
value = store.values(by)?.[row];
const shown = column?.kind !== "category" ? probability(value) : value !== undefined && value >= 0 ? column.categories?.[value] : "none";
const change = store.edited(row) ? ` → ${store.className(store.labels[row])}` : "";
return `${item ? `${item.id} · ` : ""}${store.className(store.given[row])}${change} · ${by} ${shown}`;
}
}

// --- maps/toolbar.js
const TOOLS = [
["lasso", "lasso: draw around points"],
["box", "box: drag a rectangle"],
["pan", "pan: drag the map"],
];
const MODES = [
["replace", "new selection"],
["add", "add to the selection (Shift)"],
["remove", "remove from the selection (Alt or Ctrl)"],
];
class Toolbar {
constructor({ onZoom, onHome, onClear }) {
this.onZoom = onZoom;
this.onHome = onHome;
this.onClear = onClear;
this.tool = "lasso";
this.mode = "replace";
this.wheelAt = -1e9;
this.wheelInside = false;
this.stages = () => [];
this.toolButtons = TOOLS.map(([name, label]) => iconButton(name, label, () => this.setTool(name)));
this.modeButtons = MODES.map(([name, label]) => iconButton(name, label, () => this.setMode(name)));
this.info = h("span", { class: "lw-num lw-tool-info", "aria-live": "off" });
this.el = h(
"div",
{ class: "lw-toolbar", role: "toolbar", "aria-label": "map tools" },
h("span", { class: "lw-group" }, this.toolButtons),
h("span", { class: "lw-group" }, this.modeButtons),
h(
"span",
{ class: "lw-group" },
textButton("−", "zoom out", () => this.onZoom(1 / 1.5)),
textButton("+", "zoom in", () => this.onZoom(1.5)),
iconButton("reset", "reset the view", () => this.onHome()),
),
this.info,
h("span", { class: "lw-space" }),
(this.clear = h("button", {
type: "button",
class: "lw-link",
text: "clear selection",
hidden: true,
onclick: () => this.onClear(),
})),
);
this.onWheel = (event) => this.noteWheel(event);
this.mark();
}
setTool(tool) {
this.tool = tool;
this.mark();
}
setMode(mode) {
this.mode = mode;
this.mark();
}
mark() {
this.toolButtons.forEach((button, i) => button.setAttribute("aria-pressed", String(TOOLS[i][0] === this.tool)));
this.modeButtons.forEach((button, i) => button.setAttribute("aria-pressed", String(MODES[i][0] === this.mode)));
}
watch(stages) {
this.stages = stages;
window.addEventListener("wheel", this.onWheel, { passive: true, capture: true });
}
noteWheel(event) {
const path = event.composedPath();
const inside = this.stages().some((stage) => path.includes(stage));
if (event.timeStamp - this.wheelAt > 180 || !inside) this.wheelInside = inside;
this.wheelAt = event.timeStamp;
}
scrolling() {
return !this.wheelInside;
}
destroy() {
window.removeEventListener("wheel", this.onWheel, { capture: true });
}
}
function textButton(text, label, onclick) {
return h("button", { type: "button", class: "lw-icon", text, title: label, "aria-label": label, onclick });
}

// --- state/wire.js
const PATIENCE = 6;
const CHANGES = new Set(["decide", "add_class", "accept", "undo", "redo"]);
class Wire {
constructor(model, onNews, onWaiting = () => {}) {
this.model = model;
this.onNews = onNews;
this.onWaiting = onWaiting;
this.open = new Map();
this.last = 0;
this.turn = 0;
this.stuck = false;
this.patience = PATIENCE;
this.onLost = () => {};
this.onSilence = () => {};
this.view = Math.random().toString(36).slice(2, 10);
this.listen = (body, buffers) => this.receive(body, buffers || []);
model.on("msg:custom", this.listen);
this.timer = setInterval(() => this.watch(), 2000);
}
ask(kind, body, buffers = []) {
const request = `${this.view}.${++this.last}`;
const message = { ...body, kind, request };
if (CHANGES.has(kind)) message.turn = ++this.turn;
return new Promise((resolve, reject) => {
this.open.set(request, { resolve, reject, message, buffers, sent: this.last, since: Date.now() });
try {
this.model.send(message, undefined, buffers);
} catch (error) {
this.open.delete(request);
reject(Object.assign(new Error(`the kernel cannot be reached (${(error).message})`), { lost: true }));
this.onLost();
}
});
}
receive(body, buffers) {
this.onNews(body, buffers);
const asked = this.open.get(body.request);
if (!asked) return;
this.open.delete(body.request);
if (body.error) asked.reject(new Error(body.error));
else asked.resolve({ body, buffers });
this.sendAgain(asked.sent);
this.watch();
}
sendAgain(answered) {
for (const one of this.open.values()) {
if (!one.message.turn || one.sent >= answered) continue;
one.sent = this.last;
this.model.send(one.message, undefined, one.buffers);
}
}
abandon(why) {
const asked = [...this.open.values()];
this.open.clear();
for (const one of asked) one.reject(Object.assign(new Error(why), { lost: true }));
}
watch() {
const now = Date.now(),
open = [...this.open.values()];
const stuck = open.some((one) => now - one.since > PATIENCE * 1000);
if (stuck !== this.stuck) this.onWaiting((this.stuck = stuck));
const waits = open.filter((one) => one.message.turn).map((one) => now - one.since);
if (!waits.length) this.patience = PATIENCE;
else if (Math.max(...waits) > this.patience * 1000) {
this.patience *= 2;
this.onSilence();
}
}
close() {
clearInterval(this.timer);
this.model.off("msg:custom", this.listen);
this.open.clear();
}
}

// --- main.js
class Frame {
constructor(model, el, again) {
this.model = model;
this.again = again;
this.view = null;
this.focused = false;
this.registry = new Registry();
this.root = h("div", {
class: "lw",
tabindex: "0",
role: "application",
"aria-label": "Label Workbench explorer; press ? for the keys",
"data-lm-suppress-shortcuts": "true",
"data-state": "opening",
});
this.root.style.setProperty("--lw-height", `${model.get("height") || 540}px`);
this.opening = h("div", { class: "lw-opening", role: "status", text: "opening…" });
this.root.append(this.opening);
this.progress = new ProgressLine(() => this.view?.status ?? this.opening);
el.append(this.root);
this.root.dataset.theme = pageTheme(this.root);
this.wire = new Wire(
model,
(body, buffers) => this.news(body, buffers),
(waiting) => this.waiting(waiting),
);
this.keyboard = new Keyboard(this);
}
async open() {
try {
const { body, buffers } = await this.wire.ask("open", {});
const arrays = (unpackedArrays(body.arrays, buffers));
this.view = new Explorer(this, body, arrays);
this.view.start(body);
} catch (error) {
this.opening.textContent = `could not open: ${(error).message}`;
this.root.dataset.state = "error";
}
}
news(body, buffers) {
if (body.push === "progress") this.progress.tell(body.text);
else if (body.request) this.progress.end();
if (!this.view) return;
takePatch(this.view.store, body, buffers);
if (body.push) this.registry.pushes.get(body.push)?.(body, buffers);
}
waiting(stuck) {
if (this.view) this.view.waiting(stuck);
else if (stuck) this.opening.textContent = "waiting for the kernel… If it was restarted, run this cell again.";
}
focus() {
this.root.focus({ preventScroll: true });
}
destroy() {
this.progress.end();
this.registry.end();
this.wire.close();
this.root.remove();
}
}
class Explorer {
constructor(frame, meta, arrays) {
this.frame = frame;
this.model = frame.model;
this.again = frame.again;
this.registry = frame.registry;
this.root = frame.root;
this.wire = frame.wire;
this.colors = null;
this.say = (text, kind) => this.showStatus(text, kind);
this.fail = (error) => this.showStatus((error).message, "error");
this.theme = () => (this.colors ||= readTheme(this.root));
this.pick = (row) => this.store.goTo(row);
this.store = makeStore(meta, arrays);
this.source = new Source(this.wire, this.store);
this.kind = EDITORS[meta.task] || EDITORS.units;
this.keymap = inForce(meta.keymap.review, this.kind);
this.paint = new Paint(this.store, this.theme);
this.media = new Media(this.wire, meta.media);
const named = (code) => code >= 0 && !(meta.task === "masks" && isBackground(this.store.space[code]));
this.media.color = (code) => (!named(code) ? null : this.store.blind ? this.theme().grey : this.paint.classColor(code, this.store.space.length));
this.undoKey = capOf(this.keymap, "undo");
this.actions = new Actions({ store: this.store, wire: this.wire, say: this.say });
this.status = h("div", { class: "lw-said", role: "status", "aria-live": "polite" });
this.head = this.makeHead();
this.filters = this.makeFilters();
this.side = new Tabs([["filters", this.filters.el, () => this.filters.redraw()]]);
this.toolbar = this.makeToolbar();
this.maps = this.makeMaps(meta);
this.legend = h("div", { class: "lw-legend" });
this.inspector = this.makeInspector(meta);
this.bulk = this.makeBulk();
this.gallery = this.makeGallery();
this.tip = new Tip({ store: this.store, media: this.media, paint: this.paint, root: this.root });
this.footKeys = h("span", { class: "lw-quiet lw-keys", text: keyLine(this.kind.units ? [] : this.store.classes, this.keymap, this.kind.units || this.store.meta.suggests) });
this.footSpace = h("span", { class: "lw-space" });
this.body = h("div", { class: "lw-body" });
this.timelines = [];
this.grid = null;
this.lightbox = null;
this.showLook = async () => {};
this.putTogether();
for (const feature of FEATURES) feature(this);
this.listen();
}
makeHead() {
return new Head({
store: this.store,
onColor: (name) => this.colorBy(name),
onSlice: (mask, name) => this.showSlice(mask, name),
onRemoteSlice: (name) => this.remoteSlice(name),
});
}
makeFilters() {
const { store, theme, paint, say, fail } = this;
return new Filters({
store,
theme,
paint,
load: (name) => this.source.load(name),
search: (text) => this.source.search(text),
onChange: () => store.setLook({ filters: this.filters.state() }),
say,
fail,
});
}
makeToolbar() {
return new Toolbar({
onZoom: (f) => this.maps.forEach((m) => m.zoomBy(f)),
onHome: () => this.maps.forEach((m) => m.home()),
onClear: () => this.store.clearSelection(),
});
}
makeMaps(meta) {
const shared = {
store: this.store,
tools: this.toolbar,
theme: this.theme,
paint: this.paint,
onPick: this.pick,
webgl: this.model.get("webgl") !== false,
onHover: (row, map) => this.tip.show(row, map),
onSelect: (mask, how) => this.selectFromMap(mask, how),
};
const axes = { x: meta.data_map?.x, y: meta.data_map?.y, regions: meta.data_map?.x === "variability" };
return [
new PointMap({ ...shared, title: meta.data_map?.title || "data map", ...axes }),
new PointMap({ ...shared, title: "embedding map" }),
];
}
makeInspector(meta) {
const { store, wire, media, paint, theme, actions, kind, keymap, say, fail } = this;
return new Inspector({
store,
wire,
media,
paint,
theme,
actions,
kind,
keymap,
edits: meta.keymap.edit[kind.task],
onPick: this.pick,
say,
fail,
onLeave: () => this.focus(),
emptyQueue: () => this.gallery.nothing(),
});
}
makeBulk() {
const { store, wire, actions, kind, fail } = this;
return new Bulk({ store, actions, units: kind.units, fail, onRank: () => wire.ask("rank").catch(fail) });
}
makeGallery() {
const { store, bulk, media, inspector, fail } = this;
return new Gallery({
store,
bulk,
media,
editor: inspector.editor,
onPick: this.pick,
onToggle: (row) => this.toggleRow(row),
fail,
});
}
putTogether() {
const undo = h(
"button",
{ type: "button", class: "lw-undo", title: "undo the last decision", onclick: () => this.actions.undo() },
"undo",
h("kbd", { text: this.undoKey }),
);
const maps = h(
"div",
{ class: "lw-maps" },
this.maps.map((map) => map.el),
);
this.frame.opening.remove();
this.body.append(this.side.el, h("div", { class: "lw-center" }, this.toolbar.el, maps, this.legend), this.inspector.el);
this.root.append(
this.head.el,
this.body,
this.gallery.el,
h("div", { class: "lw-foot" }, this.status, undo, this.footSpace, this.footKeys),
this.tip.el,
);
const { stage } = this.inspector.editor;
if (stage) stage.scrolling = () => this.toolbar.scrolling();
this.toolbar.watch(() => [...this.maps.map((map) => map.stage), ...(stage ? [stage.el] : [])]);
this.registry.onEnd(() =>
[...this.maps, this.filters, this.side, this.bulk, this.inspector, this.toolbar, this.tip].forEach((part) => part.destroy()),
);
}
addTab(name, el, draw) {
this.side.add(name, el, draw);
}
addTool(el) {
this.toolbar.info.before(el);
}
addToHead(el) {
this.head.gap.before(el);
}
addToFoot(el) {
this.footSpace.before(el);
}
addCover(el) {
this.body.append(el);
}
addPanel(el) {
this.root.append(el);
}
under(panel, button) {
if (panel.hidden) return;
const box = this.root.getBoundingClientRect(),
at = button.getBoundingClientRect(),
left = Math.max(10, Math.min(at.left - box.left, this.root.clientWidth - panel.offsetWidth - 10));
panel.style.left = `${left}px`;
panel.style.right = "auto";
panel.style.top = `${at.bottom - box.top + 4}px`;
}
async start(meta) {
this.root.dataset.renderer = this.maps[0].points.kind;
this.colorBy(this.model.get("color_by") || meta.color_by);
this.registry.run("start");
this.maps.forEach((map) => map.flush());
await seen();
if (this.root.isConnected) this.fill(meta);
}
fill(meta) {
const { store } = this;
store.goTo(store.firstOpen("queue"));
if (store.row < 0) this.inspector.show();
if (this.frame.focused) this.focus();
this.gallery.redraw();
this.filters
.start(meta.first_filters)
.then(() => this.filters.restore(this.model.get("filters") || {}))
.then(() => {
this.registry.run("ready");
this.root.dataset.state = "ready";
});
this.root.dataset.state = "drawn";
this.say([`${count(store.lists.queue.length)} to review`, meta.expected].filter(Boolean).join(" · "), "quiet");
if (meta.warning) this.say(meta.warning, "warn");
this.status.title = [this.status.textContent, meta.expected_title, meta.canaries, meta.warning, meta.how].filter(Boolean).join("; ");
}
waiting(stuck) {
this.head.state(stuck);
if (stuck && this.store.pending)
this.say("the kernel does not answer: if it was restarted, run this cell again", "error");
}
listen() {
const { store, paint, maps, registry, model } = this;
const placed = (act) => maps.forEach((map) => map.xy && act(map));
store.on("mask", ({ rows }) => {
paint.restate(rows);
placed((map) => map.restate(rows));
this.toolbar.clear.hidden = !store.selectedCount;
this.toolbar.info.textContent = store.selectedCount ? `${count(store.selectedCount)} selected` : "";
});
store.on("labels", (rows) => {
this.side.refresh();
paint.touch(rows);
placed((map) => map.retouch(rows));
});
store.on("space", () => this.colorBy(paint.by));
for (const topic of ["cursor", "neighbors"]) store.on(topic, () => maps.forEach((map) => map.redrawOver()));
for (const [name, react] of registry.traits) {
const listener = () => react(model.get(name));
model.on(`change:${name}`, listener);
registry.onEnd(() => model.off(`change:${name}`, listener));
}
}
async colorBy(name) {
if (!this.store.columns.has(name)) return;
try {
if (!this.store.values(name)) await this.source.load(name);
} catch (error) {
this.fail(error);
return;
}
this.paint.colorBy(name);
this.head.color.value = name;
drawLegend(this.legend, this.paint.legend);
this.maps.forEach((map) => map.xy && map.recolor());
this.store.setLook({ color_by: name });
}
selectFromMap(mask, { taken, mode }) {
this.store.setSelection(mask);
const word = mode === "remove" ? "removed" : mode === "add" ? "added" : "selected";
this.say(`${count(taken)} ${word}${mode === "replace" ? "" : `, ${count(this.store.selectedCount)} in all`}`);
}
toggleRow(row) {
const mask = this.store.selected.slice();
mask[row] ^= 1;
this.store.setSelection(mask);
}
async remoteSlice(name) {
try {
this.showSlice(await this.source.slice(name), name);
} catch (error) {
this.fail(error);
}
}
showSlice(mask, name, unit = "") {
this.store.setSelection(mask, { unit });
this.say(`${count(this.store.selectedCount)} selected: ${name}`);
this.focus();
}
focus() {
this.frame.focus();
}
showStatus(text, kind = "") {
this.status.className = `lw-said${kind ? ` lw-${kind}` : ""}`;
this.status.textContent = text;
this.status.title = text;
}
}
function makeStore(meta, arrays) {
const store = new Store(meta, arrays);
for (const [name, values] of Object.entries({
...arrays,
given_label: store.given,
suggested_label: store.suggested,
p_error: store.pError,
p_suggested: store.pSuggested,
})) {
const column = store.columns.get(name);
if (column) store.setColumn(column, values);
}
return store;
}
function render({ model, el }) {
let frame = null;
const open = () => {
const root = frame?.root,
focused = Boolean(root && root.contains(rootOf(root).activeElement));
frame?.destroy();
frame = new Frame(model, el, open);
frame.focused = focused; // "Rank again" opens the view anew: the keys go on working
frame.open();
};
open();
return () => frame?.destroy();
}
export default { render };
