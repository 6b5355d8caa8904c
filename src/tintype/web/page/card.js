// @ts-check
// The result of a round of "Which is real?" as one picture: the score, and the pairs that fooled.

import { context2d } from "./dom.js";
import { cardText } from "./round_labels.js";

const WIDTH = 1080; // in pixels, as everything here
const MARGIN = 48;
const GAP = 16;
const HEAD = 190;
const LABEL = 44;
const FOOT = 70;
const MOST = 4; // pairs; more make no picture that anybody looks at
const GROUND = "#262627";
const INK = "#ecebe9";
const SOFT = "#a9a7a3";
const SERIF = 'Georgia, "Noto Serif", "DejaVu Serif", serif';
const SANS = 'system-ui, "Noto Sans", "DejaVu Sans", sans-serif';

/** @typedef {{real: ImageBitmap, guessed: ImageBitmap}} Missed */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} score
 * @param {(() => Promise<Missed>)[]} missed each loads its two pictures
 */
export async function draw(canvas, score, missed) {
  const shown = await Promise.all(missed.slice(0, MOST).map((load) => load()));
  const wide = (WIDTH - 2 * MARGIN - GAP) / 2;
  const heights = shown.map(({ real }) => Math.round((real.height * wide) / real.width));
  canvas.width = WIDTH;
  canvas.height = HEAD + FOOT + heights.reduce((sum, height) => sum + height + LABEL + GAP, 0);
  canvas.ariaLabel = `${score} ${cardText(missed.length, shown.length)}`.trim();
  const context = context2d(canvas);
  context.fillStyle = GROUND;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.textBaseline = "alphabetic";
  write(context, "Which is real?", MARGIN, 66, `30px ${SANS}`, SOFT);
  write(context, score, MARGIN, 124, `46px ${SERIF}`, INK);
  write(context, cardText(missed.length, shown.length), MARGIN, 166, `26px ${SANS}`, SOFT);
  let top = HEAD;
  shown.forEach(({ real, guessed }, index) => {
    const height = heights[index];
    const right = MARGIN + wide + GAP;
    context.drawImage(real, MARGIN, top, wide, height);
    context.drawImage(guessed, right, top, wide, height);
    write(context, "Real", MARGIN, top + height + 30, `24px ${SANS}`, INK);
    write(context, "Colours guessed by a computer", right, top + height + 30, `24px ${SANS}`, INK);
    top += height + LABEL + GAP;
  });
  write(context, "Played with Tintype", MARGIN, canvas.height - 28, `24px ${SANS}`, SOFT);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {string} font
 * @param {string} color
 */
function write(context, text, x, y, font, color) {
  context.font = font;
  context.fillStyle = color;
  context.fillText(text, x, y, WIDTH - 2 * MARGIN);
}
