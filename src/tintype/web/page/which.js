// @ts-check
// Which is real: two pictures, one question, and an honest count.

import { asApiError, call } from "./api.js";
import { button, element, inside } from "./dom.js";
import { foolingText } from "./labels.js";

/** @typedef {"left" | "right"} Side */
/** @typedef {import("./labels.js").PairCount} PairCount */

const SIDES = /** @type {const} */ (["left", "right"]);

const choices = { left: button("left"), right: button("right") };
const next = button("next");
const message = element("message", HTMLElement);
const rate = element("rate", HTMLElement);
let pairs = 0;
let number = 0;
let shownAt = 0; // in milliseconds
let isOpen = false; // whether an answer is waited for

/** @param {PairCount} count */
function showCount(count) {
  pairs = count.pairs;
  rate.textContent = foolingText(count);
}

async function show() {
  isOpen = false;
  next.disabled = true;
  for (const side of SIDES) {
    choices[side].className = "";
    choices[side].disabled = true;
  }
  if (number >= pairs) {
    message.textContent = "That was the last pair. Thank you.";
    return;
  }
  message.textContent = "Which picture has its original colours?";
  try {
    for (const side of SIDES) await showPicture(side);
  } catch (error) {
    const problem = asApiError(error);
    message.textContent = `${problem.message} ${problem.advice}`;
    next.disabled = false;
    return;
  }
  for (const side of SIDES) choices[side].disabled = false;
  shownAt = performance.now();
  isOpen = true;
}

/** @param {Side} side */
async function showPicture(side) {
  const blob = await (await call("GET", `v1/pairs/${number}/${side}`)).blob();
  const picture = inside(choices[side], "img", HTMLImageElement);
  if (picture.src) URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(blob);
  await picture.decode();
}

/** @param {Side} side the one that is taken for real */
async function answer(side) {
  if (!isOpen) return;
  isOpen = false;
  for (const one of SIDES) choices[one].disabled = true;
  const json = { real: side, seconds: (performance.now() - shownAt) / 1000 };
  /** @type {PairCount & {real: Side}} */
  const result = await (await call("POST", `v1/pairs/${number}`, { json })).json();
  const right = result.real === side;
  choices[result.real].classList.add("real");
  if (!right) choices[side].classList.add("ours");
  message.textContent = right
    ? "Correct: that one is real."
    : "Fooled: the other one is real.";
  showCount(result);
  next.disabled = false;
  next.focus();
}

function advance() {
  if (next.disabled) return;
  number += 1;
  show();
}

for (const side of SIDES) choices[side].onclick = () => answer(side);
next.onclick = advance;
addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") answer("left");
  if (event.key === "ArrowRight") answer("right");
  if (event.key === " " && event.target !== next) {
    event.preventDefault();
    advance();
  }
});

try {
  /** @type {PairCount} */
  const count = await (await call("GET", "v1/pairs")).json();
  number = count.answered;
  showCount(count);
  await show();
} catch (error) {
  message.textContent = asApiError(error).message;
}
