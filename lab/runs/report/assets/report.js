/* Draws the run report: reads the JSON document in the page, and fills each panel's frame as Grafana would.
   Panels are drawn when they come into view; window.drawAll() draws all of them at once, as printing does.
   Data are only ever set as text, never parsed as HTML. */
"use strict";

(() => {
  const report = JSON.parse(document.getElementById("document").textContent);
  const compared = report.runs.length > 1;
  const root = document.documentElement;
  const LETTERS = ["A", "B"];
  const PALETTE_SIZE = 10;
  const HEAT_STEPS = 5;
  const TOP_MARGIN = 10;
  const BOTTOM_MARGIN = 22;
  const MOST_TOOLTIP_ROWS = 24;
  const FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

  // ---------------------------------------------------------------- elements

  const isGiven = (value) => value !== null && value !== undefined;
  const SVG = "http://www.w3.org/2000/svg";
  const element = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

  function filled(made, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) if (isGiven(value)) made.setAttribute(name, value);
    made.append(...children.filter(isGiven));
    return made;
  }

  const tone = (color) => `--tone: ${color}`;
  const percentOf = (share) => `${Math.min(Math.max(share, 0), 1) * 100}%`;

  // ---------------------------------------------------------------- units, as Grafana writes them

  function fixed(value, decimals) {
    const digits = decimals ?? significantDecimals(value);
    return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  }

  /** Decimals that leave three significant digits; none for whole numbers. */
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

  /** A length of time in words, in its two largest parts: "1 hour, 5 minutes". */
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
    if (Math.abs(distance) < 1) return "just then";
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

  const BINARY_UNITS = new Set(["bytes", "binBps"]);
  const NEXT_TO_NOTHING = 1e-12;

  function format(value, unit = "", decimals = null, now = report.runs[0].to) {
    const number = Math.abs(value) < NEXT_TO_NOTHING ? 0 : value;
    if (Object.hasOwn(UNITS, unit ?? "")) return UNITS[unit ?? ""](number, decimals, now);
    if (unit.startsWith("prefix:")) return unit.slice(7).trim() + fixed(number, decimals);
    return `${fixed(number, decimals)} ${unit.replace(/^suffix:/, "").trim()}`;
  }

  /** The same without zeros at the end of the decimals, and with short lengths of time, for axes. */
  function formatShort(value, unit) {
    const text = format(Number(value.toPrecision(12)), unit === "dtdurations" ? "s" : unit);
    return text.replace(/\.(\d*?)0+(?!\d)/, (all, kept) => (kept ? `.${kept}` : ""));
  }

  // ---------------------------------------------------------------- times

  const origin = (run) => (compared ? run.start : 0);
  const position = (run, time) => (time - origin(run)) * 1000;

  /** What all charts show from left to right, in ms: of two runs, the time since each began. */
  const SHOWN = {
    from: Math.min(...report.runs.map((run) => position(run, run.from))),
    to: Math.max(...report.runs.map((run) => position(run, run.to))),
  };
  const shareOf = (run, time) => (position(run, time) - SHOWN.from) / (SHOWN.to - SHOWN.from);

  const clock = (milliseconds, length = 8) => new Date(milliseconds).toISOString().slice(11, 11 + length);

  function elapsed(milliseconds) {
    const whole = Math.round(Math.abs(milliseconds) / 1000);
    const pad = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(whole / 3600);
    const minutes = Math.floor((whole % 3600) / 60);
    const text = `${hours ? `${hours}:` : ""}${pad(minutes)}:${pad(whole % 60)}`;
    return milliseconds < 0 ? `−${text}` : text;
  }

  const timeText = (milliseconds) => (compared ? elapsed(milliseconds) : clock(milliseconds));
  const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

  function timeTicks(width) {
    const most = Math.max(width / 54, 2);
    const shownLength = SHOWN.to - SHOWN.from;
    const step = (TIME_STEPS.find((each) => shownLength / each / 1000 <= most) ?? 86400) * 1000;
    const halfLabel = (shownLength * 26) / width;
    const first = Math.ceil((SHOWN.from + halfLabel) / step) * step;
    const count = Math.max(Math.floor((SHOWN.to - halfLabel / 2 - first) / step) + 1, 0);
    const values = Array.from({ length: count }, (_, place) => first + place * step);
    return { values, text: (value) => (compared ? elapsed(value) : clock(value, step < 60000 ? 8 : 5)) };
  }

  // ---------------------------------------------------------------- colours

  const probe = element("span", { hidden: "" });
  document.body.append(probe);
  const resolved = new Map();
  const FAMILIES = new Set(["green", "red", "orange", "yellow", "blue", "purple"]);
  const SHADES = {
    "dark-": ["--ink", 0.3], "semi-dark-": ["--ink", 0.15], "light-": ["--paper", 0.15], "super-light-": ["--paper", 0.3],
  };

  /** A CSS colour as the theme of the moment has it, as "rgb(…)". */
  function css(color) {
    if (!resolved.has(color)) {
      probe.style.color = "var(--ink)";
      probe.style.color = color;
      resolved.set(color, toRgb(getComputedStyle(probe).color));
    }
    return resolved.get(color);
  }

  /** Mixed colours are computed as color(srgb …), which the charts do not know. */
  function toRgb(color) {
    if (!color.startsWith("color(srgb")) return color;
    const [red, green, blue] = color.match(/[\d.]+(e-\d+)?/g).map((part) => Math.round(part * 255));
    return `rgb(${red}, ${green}, ${blue})`;
  }

  const variable = (name) => css(`var(${name})`);
  const mixed = (color, other, share) => css(`color-mix(in srgb, ${other} ${Math.round(share * 100)}%, ${color})`);

  /** A colour by Grafana's name. */
  function named(name) {
    if (!name || name === "text") return variable("--ink");
    if (name === "transparent") return "transparent";
    const family = name.split("-").pop();
    if (!FAMILIES.has(family)) return css(name);
    const shade = SHADES[name.slice(0, -family.length)];
    return shade ? mixed(`var(--${family})`, `var(${shade[0]})`, shade[1]) : variable(`--${family}`);
  }

  /** A colour of the palette; those after the first round are mixed with the ink. */
  function paletteColor(place) {
    const base = `var(--series-${place % PALETTE_SIZE})`;
    const round = Math.floor(place / PALETTE_SIZE);
    return round ? mixed(base, "var(--ink)", Math.min(0.38 * round, 0.76)) : css(base);
  }

  function heatColor(share) {
    const at = Math.min(Math.max(share, 0), 1) * (HEAT_STEPS - 1);
    const below = Math.min(Math.floor(at), HEAT_STEPS - 2);
    return mixed(`var(--heat-${below})`, `var(--heat-${below + 1})`, at - below);
  }

  const dark = () => getComputedStyle(root).colorScheme === "dark"
    || (getComputedStyle(root).colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);

  // ---------------------------------------------------------------- values, thresholds, mappings

  function thresholdName(thresholds, value) {
    const reached = (thresholds ?? []).filter((step) => !isGiven(step.value) || value >= step.value);
    return reached.length ? reached[reached.length - 1].color : null;
  }

  function mappingOf(mappings, value) {
    return (mappings ?? []).find((each) => {
      const bounded = isGiven(each.from) || isGiven(each.to);
      if (value === null) return each.value === null && !bounded;
      if (each.value !== null) return String(value) === each.value;
      return bounded && value >= (each.from ?? -Infinity) && value <= (each.to ?? Infinity);
    });
  }

  /** What a field shows for a value: its text, and its colour, null where nothing asks for one. */
  function shown(field, value, now) {
    const mapping = mappingOf(field.mappings, value);
    const color = mapping?.color ?? (value === null ? null : thresholdName(field.thresholds, value));
    return { text: mapping?.text || plain(field, value, now), color: color && named(color) };
  }

  function plain(field, value, now) {
    if (!isGiven(value)) return "–";
    return typeof value === "number" ? format(value, field.unit, field.decimals, now) : String(value);
  }

  function styleOf(panel, name) {
    const style = {};
    for (const override of panel.overrides.filter((each) => matches(each.name, name))) {
      for (const [property, value] of Object.entries(override)) {
        if (value !== null && property !== "name") style[property] = value;
      }
    }
    return style;
  }

  function matches(pattern, name) {
    if (!(pattern.length > 2 && pattern.startsWith("/") && pattern.endsWith("/"))) return pattern === name;
    try {
      return new RegExp(pattern.slice(1, -1)).test(name);
    } catch {
      return false;
    }
  }

  const fieldOf = (panel, style) => ({ ...panel, unit: style.unit ?? panel.unit });

  const present = (values) => values.filter(isGiven);
  const sum = (values) => values.reduce((total, value) => total + value, 0);

  const CALCS = {
    lastNotNull: ["Last *", (values) => present(values).at(-1)],
    last: ["Last", (values) => values.at(-1)],
    firstNotNull: ["First *", (values) => present(values)[0]],
    min: ["Min", (values) => extent(present(values))[0]],
    max: ["Max", (values) => extent(present(values))[1]],
    mean: ["Mean", (values) => (present(values).length ? sum(present(values)) / present(values).length : null)],
    sum: ["Total", (values) => sum(present(values))],
    count: ["Count", (values) => values.length],
    range: ["Range", (values) => extent(present(values))[1] - extent(present(values))[0]],
  };

  function extent(values) {
    if (!values.length) return [null, null];
    return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  }

  // ---------------------------------------------------------------- series

  /** Names that are all different: a second "x" becomes "x (2)". */
  function distinct(names) {
    const seen = new Map();
    return names.map((name) => {
      seen.set(name, (seen.get(name) ?? 0) + 1);
      return seen.get(name) > 1 ? `${name} (${seen.get(name)})` : name;
    });
  }

  /** The place of each name in the palette, the same on both sides of a comparison. */
  function palettePlaces(panel) {
    const places = new Map();
    for (const result of panel.results) {
      for (const name of distinct((result.series ?? result.values ?? []).map((each) => each.name))) {
        if (!places.has(name)) places.set(name, places.size);
      }
    }
    return places;
  }

  /** The series of one side, all over the same times, with what overrides say of them. */
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

  function niceStep(rough, isBinary) {
    if (isBinary && rough >= 1) return 2 ** Math.ceil(Math.log2(rough));
    const power = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999) * power;
  }

  /** The lowest and highest value of an axis, and the step between its ticks, over both sides. */
  function axisRange(panel, sides, right, unit) {
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

  // ---------------------------------------------------------------- charts over time

  const measure = document.createElement("canvas").getContext("2d");

  function widest(texts) {
    measure.font = `11px ${FONTS}`;
    return Math.ceil(Math.max(0, ...texts.map((text) => measure.measureText(text).width)));
  }

  function ticksOf(range) {
    if (!range.interval) return [range.min, range.max];
    const count = Math.round((range.max - range.min) / range.interval);
    return Array.from({ length: count + 1 }, (_, place) => range.min + place * range.interval);
  }

  function valueAxis(panel, range, unit, isRight) {
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

  function timeAxis(width) {
    const ticks = timeTicks(width);
    return {
      type: "time", min: SHOWN.from, max: SHOWN.to,
      axisLine: { lineStyle: { color: variable("--line") } },
      axisTick: { customValues: ticks.values, length: 4, lineStyle: { color: variable("--line") } },
      axisLabel: { customValues: ticks.values, formatter: ticks.text, color: variable("--muted"), fontSize: 11, hideOverlap: true },
      splitLine: { show: false },
    };
  }

  function chartOption(width, axes, series, tooltip) {
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
        formatter: tooltip,
      },
    };
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

  /** A value at a time. One that stands alone between gaps has no line, so it gets a dot. */
  function pointOf(entry, place, at, positiveOnly) {
    const value = entry.values[place];
    if (value === null || (positiveOnly && value <= 0)) return [at, null];
    const alone = !isGiven(entry.values[place - 1]) && !isGiven(entry.values[place + 1]);
    return alone && entry.draw === "line" ? { value: [at, value], symbol: "circle", symbolSize: 4 } : [at, value];
  }

  /** A series without data that carries the thresholds as lines and areas. */
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

  function paintSeries(view, host, index) {
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

  function paintHeatmap(view, host, index) {
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

  function startChart(view, host, run, axes, series, rowsAt) {
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
    const body = rows.slice(0, MOST_TOOLTIP_ROWS).map((row) => element(
      "tr", {}, element("th", {}, element("i", { style: tone(row.color) }), row.name), element("td", {}, row.text),
    ));
    const more = rows.length - body.length;
    return element(
      "div", { class: "tip" }, element("time", {}, timeText(at)), element("table", {}, ...body),
      more ? element("span", { class: "quiet" }, `and ${more} more`) : null,
    );
  }

  // ---------------------------------------------------------------- marks over charts, and the shared crosshair

  /** What lies over a plot: the time outside of the run, its events, and the crosshair. */
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

  const inView = new Set();

  /** All charts show the same length of time, so one share of the width is the same moment in all of them. */
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

  // ---------------------------------------------------------------- legends

  function legend(view, side) {
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

  /** A click shows a series alone, another one all of them again; with Ctrl, Shift or ⌘ it shows or hides that one. */
  function choose(view, names, name, alone) {
    const isAlone = !view.hidden.has(name) && names.every((each) => each === name || view.hidden.has(each));
    if (alone) {
      if (!view.hidden.delete(name)) view.hidden.add(name);
    } else {
      view.hidden = new Set(isAlone ? [] : names.filter((each) => each !== name));
    }
    const side = [...view.body.children].findIndex((each) => each.contains(document.activeElement));
    draw(view);
    const buttons = view.body.children[Math.max(side, 0)].querySelectorAll(".legend button");
    [...buttons].find((each) => each.dataset.name === name)?.focus();
  }

  // ---------------------------------------------------------------- single values

  /** Each value with its name, text and colour. */
  function preparedValues(view, index) {
    const { panel } = view;
    const { values } = panel.results[index];
    const names = distinct(values.map((each) => each.name));
    return values.map((each, place) => {
      const style = styleOf(panel, each.name);
      const { text, color } = shown(fieldOf(panel, style), each.value, report.runs[index].to);
      const byPalette = panel.color_mode.startsWith("palette") ? paletteColor(view.places.get(names[place])) : null;
      const byField = style.color ?? (panel.color_mode === "fixed" ? panel.fixed_color : null);
      return { ...each, text, color: byField ? named(byField) : byPalette ?? color ?? variable("--ink") };
    });
  }

  function paintStat(view, host, index) {
    const { panel } = view;
    const entries = preparedValues(view, index);
    const withName = panel.text_mode === "value_and_name" || (panel.text_mode === "auto" && entries.length > 1);
    host.append(element("div", { class: valuesClass(panel) }, ...entries.map((entry) => {
      const big = panel.text_mode === "name" ? entry.name : entry.text;
      const line = sparkline(entry.spark ?? []);
      return element(
        "div", { class: `value${line ? " sparked" : ""}`, style: `${tone(entry.color)}; --length: ${Math.max(big.length, 4)}` },
        line, withName ? element("small", { title: entry.name }, entry.name) : null, element("strong", {}, big),
      );
    })));
  }

  const valuesClass = (panel) => `values${panel.orientation === "horizontal" ? " stacked" : ""}`;

  function sparkline(points) {
    const known = points.filter(([, value]) => value !== null);
    if (known.length < 2) return null;
    const [low, high] = extent(known.map(([, value]) => value));
    const [from, to] = [points[0][0], points.at(-1)[0]];
    const across = (at) => (((at - from) / (to - from)) * 100).toFixed(2);
    const down = (value) => (high === low ? 20 : 38 - ((value - low) / (high - low)) * 36).toFixed(2);
    const parts = unbroken(points);
    const lines = parts.map((part) => `M${part.map(([at, value]) => `${across(at)},${down(value)}`).join("L")}`);
    const areas = parts.map((part, place) => `${lines[place]}L${across(part.at(-1)[0])},40L${across(part[0][0])},40Z`);
    return svg(
      "svg", { class: "spark", viewBox: "0 0 100 40", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("path", { class: "area", d: areas.join("") }), svg("path", { d: lines.join("") }),
    );
  }

  /** The points in pieces that have no gap. */
  function unbroken(points) {
    const pieces = [[]];
    for (const point of points) {
      if (point[1] === null) pieces.push([]);
      else pieces.at(-1).push(point);
    }
    return pieces.filter((piece) => piece.length);
  }

  function scaleOf(panel, values) {
    const low = panel.min ?? Math.min(0, ...values);
    const usual = { percent: 100, percentunit: 1 }[panel.unit];
    const high = panel.max ?? Math.max(usual ?? 0, ...values);
    return (value) => (high > low ? Math.min(Math.max(((value ?? low) - low) / (high - low), 0), 1) : 0);
  }

  const allValues = (panel) => present(panel.results.flatMap((result) => (result.values ?? []).map((each) => each.value)));

  function paintGauge(view, host, index) {
    const { panel } = view;
    const share = scaleOf(panel, allValues(panel));
    const entries = preparedValues(view, index);
    const isNamed = entries.length > 1 || panel.text_mode === "value_and_name";
    host.append(element("div", { class: valuesClass(panel) }, ...entries.map((entry) => element(
      "div", { class: "value", style: tone(entry.color) }, arc(panel, entry, share),
      isNamed ? element("small", { title: entry.name }, entry.name) : null,
    ))));
  }

  function arc(panel, entry, share) {
    const steps = panel.thresholds.length > 1 ? panel.thresholds : [];
    const starts = steps.map((step) => (!isGiven(step.value) ? 0 : share(step.value)));
    const zones = steps.map((step, place) => svg("path", {
      class: "zone", d: arcPath(starts[place], starts[place + 1] ?? 1, 46), stroke: named(step.color),
    }));
    const size = Math.min(19, 96 / Math.max(entry.text.length, 1));
    return svg(
      "svg", { class: "arc", viewBox: "0 0 100 58" },
      svg("path", { d: arcPath(0, 1, 38), stroke: variable("--faint") }),
      entry.value === null ? null : svg("path", { d: arcPath(0, share(entry.value), 38), stroke: entry.color }),
      ...zones, svg("text", { x: 50, y: 50, style: `--size: ${size}px` }, entry.text),
    );
  }

  /** A part of a half circle around 50,52, from one share of it to another. */
  function arcPath(from, to, radius) {
    const point = (share) => {
      const angle = Math.PI * (1 - share);
      return `${(50 + radius * Math.cos(angle)).toFixed(2)} ${(52 - radius * Math.sin(angle)).toFixed(2)}`;
    };
    return to > from ? `M${point(from)}A${radius} ${radius} 0 0 1 ${point(to)}` : "";
  }

  function paintBars(view, host, index) {
    const share = scaleOf(view.panel, allValues(view.panel));
    host.append(element("ul", { class: "bars" }, ...preparedValues(view, index).map((entry) => element(
      "li", { style: tone(entry.color) }, element("span", { class: "name", title: entry.name }, entry.name),
      bar(share(entry.value)), element("b", {}, entry.text),
    ))));
  }

  const bar = (share) => element(
    "span", { class: "room", "aria-hidden": "true" }, element("i", { style: `width: ${percentOf(share)}` }),
  );

  // ---------------------------------------------------------------- tables

  function paintTable(view, host, index) {
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

  // ---------------------------------------------------------------- panels

  const PAINTERS = {
    timeseries: paintSeries, heatmap: paintHeatmap, stat: paintStat, gauge: paintGauge, bargauge: paintBars, table: paintTable,
  };
  const SAID = { empty: "No data", failed: "No answer", unknown: "Not drawn in this report", absent: "Not part of this runtime" };

  function allPanels() {
    const panels = report.dashboards.flatMap((dashboard) => dashboard.rows.flatMap((row) => row.panels));
    const frames = document.querySelectorAll("article.panel");
    return panels.map((panel, place) => ({
      panel, frame: frames[place], body: frames[place].querySelector(".body"),
      places: palettePlaces(panel), hidden: hiddenAtFirst(panel), charts: [], fresh: false,
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
    view.frame.dataset.state = states.includes("drawn") ? "drawn" : states[0];
    view.fresh = true;
  }

  /** Draws one side of a panel, or says why it cannot be drawn; returns its state. */
  function paint(view, host, result, index) {
    const { panel } = view;
    const isKnown = Object.hasOwn(PAINTERS, panel.type);
    if (result.state === "ok" && isKnown) {
      PAINTERS[panel.type](view, host, index);
      return "drawn";
    }
    const state = result.state === "ok" ? "unknown" : result.state;
    const text = result.message || (isKnown ? "" : `This report does not know panels of the type ${panel.type}.`);
    host.append(message(panel, state, text));
    return state;
  }

  function message(panel, state, text) {
    const queries = state === "unknown" ? panel.queries.map((query) => element("pre", {}, element("code", {}, query.expr))) : [];
    return element("div", { class: `message ${state}` }, element("b", {}, SAID[state]), element("span", {}, text), ...queries);
  }

  const views = allPanels();
  const viewOf = new Map(views.map((view) => [view.frame, view]));

  function redraw() {
    resolved.clear();
    for (const view of views) view.fresh = false;
    for (const view of inView) draw(view);
  }

  window.drawAll = () => {
    for (const view of views) if (!view.fresh) draw(view);
  };

  function drawInView() {
    const observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const view = viewOf.get(target);
        if (isIntersecting) inView.add(view);
        else inView.delete(view);
        if (isIntersecting && !view.fresh) draw(view);
      }
    }, { rootMargin: "300px 0px" });
    for (const view of views) observer.observe(view.frame);
  }

  // ---------------------------------------------------------------- the rest of the page

  function placeAlerts() {
    for (const section of document.querySelectorAll(".alerts")) {
      const run = report.runs[section.dataset.run];
      const share = (time) => Math.min(Math.max((time - run.from) / (run.to - run.from), 0), 1);
      for (const each of section.querySelectorAll(".track")) {
        const style = `left: ${percentOf(share(run.start))}; right: ${percentOf(1 - share(run.end))}`;
        each.append(element("span", { class: "during", style }));
      }
      for (const each of section.querySelectorAll(".track .bar")) {
        each.style.left = percentOf(share(Number(each.dataset.start)));
        each.style.right = percentOf(1 - share(Number(each.dataset.end)));
      }
      section.querySelector(".events").append(...run.annotations.map((event) => element(
        "li", {}, element("time", {}, clock(event.time * 1000)), element("span", {}, `${event.kind}: ${event.text}`),
      )));
    }
  }

  function offerThemes() {
    const button = document.getElementById("theme");
    const show = () => {
      button.textContent = dark() ? "Light" : "Dark";
      button.setAttribute("aria-label", `${button.textContent} colours`);
      redraw();
    };
    button.hidden = false;
    show();
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      show();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  }

  function foldContents() {
    const contents = document.querySelector(".contents");
    const isPhone = matchMedia("(max-width: 800px)");
    const fit = () => contents.toggleAttribute("open", !isPhone.matches);
    fit();
    isPhone.addEventListener("change", fit);
    contents.addEventListener("click", (event) => {
      if (isPhone.matches && event.target.closest("a")) contents.open = false;
    });
  }

  function followReading() {
    const linkTo = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
    const observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        linkTo.get(target.id)?.setAttribute("aria-current", isIntersecting);
      }
    }, { rootMargin: "-20% 0px -79% 0px" });
    for (const section of document.querySelectorAll("#summary, .dashboard")) observer.observe(section);
  }

  function followWidth() {
    let width = root.clientWidth;
    let waiting = 0;
    addEventListener("resize", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        if (root.clientWidth === width || root.classList.contains("printing")) return;
        width = root.clientWidth;
        redraw();
      }, 150);
    });
  }

  function drawForPaper() {
    const print = (isPrinting) => {
      root.classList.toggle("printing", isPrinting);
      redraw();
      if (isPrinting) window.drawAll();
    };
    addEventListener("beforeprint", () => print(true));
    addEventListener("afterprint", () => print(false));
  }

  for (const start of [placeAlerts, offerThemes, foldContents, followReading, followWidth, drawForPaper, drawInView]) start();
})();
