/* Shared by all pages with panels: light and dark colours, and panels that fit the window or the paper. */
import { dark } from "./colors.js";
import { root } from "./document.js";
import { redraw } from "./panels.js";

export function offerThemes() {
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

export function followWidth() {
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

export function drawForPaper() {
  const print = (isPrinting) => {
    root.classList.toggle("printing", isPrinting);
    redraw();
    if (isPrinting) window.drawAll();
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
}
