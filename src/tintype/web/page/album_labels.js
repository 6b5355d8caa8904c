// @ts-check
// Texts of an album, and of the zip that it is saved as.

import { named } from "./labels.js";

/**
 * @param {number} count of photographs in the zip
 * @param {boolean} notes whether there are notes on them
 */
export const albumText = (count, notes) =>
  `${count === 1 ? "1 photograph" : `${count} photographs`} saved as one zip` +
  (notes ? ", with remarks in notes.txt." : ".");

/**
 * @param {string[]} missing names of photographs that could not be saved
 * @param {string[]} over names of those that would take the zip over its limit
 */
export const leftOutText = (missing, over) =>
  [
    missing.length ? `Not coloured, and not in it: ${named(missing)}.` : "",
    over.length
      ? `Left out, since a zip holds 4 GiB at most: ${named(over)}. Download them one by one.`
      : "",
  ].filter(Boolean).join(" ");

/** @param {number} seconds */
const timeLeft = (seconds) =>
  seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;

/**
 * @param {import("./queue.js").Progress} progress
 * @param {string} verb what happens to the photographs
 */
export function progressLine({ done, total, seconds }, verb) {
  const line = `${done} of ${total} ${verb}`;
  return done ? `${line}, about ${timeLeft((seconds / done) * (total - done))} left` : line;
}

/** @param {number} count of the other photographs */
export const sameText = (count) =>
  `The vividness, warmth and look of this photograph are now used for ` +
  `${count === 1 ? "the other one" : `${count} others`}.`;

export const noZipText = "The zip was not saved.";
