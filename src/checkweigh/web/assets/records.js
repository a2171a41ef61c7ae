// The slider of the record book: while it is dragged, the book is put in place as known on that day, from states that are fetched once.
// Without this script the same page is a form with two dates.
"use strict";
const slider = document.getElementById("slider");
const DAY = 86_400_000;
const number = (text) => Date.parse(text) / DAY;
const iso = (day) => new Date(day * DAY).toISOString().slice(0, 10);
const words = (day) => new Date(day * DAY).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });

if (slider) {
  const moments = [...document.querySelectorAll(".moments li")].map((item) => ({ day: number(item.dataset.day), ruled: item.classList.contains("ruled") }));
  const at = document.getElementById("at"), since = document.getElementById("since");
  const known = document.getElementById("known-on"), place = document.getElementById("book"), changes = document.getElementById("changes");
  const asked = new URLSearchParams(location.search);
  const books = new Map(), told = new Map();
  const first = moments[0].day, last = Math.max(moments.at(-1).day, at.value ? number(at.value) : 0);
  let start = null, shown = null, rested = 0;

  slider.min = first; slider.max = last; slider.value = at.value ? number(at.value) : last;
  slider.closest(".slide").hidden = false;
  marks();

  // Ticks where something was recorded; those with verdicts in red.
  function marks() {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "ticks"); svg.setAttribute("aria-hidden", "true"); svg.setAttribute("viewBox", "0 0 1000 12"); svg.setAttribute("preserveAspectRatio", "none");
    for (const one of moments) {
      const tick = document.createElementNS(svg.namespaceURI, "rect"), span = Math.max(last - first, 1);
      tick.setAttribute("x", (one.day - first) / span * 996); tick.setAttribute("width", one.ruled ? 4 : 2); tick.setAttribute("height", 12);
      tick.setAttribute("class", one.ruled ? "ruled" : ""); svg.append(tick);
    }
    slider.after(svg);
  }

  // The day of the last moment up to a day: between two moments the book stays the same.
  const held = (day) => moments.findLast((one) => one.day <= day)?.day ?? first;

  function query(day, other) {
    const made = new URLSearchParams(asked);
    made.delete("at"); made.delete("since");
    made.set("at", iso(day));
    if (other != null) made.set("since", iso(other));
    return made;
  }

  function fetched(store, path, made) {
    const key = made.toString();
    if (!store.has(key)) {
      store.set(key, fetch(`${path}?${key}`, { headers: { accept: "text/html" } }).then((answer) => {
        if (!answer.ok) { store.delete(key); throw new Error(answer.status); }
        return answer.text();
      }));
    }
    return store.get(key);
  }

  const parsed = (html) => new DOMParser().parseFromString(html, "text/html").body.childNodes;

  async function redraw() {
    const day = Number(slider.value), moment = held(day);
    known.textContent = words(day);
    slider.setAttribute("aria-valuetext", words(day));
    at.value = iso(day);
    if (shown === moment) return;
    shown = moment;
    const wanted = moment;
    document.body.classList.add("waiting");
    try {
      const html = await fetched(books, "/records/book", query(moment));
      if (shown !== wanted) return;
      place.replaceChildren(...parsed(html));
      document.body.classList.remove("waiting");
      foot(place.querySelector("#state"));
      clearTimeout(rested);
      rested = setTimeout(() => window.watchCharts?.(place), 600);
      await compare();
    } catch { known.textContent = words(day) + " (the board does not answer; try again)"; }
  }

  // The foot of the page says which state is shown.
  function foot(state) {
    const said = document.querySelector(".foot strong"), root = document.querySelector(".foot .root code");
    if (said) said.textContent = state.dataset.said;
    if (root) root.textContent = state.dataset.root;
  }

  // What changed from where the slider was taken up to where it is.
  async function compare() {
    const day = Number(slider.value);
    if (start == null || start === day) return;
    since.value = iso(start);
    const html = await fetched(told, "/records/changes", query(day, start));
    if (Number(slider.value) === day) changes.replaceChildren(...parsed(html));
  }

  function settled() {
    const made = query(Number(slider.value), start ?? undefined);
    history.replaceState(null, "", `/records?${made}`);
    compare().catch(() => null); // the book above says it when the board does not answer
  }

  slider.addEventListener("pointerdown", () => { start = Number(slider.value); });
  slider.addEventListener("input", redraw);
  slider.addEventListener("change", settled);
  // Arrow keys go from moment to moment; Page keys by a year; Home and End to the ends.
  slider.addEventListener("keydown", (event) => {
    const day = Number(slider.value);
    const next = { ArrowRight: () => moments.find((one) => one.day > day)?.day, ArrowUp: () => moments.find((one) => one.day > day)?.day,
      ArrowLeft: () => moments.findLast((one) => one.day < day)?.day, ArrowDown: () => moments.findLast((one) => one.day < day)?.day,
      PageUp: () => Math.min(day + 365, last), PageDown: () => Math.max(day - 365, first) }[event.key];
    if (!next) return;
    event.preventDefault();
    start = day;
    const to = next();
    if (to == null) return;
    slider.value = to;
    redraw();
    settled();
  });

  // The other states are fetched when the page is at rest, one after the other, so that a drag finds them there.
  async function ahead() {
    for (const one of moments.slice(-40).reverse()) await fetched(books, "/records/book", query(one.day)).catch(() => null);
    document.body.dataset.ready = "yes";
  }
  slider.setAttribute("aria-valuetext", words(Number(slider.value)));
  setTimeout(ahead, 1500); // what the page itself shows comes first
}
