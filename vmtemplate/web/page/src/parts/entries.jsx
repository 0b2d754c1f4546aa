import { useEffect, useRef } from "preact/hooks";
import { t } from "../text.js";
import { Code } from "./copy.jsx";

// Entries is what was told and answered, the newest last.
export function Entries({ entries }) {
  const end = useRef(null);
  const count = entries.length;
  useEffect(() => end.current?.scrollIntoView({ block: "nearest" }), [count]);
  // Two that say the same one after the other are one.
  const shown = entries.filter((e, i) => i === 0 || JSON.stringify({ ...e, n: 0 }) !== JSON.stringify({ ...entries[i - 1], n: 0 }));
  return (
    <ol class="entries" role="log" aria-label={t("entries")}>
      {shown.map((e) => <li key={e.n}><Entry e={e} /></li>)}
      <li ref={end} aria-hidden="true" />
    </ol>
  );
}

function Entry({ e }) {
  if (e.kind === "answer") {
    return <p class="answer"><span class="dim">{e.label}</span> {e.value || "••••••••"}</p>;
  }
  if (e.kind === "document") {
    return (
      <details class="document">
        <summary>{e.title}</summary>
        <Code text={e.text} label={e.title} />
      </details>
    );
  }
  return (
    <div class={`notice ${e.tone ?? "info"}`}>
      {e.title && <p class="title">{e.title}</p>}
      {e.body?.map((p, i) => <p key={i}>{p}</p>)}
      {e.table && (
        <div class="scroll"><table><tbody>
          {e.table.map((row, i) => <tr key={i}>{row.map((cell, j) => (j === 0 ? <th key={j} scope="row">{cell}</th> : <td key={j}>{cell}</td>))}</tr>)}
        </tbody></table></div>
      )}
      {e.code && <Code text={e.code} />}
    </div>
  );
}
