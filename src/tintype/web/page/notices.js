// @ts-check
// What is announced and what is noted over the photograph: progress, failures, advice.

import { button, element, inside } from "./dom.js";
import { progressText } from "./labels.js";
import { workspace } from "./workspace.js";

const NOTICE_MS = 5000;

const live = element("live", HTMLElement);
const waiting = element("waiting", HTMLElement);
const waitingText = element("waiting-text", HTMLElement);
const failure = element("failure", HTMLElement);
const sheet = element("sheet", HTMLElement);
let timer = 0;

/** @param {string} text for screen readers */
export function announce(text) {
  live.textContent = "";
  requestAnimationFrame(() => (live.textContent = text));
}

/**
 * Shows a text for some seconds.
 *
 * @param {{message: string, advice?: string}} notice
 */
export function notify({ message, advice }) {
  waiting.hidden = false;
  waitingText.textContent = [message, advice].filter(Boolean).join(" ");
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    if (workspace.current) workspace.setState(workspace.current, workspace.current.state);
  }, NOTICE_MS);
}

/** @param {import("./photo.js").Photo} photo the one that is shown */
export function showState(photo) {
  const { state, error } = photo;
  waiting.hidden = state === "ready" || state === "failed";
  waitingText.textContent = progressText(photo.name, state);
  failure.hidden = state !== "failed";
  if (state === "failed" && error) {
    inside(failure, "strong", HTMLElement).textContent = error.message;
    inside(failure, "span", HTMLElement).textContent = error.advice;
  }
  sheet.hidden = state === "failed" || !photo.width;
}

/** @param {() => void} retry */
export function wireRetry(retry) {
  button("retry").onclick = retry;
}
