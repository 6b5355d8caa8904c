// @ts-check
// The files of a drop, those in folders among them.

const SYSTEM = new Set(["thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin"]);

/**
 * @typedef {object} Dropped
 * @property {File[]} files in the order of their names within each folder
 * @property {string[]} others names of what is in the folders and is no photograph
 * @property {boolean} folders whether there were any
 */

/** @param {string} name of a file or a folder that nobody put there on purpose */
const isHidden = (name) => name.startsWith(".") || SYSTEM.has(name.toLowerCase());

/**
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<FileSystemEntry[]>}
 */
async function entriesOf(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const found = [];
  for (;;) {
    // A reader gives a hundred at a time, and none when there are no more.
    const more = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!more.length) break;
    found.push(...more);
  }
  const order = new Intl.Collator(undefined, { numeric: true });
  return found.sort((one, other) => order.compare(one.name, other.name));
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
const fileOf = (entry) => new Promise((done, fail) => entry.file(done, fail));

/**
 * @param {FileSystemEntry} entry
 * @param {(file: File) => boolean} reads
 * @param {Dropped} dropped is added to
 */
async function walk(entry, reads, dropped) {
  if (isHidden(entry.name)) return;
  try {
    if (entry.isDirectory) {
      const inside = await entriesOf(/** @type {FileSystemDirectoryEntry} */ (entry));
      for (const one of inside) await walk(one, reads, dropped);
      return;
    }
    const file = await fileOf(/** @type {FileSystemFileEntry} */ (entry));
    if (reads(file)) dropped.files.push(file);
    else dropped.others.push(file.name);
  } catch {
    dropped.others.push(entry.name); // it may not be read
  }
}

/**
 * What was dropped. Files that were named themselves are all taken, whatever they are; those in
 * folders only where they can be read.
 *
 * @param {DataTransfer} transfer its items are read at once: after the event there are none
 * @param {(file: File) => boolean} reads
 * @returns {Promise<Dropped>}
 */
export async function droppedFiles({ items, files }, reads) {
  const entries = Array.from(items ?? [], (item) => item.webkitGetAsEntry?.() ?? null);
  const folders = entries.some((entry) => entry?.isDirectory);
  if (!folders) return { files: [...files], others: [], folders };
  /** @type {Dropped} */
  const dropped = { files: [], others: [], folders };
  for (const entry of entries) if (entry) await walk(entry, entry.isFile ? () => true : reads, dropped);
  return dropped;
}

/**
 * What was chosen with a folder: as if it had been dropped.
 *
 * @param {Iterable<File>} files all files below it
 * @param {(file: File) => boolean} reads
 * @returns {Dropped}
 */
export function chosenFiles(files, reads) {
  /** @type {Dropped} */
  const dropped = { files: [], others: [], folders: true };
  const order = new Intl.Collator(undefined, { numeric: true });
  const wanted = [...files]
    .map((file) => ({ file, path: file.webkitRelativePath.split("/") }))
    // The folder itself was chosen, whatever it is called.
    .filter(({ path }) => !path.slice(1).some(isHidden))
    .sort((one, other) => comparePaths(one.path, other.path, order));
  for (const { file } of wanted) {
    if (reads(file)) dropped.files.push(file);
    else dropped.others.push(file.name);
  }
  return dropped;
}

/**
 * @param {string[]} one
 * @param {string[]} other
 * @param {Intl.Collator} order
 */
function comparePaths(one, other, order) {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    const found = order.compare(one[index], other[index]);
    if (found) return found;
  }
  return one.length - other.length;
}

/**
 * Whether the server reads files of this kind.
 *
 * @param {{name: string, type: string}} file
 * @param {string[]} accept MIME types and file name endings; without any, everything
 */
export function isAccepted({ name, type }, accept) {
  const lower = name.toLowerCase();
  if (!accept.length) return true;
  return accept.some((one) => (one.startsWith(".") ? lower.endsWith(one) : type === one));
}
