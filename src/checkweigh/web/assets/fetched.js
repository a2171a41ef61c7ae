// Parts of a page that take time are fetched when they are opened. Without scripts their link leads to a page of their own.
"use strict";
for (const part of document.querySelectorAll("details.fetched")) {
  part.addEventListener("toggle", async () => {
    if (!part.open || part.dataset.asked) return;
    part.dataset.asked = "yes";
    const waiting = part.querySelector(".waiting");
    const link = waiting.innerHTML;
    waiting.textContent = "One moment …";
    try {
      const answer = await fetch(part.dataset.from, { headers: { accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const found = document.createElement("div");
      found.innerHTML = await answer.text();
      waiting.replaceWith(found);
    } catch {
      waiting.innerHTML = link + " (it could not be fetched just now)";
      delete part.dataset.asked;
    }
  });
}
