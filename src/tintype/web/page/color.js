// @ts-check
// Colours of the wheel and of the overlay. What a colour becomes under the grey of a photograph is
// computed by the server; here is only an estimate, for the moment until it has answered.

/** @typedef {{h: number, s: number}} HueStrength hue in degrees, strength 0 to 1 */

const WHEEL_LIGHTNESS = 0.56;

/**
 * @param {string} color as #rrggbb
 * @returns {number[]} red, green and blue, 0 to 255
 */
export const rgbOfHex = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));

/**
 * @param {number[]} rgb red, green and blue, 0 to 255
 * @returns {string} as #rrggbb
 */
export const hexOfRgb = (rgb) =>
  `#${rgb.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;

/**
 * @param {Uint8ClampedArray} rgba
 * @returns {number[]} the mean red, green and blue, 0 to 255
 */
export const meanRgb = (rgba) =>
  [0, 1, 2].map((channel) => {
    const values = rgba.filter((_, i) => i % 4 === channel);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  });

/**
 * @param {string} color as #rrggbb
 * @returns {HueStrength}
 */
export function hexToHueStrength(color) {
  const [r, g, b] = rgbOfHex(color).map((value) => value / 255);
  const max = Math.max(r, g, b);
  const spread = max - Math.min(r, g, b);
  if (!spread) return { h: 0, s: 0 };
  const l = max - spread / 2;
  let h = 0;
  if (max === r) h = ((g - b) / spread + 6) % 6;
  else if (max === g) h = (b - r) / spread + 2;
  else h = (r - g) / spread + 4;
  return { h: h * 60, s: spread / (1 - Math.abs(2 * l - 1)) };
}

/**
 * @param {HueStrength} color
 * @param {number} [l] lightness of HSL, 0 to 1
 * @returns {string} as #rrggbb
 */
export function hueStrengthToHex({ h, s }, l = WHEEL_LIGHTNESS) {
  /** @param {number} n */
  const channel = (n) => {
    const k = (n + h / 30) % 12;
    const value = l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(value * 255).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

/**
 * What lies at a place of the wheel.
 *
 * @param {number} x from the middle, -1 to 1
 * @param {number} y
 * @returns {HueStrength} the strength is above 1 outside of the wheel
 */
export const wheelAt = (x, y) => ({
  h: ((Math.atan2(y, x) * 180) / Math.PI + 360) % 360,
  s: Math.hypot(x, y),
});

/**
 * The pixels of the wheel.
 *
 * @param {number} size of its square, in pixels
 * @returns {Uint8ClampedArray} RGBA, row by row; transparent outside of the wheel
 */
export function wheelPixels(size) {
  const data = new Uint8ClampedArray(size * size * 4);
  const radius = size / 2;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const color = wheelAt((x - radius) / radius, (y - radius) / radius);
      if (color.s > 1) continue;
      data.set([...rgbOfHex(hueStrengthToHex(color)), 255], (y * size + x) * 4);
    }
  }
  return data;
}

/** @type {Record<string, number>} */
const TURNS = { ArrowLeft: -6, ArrowRight: 6 };
/** @type {Record<string, number>} */
const STRENGTHS = { ArrowUp: 0.05, ArrowDown: -0.05 };

/**
 * @param {HueStrength} color
 * @param {string} key
 * @returns {HueStrength | null} null where the key changes nothing
 */
export function turnedByKey({ h, s }, key) {
  const turn = TURNS[key] ?? 0;
  const more = STRENGTHS[key] ?? 0;
  if (!turn && !more) return null;
  return { h: (h + turn + 360) % 360, s: Math.min(1, Math.max(0.02, s + more)) };
}

/** How much of a photograph is marked as least certain. */
export const LEAST_CERTAIN = 0.15;

/**
 * The level from which a pixel of a map belongs to its least certain share.
 *
 * @param {Uint8ClampedArray} rgba its red says how uncertain the colour is, 0 to 255
 * @param {number} [share] of the pixels that is reached at most, 0 to 1
 * @returns {number} 256 where no level marks off so few, as in a map of one value
 */
export function leastCertainLevel(rgba, share = LEAST_CERTAIN) {
  const counts = new Uint32Array(256);
  for (let i = 0; i < rgba.length; i += 4) counts[rgba[i]] += 1;
  let left = share * (rgba.length / 4);
  let level = 256;
  while (level > 0 && counts[level - 1] <= left) {
    level -= 1;
    left -= counts[level];
  }
  return level;
}

const HATCH = { light: [255, 168, 64, 240], dark: [0, 0, 0, 150], between: [255, 168, 64, 48] };

/**
 * Turns a map of certainty into hatching, in place. A light line has a dark one beside it, so that
 * they are seen on any grey.
 *
 * @param {Uint8ClampedArray} rgba its red says how uncertain the colour is, 0 to 255
 * @param {number} width of the map, in pixels
 * @param {number} level from which it is hatched; everything else becomes transparent
 * @param {number} [line] the width of a line, in pixels; five of them are a period
 */
export function hatchFrom(rgba, width, level, line = 2) {
  for (let i = 0; i < rgba.length; i += 4) {
    const pixel = i / 4;
    const along = Math.floor(((pixel % width) + Math.floor(pixel / width)) / line) % 5;
    if (rgba[i] < level) rgba[i + 3] = 0;
    else rgba.set(along === 0 ? HATCH.light : along === 1 ? HATCH.dark : HATCH.between, i);
  }
}

/** @typedef {{vividness: number, warmth: number}} Tone */

const LUMA = [0.299, 0.587, 0.114];
const ORANGE = [0.85, -0.12, -1.6].map((share) => share / 255); // without luma; about one unit of b*

/**
 * How strong colours are at a vividness, as a share of those at 1: fitted to six photographs, in
 * which it leaves 1 to 3 units of CIELAB for a step of 0.2.
 *
 * @param {number} vividness
 */
const strengthAt = (vividness) => 0.32 + 0.82 * vividness - 0.14 * vividness ** 2;

/** @param {number} warmth @returns {number} units of b* that it adds to colours of which much is open */
const leanAt = (warmth) => warmth * (13 - 3.6 * Math.abs(warmth));

/**
 * What makes of a picture in one vividness and warmth about the same in others, and keeps its luma.
 *
 * @param {Tone} from
 * @param {Tone} to
 * @returns {number[] | null} the 20 values of an feColorMatrix in sRGB; null where both are the same
 */
export function toneMatrix(from, to) {
  if (from.vividness === to.vividness && from.warmth === to.warmth) return null;
  const gain = strengthAt(to.vividness) / strengthAt(from.vividness);
  const lean = leanAt(to.warmth) - leanAt(from.warmth);
  const rows = ORANGE.map((share, row) => [
    ...LUMA.map((luma, column) => (1 - gain) * luma + (row === column ? gain : 0)),
    0,
    lean * share,
  ]);
  return [...rows.flat(), 0, 0, 0, 1, 0];
}
