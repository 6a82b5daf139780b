/* Stat, gauge and bar gauge panels. */
import { named, paletteColor, variable } from "./colors.js";
import { element, isGiven, percentOf, report, svg, tone } from "./document.js";
import { distinct, extent, fieldOf, present, shown, styleOf } from "./values.js";

/** Each value with its name, text and colour. */
function preparedValues(view, index) {
  const { panel } = view;
  const { values } = panel.results[index];
  const names = distinct(values.map((each) => each.name));
  return values.map((each, place) => {
    const style = styleOf(panel, each.name);
    const { text, color } = shown(fieldOf(panel, style), each.value, report.runs[index].to);
    const byPalette = panel.color_mode.startsWith("palette") ? paletteColor(view.places.get(names[place])) : null;
    const byField = style.color ?? (panel.color_mode === "fixed" ? panel.fixed_color : null);
    return { ...each, text, color: byField ? named(byField) : byPalette ?? color ?? variable("--ink") };
  });
}

export function paintStat(view, host, index) {
  const { panel } = view;
  const entries = preparedValues(view, index);
  const withName = panel.text_mode === "value_and_name" || (panel.text_mode === "auto" && entries.length > 1);
  host.append(element("div", { class: valuesClass(panel) }, ...entries.map((entry) => {
    const big = panel.text_mode === "name" ? entry.name : entry.text;
    const line = sparkline(entry.spark ?? []);
    return element(
      "div", { class: `value${line ? " sparked" : ""}`, style: `${tone(entry.color)}; --length: ${Math.max(big.length, 4)}` },
      line, withName ? element("small", { title: entry.name }, entry.name) : null, element("strong", {}, big),
    );
  })));
}

const valuesClass = (panel) => `values${panel.orientation === "horizontal" ? " stacked" : ""}`;

function sparkline(points) {
  const known = points.filter(([, value]) => value !== null);
  if (known.length < 2) return null;
  const [low, high] = extent(known.map(([, value]) => value));
  const [from, to] = [points[0][0], points.at(-1)[0]];
  const across = (at) => (((at - from) / (to - from)) * 100).toFixed(2);
  const down = (value) => (high === low ? 20 : 38 - ((value - low) / (high - low)) * 36).toFixed(2);
  const parts = unbroken(points);
  const lines = parts.map((part) => `M${part.map(([at, value]) => `${across(at)},${down(value)}`).join("L")}`);
  const areas = parts.map((part, place) => `${lines[place]}L${across(part.at(-1)[0])},40L${across(part[0][0])},40Z`);
  return svg(
    "svg", { class: "spark", viewBox: "0 0 100 40", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { class: "area", d: areas.join("") }), svg("path", { d: lines.join("") }),
  );
}

/** The points, split at gaps. */
function unbroken(points) {
  const pieces = [[]];
  for (const point of points) {
    if (point[1] === null) pieces.push([]);
    else pieces.at(-1).push(point);
  }
  return pieces.filter((piece) => piece.length);
}

export function scaleOf(panel, values) {
  const low = panel.min ?? Math.min(0, ...values);
  const usual = { percent: 100, percentunit: 1 }[panel.unit];
  const high = panel.max ?? Math.max(usual ?? 0, ...values);
  return (value) => (high > low ? Math.min(Math.max(((value ?? low) - low) / (high - low), 0), 1) : 0);
}

const allValues = (panel) => present(panel.results.flatMap((result) => (result.values ?? []).map((each) => each.value)));

export function paintGauge(view, host, index) {
  const { panel } = view;
  const share = scaleOf(panel, allValues(panel));
  const entries = preparedValues(view, index);
  const isNamed = entries.length > 1 || panel.text_mode === "value_and_name";
  host.append(element("div", { class: valuesClass(panel) }, ...entries.map((entry) => element(
    "div", { class: "value", style: tone(entry.color) }, arc(panel, entry, share),
    isNamed ? element("small", { title: entry.name }, entry.name) : null,
  ))));
}

function arc(panel, entry, share) {
  const steps = panel.thresholds.length > 1 ? panel.thresholds : [];
  const starts = steps.map((step) => (!isGiven(step.value) ? 0 : share(step.value)));
  const zones = steps.map((step, place) => svg("path", {
    class: "zone", d: arcPath(starts[place], starts[place + 1] ?? 1, 46), stroke: named(step.color),
  }));
  const size = Math.min(19, 96 / Math.max(entry.text.length, 1));
  return svg(
    "svg", { class: "arc", viewBox: "0 0 100 58" },
    svg("path", { d: arcPath(0, 1, 38), stroke: variable("--faint") }),
    entry.value === null ? null : svg("path", { d: arcPath(0, share(entry.value), 38), stroke: entry.color }),
    ...zones, svg("text", { x: 50, y: 50, style: `--size: ${size}px` }, entry.text),
  );
}

/** Part of a semicircle around 50,52, between two fractions of it. */
function arcPath(from, to, radius) {
  const point = (share) => {
    const angle = Math.PI * (1 - share);
    return `${(50 + radius * Math.cos(angle)).toFixed(2)} ${(52 - radius * Math.sin(angle)).toFixed(2)}`;
  };
  return to > from ? `M${point(from)}A${radius} ${radius} 0 0 1 ${point(to)}` : "";
}

export function paintBars(view, host, index) {
  const share = scaleOf(view.panel, allValues(view.panel));
  host.append(element("ul", { class: "bars" }, ...preparedValues(view, index).map((entry) => element(
    "li", { style: tone(entry.color) }, element("span", { class: "name", title: entry.name }, entry.name),
    bar(share(entry.value)), element("b", {}, entry.text),
  ))));
}

export const bar = (share) => element(
  "span", { class: "room", "aria-hidden": "true" }, element("i", { style: `width: ${percentOf(share)}` }),
);
