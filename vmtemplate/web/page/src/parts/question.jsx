import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { answer, back, check } from "../desk.js";
import { t } from "../text.js";
import { Problem } from "./problem.jsx";

// Question is what is open. Some are drawn in a way of their own, by their IDs; all can be
// drawn by what kind they are.
export function Question({ q }) {
  const heading = useRef(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    setProblem(null);
    heading.current?.focus({ preventScroll: true });
    heading.current?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }, [q.n]);
  const give = async (value) => {
    const reply = await answer(q.n, value);
    if (reply.error && reply.error !== "gone") setProblem({ error: reply.error, text: reply.bad });
    else setProblem(null);
  };
  const Body = { choice: q.id === "base" ? Cards : Choice, ask: Ask, confirm: Confirm }[q.kind];
  return (
    <section class="card question" aria-labelledby={`q${q.n}`}>
      <h2 id={`q${q.n}`} ref={heading} tabIndex={-1}>{q.title}</h2>
      {q.help && <p class="dim">{q.help}</p>}
      <Problem of={problem} />
      <Body key={q.n} q={q} give={give} />
      {q.id !== "what" && <button class="quiet back" onClick={() => back(q.n)}>{t("back")}</button>}
    </section>
  );
}

// useSearch narrows rows to those that have all words.
function useSearch(rows) {
  const [typed, type] = useState("");
  const found = useMemo(() => {
    const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
    return rows.filter((r) => r.stays || words.every((w) => [...r.cells, r.note ?? ""].join(" ").toLowerCase().includes(w)));
  }, [rows, typed]);
  const box = (
    <label class="search">
      <span class="hidden">{t("search")}</span>
      <input type="search" placeholder={t("search")} value={typed} onInput={(e) => type(e.target.value)} />
      <span class="hidden" role="status">{typed && t("search.found", found.filter((r) => !r.stays).length)}</span>
    </label>
  );
  return [found, box];
}

// Cards are images to begin with: name, description, size, date.
function Cards({ q, give }) {
  const [found, box] = useSearch(q.rows);
  return (
    <>
      {q.rows.length > 6 && box}
      <ul class="cards">
        {found.filter((r) => !r.stays).map((r) => (
          <li key={r.key}>
            <button class="tile" onClick={() => give(r.key)}>
              <strong>{r.cells[0]}</strong>
              <span class="text">{r.cells[1]}</span>
              <span class="dim">{r.cells.slice(2).filter(Boolean).join(" · ")}</span>
            </button>
          </li>
        ))}
      </ul>
      {found.every((r) => r.stays) && <p class="dim">{t("search.none")}</p>}
      <div class="row">{found.filter((r) => r.stays).map((r) => <button key={r.key} title={r.note} onClick={() => give(r.key)}>{r.cells[0]}</button>)}</div>
    </>
  );
}

// Choice is one of a list: a few as large buttons, many as a table.
function Choice({ q, give }) {
  const [found, box] = useSearch(q.rows);
  if (!q.columns) {
    return (
      <>
        {q.search && box}
        <ul class="options">
          {found.map((r) => (
            <li key={r.key}>
              <button class={`option${r.key === q.default ? " proposed" : ""}`} onClick={() => give(r.key)}>
                <strong>{r.cells.join("  ")}</strong>
                {r.note && <span class="dim">{r.note}</span>}
              </button>
            </li>
          ))}
        </ul>
      </>
    );
  }
  return (
    <>
      {q.search && box}
      <div class="scroll">
        <table class="list">
          <thead><tr>{q.columns.map((c, i) => <th key={i} scope="col" class={c.right ? "right" : c.spare ? "spare" : ""}>{c.title}</th>)}</tr></thead>
          <tbody>
            {found.map((r) => (
              <tr key={r.key} class={r.key === q.default ? "proposed" : ""}>
                {r.cells.map((cell, i) => (
                  <td key={i} class={q.columns[i]?.right ? "right" : q.columns[i]?.spare ? "spare" : ""} colSpan={r.cells.length === 1 ? q.columns.length : 1}>
                    {i === 0 ? <button class="link" title={r.note} onClick={() => give(r.key)}>{cell}</button> : cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

// Ask is a line of text, judged while it is typed.
function Ask({ q, give }) {
  const [typed, setTyped] = useState(q.default ?? "");
  const [verdict, setVerdict] = useState({});
  const [touched, setTouched] = useState(false);
  const id = useId();
  useEffect(() => {
    if (q.secret) return undefined;
    let over = false;
    const timer = setTimeout(async () => {
      const v = await check(q.n, typed);
      if (!over && !v.error) setVerdict(v);
    }, 150);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [typed, q.n]);
  const bad = touched || typed !== (q.default ?? "") ? verdict.bad : "";
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        setTouched(true);
        give(typed);
      }}
    >
      <div class="field">
        <input
          id={id} aria-labelledby={`q${q.n}`} aria-describedby={`${id}v`} aria-invalid={bad ? "true" : undefined}
          type={q.secret ? "password" : "text"} autocomplete={{ user: "username", password: "current-password" }[q.id] ?? "off"} autocapitalize="none" spellcheck={false}
          value={typed} onInput={(e) => setTyped(e.target.value)} onBlur={() => setTouched(true)}
        />
        <button class="primary">{t("next")}</button>
      </div>
      <p id={`${id}v`} class={bad ? "bad" : "dim"} role="status">{bad || verdict.note || "\u00a0"}</p>
    </form>
  );
}

function Confirm({ q, give }) {
  const button = (value, text) => <button class={q.default === value ? "primary" : ""} onClick={() => give(value)}>{text}</button>;
  return <div class="row">{button("yes", q.yes || t("yes"))}{button("no", q.no || t("no"))}</div>;
}
