import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { answer, back, check } from "../desk.js";
import { t } from "../text.js";
import { Problem } from "./problem.jsx";

// useAsked gives answers to a question: what went wrong, and the function that does.
export function useAsked(q) {
  const [problem, setProblem] = useState(null);
  useEffect(() => setProblem(null), [q.n]);
  const give = async (value) => {
    const reply = await answer(q.n, value);
    // Why a line is refused stands below it.
    setProblem(reply.error && reply.error !== "gone" && !(q.kind === "ask" && reply.bad) ? { error: reply.error, text: reply.bad } : null);
    return reply;
  };
  return [problem, give];
}

// useAsked.focus puts the keyboard on a new question's heading, so that it is read out and
// in sight.
useAsked.focus = (q, top) => {
  const heading = useRef(null);
  useEffect(() => {
    const field = heading.current?.parentElement.querySelector("input:not([hidden]):not([type=search])");
    // A field's name is the question, which is read out with it.
    (field ?? heading.current)?.focus({ preventScroll: true });
    // From the top, where what was told stands, unless the question would not be seen.
    scrollTo(0, 0);
    if (top || !heading.current) return;
    const box = heading.current.parentElement;
    const head = heading.current.getBoundingClientRect().bottom;
    if (head + 160 > innerHeight) box.scrollIntoView({ block: box.offsetHeight > innerHeight * 0.8 ? "start" : "nearest" });
  }, [q.n]);
  return heading;
};

// Before these nothing was asked.
const firsts = ["user", "offline", "begin"];

// Question is what is open. Some are drawn in a way of their own, by their IDs; all can be
// drawn by what kind they are.
export function Question({ q, entries }) {
  const [problem, give] = useAsked(q);
  const heading = useAsked.focus(q);
  const Body = { choice: q.id === "base" ? Cards : Choice, ask: Ask, confirm: Confirm }[q.kind];
  return (
    <section class="card question" aria-labelledby={`q${q.n}`}>
      <h2 id={`q${q.n}`} ref={heading} tabIndex={-1}>{q.title}</h2>
      {q.help && <p class="dim" id={`h${q.n}`}>{q.help}</p>}
      <Problem of={problem} />
      <Body key={q.n} q={q} give={give} entries={entries} />
      {!firsts.includes(q.id) && <button class="quiet back" onClick={() => back(q.n)}><span aria-hidden="true">← </span>{t("back")}</button>}
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
      <input type="search" placeholder={t("search")} value={typed} onInput={(e) => type(e.target.value)} autocapitalize="none" spellcheck={false} />
      <span class="hidden" role="status">{typed && t("search.found", found.filter((r) => !r.stays).length)}</span>
    </label>
  );
  return [found, box];
}

// Cards are images to begin with: name, description, size, date, what a scan has found.
function Cards({ q, give }) {
  const [found, box] = useSearch(q.rows);
  const images = found.filter((r) => !r.stays);
  return (
    <>
      {q.rows.length > 6 && box}
      <ul class="cards">
        {images.map((r) => {
          const [project, name] = split(r.cells[0]);
          return (
            <li key={r.key}>
              <button class="tile" onClick={() => give(r.key)}>
                <strong><span class="project">{project}</span>{name}</strong>
                {r.cells[1] && <span class="text">{r.cells[1]}</span>}
                <span class="dim foot">{r.cells.slice(2).filter(Boolean).join(" · ")}</span>
                {r.badge && <Badge of={r} />}
              </button>
            </li>
          );
        })}
      </ul>
      {images.length === 0 && <p class="dim">{q.rows.some((r) => !r.stays) ? t("search.none") : t("base.none")}</p>}
      <div class="row">{found.filter((r) => r.stays).map((r) => <button key={r.key} title={r.note} onClick={() => give(r.key)}>{r.cells[0]}</button>)}</div>
    </>
  );
}

// Badge is a few words about an answer.
function Badge({ of: r }) {
  return <span class={`badge ${{ success: "good", warning: "high" }[r.tone] ?? ""}`}>{r.badge}</span>;
}

// split is a name with what stands before it.
function split(name) {
  const i = name.lastIndexOf("/") + 1;
  return [name.slice(0, i), name.slice(i)];
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
              <button class={`option${r.key === q.default ? " proposed" : ""}${r.key === "discard" || r.key === "delete" ? " danger" : ""}`} onClick={() => give(r.key)}>
                <strong>{r.cells.join("  ")}</strong>
                {r.note && <span class="dim">{r.note}</span>}
              </button>
            </li>
          ))}
        </ul>
      </>
    );
  }
  const scans = q.rows.some((r) => r.badge);
  return (
    <>
      {q.search && box}
      <table class="list">
        <thead><tr>{q.columns.map((c, i) => <th key={i} scope="col" class={c.right ? "right" : ""}>{c.title}</th>)}{scans && <th scope="col">{t("images.scan")}</th>}</tr></thead>
        <tbody>
          {found.map((r) => (
            <tr key={r.key} class="pick" onClick={() => give(r.key)}>
              {r.cells.map((cell, i) => (
                <td key={i} class={q.columns[i]?.right ? "right" : ""} data-label={i > 0 ? q.columns[i]?.title : undefined} colSpan={r.cells.length === 1 ? q.columns.length : 1}>
                  {i === 0 ? <button class="link" title={r.note} onClick={(e) => { e.stopPropagation(); give(r.key); }}>{cell}</button> : cell}
                </td>
              ))}
              {scans && <td data-label={t("images.scan")}>{r.badge && <Badge of={r} />}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      {found.length === 0 && <p class="dim">{t("search.none")}</p>}
    </>
  );
}

// Ask is a line of text, judged while it is typed.
function Ask({ q, give, entries }) {
  const [typed, setTyped] = useState(q.default ?? "");
  const [verdict, setVerdict] = useState({});
  const [touched, setTouched] = useState(false);
  const [busy, setBusy] = useState(false);
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
      onSubmit={async (e) => {
        e.preventDefault();
        setTouched(true);
        setBusy(true);
        const reply = await give(typed);
        if (reply.bad) setVerdict({ bad: reply.bad });
        setBusy(false);
      }}
    >
      {q.secret && <input hidden type="text" autocomplete="username" readOnly value={entries.findLast((e) => e.kind === "answer" && e.id === "user")?.value ?? ""} />}
      <div class="field">
        <input
          id={id} aria-labelledby={`q${q.n}`} aria-describedby={`${q.help ? `h${q.n} ` : ""}${id}v`} aria-invalid={bad ? "true" : undefined}
          type={q.secret ? "password" : "text"} autocomplete={{ user: "username", password: "current-password" }[q.id] ?? "off"} autocapitalize="none" spellcheck={false}
          value={typed} onInput={(e) => setTyped(e.target.value)}
        />
        <button class="primary" disabled={busy}>{t("next")}</button>
      </div>
      <p id={`${id}v`} class={bad ? "bad" : "dim"} role="status">{bad || verdict.note || "\u00a0"}</p>
    </form>
  );
}

function Confirm({ q, give }) {
  const button = (value, text) => <button class={q.default === value ? "primary" : ""} onClick={() => give(value)}>{text}</button>;
  return <div class="row">{button("yes", q.yes || t("yes"))}{button("no", q.no || t("no"))}</div>;
}
