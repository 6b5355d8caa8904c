// @ts-check
// The photograph is there at once: from the browser's own copy of the file, shown in grey.

import * as stage from "./stage.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */

/**
 * Shows the file itself until the server has answered. Formats that the browser does not know, as
 * TIFF and HEIC mostly are, come from the server.
 *
 * @param {Photo} photo
 */
export async function showOwnCopy(photo) {
  if (photo.urls.before || photo.width) return;
  const url = URL.createObjectURL(photo.file);
  const size = await measured(url);
  if (!size || photo.width || photo.state === "failed") {
    URL.revokeObjectURL(url);
    return;
  }
  photo.useOwnCopy(url, size);
  if (photo !== workspace.current) return;
  workspace.setState(photo, photo.state);
  stage.show(photo);
}

/**
 * @param {string} url of the very picture that is shown: a large file is not read twice
 * @returns {Promise<import("./geometry.js").Size | null>} null where the browser cannot show it
 */
function measured(url) {
  const image = new Image();
  return new Promise((done) => {
    image.onload = () => done({ width: image.naturalWidth, height: image.naturalHeight });
    image.onerror = () => done(null);
    image.src = url;
  });
}
