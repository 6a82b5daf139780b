/* The page's JSON document, and functions that create elements. Data is always set as text, never parsed as HTML. */
export const report = JSON.parse(document.getElementById("document").textContent);
export const compared = report.runs.length > 1;
export const root = document.documentElement;

export const isGiven = (value) => value !== null && value !== undefined;
const SVG = "http://www.w3.org/2000/svg";
export const element = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) if (isGiven(value)) made.setAttribute(name, value);
  made.append(...children.filter(isGiven));
  return made;
}

export const tone = (color) => `--tone: ${color}`;
export const percentOf = (share) => `${Math.min(Math.max(share, 0), 1) * 100}%`;
