// Links with data-vw-dialog open their confirmation page in a modal dialog; without this script they open the page.
// The browser's own <dialog> traps the focus, closes on Escape and gives the focus back.
export function watchDialogs(signal, texts) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-vw-dialog]");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (link && plain) {
      event.preventDefault();
      open(link.href, signal);
    }
    const close = event.target.closest("dialog [data-vw-close]");
    if (close) {
      event.preventDefault();
      close.closest("dialog").close();
    }
  }, { signal });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-vw-selection]")) return;
    event.preventDefault();
    const chosen = new URLSearchParams(new FormData(form));
    if (!chosen.has("id")) {
      say(form, form.dataset.vwFirst || texts.selectFirst);
      return;
    }
    const target = event.submitter && event.submitter.hasAttribute("formaction") ? event.submitter.formAction : form.action;
    open(`${target}?${chosen}`, signal);
  }, { signal });
}

function say(form, text) {
  let note = form.querySelector("[data-vw-note]");
  if (!note) {
    note = document.createElement("span");
    note.dataset.vwNote = "";
    note.className = "vw-subtle";
    note.setAttribute("role", "status");
    form.querySelector(".vw-pager").append(note);
  }
  note.textContent = text;
}

async function open(url, signal) {
  let response;
  try {
    const headers = { "X-Vwed-Dialog": "1" };
    response = await fetch(url, { headers, credentials: "same-origin", redirect: "manual", signal });
  } catch {
    location.assign(url);
    return;
  }
  // Instead of the form a redirect: its message waits for the next page, and to follow it here would use it up.
  if (response.type === "opaqueredirect") {
    location.assign(location.pathname + location.search);
    return;
  }
  // An error page is shown as the page that it is.
  if (!response.ok) {
    location.assign(url);
    return;
  }
  const dialog = document.createElement("dialog");
  dialog.className = "vw-dialog vw";
  dialog.setAttribute("aria-labelledby", "vw-dialog-title");
  const body = document.createElement("div");
  body.className = "vw-body";
  const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
  body.append(...parsed.body.childNodes);
  dialog.append(body);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove(), { once: true });
  signal.addEventListener("abort", () => dialog.remove(), { once: true });
  dialog.showModal();
}
