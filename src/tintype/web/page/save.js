// @ts-check
// The finished file at full size.

import * as api from "./api.js";
import { button, element, input } from "./dom.js";
import { notSavedText, savedName } from "./labels.js";
import { announce, complain, notify } from "./notices.js";
import { withPhoto } from "./resend.js";
import { workspace } from "./workspace.js";

const KEEP_MS = 60_000; // how long the browser has to read the file

const download = button("download");
const format = element("format", HTMLSelectElement);
const keepLocation = input("keep-location");
const stripMetadata = input("strip-metadata");

async function save() {
  const photo = workspace.current;
  if (!photo || download.hasAttribute("aria-disabled")) return;
  // It keeps the focus, as a disabled button would not.
  download.setAttribute("aria-disabled", "true");
  download.textContent = "Colouring at full size…";
  try {
    const { revision } = photo;
    const { name, blob, notes: list } = await finished(photo);
    const notes = list.join(" ");
    triggerDownload(blob, name);
    photo.saved = revision;
    announce(`${name} is saved. ${notes}`);
    if (notes) notify(`${name}: ${notes}`);
  } catch (error) {
    complain(notSavedText(photo.name), api.asApiError(error), save);
  } finally {
    download.removeAttribute("aria-disabled");
    download.textContent = "Download";
  }
}

/**
 * The file of a photograph as it is set now.
 *
 * @param {import("./photo.js").Photo} photo
 * @returns {Promise<{name: string, blob: Blob, notes: string[]}>}
 */
export async function finished(photo) {
  const query = fileQuery();
  const answer = await withPhoto(photo, () => api.finishedFile(photo.id, photo.request(), query));
  const name = savedName(photo.name, answer.headers.get("Content-Disposition"));
  const notes = JSON.parse(answer.headers.get("X-Tintype-Notes") || "[]");
  return { name, blob: await answer.blob(), notes };
}

/** @returns {Record<string, string | number>} */
function fileQuery() {
  return {
    ...(format.value ? { format: format.value } : {}),
    ...(keepLocation.checked ? { keep_location: 1 } : {}),
    ...(stripMetadata.checked ? { strip_metadata: 1 } : {}),
  };
}

/**
 * Gives the browser a file to save.
 *
 * @param {Blob} blob
 * @param {string} name
 */
export function triggerDownload(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEEP_MS);
}

export function showFormats() {
  format.replaceChildren(
    new Option("Same as the original", ""),
    ...workspace.server.formats.map((name) => new Option(name, name)),
  );
}

export function wire() {
  download.onclick = save;
}
