/* Colours of the current theme. */
import { element, root } from "./document.js";

const PALETTE_SIZE = 10;
const HEAT_STEPS = 5;

const probe = element("span", { hidden: "" });
document.body.append(probe);
export const resolved = new Map();
const FAMILIES = new Set(["green", "red", "orange", "yellow", "blue", "purple"]);
const SHADES = {
  "dark-": ["--ink", 0.3], "semi-dark-": ["--ink", 0.15], "light-": ["--paper", 0.15], "super-light-": ["--paper", 0.3],
};

/** A CSS colour in the current theme, as "rgb(…)". */
function css(color) {
  if (!resolved.has(color)) {
    probe.style.color = "var(--ink)";
    probe.style.color = color;
    resolved.set(color, toRgb(getComputedStyle(probe).color));
  }
  return resolved.get(color);
}

/** Browsers return mixed colours as color(srgb …), which ECharts does not support. */
function toRgb(color) {
  if (!color.startsWith("color(srgb")) return color;
  const [red, green, blue] = color.match(/[\d.]+(e-\d+)?/g).map((part) => Math.round(part * 255));
  return `rgb(${red}, ${green}, ${blue})`;
}

export const variable = (name) => css(`var(${name})`);
const mixed = (color, other, share) => css(`color-mix(in srgb, ${other} ${Math.round(share * 100)}%, ${color})`);

/** The colour for one of Grafana's colour names. */
export function named(name) {
  if (!name || name === "text") return variable("--ink");
  if (name === "transparent") return "transparent";
  const family = name.split("-").pop();
  if (!FAMILIES.has(family)) return css(name);
  const shade = SHADES[name.slice(0, -family.length)];
  return shade ? mixed(`var(--${family})`, `var(${shade[0]})`, shade[1]) : variable(`--${family}`);
}

/** A colour of the palette. After the first round, colours are mixed with the text colour. */
export function paletteColor(place) {
  const base = `var(--series-${place % PALETTE_SIZE})`;
  const round = Math.floor(place / PALETTE_SIZE);
  return round ? mixed(base, "var(--ink)", Math.min(0.38 * round, 0.76)) : css(base);
}

export function heatColor(share) {
  const at = Math.min(Math.max(share, 0), 1) * (HEAT_STEPS - 1);
  const below = Math.min(Math.floor(at), HEAT_STEPS - 2);
  return mixed(`var(--heat-${below})`, `var(--heat-${below + 1})`, at - below);
}

export const dark = () => getComputedStyle(root).colorScheme === "dark"
  || (getComputedStyle(root).colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
