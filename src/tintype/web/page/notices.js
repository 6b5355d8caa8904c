// @ts-check
// What is announced and what is noted over the photograph: progress, failures, advice.

import { button, element, inside } from "./dom.js";
import { adviceText, canBeRetried, noteTexts, progressText } from "./labels.js";

const NOTICE_MS = 8000;

const live = element("live", HTMLElement);
const waiting = element("waiting", HTMLElement);
const waitingText = element("waiting-text", HTMLElement);
const failure = element("failure", HTMLElement);
const notice = element("notice", HTMLElement);
const noticeText = element("notice-text", HTMLElement);
const noticeAgain = button("notice-again");
const notes = element("notes", HTMLElement);
const sheet = element("sheet", HTMLElement);
let timer = 0;

/** @param {string} text for screen readers */
export function announce(text) {
  live.textContent = "";
  requestAnimationFrame(() => (live.textContent = text));
}

/**
 * Shows a remark for some seconds; an error that stands there stays.
 *
 * @param {string} text
 */
export function notify(text) {
  if (!notice.hidden && notice.classList.contains("bad")) return;
  show(text, false);
  timer = window.setTimeout(hide, NOTICE_MS);
}

/**
 * Shows an error until it is dismissed.
 *
 * @param {string} what could not be done, and with which file
 * @param {import("./api.js").ApiError} error
 * @param {() => void} [again] to try it again
 */
export function complain(what, error, again) {
  show([what, error.message, adviceText(error)].filter(Boolean).join(" "), true);
  noticeAgain.hidden = !again;
  noticeAgain.onclick = () => {
    hide();
    again?.();
  };
}

/**
 * @param {string} text
 * @param {boolean} bad
 */
function show(text, bad) {
  clearTimeout(timer);
  notice.classList.toggle("bad", bad);
  notice.setAttribute("role", bad ? "alert" : "note");
  noticeAgain.hidden = true;
  noticeText.textContent = text;
  notice.hidden = false;
}

function hide() {
  clearTimeout(timer);
  notice.hidden = true;
}

/** @param {import("./photo.js").Photo} photo the one that is shown */
export function showState(photo) {
  const { state, error } = photo;
  waiting.hidden = state === "ready" || state === "failed";
  waitingText.textContent = progressText(photo.name, state);
  failure.hidden = state !== "failed";
  if (state === "failed" && error) {
    inside(failure, "strong", HTMLElement).textContent = error.message;
    inside(failure, "span", HTMLElement).textContent = adviceText(error);
    button("retry").hidden = !canBeRetried(error);
  }
  showNotes(photo.data && state !== "failed" ? noteTexts(photo.data) : []);
  sheet.hidden = state === "failed" || !photo.width;
}

/** @param {string[]} texts */
function showNotes(texts) {
  notes.replaceChildren(
    ...texts.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }),
  );
  notes.hidden = !texts.length;
}

/**
 * What can be done about a photograph that was refused.
 *
 * @param {() => void} retry
 * @param {(byKeyboard: boolean) => void} remove
 */
export function wireFailure(retry, remove) {
  button("retry").onclick = retry;
  button("failure-remove").onclick = ({ detail }) => remove(detail === 0);
}

export function wire() {
  button("notice-close").onclick = hide;
}
