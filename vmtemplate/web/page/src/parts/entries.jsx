import { give } from "../api.js";
import { t } from "../text.js";
import { Code } from "./copy.jsx";

// What was told and answered is much after a while. Only what matters now is shown; the
// rest can be unfolded.

// stays are notices that matter until what one does is over; others until the next answer.
const stays = ["uploaded", "line", "script", "done", "later", "discarded"];
// never are about the shell, which has words of its own, or about leaving a terminal.
const never = ["inside", "bye", "interrupted", "welcome", "again"];

// tidy sorts the entries: the answers of what is being done, what is told now, and all
// that was before. start: the session asks what to do, so that something has just ended.
export function tidy(entries, start) {
  const shown = entries.filter((e) => !never.includes(e.id));
  const from = Math.max(0, shown.findLastIndex((e) => e.kind === "answer" && e.id === "what"));
  const chapter = shown.slice(from);
  // Who is logged in need not read why it has not worked before.
  const answered = chapter.findLastIndex((e) => e.kind === "answer" || e.id === "logged-in");
  const chips = new Map();
  for (const e of chapter) if (e.kind === "answer" && !["what", "next"].includes(e.id)) chips.set(e.id, e);
  const newest = new Map(); // of several that say the same thing
  for (const [i, e] of chapter.entries()) {
    if (e.kind === "answer" || (i < answered && !stays.includes(e.id))) continue;
    newest.set(e.id, e);
  }
  // A whole script has the line, and what is over was uploaded.
  if (newest.has("script")) newest.delete("line");
  if (start) newest.delete("logged-in");
  // A script that was written can be had from here, too.
  const told = [...newest.values()].map((e) => (e.id === "script" ? { ...e, file: chips.get("file")?.value.split("/").pop() } : e));
  const kept = new Set(told.map((e) => e.n));
  return { chips: [...chips.values()], told, earlier: shown.filter((e) => !kept.has(e.n)) };
}

// Chips are the answers so far.
export function Chips({ answers }) {
  if (answers.length === 0) return null;
  return (
    <ul class="chips" aria-label={t("answers")}>
      {answers.map((e) => <li key={e.n}><span class="dim">{e.label}</span> {e.value || "••••••"}</li>)}
    </ul>
  );
}

// Told is what to know now. It is a log: what comes is read out.
export function Told({ entries }) {
  return <div class="entries" role="log" aria-label={t("entries.now")}>{entries.map((e) => <Entry key={e.n} e={e} />)}</div>;
}

// Earlier is all the rest.
export function Earlier({ entries }) {
  if (!entries.some((e) => e.kind !== "answer" && e.id !== "logged-in")) return null;
  return (
    <details class="earlier">
      <summary>{t("entries")}</summary>
      <ol class="entries">{entries.map((e) => <li key={e.n}><Entry e={e} /></li>)}</ol>
    </details>
  );
}

function Entry({ e }) {
  if (e.kind === "answer") return <p class="chip"><span class="dim">{e.label}</span> {e.value || "••••••"}</p>;
  if (e.kind === "document") {
    return (
      <details class="document" open>
        <summary>{e.title}</summary>
        <Code text={e.text} label={e.title} />
        {e.file && <button class="primary" onClick={() => give(e.text, e.file)}>{t("job.save", e.file)}</button>}
      </details>
    );
  }
  return (
    <div class={`notice ${e.tone ?? "info"}`}>
      {e.title && <p class="title">{e.title}</p>}
      {e.body?.map((p, i) => <p key={i}>{p}</p>)}
      {e.table && (
        <table class="facts"><tbody>
          {e.table.map((row, i) => <tr key={i}>{row.map((cell, j) => (j === 0 ? <th key={j} scope="row">{cell}</th> : <td key={j}>{cell}</td>))}</tr>)}
        </tbody></table>
      )}
      {e.code && <Code text={e.code} label={e.title} />}
    </div>
  );
}
