/** The Explorer: creates the store, the maps and the panels, lets features add themselves, and cleans up. */
import { Actions } from "./review/actions.js";
import { Bulk } from "./review/bulk.js";
import { readTheme } from "./base/color.js";
import { h, rootOf, seen } from "./base/dom.js";
import { EDITORS } from "./editors.js";
import { FEATURES } from "./features.js";
import { Filters } from "./filters/filters.js";
import { count } from "./base/format.js";
import { Gallery } from "./examples/gallery.js";
import { Head } from "./head.js";
import { keyLine } from "./help.js";
import { Inspector } from "./examples/inspector.js";
import { Keyboard } from "./keyboard.js";
import { capOf, inForce } from "./base/keys.js";
import { drawLegend } from "./maps/legend.js";
import { PointMap } from "./maps/map.js";
import { isBackground } from "./examples/masklayer.js";
import { Media } from "./examples/media.js";
import { takePatch } from "./state/news.js";
import { unpackedArrays } from "./base/packing.js";
import { Paint } from "./maps/paint.js";
import { ProgressLine } from "./base/progress.js";
import { Registry } from "./base/registry.js";
import { Source } from "./state/source.js";
import { Store } from "./state/store.js";
import { Tabs } from "./base/tabs.js";
import { pageTheme } from "./base/theme.js";
import { Tip } from "./examples/tip.js";
import { Toolbar } from "./maps/toolbar.js";
import { Wire } from "./state/wire.js";
/** @import { OpenAnswer } from "./state/messages.js" */
/** @import { Arrays } from "./base/packing.js" */

/** The place of the view in a page: there before it is opened, and what it hears from Python and the keys. */
class Frame {
  /** @param {any} model the anywidget model @param {HTMLElement} el where to draw @param {() => void} again opens the view anew */
  constructor(model, el, again) {
    this.model = model;
    this.again = again;
    /** @type {Explorer | null} null until Python has answered */
    this.view = null;
    this.focused = false; // did an earlier view have the focus?
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
      const arrays = /** @type {import("./state/store.js").StartArrays} */ (unpackedArrays(body.arrays, buffers));
      this.view = new Explorer(this, body, arrays);
      this.view.start(body);
    } catch (error) {
      this.opening.textContent = `could not open: ${/** @type {Error} */ (error).message}`;
      this.root.dataset.state = "error";
    }
  }

  /** @param {any} body @param {DataView<ArrayBuffer>[]} buffers */
  news(body, buffers) {
    if (body.push === "progress") this.progress.tell(body.text);
    else if (body.request) this.progress.end(); // Python answers one question at a time
    if (!this.view) return;
    takePatch(this.view.store, body, buffers);
    if (body.push) this.registry.pushes.get(body.push)?.(body, buffers);
  }

  /** @param {boolean} stuck */
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

export class Explorer {
  /** @param {Frame} frame @param {OpenAnswer} meta @param {import("./state/store.js").StartArrays} arrays */
  constructor(frame, meta, arrays) {
    this.frame = frame;
    this.model = frame.model;
    this.again = frame.again;
    this.registry = frame.registry;
    this.root = frame.root;
    this.wire = frame.wire;
    /** @type {import("./base/color.js").Theme | null} */
    this.colors = null;
    /** @type {(text: string, kind?: string) => void} */
    this.say = (text, kind) => this.showStatus(text, kind);
    this.fail = (/** @type {unknown} */ error) => this.showStatus(/** @type {Error} */ (error).message, "error");
    this.theme = () => (this.colors ||= readTheme(this.root));
    this.pick = (/** @type {number} */ row) => this.store.goTo(row);
    // what everything else rests on: data, colours, keys, decisions
    this.store = makeStore(meta, arrays);
    this.source = new Source(this.wire, this.store);
    this.kind = EDITORS[meta.task] || EDITORS.units;
    this.keymap = inForce(meta.keymap.review, this.kind);
    this.paint = new Paint(this.store, this.theme);
    this.media = new Media(this.wire, meta.media);
    const named = (/** @type {number} */ code) => code >= 0 && !(meta.task === "masks" && isBackground(this.store.space[code]));
    this.media.color = (code) => (!named(code) ? null : this.store.blind ? this.theme().grey : this.paint.classColor(code, this.store.space.length));
    this.undoKey = capOf(this.keymap, "undo");
    this.actions = new Actions({ store: this.store, wire: this.wire, say: this.say });
    // parts
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
    // what features set
    /** @type {import("./maps/timeline.js").Timeline[]} */
    this.timelines = [];
    /** @type {import("./examples/grid.js").Grid | null} */
    this.grid = null;
    /** @type {import("./examples/lightbox.js").Lightbox | null} */
    this.lightbox = null;
    /** @type {(look: import("./state/messages.js").ShownParts) => Promise<void>} */
    this.showLook = async () => {};
    this.putTogether();
    for (const feature of FEATURES) feature(this);
    this.listen();
  }

  /* ---- parts ---- */

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

  /** The data map and the embedding map. @param {OpenAnswer} meta */
  makeMaps(meta) {
    const shared = {
      store: this.store,
      tools: this.toolbar,
      theme: this.theme,
      paint: this.paint,
      onPick: this.pick,
      webgl: this.model.get("webgl") !== false,
      onHover: (/** @type {number} */ row, /** @type {PointMap} */ map) => this.tip.show(row, map),
      onSelect: (/** @type {Uint8Array} */ mask, /** @type {{ taken: number, mode: string }} */ how) => this.selectFromMap(mask, how),
    };
    const axes = { x: meta.data_map?.x, y: meta.data_map?.y, regions: meta.data_map?.x === "variability" };
    return [
      new PointMap({ ...shared, title: meta.data_map?.title || "data map", ...axes }),
      new PointMap({ ...shared, title: "embedding map" }),
    ];
  }

  /** @param {OpenAnswer} meta @returns {Inspector} */
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

  /** @returns {Gallery} */
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

  /* ---- places for features ---- */

  /**
   * Add a tab beside the filters; `draw` is called when it is shown.
   * @param {string} name @param {HTMLElement} el @param {() => void} draw
   */
  addTab(name, el, draw) {
    this.side.add(name, el, draw);
  }

  /** Add a tool above the maps. @param {Element} el */
  addTool(el) {
    this.toolbar.info.before(el);
  }

  /** Add a menu or button to the top bar, before the saved state. @param {Element} el */
  addToHead(el) {
    this.head.gap.before(el);
  }

  /** Add a button to the bottom bar. @param {Element} el */
  addToFoot(el) {
    this.footSpace.before(el);
  }

  /** Add an element that covers the maps while it is open; the inspector stays visible. @param {Element} el */
  addCover(el) {
    this.body.append(el);
  }

  /** Add a panel over the view, such as the list of keys. @param {Element} el */
  addPanel(el) {
    this.root.append(el);
  }

  /** Position a panel under the button that opened it, inside the view. @param {HTMLElement} panel @param {HTMLElement} button */
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

  /** First rendering: the available maps. Everything else waits until they are visible. @param {OpenAnswer} meta */
  async start(meta) {
    this.root.dataset.renderer = this.maps[0].points.kind;
    this.colorBy(this.model.get("color_by") || meta.color_by);
    this.registry.run("start");
    this.maps.forEach((map) => map.flush());
    await seen();
    if (this.root.isConnected) this.fill(meta);
  }

  /** The first label issue, the gallery, filters. @param {OpenAnswer} meta */
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

  /** @param {boolean} stuck */
  waiting(stuck) {
    this.head.state(stuck);
    if (stuck && this.store.pending)
      this.say("the kernel does not answer: if it was restarted, run this cell again", "error");
  }

  /** Update the maps when the store changes, and the store when Python changes traits. */
  listen() {
    const { store, paint, maps, registry, model } = this;
    /** @param {(map: PointMap) => void} act */
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

  /** @param {string} name */
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

  /** @param {Uint8Array} mask @param {{ taken: number, mode: string }} options */
  selectFromMap(mask, { taken, mode }) {
    this.store.setSelection(mask);
    const word = mode === "remove" ? "removed" : mode === "add" ? "added" : "selected";
    this.say(`${count(taken)} ${word}${mode === "replace" ? "" : `, ${count(this.store.selectedCount)} in all`}`);
  }

  /** @param {number} row */
  toggleRow(row) {
    const mask = this.store.selected.slice();
    mask[row] ^= 1;
    this.store.setSelection(mask);
  }

  /** @param {string} name */
  async remoteSlice(name) {
    try {
      this.showSlice(await this.source.slice(name), name);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Select the rows of a mask and say why; `unit` as in `Store.setSelection`. @param {Uint8Array} mask @param {string} name */
  showSlice(mask, name, unit = "") {
    this.store.setSelection(mask, { unit });
    this.say(`${count(this.store.selectedCount)} selected: ${name}`);
    this.focus();
  }

  focus() {
    this.frame.focus();
  }

  /** @param {string} text */
  showStatus(text, kind = "") {
    this.status.className = `lw-said${kind ? ` lw-${kind}` : ""}`;
    this.status.textContent = text;
    this.status.title = text;
  }
}

/** The store with the columns that came with the first answer. @param {OpenAnswer} meta @param {import("./state/store.js").StartArrays} arrays */
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

/** @param {{ model: any, el: HTMLElement }} options */
export function render({ model, el }) {
  /** @type {Frame | null} */
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
