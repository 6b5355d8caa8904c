// @ts-check
// Undo and redo.

const MERGE_MS = 900;
const LIMIT = 200;
const KEPT_CHARACTERS = 2 ** 21; // of the steps that are kept: each of them holds all strokes

/**
 * @typedef {object} Steps states as JSON, the oldest first
 * @property {string[]} past
 * @property {string[]} future those that were undone, the one undone first first
 */

/**
 * The states before and after the present one, as JSON.
 *
 * @template T a value that survives JSON
 */
export class History {
  /** @type {string[]} */
  #past = [];
  /** @type {string[]} */
  #future = [];
  /** @type {string | null} */
  #lastKind = null;
  #lastTime = 0;

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /**
   * Keeps the present state; called before it changes. Steps of one kind that follow each other
   * closely are one step: a slider on its way.
   *
   * @param {T} present
   * @param {string | null} kind null for a step that is never merged
   * @param {number} [now] in milliseconds
   */
  record(present, kind, now = Date.now()) {
    const merged = kind !== null && kind === this.#lastKind && now - this.#lastTime < MERGE_MS;
    if (!merged) {
      this.#past.push(JSON.stringify(present));
      if (this.#past.length > LIMIT) this.#past.shift();
    }
    this.#lastKind = kind;
    this.#lastTime = now;
    this.#future = [];
  }

  /** @returns {Steps} as many as are kept: those that are nearest to the present state */
  steps() {
    const nearest = (/** @type {string[]} */ states) => {
      let left = KEPT_CHARACTERS;
      let from = states.length;
      while (from > 0 && (left -= states[from - 1].length) >= 0) from -= 1;
      return states.slice(from);
    };
    return { past: nearest(this.#past), future: nearest(this.#future) };
  }

  /** @param {Steps} steps in place of those that there are */
  resume({ past, future }) {
    this.#past = [...past];
    this.#future = [...future];
    this.#lastKind = null;
  }

  /**
   * @param {T} present
   * @returns {T | null} the state before; null where there is none
   */
  undo(present) {
    return this.#move(this.#past, this.#future, present);
  }

  /**
   * @param {T} present
   * @returns {T | null} the state that was undone last; null where there is none
   */
  redo(present) {
    return this.#move(this.#future, this.#past, present);
  }

  /**
   * @param {string[]} from
   * @param {string[]} to
   * @param {T} present
   * @returns {T | null}
   */
  #move(from, to, present) {
    const found = from.pop();
    if (found === undefined) return null;
    to.push(JSON.stringify(present));
    this.#lastKind = null;
    return JSON.parse(found);
  }
}
