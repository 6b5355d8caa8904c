// @ts-check
// What is open: the photographs, which of them is shown, and the tool. Every change is made here
// and is an event; main.js lists what is redrawn for each.

/** @typedef {import("./photo.js").Photo} Photo */
/** @typedef {import("./photo.js").PhotoState} PhotoState */
/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {import("./settings.js").Hint} Hint */
/** @typedef {"compare" | "hint" | "brush" | "grey"} Tool */

/**
 * @typedef {object} Events their names, and what their listeners are called with
 * @property {[photo: Photo]} add
 * @property {[photo: Photo]} remove
 * @property {[photo: Photo, previous: Photo | null]} select one is to be shown, perhaps again
 * @property {[]} empty the last photograph is gone
 * @property {[photo: Photo]} state of one photograph
 * @property {[photo: Photo]} change of its settings
 * @property {[]} server what it can do is known
 * @property {[]} draft there is another hint in preparation, or none
 */
/**
 * @template {keyof Events} K
 * @typedef {(...values: Events[K]) => unknown} Listener
 */

export class Workspace {
  /** @type {Photo[]} in the order in which they came */
  photos = [];
  /** @type {Photo | null} */
  current = null;
  /** @type {Hint | null} a place that was pointed at, before a colour is chosen for it */
  draft = null;
  /** @type {Tool} */
  tool = "compare";
  /** @type {import("./api.js").ServerStatus} */
  server = {
    computer: null, pairs: 0, vividness: 1, reach: 1,
    formats: [], reads: [], accept: [], capabilities: [], comparisons: [], tile: 512,
  };
  /** @type {{[K in keyof Events]: Listener<K>[]}} */
  #listeners = {
    add: [], remove: [], select: [], empty: [], state: [], change: [], server: [], draft: [],
  };

  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {Listener<K>} listener
   */
  on(name, listener) {
    this.#listeners[name].push(listener);
  }

  /**
   * Resolves when everything that listens has caught up.
   *
   * @template {keyof Events} K
   * @param {K} name
   * @param {Events[K]} values
   */
  async #emit(name, ...values) {
    await Promise.all(this.#listeners[name].map((listener) => listener(...values)));
  }

  /** @param {import("./api.js").ServerStatus} status */
  setServer(status) {
    this.server = status;
    this.#emit("server");
  }

  /**
   * @param {Photo} photo
   * @param {number} [index] where it goes; without one, behind all others
   */
  add(photo, index = this.photos.length) {
    this.photos.splice(index, 0, photo);
    this.#emit("add", photo);
  }

  /** @param {Photo} photo */
  async select(photo) {
    const previous = this.current;
    this.current = photo;
    photo.touched = Date.now();
    await this.#emit("select", photo, previous);
  }

  /**
   * Takes a photograph out. In place of the one that was shown comes its neighbor.
   *
   * @param {Photo} photo
   */
  remove(photo) {
    const index = this.photos.indexOf(photo);
    this.photos.splice(index, 1);
    this.#emit("remove", photo);
    if (photo !== this.current) return;
    this.current = null;
    if (this.photos.length) this.select(this.photos[Math.min(index, this.photos.length - 1)]);
    else this.#emit("empty");
  }

  /**
   * @param {Photo} photo
   * @param {PhotoState} state
   */
  setState(photo, state) {
    photo.state = state;
    this.#emit("state", photo);
  }

  /**
   * Changes the settings of a photograph, as a step that can be undone.
   *
   * @param {string | null} kind steps of one kind at once are one step; null for never
   * @param {(settings: Settings) => void} change
   * @param {Photo | null} [photo]
   */
  change(kind, change, photo = this.current) {
    if (!photo) return;
    photo.change(kind, change);
    this.#emit("change", photo);
  }

  /** @param {Hint | null} hint */
  setDraft(hint) {
    this.draft = hint;
    this.#emit("draft");
  }

  /**
   * @param {"undo" | "redo"} direction
   * @param {Photo | null} [photo]
   * @returns {boolean} whether there was a step to go
   */
  step(direction, photo = this.current) {
    if (!photo?.step(direction)) return false;
    this.#emit("change", photo);
    return true;
  }
}

export const workspace = new Workspace();
