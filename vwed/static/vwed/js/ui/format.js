// Numbers, sizes, durations and times; the same forms as vwed/console/formats.py.
import { fill } from "./i18n.js";

const pad = (value) => String(value).padStart(2, "0");

export function count(value) {
  return Math.trunc(value).toString().replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

export function bytes(value) {
  const mb = value / 1e6;
  if (mb >= 10000) return `${(mb / 1000).toFixed(1)} GB`;
  return mb < 100 ? `${mb.toFixed(1)} MB` : `${mb.toFixed(0)} MB`;
}

export function duration(seconds, units) {
  const value = Math.max(0, seconds);
  if (value < 1) return fill(units.ms, { n: Math.round(value * 1000) });
  if (value < 60) return fill(units.s, { n: value.toFixed(1) });
  const whole = Math.floor(value);
  if (whole < 3600) return fill(units.m, { m: Math.floor(whole / 60), s: pad(whole % 60) });
  if (whole < 86400) return fill(units.h, { h: Math.floor(whole / 3600), m: pad(Math.floor((whole % 3600) / 60)) });
  return fill(units.d, { d: Math.floor(whole / 86400), h: Math.floor((whole % 86400) / 3600) });
}

export function clock(ms) {
  const at = new Date(ms);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

export function day(ms) {
  const at = new Date(ms);
  return `${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}

export function shorten(text, length = 24) {
  if (text.length <= length) return text;
  const keep = Math.floor((length - 1) / 2);
  return `${text.slice(0, keep)}…${text.slice(-keep)}`;
}

// The text of a live value in one of the forms the templates use.
export function render(form, value, now, texts) {
  if (value === null || value === undefined) return texts.none;
  switch (form) {
    case "bytes": return bytes(value);
    case "ms": return duration(value / 1000, texts.units);
    case "age": return duration((now - value) / 1000, texts.units);
    case "percent": return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} %`;
    case "verdict": return texts.verdicts[value] || texts.none;
    case "text": return String(value);
    default: return count(value);
  }
}
