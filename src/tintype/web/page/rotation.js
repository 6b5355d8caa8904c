// @ts-check
// Turning a photograph by quarters. What is predicted, and every place, stays as it was.

import { button } from "./dom.js";
import { turnedFurther } from "./geometry.js";
import { announce } from "./notices.js";
import { turnedText } from "./photo_labels.js";
import { workspace } from "./workspace.js";

/** @param {"left" | "right"} way */
export function turn(way) {
  const photo = workspace.current;
  if (!photo || photo.state === "failed") return;
  workspace.change(null, (s) => (s.rotation = turnedFurther(photo.rotation, way)));
  announce(turnedText(way));
}

export function wire() {
  button("turn-left").onclick = () => turn("left");
  button("turn-right").onclick = () => turn("right");
}
