// Telling somebody who looks elsewhere that something long is over: in the title, and as a
// notification where it is allowed.
import { desk } from "./desk.js";
import { store } from "./store.js";
import { t } from "./text.js";

const long = 8_000; // milliseconds

export const mayTell = store(typeof Notification === "undefined" ? "denied" : Notification.permission);

export async function askToTell() {
  mayTell.set(await Notification.requestPermission());
}

export function tellWhenDone() {
  let since = 0;
  let title = "";
  desk.watch(({ work, known }) => {
    if (!known) return;
    if (work) {
      since ||= Date.now();
      title = work.title;
      return;
    }
    const took = since && Date.now() - since;
    since = 0;
    if (took < long || document.visibilityState === "visible") return;
    document.title = `✓ ${document.title}`;
    if (mayTell.get() !== "granted") return;
    try {
      const n = new Notification(t("tell.done"), { body: title, tag: "jbuild" });
      n.onclick = () => {
        focus();
        n.close();
      };
    } catch {
      // phones have notifications of service workers only
    }
  });
}
