// The service worker of the entry page: the page opens without a network, and shifts that wait are sent when it returns.
//
// It is served behind waiting.js, as one script. Only the entry page and its own files are kept; everything else goes its way.
"use strict";
const PAGE = "/enter", STORE = "checkweigh-enter-1", PATIENCE_MS = 4000;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {
  if (event.data && event.data.keep) event.waitUntil(keepFiles(event.data.keep));
});

self.addEventListener("sync", (event) => {
  if (event.tag === "checkweigh-shifts") event.waitUntil(sendAndTell());
});

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== self.location.origin) return;
  if (event.request.mode === "navigate" && address.pathname === PAGE) event.respondWith(entryPage(event.request, address));
  else if (address.pathname.startsWith("/static/")) event.respondWith(keptFile(event.request));
});

// The page from the network where it answers in time, else as it was last. What is refused now is kept no longer.
async function entryPage(request, address) {
  const store = await caches.open(STORE);
  try {
    const answer = await withPatience(fetch(request));
    if (!address.search) await (answer.ok && !answer.redirected ? store.put(PAGE, answer.clone()) : store.delete(PAGE));
    return answer;
  } catch (error) {
    const kept = await store.match(PAGE);
    if (kept) return kept;
    throw error;
  }
}

function withPatience(answer) {
  return Promise.race([answer, new Promise((_, reject) => setTimeout(() => reject(new Error("no answer in time")), PATIENCE_MS))]);
}

async function keptFile(request) {
  const kept = await caches.match(request, { ignoreVary: true });
  return kept || fetch(request);
}

// The page says which files it needs: their names change with their content, and those that it does not need any more go.
async function keepFiles(addresses) {
  const store = await caches.open(STORE);
  const wanted = new Set(addresses.map((address) => new URL(address, self.location.origin).href));
  for (const request of await store.keys()) {
    if (new URL(request.url).pathname !== PAGE && !wanted.has(request.url)) await store.delete(request);
  }
  for (const address of wanted) if (!(await store.match(address))) await store.add(address);
  if (!(await store.match(PAGE))) await store.add(PAGE);
  for (const client of await self.clients.matchAll()) client.postMessage("kept");
}

async function sendAndTell() {
  const found = await self.Waiting.send();
  for (const client of await self.clients.matchAll()) client.postMessage("sent");
  if (found.why === "away" || found.why === "later") throw new Error(found.why); // the browser tries again later
}
