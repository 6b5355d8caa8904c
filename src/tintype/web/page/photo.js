// @ts-check
// One photograph: its file, what is set for it, and the pictures of it that are at hand.

import { History } from "./history.js";
import { colorRequest, defaultSettings } from "./settings.js";

/** @typedef {import("./settings.js").Settings} Settings */
/**
 * Waiting here; delayed by a busy server; being coloured; ready to be changed; or refused.
 *
 * @typedef {"waiting" | "delayed" | "working" | "ready" | "failed"} PhotoState
 */
/** @typedef {"before" | "after"} Side */

let newest = 0;

/** A key that sorts behind those of the photographs before it, also of earlier visits. */
function newKey() {
  newest = Math.max(newest + 1, Date.now());
  return `${newest}-${Math.random().toString(36).slice(2, 10)}`;
}

export class Photo {
  /** @type {PhotoState} */
  state = "waiting";
  /** @type {import("./api.js").ApiError | null} */
  error = null;
  /** Of the photograph on the server; empty until it is there. */
  id = "";
  /** @type {import("./api.js").PhotoData | null} what the server says of it */
  data = null;
  width = 0;
  height = 0;
  zoom = 1;
  /** @type {Settings} */
  settings = defaultSettings();
  /** @type {Partial<Record<Side, string>>} */
  urls = {};
  /** Whether the picture before is the file itself, with all its colours. */
  ownCopy = false;
  /** @type {Partial<Record<Side, Blob>>} */
  blobs = {};
  /** @type {import("./settings.js").ColorRequest | null} what the picture after was asked for with */
  drawn = null;
  /** Counts the changes of the settings; `stored` and `saved` are the counts of what is safe. */
  revision = 0;
  stored = -1;
  saved = -1;
  /** When it was last changed or shown, in milliseconds. */
  touched = Date.now();
  /** @type {History<Settings>} */
  #history = new History();

  /**
   * @param {File} file
   * @param {string} [key] of the photograph among those that are kept in the browser
   */
  constructor(file, key = newKey()) {
    this.file = file;
    this.key = key;
    this.name = file.name;
  }

  /** @param {import("./api.js").PhotoData} data what the server says of it */
  describe(data) {
    const { id, width, height } = data;
    this.data = data;
    this.id = id;
    this.width = width;
    this.height = height;
  }

  /**
   * Takes the file itself for the picture before, until the server's is there.
   *
   * @param {string} url of the file
   * @param {import("./geometry.js").Size} size of it, upright
   */
  useOwnCopy(url, { width, height }) {
    this.urls.before = url;
    this.ownCopy = true;
    this.width = width;
    this.height = height;
  }

  get rotation() {
    return this.settings.rotation ?? 0; // steps of earlier versions have none
  }

  get canUndo() {
    return this.#history.canUndo;
  }

  get canRedo() {
    return this.#history.canRedo;
  }

  /** Whether nothing would be lost if the page were closed. */
  get isSafe() {
    return this.state === "failed" || [this.stored, this.saved].includes(this.revision);
  }

  /** The steps of its history, to be kept. */
  steps() {
    return this.#history.steps();
  }

  /**
   * Takes up what was kept.
   *
   * @param {Settings} settings
   * @param {import("./history.js").Steps} steps
   */
  resume(settings, steps) {
    this.settings = { ...defaultSettings(), ...settings };
    this.#history.resume(steps);
  }

  /** Takes another key, where another tab has this photograph under the one it had. */
  becomeCopy() {
    this.key = newKey();
    this.stored = -1;
  }

  /** @returns {Set<string>} ids of its reference pictures, those of its history among them */
  references() {
    const { past, future } = this.steps();
    const states = [this.settings, ...[...past, ...future].map((text) => JSON.parse(text))];
    return new Set(states.flatMap(({ reference }) => (reference ? [reference.id] : [])));
  }

  /**
   * Changes the settings, as a step that can be undone.
   *
   * @param {string | null} kind steps of one kind at once are one step; null for never
   * @param {(settings: Settings) => void} change
   */
  change(kind, change) {
    this.#history.record(this.settings, kind);
    change(this.settings);
    this.#changed();
  }

  /**
   * Undoes a step, or does it again.
   *
   * @param {"undo" | "redo"} direction
   * @returns {boolean} whether there was one
   */
  step(direction) {
    const found = this.#history[direction](this.settings);
    if (!found) return false;
    this.settings = found;
    this.#changed();
    return true;
  }

  #changed() {
    this.revision += 1;
    this.touched = Date.now();
  }

  /** @param {number} [palette] in place of the one that is set */
  request(palette) {
    return colorRequest(this.settings, palette);
  }

  /**
   * @param {Side} side
   * @param {Blob} blob
   * @param {import("./settings.js").ColorRequest | null} [request] of a picture after
   * @returns {string} the address of the picture, in place of the one before
   */
  setPicture(side, blob, request = null) {
    const old = this.urls[side];
    if (old) URL.revokeObjectURL(old);
    const url = URL.createObjectURL(blob);
    this.urls[side] = url;
    if (side === "before") this.ownCopy = false;
    else this.drawn = request;
    this.blobs[side] = blob;
    return url;
  }

  /** Lets the pictures go. */
  release() {
    for (const url of Object.values(this.urls)) URL.revokeObjectURL(url);
  }
}
