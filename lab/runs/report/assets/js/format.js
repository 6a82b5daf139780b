/* Formats values with units, as Grafana does. */
import { report } from "./document.js";

function fixed(value, decimals) {
  const digits = decimals ?? significantDecimals(value);
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The number of decimals for three significant digits; 0 for integers. */
function significantDecimals(value) {
  if (Number.isInteger(value)) return 0;
  return Math.min(Math.max(2 - Math.floor(Math.log10(Math.abs(value))), 0), 12);
}

function scaled(base, suffixes, prefix = "") {
  return (value, decimals) => {
    let place = 0;
    let rest = value;
    while (Math.abs(rest) >= base && place < suffixes.length - 1) {
      rest /= base;
      place += 1;
    }
    return prefix + fixed(rest, decimals) + suffixes[place];
  };
}

const binary = (last) => scaled(1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"].map((unit) => ` ${unit}${last}`));
const decimal = (last) => scaled(1000, ["B", "kB", "MB", "GB", "TB", "PB"].map((unit) => ` ${unit}${last}`));
const either = (yes, no) => (value) => (value ? yes : no);

const SECONDS = [
  [1e-6, 1e-9, "ns"], [1e-3, 1e-6, "µs"], [1, 1e-3, "ms"], [60, 1, "s"], [3600, 60, "min"],
  [86400, 3600, "hours"], [604800, 86400, "days"], [Infinity, 604800, "weeks"],
];
const SPANS = [[604800, "week"], [86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];

function seconds(value, decimals) {
  if (value === 0) return "0 s";
  const [, size, unit] = SECONDS.find(([limit]) => Math.abs(value) < limit);
  return `${fixed(value / size, decimals)} ${unit}`;
}

/** A duration in words, with its two largest units: "1 hour, 5 minutes". */
function spelled(value) {
  const whole = Math.abs(value);
  const first = SPANS.findIndex(([size]) => whole >= size);
  if (first < 0) return seconds(value);
  let rest = whole;
  const parts = SPANS.slice(first, first + 2).map(([size, name]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count ? `${count} ${name}${count === 1 ? "" : "s"}` : "";
  });
  return parts.filter(Boolean).join(", ");
}

const toSeconds = (epoch) => (Math.abs(epoch) > 1e11 ? epoch / 1000 : epoch);

function fromNow(value, decimals, now) {
  const distance = now - toSeconds(value);
  if (Math.abs(distance) < 1) return "just now";
  const words = spelled(distance).split(",")[0];
  return distance < 0 ? `in ${words}` : `${words} ago`;
}

const dateTime = (value) => new Date(toSeconds(value) * 1000).toISOString().slice(0, 19).replace("T", " ");

const UNITS = {
  "": fixed,
  none: fixed,
  short: scaled(1000, ["", " K", " Mil", " Bil", " Tri"]),
  percent: (value, decimals) => `${fixed(value, decimals)}%`,
  percentunit: (value, decimals) => `${fixed(Number((value * 100).toPrecision(12)), decimals)}%`,
  s: seconds,
  ms: (value, decimals) => seconds(value / 1e3, decimals),
  "µs": (value, decimals) => seconds(value / 1e6, decimals),
  dtdurations: spelled,
  dateTimeFromNow: fromNow,
  dateTimeAsIso: dateTime,
  bytes: binary(""),
  decbytes: decimal(""),
  Bps: decimal("/s"),
  binBps: binary("/s"),
  currencyEUR: scaled(1000, ["", "K", "M", "B", "T"], "€"),
  bool: either("True", "False"),
  bool_on_off: either("On", "Off"),
};

const PER_SECOND = {
  reqps: "req/s", ops: "ops/s", rps: "rd/s", wps: "wr/s", cps: "c/s", iops: "io/s", eps: "evt/s", mps: "msg/s", pps: "p/s",
};
for (const [unit, what] of Object.entries(PER_SECOND)) {
  UNITS[unit] = scaled(1000, ["", "K", "M", "B", "T"].map((scale) => `${scale} ${what}`));
}

export const BINARY_UNITS = new Set(["bytes", "binBps"]);
const NEXT_TO_NOTHING = 1e-12;

export function format(value, unit = "", decimals = null, now = report.runs[0].to) {
  const number = Math.abs(value) < NEXT_TO_NOTHING ? 0 : value;
  if (Object.hasOwn(UNITS, unit ?? "")) return UNITS[unit ?? ""](number, decimals, now);
  if (unit.startsWith("prefix:")) return unit.slice(7).trim() + fixed(number, decimals);
  return `${fixed(number, decimals)} ${unit.replace(/^suffix:/, "").trim()}`;
}

/** The same for axis labels: without trailing zeros, and with short durations. */
export function formatShort(value, unit) {
  const text = format(Number(value.toPrecision(12)), unit === "dtdurations" ? "s" : unit);
  return text.replace(/\.(\d*?)0+(?!\d)/, (all, kept) => (kept ? `.${kept}` : ""));
}
