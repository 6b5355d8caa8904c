// @ts-check
// A server holds only so much. What it has let go is sent again, unnoticed.

import * as api from "./api.js";

/** Files of reference pictures by the id of their layer: settings are JSON, and a file is not. */
export class ReferenceFiles {
  /** @type {Map<string, File>} */
  #files = new Map();

  /**
   * Sends a reference picture.
   *
   * @param {File} file
   * @returns {Promise<string>} the id of its layer
   */
  async send(file) {
    const id = await api.addLayer("reference", file);
    this.#files.set(id, file);
    return id;
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

/**
 * Asks about a photograph; where the server does not know it any more, sends it and asks again.
 *
 * @template T
 * @param {import("./photo.js").Photo} photo
 * @param {() => Promise<T>} ask
 * @returns {Promise<T>}
 */
export async function withPhoto(photo, ask) {
  try {
    return await ask();
  } catch (error) {
    if (api.asApiError(error).code !== "unknown_id") throw error;
    if (photo.settings.reference) await referenceFiles.sendAgain(photo.settings.reference);
    photo.describe(await api.addPhoto(photo.file));
    return ask();
  }
}
