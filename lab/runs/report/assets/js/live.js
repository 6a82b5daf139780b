/* A live dashboard: requests the results for the panels in view every few seconds, and draws them. */
import { inView } from "./chart.js";
import { report, root } from "./document.js";
import { drawForPaper, followWidth, offerThemes } from "./frame.js";
import { drawInView, update } from "./panels.js";
import { clock, showRuns } from "./times.js";

const REFRESH_MILLISECONDS = 5000;
const TIMEOUT_MILLISECONDS = 15000;
/** Panels that scroll into view together are requested together. */
const SCROLL_MILLISECONDS = 150;

const problem = document.getElementById("problem");
const updated = document.getElementById("updated");
let timer = 0;
let isAsking = false;

async function ask(keys) {
  const { uid } = report.dashboards[0];
  const parameters = new URLSearchParams(location.search);
  parameters.set("panels", keys.join(","));
  const signal = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
  const response = await fetch(`/dashboards/${uid}/data?${parameters}`, { signal });
  return response.json();
}

function show({ run, panels }) {
  Object.assign(report.runs[0], run);
  showRuns();
  for (const [key, result] of Object.entries(panels)) update(key, [result]);
  updated.textContent = `Updated ${clock(run.to * 1000)} UTC, refreshes every ${REFRESH_MILLISECONDS / 1000} s`;
}

/** Shows a sentence that says why there is no new data, or hides it when there is. */
function say(sentence) {
  problem.hidden = !sentence;
  problem.querySelector(".sentence").textContent = sentence;
  document.body.classList.toggle("stale", Boolean(sentence));
}

async function refresh() {
  clearTimeout(timer);
  if (isAsking || document.hidden) return;
  isAsking = true;
  try {
    const data = await ask([...inView].map((view) => view.panel.key));
    if (data.problem) {
      say(data.problem);
    } else {
      show(data);
      say("");
    }
  } catch (error) {
    say(`This page's server does not respond (${error.message}). The receiver may be down: see \`make status\`.`);
  }
  isAsking = false;
  const isComplete = [...inView].every((view) => view.panel.results[0].state !== "waiting");
  timer = setTimeout(refresh, isComplete || !problem.hidden ? REFRESH_MILLISECONDS : SCROLL_MILLISECONDS);
}

function seen() {
  if (![...inView].some((view) => view.panel.results[0].state === "waiting")) return;
  clearTimeout(timer);
  timer = setTimeout(refresh, SCROLL_MILLISECONDS);
}

/** Keeps the chosen colours when the user switches to another dashboard or time range. */
function keepTheme() {
  document.getElementById("theme").addEventListener("click", () => sessionStorage.setItem("theme", root.dataset.theme));
}

const kept = sessionStorage.getItem("theme");
if (kept) root.dataset.theme = kept;
// Before keepTheme, because the button's first handler must be the one that changes the colours.
offerThemes();
for (const start of [keepTheme, followWidth, drawForPaper]) start();
document.querySelector(".controls").addEventListener("change", (event) => event.currentTarget.submit());
// After the Back button, browsers would show the options that were selected later.
addEventListener("pageshow", () => document.querySelector(".controls").reset());
document.addEventListener("visibilitychange", () => refresh());
document.querySelector(".boards [aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
drawInView(seen);
