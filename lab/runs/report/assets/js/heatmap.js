/* Heatmap panels. */
import { valueAxis, widest } from "./axes.js";
import { startChart } from "./chart.js";
import { heatColor } from "./colors.js";
import { element, report } from "./document.js";
import { formatShort } from "./format.js";
import { position } from "./times.js";
import { extent, plain } from "./values.js";

export function paintHeatmap(view, host, index) {
  const { panel } = view;
  const run = report.runs[index];
  const { times, buckets, cells, unit } = panel.results[index].heatmap;
  const counted = panel.results.flatMap((each) => each.heatmap?.cells.map((one) => one[2]) ?? []);
  const highest = extent([0, ...counted])[1];
  const half = (Math.min(...times.slice(1).map((at, place) => at - times[place]), 60) / 2) * 1000;
  const bound = (place) => bucketBound(buckets, place, unit);
  const skip = Math.ceil(buckets.length / 8);
  const range = { min: 0, max: buckets.length, interval: 1 };
  const axis = valueAxis({ log: false }, range, "none", false);
  const texts = buckets.map((_, place) => bound(place));
  axis.axisLabel.formatter = (value) => (value && (buckets.length - value) % skip === 0 ? texts[value - 1] : "");
  axis.splitLine.show = false;
  axis.room = widest(texts) + 12;
  const series = {
    type: "custom", clip: true, silent: true, encode: { x: 0, y: 1 },
    data: cells.map(([time, bucket, value]) => [position(run, times[time]), bucket, value]),
    renderItem: (_, api) => heatCell(api, half, highest),
  };
  const rowsAt = (at) => cells
    .filter(([time]) => position(run, times[time]) === at)
    .sort((one, other) => other[2] - one[2])
    .map(([, bucket, value]) => ({
      name: `${bucket ? bound(bucket - 1) : "0"} to ${bound(bucket)}`,
      color: heatColor(Math.sqrt(value / highest)),
      text: plain(panel, value),
    }));
  const chart = element("div", { class: "chart" });
  host.append(element("div", { class: "plot" }, chart, heatScale(panel, highest)));
  startChart(view, chart, run, [axis], [series], rowsAt);
}

function bucketBound(buckets, place, unit) {
  const bound = Number(buckets[place]);
  return Number.isFinite(bound) ? formatShort(bound, unit) : "+Inf";
}

function heatCell(api, half, highest) {
  const [left, top] = api.coord([api.value(0) - half, api.value(1) + 1]);
  const [right, bottom] = api.coord([api.value(0) + half, api.value(1)]);
  const shape = { x: left, y: top, width: Math.max(right - left - 0.5, 1), height: Math.max(bottom - top - 0.5, 1) };
  return { type: "rect", shape, style: { fill: heatColor(Math.sqrt(api.value(2) / highest)) } };
}

const heatScale = (panel, highest) => element(
  "div", { class: "scale" }, element("span", {}, "0"), element("i"), element("span", {}, plain(panel, highest)),
);
