/** A page without a kernel: stored answers of Python behind the interface of a widget model. */

import { render } from "./main.js";

/** @typedef {(body: any, buffers?: DataView<ArrayBuffer>[]) => void} Listener */

/** A replacement for the widget's model: the same methods, with answers from a table. */
export class SavedModel {
  /** @param {any} facts what `widgets.saved.page` wrote @param {ArrayBuffer} block its arrays */
  constructor(facts, block) {
    this.facts = facts;
    this.block = block;
    /** @type {Record<string, unknown>} */
    this.traits = { ...facts.traits };
    /** @type {Map<string, Listener[]>} */
    this.listeners = new Map();
  }

  /** @param {string} name */
  get(name) {
    return this.traits[name];
  }

  /** @param {string} name @param {unknown} value */
  set(name, value) {
    this.traits[name] = value;
  }

  save_changes() {
    /* nothing can be saved */
  }

  /** @param {string} event @param {Listener} listener */
  on(event, listener) {
    this.listeners.set(event, [...(this.listeners.get(event) || []), listener]);
  }

  /** @param {string} event @param {Listener} listener */
  off(event, listener) {
    this.listeners.set(
      event,
      (this.listeners.get(event) || []).filter((one) => one !== listener),
    );
  }

  /** @param {any} body */
  send(body) {
    const { body: said, buffers } = this.answer(body);
    setTimeout(() => this.tell({ ...said, request: body.request }, buffers));
    if (body.kind === "open" && this.facts.selection)
      setTimeout(() => this.tell({ push: "selection" }, [this.buffer(this.facts.selection)]));
  }

  /** @param {object} body @param {DataView<ArrayBuffer>[]} buffers */
  tell(body, buffers) {
    for (const listener of this.listeners.get("msg:custom") || []) listener(body, buffers);
  }

  /** @param {[number, number]} options */
  buffer([start, length]) {
    return new DataView(this.block, start, length);
  }

  /** {body, buffers} of the answer to a request. @param {any} options */
  answer({ kind, ...body }) {
    const { facts } = this;
    if (kind === "media") return { body: { items: body.rows.map((/** @type {number} */ row) => this.item(row)) }, buffers: [] };
    if (kind === "inspect") return { body: this.detail(body.row), buffers: [] };
    if (kind === "select" || kind === "current") return { body: {}, buffers: [] };
    const known = facts.answers[keyOf(kind, body)];
    if (known) return { body: known.body, buffers: known.at.map((/** @type {[number, number]} */ place) => this.buffer(place)) };
    return { body: { error: `${facts.missing}: open the run in a notebook for that` }, buffers: [] };
  }

  /** @param {number} row */
  item(row) {
    return this.facts.items[row] || { row, id: this.facts.ids[row], error: this.facts.missing };
  }

  /** Details of a row, as far as they were saved. @param {number} row */
  detail(row) {
    const { facts } = this,
      known = facts.details[row];
    if (known) {
      const neighbors = { ...known.neighbors, items: known.neighbors.rows.map((/** @type {number} */ other) => this.item(other)) };
      const linked = known.linked && { ...known.linked, items: known.linked.rows.map((/** @type {number} */ other) => this.item(other)) };
      return { ...known, neighbors, linked };
    }
    return {
      row,
      id: facts.ids[row],
      media: this.item(row),
      reasons: [`details of this example are ${facts.missing}`],
      note: "",
      p_given: null,
      curve: { epochs: [], given: [], suggested: [] },
      sets: null,
      neighbors: { rows: [], items: [], distances: [], none: `neighbours are ${facts.missing}` },
      columns: [],
      features: null,
    };
  }
}

/**
 * The key of a request in the table of answers: its kind and the values of its fields.
 * @param {string} kind @param {Record<string, any>} options
 */
function keyOf(kind, { request = "", ...body }) {
  return `[${[kind, ...Object.values(body)].map((value) => JSON.stringify(value)).join(", ")}]`;
}

/** Decompress gzip data from base64 text. @param {string} text */
async function gunzipped(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** Read the data stored in the page and open the view. @param {Document} page */
export async function openSavedPage(page) {
  /** @param {string} id */
  const part = (id) => gunzipped(/** @type {HTMLTemplateElement} */ (page.getElementById(id)).content.textContent ?? "");
  const [facts, block] = await Promise.all([part("facts"), part("block")]);
  const model = new SavedModel(JSON.parse(new TextDecoder().decode(facts)), block);
  render({ model, el: /** @type {HTMLElement} */ (page.getElementById("view")) });
}
