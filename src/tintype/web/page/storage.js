// @ts-check
// What is kept in the browser between visits: photographs with their settings and undo history,
// within a limit of bytes. Where it is kept is a backend, see database.js.

import { Photo } from "./photo.js";
import { referenceFiles } from "./resend.js";

/** @typedef {import("./settings.js").Settings} Settings */
/**
 * @typedef {object} StoredPhoto everything but the file
 * @property {string} key sorts in the order in which the photographs came
 * @property {string} name
 * @property {number} bytes that it takes, with its file and its reference pictures
 * @property {number} touched when it was last changed or shown, in milliseconds
 * @property {import("./api.js").PhotoData | null} data what the server said of it; null if it was
 *   never there
 * @property {Settings} settings
 * @property {import("./history.js").Steps} steps
 * @property {string[]} references ids of the reference pictures that it needs
 * @property {Blob | null} picture in colour, as it was last shown
 *
 * @typedef {object} Backend a transaction each; what fails rejects
 * @property {() => Promise<StoredPhoto[]>} list
 * @property {(photo: StoredPhoto, files: Map<string, Blob>) => Promise<void>} put the photograph,
 *   and those of its files that are not there yet
 * @property {(keys: string[]) => Promise<void>} remove the photographs, and files that no other needs
 * @property {(key: string) => Promise<File | null>} file
 */

/** The most that is kept. */
export const MOST_BYTES = 2 ** 30;

/**
 * @param {Photo} photo
 * @returns {{record: StoredPhoto, files: Map<string, Blob>}}
 */
function described(photo) {
  const { key, name, touched, data, settings } = photo;
  const steps = photo.steps();
  const picture = photo.blobs.after ?? null;
  const files = new Map([[key, /** @type {Blob} */ (photo.file)]]);
  for (const reference of photo.references()) {
    const file = referenceFiles.file(reference);
    if (file) files.set(reference, file);
  }
  const references = [...files.keys()].filter((one) => one !== key);
  let bytes = picture?.size ?? 0;
  for (const { size } of files.values()) bytes += size;
  for (const text of [...steps.past, ...steps.future]) bytes += text.length;
  const record = { key, name, bytes, touched, data, settings, steps, references };
  return { record: { ...record, picture }, files };
}

export class Storage {
  /** @type {Map<string, {name: string, bytes: number, touched: number}>} */
  #kept = new Map();
  /** @type {Promise<unknown>} */
  #turn = Promise.resolve();
  #backend;
  #most;

  /**
   * @param {Backend} backend
   * @param {number} [most] bytes
   */
  constructor(backend, most = MOST_BYTES) {
    this.#backend = backend;
    this.#most = most;
  }

  /**
   * One after the other, in the order in which they were called.
   *
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  #inTurn(work) {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** @returns {Promise<StoredPhoto[]>} in the order in which they came */
  list() {
    return this.#inTurn(async () => {
      const found = await this.#backend.list();
      this.#kept = new Map(found.map((photo) => [photo.key, photo]));
      return found.sort((one, other) => (one.key < other.key ? -1 : 1));
    });
  }

  /**
   * Keeps a photograph as it is now. Where that is too much, those go that were neither changed
   * nor shown for the longest time.
   *
   * @param {Photo} photo
   * @returns {Promise<{kept: boolean, dropped: string[]}>} whether it was kept, and the keys of
   *   those that went
   */
  keep(photo) {
    const { revision } = photo;
    const { record, files } = described(photo);
    return this.#inTurn(async () => {
      /** @type {string[]} */
      const dropped = [];
      const fits = record.bytes <= this.#most;
      // A database that fails is one that keeps nothing.
      const kept = fits && (await this.#fit(record, files, dropped).catch(() => false));
      photo.stored = kept ? revision : -1;
      return { kept, dropped };
    });
  }

  /**
   * @param {StoredPhoto} record
   * @param {Map<string, Blob>} files
   * @param {string[]} dropped is added to
   */
  async #fit(record, files, dropped) {
    const { key, name, bytes, touched } = record;
    const others = [...this.#kept].filter(([other]) => other !== key);
    others.sort(([, one], [, other]) => one.touched - other.touched);
    const most = this.#most - bytes;
    let held = others.reduce((sum, [, other]) => sum + other.bytes, 0);
    let freed = 0;
    for (;;) {
      if (held <= most) {
        try {
          await this.#backend.put(record, files);
          this.#kept.set(key, { name, bytes, touched });
          return true;
        } catch (error) {
          // The browser's own limit may be lower than ours. No more goes than its place takes.
          const full = error instanceof Error && error.name === "QuotaExceededError";
          if (!full || !others.length || freed >= bytes) return false;
        }
      }
      const [oldest] = others.splice(0, 1);
      await this.#drop([oldest[0]]);
      dropped.push(oldest[0]);
      held -= oldest[1].bytes;
      freed += oldest[1].bytes;
    }
  }

  /** @param {string[]} keys */
  async #drop(keys) {
    await this.#backend.remove(keys);
    for (const key of keys) this.#kept.delete(key);
  }

  /** @param {string[]} keys of photographs that are kept no longer */
  forget(keys) {
    return this.#inTurn(() => this.#drop(keys));
  }

  /**
   * A photograph as it was kept.
   *
   * @param {StoredPhoto} record
   * @returns {Promise<Photo | null>} null where its file is gone
   */
  restore(record) {
    return this.#inTurn(async () => {
      const file = await this.#backend.file(record.key);
      if (!file) return null;
      for (const id of record.references) {
        const reference = await this.#backend.file(id);
        if (reference) referenceFiles.add(id, reference);
      }
      const photo = new Photo(file, record.key);
      const { data, settings, steps, picture } = record;
      photo.name = record.name;
      photo.resume(settings, steps);
      if (picture && data) {
        photo.describe(data);
        photo.setPicture("after", picture);
        photo.state = "ready";
      }
      photo.stored = photo.revision;
      photo.touched = record.touched;
      return photo;
    });
  }
}
