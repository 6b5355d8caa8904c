// @ts-check
// What is worked on when: a queue of photographs, and previews of which only the newest counts.

/**
 * @typedef {object} Progress of what was added since the queue was last empty
 * @property {number} done
 * @property {number} total
 * @property {number} seconds since the first of them was begun
 */

/**
 * Works on a few things at a time, in the order in which they were added.
 *
 * @template T
 */
export class Queue {
  /** @type {T[]} */
  #items = [];
  #running = 0;
  #limit;
  #work;
  #done = 0;
  #start = 0;
  /** @type {(progress: Progress) => void} called whenever there is another one */
  onProgress = () => {};

  /**
   * @param {number} limit how many are worked on at once
   * @param {(item: T) => Promise<unknown>} work must not reject; false where there was nothing to do
   */
  constructor(limit, work) {
    this.#limit = limit;
    this.#work = work;
  }

  /** @param {T[]} items behind all others */
  add(...items) {
    this.#items.push(...items);
    this.#begin();
  }

  /** @param {T[]} items those of them that wait go before all others */
  prefer(...items) {
    const first = items.filter((item) => this.#items.includes(item));
    this.#items = [...first, ...this.#items.filter((item) => !first.includes(item))];
  }

  /** @param {T} item before all others */
  addFirst(item) {
    this.#items.unshift(item);
    this.#begin();
  }

  #report() {
    const left = this.#items.length + this.#running;
    const seconds = (performance.now() - this.#start) / 1000;
    this.onProgress({ done: this.#done, total: this.#done + left, seconds });
    if (!left) this.#done = 0;
  }

  #begin() {
    if (!this.#running && !this.#done) this.#start = performance.now();
    while (this.#running < this.#limit && this.#items.length) {
      const item = /** @type {T} */ (this.#items.shift());
      this.#running += 1;
      this.#work(item).then((worked) => {
        this.#running -= 1;
        if (worked !== false) this.#done += 1;
        this.#begin();
      });
    }
    this.#report();
  }
}

/**
 * One run at a time. What is asked for meanwhile becomes a single run afterwards, and that is a
 * full one where any of them was. A full run is ended where a quick one is wanted: something has
 * changed, and its result would be out of date.
 */
export class LatestOnly {
  /** @type {{quick: boolean, end: AbortController} | null} */
  #running = null;
  /** @type {"quick" | "full" | null} */
  #next = null;
  #run;
  #idle;

  /**
   * @param {(quick: boolean, signal: AbortSignal) => Promise<void>} run must not reject
   * @param {() => void} idle called when nothing is left to do
   */
  constructor(run, idle) {
    this.#run = run;
    this.#idle = idle;
  }

  /**
   * @param {boolean} quick
   * @returns {Promise<void>} resolves at the end of the run, or at once while another is on its way
   */
  async request(quick) {
    if (this.#running) {
      this.#next = this.#next === "full" || !quick ? "full" : "quick";
      if (quick && !this.#running.quick) this.#running.end.abort();
      return;
    }
    const end = new AbortController();
    this.#running = { quick, end };
    await this.#run(quick, end.signal);
    this.#running = null;
    const next = this.#next;
    this.#next = null;
    if (next) this.request(next === "quick");
    else this.#idle();
  }
}
