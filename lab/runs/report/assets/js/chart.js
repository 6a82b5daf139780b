/* A chart with its tooltip, its event marks, and the crosshair shared by all charts. */
import { FONTS, timeAxis } from "./axes.js";
import { variable } from "./colors.js";
import { element, percentOf, tone } from "./document.js";
import { position, shareOf, timeText } from "./times.js";

const TOP_MARGIN = 10;
const BOTTOM_MARGIN = 22;
const MAX_TOOLTIP_ROWS = 24;

function chartOption(width, axes, series, formatter) {
  const right = axes.find((axis) => axis.position === "right");
  const margins = { left: axes[0].room, right: right ? right.room : 10, top: TOP_MARGIN, bottom: BOTTOM_MARGIN };
  return {
    animation: false,
    textStyle: { fontFamily: FONTS },
    grid: { ...margins, outerBoundsMode: "none" },
    xAxis: timeAxis(width - margins.left - margins.right),
    yAxis: axes.map(({ room, ...axis }) => axis),
    series,
    tooltip: {
      trigger: "axis", confine: true, appendTo: document.body, transitionDuration: 0, padding: 0, borderWidth: 1,
      borderColor: variable("--line"),
      backgroundColor: variable("--raised"),
      axisPointer: { type: "line", animation: false, label: { show: false }, lineStyle: { color: variable("--muted") } },
      formatter,
    },
  };
}

export function startChart(view, host, run, axes, series, rowsAt) {
  const option = chartOption(host.clientWidth, axes, series, (points) => tooltip(points, rowsAt));
  const chart = echarts.init(host.appendChild(element("div")), null, { renderer: "svg" });
  chart.setOption(option);
  const marks = runMarks(run, option.grid);
  host.append(marks);
  view.charts.push({ chart, marks });
  host.addEventListener("pointermove", (event) => moveCross(marks, event.clientX));
  host.addEventListener("pointerleave", hideCross);
}

function tooltip(points, rowsAt) {
  const at = [points].flat()[0].value[0];
  const rows = rowsAt(at);
  if (!rows.length) return "";
  const body = rows.slice(0, MAX_TOOLTIP_ROWS).map((row) => element(
    "tr", {}, element("th", {}, element("i", { style: tone(row.color) }), row.name), element("td", {}, row.text),
  ));
  const more = rows.length - body.length;
  return element(
    "div", { class: "tip" }, element("time", {}, timeText(at)), element("table", {}, ...body),
    more ? element("span", { class: "quiet" }, `and ${more} more`) : null,
  );
}

/** A plot's overlay: shading outside the run, events, and the crosshair. */
function runMarks(run, margins) {
  const { left, right, top, bottom } = margins;
  return element(
    "div", { class: "marks", style: `inset: ${top}px ${right}px ${bottom}px ${left}px` },
    element("span", { class: "outside before", style: `width: ${percentOf(shareOf(run, run.start))}` }),
    element("span", { class: "outside after", style: `width: ${percentOf(1 - shareOf(run, run.end))}` }),
    ...run.annotations.map((event) => eventMark(run, event)),
    element("span", { class: "cross" }),
  );
}

const EVENT_KINDS = new Set(["load", "deploy", "drill"]);

function eventMark(run, event) {
  const share = shareOf(run, event.time);
  const kind = EVENT_KINDS.has(event.kind) ? event.kind : "other";
  const text = `${timeText(position(run, event.time))} ${event.kind}: ${event.text}`;
  return element(
    "span", { class: `mark ${kind}${share > 0.5 ? " late" : ""}`, style: `left: ${percentOf(share)}` },
    element("span", { role: "img", "aria-label": text, tabindex: "-1" }, element("em", {}, text)),
  );
}

export const inView = new Set();

/** All charts show the same time range, so a given share of the width is the same time in all of them. */
function moveCross(source, clientX) {
  const { left, width } = source.getBoundingClientRect();
  const share = (clientX - left) / width;
  for (const { marks } of [...inView].flatMap((each) => each.charts)) {
    const cross = marks.lastElementChild;
    cross.style.display = marks !== source && share >= 0 && share <= 1 ? "block" : "none";
    cross.style.left = percentOf(share);
  }
}

function hideCross() {
  for (const { marks } of [...inView].flatMap((view) => view.charts)) marks.lastElementChild.style.display = "none";
}
