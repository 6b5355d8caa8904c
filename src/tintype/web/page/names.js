// @ts-check
// Names of colours, for those who hear them.

/** Up to which hue, in degrees, a name is used. */
const HUES = /** @type {[number, string][]} */ ([
  [15, "red"], [42, "orange"], [68, "yellow"], [95, "yellow-green"], [160, "green"],
  [195, "turquoise"], [255, "blue"], [290, "violet"], [335, "pink"], [360, "red"],
]);
const GREYS = /** @type {[number, string][]} */ ([
  [0.1, "black"], [0.35, "dark grey"], [0.65, "grey"], [0.92, "light grey"], [1, "white"],
]);
const COLORLESS = 0.06; // difference of the channels below which a colour is called a grey
const [DARK, LIGHT, PALE] = [0.3, 0.72, 0.25];

/**
 * @param {[number, string][]} table
 * @param {number} value
 */
const entry = (table, value) =>
  (table.find(([most]) => value <= most) ?? table[table.length - 1])[1];

/**
 * What a colour is called.
 *
 * @param {string} hex as #rrggbb
 */
export function colorName(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
  const [least, most] = [Math.min(r, g, b), Math.max(r, g, b)];
  const [spread, light] = [most - least, (most + least) / 2];
  if (spread < COLORLESS) return entry(GREYS, light);
  const sixth =
    most === r ? (g - b) / spread : most === g ? 2 + (b - r) / spread : 4 + (r - g) / spread;
  const hue = (sixth * 60 + 360) % 360;
  const name = entry(HUES, hue);
  if (name === "orange" && light < 0.5) return light < DARK ? "dark brown" : "brown";
  const tone = light < DARK ? "dark " : light > LIGHT ? "light " : spread < PALE ? "greyish " : "";
  return tone + name;
}

/** @param {string} name without what people leave out or add between its words */
const letters = (name) => name.toLowerCase().replace(/[\s'_-]/g, "");

/**
 * The colour of a name.
 *
 * @param {Record<string, string>} names each with its colour
 * @param {string} text as it is typed: a name, or #rrggbb
 * @returns {string | null} as #rrggbb; null where there is none
 */
export function colorOf(names, text) {
  const typed = text.trim().toLowerCase();
  if (/^#[0-9a-f]{6}$/.test(typed)) return typed;
  if (Object.hasOwn(names, typed)) return names[typed];
  const wanted = letters(typed);
  return Object.entries(names).find(([name]) => letters(name) === wanted)?.[1] ?? null;
}
