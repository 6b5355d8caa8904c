// @ts-check
// Sizes and places: of the photograph in the window, of what is pointed at, of what is painted.

/** @typedef {{width: number, height: number}} Size */
/** @typedef {{left: number, top: number, width: number, height: number}} Box */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {0 | 90 | 180 | 270} Rotation degrees by which a photograph is turned clockwise */
/** @typedef {Size & {rotation?: Rotation}} Turned a photograph and how it is turned */

/** The longest side of a preview while something moves. */
export const QUICK_SIDE = 640;
/** The longest side of a picture of the whole photograph; what is larger is shown in tiles. */
export const LARGEST_SIDE = 2048;
const SMALLEST_SHEET = 40;
const LARGEST_ZOOM = 4; // times 1:1, or of a small photograph times the room
const FULL = 1.01; // up to here it is the whole photograph

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** @param {Size} size */
export const longestSide = ({ width, height }) => Math.max(width, height);

// ----- turned photographs -----

/**
 * The size of a photograph as it is shown.
 *
 * @param {Turned} photo
 * @returns {Size}
 */
export const turnedSize = ({ width, height, rotation = 0 }) =>
  rotation % 180 ? { width: height, height: width } : { width, height };

/**
 * A place of the photograph as it is shown, in shares of its sides, as a place of the photograph
 * itself.
 *
 * @param {Point} place
 * @param {Rotation} [rotation]
 * @returns {Point}
 */
export function turnedBack({ x, y }, rotation = 0) {
  if (rotation === 90) return { x: y, y: 1 - x };
  if (rotation === 180) return { x: 1 - x, y: 1 - y };
  return rotation === 270 ? { x: 1 - y, y: x } : { x, y };
}

/**
 * A step on the screen as a step in the photograph.
 *
 * @param {[number, number]} step to the right and down
 * @param {Rotation} [rotation]
 * @returns {[number, number]}
 */
export function stepTurnedBack([x, y], rotation = 0) {
  const from = turnedBack({ x: 0, y: 0 }, rotation);
  const to = turnedBack({ x, y }, rotation);
  return [to.x - from.x, to.y - from.y];
}

/**
 * @param {Rotation} rotation
 * @param {"left" | "right"} way
 * @returns {Rotation}
 */
export const turnedFurther = (rotation, way) =>
  /** @type {Rotation} */ ((rotation + (way === "right" ? 90 : 270)) % 360);

// ----- the photograph in the window -----

/**
 * How large the photograph is shown.
 *
 * @param {Size} photo as it is turned
 * @param {Size} room what there is for it at a zoom of 1
 * @param {number} zoom
 * @returns {Size}
 */
export function sheetSize(photo, room, zoom) {
  const fit = Math.min(room.width / photo.width, room.height / photo.height);
  const scale = Math.max(fit, 0.001) * zoom;
  return {
    width: Math.max(SMALLEST_SHEET, photo.width * scale),
    height: Math.max(SMALLEST_SHEET, photo.height * scale),
  };
}

/**
 * The zoom at which a pixel of the photograph is one of the screen.
 *
 * @param {Size} photo as it is turned
 * @param {Size} room what there is for it at a zoom of 1
 * @param {number} density of the screen, in its pixels a CSS pixel
 */
export const oneToOne = (photo, room, density) =>
  photo.width / density / sheetSize(photo, room, 1).width;

/**
 * @param {number} zoom that is asked for
 * @param {number} full the zoom that is 1:1
 */
export const allowedZoom = (zoom, full) => clamp(zoom, 1, LARGEST_ZOOM * Math.max(1, full));

/** @param {number} zoom */
export const isZoomed = (zoom) => zoom > FULL;

/** @typedef {"in" | "out" | "fit" | "full"} ZoomStep */

/**
 * @param {number} zoom
 * @param {ZoomStep} step
 * @param {number} full the zoom that is 1:1
 */
export const zoomed = (zoom, step, full) =>
  allowedZoom({ in: zoom * 1.5, out: zoom / 1.5, fit: 1, full }[step], full);

const WHEEL = 0.0015; // of the zoom's logarithm for a pixel of the wheel
const PINCH = 0.01; // the same for two fingers on a trackpad, which move less
const LINE = 16; // pixels

/**
 * @param {number} zoom
 * @param {{deltaY: number, deltaMode: number, ctrlKey: boolean}} wheel
 */
export const zoomedByWheel = (zoom, { deltaY, deltaMode, ctrlKey }) =>
  zoom * Math.exp(-deltaY * (deltaMode ? LINE : 1) * (ctrlKey ? PINCH : WHEEL));

/**
 * The part of the photograph that can be seen.
 *
 * @param {Box} sheet the photograph in the window
 * @param {Box} view what of the window shows it
 * @returns {Box} in the same pixels, from the corner of the photograph
 */
export function visiblePart(sheet, view) {
  const [left, right] = [sheet.left, sheet.left + sheet.width].map((x) =>
    clamp(x, view.left, view.left + view.width),
  );
  const [top, bottom] = [sheet.top, sheet.top + sheet.height].map((y) =>
    clamp(y, view.top, view.top + view.height),
  );
  return {
    left: left - sheet.left,
    top: top - sheet.top,
    width: right - left,
    height: bottom - top,
  };
}

// ----- tiles -----

/** @typedef {{level: number, column: number, row: number}} Tile */

/**
 * The level of tiles that are as sharp as the screen: how often the sides are halved.
 *
 * @param {number} width of the photograph
 * @param {number} shown the width on the screen, in its pixels
 */
export const tileLevel = (width, shown) =>
  Math.max(0, Math.floor(Math.log2(width / Math.max(1, shown)) + 1e-6));

/**
 * The tiles that can be seen.
 *
 * @param {Turned} photo
 * @param {Box} part that can be seen, in shares of the photograph as it is shown
 * @param {number} level
 * @param {number} side of a tile, in pixels
 * @returns {Tile[]}
 */
export function tilesIn(photo, part, level, side) {
  const one = turnedBack({ x: part.left, y: part.top }, photo.rotation);
  const far = { x: part.left + part.width, y: part.top + part.height };
  const other = turnedBack(far, photo.rotation);
  /**
   * @param {number} from
   * @param {number} to
   * @param {number} length
   */
  const range = (from, to, length) => {
    const pixels = Math.ceil(length / 2 ** level);
    const last = Math.ceil(pixels / side) - 1;
    const index = (/** @type {number} */ share) => Math.floor((share * pixels) / side);
    const [low, high] = [Math.min(from, to), Math.max(from, to)].map(index);
    const count = Math.min(high, last) - Math.max(low, 0) + 1;
    return Array.from({ length: Math.max(0, count) }, (_, i) => Math.max(low, 0) + i);
  };
  const rows = range(one.y, other.y, photo.height);
  const columns = range(one.x, other.x, photo.width);
  return rows.flatMap((row) => columns.map((column) => ({ level, column, row })));
}

/**
 * Where a tile lies, in percent of the photograph's sides.
 *
 * @param {Size} photo
 * @param {Tile} tile
 * @param {number} side of a tile, in pixels
 * @returns {Box}
 */
export function tileBox(photo, { level, column, row }, side) {
  const [width, height] = [photo.width, photo.height].map((n) => Math.ceil(n / 2 ** level));
  const [left, top] = [column * side, row * side];
  return {
    left: (100 * left) / width,
    top: (100 * top) / height,
    width: (100 * Math.min(side, width - left)) / width,
    height: (100 * Math.min(side, height - top)) / height,
  };
}

/**
 * The longest side of a sharp preview.
 *
 * @param {Size} photo
 * @param {number} shown the longest side on the screen, in CSS pixels
 * @param {number} density of the screen, in its pixels a CSS pixel
 */
export function previewSide(photo, shown, density) {
  const wanted = Math.max(QUICK_SIDE, shown * Math.min(density, 2));
  return Math.round(Math.min(longestSide(photo), wanted, LARGEST_SIDE));
}

/**
 * The pixels of the hatching, as many as on the screen.
 *
 * @param {Size} map what is hatched
 * @param {number} shownWidth of the photograph on the screen, in CSS pixels
 * @param {number} density of the screen, in its pixels a CSS pixel
 * @returns {{size: Size, scale: number}} and how many of them a CSS pixel is
 */
export function hatchSize(map, shownWidth, density) {
  const most = LARGEST_SIDE / longestSide(map);
  const grown = clamp((shownWidth * Math.min(density, 2)) / map.width, 0.1, most);
  const size = {
    width: Math.max(1, Math.round(map.width * grown)),
    height: Math.max(1, Math.round(map.height * grown)),
  };
  return { size, scale: size.width / Math.max(1, shownWidth) };
}

/**
 * Whether two pictures may show the same, in different sizes.
 *
 * @param {Size} one
 * @param {Size} other
 */
export const sameShape = (one, other) =>
  Math.abs(Math.log((one.width * other.height) / (one.height * other.width))) < 0.02;

/**
 * The side of the picture that is shown first, from the browser's own copy.
 *
 * @param {Size} inner of the window, in CSS pixels
 * @param {number} density of the screen, in its pixels a CSS pixel
 */
export const revealSide = (inner, density) =>
  clamp(Math.round(longestSide(inner) * density), QUICK_SIDE, LARGEST_SIDE);

/** @param {Size} photo */
export const quickSide = (photo) => Math.min(QUICK_SIDE, longestSide(photo));

// ----- places -----

/**
 * The pixel of the photograph under a place of the window; the nearest one for a place outside.
 *
 * @param {Point} place
 * @param {Box} box of the photograph in the window
 * @param {Turned} photo
 * @returns {Point}
 */
export function pixelAt(place, box, photo) {
  const shown = { x: (place.x - box.left) / box.width, y: (place.y - box.top) / box.height };
  const share = turnedBack(shown, photo.rotation);
  const [x, y] = [Math.floor(share.x * photo.width), Math.floor(share.y * photo.height)];
  return { x: clamp(x, 0, photo.width - 1), y: clamp(y, 0, photo.height - 1) };
}

/**
 * The middle of a pixel, in percent of the side.
 *
 * @param {number} coordinate
 * @param {number} size of the side, in pixels
 */
export const percentAlong = (coordinate, size) => ((coordinate + 0.5) / size) * 100;

/** @type {Record<string, [number, number]>} */
const DIRECTIONS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/**
 * The cursor of the keyboard, in percent of the sides.
 *
 * @param {Point} cursor
 * @param {string} key
 * @param {boolean} far whether the step is a large one
 * @returns {Point | null} null where the key moves nothing
 */
export function movedCursor(cursor, key, far) {
  const direction = DIRECTIONS[key];
  if (!direction) return null;
  const step = far ? 10 : 1;
  return {
    x: clamp(cursor.x + direction[0] * step, 0, 100),
    y: clamp(cursor.y + direction[1] * step, 0, 100),
  };
}

/**
 * @param {Point} cursor in percent of the sides as they are shown
 * @param {Turned} photo
 * @returns {Point}
 */
export const pixelUnderCursor = (cursor, photo) =>
  pixelAt(cursor, { left: 0, top: 0, width: 100, height: 100 }, photo);

// ----- hints and strokes -----

/** @param {Size} photo */
export const newHintRadius = ({ width, height }) =>
  Math.max(1, Math.round(Math.min(width, height) * 0.008));

const SLIDER_SQUARED = 20000; // of the slider at which the radius is the longest side

/**
 * The radius of a hint for a place of its slider: finer where it is small.
 *
 * @param {number} value of the slider, 0 to 60
 * @param {Size} photo
 */
export const radiusOfSlider = (value, photo) =>
  Math.round((value ** 2 / SLIDER_SQUARED) * longestSide(photo));

/**
 * @param {number} radius
 * @param {Size} photo
 */
export const sliderOfRadius = (radius, photo) =>
  Math.round(Math.sqrt((radius / longestSide(photo)) * SLIDER_SQUARED));

/**
 * The pixels around one of a photograph, in a picture of it.
 *
 * @param {Point} pixel
 * @param {Size} photo
 * @param {Size} drawn of the picture
 * @param {number} most along each side
 * @returns {Box} inside the picture
 */
export function patchAround(pixel, photo, drawn, most) {
  /** @type {(at: number, whole: number, side: number) => [number, number]} */
  const along = (at, whole, side) => {
    const length = Math.min(most, side);
    const middle = Math.floor(((at + 0.5) * side) / whole);
    return [clamp(middle - Math.floor(length / 2), 0, side - length), length];
  };
  const [left, width] = along(pixel.x, photo.width, drawn.width);
  const [top, height] = along(pixel.y, photo.height, drawn.height);
  return { left, top, width, height };
}

/**
 * @param {number} size of the brush, in pixels of the screen
 * @param {number} photoWidth
 * @param {number} shownWidth of the photograph on the screen
 */
export const brushRadius = (size, photoWidth, shownWidth) =>
  Math.max(1, Math.round((size * photoWidth) / shownWidth));

/**
 * Adds a point to a stroke unless it is so near to the last one that it would change nothing.
 *
 * @param {import("./settings.js").Stroke} stroke
 * @param {Point} point
 */
export function extendStroke(stroke, { x, y }) {
  const [lastX, lastY] = stroke.points[stroke.points.length - 1];
  const apart = Math.hypot(x - lastX, y - lastY);
  if (apart >= Math.max(1, stroke.radius / 3)) stroke.points.push([x, y]);
}
