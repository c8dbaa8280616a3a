/** The Explorer: builds the parts, wires them to one store, and cleans up. */
import { Audit } from "./audit.js";
import { Actions } from "./actions.js";
import { arrayOf, packMask, unpackMask } from "./bits.js";
import { Bulk } from "./bulk.js";
import { ClassTable, PairPanel } from "./classes.js";
import { readTheme } from "./color.js";
import { h } from "./dom.js";
import { Exporter } from "./exporter.js";
import { Filters } from "./filters.js";
import { count } from "./format.js";
import { Gallery } from "./gallery.js";
import { Head } from "./head.js";
import { helpPanel, keyLine } from "./help.js";
import { Inspector } from "./inspector.js";
import { Keyboard } from "./keyboard.js";
import { digitClasses, keyCap, keymapOf } from "./keys.js";
import { drawLegend } from "./legend.js";
import { PointMap } from "./map.js";
import { Media } from "./media.js";
import { Paint } from "./paint.js";
import { placed, Source, TYPES } from "./source.js";
import { patchOf, Store } from "./store.js";
import { Tabs } from "./tabs.js";
import { Timeline } from "./timeline.js";
import { Tip } from "./tip.js";
import { Toolbar } from "./toolbar.js";
import { Wire } from "./wire.js";

/** Container widths at which the layout changes. */
const LAYOUTS = [
  [1040, "wide"],
  [780, "middle"],
  [540, "narrow"],
  [0, "tiny"],
];
/** When to look again after the page's theme changed: its style sheet arrives a little later, ms. */
const THEME_CHECKS = [0, 120, 400, 1200];
const FIRST_FILTERS = ["p_error", "confidence", "aum", "given", "verdict"];

class Explorer {
  /** @param {object} model the anywidget model @param {HTMLElement} el where to draw @param {() => void} again opens the view anew */
  constructor(model, el, again) {
    Object.assign(this, { model, again });
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
    el.append(this.root);
    this.undo = [];
    this.wire = new Wire(
      model,
      (body, buffers) => this.news(body, buffers),
      (waiting) => this.waiting(waiting),
    );
    this.keyboard = new Keyboard(this);
  }

  /* ---- opening ---- */

  async open() {
    try {
      const { body, buffers } = await this.wire.ask("open", {});
      const arrays = Object.fromEntries(body.arrays.map(([name, type], i) => [name, arrayOf(TYPES[type], buffers[i])]));
      this.build(body, arrays);
    } catch (error) {
      this.opening.textContent = `could not open: ${error.message}`;
      this.root.dataset.state = "error";
    }
  }

  build(meta, arrays) {
    const store = (this.store = new Store(meta, arrays));
    this.source = new Source(this.wire, store);
    const theme = () => (this.colors ||= readTheme(this.root));
    for (const [name, values] of Object.entries({
      given: store.given,
      suggested: store.suggested,
      p_error: store.pError,
      p_suggested: store.pSuggested,
      ...pick(arrays, meta.columns),
    })) {
      if (store.columns.has(name)) store.setValues(name, values);
    }
    this.theme = theme;
    this.keymap = keymapOf(meta.keymap);
    this.paint = new Paint(store, theme);
    this.media = new Media(this.wire, meta.media);
    this.status = h("div", { class: "lw-said", role: "status", "aria-live": "polite" });
    const say = (text, kind) => this.say(text, kind),
      fail = (error) => this.say(error.message, "error");
    this.actions = new Actions({ store, wire: this.wire, say, undoKey: keyCap(this.keymap.undo?.[0] || "") });
    const onPick = (row) => store.goTo(row);
    this.head = new Head({
      store,
      onColor: (name) => this.colorBy(name, true),
      onLens: (mask, name) => this.lens(mask, name),
      onRemoteLens: (name) => this.remoteLens(name),
      onExport: () => this.exporter.toggle(),
      onHelp: () => this.toggleHelp(),
      onFold: () => this.foldFilters(),
    });
    this.exporter = new Exporter({
      wire: this.wire,
      path: meta.export_path,
      say,
      onClose: () => this.focus(),
      onToggle: (open) => this.head.export.setAttribute("aria-expanded", String(open)),
    });
    this.helpBox = helpPanel(this.keymap, digitClasses(store.classes), store.classes, () => this.toggleHelp(false));
    this.filters = new Filters({
      store,
      theme,
      paint: this.paint,
      load: (name) => this.source.load(name),
      search: (text) => this.source.search(text),
      onChange: () => this.filtersChanged(),
      fail,
    });
    const select = (test, name) => this.lens(maskOf(store.n, test), name),
      parts = { store, paint: this.paint, theme, select };
    this.classTable = new ClassTable(parts);
    this.pairs = new PairPanel(parts);
    this.side = new Tabs([
      ["filters", this.filters.el, () => this.filters.redraw()],
      ["classes", this.classTable.el, () => this.classTable.draw()],
      ["pairs", this.pairs.el, () => this.pairs.draw()],
    ]);
    this.toolbar = new Toolbar({
      onZoom: (f) => this.maps.forEach((m) => m.zoomBy(f)),
      onHome: () => this.maps.forEach((m) => m.home()),
      onClear: () => store.clearSelection(),
    });
    this.buildMaps(meta, onPick);
    this.legend = h("div", { class: "lw-legend" });
    this.inspector = new Inspector({
      store,
      wire: this.wire,
      media: this.media,
      paint: this.paint,
      theme,
      actions: this.actions,
      keymap: this.keymap,
      onPick,
      fail,
      onLeave: () => this.focus(),
    });
    this.audit = new Audit({ store, wire: this.wire, onNews: () => this.inspector.queue() });
    this.bulk = new Bulk({
      store,
      actions: this.actions,
      onOrder: (text) => say(text),
      onRank: () => this.wire.ask("rank").catch(fail),
      onAudit: () => this.audit.draw().catch(fail),
    });
    this.gallery = new Gallery({
      store,
      bulk: this.bulk,
      media: this.media,
      paint: this.paint,
      onPick,
      onToggle: (row) => this.toggleRow(row),
      fail,
    });
    this.tip = new Tip({ store, media: this.media, paint: this.paint, root: this.root });
    this.opening.remove();
    this.root.append(
      this.head.el,
      h(
        "div",
        { class: "lw-body" },
        this.side.el,
        h(
          "div",
          { class: "lw-center" },
          this.toolbar.el,
          h(
            "div",
            { class: "lw-maps" },
            this.maps.map((map) => map.el),
          ),
          this.legend,
        ),
        this.inspector.el,
      ),
      this.gallery.el,
      h(
        "div",
        { class: "lw-foot" },
        this.status,
        h(
          "button",
          { type: "button", class: "lw-undo", title: "undo the last decision", onclick: () => this.actions.undo() },
          "undo",
          h("kbd", { text: keyCap(this.keymap.undo?.[0] || "") }),
        ),
        h("span", { class: "lw-space" }),
        h("span", { class: "lw-quiet lw-keys", text: keyLine(store.classes) }),
      ),
      this.exporter.el,
      this.helpBox,
      this.tip.el,
    );
    this.listenStore();
    this.listenModel();
    this.listenPage();
    this.start(meta);
  }

  buildMaps(meta, onPick) {
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
    this.maps = [
      new PointMap({
        ...shared,
        title: "data map",
        x: meta.data_map?.x,
        y: meta.data_map?.y,
        regions: meta.data_map?.x === "variability",
      }),
      new PointMap({ ...shared, title: "embedding map" }),
    ];
    const [data] = this.maps;
    this.timelines = [];
    const timeline = (map, options) => {
      const line = new Timeline({ n: this.store.n, say: (text, kind) => this.say(text, kind), ...options });
      this.timelines.push(line);
      map.extra.append(line.el);
    };
    if (meta.data_map?.x === "variability" && meta.epochs.length > 1) {
      timeline(data, {
        name: "data map",
        epochs: meta.epochs,
        first: 1,
        load: (epoch) => this.source.dataMap(epoch),
        show: (xs, ys) => data.setData(xs, ys, meta.data_map.ranges),
      });
    }
    if (meta.embedding_epochs.length > 1) {
      timeline(this.maps[1], {
        name: "embedding map",
        epochs: meta.embedding_epochs,
        first: 0,
        load: (epoch) => this.embeddingOf(epoch),
        show: (xs, ys) => this.maps[1].setData(xs, ys),
      });
    }
    this.toolbar.watch(() => this.maps.map((map) => map.stage));
  }

  /** First paint: the data map, then filters, embedding and the first suspect. */
  start(meta) {
    const { store } = this,
      [data] = this.maps;
    this.root.dataset.renderer = data.points.kind;
    this.layout();
    this.colorBy(this.model.get("color_by") || meta.color_by);
    if (meta.data_map) data.setData(store.values(meta.data_map.x), store.values(meta.data_map.y), meta.data_map.ranges);
    else data.say(meta.no_data_map || "nothing per epoch was recorded");
    this.loadEmbedding();
    store.goTo(store.firstOpen("queue"));
    if (store.row < 0) this.inspector.show();
    this.gallery.redraw();
    this.filters
      .start(FIRST_FILTERS)
      .then(() => this.filters.restore(this.model.get("filters") || {}))
      .then(() => {
        this.root.dataset.state = "ready";
      });
    this.root.dataset.state = "drawn";
    this.say([`${count(store.lists.queue.length)} to review`, meta.expected, meta.canaries].filter(Boolean).join(" · "), "quiet");
    this.status.title = meta.how;
    if (meta.warning) this.say(meta.warning, "warn");
  }

  async loadEmbedding() {
    const { meta } = this.store,
      map = this.maps[1];
    map.say(meta.embedding.message);
    if (!meta.embedding.there) return;
    try {
      this.placeEmbedding(await this.source.embedding());
    } catch (error) {
      map.say(error.message);
    }
  }

  async embeddingOf(epoch) {
    const map = this.maps[1];
    map.note.textContent = `projecting epoch ${epoch}…`;
    const { note, xs, ys } = await this.source.embedding(epoch);
    map.note.textContent = note.split(",")[0];
    return [xs, ys];
  }

  /** Put the embedding map in place; a better layout may come later. */
  placeEmbedding({ note, xs, ys }) {
    this.maps[1].note.textContent = note;
    this.maps[1].setData(xs, ys);
  }

  /* ---- news from Python ---- */

  news(body, buffers) {
    if (!this.store) return;
    if (body.patch) this.store.patch(patchOf(buffers.slice(body.patch[0], body.patch[0] + 4)));
    if (body.push === "selection")
      this.store.setSelection(unpackMask(arrayOf(Uint8Array, buffers[0]), this.store.n), { from: "python" });
    if (body.push === "queue") {
      this.bulk.rebase(arrayOf(Int32Array, buffers[0]));
      this.store.setQueue(this.bulk.queue);
      this.store.goTo(this.store.firstOpen("queue"));
    }
    if (body.push === "embedding") this.placeEmbedding(placed(body, buffers));
    if (body.push === "reopen") {
      setTimeout(this.again);
      return;
    }
    if (body.push === "go") this.store.goTo(body.row);
    if (body.push === "error") this.say(body.text, "error");
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

  /* ---- what the store says ---- */

  listenStore() {
    const { store, paint, maps } = this;
    store.on("mask", ({ selection, from }) => {
      paint.restate();
      maps.forEach((map) => {
        if (map.xy) map.recolor();
      });
      this.toolbar.clear.hidden = !store.selectedCount;
      this.toolbar.info.textContent = store.selectedCount ? `${count(store.selectedCount)} selected` : "";
      if (selection && from !== "python") this.tellSelection();
    });
    store.on("labels", () => this.side.refresh());
    store.on("labels", (rows) => {
      paint.touch(rows);
      maps.forEach((map) => {
        if (map.xy) map.retouch(rows);
      });
    });
    store.on("cursor", () => {
      maps.forEach((map) => map.redraw());
      this.tellCurrent();
    });
    store.on("neighbors", () => maps.forEach((map) => map.redraw()));
    store.on("list", () => {
      if (store.list === "selection") store.goTo(store.firstOpen("selection"));
    });
  }

  tellSelection() {
    const { store } = this;
    this.wire
      .ask("select", { count: store.selectedCount }, store.selectedCount ? [packMask(store.selected).buffer] : [])
      .catch((error) => this.say(error.message, "error"));
  }

  /** Tell Python which example is on show, not at every step of a held-down arrow key. */
  tellCurrent() {
    clearTimeout(this.currentTimer);
    this.currentTimer = setTimeout(() => {
      this.wire.ask("current", { row: this.store.row }).catch(() => {
        /* nothing rests on it */
      });
    }, 150);
  }

  filtersChanged() {
    this.model.set("filters", this.filters.state());
    this.model.save_changes();
  }

  async colorBy(name, tell = false) {
    if (!this.store.columns.has(name)) return;
    try {
      await this.source.load(name);
    } catch (error) {
      this.say(error.message, "error");
      return;
    }
    this.paint.colorBy(name);
    this.head.color.value = name;
    drawLegend(this.legend, this.paint.legend);
    this.maps.forEach((map) => {
      if (map.xy) map.recolor();
    });
    if (tell) {
      this.model.set("color_by", name);
      this.model.save_changes();
    }
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

  async remoteLens(name) {
    try {
      this.lens(await this.source.lens(name), name);
    } catch (error) {
      this.say(error.message, "error");
    }
  }

  lens(mask, name) {
    this.store.setSelection(mask);
    this.say(`${count(this.store.selectedCount)} selected: ${name}`);
    this.focus();
  }

  listen(target, type, listener, options) {
    target.addEventListener(type, listener, options);
    this.undo.push(() => target.removeEventListener(type, listener, options));
  }

  focus() {
    this.root.focus({ preventScroll: true });
  }

  toggleHelp(open = this.helpBox.hidden) {
    this.helpBox.hidden = !open;
    this.head.help.setAttribute("aria-expanded", String(open));
  }

  /* ---- the status line and the tip ---- */

  say(text, kind = "") {
    this.status.className = `lw-said${kind ? ` lw-${kind}` : ""}`;
    this.status.textContent = text;
  }

  /* ---- the page ---- */

  listenModel() {
    const watch = (name, react) => {
      const listener = () => react(this.model.get(name));
      this.model.on(`change:${name}`, listener);
      this.undo.push(() => this.model.off(`change:${name}`, listener));
    };
    watch("color_by", (name) => {
      if (name && name !== this.paint.by) this.colorBy(name);
    });
    watch("filters", (state) => {
      if (JSON.stringify(state) !== JSON.stringify(this.filters.state())) this.filters.restore(state || {});
    });
    watch("height", (height) => {
      this.root.style.setProperty("--lw-height", `${height}px`);
      this.layout();
    });
  }

  listenPage() {
    const sizes = new ResizeObserver(() => this.layout());
    sizes.observe(this.root);
    this.maps.forEach((map) => sizes.observe(map.stage));
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.maps.forEach((map) => map.redraw());
    });
    seen.observe(this.root);
    const themes = new MutationObserver(() =>
      THEME_CHECKS.forEach((ms) => setTimeout(() => this.root.isConnected && this.retheme(), ms)),
    );
    themes.observe(document.body, {
      attributes: true,
      attributeFilter: ["class", "data-jp-theme-name", "data-jp-theme-light", "style"],
    });
    const scheme = window.matchMedia?.("(prefers-color-scheme: dark)");
    if (scheme?.addEventListener) this.listen(scheme, "change", () => this.retheme());
    this.undo.push(() => {
      sizes.disconnect();
      seen.disconnect();
      themes.disconnect();
    });
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
    for (const part of [
      ...(this.maps || []),
      this.filters,
      this.side,
      this.bulk,
      this.audit,
      this.inspector,
      this.toolbar,
      ...(this.timelines || []),
    ])
      part?.destroy();
    this.root.remove();
  }
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
