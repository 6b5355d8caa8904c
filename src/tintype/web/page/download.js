// @ts-check
// Files that the browser saves.

const KEEP_MS = 60_000; // how long the browser has to read the file

/**
 * Gives the browser a file to save.
 *
 * @param {Blob} blob
 * @param {string} name
 */
export function triggerDownload(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEEP_MS);
}
