import { lazy, Suspense } from "preact/compat";
import { desk } from "../desk.js";
import { useStore } from "../store.js";
import { language, t } from "../text.js";
import { Chips, Earlier, Told, tidy } from "../parts/entries.jsx";
import { Question } from "../parts/question.jsx";
import { Start } from "../parts/start.jsx";
import { Work } from "../parts/work.jsx";

const Bench = lazy(() => import("../parts/bench.jsx"));

// stages are the way from nothing to a job, and the questions of each.
const stages = [
  ["login", ["user", "password", "offline"]],
  ["base", ["what", "base", "base-name", "base-tag", "workspace", "which"]],
  ["work", ["next", "discard"]],
  ["upload", ["suspects", "image", "tag", "overwrite", "upload-again"]],
  ["script", ["kind", "file", "replace"]],
];

// stageOf is where the session is: by what is asked, or else by what was asked last.
function stageOf({ question, shell, entries }) {
  if (shell) return 2;
  const of = (id) => stages.findIndex(([, ids]) => ids.includes(id));
  const now = of(question?.id);
  if (now >= 0) return now;
  const last = entries.findLast((e) => e.kind === "answer" && of(e.id) >= 0);
  return last ? of(last.id) : 0;
}

export function Make() {
  const d = useStore(desk);
  useStore(language);
  if (!d.known) return <p class="dim make">{t("loading")}</p>;
  const stage = stageOf(d);
  const asked = !d.work && d.question;
  const start = asked && asked.id === "what";
  const { chips, told, earlier } = tidy(d.entries, start);
  return (
    <div class={`make${d.shell ? " inside" : ""}`}>
      <h1 class="hidden">{t("nav.make")}</h1>
      {!start && (
        <ol class="stages" aria-label={t("stages")}>
          {stages.map(([name], i) => (
            <li key={name} class={i < stage ? "past" : ""} aria-current={i === stage ? "step" : undefined}><span class="dot" aria-hidden="true">{i < stage ? "✓" : i + 1}</span> <span class="name">{t(`stage.${name}`)}</span></li>
          ))}
        </ol>
      )}
      {d.shell ? (
        <Suspense fallback={<p class="dim">{t("loading")}</p>}><Bench shell={d.shell} entries={d.entries} /></Suspense>
      ) : (
        <>
          {!start && <Chips answers={chips} />}
          <Told entries={told} />
          {d.work && <Work key={d.work.n} work={d.work} />}
          {start && <Start key={asked.n} q={asked} quiet={told.length > 0} />}
          {asked && !start && <Question q={asked} entries={d.entries} />}
          <Earlier entries={earlier} />
        </>
      )}
    </div>
  );
}
