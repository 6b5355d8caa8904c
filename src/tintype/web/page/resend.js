// @ts-check
// A server holds only so much. What it has let go is sent again, unnoticed.

import * as api from "./api.js";

/** Files of reference pictures by the id of their layer: settings are JSON, and a file is not. */
export class ReferenceFiles {
  /** @type {Map<string, File>} */
  #files = new Map();
  /** @type {Map<File, string>} */
  #urls = new Map();

  /**
   * Sends a reference picture.
   *
   * @param {File} file
   * @returns {Promise<string>} the id of its layer
   */
  async send(file) {
    const id = await api.addLayer("reference", file);
    this.add(id, file);
    return id;
  }

  /**
   * @param {string} id of a layer that the server holds, or once held
   * @param {File} file
   */
  add(id, file) {
    this.#files.set(id, file);
  }

  /** @param {string} id */
  file(id) {
    return this.#files.get(id);
  }

  /**
   * @param {string} id
   * @returns {string} an address by which the page shows it; empty where it is not known
   */
  url(id) {
    const file = this.file(id);
    if (!file) return "";
    const url = this.#urls.get(file) ?? URL.createObjectURL(file);
    this.#urls.set(file, url);
    return url;
  }

  /**
   * Sends one again that the server has let go.
   *
   * @param {import("./settings.js").ReferencePicture} reference its id is replaced
   */
  async sendAgain(reference) {
    const file = this.#files.get(reference.id);
    if (file) reference.id = await this.send(file);
  }
}

export const referenceFiles = new ReferenceFiles();

/** @type {Map<import("./photo.js").Photo, Promise<void>>} */
const sending = new Map();

/** @param {import("./photo.js").Photo} photo */
async function send(photo) {
  if (photo.settings.reference) await referenceFiles.sendAgain(photo.settings.reference);
  photo.describe(await api.addPhoto(photo.file));
}

/**
 * Sends a photograph again; once, for all that asked about it meanwhile.
 *
 * @param {import("./photo.js").Photo} photo
 */
function sendAgain(photo) {
  const going = sending.get(photo) ?? send(photo).finally(() => sending.delete(photo));
  sending.set(photo, going);
  return going;
}

/**
 * Asks about a photograph; where the server does not know it any more, sends it and asks again.
 *
 * @template T
 * @param {import("./photo.js").Photo} photo
 * @param {() => Promise<T>} ask
 * @returns {Promise<T>}
 */
export async function withPhoto(photo, ask) {
  const { id } = photo;
  try {
    return await ask();
  } catch (error) {
    if (api.asApiError(error).code !== "unknown_id") throw error;
    if (photo.id === id) await sendAgain(photo);
    return ask();
  }
}
