// @ts-check
// The browser's database (IndexedDB), as a backend of storage.js.

/** @typedef {import("./storage.js").StoredPhoto} StoredPhoto */
/** @typedef {import("./storage.js").Backend} Backend */

const NAME = "tintype";
const PHOTOS = "photos";
const FILES = "files";

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
const answered = (request) =>
  new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });

/** @param {IDBTransaction} transaction */
const finished = (transaction) =>
  new Promise((done, fail) => {
    transaction.oncomplete = () => done(undefined);
    transaction.onabort = () => fail(transaction.error);
  });

/**
 * Files are kept in a store of their own, so that a change of settings does not write them again.
 *
 * @implements {Backend}
 */
export class Database {
  /** @param {IDBDatabase} database */
  constructor(database) {
    this.database = database;
    // Another tab with a newer page must not wait for this one.
    database.onversionchange = () => database.close();
  }

  /** Opens it. Rejects where the browser keeps nothing, as in some private windows. */
  static async open() {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(PHOTOS, { keyPath: "key" });
      request.result.createObjectStore(FILES);
    };
    return new Database(await answered(request));
  }

  /** @returns {Promise<StoredPhoto[]>} */
  async list() {
    return answered(this.database.transaction(PHOTOS).objectStore(PHOTOS).getAll());
  }

  /**
   * @param {StoredPhoto} photo
   * @param {Map<string, Blob>} files
   */
  async put(photo, files) {
    const transaction = this.database.transaction([PHOTOS, FILES], "readwrite");
    const done = finished(transaction);
    const store = transaction.objectStore(FILES);
    for (const [key, file] of files) {
      const count = store.count(key);
      count.onsuccess = () => {
        if (!count.result) store.put(file, key);
      };
    }
    transaction.objectStore(PHOTOS).put(photo);
    await done;
  }

  /** @param {string[]} keys */
  async remove(keys) {
    const transaction = this.database.transaction([PHOTOS, FILES], "readwrite");
    const done = finished(transaction);
    const photos = transaction.objectStore(PHOTOS);
    const files = transaction.objectStore(FILES);
    for (const key of keys) photos.delete(key);
    const left = photos.getAll();
    const held = files.getAllKeys();
    held.onsuccess = () => {
      const needed = new Set(left.result.flatMap(({ key, references }) => [key, ...references]));
      for (const key of held.result) if (!needed.has(key)) files.delete(key);
    };
    await done;
  }

  /** @param {string} key */
  async file(key) {
    const found = await answered(this.database.transaction(FILES).objectStore(FILES).get(key));
    return found instanceof File ? found : null;
  }
}
