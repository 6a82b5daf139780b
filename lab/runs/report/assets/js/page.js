/* The rest of the page. Everything starts here. */
import { element, percentOf, report } from "./document.js";
import { drawForPaper, followWidth, offerThemes } from "./frame.js";
import { drawInView } from "./panels.js";
import { clock } from "./times.js";

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

for (const start of [placeAlerts, offerThemes, foldContents, followReading, followWidth, drawForPaper, drawInView]) start();
