/**
 * The registry of the parts of the view. A feature is a module that exports a function of the view. It creates its parts,
 * adds them to a place of the view (`addTab`, `addTool`, `addToHead`, `addToFoot`, `addPanel`) and registers its handlers
 * here. `features.js` lists all features; main.js knows none of them.
 */
export class Registry {
  constructor() {
    /** @type {Map<string, (body: any, buffers: DataView<ArrayBuffer>[]) => void>} */
    this.pushes = new Map();
    /** @type {Map<string, (value: any) => void>} */
    this.traits = new Map();
    /** @type {Map<string, () => void>} */
    this.actions = new Map();
    /** @type {(() => boolean)[]} */
    this.closers = [];
    /** @type {((event: KeyboardEvent) => unknown)[]} */
    this.keys = [];
    /** @type {Map<string, (() => void)[]>} */
    this.moments = new Map();
    /** @type {(() => void)[]} */
    this.endings = [];
  }

  /**
   * Handle messages of one kind from Python: `react(body, buffers)`.
   * @param {string} kind @param {(body: any, buffers: DataView<ArrayBuffer>[]) => void} react
   */
  onPush(kind, react) {
    once(this.pushes, kind, react, "push");
  }

  /** Handle a synced trait changed by Python: `react(value)`. @param {string} name @param {(value: any) => void} react */
  onTrait(name, react) {
    once(this.traits, name, react, "trait");
  }

  /** Handle an action of the keymap. @param {string} name @param {() => void} act */
  onAction(name, act) {
    once(this.actions, name, act, "action");
  }

  /**
   * Register something that Escape closes: `close()` returns whether it was open. The latest is tried first.
   * @param {() => boolean} close
   */
  onEscape(close) {
    this.closers.unshift(close);
  }

  /** Close one open part; returns false if none was open. */
  escape() {
    return this.closers.some((close) => close());
  }

  /**
   * Register keys of an open part: `act(event)` returns whether it handled the key press. The latest is tried first.
   * @param {(event: KeyboardEvent) => unknown} act
   */
  onKey(act) {
    this.keys.unshift(act);
  }

  /** Whether an open part handled a key press. @param {KeyboardEvent} event */
  took(event) {
    return this.keys.some((act) => act(event));
  }

  /**
   * Run at "start" (all parts are in the page), "ready" (filters and colours are loaded), "layout" (sizes changed) or "theme" (colours changed).
   * @param {string} moment @param {() => void} react
   */
  on(moment, react) {
    if (!MOMENTS.includes(moment)) throw new Error(`unknown moment ${moment}`);
    this.moments.set(moment, [...(this.moments.get(moment) || []), react]);
  }

  /** @param {string} moment */
  run(moment) {
    for (const react of this.moments.get(moment) || []) react();
  }

  /** Run when the view is removed. @param {() => void} end */
  onEnd(end) {
    this.endings.push(end);
  }

  /**
   * Add a listener that is removed with the view.
   * @param {EventTarget} target @param {string} type @param {(event: any) => void} listener @param {AddEventListenerOptions} [options]
   */
  listen(target, type, listener, options) {
    target.addEventListener(type, listener, options);
    this.onEnd(() => target.removeEventListener(type, listener, options));
  }

  end() {
    for (const end of this.endings.splice(0)) end();
  }
}

const MOMENTS = ["start", "ready", "layout", "theme"];

/** @template T @param {Map<string, T>} map @param {string} key @param {T} value @param {string} what */
function once(map, key, value, what) {
  if (map.has(key)) throw new Error(`two parts registered for the ${what} ${key}`);
  map.set(key, value);
}
