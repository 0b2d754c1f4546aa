// Asking the server. The session's proof is kept for this origin only; see package guard.
import { store } from "./store.js";
import { language } from "./text.js";

const key = "jbuild.session";
export const session = store(localStorage.getItem(key));
// ended says why there is no session any more, when the user has not logged out.
export const ended = store(false);

// Another tab has logged in or out.
addEventListener("storage", (e) => {
  if (e.key === key) session.set(e.newValue);
});

export function begin(proof) {
  localStorage.setItem(key, proof);
  ended.set(false);
  session.set(proof);
}

export function forget() {
  localStorage.removeItem(key);
  session.set(null);
}

function expired() {
  ended.set(true);
  forget();
}

// ApiError is an answer that something cannot be done.
export class ApiError extends Error {
  constructor(kind, text, why, next) {
    super(text);
    this.kind = kind;
    this.why = why;
    this.next = next ?? [];
  }
}

function address(path, query = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries({ lang: language.get(), ...query })) url.searchParams.set(name, value);
  return url;
}

const headers = () => ({ "X-Jbuild-Session": session.get() ?? "" });

// ask makes a request. Errors are ApiErrors.
export async function ask(method, path, { query, body, raw, signal } = {}) {
  let answer;
  try {
    answer = await fetch(address(path, query), {
      method,
      signal,
      headers: { ...headers(), ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : raw,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("offline", "");
  }
  if (answer.status === 401) {
    expired();
    throw new ApiError("session", "");
  }
  if (answer.ok) {
    const json = answer.headers.get("Content-Type")?.startsWith("application/json");
    return json ? answer.json() : answer;
  }
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // nothing that a person could read
  }
  throw new ApiError(told.error ?? "failed", told.text ?? "", told.why, told.next);
}

// there reports whether there is a file or a folder already.
export async function there(path) {
  const answer = await fetch(address("/api/bench/file", { path }), { method: "HEAD", headers: headers() }).catch(() => null);
  return answer?.ok ?? false;
}

// send uploads a file with progress, which fetch cannot tell.
export function send(path, query, file, progress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.open("PUT", address(path, query));
    request.setRequestHeader("X-Jbuild-Session", session.get() ?? "");
    request.upload.onprogress = (e) => progress(e.loaded, e.total);
    request.onload = () => {
      if (request.status < 300) return resolve();
      if (request.status === 401) expired();
      let told = {};
      try {
        told = JSON.parse(request.responseText);
      } catch {
        // as above
      }
      reject(new ApiError(told.error ?? "failed", told.text ?? "", told.why, told.next));
    };
    request.onerror = () => reject(new ApiError("offline", ""));
    request.onabort = () => reject(new DOMException("", "AbortError"));
    request.send(file);
  });
  return { done, stop: () => request.abort() };
}

// save downloads what needs the session's proof, under a name. progress hears the bytes that
// have come, and those of all: 0 when that is not known. What is large the browser keeps on
// its disk.
export async function save(path, query, name, progress, signal) {
  const answer = await ask("GET", path, { query, signal });
  const all = Number(answer.headers.get("Content-Length") ?? 0);
  let done = 0;
  const count = new TransformStream({
    transform(piece, out) {
      done += piece.length;
      progress(done, all);
      out.enqueue(piece);
    },
  });
  let content;
  try {
    content = await new Response(answer.body.pipeThrough(count)).blob();
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") throw new DOMException("", "AbortError");
    throw new ApiError("offline", "");
  }
  give(content, name);
}

// give has the browser save something.
export function give(content, name) {
  const url = URL.createObjectURL(new Blob([content]));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// socket opens a WebSocket.
export function socket(path, query) {
  const url = address(path, query);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(url, ["jbuild", `session.${session.get()}`]);
}
