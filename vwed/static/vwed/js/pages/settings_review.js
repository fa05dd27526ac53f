// The review of a change: who gives a time means it, and who means a time is led to its field.
export function start(root, store, texts, signal) {
  const choice = root.querySelector("#vw-when-at");
  const field = root.querySelector("input[name=at]");
  if (!choice || !field) return;
  field.addEventListener("input", () => { choice.checked = true; }, { signal });
  choice.addEventListener("change", () => field.focus(), { signal });
}
