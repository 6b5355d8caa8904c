// @ts-check
// Shortcuts of the keyboard.

import * as brush from "./brush.js";
import * as certainty from "./certainty.js";
import { step } from "./controls.js";
import * as eyedropper from "./eyedropper.js";
import * as filmstrip from "./filmstrip.js";
import * as help from "./help.js";
import * as picker from "./picker.js";
import * as rotation from "./rotation.js";
import * as tools from "./tools.js";
import { workspace } from "./workspace.js";
import * as zoom from "./zoom.js";

/** Where the arrow keys mean something else. */
const CONTROL =
  "input, select, textarea, button:not(.frame), summary, dialog, dialog *, #sheet[tabindex='0']";
const BRUSH_STEP = 4;
/** @type {Record<string, number>} */
const WAYS = { n: 1, p: -1, ArrowRight: 1, ArrowLeft: -1 };

/** @param {KeyboardEvent} event */
function press(event) {
  const { key, target } = event;
  if (help.isOpen()) return;
  if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "z") {
    event.preventDefault();
    step(event.shiftKey ? "redo" : "undo");
    return;
  }
  if (key === "Escape" && !eyedropper.cancel()) picker.cancel();
  if (help.isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!workspace.current) return;
  tools.selectByKey(key);
  const inControl = target instanceof Element && target.matches(CONTROL);
  if (key.toLowerCase() === "r") rotation.turn(event.shiftKey ? "left" : "right");
  if (zoom.press(key, !inControl)) event.preventDefault();
  else if (WAYS[key] && !(key.startsWith("Arrow") && inControl)) {
    event.preventDefault();
    filmstrip.go(WAYS[key]);
  }
  if (key.toLowerCase() === "g") certainty.peek(true);
  if (key.toLowerCase() === "i") eyedropper.press();
  if (key === "]") brush.changeSize(BRUSH_STEP);
  if (key === "[") brush.changeSize(-BRUSH_STEP);
}

export function wire() {
  document.addEventListener("keydown", press);
  document.addEventListener("keyup", ({ key }) => {
    if (key.toLowerCase() === "g") certainty.peek(false);
  });
}
