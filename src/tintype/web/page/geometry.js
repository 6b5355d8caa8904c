// @ts-check
// Sizes and places: of the photograph in the window, of what is pointed at, of what is painted.

/** @typedef {{width: number, height: number}} Size */
/** @typedef {{left: number, top: number, width: number, height: number}} Box */
/** @typedef {{x: number, y: number}} Point */

/** The longest side of a preview while something moves. */
export const QUICK_SIDE = 640;
const LARGEST_SIDE = 2048;
const SMALLEST_SHEET = 40;
const LARGEST_ZOOM = 12;

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** @param {Size} size */
export const longestSide = ({ width, height }) => Math.max(width, height);

// ----- the photograph in the window -----

/**
 * How large the photograph is shown.
 *
 * @param {Size} photo
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

/** @typedef {"in" | "out" | "fit"} ZoomStep */

/**
 * @param {number} zoom
 * @param {ZoomStep} step
 */
export const zoomed = (zoom, step) =>
  clamp({ in: zoom * 1.5, out: zoom / 1.5, fit: 1 }[step], 1, LARGEST_ZOOM);

/**
 * Where to scroll so that what was in the middle stays there.
 *
 * @param {number} middle of what was visible, in pixels of the content
 * @param {number} ratio of the new zoom to the old one
 * @param {number} visible how much is visible, in pixels
 */
export const scrollAround = (middle, ratio, visible) => middle * ratio - visible / 2;

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
 * @param {Size} photo
 * @returns {Point}
 */
export function pixelAt(place, box, photo) {
  const x = Math.floor(((place.x - box.left) / box.width) * photo.width);
  const y = Math.floor(((place.y - box.top) / box.height) * photo.height);
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
 * @param {Point} cursor in percent of the sides
 * @param {Size} photo
 * @returns {Point}
 */
export const pixelUnderCursor = (cursor, photo) => ({
  x: Math.min(photo.width - 1, Math.floor((cursor.x / 100) * photo.width)),
  y: Math.min(photo.height - 1, Math.floor((cursor.y / 100) * photo.height)),
});

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
