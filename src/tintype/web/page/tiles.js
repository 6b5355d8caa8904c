// @ts-check
// What can be seen of a photograph that is larger than its pictures: tiles of it, in both halves.

import * as api from "./api.js";
import { element } from "./dom.js";
import { isZoomed, LARGEST_SIDE, tileBox, tileLevel, tilesIn } from "./geometry.js";
import { complain } from "./notices.js";
import { notSharpText } from "./photo_labels.js";
import { Queue } from "./queue.js";
import { withPhoto } from "./resend.js";
import { visible } from "./stage.js";
import { workspace } from "./workspace.js";

/** @typedef {import("./photo.js").Photo} Photo */
/** @typedef {import("./geometry.js").Tile} Tile */
/**
 * @typedef {object} Drawn a tile that is there, or on its way
 * @property {Photo} photo
 * @property {Layer} layer
 * @property {Tile} tile
 * @property {string} key
 * @property {HTMLImageElement | null} image null while it is on its way
 */

const REST_MS = 120; // while it moves nothing is asked for
const AT_ONCE = 4;

const scroller = element("scroller", HTMLElement);
const sheet = element("sheet", HTMLElement);

/** One half: the picture of the whole, and the tiles over it. */
class Layer {
  /** @type {Map<string, Drawn>} */
  drawn = new Map();
  /** @type {Set<unknown>} keys of the tiles that can be seen */
  wantedKeys = new Set();

  /**
   * @param {string} id of the picture
   * @param {(photo: Photo) => string} version of a photograph that its tiles show
   * @param {(photo: Photo, tile: Tile) => Promise<Blob>} ask
   */
  constructor(id, version, ask) {
    this.picture = element(id, HTMLImageElement);
    this.box = element(`${id}-tiles`, HTMLElement);
    this.version = version;
    this.ask = ask;
  }

  /** @param {(drawn: Drawn) => boolean} goes */
  drop(goes) {
    for (const [key, one] of this.drawn) {
      if (!goes(one)) continue;
      this.drawn.delete(key);
      if (!one.image) continue;
      URL.revokeObjectURL(one.image.src);
      one.image.remove();
    }
  }
}

const grey = new Layer("before", ({ key }) => key, (photo, tile) => api.greyTile(photo.id, tile));
const colored = new Layer(
  "after",
  (photo) => photo.key + JSON.stringify(photo.request()),
  (photo, tile) => api.tile(photo.id, photo.request(), tile),
);
const layers = [colored, grey];
/** @type {Queue<Drawn>} */
const queue = new Queue(AT_ONCE, load);
let timer = 0;

/**
 * @param {Layer} layer
 * @param {Photo} photo
 * @returns {Tile[]} those that are sharper than the picture of the whole, and can be seen
 */
function wanted(layer, photo) {
  const shown = layer.picture.offsetWidth * devicePixelRatio;
  const longest = Math.max(shown, layer.picture.offsetHeight * devicePixelRatio);
  // The whole photograph has a picture that is sharp enough, or one is on its way.
  if (!isZoomed(photo.zoom) && longest <= LARGEST_SIDE) return [];
  const sharpest = Math.min(photo.width, shown);
  const { naturalWidth } = layer.picture;
  if (!naturalWidth || naturalWidth >= 0.98 * sharpest) return [];
  const { left, top, width, height } = visible();
  const [across, down] = [sheet.offsetWidth, sheet.offsetHeight];
  const part = {
    left: left / across, top: top / down, width: width / across, height: height / down,
  };
  return tilesIn(photo, part, tileLevel(photo.width, shown), workspace.server.tile);
}

function refresh() {
  const photo = workspace.current;
  for (const layer of layers) {
    const ready = photo?.state === "ready" && photo.urls.after;
    const tiles = ready ? wanted(layer, photo) : [];
    const keys = new Set();
    for (const tile of tiles) {
      const key = photo && [layer.version(photo), tile.level, tile.column, tile.row].join();
      keys.add(key);
      if (!photo || !key || layer.drawn.has(key)) continue;
      const one = { photo, layer, tile, key, image: null };
      layer.drawn.set(key, one);
      queue.add(one);
    }
    // What was there before stays until what comes in its place is there.
    layer.drop(({ key, image }) => !keys.has(key) && (!image || !tiles.length));
    if (tiles.length) dropCovered(layer, keys);
  }
}

/**
 * @param {Layer} layer
 * @param {Set<unknown>} [keys] of the tiles that are wanted
 */
function dropCovered(layer, keys) {
  const present = keys ?? layer.wantedKeys;
  layer.wantedKeys = present;
  const missing = [...layer.drawn.values()].some((one) => present.has(one.key) && !one.image);
  if (!missing) layer.drop(({ key }) => !present.has(key));
}

/** @param {Drawn} one */
async function load(one) {
  const { photo, layer, tile, key } = one;
  const isWanted = () => layer.drawn.get(key) === one && photo === workspace.current;
  if (!isWanted()) return;
  try {
    const blob = await withPhoto(photo, () => layer.ask(photo, tile));
    const image = new Image();
    image.alt = "";
    image.draggable = false;
    image.src = URL.createObjectURL(blob);
    await image.decode();
    if (!isWanted()) return void URL.revokeObjectURL(image.src);
    const box = tileBox(photo, tile, workspace.server.tile);
    for (const [name, value] of Object.entries(box)) image.style.setProperty(name, `${value}%`);
    one.image = image;
    layer.box.append(image);
    dropCovered(layer);
  } catch (error) {
    if (!isWanted()) return;
    layer.drawn.delete(key);
    complain(notSharpText(photo.name), api.asApiError(error), refreshSoon);
  }
}

export function refreshSoon() {
  clearTimeout(timer);
  timer = window.setTimeout(refresh, REST_MS);
}

/** @param {Photo} photo tiles of other ones, and in other colours than it has now, are wrong */
function dropWrong(photo) {
  for (const layer of layers) {
    const version = layer.version(photo);
    layer.drop((one) => one.photo !== photo || !one.key.startsWith(version));
  }
  refreshSoon();
}

export function wire() {
  workspace.on("select", dropWrong);
  workspace.on("change", (photo) => {
    if (photo === workspace.current) dropWrong(photo);
  });
  scroller.addEventListener("scroll", refreshSoon);
  for (const { picture } of layers) picture.addEventListener("load", refreshSoon);
  new ResizeObserver(refreshSoon).observe(sheet);
}
