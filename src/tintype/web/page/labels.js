// @ts-check
// Texts that are made of values. Nothing is ever decided by what a text says.

/** @typedef {import("./photo.js").PhotoState} PhotoState */

/** @param {number} share 0 to 1 */
export const percent = (share) => `${Math.round(share * 100)}%`;

/**
 * @param {string} name
 * @param {PhotoState} state
 */
export const progressText = (name, state) =>
  state === "delayed" ? "Waiting in the queue…" : `Colouring ${name}…`;

/**
 * What is worth knowing about a photograph.
 *
 * @param {import("./api.js").PhotoData} data
 */
export const noteTexts = ({ tone, pages, format, writes, notes }) => [
  ...(tone === "color" ? ["Already in colour: these colours are new, made from its grey."] : []),
  ...(tone === "toned" ? ["A toned print, such as sepia: the colours replace its tone."] : []),
  ...(pages > 1 ? [`Page 1 of ${pages}. The download has all pages.`] : []),
  ...(writes === format
    ? []
    : [`Saved as ${writes}, because Tintype reads ${format} but does not write it.`]),
  ...notes,
];

/** @type {Record<string, string>} */
const ADVICE = {
  too_large:
    "Save a smaller copy and use that, or start Tintype again with a higher limit: " +
    "tintype serve --max-megapixels.",
  token_required: "Reload this page, and enter the code that Tintype shows in its terminal.",
  internal_error: "Try again. If it happens again, please report it with the photograph's format.",
};

const CANNOT_CHANGE = [
  "unreadable_photo", "unsupported_photo", "unreadable_file", "empty_file", "invalid_value",
];

/**
 * Whether the same file may have another answer: later, or from a server with a higher limit.
 *
 * @param {{code: string}} error
 */
export const canBeRetried = ({ code }) => !CANNOT_CHANGE.includes(code);

/**
 * What to do about an error, for people in front of the page: the server's advice is for programs
 * and for the command line as well.
 *
 * @param {{code: string, advice: string}} error
 */
export const adviceText = ({ code, advice }) => ADVICE[code] ?? advice;

/** @param {string} name of the file */
export const noReferenceText = (name) => `The colours of ${name} cannot be used.`;

/** @param {boolean} byTouch whether nothing can be dropped */
export const referenceText = (byTouch) =>
  byTouch ? "Choose a picture" : "Drop a picture here, or choose one";

/** @param {string[]} names of the files */
export const addedText = (names) =>
  names.length === 1
    ? `${names[0]} is being coloured.`
    : `${names.length} photographs are being coloured.`;

/** @param {string[]} names of the files */
export const notOpenedText = (names) => `${named(names)} cannot be opened now.`;

/** @param {string[]} names one by its name, several by their number */
export const named = (names) => (names.length === 1 ? names[0] : `${names.length} photographs`);

/** @param {string[]} names */
export const removedText = (names) => `${named(names)} removed.`;

/** @param {string[]} names of the photographs that are kept in the browser */
export const offerText = (names) => `Kept in this browser: ${named(names)}.`;

/** @param {number} bytes */
export const sizeText = (bytes) =>
  bytes < 2 ** 30 ? `${Math.round(bytes / 2 ** 20)} MiB` : `${bytes / 2 ** 30} GiB`;

/**
 * @param {string[]} names of photographs that had to go
 * @param {number} most bytes that are kept
 */
export const droppedText = (names, most) =>
  `No longer kept for the next visit: ${named(names)}. This browser keeps ${sizeText(most)} at ` +
  "most; what was not opened for the longest time goes first.";

/**
 * @param {number} photographs that a folder holds
 * @param {string[]} others names of its other files
 */
export function folderText(photographs, others) {
  const skipped = others.length === 1 ? others[0] : `${others.length} files`;
  const what = others.length ? `Not photographs that can be read: ${skipped}.` : "";
  return photographs ? what : `There is no photograph in this folder. ${what}`.trim();
}

/** @param {string} name */
export const notKeptText = (name) =>
  `${name} is not kept for the next visit: it is too large for this browser's storage. ` +
  "Download it before you close the page.";

/** @param {string | null} computer that the photographs go to; null for the one with this browser */
export const promiseText = (computer) =>
  computer
    ? `Your photographs go to the computer ${computer}, and no further.`
    : "Your photographs stay on this machine.";

/** @param {string | null} computer as for `promiseText` */
export const whereText = (computer) =>
  computer ? `Photographs are sent to ${computer}, and nowhere else.` : "Nothing is sent anywhere.";
