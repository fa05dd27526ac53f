// Finds the page, starts its modules, ends them on leaving, starts again when the page comes back from the cache.
import { watchDialogs } from "./ui/dialog.js";
import { startLive } from "./live/store.js";
import { startFreshness } from "./ui/freshness.js";
import { bindLive } from "./ui/bind.js";
import { texts } from "./ui/i18n.js";
import { startAlerts, wantsAlerts } from "./ui/alerts.js";

const PAGES = {
  overview: () => import("./pages/overview.js"),
  records: () => import("./pages/records.js"),
  record: () => import("./pages/record.js"),
  alerts: () => import("./pages/alerts.js"),
  database: () => import("./pages/database.js"),
  memory: () => import("./pages/memory.js"),
  settings: () => import("./pages/settings.js"),
  settings_review: () => import("./pages/settings_review.js"),
  settings_change: () => import("./pages/settings_change.js"),
  import: () => import("./pages/import.js"),
};

async function start() {
  const root = document.querySelector("[data-vw-page]");
  if (!root) return;
  const controller = new AbortController();
  const signal = controller.signal;
  addEventListener("pagehide", () => controller.abort(), { once: true });
  watchDialogs(signal, texts());
  const topics = (root.dataset.topics || "").split(",").filter(Boolean);
  // A page that is live anyway keeps the signs of alerts fresh too.
  if (topics.length && wantsAlerts() && !topics.includes("alerts")) topics.push("alerts");
  const store = topics.length ? startLive(topics, texts(), signal) : null;
  if (store) {
    startFreshness(store, texts(), signal);
    bindLive(root, store, texts(), signal);
    if (wantsAlerts()) startAlerts(store, texts(), signal);
  }
  const page = PAGES[root.dataset.vwPage];
  if (page) (await page()).start(root, store, texts(), signal);
}

addEventListener("pageshow", (event) => { if (event.persisted) start(); });
if (document.readyState === "loading") addEventListener("DOMContentLoaded", start, { once: true });
else start();
