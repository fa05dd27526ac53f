// Latest value per topic, the server's clock, and how fresh it all is. Owns the only timer of the page.
import { LiveSocket } from "./socket.js";
import { Poller } from "./poll.js";

const LATE_MS = 2000;
const SILENT_MS = 5000;
const OFFLINE_MS = 30000;
const BACK_SHOWN_MS = 5000;
const RETRY_SOCKET_MS = 60000;

export function startLive(topics, texts, signal) {
  const store = new Store(topics, texts, signal);
  store.start();
  return store;
}

class Store {
  constructor(topics, texts, signal) {
    this.topics = topics;
    this.signal = signal;
    this.frameListeners = new Set();
    this.tickListeners = new Set();
    this.offset = null;
    this.arrived = performance.now();
    this.last = null;
    this.pending = null;
    this.signedOut = false;
    this.back = null;
    this.wasSilent = false;
    const seed = document.getElementById("vw-live");
    this.seed = seed ? JSON.parse(seed.textContent) : null;
    this.socket = new LiveSocket(topics, (frame) => this.take(frame), () => { this.signedOut = true; }, signal);
    this.poller = new Poller(texts.urls.poll, topics, (frame) => this.take(frame), () => { this.signedOut = true; });
  }

  start() {
    this.socket.open();
    let polled = performance.now();
    let retried = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      if (!this.wasSilent && this.silence() > SILENT_MS) this.wasSilent = now - this.silence();
      if (this.socket.gaveUp && !this.signedOut) {
        if (now - polled >= SILENT_MS) { polled = now; this.poller.ask(); }
        if (now - retried >= RETRY_SOCKET_MS) { retried = now; this.socket.again(); }
      }
      this.socket.watch(now);
      for (const listener of this.tickListeners) listener();
    }, 1000);
    this.signal.addEventListener("abort", () => { clearInterval(timer); this.socket.close(); }, { once: true });
  }

  take(frame) {
    const arrived = performance.now();
    if (this.wasSilent) {
      this.back = { after: arrived - this.wasSilent, at: arrived };
      this.wasSilent = false;
    }
    this.arrived = arrived;
    const measured = frame.now - Date.now();
    this.offset = this.offset === null ? measured : this.offset * 0.9 + measured * 0.1;
    this.last = frame.now;
    if (!Object.keys(frame.t).length) return;
    const first = this.pending === null;
    this.pending = { ...(this.pending || {}), ...frame.t };
    if (first) requestAnimationFrame(() => this.flush());
  }

  flush() {
    const topics = this.pending;
    this.pending = null;
    if (topics && !this.signal.aborted) for (const listener of this.frameListeners) listener(topics, this.last);
  }

  onFrame(listener, signal) {
    this.frameListeners.add(listener);
    signal.addEventListener("abort", () => this.frameListeners.delete(listener), { once: true });
  }

  onTick(listener, signal) {
    this.tickListeners.add(listener);
    signal.addEventListener("abort", () => this.tickListeners.delete(listener), { once: true });
  }

  now() { return Date.now() + (this.offset || 0); }
  silence() { return performance.now() - this.arrived; }
  lastAt() { return this.last; }

  backAfter() {
    if (this.back && performance.now() - this.back.at < BACK_SHOWN_MS) return this.back.after;
    return null;
  }

  state() {
    if (this.signedOut) return "signedout";
    const silence = this.silence();
    if (silence > OFFLINE_MS) return "offline";
    if (this.socket.gaveUp) return silence > 2 * SILENT_MS ? "reconnecting" : "polling";
    if (silence > SILENT_MS) return "reconnecting";
    return silence > LATE_MS ? "late" : "live";
  }
}
