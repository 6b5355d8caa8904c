// @ts-check
// A zip file of finished files, stored as they are: pictures are compressed already.
// The format is APPNOTE.TXT of PKWARE, version 2.0, without ZIP64.

/** What the 32 bits of its sizes and the 16 bits of its count can say. */
const MOST_BYTES = 2 ** 32 - 1;
const MOST_ENTRIES = 2 ** 16 - 1;
const LOCAL = 30; // bytes of a header in front of a file, without the name
const CENTRAL = 46; // bytes of its entry in the directory at the end, without the name
const END = 22;
const UTF8_NAMES = 0x0800;
const VERSION = 20;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/**
 * CRC-32 as zip and PNG use it.
 *
 * @param {Uint8Array} bytes
 * @param {number} [before] the CRC-32 of what comes before them
 */
export function crc32(bytes, before = 0) {
  let value = ~before;
  for (let i = 0; i < bytes.length; i++) value = TABLE[(value ^ bytes[i]) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

/** @param {Blob} blob read piece by piece: it may be larger than the memory */
async function crc32Of(blob) {
  let value = 0;
  const reader = blob.stream().getReader();
  for (;;) {
    const { done, value: bytes } = await reader.read();
    if (done) return value;
    value = crc32(bytes, value);
  }
}

/**
 * A name that none of the others has; systems differ on whether case counts, so it does not.
 *
 * @param {string} name
 * @param {Set<string>} taken in lower case; the name is added
 */
export function uniqueName(name, taken) {
  const [, stem, suffix] = /** @type {string[]} */ (/^(.*?)((?:\.color)?\.[^.]*)?$/s.exec(name));
  let found = name;
  for (let number = 2; taken.has(found.toLowerCase()); number++) {
    found = `${stem} (${number})${suffix ?? ""}`;
  }
  taken.add(found.toLowerCase());
  return found;
}

/**
 * @param {Date} date in the time of this place
 * @returns {[time: number, day: number]} as MS-DOS counts them, from 1980 on
 */
function dosTime(date) {
  const year = Math.min(Math.max(date.getFullYear() - 1980, 0), 127);
  return [
    (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1),
    (year << 9) | ((date.getMonth() + 1) << 5) | date.getDate(),
  ];
}

/**
 * @param {number} size
 * @param {[bytes: 2 | 4, value: number][]} fields little-endian, from the start
 */
function packed(size, fields) {
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

export class ZipWriter {
  /** @type {BlobPart[]} */
  #parts = [];
  /** @type {BlobPart[]} */
  #directory = [];
  #bytes = 0;
  #directoryBytes = 0;
  /** @type {Set<string>} */
  #taken = new Set();
  #date;
  #most;
  count = 0;

  /**
   * @param {Date} date of all files
   * @param {number} [most] bytes of the whole file
   */
  constructor(date, most = MOST_BYTES) {
    this.#date = dosTime(date);
    this.#most = most;
  }

  /**
   * Whether there is room for a file.
   *
   * @param {string} name
   * @param {number} size in bytes
   */
  fits(name, size) {
    const names = 2 * (new TextEncoder().encode(name).length + 16); // 16 for " (2)" and the like
    const more = LOCAL + CENTRAL + END + names + size;
    return this.count < MOST_ENTRIES && this.#bytes + this.#directoryBytes + more <= this.#most;
  }

  /**
   * Adds a file; where its name is taken, under another one.
   *
   * @param {string} name
   * @param {Blob} blob
   * @throws {RangeError} if it does not fit
   */
  async add(name, blob) {
    if (!this.fits(name, blob.size)) throw new RangeError("A zip file holds 4 GiB at most.");
    // A slash of either kind would make a folder of it.
    const plain = name.replace(/[\\/]/g, "_");
    const encoded = new TextEncoder().encode(uniqueName(plain, this.#taken));
    const [time, day] = this.#date;
    const { size } = blob;
    /** @type {[2 | 4, number][]} */
    const shared = [
      [2, VERSION], [2, UTF8_NAMES], [2, 0], [2, time], [2, day], [4, await crc32Of(blob)],
      [4, size], [4, size], [2, encoded.length],
    ];
    const start = packed(LOCAL, [[4, 0x04034b50], ...shared]);
    const entry = packed(CENTRAL, [[4, 0x02014b50], [2, VERSION], ...shared]);
    new DataView(entry.buffer).setUint32(CENTRAL - 4, this.#bytes, true);
    this.#parts.push(start, encoded, blob);
    this.#directory.push(entry, encoded);
    this.#bytes += start.length + encoded.length + size;
    this.#directoryBytes += entry.length + encoded.length;
    this.count += 1;
  }

  /** @returns {Blob} made of the files: the browser holds those of a size on its disk */
  finish() {
    const end = packed(END, [
      [4, 0x06054b50], [2, 0], [2, 0], [2, this.count], [2, this.count],
      [4, this.#directoryBytes], [4, this.#bytes],
    ]);
    return new Blob([...this.#parts, ...this.#directory, end], { type: "application/zip" });
  }
}
