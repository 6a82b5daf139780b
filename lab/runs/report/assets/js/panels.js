/* Draws each panel when it scrolls into view. window.drawAll() draws all of them at once, for printing. */
import { inView } from "./chart.js";
import { resolved } from "./colors.js";
import { compared, element, report } from "./document.js";
import { paintHeatmap } from "./heatmap.js";
import { paintBars, paintGauge, paintStat } from "./stat.js";
import { paintTable } from "./table.js";
import { paintSeries } from "./timeseries.js";
import { distinct, palettePlaces, styleOf } from "./values.js";

const LETTERS = ["A", "B"];

const PAINTERS = {
  timeseries: paintSeries, heatmap: paintHeatmap, stat: paintStat, gauge: paintGauge, bargauge: paintBars, table: paintTable,
};
const HEADINGS = { empty: "No data", failed: "Query failed", unknown: "Not supported", absent: "Not available", waiting: "Loading" };

function allPanels() {
  const panels = report.dashboards.flatMap((dashboard) => dashboard.rows.flatMap((row) => row.panels));
  const articles = document.querySelectorAll("article.panel");
  return panels.map((panel, place) => ({
    panel, article: articles[place], body: articles[place].querySelector(".body"),
    places: palettePlaces(panel), hidden: hiddenAtFirst(panel), charts: [], fresh: false, redraw() { draw(this); },
  }));
}

function hiddenAtFirst(panel) {
  const names = panel.results.flatMap((result) => distinct((result.series ?? []).map((each) => each.name)));
  return new Set(names.filter((name) => styleOf(panel, name).hidden));
}

function draw(view) {
  for (const { chart } of view.charts) chart.dispose();
  view.charts = [];
  view.body.replaceChildren(...view.panel.results.map((_, index) => element(
    "div", { class: "side" }, compared ? element("b", { class: "letter" }, LETTERS[index]) : null,
  )));
  const states = view.panel.results.map((result, index) => paint(view, view.body.children[index], result, index));
  view.article.dataset.state = states.includes("drawn") ? "drawn" : states[0];
  view.fresh = true;
}

/** Draws one side of a panel, or the reason why it cannot be drawn, and returns its state. */
function paint(view, host, result, index) {
  const { panel } = view;
  const isKnown = Object.hasOwn(PAINTERS, panel.type);
  if (result.state === "ok" && isKnown) {
    PAINTERS[panel.type](view, host, index);
    return "drawn";
  }
  const state = result.state === "ok" ? "unknown" : result.state;
  const text = result.message || (isKnown ? "" : `Panels of type ${panel.type} are not supported.`);
  host.append(message(panel, state, text));
  return state;
}

function message(panel, state, text) {
  const queries = state === "unknown" ? panel.queries.map((query) => element("pre", {}, element("code", {}, query.expr))) : [];
  return element("div", { class: `message ${state}` }, element("b", {}, HEADINGS[state]), element("span", {}, text), ...queries);
}

const views = allPanels();
const viewOf = new Map(views.map((view) => [view.article, view]));

export function redraw() {
  resolved.clear();
  for (const view of views) view.fresh = false;
  for (const view of inView) draw(view);
}

window.drawAll = () => {
  for (const view of views) if (!view.fresh) draw(view);
};

const READING_MILLISECONDS = 10000;
let lastMove = -Infinity;
document.addEventListener("pointermove", () => (lastMove = performance.now()));

/** Gives a panel new results, and draws it if it is in view. Series keep their colours. */
export function update(key, results) {
  const view = views.find((each) => each.panel.key === key);
  view.panel.results = results;
  for (const name of palettePlaces(view.panel).keys()) {
    if (view.places.has(name)) continue;
    view.places.set(name, view.places.size);
    if (styleOf(view.panel, name).hidden) view.hidden.add(name);
  }
  view.fresh = false;
  // A chart under a pointer that has just moved is not redrawn, so that it keeps its tooltip.
  const isRead = view.body.querySelector(".chart:hover") && performance.now() - lastMove < READING_MILLISECONDS;
  if (inView.has(view) && !isRead) keepingPlace(view.body, () => draw(view));
}

/** Redraws an element's content and keeps its scroll position and focus. */
function keepingPlace(body, redrawn) {
  const scrolled = () => [...body.querySelectorAll(".legend, .data, .bars, .values")];
  const offsets = scrolled().map((each) => each.scrollTop);
  const name = body.contains(document.activeElement) ? document.activeElement.dataset.name : undefined;
  redrawn();
  for (const [place, each] of scrolled().entries()) each.scrollTop = offsets[place] ?? 0;
  if (name !== undefined) [...body.querySelectorAll(".legend button")].find((each) => each.dataset.name === name)?.focus();
}

/** Draws panels when they come into view, and then calls `seen`. */
export function drawInView(seen = () => {}) {
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const view = viewOf.get(target);
      if (isIntersecting) inView.add(view);
      else inView.delete(view);
      if (isIntersecting && !view.fresh) draw(view);
    }
    seen();
  }, { rootMargin: "300px 0px" });
  for (const view of views) observer.observe(view.article);
}
