import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../api.js";
import { t } from "../text.js";
import { Problem } from "./problem.jsx";

// Install finds packages by words, and types what installs one into the terminal.
export function Install({ hand, told }) {
  const [words, setWords] = useState("");
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  // On a phone the terminal fills the window, and what is found would be below it.
  const list = useRef(null);
  useEffect(() => {
    if (found && list.current.getBoundingClientRect().top + 120 > innerHeight) list.current.parentElement.scrollIntoView({ block: "start" });
  }, [found]);
  const look = async (e) => {
    e.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      setFound(await ask("GET", "/api/bench/search", { query: { words } }));
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const run = (command) => {
    hand.current?.type(`${command}\n`);
    hand.current?.focus();
  };
  return (
    <div>
      <p class="dim">{t("install.lead")}</p>
      <form class="field" onSubmit={look}>
        <input type="search" aria-label={t("install.search")} placeholder={t("install.example")} value={words} onInput={(e) => setWords(e.target.value)} autocapitalize="none" spellcheck={false} required />
        <button disabled={busy}>{busy ? t("install.searching") : t("search")}</button>
      </form>
      <Problem of={problem} />
      <p class="hidden" role="status">{found && t("search.found", found.packages.length)}</p>
      {found?.prepare && (
        <div class="notice info"><p>{t("install.prepare")}</p><button onClick={() => run(found.prepare)}><code>{found.prepare}</code></button></div>
      )}
      {found && found.packages.length === 0 && !found.prepare && <p class="dim">{t("search.none")}</p>}
      <ul class="listing" ref={list}>
        {found?.packages.map((p) => (
          <li key={`${p.manager} ${p.name}`}>
            <span class="name"><strong>{p.name}</strong><span class="dim small">{[p.version, p.manager].filter(Boolean).join(" · ")}</span><span class="small">{p.summary}</span></span>
            {p.installed
              ? <span class="badge good">{t("install.there", p.installed)}</span>
              : <button aria-label={t("install.of", p.name)} title={p.command} onClick={() => run(p.command)}>{t("install")}</button>}
          </li>
        ))}
      </ul>
      {!found && told?.table && (
        <div class="examples">
          <h2>{t("install.type")}</h2>
          <table class="facts"><tbody>{told.table.map(([line, note], i) => <tr key={i}><th scope="row"><code>{line}</code></th><td>{note}</td></tr>)}</tbody></table>
        </div>
      )}
    </div>
  );
}
