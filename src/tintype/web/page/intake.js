// @ts-check
// Photographs come in: chosen, pasted or dropped.

import * as api from "./api.js";
import { button, element, input } from "./dom.js";
import { chosenFiles, isAccepted } from "./folders.js";
import { addedText, folderText, notOpenedText } from "./labels.js";
import { announce, complain } from "./notices.js";
import { opened } from "./opening.js";
import { Photo } from "./photo.js";
import { say } from "./toast.js";
import { workspace } from "./workspace.js";

const chooser = input("files");
const folderChooser = input("folder");

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

/** @param {import("./folders.js").Dropped} dropped with a folder among it */
export function addFolder({ files, others }) {
  add(files);
  if (others.length || !files.length) say(folderText(files.length, others));
}

/** @param {File} file */
export const reads = (file) => isAccepted(file, workspace.server.accept);

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
  for (const id of ["choose-folder", "add-folder"]) {
    button(id).hidden = !("webkitdirectory" in folderChooser);
    button(id).onclick = () => folderChooser.click();
  }
  folderChooser.onchange = () => {
    addFolder(chosenFiles(folderChooser.files ?? [], reads));
    folderChooser.value = "";
  };
  addEventListener("paste", ({ clipboardData }) => {
    add(Array.from(clipboardData?.files ?? []).filter(({ type }) => type.startsWith("image/")));
  });
}
