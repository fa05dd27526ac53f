// The same frames by HTTP, when no socket can be had.
export class Poller {
  constructor(url, topics, onFrame, onSignedOut) {
    this.url = `${url}?t=${encodeURIComponent(topics.join(","))}`;
    this.onFrame = onFrame;
    this.onSignedOut = onSignedOut;
    this.busy = false;
  }

  async ask() {
    if (this.busy) return;
    this.busy = true;
    try {
      const response = await fetch(this.url, { credentials: "same-origin", cache: "no-store", redirect: "manual" });
      if (response.type === "opaqueredirect" || response.status === 403) this.onSignedOut();
      else if (response.ok) this.onFrame(await response.json());
    } catch {
      // No answer: the silence shows itself, and the next round asks again.
    } finally {
      this.busy = false;
    }
  }
}
