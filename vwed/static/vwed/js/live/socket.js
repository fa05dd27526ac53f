// The one connection of a page: opens, subscribes, notices silence, backs off, hides with the page, gives up to polling.
const BACKOFF_MS = [1000, 2000, 5000];
const SILENT_MS = 5000;
const HIDE_MS = 10000;
const DROP_HIDDEN_MS = 600000;
const SIGNED_OUT = new Set([4401, 4403]);

export class LiveSocket {
  constructor(topics, onFrame, onSignedOut, signal) {
    this.topics = topics;
    this.onFrame = onFrame;
    this.onSignedOut = onSignedOut;
    this.socket = null;
    this.failures = 0;
    this.gaveUp = false;
    this.heard = performance.now();
    this.next = null;
    this.hiddenAt = null;
    this.saidHidden = false;
    this.ended = false;
    document.addEventListener("visibilitychange", () => this.visibility(), { signal });
  }

  open() {
    if (this.ended || this.socket) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/live/`);
    this.socket = socket;
    this.heard = performance.now();
    socket.addEventListener("open", () => socket.send(JSON.stringify({ op: "sub", v: 1, topics: this.topics })));
    socket.addEventListener("message", (event) => this.message(socket, event));
    socket.addEventListener("close", (event) => this.closed(socket, event.code));
  }

  message(socket, event) {
    if (socket !== this.socket) return;
    this.heard = performance.now();
    const frame = JSON.parse(event.data);
    if (frame.t) {
      this.failures = 0;
      this.gaveUp = false;
      this.onFrame(frame);
    }
  }

  closed(socket, code) {
    if (socket !== this.socket) return;
    this.socket = null;
    if (SIGNED_OUT.has(code)) {
      this.ended = true;
      this.onSignedOut();
      return;
    }
    if (this.hiddenAt !== null && this.saidHidden === "dropped") return;
    const wait = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)];
    this.failures += 1;
    if (this.failures > BACKOFF_MS.length) this.gaveUp = true;
    if (!this.gaveUp) this.next = performance.now() + wait * (1 + Math.random() * 0.3);
  }

  // Called once a second by the store.
  watch(now) {
    if (this.ended) return;
    if (this.next !== null && now >= this.next) {
      this.next = null;
      this.open();
    }
    if (this.socket && now - this.heard > (this.saidHidden ? 3 * SILENT_MS : SILENT_MS)) this.drop();
    if (this.hiddenAt === null) return;
    if (!this.saidHidden && now - this.hiddenAt > HIDE_MS) this.say("hide");
    if (this.saidHidden === true && now - this.hiddenAt > DROP_HIDDEN_MS) {
      this.saidHidden = "dropped";
      if (this.socket) this.socket.close();
    }
  }

  // Silent for too long: this connection is dead whatever the browser believes.
  drop() {
    const socket = this.socket;
    this.closed(socket, 4000);
    socket.close();
  }

  again() {
    if (!this.socket) this.open();
  }

  visibility() {
    if (document.hidden) {
      this.hiddenAt = performance.now();
      return;
    }
    this.hiddenAt = null;
    const was = this.saidHidden;
    this.saidHidden = false;
    this.heard = performance.now();
    if (!this.socket) this.next = performance.now();
    else if (was) this.say("show", false);
  }

  say(op, hidden = true) {
    this.saidHidden = hidden;
    if (this.socket && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ op }));
  }

  close() {
    this.ended = true;
    if (this.socket) this.socket.close();
    this.socket = null;
  }
}
