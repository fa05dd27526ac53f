// The form of settings: while one types, the server says what it will cost and what is wrong at which field.
const PAUSE_MS = 300;

export function start(root, store, texts, signal) {
  const form = root.querySelector("[data-vw-settings]");
  if (!form) return;
  watchFilter(form, signal);
  const button = form.querySelector("[data-vw-review]");
  if (!button) return;
  // What was refused is far down a long page.
  form.querySelector("[aria-invalid]")?.focus();
  let timer = null;
  let asked = null;
  const ask = async () => {
    if (asked) asked.abort();
    asked = new AbortController();
    const answer = await project(form, asked.signal);
    if (answer && !signal.aborted) show(form, button, answer);
  };
  form.addEventListener("input", (event) => {
    const row = event.target.closest("[data-setting]");
    if (!row) return;
    mark(row);
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  }, { signal });
  signal.addEventListener("abort", () => { clearTimeout(timer); if (asked) asked.abort(); }, { once: true });
  // A browser that comes back to the page has kept what was typed.
  const rows = [...form.querySelectorAll("[data-setting]")];
  rows.forEach(mark);
  button.disabled = !rows.some((row) => row.hasAttribute("data-edited"));
  if (!button.disabled) ask();
}

function mark(row) {
  const was = row.querySelector('input[name^="was."]');
  const field = row.querySelector('[name^="v."]');
  row.toggleAttribute("data-edited", field.value.trim() !== was.value);
}

async function project(form, signal) {
  const options = { method: "POST", body: new FormData(form), credentials: "same-origin", redirect: "manual", signal };
  try {
    const response = await fetch(form.dataset.projection, options);
    return response.ok ? await response.json() : null;
  } catch {
    // Superseded by the next one, or no answer: the review judges anyway.
    return null;
  }
}

function show(form, button, answer) {
  const parsed = new DOMParser().parseFromString(answer.html, "text/html");
  form.querySelector("[data-vw-projection]").replaceChildren(...parsed.body.childNodes);
  for (const row of form.querySelectorAll("[data-setting]")) {
    const words = answer.problems[row.dataset.setting] || "";
    const place = row.querySelector(".vw-error");
    place.textContent = words;
    place.hidden = !words;
    const field = row.querySelector('[name^="v."]');
    if (words) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
  const edited = form.querySelector("[data-edited]") !== null;
  button.querySelector("span:last-child").textContent = answer.button;
  button.disabled = !edited;
}

function watchFilter(form, signal) {
  const find = form.querySelector("[data-vw-find]");
  const only = form.querySelector("[data-vw-only]");
  const apply = () => {
    const text = find.value.trim().toLowerCase();
    for (const row of form.querySelectorAll("[data-setting]")) {
      const fits = row.cells[0].textContent.toLowerCase().includes(text);
      row.hidden = !fits || (only.checked && !row.hasAttribute("data-own") && !row.hasAttribute("data-edited"));
    }
    for (const group of form.querySelectorAll("[data-vw-group]")) {
      group.hidden = group.querySelector("[data-setting]:not([hidden])") === null;
    }
  };
  find.addEventListener("input", apply, { signal });
  only.addEventListener("change", apply, { signal });
  // Enter in the search is no wish to review.
  find.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); }, { signal });
}
