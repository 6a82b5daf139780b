/* How values are shown (thresholds, mappings and overrides), and the names of series. */
import { named } from "./colors.js";
import { isGiven } from "./document.js";
import { format } from "./format.js";

export function thresholdName(thresholds, value) {
  const reached = (thresholds ?? []).filter((step) => !isGiven(step.value) || value >= step.value);
  return reached.length ? reached[reached.length - 1].color : null;
}

function mappingOf(mappings, value) {
  return (mappings ?? []).find((each) => {
    const bounded = isGiven(each.from) || isGiven(each.to);
    if (value === null) return each.value === null && !bounded;
    if (each.value !== null) return String(value) === each.value;
    return bounded && value >= (each.from ?? -Infinity) && value <= (each.to ?? Infinity);
  });
}

/** The text and the colour of a value; the colour is null if no option sets one. */
export function shown(field, value, now) {
  const mapping = mappingOf(field.mappings, value);
  const color = mapping?.color ?? (value === null ? null : thresholdName(field.thresholds, value));
  return { text: mapping?.text || plain(field, value, now), color: color && named(color) };
}

export function plain(field, value, now) {
  if (!isGiven(value)) return "–";
  return typeof value === "number" ? format(value, field.unit, field.decimals, now) : String(value);
}

export function styleOf(panel, name) {
  const style = {};
  for (const override of panel.overrides.filter((each) => matches(each.name, name))) {
    for (const [property, value] of Object.entries(override)) {
      if (value !== null && property !== "name") style[property] = value;
    }
  }
  return style;
}

function matches(pattern, name) {
  if (!(pattern.length > 2 && pattern.startsWith("/") && pattern.endsWith("/"))) return pattern === name;
  try {
    return new RegExp(pattern.slice(1, -1)).test(name);
  } catch {
    return false;
  }
}

export const fieldOf = (panel, style) => ({ ...panel, unit: style.unit ?? panel.unit });

export const present = (values) => values.filter(isGiven);
export const sum = (values) => values.reduce((total, value) => total + value, 0);

export const CALCS = {
  lastNotNull: ["Last *", (values) => present(values).at(-1)],
  last: ["Last", (values) => values.at(-1)],
  firstNotNull: ["First *", (values) => present(values)[0]],
  min: ["Min", (values) => extent(present(values))[0]],
  max: ["Max", (values) => extent(present(values))[1]],
  mean: ["Mean", (values) => (present(values).length ? sum(present(values)) / present(values).length : null)],
  sum: ["Total", (values) => sum(present(values))],
  count: ["Count", (values) => values.length],
  range: ["Range", (values) => extent(present(values))[1] - extent(present(values))[0]],
};

export function extent(values) {
  if (!values.length) return [null, null];
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}

/** Unique names: a second "x" becomes "x (2)". */
export function distinct(names) {
  const seen = new Map();
  return names.map((name) => {
    seen.set(name, (seen.get(name) ?? 0) + 1);
    return seen.get(name) > 1 ? `${name} (${seen.get(name)})` : name;
  });
}

/** The position of each name in the palette, the same on both sides of a comparison. */
export function palettePlaces(panel) {
  const places = new Map();
  for (const result of panel.results) {
    for (const name of distinct((result.series ?? result.values ?? []).map((each) => each.name))) {
      if (!places.has(name)) places.set(name, places.size);
    }
  }
  return places;
}
