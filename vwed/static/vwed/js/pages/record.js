// The page of one run: while the run is active it is read again every few seconds, but never under somebody's hands.
const EVERY_MS = 3000;

export function start(root, store, texts, signal) {
  const part = root.querySelector("[data-vw-refresh]");
  if (!part) return;
  let timer = null;
  const plan = () => {
    if (!signal.aborted && part.hasAttribute("data-active")) timer = setTimeout(refresh, EVERY_MS);
  };
  const refresh = async () => {
    if (!busy(part)) await replace(part, signal);
    plan();
  };
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  plan();
}

// Somebody reads, selects, tabs through it or answers a dialog: nothing may move now.
function busy(part) {
  return (
    document.hidden ||
    document.querySelector("dialog[open]") !== null ||
    part.contains(document.activeElement) ||
    part.querySelector("a:hover, button:hover, [data-vw-hold]:hover") !== null ||
    String(document.getSelection()).length > 0
  );
}

async function replace(part, signal) {
  let page;
  try {
    const response = await fetch(location.href, { credentials: "same-origin", redirect: "manual", signal });
    if (!response.ok) return;
    page = new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    // No answer now: what is shown stays, with its times; the next round asks again.
    return;
  }
  const fresh = page.querySelector("[data-vw-refresh]");
  if (!fresh || signal.aborted || busy(part)) return;
  const scrolled = [...part.querySelectorAll(".vw-scroll")].map((box) => box.scrollLeft);
  part.replaceChildren(...fresh.childNodes);
  part.toggleAttribute("data-active", fresh.hasAttribute("data-active"));
  part.querySelectorAll(".vw-scroll").forEach((box, index) => { box.scrollLeft = scrolled[index] || 0; });
}
