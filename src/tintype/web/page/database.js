// @ts-check
// The browser's database (IndexedDB), as a backend of storage.js.

/** @typedef {import("./storage.js").StoredPhoto} StoredPhoto */
/** @typedef {import("./storage.js").Backend} Backend */

const NAME = "tintype";
const PHOTOS = "photos";
const FILES = "files";
const PATIENCE_MS = 3000;

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

/**
 * @param {IDBTransaction} transaction
 * @returns {Promise<void>}
 */
const finished = (transaction) =>
  new Promise((done, fail) => {
    transaction.oncomplete = () => done();
    transaction.onabort = () => fail(transaction.error);
  });

/** @param {any} kept a file, or its bytes */
const fileOf = (kept) => (kept?.data ? new File([kept.data], kept.name, kept) : kept);

/** @param {any} blob */
const bytesOf = async (blob) =>
  blob && { data: await blob.arrayBuffer(), name: blob.name ?? "", type: blob.type };

/** @type {() => Promise<never>} fails after a while: some browsers never answer */
const tooLate = () =>
  new Promise((_, fail) => {
    setTimeout(() => fail(new Error("The browser's database does not answer.")), PATIENCE_MS);
  });

/**
 * Files are kept in a store of their own, so that a change of settings does not write them again.
 *
 * @implements {Backend}
 */
export class Database {
  /** @type {Promise<boolean> | undefined} */
  #files;

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
    return new Database(await Promise.race([answered(request), tooLate()]));
  }

  /** @returns {Promise<StoredPhoto[]>} */
  async list() {
    const found = await answered(this.database.transaction(PHOTOS).objectStore(PHOTOS).getAll());
    return found.map((photo) => ({ ...photo, picture: fileOf(photo.picture) }));
  }

  /** Safari's private windows keep bytes and no files. */
  async #keepsFiles() {
    const transaction = this.database.transaction(FILES, "readwrite");
    try {
      await answered(transaction.objectStore(FILES).put(new Blob(["?"]), ""));
      transaction.abort();
      return true;
    } catch {
      return false;
    }
  }

  /** @type {Backend["put"]} */
  async put(photo, files) {
    if (!(await (this.#files ??= this.#keepsFiles()))) {
      photo = { ...photo, picture: await bytesOf(photo.picture) };
      files = new Map(files);
      for (const [key, file] of files) files.set(key, await bytesOf(file));
    }
    const transaction = this.database.transaction([PHOTOS, FILES], "readwrite");
    const done = finished(transaction);
    const store = transaction.objectStore(FILES);
    /** @type {unknown} */
    let refused;
    /** @param {() => unknown} put may throw, where the browser has no room */
    const attempt = (put) => {
      try {
        put();
      } catch (error) {
        refused = error;
        transaction.abort(); // all of it, or nothing
      }
    };
    for (const [key, file] of files) {
      const count = store.count(key);
      count.onsuccess = () => {
        if (!count.result) attempt(() => store.put(file, key));
      };
    }
    attempt(() => transaction.objectStore(PHOTOS).put(photo));
    await done.catch((error) => {
      throw refused ?? error;
    });
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
    return fileOf(await answered(this.database.transaction(FILES).objectStore(FILES).get(key)));
  }
}
