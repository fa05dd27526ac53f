// A display on the wall: a clock, a login that lasts, and a new page once a night, so that nothing old stays on it.
const KEEP_MS = 1800000;
const DAY_MS = 86400000;
const RELOAD_HOUR = 4;
const SPREAD_MS = 3600000;

export function startWall(root, store, signal) {
  const clock = root.querySelector("[data-vw-clock]");
  if (!clock) return;
  const form = root.querySelector("[data-vw-keep]");
  const reload = nextReload();
  let kept = performance.now();
  store.onTick(() => {
    clock.firstChild.data = new Date(store.now()).toTimeString().slice(0, 8);
    if (Date.now() > reload) location.reload();
    if (form && performance.now() - kept > KEEP_MS) {
      kept = performance.now();
      fetch(form.action, { method: "POST", body: new FormData(form), credentials: "same-origin", signal }).catch(() => {});
    }
  }, signal);
}

// 04:00, half an hour more or less: not every display at once.
function nextReload() {
  const at = new Date();
  at.setHours(RELOAD_HOUR, 0, 0, 0);
  const moment = at.getTime() + (Math.random() - 0.5) * SPREAD_MS;
  return moment > Date.now() + SPREAD_MS ? moment : moment + DAY_MS;
}
