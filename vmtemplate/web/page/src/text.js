// The page's words, in the reader's language: those of the catalogue, by their names.
import { store } from "./store.js";

const key = "jbuild.language";
export const language = store(localStorage.getItem(key) ?? document.documentElement.lang);
const words = store({});

export async function loadTexts(lang) {
  const wanted = lang ?? language.get();
  const answer = await fetch(`/api/texts?lang=${encodeURIComponent(wanted)}`);
  words.set(await answer.json());
  language.set(wanted);
  document.documentElement.lang = wanted;
  if (lang) localStorage.setItem(key, lang);
}

// t is the text called name, with {0}, {1} … filled in.
export function t(name, ...args) {
  const text = words.get()[name];
  if (text === undefined) return name;
  return text.replace(/\{(\d)\}/g, (_, i) => String(args[i] ?? ""));
}

// bytes writes a size as the catalogue's texts do.
export function bytes(n) {
  if (n < 1000) return `${n} B`;
  let unit = -1;
  do {
    n /= 1000;
    unit++;
  } while (n >= 1000 && unit < 4);
  return `${n.toFixed(1)} ${"kMGTP"[unit]}B`;
}

// shown is a name that programs have made, without what controls or turns a line around.
export const shown = (name) => name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd");

// date is a day and, when it was not long ago, the time.
export function date(text) {
  const d = new Date(text);
  if (!text || Number.isNaN(d.getTime()) || d.getFullYear() < 1971) return "";
  const recent = Date.now() - d.getTime() < 7 * 24 * 3600 * 1000;
  return new Intl.DateTimeFormat(language.get(), recent ? { dateStyle: "medium", timeStyle: "short" } : { dateStyle: "medium" }).format(d);
}
