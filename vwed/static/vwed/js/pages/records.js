// Selection of rows: the box in the head selects what is on this page, nothing else.
export function start(root, store, texts, signal) {
  const all = root.querySelector("[data-vw-all]");
  if (!all) return;
  const boxes = [...root.querySelectorAll('input[name="id"]')];
  all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; }, { signal });
  root.addEventListener("change", (event) => {
    if (event.target.name !== "id") return;
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }, { signal });
}
