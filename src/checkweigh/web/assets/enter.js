// Enter: each shift is kept on the device first and sent then, so that it can be entered without a network, and never twice.
"use strict";
(() => {
  const form = document.getElementById("shift"), account = form.dataset.account;
  const part = (name) => form.elements.namedItem(name);
  const shown = { done: document.getElementById("done"), list: document.getElementById("list"), network: document.getElementById("network") };
  const KEPT_FIELDS = ["job", "site", "hours"];
  let retry = null;

  function made(tag, text, given = {}) {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
    return element;
  }

  // ---- the form

  function localNow() {
    const site = part("site").selectedOptions[0], zone = (site && site.dataset.zone) || "UTC";
    const said = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" }).format(new Date());
    return said.replace(" ", "T");
  }

  function showUnit() {
    const job = part("job").selectedOptions[0];
    document.getElementById("unit").textContent = (job && job.dataset.unit) || "";
  }

  // What was chosen last stands in the form again: on this device, for this account.
  function remember() {
    const kept = Object.fromEntries(KEPT_FIELDS.map((name) => [name, part(name).value]));
    try { localStorage.setItem(`checkweigh-last ${account}`, JSON.stringify(kept)); } catch { /* a full or closed store costs a convenience */ }
  }

  function recall() {
    let kept = {};
    try { kept = JSON.parse(localStorage.getItem(`checkweigh-last ${account}`) || "{}"); } catch { /* as if nothing were kept */ }
    for (const name of KEPT_FIELDS) {
      const field = part(name);
      const offered = field.tagName !== "SELECT" || [...field.options].some((option) => option.value === kept[name]);
      if (kept[name] && offered && !document.querySelector(".error")) field.value = kept[name];
    }
  }

  function next() {
    for (const field of form.elements) {
      if (field.type === "radio") field.checked = field.value === "";
      else if (field.name && field.type !== "hidden" && !KEPT_FIELDS.includes(field.name)) field.value = "";
    }
    part("id").value = Waiting.freshId();
    part("started").value = localNow();
    for (const marked of form.querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
    for (const said of document.querySelectorAll(".error")) if (!shown.list.contains(said)) said.remove(); // those in the list are of other shifts
    for (const details of form.querySelectorAll("details")) details.open = false;
    showUnit();
    part("who").focus();
  }

  function summary() {
    const job = part("job").selectedOptions[0].textContent.replace(/ \([^)]*\)$/, "");
    const unit = document.getElementById("unit").textContent, quantity = part("quantity").value.trim();
    const hours = part("hours").value.trim();
    return `${part("who").value.trim()}: ${quantity}${/[a-z]/i.test(quantity) ? "" : ` ${unit}`}${hours ? ` in ${hours} h` : ""}, ${job}, ${part("started").value.replace("T", " ")}`;
  }

  async function kept(event) {
    event.preventDefault();
    const fields = [...new FormData(form)].filter(([name, value]) => name !== "csrf_token" && value !== "");
    const shift = { id: part("id").value, account, at: Date.now(), fields, said: summary(), state: "waiting" };
    try {
      await Waiting.keep(shift);
    } catch {
      form.removeEventListener("submit", kept); // the device keeps nothing: then the form goes the plain way
      form.submit();
      return;
    }
    remember();
    next();
    shown.done.replaceChildren(card("Kept on this device", shift.said, "It is sent as soon as the board can be reached."));
    await show();
    await send(shift.id);
    await later();
  }

  // ---- what waits, and what became of it

  function card(title, said, more, entry, state = "confirmed") {
    const box = made("div", "", { class: `sheet ${state}` }), head = made("p", `${title}${entry === undefined ? "" : " · "}`, { class: "kicker" });
    if (entry !== undefined) head.append(made("a", `entry ${entry}`, { href: `/ledger/${entry}` }));
    box.append(head, made("p", said, { class: "big" }), made("p", more));
    if (entry !== undefined) {
      const take = made("p");
      take.append(made("a", "Receipt to take home", { href: `/receipts/${entry}` }));
      box.append(take);
    }
    return box;
  }

  const figures = (shift) => (shift.attainment ? `Attainment ${shift.attainment}` : "No quota applies, so there is no attainment.");

  function item(shift) {
    const line = made("li", "", { "data-state": shift.state, "data-id": shift.id });
    const word = { waiting: "waiting", sent: `sent: entry ${shift.entry}`, refused: "refused" }[shift.state];
    line.append(made("span", word, { class: `status status-${{ waiting: "adjusted", sent: "verified", refused: "annulled" }[shift.state]}` }), ` ${shift.said}`);
    if (shift.state === "sent") {
      const more = made("p", `${figures(shift)} · `);
      more.append(made("a", "shift", { href: `/shifts/${encodeURIComponent(shift.shift)}` }), " · ", made("a", "receipt", { href: `/receipts/${shift.entry}` }));
      line.append(more);
    }
    if (shift.state === "refused") for (const reason of shift.reasons) line.append(made("p", reason, { class: "error" }));
    if (shift.state !== "sent") line.append(button("Mend", () => mend(shift)), button("Delete", (asked) => remove(shift, asked)));
    return line;
  }

  function button(text, act) {
    const element = made("button", text, { type: "button", class: "quiet" });
    element.addEventListener("click", () => act(element));
    return element;
  }

  // Back into the form; until it is entered again it stays in the list as it was, and then takes its place.
  function mend(shift) {
    next();
    for (const [name, value] of shift.fields) {
      const field = part(name);
      if (field) field.value = value;
    }
    part("id").value = shift.id;
    for (const details of form.querySelectorAll("details")) details.open = [...details.querySelectorAll("input, textarea")].some((field) => field.value);
    showUnit();
    const wrong = (shift.reasons || []).map((reason) => document.getElementById(reason.split(":")[0])).filter((field) => field && form.contains(field) && field.name);
    for (const field of wrong) field.setAttribute("aria-invalid", "true");
    (wrong[0] || part("who")).focus();
  }

  async function remove(shift, asked) {
    if (!asked.dataset.sure) {
      asked.dataset.sure = "yes";
      asked.textContent = "Really delete it?";
      return;
    }
    await Waiting.drop(shift.id);
    await show();
  }

  const own = async (state) => (await Waiting.all()).filter((shift) => shift.account === account && shift.state === state);

  async function show() {
    const every = await Waiting.all(), mine = every.filter((shift) => shift.account === account).reverse();
    const order = { refused: 0, waiting: 1, sent: 2 };
    mine.sort((one, other) => order[one.state] - order[other.state]);
    shown.list.replaceChildren(...mine.map(item));
    const others = every.filter((shift) => shift.account !== account && shift.state === "waiting");
    if (others.length) shown.list.append(made("li", `${counted(others.length)} of another account ${others.length === 1 ? "waits" : "wait"} here, and ${others.length === 1 ? "is" : "are"} sent when it signs in.`));
    document.getElementById("waiting").hidden = !mine.length && !others.length;
    document.getElementById("send").hidden = !mine.some((shift) => shift.state === "waiting");
  }

  const counted = (many) => (many === 1 ? "1 shift" : `${many} shifts`);
  const WHY = {
    "": "Everything is sent.",
    away: "The board cannot be reached. What waits is kept on this device, and sent when it returns.",
    "signed out": "Your sign-in has ended. Sign in again, and what waits is sent; nothing is lost.",
    "other account": "Another account is signed in now; the shifts of this one wait for it.",
    later: "The board is busy. What waits is sent in a moment.",
  };

  async function send(mine) {
    clearTimeout(retry);
    const found = await Waiting.send(async (shift) => {
      await show();
      if (shift.id === mine) await confirm(mine);
    });
    shown.network.textContent = found.why === "" && (await own("refused")).length ? "Everything else is sent. What is refused waits to be mended." : WHY[found.why];
    if (mine) await confirm(mine);
    await show();
    if (found.why === "away" || found.why === "later") retry = setTimeout(() => send(), 15000);
  }

  async function confirm(id) {
    const shift = (await Waiting.all()).find((one) => one.id === id);
    if (shift && shift.state === "sent") shown.done.replaceChildren(card("Entered", shift.said, figures(shift), shift.entry));
    if (shift && shift.state === "refused") refuse(shift);
  }

  // What is refused is back in the form at once, unless the next one has been begun there.
  function refuse(shift) {
    const box = card("Refused, and not entered", shift.said, `${shift.reasons.join("; ")}. Put it right below, and enter it again.`, undefined, "refused");
    if (!part("who").value && !part("quantity").value) mend(shift);
    if (part("id").value !== shift.id) {
      box.lastChild.textContent = `${shift.reasons.join("; ")}.`;
      box.append(button("Mend it", () => { shown.done.replaceChildren(); mend(shift); }));
    }
    shown.done.replaceChildren(box);
  }

  // Where the browser can, it sends what waits even after this page is closed.
  async function later() {
    const waits = (await Waiting.all()).some((shift) => shift.state === "waiting");
    const worker = waits && navigator.serviceWorker && (await navigator.serviceWorker.getRegistration("/enter"));
    if (worker && worker.sync) await worker.sync.register("checkweigh-shifts").catch(() => {});
  }

  async function keepPage() {
    if (!("serviceWorker" in navigator)) return;
    await navigator.serviceWorker.register("/enter/worker.js", { scope: "/enter" });
    const worker = (await navigator.serviceWorker.ready).active;
    const files = [...document.querySelectorAll("link[rel=stylesheet], link[rel=icon]")].map((link) => link.href);
    files.push(...[...document.scripts].map((script) => script.src).filter(Boolean));
    files.push(...performance.getEntriesByType("resource").map((one) => one.name).filter((name) => new URL(name).pathname.startsWith("/static/")));
    worker.postMessage({ keep: [...new Set(files.map((name) => name.split("#")[0]))] });
  }

  // ---- beginning

  recall();
  showUnit();
  if (!document.querySelector(".error")) part("started").value = localNow();
  part("job").addEventListener("change", showUnit);
  part("site").addEventListener("change", () => { part("started").value = localNow(); });
  form.addEventListener("submit", kept);
  form.addEventListener("input", (event) => event.target.removeAttribute("aria-invalid"));
  document.getElementById("send").addEventListener("click", () => send());
  addEventListener("online", () => send());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && send());
  if (navigator.serviceWorker) {
    navigator.serviceWorker.addEventListener("message", (event) => {
      if (event.data === "kept") document.documentElement.dataset.kept = "yes";
      if (event.data === "sent") show();
    });
    addEventListener("load", () => keepPage().catch(() => {}));
  }
  show().then(() => send()).catch(() => {});
})();
