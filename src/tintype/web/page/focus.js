// @ts-check
// Where the keyboard goes on when what it was on disappears: never to the start of the page.

import { workspace } from "./workspace.js";

/** @type {HTMLElement | null} what has the focus, or had it when it disappeared */
let last = null;

/** @param {Element | null | undefined} it */
function isUsable(it) {
  if (!(it instanceof HTMLElement) || !it.isConnected || it.matches(":disabled")) return false;
  return it.getClientRects().length > 0;
}

/** The places where it may go on, the best first. */
function places() {
  const next = last?.dataset.next;
  return [
    next ? document.getElementById(next) : null,
    ...document.querySelectorAll("dialog[open] button, dialog[open] input"),
    workspace.tool === "compare" ? null : document.getElementById("sheet"),
    document.getElementById("compare"),
    document.querySelector('#film [aria-current="true"]'),
    document.getElementById("choose"),
  ];
}

function goOn() {
  if (!last || isUsable(last)) return;
  const active = document.activeElement;
  if (active && active !== document.body && active !== last) return;
  const place = places().find(isUsable);
  if (place instanceof HTMLElement) place.focus({ preventScroll: true });
}

export function wire() {
  addEventListener("focusin", ({ target }) => {
    last = target instanceof HTMLElement ? target : null;
  });
  // What disappears is left as well, by some browsers while it is still there: a moment later only
  // what was left on purpose can still be used.
  addEventListener("focusout", ({ target }) => {
    setTimeout(() => {
      if (last === target && document.activeElement !== target && isUsable(last)) last = null;
    });
  });
  let due = false;
  const observer = new MutationObserver(() => {
    if (due || !last) return;
    due = true;
    setTimeout(() => {
      due = false;
      goOn();
    });
  });
  const attributeFilter = ["hidden", "disabled", "open", "data-state", "data-tool", "data-grey"];
  observer.observe(document.body, { subtree: true, childList: true, attributeFilter });
}
