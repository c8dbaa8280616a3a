/** The Explorer: creates the store, the maps and the panels, lets features add themselves, and cleans up. */
import { Actions } from "./actions.js";
import { Bulk } from "./bulk.js";
import { readTheme } from "./color.js";
import { h, seen } from "./dom.js";
import { EDITORS } from "./editors.js";
import { FEATURES } from "./features.js";
import { Filters } from "./filters.js";
import { count } from "./format.js";
import { Gallery } from "./gallery.js";
import { Head } from "./head.js";
import { keyLine } from "./help.js";
import { Inspector } from "./inspector.js";
import { Keyboard } from "./keyboard.js";
import { capOf, inForce } from "./keys.js";
import { drawLegend } from "./legend.js";
import { PointMap } from "./map.js";
import { Media } from "./media.js";
import { takePatch } from "./news.js";
import { unpackedArrays } from "./packing.js";
import { Paint } from "./paint.js";
import { ProgressLine } from "./progress.js";
import { Registry } from "./registry.js";
import { Source } from "./source.js";
import { Store } from "./store.js";
import { Tabs } from "./tabs.js";
import { pageTheme } from "./theme.js";
import { Tip } from "./tip.js";
import { Toolbar } from "./toolbar.js";
import { Wire } from "./wire.js";

export class Explorer {
  /** @type {any[]} */
  timelines;
  /** @type {import("./grid.js").Grid} */
  grid;
  /** @type {import("./lightbox.js").Lightbox} */
  lightbox;
  /** @type {() => void} */
  again;
  /** @type {(look: any) => Promise<void>} */
  showLook;
  /** @type {any} */
  colors;
  /** @type {any} */
  focused;
  /** @type {any} */
  model;
  /** @type {import("./registry.js").Registry} */
  registry;

  /** @param {any} model the anywidget model @param {HTMLElement} el the container @param {() => void} again reopens the view */
  constructor(model, el, again) {
    Object.assign(this, { model, again, registry: new Registry() });
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
    this.progress = new ProgressLine(() => (this.store ? this.status : this.opening));
    el.append(this.root);
    this.root.dataset.theme = pageTheme(this.root);
    this.say = (text, kind) => this.showStatus(text, kind);
    this.fail = (error) => this.showStatus(error.message, "error");
    this.theme = () => (this.colors ||= readTheme(this.root));
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
      this.build(body, unpackedArrays(body.arrays, buffers));
    } catch (error) {
      this.opening.textContent = `could not open: ${/** @type {Error} */ (error).message}`;
      this.root.dataset.state = "error";
    }
  }

  /* ---- parts ---- */

  build(meta, arrays) {
    this.makeState(meta, arrays);
    this.makeParts(meta);
    this.putTogether();
    for (const feature of FEATURES) feature(this);
    this.listen();
    this.start(meta);
  }

  /** The parts that all others need: data, colours, keys, decisions. */
  makeState(meta, arrays) {
    const store = (this.store = new Store(meta, arrays));
    for (const [name, values] of Object.entries({
      ...arrays,
      given_label: store.given,
      suggested_label: store.suggested,
      p_error: store.pError,
      p_suggested: store.pSuggested,
    })) {
      if (store.columns.has(name)) store.setColumn(store.columns.get(name), values);
    }
    this.source = new Source(this.wire, store);
    this.kind = EDITORS[meta.task] || EDITORS.units;
    this.keymap = inForce(meta.keymap.review, this.kind);
    this.paint = new Paint(store, this.theme);
    this.media = new Media(this.wire, meta.media);
    this.undoKey = capOf(this.keymap, "undo");
    this.actions = new Actions({ store, wire: this.wire, say: this.say });
  }

  makeParts(meta) {
    const { store, paint, media, theme, wire, actions, say, fail } = this,
      onPick = (row) => store.goTo(row);
    this.status = h("div", { class: "lw-said", role: "status", "aria-live": "polite" });
    this.head = new Head({
      store,
      onColor: (name) => this.colorBy(name),
      onSlice: (mask, name) => this.showSlice(mask, name),
      onRemoteSlice: (name) => this.remoteSlice(name),
    });
    this.filters = new Filters({
      store,
      theme,
      paint,
      load: (name) => this.source.load(name),
      search: (text) => this.source.search(text),
      onChange: () => store.setLook({ filters: this.filters.state() }),
      say,
      fail,
    });
    this.side = new Tabs([["filters", this.filters.el, () => this.filters.redraw()]]);
    this.toolbar = new Toolbar({
      onZoom: (f) => this.maps.forEach((m) => m.zoomBy(f)),
      onHome: () => this.maps.forEach((m) => m.home()),
      onClear: () => store.clearSelection(),
    });
    this.maps = this.makeMaps(meta, onPick);
    this.legend = h("div", { class: "lw-legend" });
    this.inspector = new Inspector({
      store,
      wire,
      media,
      paint,
      theme,
      actions,
      kind: this.kind,
      keymap: this.keymap,
      edits: meta.keymap.edit[this.kind.task],
      onPick,
      say,
      fail,
      onLeave: () => this.focus(),
      emptyQueue: () => this.gallery.nothing(),
    });
    this.bulk = new Bulk({ store, actions, units: this.kind.units, fail, onRank: () => wire.ask("rank").catch(fail) });
    this.gallery = new Gallery({
      store,
      bulk: this.bulk,
      media,
      editor: this.inspector.editor,
      onPick,
      onToggle: (row) => this.toggleRow(row),
      fail,
    });
    this.tip = new Tip({ store, media, paint, root: this.root });
    this.registry.onEnd(() =>
      [...this.maps, this.filters, this.side, this.bulk, this.inspector, this.toolbar, this.tip].forEach((part) => part.destroy()),
    );
  }

  /** The data map and the embedding map. */
  makeMaps(meta, onPick) {
    const shared = {
      store: this.store,
      tools: this.toolbar,
      theme: this.theme,
      paint: this.paint,
      onPick,
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
    this.footKeys = h("span", { class: "lw-quiet lw-keys", text: keyLine(this.kind.units ? [] : this.store.classes, this.keymap, this.kind.units || this.store.meta.suggests) });
    this.opening.remove();
    this.root.append(
      this.head.el,
      (this.body = h(
        "div",
        { class: "lw-body" },
        this.side.el,
        h("div", { class: "lw-center" }, this.toolbar.el, maps, this.legend),
        this.inspector.el,
      )),
      this.gallery.el,
      h("div", { class: "lw-foot" }, this.status, undo, h("span", { class: "lw-space" }), this.footKeys),
      this.tip.el,
    );
    this.toolbar.watch(() => this.maps.map((map) => map.stage));
  }

  /* ---- places for features ---- */

  /** Add a tab beside the filters; `draw` is called when it is shown. */
  addTab(name, el, draw) {
    this.side.add(name, el, draw);
  }

  /** Add a tool above the maps. */
  addTool(el) {
    this.toolbar.info.before(el);
  }

  /** Add a menu or button to the top bar, before the saved state. */
  addToHead(el) {
    this.head.gap.before(el);
  }

  /** Add a button to the bottom bar. */
  addToFoot(el) {
    this.footKeys.previousSibling.before(el);
  }

  /** Add an element that covers the maps while it is open; the inspector stays visible. */
  addCover(el) {
    this.body.append(el);
  }

  /** Add a panel over the view, such as the list of keys. */
  addPanel(el) {
    this.root.append(el);
  }

  /** Position a panel under the button that opened it, inside the view. */
  under(panel, button) {
    if (panel.hidden) return;
    const box = this.root.getBoundingClientRect(),
      at = button.getBoundingClientRect(),
      left = Math.max(10, Math.min(at.left - box.left, this.root.clientWidth - panel.offsetWidth - 10));
    panel.style.left = `${left}px`;
    panel.style.right = "auto";
    panel.style.top = `${at.bottom - box.top + 4}px`;
  }

  /* ---- start and updates ---- */

  /** First rendering: the available maps. Everything else waits until they are visible. */
  async start(meta) {
    this.root.dataset.renderer = this.maps[0].points.kind;
    this.colorBy(this.model.get("color_by") || meta.color_by);
    this.registry.run("start");
    this.maps.forEach((map) => map.flush());
    await seen();
    if (this.root.isConnected) this.fill(meta);
  }

  /** The first label issue, the gallery, filters. */
  fill(meta) {
    const { store } = this;
    store.goTo(store.firstOpen("queue"));
    if (store.row < 0) this.inspector.show();
    if (this.focused) this.focus();
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

  news(body, buffers) {
    if (body.push === "progress") this.progress.tell(body.text);
    else if (body.request) this.progress.end(); // Python handles one request at a time
    if (!this.store) return;
    takePatch(this.store, body, buffers);
    if (body.push) this.registry.pushes.get(body.push)?.(body, buffers);
  }

  waiting(stuck) {
    if (!this.store) {
      if (stuck) this.opening.textContent = "waiting for the kernel… If it was restarted, run this cell again.";
      return;
    }
    this.head.state(stuck);
    if (stuck && this.store.pending)
      this.say("the kernel does not answer: if it was restarted, run this cell again", "error");
  }

  /** Update the maps when the store changes, and the store when Python changes traits. */
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

  /* ---- shared actions ---- */

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

  /** Select the rows of a mask and say why; `unit` as in `Store.setSelection`. */
  showSlice(mask, name, unit = "") {
    this.store.setSelection(mask, { unit });
    this.say(`${count(this.store.selectedCount)} selected: ${name}`);
    this.focus();
  }

  focus() {
    this.root.focus({ preventScroll: true });
  }

  showStatus(text, kind = "") {
    this.status.className = `lw-said${kind ? ` lw-${kind}` : ""}`;
    this.status.textContent = text;
    this.status.title = text;
  }

  destroy() {
    this.progress.end();
    this.registry.end();
    this.wire.close();
    this.root.remove();
  }
}

export function render({ model, el }) {
  let explorer = null;
  const open = () => {
    const focused = Boolean(explorer?.root.contains(explorer.root.getRootNode().activeElement));
    explorer?.destroy();
    explorer = new Explorer(model, el, open);
    explorer.focused = focused; // "Rank again" reopens the view: the keys keep working
    explorer.open();
  };
  open();
  return () => explorer.destroy();
}

export default { render };
