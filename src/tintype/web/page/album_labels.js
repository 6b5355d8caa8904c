// @ts-check
// Texts of an album that is saved as a zip.

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
