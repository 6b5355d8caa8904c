// @ts-check
// Texts of /which-is-real that are made of values.

import { percent } from "./labels.js";

/**
 * @typedef {object} PairCount
 * @property {number} answered
 * @property {number} [pairs]
 * @property {number} fooled
 * @property {number | null} rate 0 to 1; null before the first answer
 * @property {number} low
 * @property {number} high
 */

/** @param {PairCount} count of a round */
export const foolingText = ({ answered, fooled, rate }) =>
  rate === null ? "" : `Fooled ${fooled} of ${answered} times: ${percent(rate)}.`;

/** @param {{answered: number, everyone: PairCount}} facts of a round, and of all of them */
export function everyoneText({ answered, everyone }) {
  if (everyone.rate === null || everyone.answered === answered) return "";
  const { fooled, rate, low, high } = everyone;
  const range = `95% between ${percent(low)} and ${percent(high)}; 50% would be perfect`;
  return `All rounds: ${fooled} of ${everyone.answered} times, ${percent(rate)} (${range}).`;
}

/**
 * @param {number} number from 0
 * @param {number} pairs
 */
export const questionText = (number, pairs) =>
  `${number + 1} of ${pairs}: which picture has its original colours?`;

/**
 * @param {"left" | "right"} side
 * @param {boolean} byTouch whether there are no keys to name
 */
export const choiceText = (side, byTouch) =>
  "This one is real" + (byTouch ? "" : side === "left" ? " (←)" : " (→)");

/**
 * @param {number} right
 * @param {number} answered
 */
export const scoreText = (right, answered) =>
  answered ? `I found ${right} of ${answered} real photographs.` : "No pair was answered.";

/**
 * @param {number} missed pairs
 * @param {number} shown so many of them are in the picture
 */
export const cardText = (missed, shown) => {
  if (!missed) return "Nothing fooled me.";
  const which = shown < missed ? `${shown} of the ${missed} pairs` : missed === 1 ? "The pair" : "The pairs";
  return `${which} that fooled me:`;
};
