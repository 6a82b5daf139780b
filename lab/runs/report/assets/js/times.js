/* The time range of all charts. */
import { compared, report } from "./document.js";

const origin = (run) => (compared ? run.start : 0);
export const position = (run, time) => (time - origin(run)) * 1000;

/** The time range of all charts in ms. If two runs are compared, it is the time since each run's start. */
export const SHOWN = {};

/** Sets the time range from the runs. A live page moves the times of its run. */
export function showRuns() {
  SHOWN.from = Math.min(...report.runs.map((run) => position(run, run.from)));
  SHOWN.to = Math.max(...report.runs.map((run) => position(run, run.to)));
}
showRuns();

export const shareOf = (run, time) => (position(run, time) - SHOWN.from) / (SHOWN.to - SHOWN.from);

export const clock = (milliseconds, length = 8) => new Date(milliseconds).toISOString().slice(11, 11 + length);

function elapsed(milliseconds) {
  const whole = Math.round(Math.abs(milliseconds) / 1000);
  const pad = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const text = `${hours ? `${hours}:` : ""}${pad(minutes)}:${pad(whole % 60)}`;
  return milliseconds < 0 ? `−${text}` : text;
}

export const timeText = (milliseconds) => (compared ? elapsed(milliseconds) : clock(milliseconds));
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

export function timeTicks(width) {
  const maxTicks = Math.max(width / 54, 2);
  const shownLength = SHOWN.to - SHOWN.from;
  const step = (TIME_STEPS.find((each) => shownLength / each / 1000 <= maxTicks) ?? 86400) * 1000;
  const halfLabel = (shownLength * 26) / width;
  const first = Math.ceil((SHOWN.from + halfLabel) / step) * step;
  const count = Math.max(Math.floor((SHOWN.to - halfLabel / 2 - first) / step) + 1, 0);
  const values = Array.from({ length: count }, (_, place) => first + place * step);
  return { values, text: (value) => (compared ? elapsed(value) : clock(value, step < 60000 ? 8 : 5)) };
}
