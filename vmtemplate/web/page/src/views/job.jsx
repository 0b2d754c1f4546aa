import { useEffect, useState } from "preact/hooks";
import { ask, give } from "../api.js";
import { t } from "../text.js";
import { Code } from "../parts/copy.jsx";
import { useLoad } from "../parts/load.jsx";
import { Problem } from "../parts/problem.jsx";

// What has been filled in stays while one looks at another part of the page.
let kept = { kind: "serial", nodes: 1, cpus: 1, memory: 4, gpus: 1, ranks: 1, hours: 1, minutes: 0, queue: "", mail: "", command: "", image: "" };

const least = (name) => (name === "minutes" || name === "hours" ? 0 : 1);

// counts are the numbers as they are meant: a field may be empty while somebody types.
const counts = (o) => Object.fromEntries(["nodes", "cpus", "memory", "gpus", "ranks", "hours", "minutes"].map((name) => [name, Math.max(least(name), Math.floor(Number(o[name])) || 0)]));

// Job makes a script for the batch system from what a job needs.
export default function Job() {
  const [o, set] = useState({ ...kept, image: new URLSearchParams(location.search).get("image") ?? kept.image });
  const [list] = useLoad("/api/images");
  const [script, setScript] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    kept = o;
    if (!o.image) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      try {
        setScript(await ask("POST", "/api/script", { body: { ...o, ...counts(o) }, signal: stop.signal }));
        setProblem(null);
      } catch (error) {
        if (error.name !== "AbortError") setProblem(error);
      }
    }, 200);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [o]);
  const text = (name, props) => <input name={name} value={o[name]} onInput={(e) => set({ ...o, [name]: e.target.value })} {...props} />;
  const number = (name, most) => <input name={name} type="number" inputmode="numeric" min={least(name)} max={most} value={o[name]} onInput={(e) => set({ ...o, [name]: e.target.value })} onBlur={() => set({ ...o, ...counts(o) })} />;
  // The newest of one's own is most likely meant.
  useEffect(() => {
    const tags = list?.images.flatMap((i) => i.tags).filter((tag) => tag.pushed) ?? [];
    const newest = tags.reduce((a, b) => (a && a.pushed >= b.pushed ? a : b), null);
    if (newest) set((now) => (now.image ? now : { ...now, image: newest.reference }));
  }, [list]);
  return (
    <div class="wide">
      <h1>{t("job")}</h1>
      <p class="dim">{t("job.lead")}</p>
      <div class="two">
        <form class="card stack" onSubmit={(e) => e.preventDefault()}>
          <label>{t("job.image")}{text("image", { list: "own-images", required: true, spellcheck: false, autocapitalize: "none" })}</label>
          <datalist id="own-images">{list?.images.flatMap((i) => i.tags.map((tag) => <option key={tag.reference} value={tag.reference} />))}</datalist>
          <fieldset>
            <legend>{t("job.kind")}</legend>
            {["serial", "gpu", "mpi"].map((kind) => (
              <label key={kind} class="check"><input type="radio" name="kind" checked={o.kind === kind} onChange={() => set({ ...o, kind })} /><span>{t(`job.${kind}`)} <span class="dim">{t(`job.${kind}.note`)}</span></span></label>
            ))}
          </fieldset>
          <div class="row">
            {o.kind === "mpi" && <label>{t("job.nodes")}{number("nodes", 1000)}</label>}
            {o.kind === "mpi" && <label>{t("job.ranks")}{number("ranks", 1024)}</label>}
            {o.kind === "gpu" && <label>{t("job.gpus")}{number("gpus", 16)}</label>}
            <label>{t("job.cpus")}{number("cpus", 1024)}</label>
            <label>{t("job.memory")}{number("memory", 10000)}</label>
          </div>
          <fieldset>
            <legend>{t("job.limit")}</legend>
            <div class="row"><label>{t("job.hours")}{number("hours", 1000)}</label><label>{t("job.minutes")}{number("minutes", 59)}</label></div>
            <p class="dim small">{t("job.limit.help")}</p>
          </fieldset>
          <label>{t("job.queue")}{text("queue", { placeholder: t("job.queue.any") })}</label>
          <label>{t("job.mail")}{text("mail", { type: "email", placeholder: t("job.mail.none"), autocomplete: "email" })}</label>
          <label>{t("job.command")}{text("command", { placeholder: "python3 main.py", spellcheck: false, autocapitalize: "none" })}</label>
        </form>
        <section class="card stack" aria-label={t("job.script")}>
          <h2>{t("job.script")}</h2>
          <Problem of={problem} />
          {!o.image && <p class="dim">{t("job.choose")}</p>}
          {script && o.image && (
            <>
              <Code text={script.text} label={t("job.script")} />
              <div class="row"><button class="primary" onClick={() => give(script.text, script.file)}>{t("job.save", script.file)}</button></div>
              <p>{t("job.then")}</p>
              <Code text={`qsub ${script.file}`} label={t("job.then")} />
            </>
          )}
        </section>
      </div>
    </div>
  );
}
