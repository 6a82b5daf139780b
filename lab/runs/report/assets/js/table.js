/* Table panels. */
import { variable } from "./colors.js";
import { element, report, tone } from "./document.js";
import { bar, scaleOf } from "./stat.js";
import { shown } from "./values.js";

export function paintTable(view, host, index) {
  const { columns, rows } = view.panel.results[index].table;
  const drawn = columns.map((column, place) => {
    const values = rows.map((row) => row[place]);
    const numbers = values.filter((value) => typeof value === "number");
    return { ...column, numeric: numbers.length > 0, share: scaleOf({ ...column, min: null, max: null }, numbers) };
  });
  const head = drawn.map((column) => element("th", { scope: "col", class: column.numeric ? "n" : null }, column.name));
  const now = report.runs[index].to;
  host.append(element(
    "div", { class: "data", tabindex: "0", role: "region", "aria-label": view.panel.title },
    element("table", {}, element("thead", {}, element("tr", {}, ...head)), element(
      "tbody", {}, ...rows.map((row) => element("tr", {}, ...drawn.map((column, place) => cell(column, row[place] ?? null, now)))),
    )),
  ));
}

function cell(column, value, now) {
  const { text, color } = shown({ ...column, thresholds: typeof value === "number" ? column.thresholds : [] }, value, now);
  const style = color ? tone(color) : null;
  if (column.color_mode === "gauge" && typeof value === "number") {
    const content = element("span", {}, bar(column.share(value)), element("b", { class: "n" }, text));
    return element("td", { class: "gauge-cell", style: style ?? tone(variable("--series-0")) }, content);
  }
  const colored = color && column.color_mode !== "none" ? column.color_mode : "";
  return element("td", { class: `${column.numeric ? "n " : ""}${colored}`.trim() || null, style }, text);
}
