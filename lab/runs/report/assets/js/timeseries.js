/* Time series panels. */
import { axisRange, valueAxis } from "./axes.js";
import { startChart } from "./chart.js";
import { named, paletteColor } from "./colors.js";
import { element, isGiven, report } from "./document.js";
import { legend } from "./legend.js";
import { position } from "./times.js";
import { CALCS, distinct, fieldOf, plain, styleOf, thresholdName } from "./values.js";

/** One side's series, all with the same timestamps, and their overrides. */
function preparedSeries(view, result) {
  const { panel } = view;
  const times = [...new Set(result.series.flatMap((each) => each.points.map(([at]) => at)))].sort((a, b) => a - b);
  const names = distinct(result.series.map((each) => each.name));
  const list = result.series.map((each, place) => {
    const byTime = new Map(each.points);
    const values = times.map((at) => byTime.get(at) ?? null);
    const style = styleOf(panel, each.name);
    return {
      name: names[place], style, values,
      field: fieldOf(panel, style),
      draw: style.draw ?? panel.draw,
      right: style.axis === "right",
      stacked: panel.stacked && !style.unstacked && !panel.log,
      color: seriesColor(panel, style, view.places.get(names[place]), CALCS.lastNotNull[1](values)),
    };
  });
  return { times, list };
}

function seriesColor(panel, style, place, last) {
  if (style.color) return named(style.color);
  if (panel.color_mode === "fixed" || panel.color_mode === "shades") return named(panel.fixed_color ?? "green");
  if (panel.color_mode === "thresholds") return named(thresholdName(panel.thresholds, last ?? 0) ?? "green");
  return paletteColor(place);
}

function lineOf(entry, side, run, panel) {
  const fill = entry.style.fill ?? panel.fill;
  const data = side.times.map((at, place) => pointOf(entry, place, position(run, at), panel.log));
  const base = {
    name: entry.name, data, yAxisIndex: entry.right ? 1 : 0, color: entry.color, silent: true,
    stack: entry.stacked ? `${entry.draw}-${entry.right}` : undefined, stackStrategy: "samesign",
  };
  if (entry.draw === "bars") return { ...base, type: "bar", barMaxWidth: 14, barGap: "-100%", itemStyle: { opacity: 0.8 } };
  if (entry.draw === "points") return { ...base, type: "scatter", symbolSize: 4 };
  return {
    ...base, type: "line", symbol: "none",
    step: panel.step ? "end" : false,
    lineStyle: { width: 1.5, type: entry.style.dashed ? "dashed" : "solid" },
    areaStyle: fill > 0 ? { opacity: (fill / 100) * 0.85, origin: "auto" } : undefined,
  };
}

/** A point. Between two gaps it has no line, so it is drawn as a dot. */
function pointOf(entry, place, at, positiveOnly) {
  const value = entry.values[place];
  if (value === null || (positiveOnly && value <= 0)) return [at, null];
  const alone = !isGiven(entry.values[place - 1]) && !isGiven(entry.values[place + 1]);
  return alone && entry.draw === "line" ? { value: [at, value], symbol: "circle", symbolSize: 4 } : [at, value];
}

/** A series without data that draws the thresholds as lines and areas. */
function thresholdSeries(panel, range) {
  const style = panel.thresholds_style ?? "off";
  const steps = panel.thresholds.filter((step) => step.color !== "transparent");
  const bounded = steps.filter((step) => isGiven(step.value) && step.value >= range.min && step.value <= range.max);
  const carrier = { type: "line", data: [], silent: true };
  if (/line|dashed/.test(style)) {
    carrier.markLine = {
      silent: true, symbol: "none", label: { show: false }, animation: false,
      data: bounded.map((step) => ({
        yAxis: step.value,
        lineStyle: { color: named(step.color), type: style.includes("dashed") ? "dashed" : "solid", width: 1.25 },
      })),
    };
  }
  if (style.includes("area")) {
    carrier.markArea = { silent: true, animation: false, data: steps.map((step) => thresholdArea(panel, step, range)) };
  }
  return carrier;
}

function thresholdArea(panel, step, range) {
  const next = panel.thresholds[panel.thresholds.indexOf(step) + 1];
  const inside = (value) => Math.min(Math.max(value, range.min), range.max);
  return [
    { yAxis: inside(step.value ?? range.min), itemStyle: { color: named(step.color), opacity: 0.09 } },
    { yAxis: inside(next ? next.value : range.max) },
  ];
}

export function paintSeries(view, host, index) {
  const { panel } = view;
  const run = report.runs[index];
  const all = panel.results.map((result) => (result.state === "ok" ? preparedSeries(view, result) : { times: [], list: [] }));
  const visible = all.map((side) => ({ ...side, list: side.list.filter((each) => !view.hidden.has(each.name)) }));
  const axes = [false, true]
    .filter((right) => !right || all.some((side) => side.list.some((each) => each.right)))
    .map((right) => {
      const unit = all.flatMap((side) => side.list).find((each) => each.right === right)?.field.unit ?? panel.unit;
      return valueAxis(panel, axisRange(panel, visible, right, unit), unit, right);
    });
  const side = visible[index];
  const chart = element("div", { class: "chart" });
  const plot = element("div", { class: `plot ${panel.legend.placement}` }, chart);
  if (panel.legend.show) plot.append(legend(view, all[index]));
  host.append(plot);
  const series = [...side.list.map((each) => lineOf(each, side, run, panel)), thresholdSeries(panel, axes[0])];
  const rowsAt = (at) => seriesRows(side, side.times.findIndex((time) => position(run, time) === at));
  startChart(view, chart, run, axes, series, rowsAt);
}

function seriesRows(side, place) {
  return side.list
    .filter((each) => isGiven(each.values[place]))
    .sort((one, other) => other.values[place] - one.values[place])
    .map((each) => ({ name: each.name, color: each.color, text: plain(each.field, each.values[place]) }));
}
