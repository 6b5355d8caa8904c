// @ts-check
// Hints: places with a colour, as marks on the photograph.

import * as api from "./api.js";
import { element } from "./dom.js";
import { newHintRadius, percentAlong } from "./geometry.js";
import { notify } from "./notices.js";
import * as picker from "./picker.js";
import { withPhoto } from "./resend.js";
import { workspace } from "./workspace.js";

const marks = element("marks", HTMLElement);

export function draw() {
  marks.replaceChildren();
  const photo = workspace.current;
  if (!photo?.width) return;
  photo.settings.hints.forEach((hint, index) => {
    const mark = document.createElement("button");
    mark.style.left = `${percentAlong(hint.x, photo.width)}%`;
    mark.style.top = `${percentAlong(hint.y, photo.height)}%`;
    mark.style.background = hint.color;
    mark.setAttribute("aria-label", `Hint ${index + 1}, ${hint.color}`);
    mark.onpointerdown = (event) => event.stopPropagation();
    mark.onclick = (event) => {
      event.stopPropagation();
      picker.open(index);
    };
    marks.append(mark);
  });
}

/**
 * Puts a hint of the colour that is there already, and opens the picker for it.
 *
 * @param {import("./geometry.js").Point} pixel of the photograph that is shown
 */
export async function add({ x, y }) {
  const photo = workspace.current;
  if (!photo) return;
  let found;
  try {
    found = await withPhoto(photo, () => api.suggestions(photo.id, photo.request(), x, y));
  } catch (error) {
    notify(api.asApiError(error));
    return;
  }
  const hint = { x, y, color: found.now, radius: newHintRadius(photo) };
  workspace.change(null, (s) => s.hints.push(hint));
  picker.open(photo.settings.hints.length - 1, found);
}
