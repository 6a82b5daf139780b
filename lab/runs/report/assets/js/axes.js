/* The axes of charts: their range, ticks and labels. */
import { variable } from "./colors.js";
import { BINARY_UNITS, formatShort } from "./format.js";
import { SHOWN, timeTicks } from "./times.js";
import { extent, present, sum } from "./values.js";

export const FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

function niceStep(rough, isBinary) {
  if (isBinary && rough >= 1) return 2 ** Math.ceil(Math.log2(rough));
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999) * power;
}

/** An axis's minimum, maximum and tick interval, over both sides. */
export function axisRange(panel, sides, right, unit) {
  const [low, high] = extent(sides.flatMap((side) => axisValues(side, right, panel.log)));
  if (panel.log) {
    return { min: 10 ** Math.floor(Math.log10(low ?? 1)), max: 10 ** Math.ceil(Math.log10((high ?? 10) * 1.0001)) };
  }
  let bottom = panel.min ?? low ?? 0;
  let top = (right ? null : panel.max) ?? high ?? 1;
  if (top <= bottom) {
    bottom = panel.min ?? Math.min(bottom, 0);
    top = Math.max(top, bottom + (Math.abs(bottom) || 1));
  }
  const interval = niceStep((top - bottom) / 4, BINARY_UNITS.has(unit));
  return {
    min: panel.min ?? Math.floor(bottom / interval + 1e-9) * interval,
    max: (right ? null : panel.max) ?? Math.ceil(top / interval - 1e-9) * interval,
    interval,
  };
}

function axisValues(side, right, positiveOnly) {
  const list = side.list.filter((each) => each.right === right);
  const values = list.filter((each) => !each.stacked).flatMap((each) => present(each.values));
  const piled = list.filter((each) => each.stacked);
  if (piled.length) {
    side.times.forEach((_, place) => {
      const here = present(piled.map((each) => each.values[place]));
      if (here.length) values.push(sum(here.filter((value) => value > 0)), sum(here.filter((value) => value < 0)));
    });
    values.push(0);
  }
  if (list.some((each) => each.draw === "bars")) values.push(0);
  return positiveOnly ? values.filter((value) => value > 0) : values;
}

const measure = document.createElement("canvas").getContext("2d");

export function widest(texts) {
  measure.font = `11px ${FONTS}`;
  return Math.ceil(Math.max(0, ...texts.map((text) => measure.measureText(text).width)));
}

function ticksOf(range) {
  if (!range.interval) return [range.min, range.max];
  const count = Math.round((range.max - range.min) / range.interval);
  return Array.from({ length: count + 1 }, (_, place) => range.min + place * range.interval);
}

export function valueAxis(panel, range, unit, isRight) {
  const text = (value) => formatShort(value, unit);
  return {
    type: panel.log ? "log" : "value",
    position: isRight ? "right" : "left",
    ...range,
    axisLine: { show: false }, axisTick: { show: false },
    axisLabel: { formatter: text, color: variable("--muted"), fontSize: 11, margin: 6, hideOverlap: true },
    splitLine: { show: !isRight, lineStyle: { color: variable("--faint") } },
    room: widest(ticksOf(range).map(text)) + 12,
  };
}

export function timeAxis(width) {
  const ticks = timeTicks(width);
  return {
    type: "time", min: SHOWN.from, max: SHOWN.to,
    axisLine: { lineStyle: { color: variable("--line") } },
    axisTick: { customValues: ticks.values, length: 4, lineStyle: { color: variable("--line") } },
    axisLabel: { customValues: ticks.values, formatter: ticks.text, color: variable("--muted"), fontSize: 11, hideOverlap: true },
    splitLine: { show: false },
  };
}
