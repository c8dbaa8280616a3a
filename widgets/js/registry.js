/**
 * The registry of the parts of the view. A feature is a module that exports a function of the view. It creates its parts,
 * adds them to a place of the view (`addTab`, `addTool`, `addToHead`, `addToFoot`, `addPanel`) and registers its handlers
 * here. `features.js` lists all features; main.js knows none of them.
 */
export class Registry {
  /** @type {Map<string, () => void>} */
  actions;
  /** @type {any} */
  closers;
  /** @type {any} */
  endings;
  /** @type {any} */
  keys;
  /** @type {any} */
  moments;
  /** @type {any} */
  pushes;
  /** @type {any} */
  traits;

  constructor() {
    Object.assign(this, {
      pushes: new Map(),
      traits: new Map(),
      actions: new Map(),
      closers: [],
      keys: [],
      moments: new Map(),
      endings: [],
    });
  }

  /** Handle messages of one kind from Python: `react(body, buffers)`. */
  onPush(kind, react) {
    once(this.pushes, kind, react, "push");
  }

  /** Handle a synced trait changed by Python: `react(value)`. */
  onTrait(name, react) {
    once(this.traits, name, react, "trait");
  }

  /** Handle an action of the keymap. */
  onAction(name, act) {
    once(this.actions, name, act, "action");
  }

  /** Register something that Escape closes: `close()` returns whether it was open. The latest is tried first. */
  onEscape(close) {
    this.closers.unshift(close);
  }

  /** Close one open part; returns false if none was open. */
  escape() {
    return this.closers.some((close) => close());
  }

  /** Register keys of an open part: `act(event)` returns whether it handled the key press. The latest is tried first. */
  onKey(act) {
    this.keys.unshift(act);
  }

  /** Whether an open part handled a key press. */
  took(event) {
    return this.keys.some((act) => act(event));
  }

  /** Run at "start" (all parts are in the page), "ready" (filters and colours are loaded), "layout" (sizes changed) or "theme" (colours changed). */
  on(moment, react) {
    if (!MOMENTS.includes(moment)) throw new Error(`unknown moment ${moment}`);
    if (!this.moments.has(moment)) this.moments.set(moment, []);
    this.moments.get(moment).push(react);
  }

  run(moment) {
    for (const react of this.moments.get(moment) || []) react();
  }

  /** Run when the view is removed. */
  onEnd(end) {
    this.endings.push(end);
  }

  /** Add a listener that is removed with the view. */
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
