// @ts-check
// The sliders, undo and redo, and whether the panel can be used.

import { button, element, input } from "./dom.js";
import { announce } from "./notices.js";
import { reachText, signedPercent } from "./photo_labels.js";
import * as picker from "./picker.js";
import { defaultSettings, sliderOfVividness, vividnessOfSlider } from "./settings.js";
import { workspace } from "./workspace.js";

const panel = element("panel", HTMLElement);
const controls = element("controls", HTMLElement);
const vividness = input("vividness");
const warmth = input("warmth");
const reach = input("reach");
const vividnessText = element("vividness-out", HTMLOutputElement);
const warmthText = element("warmth-out", HTMLOutputElement);
const reachOut = element("reach-out", HTMLOutputElement);
const undo = button("undo");
const redo = button("redo");

export function showSettings() {
  const settings = workspace.current?.settings ?? defaultSettings();
  const place = sliderOfVividness(settings.vividness, workspace.server.vividness);
  vividness.value = String(place);
  vividnessText.value = signedPercent(place);
  vividness.setAttribute("aria-valuetext", vividnessText.value);
  warmth.value = String(settings.warmth);
  warmthText.value = signedPercent(settings.warmth);
  warmth.setAttribute("aria-valuetext", warmthText.value);
  const spread = settings.reach ?? workspace.server.reach;
  reach.value = String(spread);
  reachOut.value = reachText(spread);
  reach.setAttribute("aria-valuetext", reachText(spread));
  showSteps();
}

/** @param {import("./photo.js").Photo} photo the one that is shown */
export function showState({ state }) {
  panel.classList.toggle("idle", state === "failed");
  for (const control of panel.querySelectorAll("input, button, select")) {
    control.toggleAttribute("disabled", state !== "ready");
  }
  showSteps();
}

export function showSteps() {
  undo.disabled = !workspace.current?.canUndo;
  redo.disabled = !workspace.current?.canRedo;
}

/** @param {"undo" | "redo"} direction */
export function step(direction) {
  if (!workspace.step(direction)) return;
  picker.close();
  announce(direction === "undo" ? "Undone." : "Redone.");
}

export function wire() {
  vividness.oninput = () => {
    const value = vividnessOfSlider(Number(vividness.value), workspace.server.vividness);
    workspace.change("vividness", (s) => (s.vividness = value));
  };
  warmth.oninput = () => workspace.change("warmth", (s) => (s.warmth = Number(warmth.value)));
  reach.oninput = () => workspace.change("reach", (s) => (s.reach = Number(reach.value)));
  const end = new IntersectionObserver(
    ([{ isIntersecting }]) => panel.toggleAttribute("data-more", !isIntersecting),
    { root: controls },
  );
  end.observe(element("controls-end", HTMLElement));
  undo.onclick = () => step("undo");
  redo.onclick = () => step("redo");
}
