import { bytes, t } from "../text.js";
import { useLoad } from "./load.jsx";
import { Problem } from "./problem.jsx";

// Changes is what differs from the base image now.
export function Changes() {
  const [c, problem, again] = useLoad("/api/bench/changes");
  return (
    <div>
      <p class="dim">{t("changes.lead")}</p>
      <button class="quiet again" onClick={again}>{t("again")}</button>
      <Problem of={problem} />
      {!c && !problem && <p class="dim">{t("loading")}</p>}
      {c && <p class="title">{c.summary}</p>}
      {c?.packages?.length > 0 && (
        <table class="list">
          <thead><tr><th scope="col">{t("changes.package")}</th><th scope="col">{t("changes.was")}</th><th scope="col">{t("changes.is")}</th></tr></thead>
          <tbody>{c.packages.map((p) => <tr key={`${p.manager} ${p.name}`}><th scope="row">{p.name} <span class="dim">{p.manager}</span></th><td data-label={t("changes.was")}>{p.was || "–"}</td><td data-label={t("changes.is")}>{p.is || "–"}</td></tr>)}</tbody>
        </table>
      )}
      {c?.left?.length > 0 && (
        <>
          <h2>{t("changes.left")}</h2>
          <ul class="listing">{c.left.map((l) => <li key={l.why}><span class="name">{l.why}</span><span class="dim">{bytes(l.bytes)}</span></li>)}</ul>
        </>
      )}
      {c?.suspects?.length > 0 && (
        <div class="notice warning">
          <p class="title">{t("changes.suspects")}</p>
          <ul>{c.suspects.map((s) => <li key={s.path}><code>{s.path}</code> {s.why}</li>)}</ul>
        </div>
      )}
    </div>
  );
}
