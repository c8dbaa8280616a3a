/** The Explorer: builds the parts, wires them to one store, and cleans up. */
import { Actions } from "./actions.js";
import { arrayOf, packMask, unpackMask } from "./bits.js";
import { Bulk } from "./bulk.js";
import { ClassTable, PairPanel } from "./classes.js";
import { readTheme } from "./color.js";
import { h } from "./dom.js";
import { Exporter } from "./exporter.js";
import { Filters } from "./filters.js";
import { count, probability } from "./format.js";
import { Gallery } from "./gallery.js";
import { Head } from "./head.js";
import { helpPanel } from "./help.js";
import { Inspector } from "./inspector.js";
import { actionOf, digitClasses, keyCap, keymapOf } from "./keys.js";
import { drawLegend } from "./legend.js";
import { PointMap } from "./map.js";
import { Media } from "./media.js";
import { Paint } from "./paint.js";
import { patchOf, Store, VERDICTS } from "./store.js";
import { Tabs } from "./tabs.js";
import { Timeline } from "./timeline.js";
import { Toolbar } from "./toolbar.js";
import { Wire } from "./wire.js";

/** Container widths at which the layout changes. */
const LAYOUTS = [[1040, "wide"], [780, "middle"], [540, "narrow"], [0, "tiny"]];
/** When to look again after the page's theme changed: its style sheet arrives a little later, ms. */
const THEME_CHECKS = [0, 120, 400, 1200];
const TYPES = { i4: Int32Array, f4: Float32Array, u1: Uint8Array };
const FIRST_FILTERS = ["p_error", "confidence", "aum", "given", "verdict"];

class Explorer {
  /** @param {object} model the anywidget model @param {HTMLElement} el where to draw @param {() => void} again opens the view anew */
  constructor(model, el, again) {
    Object.assign(this, { model, again });
    this.root = h("div", { class: "lw", tabindex: "0", role: "application", "aria-label": "Label Workbench explorer; press ? for the keys",
      "data-lm-suppress-shortcuts": "true", "data-state": "opening" });
    this.root.style.setProperty("--lw-height", `${model.get("height") || 540}px`);
    this.opening = h("div", { class: "lw-opening", role: "status", text: "opening…" });
    this.root.append(this.opening);
    el.append(this.root);
    this.undo = [];
    this.wire = new Wire(model, (body, buffers) => this.news(body, buffers), (waiting) => this.waiting(waiting));
    this.listenKeys();
  }

  /* ---- opening ---- */

  async open() {
    try {
      const { body, buffers } = await this.wire.ask("open", {});
      const arrays = Object.fromEntries(body.arrays.map(([name, type], i) => [name, arrayOf(TYPES[type], buffers[i])]));
      this.build(body, arrays);
    } catch (error) { this.opening.textContent = `could not open: ${error.message}`; this.root.dataset.state = "error"; }
  }

  build(meta, arrays) {
    const store = (this.store = new Store(meta, arrays));
    const theme = () => (this.colors ||= readTheme(this.root));
    for (const [name, values] of Object.entries({ given: store.given, suggested: store.suggested, p_error: store.pError, p_suggested: store.pSuggested, ...pick(arrays, meta.columns) })) {
      if (store.columns.has(name)) store.setValues(name, values);
    }
    this.theme = theme;
    this.keymap = keymapOf(meta.keymap);
    this.paint = new Paint(store, theme);
    this.media = new Media(this.wire, meta.media);
    this.status = h("div", { class: "lw-said", role: "status", "aria-live": "polite" });
    const say = (text, kind) => this.say(text, kind), fail = (error) => this.say(error.message, "error");
    this.actions = new Actions({ store, wire: this.wire, say, undoKey: keyCap(this.keymap.undo?.[0] || "") });
    const onPick = (row) => store.goTo(row);
    this.head = new Head({ store, onColor: (name) => this.colorBy(name, true), onLens: (mask, name) => this.lens(mask, name), onRemoteLens: (name) => this.remoteLens(name),
      onExport: () => this.exporter.toggle(), onHelp: () => this.toggleHelp(), onFold: () => this.foldFilters() });
    this.exporter = new Exporter({ wire: this.wire, path: meta.export_path, say, onClose: () => this.focus(), onToggle: (open) => this.head.export.setAttribute("aria-expanded", String(open)) });
    this.helpBox = helpPanel(this.keymap, digitClasses(store.classes), store.classes, () => this.toggleHelp(false));
    this.filters = new Filters({ store, theme, paint: this.paint, load: (name) => this.load(name), search: (text) => this.search(text), onChange: () => this.filtersChanged(), fail });
    const select = (test, name) => this.lens(maskOf(store.n, test), name), parts = { store, paint: this.paint, theme, select };
    this.classTable = new ClassTable(parts);
    this.pairs = new PairPanel(parts);
    this.side = new Tabs([["filters", this.filters.el, () => this.filters.redraw()], ["classes", this.classTable.el, () => this.classTable.draw()], ["pairs", this.pairs.el, () => this.pairs.draw()]]);
    this.toolbar = new Toolbar({ onZoom: (f) => this.maps.forEach((m) => m.zoomBy(f)), onHome: () => this.maps.forEach((m) => m.home()), onClear: () => store.clearSelection() });
    this.buildMaps(meta, onPick);
    this.legend = h("div", { class: "lw-legend" });
    this.inspector = new Inspector({ store, wire: this.wire, media: this.media, paint: this.paint, theme, actions: this.actions, keymap: this.keymap, onPick, fail, onLeave: () => this.focus() });
    this.bulk = new Bulk({ store, actions: this.actions, onOrder: (text) => say(text), onRank: () => this.wire.ask("rank").catch(fail) });
    this.gallery = new Gallery({ store, bulk: this.bulk, media: this.media, paint: this.paint, onPick, onToggle: (row) => this.toggleRow(row), fail });
    this.tip = h("div", { class: "lw-tip", hidden: true });
    this.opening.remove();
    this.root.append(this.head.el, h("div", { class: "lw-body" }, this.side.el,
      h("div", { class: "lw-center" }, this.toolbar.el, h("div", { class: "lw-maps" }, this.maps.map((map) => map.el)), this.legend), this.inspector.el),
    this.gallery.el, h("div", { class: "lw-foot" }, this.status, h("button", { type: "button", class: "lw-undo", title: "undo the last decision", onclick: () => this.actions.undo() }, "undo", h("kbd", { text: keyCap(this.keymap.undo?.[0] || "") })), h("span", { class: "lw-space" }), h("span", { class: "lw-quiet lw-keys", text: this.keyLine() })),
    this.exporter.el, this.helpBox, this.tip);
    this.listenStore();
    this.listenModel();
    this.listenPage();
    this.start(meta);
  }

  buildMaps(meta, onPick) {
    const shared = { store: this.store, tools: this.toolbar, theme: this.theme, paint: this.paint, onPick, webgl: this.model.get("webgl") !== false,
      onHover: (row, map) => this.hover(row, map), onSelect: (mask, how) => this.selectFromMap(mask, how) };
    this.maps = [new PointMap({ ...shared, title: "data map", x: meta.data_map?.x, y: meta.data_map?.y, regions: meta.data_map?.x === "variability" }),
      new PointMap({ ...shared, title: "embedding map" })];
    const [data] = this.maps;
    this.timelines = [];
    const timeline = (map, options) => {
      const line = new Timeline({ n: this.store.n, say: (text, kind) => this.say(text, kind), ...options });
      this.timelines.push(line);
      map.extra.append(line.el);
    };
    if (meta.data_map?.x === "variability" && meta.epochs.length > 1) {
      timeline(data, { name: "data map", epochs: meta.epochs, first: 1, load: (epoch) => this.mapUpTo(epoch), show: (xs, ys) => data.setData(xs, ys, meta.data_map.ranges) });
    }
    if (meta.embedding_epochs.length > 1) {
      timeline(this.maps[1], { name: "embedding map", epochs: meta.embedding_epochs, first: 0, load: (epoch) => this.embeddingOf(epoch), show: (xs, ys) => this.maps[1].setData(xs, ys) });
    }
    this.toolbar.watch(() => this.maps.map((map) => map.stage));
  }

  /** First paint: the data map, then filters, embedding and the first suspect. */
  start(meta) {
    const { store } = this, [data] = this.maps;
    this.root.dataset.renderer = data.points.kind;
    this.layout();
    this.colorBy(this.model.get("color_by") || meta.color_by);
    if (meta.data_map) data.setData(store.values(meta.data_map.x), store.values(meta.data_map.y), meta.data_map.ranges);
    else data.say(meta.no_data_map || "nothing per epoch was recorded");
    this.loadEmbedding();
    store.goTo(store.firstOpen("queue"));
    if (store.row < 0) this.inspector.show();
    this.gallery.redraw();
    this.filters.start(FIRST_FILTERS).then(() => this.filters.restore(this.model.get("filters") || {})).then(() => { this.root.dataset.state = "ready"; });
    this.root.dataset.state = "drawn";
    this.say([`${count(store.lists.queue.length)} to review`, meta.expected].filter(Boolean).join(" · "), "quiet");
    this.status.title = meta.how;
  }

  async loadEmbedding() {
    const map = this.maps[1];
    map.say(this.store.meta.embedding.message);
    if (!this.store.meta.embedding.there) return;
    try {
      const { body, buffers } = await this.wire.ask("embedding", {});
      this.placeEmbedding(body, buffers);
    } catch (error) { map.say(error.message); }
  }

  /** The data map as it stood after an epoch: [variability, confidence]. */
  async mapUpTo(epoch) {
    const { meta } = this.store;
    if (epoch === meta.epochs[meta.epochs.length - 1]) return [this.store.values(meta.data_map.x), this.store.values(meta.data_map.y)];
    const { buffers } = await this.wire.ask("upto", { epoch });
    return buffers.map((buffer) => arrayOf(Float32Array, buffer));
  }

  /** The embedding map of one checkpoint; the first time it is projected, which takes seconds. */
  async embeddingOf(epoch) {
    this.maps[1].note.textContent = `projecting epoch ${epoch}…`;
    const { body, buffers } = await this.wire.ask("embedding", { epoch });
    this.maps[1].note.textContent = body.note.split(",")[0];
    return twoColumns(arrayOf(Float32Array, buffers[0]));
  }

  /** Coordinates of the embedding map; a better layout may come later. */
  placeEmbedding(body, buffers) {
    this.maps[1].note.textContent = body.note;
    this.maps[1].setData(...twoColumns(arrayOf(Float32Array, buffers[0])));
  }

  /* ---- news from Python ---- */

  news(body, buffers) {
    if (!this.store) return;
    if (body.patch) this.store.patch(patchOf(buffers.slice(body.patch[0], body.patch[0] + 4)));
    if (body.push === "selection") this.store.setSelection(unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n), { from: "python" });
    if (body.push === "queue") { this.bulk.rebase(arrayOf(Int32Array, buffers[0])); this.store.setQueue(this.bulk.queue); this.store.goTo(this.store.firstOpen("queue")); }
    if (body.push === "embedding") this.placeEmbedding(body, buffers);
    if (body.push === "reopen") { setTimeout(this.again); return; }
    if (body.push === "go") this.store.goTo(body.row);
    if (body.push === "error") this.say(body.text, "error");
  }

  waiting(stuck) {
    if (!this.store) { if (stuck) this.opening.textContent = "waiting for the kernel… If it was restarted, run this cell again."; return; }
    this.head.state(stuck);
    if (stuck && this.store.pending) this.say("the kernel does not answer: if it was restarted, run this cell again", "error");
  }

  /** A column's values, fetched on first use. */
  async load(name) {
    const { store } = this;
    if (store.values(name)) return;
    const { body, buffers } = await this.wire.ask("column", { name });
    store.setValues(name, arrayOf(TYPES[body.type], buffers[0]));
  }

  async search(text) {
    const { buffers } = await this.wire.ask("search", { text });
    return unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n);
  }

  async remoteLens(name) {
    try {
      const { buffers } = await this.wire.ask("lens", { name });
      this.lens(unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n), name);
    } catch (error) { this.say(error.message, "error"); }
  }

  /* ---- what the store says ---- */

  listenStore() {
    const { store, paint, maps } = this;
    store.on("mask", ({ selection, from }) => {
      paint.restate();
      maps.forEach((map) => { if (map.xy) map.recolor(); });
      this.toolbar.clear.hidden = !store.selectedCount;
      this.toolbar.info.textContent = store.selectedCount ? `${count(store.selectedCount)} selected` : "";
      if (selection && from !== "python") this.tellSelection();
    });
    store.on("labels", () => this.side.refresh());
    store.on("labels", (rows) => { paint.touch(rows); maps.forEach((map) => { if (map.xy) map.retouch(rows); }); });
    store.on("cursor", () => { maps.forEach((map) => map.redraw()); this.tellCurrent(); });
    store.on("neighbors", () => maps.forEach((map) => map.redraw()));
    store.on("list", () => { if (store.list === "selection") store.goTo(store.firstOpen("selection")); });
  }

  tellSelection() {
    const { store } = this;
    this.wire.ask("select", { count: store.selectedCount }, store.selectedCount ? [packMask(store.selected).buffer] : []).catch((error) => this.say(error.message, "error"));
  }

  /** Tell Python which example is on show, not at every step of a held-down arrow key. */
  tellCurrent() {
    clearTimeout(this.currentTimer);
    this.currentTimer = setTimeout(() => { this.wire.ask("current", { row: this.store.row }).catch(() => { /* nothing rests on it */ }); }, 150);
  }

  filtersChanged() {
    this.model.set("filters", this.filters.state());
    this.model.save_changes();
  }

  async colorBy(name, tell = false) {
    if (!this.store.columns.has(name)) return;
    try { await this.load(name); } catch (error) { this.say(error.message, "error"); return; }
    this.paint.colorBy(name);
    this.head.color.value = name;
    drawLegend(this.legend, this.paint.legend);
    this.maps.forEach((map) => { if (map.xy) map.recolor(); });
    if (tell) { this.model.set("color_by", name); this.model.save_changes(); }
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

  lens(mask, name) {
    this.store.setSelection(mask);
    this.say(`${count(this.store.selectedCount)} selected: ${name}`);
    this.focus();
  }

  /* ---- keys ---- */

  listenKeys() {
    const { root } = this;
    for (const type of ["keydown", "keyup", "keypress"]) this.listen(root, type, (event) => event.stopPropagation());
    this.listen(root, "keydown", (event) => this.key(event));
    this.listen(root, "pointerdown", (event) => this.takeFocus(event));
    this.listen(root, "change", (event) => { if (event.target.tagName === "SELECT") this.focus(); });
  }

  listen(target, type, listener, options) {
    target.addEventListener(type, listener, options);
    this.undo.push(() => target.removeEventListener(type, listener, options));
  }

  /** A press of the mouse puts the keys to work: buttons do not keep the focus, fields do. */
  takeFocus(event) {
    if (event.target.closest("input, select, textarea, label")) return;
    if (event.target.closest("button")) event.preventDefault();
    this.focus();
  }

  focus() { this.root.focus({ preventScroll: true }); }

  key(event) {
    if (!this.store) return;
    if (event.target.matches("input, select, textarea")) { if (event.key === "Escape") { this.inspector.closeType(); if (!this.exporter.el.hidden) this.exporter.toggle(false); this.focus(); } return; }
    if (event.target.closest("button") && (event.key === " " || event.key === "Enter")) return; // a button reached by Tab
    const meant = actionOf(event, this.keymap);
    if (!meant) return;
    event.preventDefault();
    this.run(meant);
  }

  run({ action, digit }) {
    const { actions, store, inspector } = this, code = digit === undefined ? -1 : inspector.digits[digit];
    if (digit !== undefined && code === undefined) { this.say(`no class on key ${digit}`, "warn"); return; }
    const table = { label: () => actions.label(code), labelSelection: () => actions.labelSelection(code), accept: () => actions.accept(), keep: () => actions.keep(),
      skip: () => actions.skip(), flag: () => actions.flag(), undo: () => actions.undo(), redo: () => actions.redo(), next: () => store.step(1), previous: () => store.step(-1),
      type: () => inspector.openType(), note: () => inspector.openNote(), neighbors: () => this.selectNeighbors(), blind: () => this.toggleBlind(), clear: () => store.clearSelection(),
      help: () => this.toggleHelp(), leave: () => this.leave() };
    table[action]();
    this.maps.forEach((map) => map.flush());
  }

  selectNeighbors() {
    const { store } = this, near = store.neighborsOf;
    if (!near || near.row !== store.row || !near.rows.length) { this.say("no neighbours for this example", "warn"); return; }
    const mask = new Uint8Array(store.n);
    for (const row of [store.row, ...near.rows]) mask[row] = 1;
    const { row } = store;
    store.setSelection(mask);
    store.goTo(row);
    this.say(`${near.rows.length} neighbours selected`);
  }

  toggleBlind() {
    this.store.blind = !this.store.blind;
    this.say(this.store.blind ? "suggestions hidden until you choose" : "suggestions shown");
    this.inspector.facts();
    if (this.inspector.answer) { this.inspector.reasons(); this.inspector.redrawCurve(); }
  }

  toggleHelp(open = this.helpBox.hidden) {
    this.helpBox.hidden = !open;
    this.head.help.setAttribute("aria-expanded", String(open));
  }

  /** Close what is open; when nothing is, give the keyboard back to the notebook. */
  leave() {
    if (!this.helpBox.hidden) { this.toggleHelp(false); return; }
    if (!this.exporter.el.hidden) { this.exporter.toggle(false); return; }
    this.root.blur();
    this.root.closest(".jp-Notebook, .jp-Cell")?.focus({ preventScroll: true });
  }

  /* ---- the status line and the tip ---- */

  say(text, kind = "") {
    this.status.className = `lw-said${kind ? ` lw-${kind}` : ""}`;
    this.status.textContent = text;
  }

  keyLine() {
    const k = this.store.classes.length, digits = Object.keys(digitClasses(this.store.classes));
    const first = digits.includes("0") && digits.length === 10 ? "0–9" : digits.length > 1 ? `${digits[0]}–${digits[digits.length - 1]}` : digits[0] || "";
    return [first && `${first} label`, k > 9 && "/ type", "Space accept", "k keep", "s skip", "u undo", "← → move", "? keys"].filter(Boolean).join("  ·  ");
  }

  hover(row, map) {
    const { store, tip } = this;
    if (row < 0 || map.drag) { tip.hidden = true; return; }
    const item = this.media.peek(row), by = this.paint.by, column = store.columns.get(by), value = store.values(by)?.[row];
    const shown = column.kind === "category" ? (value >= 0 ? column.categories[value] : "none") : probability(value);
    const change = store.labels[row] === store.given[row] ? "" : ` → ${store.className(store.labels[row])}`;
    tip.textContent = `${item ? `${item.id} · ` : ""}${store.className(store.given[row])}${change} · ${by} ${shown}`;
    const [x, y] = map.place2d(row), stage = map.stage.getBoundingClientRect(), box = this.root.getBoundingClientRect();
    tip.hidden = false;
    const left = stage.left - box.left + x + 10;
    tip.style.left = `${Math.max(4, Math.min(left, box.width - tip.offsetWidth - 8))}px`;
    tip.style.top = `${stage.top - box.top + y + 12}px`;
  }

  /* ---- the page ---- */

  listenModel() {
    const watch = (name, react) => {
      const listener = () => react(this.model.get(name));
      this.model.on(`change:${name}`, listener);
      this.undo.push(() => this.model.off(`change:${name}`, listener));
    };
    watch("color_by", (name) => { if (name && name !== this.paint.by) this.colorBy(name); });
    watch("filters", (state) => { if (JSON.stringify(state) !== JSON.stringify(this.filters.state())) this.filters.restore(state || {}); });
    watch("height", (height) => { this.root.style.setProperty("--lw-height", `${height}px`); this.layout(); });
  }

  listenPage() {
    const sizes = new ResizeObserver(() => this.layout());
    sizes.observe(this.root);
    this.maps.forEach((map) => sizes.observe(map.stage));
    const seen = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) this.maps.forEach((map) => map.redraw()); });
    seen.observe(this.root);
    const themes = new MutationObserver(() => THEME_CHECKS.forEach((ms) => setTimeout(() => this.root.isConnected && this.retheme(), ms)));
    themes.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-name", "data-jp-theme-light", "style"] });
    const scheme = window.matchMedia?.("(prefers-color-scheme: dark)");
    if (scheme?.addEventListener) this.listen(scheme, "change", () => this.retheme());
    this.undo.push(() => { sizes.disconnect(); seen.disconnect(); themes.disconnect(); });
  }

  layout() {
    const width = this.root.clientWidth;
    if (!width) return;
    const [, kind] = LAYOUTS.find(([least]) => width >= least);
    if (this.root.dataset.layout !== kind) this.root.dataset.layout = kind;
    this.maps.forEach((map) => map.resize());
    this.gallery.resize();
    this.side.refresh(true);
    this.inspector.redrawCurve();
  }

  foldFilters() {
    const open = this.root.classList.toggle("lw-unfolded");
    this.head.fold.setAttribute("aria-expanded", String(open));
    this.layout();
  }

  /** The theme of the page changed: read its colours again and draw with them. */
  retheme() {
    if (!this.root.clientWidth) return; // JupyterLab hides the page while it swaps themes: a later check will do
    const before = JSON.stringify(this.colors);
    this.colors = readTheme(this.root);
    if (JSON.stringify(this.colors) === before) return;
    this.colorBy(this.paint.by);
    this.side.refresh(true);
    this.gallery.redraw();
    this.inspector.buildChoices();
    this.inspector.facts();
    this.inspector.redrawCurve();
  }

  destroy() {
    clearTimeout(this.currentTimer);
    this.undo.forEach((back) => back());
    this.wire.close();
    for (const part of [...(this.maps || []), this.filters, this.side, this.bulk, this.inspector, this.toolbar, ...(this.timelines || [])]) part?.destroy();
    this.root.remove();
  }
}

/** [x0, y0, x1, y1, ...] as [[x0, x1, ...], [y0, y1, ...]]. */
function twoColumns(xy) {
  const n = xy.length >> 1, xs = new Float32Array(n), ys = new Float32Array(n);
  for (let i = 0; i < n; i++) { xs[i] = xy[2 * i]; ys[i] = xy[2 * i + 1]; }
  return [xs, ys];
}

/** Mask of the rows for which a test holds. */
function maskOf(n, test) {
  const mask = new Uint8Array(n);
  for (let i = 0; i < n; i++) mask[i] = test(i) ? 1 : 0;
  return mask;
}

/** Arrays that belong to columns. */
function pick(arrays, columns) {
  return Object.fromEntries(columns.filter(({ name }) => name in arrays).map(({ name }) => [name, arrays[name]]));
}

function render({ model, el }) {
  let explorer = null;
  const open = () => {
    explorer?.destroy();
    explorer = new Explorer(model, el, open);
    explorer.open();
  };
  open();
  return () => explorer.destroy();
}

export default { render };
