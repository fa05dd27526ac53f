// A part of a page that is read again every few seconds, but never under somebody's hands.
// `every` tells after how many milliseconds, from the part as it is now; null: not any more.
export function refreshPart(root, every, signal) {
  const part = root.querySelector("[data-vw-refresh]");
  if (!part) return;
  let timer = null;
  const plan = () => {
    const pause = every(part);
    if (!signal.aborted && pause !== null) timer = setTimeout(refresh, pause);
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
  for (const { name, value } of fresh.attributes) part.setAttribute(name, value);
  part.toggleAttribute("data-active", fresh.hasAttribute("data-active"));
  part.querySelectorAll(".vw-scroll").forEach((box, index) => { box.scrollLeft = scrolled[index] || 0; });
}
