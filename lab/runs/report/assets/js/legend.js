/* Legends, which show or hide series. */
import { element, tone } from "./document.js";
import { CALCS, plain } from "./values.js";

export function legend(view, side) {
  const { mode, calcs } = view.panel.legend;
  const known = calcs.filter((calc) => Object.hasOwn(CALCS, calc));
  return element("div", { class: "legend" }, (mode === "table" ? legendTable : legendList)(view, side, known));
}

function legendList(view, side, calcs) {
  return element("ul", {}, ...side.list.map((entry) => element("li", {}, legendButton(view, side, entry, calcs.map(
    (calc) => element("span", { class: "calc" }, `${CALCS[calc][0]}: ${calculated(entry, calc)}`),
  )))));
}

function legendTable(view, side, calcs) {
  const head = element("tr", {}, element("th", { scope: "col" }, "Name"), ...calcs.map(
    (calc) => element("th", { class: "n", scope: "col" }, CALCS[calc][0]),
  ));
  const rows = side.list.map((entry) => element(
    "tr", {}, element("th", { scope: "row" }, legendButton(view, side, entry, [])),
    ...calcs.map((calc) => element("td", { class: "n" }, calculated(entry, calc))),
  ));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function calculated(entry, calc) {
  const value = CALCS[calc][1](entry.values);
  return plain(entry.field, Number.isFinite(value) ? value : null);
}

function legendButton(view, side, entry, notes) {
  const swatch = element("i", { class: entry.style.dashed ? "dashed" : null, style: tone(entry.color) });
  const attributes = { type: "button", "aria-pressed": !view.hidden.has(entry.name), "data-name": entry.name };
  const button = element("button", attributes, swatch, element("span", {}, entry.name), ...notes);
  button.addEventListener("click", (event) => {
    choose(view, side.list.map((each) => each.name), entry.name, event.ctrlKey || event.metaKey || event.shiftKey);
  });
  return button;
}

/** A click shows only this series, and a second click shows all of them again. Ctrl, Shift or ⌘ toggles this series. */
function choose(view, names, name, alone) {
  const isAlone = !view.hidden.has(name) && names.every((each) => each === name || view.hidden.has(each));
  if (alone) {
    if (!view.hidden.delete(name)) view.hidden.add(name);
  } else {
    view.hidden = new Set(isAlone ? [] : names.filter((each) => each !== name));
  }
  const side = [...view.body.children].findIndex((each) => each.contains(document.activeElement));
  view.redraw();
  const buttons = view.body.children[Math.max(side, 0)].querySelectorAll(".legend button");
  [...buttons].find((each) => each.dataset.name === name)?.focus();
}
