// @ts-check
// Which is real: two pictures, one question, and an honest count. Each visitor plays a round.

import { asApiError, call } from "./api.js";
import { button, byTouch, element, inside } from "./dom.js";
import { choiceText, everyoneText, foolingText, questionText, scoreText } from "./round_labels.js";
import { triggerDownload } from "./download.js";

/** @typedef {"left" | "right"} Side */
/** @typedef {import("./round_labels.js").PairCount} PairCount */
/** @typedef {{number: number, real: Side, taken: Side}} Answer */
/** @typedef {PairCount & {pairs: number, answers: Answer[], everyone: PairCount}} RoundFacts */

const SIDES = /** @type {const} */ (["left", "right"]);
const KEPT = "tintype-round"; // in the session of the browser: a reload goes on with the round

const duel = element("duel", HTMLElement);
const choices = { left: button("left"), right: button("right") };
const next = button("next");
const question = element("question", HTMLElement);
const message = element("message", HTMLElement);
const rate = element("rate", HTMLElement);
const result = element("result", HTMLElement);
let round = "";
let number = 0;
let shownAt = 0; // in milliseconds
let isOpen = false; // whether an answer is waited for
/** @type {RoundFacts | null} */
let facts = null;

/**
 * @param {number} pair
 * @param {Side} side
 */
const picturePath = (pair, side) => `v1/pairs/${pair}/${side}?round=${round}`;

/** @param {RoundFacts} found */
function showFacts(found) {
  facts = found;
  rate.textContent = [foolingText(found), everyoneText(found)].filter(Boolean).join(" ");
}

/** The round of this visitor: the one before the page was loaded again, or another one. */
async function begin() {
  result.hidden = true;
  next.hidden = false;
  for (const side of SIDES) choices[side].hidden = false;
  const kept = sessionStorage.getItem(KEPT);
  if (kept) {
    try {
      const known = await (await call("GET", `v1/pairs?round=${kept}`)).json();
      round = kept;
      return showFacts(known);
    } catch (error) {
      if (asApiError(error).code !== "unknown_id") throw error;
    }
  }
  const begun = await (await call("POST", "v1/pairs/rounds")).json();
  round = begun.round;
  sessionStorage.setItem(KEPT, round);
  showFacts(begun);
}

/** @param {number} from */
function nextOpen(from) {
  const answered = new Set(facts?.answers.map((answer) => answer.number));
  let found = from;
  while (answered.has(found)) found += 1;
  return found;
}

async function show() {
  if (!facts) return;
  isOpen = false;
  next.disabled = true;
  message.textContent = "";
  for (const side of SIDES) {
    choices[side].className = "";
    choices[side].disabled = true;
    label(side, choiceText(side, byTouch()));
  }
  if (number >= facts.pairs) return end();
  question.textContent = questionText(number, facts.pairs);
  question.focus();
  try {
    await Promise.all(SIDES.map(showPicture));
  } catch (error) {
    tell(error);
    next.disabled = false;
    return;
  }
  for (const side of SIDES) choices[side].disabled = false;
  shownAt = performance.now();
  isOpen = true;
}

/** @param {Side} side */
async function showPicture(side) {
  const blob = await (await call("GET", picturePath(number, side))).blob();
  const picture = inside(choices[side], "img", HTMLImageElement);
  if (picture.src) URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(blob);
  await picture.decode();
}

/**
 * @param {Side} side
 * @param {string} text
 */
function label(side, text) {
  inside(choices[side], "span", HTMLElement).textContent = text;
}

/** @param {unknown} error */
function tell(error) {
  const problem = asApiError(error);
  message.textContent = `${problem.message} ${problem.advice}`;
}

/** @param {Side} side the one that is taken for real */
async function answer(side) {
  if (!isOpen) return;
  isOpen = false;
  for (const one of SIDES) choices[one].disabled = true;
  const json = { real: side, seconds: (performance.now() - shownAt) / 1000 };
  try {
    const path = `v1/pairs/${number}?round=${round}`;
    /** @type {RoundFacts & {real: Side}} */
    const told = await (await call("POST", path, { json })).json();
    showFacts(told);
    showAnswer(side, told.real);
  } catch (error) {
    tell(error);
    for (const one of SIDES) choices[one].disabled = false;
    isOpen = true;
  }
}

/**
 * @param {Side} taken
 * @param {Side} real
 */
function showAnswer(taken, real) {
  const right = real === taken;
  choices[real].classList.add("real");
  if (!right) choices[taken].classList.add("ours");
  for (const side of SIDES) label(side, side === real ? "Real" : "Coloured by a computer");
  message.textContent = `${right ? "Correct" : "Fooled"}: the ${real} one is real.`;
  next.textContent = nextOpen(number + 1) < (facts?.pairs ?? 0) ? "Next" : "See the result";
  next.disabled = false;
  next.focus();
}

function advance() {
  number = nextOpen(number + 1);
  show();
}

/** The result of the round, as a picture that can be sent to somebody. */
async function end() {
  if (!facts) return;
  const { answered, fooled, answers } = facts;
  for (const side of SIDES) choices[side].hidden = true;
  question.textContent = scoreText(answered - fooled, answered);
  question.focus();
  result.hidden = false;
  next.hidden = true;
  const { draw } = await import("./card.js");
  const missed = answers.filter(({ real, taken }) => real !== taken);
  const pictures = async (/** @type {Answer} */ { number: pair, real }) => ({
    real: await picture(pair, real),
    guessed: await picture(pair, real === "left" ? "right" : "left"),
  });
  try {
    const card = element("card", HTMLCanvasElement);
    await draw(card, scoreText(answered - fooled, answered), missed.map((one) => () => pictures(one)));
    result.dataset.ready = "yes";
  } catch (error) {
    tell(error);
  }
}

/**
 * @param {number} pair
 * @param {Side} side
 */
const picture = async (pair, side) =>
  createImageBitmap(await (await call("GET", picturePath(pair, side))).blob());

async function send() {
  const card = element("card", HTMLCanvasElement);
  const blob = await new Promise((/** @type {BlobCallback} */ done) => card.toBlob(done, "image/jpeg", 0.9));
  if (!blob) return;
  triggerDownload(blob, "which-is-real.jpg");
  message.textContent = "which-is-real.jpg is saved.";
}

async function start() {
  try {
    await begin();
    number = nextOpen(0);
    await show();
  } catch (error) {
    question.textContent = "Which is real?";
    tell(error);
  }
  duel.dataset.ready = "yes";
}

function again() {
  sessionStorage.removeItem(KEPT);
  delete result.dataset.ready;
  return start();
}

for (const side of SIDES) choices[side].onclick = () => answer(side);
next.onclick = advance;
button("send").onclick = send;
button("again").onclick = again;
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowLeft") answer("left");
  if (event.key === "ArrowRight") answer("right");
});
await start();
