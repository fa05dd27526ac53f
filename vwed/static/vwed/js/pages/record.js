// The page of one run: while the run is active it is read again every few seconds.
import { refreshPart } from "../ui/refresh.js";

const EVERY_MS = 3000;

export function start(root, store, texts, signal) {
  refreshPart(root, (part) => (part.hasAttribute("data-active") ? EVERY_MS : null), signal);
}
