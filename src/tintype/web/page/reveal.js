// @ts-check
// The photograph is there at once: from the browser's own copy of the file, shown in grey.

import { revealSide, sameShape } from "./geometry.js";
import * as stage from "./stage.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */

const PATIENCE_MS = 400; // nothing waits longer for a photograph to be seen
const QUALITY = 0.9;

/** @type {Promise<unknown>} ends when the photograph that was dropped last is seen */
let underway = Promise.resolve();

/**
 * Resolves when the photograph that was dropped last can be seen, or after a moment: sending and
 * colouring would take the processor from what draws it.
 */
export function settled() {
  const enough = new Promise((done) => setTimeout(done, PATIENCE_MS));
  return Promise.race([underway, enough]);
}

/**
 * Shows the file itself until the server has answered. Formats that the browser does not know, as
 * TIFF and HEIC mostly are, come from the server.
 *
 * @param {Photo} photo
 */
export function showOwnCopy(photo) {
  if (!photo.urls.before && !photo.width) underway = show(photo);
}

/** @param {Photo} photo */
async function show(photo) {
  const own = URL.createObjectURL(photo.file);
  const [size, small] = await Promise.all([measured(own), reduced(photo.file)]);
  // A decoder that leaves the orientation aside shows it lying on its side.
  const fits = size && small && sameShape(size, small.size);
  const url = fits ? URL.createObjectURL(small.blob) : own;
  if (fits) URL.revokeObjectURL(own);
  if (!size || photo.width || photo.state === "failed") {
    URL.revokeObjectURL(url);
    return;
  }
  photo.useOwnCopy(url, size);
  if (photo !== workspace.current) return;
  workspace.setState(photo, photo.state);
  stage.show(photo);
  await stage.painted();
}

/**
 * @param {string} url
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

/**
 * A JPEG in about the size of the screen. Its decoder leaves out what a smaller picture does not
 * need, which takes a fifth of the time: an image element, and createImageBitmap with a size to
 * resize to, decode every pixel first.
 *
 * @param {File} file
 * @returns {Promise<{blob: Blob, size: import("./geometry.js").Size} | null>} null for other
 *   formats, and for browsers that cannot do it
 */
async function reduced(file) {
  if (file.type !== "image/jpeg" || !("ImageDecoder" in globalThis)) return null;
  const side = revealSide({ width: innerWidth, height: innerHeight }, devicePixelRatio);
  const wanted = { desiredWidth: side, desiredHeight: side };
  try {
    const decoder = new ImageDecoder({ data: file.stream(), type: file.type, ...wanted });
    decoder.completed.catch(() => {}); // it is closed before
    const { image } = await decoder.decode();
    const canvas = new OffscreenCanvas(image.displayWidth, image.displayHeight);
    canvas.getContext("2d")?.drawImage(image, 0, 0);
    image.close();
    decoder.close();
    const size = { width: canvas.width, height: canvas.height };
    return { blob: await canvas.convertToBlob({ type: file.type, quality: QUALITY }), size };
  } catch {
    return null; // the image element may read what the decoder does not
  }
}
