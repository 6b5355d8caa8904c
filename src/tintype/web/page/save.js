// @ts-check
// The finished file at full size.

import * as api from "./api.js";
import { button, element, input } from "./dom.js";
import { triggerDownload } from "./download.js";
import { announce, complain, notify } from "./notices.js";
import { notSavedText, savedName } from "./photo_labels.js";
import { withPhoto } from "./resend.js";
import { workspace } from "./workspace.js";

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
  const query = fileQuery(photo);
  const answer = await withPhoto(photo, () => api.finishedFile(photo.id, photo.request(), query));
  const name = savedName(photo.name, answer.headers.get("Content-Disposition"));
  const notes = JSON.parse(answer.headers.get("X-Tintype-Notes") || "[]");
  return { name, blob: await answer.blob(), notes };
}

/**
 * @param {import("./photo.js").Photo} photo
 * @returns {Record<string, string | number>}
 */
function fileQuery({ rotation }) {
  return {
    ...(rotation ? { rotate: rotation } : {}),
    ...(format.value ? { format: format.value } : {}),
    ...(keepLocation.checked ? { keep_location: 1 } : {}),
    ...(stripMetadata.checked ? { strip_metadata: 1 } : {}),
  };
}

export function showFormats() {
  format.replaceChildren(
    new Option("Same as the original", ""),
    ...workspace.server.formats.map((name) => new Option(name, name)),
  );
  const film = workspace.server.comparisons.includes("webm");
  button("share-film").hidden = !film;
  element("share-more", HTMLElement).hidden = film;
}

/**
 * Loaded when it is asked for: few do.
 *
 * @param {import("./api.js").ComparisonFormat} format
 */
const share = async (format) => (await import("./share.js")).share(format);

export function wire() {
  download.onclick = save;
  // All includes the location: only one of the two can be meant.
  keepLocation.onchange = () => keepLocation.checked && (stripMetadata.checked = false);
  stripMetadata.onchange = () => stripMetadata.checked && (keepLocation.checked = false);
  button("share-picture").onclick = () => share("jpeg");
  button("share-sweep").onclick = () => share("gif");
  button("share-film").onclick = () => share("webm");
}
