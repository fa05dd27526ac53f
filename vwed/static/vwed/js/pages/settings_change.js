// One change of settings: who has it is read again, often while something is under way.
import { refreshPart } from "../ui/refresh.js";

export function start(root, store, texts, signal) {
  refreshPart(root, (part) => Number(part.dataset.every), signal);
}
