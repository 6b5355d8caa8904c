// @ts-check
// Texts about an open photograph. Nothing is ever decided by what a text says.

import { percent } from "./labels.js";

/** @typedef {import("./photo.js").PhotoState} PhotoState */

/** @param {number} reach 0 to 1 */
export const reachText = (reach) =>
  reach === 0 ? "only here" : reach === 1 ? "the whole object" : percent(reach);

/** @param {number} share 0 to 1; what is possible is never shown as 0% */
export const percentOfPossible = (share) => `${Math.max(1, Math.round(share * 100))}%`;

/** @param {number} share -1 to 1; with its sign */
export const signedPercent = (share) => (share > 0 ? "+" : "") + percent(share).replace("-", "−");

/** @type {Record<PhotoState, string>} */
const LABELS = {
  waiting: "waiting",
  delayed: "queued",
  working: "colouring…",
  ready: "",
  failed: "failed",
};

/** @param {PhotoState} state */
export const stateLabel = (state) => LABELS[state];

/** @param {string} name of the photograph */
export const notRenderedText = (name) => `${name} does not show these settings yet.`;

/** @param {string} name of the photograph */
export const notSharpText = (name) => `${name} is not shown at full sharpness.`;

/** @param {boolean} byTouch whether people point with a finger */
export const hintTip = (byTouch) =>
  `${byTouch ? "Tap" : "Click"} a place, then choose its colour. Reach sets how far it spreads.`;

/**
 * @param {boolean} byTouch whether people point with a finger
 * @param {number} share of the photograph that is hatched, 0 to 1
 */
export const legendText = (byTouch, share) =>
  `Hatched: the ${percent(share)} where it guesses most. ` +
  `${byTouch ? "Tap" : "Click"} there to choose a colour.`;

/** @param {"left" | "right"} way */
export const turnedText = (way) => `Rotated ${way}.`;

/** @param {string} name of the photograph */
export const notSavedText = (name) => `${name} was not saved.`;

/** @param {string} name of the photograph */
export const noSuggestionsText = (name) => `There are no colours to offer for this point of ${name}.`;

/** @type {Record<import("./api.js").Look, string>} */
const LOOKS = {
  suggested: "Suggested",
  quieter: "Quieter",
  bolder: "Bolder",
  warmer: "Warmer",
  greener: "Greener",
  cooler: "Cooler",
  rosier: "Rosier",
};

/** @param {import("./api.js").Look | null} look null for one that is only there as it was chosen */
export const lookLabel = (look) => (look ? LOOKS[look] : "Chosen");

/**
 * @param {string} name
 * @param {number} index from 0
 * @param {number} count
 */
export const positionText = (name, index, count) => `${name}, ${index + 1} of ${count}`;

/** @param {string} name of the photograph */
export const noGreyText = (name) => `The grey of ${name} cannot be shown.`;

/** @param {import("./color.js").HueStrength} color */
export const wheelText = ({ h, s }) =>
  `hue ${Math.round(h)}, strength ${Math.round(s * 100)} percent`;

/**
 * The name under which a file is saved: that of the photograph, with the ending that the server
 * names.
 *
 * @param {string} name of the photograph
 * @param {string | null} disposition the header Content-Disposition
 */
export function savedName(name, disposition) {
  const suffix = /filename="photo(\.(?:color|comparison)\.\w+)"/.exec(disposition ?? "")?.[1] ?? ".color.png";
  return name.replace(/\.[^.]*$/, "") + suffix;
}
