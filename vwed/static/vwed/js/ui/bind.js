// Live values found once; afterwards only text data and attributes change, never the tree (the theme observes it).
import { render } from "./format.js";

function dig(topics, path) {
  let value = topics;
  for (const key of path.split(".")) value = value === null || value === undefined ? null : value[key];
  return value === undefined ? null : value;
}

export function setText(element, text) {
  const node = element.firstChild;
  if (node && node.nodeType === Node.TEXT_NODE) {
    if (node.data !== text) node.data = text;
  } else {
    element.append(text);
  }
}

export function bindLive(root, store, texts, signal) {
  const bound = [...root.querySelectorAll("[data-live]")];
  const aged = () => root.querySelectorAll("[data-age]");
  store.onFrame((topics) => {
    for (const element of bound) {
      const value = dig(topics, element.dataset.live);
      const raw = value === null ? "" : String(value);
      if (element.dataset.value !== raw) element.dataset.value = raw;
      setText(element, render(element.dataset.form, value, store.now(), texts));
    }
    for (const banner of root.querySelectorAll("[data-vw-down]")) banner.hidden = topics.overview ? topics.overview.up : true;
  }, signal);
  store.onTick(() => {
    const now = store.now();
    for (const element of aged()) setText(element, render("age", Number(element.dataset.age), now, texts));
    for (const element of bound) {
      if (element.dataset.form === "age" && element.dataset.value) {
        setText(element, render("age", Number(element.dataset.value), now, texts));
      }
    }
  }, signal);
}
