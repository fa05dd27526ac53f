// The button of an import says how many definitions come in and how many are left.
export function start(root, store, texts, signal) {
  const form = root.querySelector("[data-vw-choice]");
  const button = form?.querySelector("[data-vw-words]");
  const words = button?.querySelector("span:last-child");
  const boxes = form ? [...form.querySelectorAll('input[name="choose"]')] : [];
  if (!words || !boxes.length) return;
  const count = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    words.firstChild.data = button.dataset.vwWords.replace("{n}", chosen).replace("{m}", boxes.length - chosen);
    button.disabled = chosen === 0;
  };
  form.addEventListener("change", count, { signal });
  count();
}
