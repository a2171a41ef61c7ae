// An open board follows the ledger: when it has grown, the page fetches itself and puts the new parts in place. Older states stay as they are.
"use strict";
const parts = [...document.querySelectorAll("[data-follow]")];
const part = parts[0];
let wanted = 0, busy = false;

async function refresh() {
  if (busy) return;
  busy = true;
  try {
    while (wanted > Number(part.dataset.size) && !document.hidden) {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) break;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const news = fresh.querySelectorAll("[data-follow]");
      if (news.length !== parts.length) break;
      const held = document.activeElement?.closest("[data-follow]") ? document.activeElement.getAttribute("href") : null;
      parts.forEach((one, place) => one.replaceChildren(...news[place].childNodes));
      part.dataset.size = news[0].dataset.size;
      if (held) document.querySelector(`[data-follow] a[href="${CSS.escape(held)}"]`)?.focus();
      const foot = document.querySelector("footer.foot"), newer = fresh.querySelector("footer.foot");
      if (foot && newer) foot.replaceChildren(...newer.childNodes);
      document.title = fresh.title;
    }
  } finally { busy = false; }
}

if (part && part.dataset.follow === "true") {
  const events = new EventSource("/board/size");
  events.addEventListener("size", (event) => { wanted = Number(event.data); refresh(); });
  document.addEventListener("visibilitychange", refresh);
  addEventListener("pagehide", () => events.close());
}
