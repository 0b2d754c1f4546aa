// The session: what is told and asked, and answering it. After a lost connection it comes
// back by itself; the server then tells everything anew.
import { ask, session, socket } from "./api.js";
import { store } from "./store.js";
import { language } from "./text.js";

// screen: the terminal has its connection, if there is one.
// restarted: the server is another than before, and a shell that ran has ended with it.
// unread: the program in the terminal did not read what was typed, and some of it is lost.
export const desk = store({ connected: false, known: false, restarted: false, screen: true, unread: false, entries: [], question: null, work: null, shell: 0 });

let connection = null;
let pause = 500;
let last = 0;
let run = null;
const waiting = new Map();

function open() {
  if (!session.get() || connection) return;
  const lang = language.get();
  const s = socket("/api/desk");
  connection = s;
  s.onopen = () => {
    pause = 500;
    if (language.get() !== lang) speak(s);
    desk.set((d) => ({ ...d, connected: true }));
  };
  s.onmessage = (event) => {
    const m = JSON.parse(event.data);
    if (m.reply !== undefined) {
      waiting.get(m.reply)?.(m);
      waiting.delete(m.reply);
    }
    const { entries, question, work, shell } = m;
    const news = {};
    if (entries !== undefined) news.entries = entries;
    if (question !== undefined) news.question = question;
    if (work !== undefined) news.work = work;
    if (shell !== undefined) news.shell = shell;
    if (m.run) {
      if (run && run !== m.run && desk.get().shell) news.restarted = true;
      run = m.run;
    }
    if (shell) news.restarted = false;
    if (Object.keys(news).length > 0) desk.set((d) => ({ ...d, ...news, known: true }));
  };
  s.onclose = () => {
    connection = null;
    for (const answer of waiting.values()) answer({ error: "offline" });
    waiting.clear();
    desk.set((d) => ({ ...d, connected: false }));
    if (!session.get()) return;
    // A refused session cannot be told from a lost connection here: ask.
    setTimeout(() => ask("GET", "/api/session").catch(() => {}).finally(open), pause);
    pause = Math.min(pause * 2, 10_000);
  };
}

session.watch((proof) => {
  if (proof) open();
  else connection?.close();
});
const speak = (s) => s?.readyState === WebSocket.OPEN && s.send(JSON.stringify({ do: "lang", value: language.get() }));
language.watch(() => speak(connection));
// A laptop that wakes need not wait for the next try.
addEventListener("online", open);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && open());
open();

// say sends a request and waits for its reply: {error, note, bad}.
function say(what) {
  if (connection?.readyState !== WebSocket.OPEN) return Promise.resolve({ error: "offline" });
  const id = ++last;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    connection.send(JSON.stringify({ ...what, id }));
  });
}

export const answer = (n, value) => say({ do: "answer", n, value });
export const check = (n, value) => say({ do: "check", n, value });
export const back = (n) => say({ do: "back", n });
export const understood = () => desk.set((d) => ({ ...d, restarted: false, unread: false }));
export const stop = (n) => say({ do: "stop", n });
