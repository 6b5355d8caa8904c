// @ts-check
// Photographs come in: chosen, pasted or dropped.

import * as api from "./api.js";
import { button, element, input } from "./dom.js";
import { addedText, notOpenedText } from "./labels.js";
import { announce, complain } from "./notices.js";
import { opened } from "./opening.js";
import { Photo } from "./photo.js";
import { workspace } from "./workspace.js";

const chooser = input("files");

/** @param {Iterable<File>} files */
export async function add(files) {
  const chosen = [...files];
  if (!chosen.length) return;
  let open;
  try {
    open = await opened();
  } catch {
    complain(notOpenedText(chosen.map(({ name }) => name)), api.noAnswer(), () => add(chosen));
    return;
  }
  const added = chosen.map((file) => new Photo(file));
  for (const photo of added) workspace.add(photo);
  open.prefer(added);
  workspace.select(added[0]);
  announce(addedText(added.map(({ name }) => name)));
}

/** Says in the file choosers and on the first screen what the server reads. */
export function showAccepted() {
  const { accept, reads } = workspace.server;
  for (const id of ["files", "reference-file"]) input(id).accept = accept.join(",");
  element("readable", HTMLElement).textContent = `${reads.join(", ")}.`;
}

export function wire() {
  for (const id of ["choose", "add"]) button(id).onclick = () => chooser.click();
  chooser.onchange = () => {
    add(chooser.files ?? []);
    chooser.value = "";
  };
  addEventListener("paste", ({ clipboardData }) => {
    add(Array.from(clipboardData?.files ?? []).filter(({ type }) => type.startsWith("image/")));
  });
}
