// Charts that answer: where scripts run, each picture that comes into view becomes an interactive chart with tooltips.
// Vega comes from this host and runs with its interpreter (ast), so that no text is ever run as a script. If anything fails, the picture stays.
"use strict";
const vega = document.currentScript.dataset.vega;
const night = matchMedia("(prefers-color-scheme: dark)");
const printing = matchMedia("print");
const shown = new Map();
const LETTER = 9.5;

// A title in lines of at most so many letters: Vega would cut it at the edge.
function inLines(text, most) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last && last.length + word.length >= most) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

async function draw(figure) {
  if (printing.matches) return;
  const answer = await fetch(figure.dataset.spec + (night.matches ? "&paper=dark" : ""));
  if (!answer.ok) return;
  const spec = await answer.json();
  spec.width = "container";
  spec.autosize = { type: "fit-x", contains: "padding" };
  if ("titled" in figure.dataset) delete spec.title;
  if (!window.vegaEmbed) await import(vega);
  if (spec.title?.text) spec.title = { ...spec.title, text: inLines([spec.title.text].flat().join(" "), figure.clientWidth / LETTER), frame: "bounds" };
  const place = document.createElement("div");
  place.className = "vega";
  // One picture with one text, that of the picture drawn by the board: Vega gives roles to its parts, some of which it names for nobody.
  const inside = place.appendChild(document.createElement("div"));
  inside.setAttribute("aria-hidden", "true");
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", figure.querySelector("img").alt);
  figure.insertBefore(place, figure.querySelector("picture"));
  const made = await window.vegaEmbed(inside, spec, {
    ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true }, loader: { http: { credentials: "omit" } },
  });
  figure.classList.add("drawn");
  shown.get(figure)?.();
  shown.set(figure, () => { made.finalize(); place.remove(); });
}

const watched = new IntersectionObserver((seen) => {
  for (const one of seen.filter((one) => one.isIntersecting)) {
    watched.unobserve(one.target);
    draw(one.target).catch(() => one.target.classList.remove("drawn"));
  }
}, { rootMargin: "200px" });

// Looks for figures in a part of the page; whoever puts new ones there calls it again.
function watchCharts(part) {
  for (const figure of shown.keys()) if (!figure.isConnected) { shown.get(figure)(); shown.delete(figure); }
  for (const figure of part.querySelectorAll("figure[data-spec]")) watched.observe(figure);
}
window.watchCharts = watchCharts;
night.addEventListener("change", () => { for (const figure of shown.keys()) draw(figure); });
watchCharts(document);
