import { useState } from "preact/hooks";
import { t } from "../text.js";
import { Icon } from "./icon.jsx";
import { useAsked } from "./question.jsx";
import { Problem } from "./problem.jsx";

const few = 6;

// Start is the question what to do: the workspaces to go on with, and the rest.
export function Start({ q, quiet }) {
  const [problem, give] = useAsked(q);
  const [all, setAll] = useState(false);
  const heading = useAsked.focus(q, true);
  const works = q.shortcuts ?? [];
  // Leaving makes no sense on a page, and the workspaces are cards here.
  const rows = q.rows.filter((r) => r.key !== "quit" && !(r.key === "continue" && works.length > 0));
  const big = rows.filter((r) => r.key === "new" || r.key === "login");
  const rest = rows.filter((r) => !big.includes(r));
  return (
    <section class="start" aria-labelledby="start">
      <h2 id="start" ref={heading} tabIndex={-1}>{q.title}</h2>
      {works.length === 0 && !quiet && <p class="lead">{t("start.lead")}</p>}
      <Problem of={problem} />
      {big.map((r) => (
        <button key={r.key} class="hero" onClick={() => give(r.key)}>
          <Icon name={r.key} />
          <span><strong>{r.cells[0]}</strong><span class="text">{r.note}</span></span>
        </button>
      ))}
      {works.length > 0 && (
        <>
          <h3>{t("start.continue")}</h3>
          <ul class="cards">
            {(all ? works : works.slice(0, few)).map((r) => (
              <li key={r.key}>
                <button class="tile" onClick={() => give(r.key)}>
                  <strong>{r.cells[0]}</strong>
                  <span class="text">{r.cells[1]}</span>
                  <span class="dim">{[r.cells[2], r.cells[3]].filter(Boolean).join(" · ")}</span>
                  <span class="dim">{r.note}</span>
                </button>
              </li>
            ))}
          </ul>
          {!all && works.length > few && <button class="quiet" onClick={() => setAll(true)}>{t("start.all", works.length)}</button>}
        </>
      )}
      {rest.length > 0 && (
        <ul class="options beside-each-other">
          {rest.map((r) => (
            <li key={r.key}><button class="option" onClick={() => give(r.key)}><strong>{r.cells[0]}</strong>{r.note && <span class="dim">{r.note}</span>}</button></li>
          ))}
        </ul>
      )}
    </section>
  );
}
