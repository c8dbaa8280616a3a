/**
 * The enlarged example, over the maps: a picture in its original pixels with zoom and pan, or the whole text at a readable
 * width. It intercepts no keys: labels, decisions and arrow keys work as usual.
 */
import { h, iconButton } from "../base/dom.js";
import { clip, count, probability } from "../base/format.js";
import { capOf } from "../base/keys.js";
import { isSmall, mediaNode } from "./media.js";
import { fitted, highlighted, originalPixels, resized, scaled, searchWords, settled } from "../base/zoom.js";
/** @import { InspectAnswer, Item } from "../state/messages.js" */
/** @import { Place } from "../base/zoom.js" */

/** @typedef {{ text?: string, url?: string, width?: number, height?: number, alpha?: boolean, original?: number[], note?: string }} Known own pixels or whole text */

/** Number of whole examples kept in memory; not more than original pictures. */
const KEPT = 6;
/** Time at an example before its original pixels or whole text are requested, ms; avoids requests while a key is held. */
const FETCH_REST = 120;
const ZOOM_STEP = 1.25;
/** Font sizes of texts, px. */
const LETTERS = [11, 13, 15, 17, 20, 24, 30];

export class Lightbox {
  /** @param {import("../main.js").Explorer} view */
  constructor(view) {
    this.view = view;
    this.open = false;
    this.row = -1;
    /** @type {Map<number, Known>} */
    this.kept = new Map();
    /** @type {Place | null} */
    this.place = null;
    /** @type {number[] | null} of the picture on show */
    this.size = null;
    this.fits = false;
    /** @type {HTMLImageElement | null} */
    this.img = null;
    /** @type {HTMLElement | null} */
    this.text = null;
    this.noted = "";
    this.letters = 2;
    this.timer = 0;
    /** @param {string} action */
    const key = (action) => capOf(view.keymap, action);
    /** @param {string} text @param {string} label @param {() => void} act @param {string} action */
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

  /** The picture on which the editor draws, if it does; it moves here while it is enlarged. */
  get drawn() {
    return this.view.inspector.editor.stage;
  }

  /* ---- open and close ---- */

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

  /** Close the lightbox; returns false if it was not open. */
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

  /* ---- display ---- */

  /** Show the current example, first with the data that is already here. */
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

  /** @param {Item} item @param {InspectAnswer} [answer] */
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

  /** @param {Known} known */
  drawKnown(known) {
    if (known.text !== undefined) this.drawText(known.text);
    else this.drawPicture(known.url ?? "", [known.width ?? 0, known.height ?? 0], known);
  }

  /**
   * Keep the visible part if the picture has the same shape as the last one, else show all of it.
   * @param {string} src @param {number[]} size @param {{ alpha?: boolean, original?: number[], note?: string }} options
   */
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

  /** @param {string} text */
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

  /** Request the original pixels of a picture, or the whole text if it was cut. @param {number} row @param {Item|undefined} item */
  async fetch(row, item) {
    const { view } = this;
    if (!item || view.store.meta.locked) {
      if (view.store.meta.locked && item?.src && this.row === row) this.tell("as saved");
      return;
    }
    const isText = typeof item.text === "string";
    if (isText ? view.media.kind === "own" : !item.src || view.media.kind !== "image") return;
    /** @type {Known} */
    let known;
    try {
      known = isText ? (await view.wire.ask("text", { row })).body : await view.inspector.pictures.fetch(row);
      this.keep(row, known);
    } catch (error) {
      if (this.row === row) this.tell(/** @type {Error} */ (error).message);
      return;
    }
    if (this.open && this.row === row && !(isText && this.text?.textContent === known.text)) this.drawKnown(known);
  }

  /** @param {number} row @param {Known} known */
  keep(row, known) {
    this.kept.set(row, known);
    if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value ?? -1);
  }

  /** @param {string} text */
  tell(text) {
    this.noted = text;
    this.note.textContent = text;
  }

  /* ---- zoom and drag ---- */

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

  /** @param {number} factor */
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

  /** @param {number} by */
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
    /** @type {{ from: number[], place: Place } | null} */
    let drag = null;
    /** @param {MouseEvent} event */
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

  /** Page keys scroll a text. @param {KeyboardEvent} event */
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

/** @param {Node|null} node */
/** @param {import("../main.js").Explorer} view */
export function lightboxFeature(view) {
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
  store.on("neighbors", () => box.draw()); // the inspector has received its answer, with a larger picture
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
  registry.onEscape(() => !inspector.editing && box.close()); // Escape ends edit mode first
  registry.onEnd(() => box.destroy());
}
