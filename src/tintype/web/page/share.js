// @ts-check
// Before and after in one file, to show to others.

import * as api from "./api.js";
import { button } from "./dom.js";
import { triggerDownload } from "./download.js";
import { announce, complain } from "./notices.js";
import { notSavedText, savedName } from "./photo_labels.js";
import { withPhoto } from "./resend.js";
import { workspace } from "./workspace.js";

const buttons = ["share-picture", "share-sweep", "share-film"].map(button);

/** @param {api.ComparisonFormat} format */
export async function share(format) {
  const photo = workspace.current;
  if (!photo) return;
  for (const one of buttons) one.disabled = true;
  announce("Making the comparison…");
  try {
    const ask = () => api.comparison(photo.id, photo.request(), format, photo.rotation);
    const answer = await withPhoto(photo, ask);
    const name = savedName(photo.name, answer.headers.get("Content-Disposition"));
    triggerDownload(await answer.blob(), name);
    announce(`${name} is saved.`);
  } catch (error) {
    complain(notSavedText(`The comparison of ${photo.name}`), api.asApiError(error), () => share(format));
  } finally {
    for (const one of buttons) one.disabled = false;
  }
}
