// The sign in the header: how fresh what one sees is. One polite announcement per change of state, never numbers.
import { clock, duration } from "./format.js";
import { fill } from "./i18n.js";
import { setText } from "./bind.js";

const SIGNS = {
  live: ["bolt", "good"],
  late: ["update", "wait"],
  reconnecting: ["sync", "wait"],
  polling: ["cached", "wait"],
  offline: ["cloud_off", "bad"],
  signedout: ["logout", "bad"],
};

export function startFreshness(store, texts, signal) {
  const sign = document.querySelector("[data-vw-fresh]");
  if (!sign) return;
  const icon = sign.querySelector("[data-vw-fresh-icon]");
  const word = sign.querySelector("[data-vw-fresh-word]");
  const cards = [...document.querySelectorAll("[data-vw-card]")];
  sign.hidden = false;
  store.onTick(() => {
    const state = store.state();
    const [name, tone] = SIGNS[state];
    setText(icon, name);
    sign.dataset.tone = tone;
    sign.dataset.state = state;
    sign.toggleAttribute("data-filled", state === "offline" || state === "signedout");
    setText(word, label(store, state, texts));
    const stale = state === "reconnecting" || state === "offline" || state === "signedout";
    for (const card of cards) card.classList.toggle("vw-stale", stale);
  }, signal);
}

function label(store, state, texts) {
  const word = texts.fresh[state];
  const back = state === "live" ? store.backAfter() : null;
  if (back !== null) return fill(texts.fresh.back, { d: duration(back / 1000, texts.units) });
  if (state === "live") return `${word} ${fill(texts.units.s, { n: (store.silence() / 1000).toFixed(1) })}`;
  if (state === "late") return `${word} ${duration(store.silence() / 1000, texts.units)}`;
  if (state === "reconnecting" || state === "offline") {
    const at = store.lastAt();
    return at ? `${word} ${fill(texts.fresh.asof, { t: clock(at) })}` : word;
  }
  return word;
}
