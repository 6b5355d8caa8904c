// @ts-check
// Which tool the pointer is.

import * as certainty from "./certainty.js";
import { byTouch, element, inside } from "./dom.js";
import { hintTip } from "./photo_labels.js";
import * as picker from "./picker.js";
import { divide } from "./stage.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./workspace.js").Tool} Tool */

/** @type {Record<Tool, string>} */
const TIPS = {
  compare: "Drag across the photograph to compare.",
  hint: hintTip(byTouch()),
  brush: "Paint with a colour. Reach sets how far it spreads beyond the stroke.",
  grey: "Paint over what should stay black and white.",
};
const TOOLS = /** @type {Tool[]} */ (Object.keys(TIPS));

const tip = element("tip", HTMLElement);
const brushBox = element("brush-box", HTMLElement);
const brushColorRow = element("brush-color-row", HTMLElement);
const reachBox = element("reach-box", HTMLElement);
const cursor = element("cursor", HTMLElement);

/** @param {Tool} tool */
const radioOf = (tool) => inside(document, `input[name="tool"][value="${tool}"]`, HTMLInputElement);

/** @param {Tool} tool */
export function select(tool) {
  workspace.tool = tool;
  document.body.dataset.tool = tool;
  radioOf(tool).checked = true;
  tip.textContent = TIPS[tool];
  brushBox.hidden = !(tool === "brush" || tool === "grey");
  brushColorRow.hidden = tool !== "brush";
  reachBox.hidden = !(tool === "hint" || tool === "brush");
  cursor.hidden = true;
  picker.close();
  divide();
  certainty.refresh();
}

/** @param {string} key */
export function selectByKey(key) {
  const tool = TOOLS[Number(key) - 1];
  if (tool) select(tool);
}

export function wire() {
  for (const tool of TOOLS) radioOf(tool).onchange = () => select(tool);
}
