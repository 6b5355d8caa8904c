// @ts-check
// Another picture whose colours are taken.

import * as api from "./api.js";
import { button, byTouch, input } from "./dom.js";
import { noReferenceText, referenceText } from "./labels.js";
import { complain } from "./notices.js";
import { referenceFiles } from "./resend.js";
import { workspace } from "./workspace.js";

const drop = button("reference");
const clear = button("reference-clear");
const chooser = input("reference-file");
/** @type {import("./settings.js").ReferencePicture | null | undefined} */
let shown;

export function showSettings() {
  const reference = workspace.current?.settings.reference;
  if (shown === reference) return;
  shown = reference;
  clear.hidden = !reference;
  if (reference) {
    const picture = document.createElement("img");
    picture.src = referenceFiles.url(reference.id);
    picture.alt = "";
    drop.replaceChildren(picture, reference.name);
  } else drop.replaceChildren(referenceText(byTouch()));
}

/** @param {File | undefined} file */
export async function load(file) {
  const photo = workspace.current;
  if (!photo || !file) return;
  drop.replaceChildren("Reading…");
  shown = undefined;
  try {
    const id = await referenceFiles.send(file);
    workspace.change(null, (s) => (s.reference = { id, name: file.name }), photo);
  } catch (error) {
    showSettings();
    complain(noReferenceText(file.name), api.asApiError(error));
  }
}

export function wire() {
  drop.onclick = () => chooser.click();
  chooser.onchange = () => {
    load(chooser.files?.[0]);
    chooser.value = "";
  };
  clear.onclick = () => workspace.change(null, (s) => (s.reference = null));
}
