// @ts-check
// Files that are dropped: photographs, or onto its box a reference picture.

import { element } from "./dom.js";
import { droppedFiles } from "./folders.js";
import * as intake from "./intake.js";
import * as reference from "./reference.js";

const overlay = element("drop-overlay", HTMLElement);
const panel = element("panel", HTMLElement);
const referenceBox = element("reference-box", HTMLElement);
let depth = 0; // of elements that were entered and not left

/** @param {DragEvent} event */
const hasFiles = ({ dataTransfer }) => Boolean(dataTransfer?.types.includes("Files"));

/** @param {DragEvent} event */
function isOverReference({ clientX, clientY }) {
  const { left, right, top, bottom } = referenceBox.getBoundingClientRect();
  const inside = clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
  return !panel.hidden && inside;
}

/** @param {DragEvent} event */
async function take(event) {
  const { dataTransfer } = event;
  if (!dataTransfer) return;
  const forReference = isOverReference(event);
  const dropped = await droppedFiles(dataTransfer, intake.reads);
  if (forReference) reference.load(dropped.files[0]);
  else if (dropped.folders) intake.addFolder(dropped);
  else intake.add(dropped.files);
}

export function wire() {
  addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    overlay.hidden = false;
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    overlay.hidden = depth === 0;
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    overlay.hidden = true;
    take(event);
  });
}
