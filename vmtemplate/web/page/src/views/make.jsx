import { lazy, Suspense } from "preact/compat";
import { desk } from "../desk.js";
import { useStore } from "../store.js";
import { t } from "../text.js";
import { Entries } from "../parts/entries.jsx";
import { Question } from "../parts/question.jsx";
import { Work } from "../parts/work.jsx";

const Bench = lazy(() => import("../parts/bench.jsx"));

// stages are the way from nothing to a job, and the questions of each.
const stages = [
  ["login", ["user", "password", "offline"]],
  ["base", ["what", "base", "base-name", "base-tag", "workspace", "which"]],
  ["work", ["inside", "next", "discard"]],
  ["upload", ["suspects", "image", "tag", "overwrite", "upload-again"]],
  ["script", ["kind", "file", "replace"]],
];

function stageOf({ question, shell }) {
  if (shell) return 2;
  const i = stages.findIndex(([, ids]) => ids.includes(question?.id));
  return i;
}

export function Make() {
  const d = useStore(desk);
  const stage = stageOf(d);
  if (!d.known) return <p class="dim">{t("loading")}</p>;
  return (
    <div class={`make${d.shell ? " inside" : ""}`}>
      <h1 class="hidden">{t("nav.make")}</h1>
      <ol class="stages" aria-label={t("stages")}>
        {stages.map(([name], i) => (
          <li key={name} class={i < stage ? "past" : ""} aria-current={i === stage ? "step" : undefined}>{t(`stage.${name}`)}</li>
        ))}
      </ol>
      {d.shell ? (
        <Suspense fallback={<p class="dim">{t("loading")}</p>}><Bench shell={d.shell} entries={d.entries} /></Suspense>
      ) : (
        <>
          <Entries entries={d.entries} />
          {d.work && <Work work={d.work} />}
          {d.question && !d.work && <Question q={d.question} />}
        </>
      )}
    </div>
  );
}
