// The signs of open alerts on every live page: number in the sidebar and in the title, and the line on the Overview.
import { count, duration, render, shorten } from "./format.js";
import { setText } from "./bind.js";
import { fill } from "./i18n.js";

const LINE_SHOWN = 3;
const [ID, RANK, RULE, OBJECT, OPENED] = [0, 1, 2, 3, 4];

export function wantsAlerts() {
  return Boolean(document.querySelector('[data-vw-badge="alerts.open"], [data-vw-alertline]'));
}

export function startAlerts(store, texts, signal) {
  const badge = document.querySelector('[data-vw-badge="alerts.open"]');
  const line = document.querySelector("[data-vw-alertline]");
  const title = document.title.replace(/^\(\d+\) /, "");
  let shown = null;
  store.onFrame((topics) => {
    const data = topics.alerts;
    if (!data) return;
    const critical = data.crit ? `(${data.crit}) ${title}` : title;
    if (document.title !== critical) document.title = critical;
    if (badge) {
      setText(badge, count(data.open));
      badge.hidden = data.open === 0;
    }
    if (line) shown = fillLine(line, data, shown, store, texts);
  }, signal);
}

// The items are made anew only when others are open; in between only their ages change.
function fillLine(line, data, shown, store, texts) {
  const rows = [...data.rows].sort((a, b) => a[RANK] - b[RANK] || b[ID] - a[ID]).slice(0, LINE_SHOWN);
  const key = rows.length ? rows.map((row) => row[ID]).join(",") : String(data.late);
  line.hidden = data.open === 0 && !data.late;
  line.dataset.tone = data.crit ? "bad" : "wait";
  setText(line.querySelector("[data-vw-alerticon]"), data.crit ? "report" : "warning");
  setText(line.querySelector("[data-vw-alertcount]"), data.open ? fill(texts.alerts.open, { n: count(data.open) }) : "");
  const items = line.querySelector("[data-vw-alertitems]");
  if (!rows.length && data.late) {
    const said = lateText(data.at, store, texts);
    if (shown === key && items.firstElementChild) setText(items.firstElementChild, said);
    else items.replaceChildren(textSpan(said));
  } else if (shown !== key) {
    items.replaceChildren(...rows.map((row) => item(row, store, texts)));
  }
  return key;
}

function item(row, store, texts) {
  const made = document.createElement("span");
  const word = document.createElement("b");
  word.textContent = texts.alerts.severities[row[RANK]] || "";
  const age = document.createElement("span");
  age.className = "vw-num";
  age.dataset.age = String(row[OPENED]);
  age.textContent = render("age", row[OPENED], store.now(), texts);
  made.append(word, ` ${texts.alerts.titles[row[RULE]] || row[RULE]} `);
  if (row[OBJECT]) {
    const name = textSpan(shorten(row[OBJECT], 48));
    name.className = "vw-subtle";
    name.translate = false;
    made.append(name, " ");
  }
  made.append(age);
  return made;
}

function textSpan(text) {
  const made = document.createElement("span");
  made.textContent = text;
  return made;
}

export function lateText(at, store, texts) {
  if (at === null) return texts.alerts.never;
  return fill(texts.alerts.late, { d: duration((store.now() - at) / 1000, texts.units) });
}
