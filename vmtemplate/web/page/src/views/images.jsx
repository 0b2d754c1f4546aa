import { useState } from "preact/hooks";
import { go } from "../app.jsx";
import { ask } from "../api.js";
import { bytes, date, t } from "../text.js";
import { useLoad } from "../parts/load.jsx";
import { Scan } from "../parts/scan.jsx";
import { Problem } from "../parts/problem.jsx";

// Images are one's own in the registry.
export default function Images() {
  const [list, problem, again] = useLoad("/api/images");
  const [typed, type] = useState("");
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const found = list?.images.filter((i) => words.every((w) => [i.name, i.description, ...i.tags.map((tag) => tag.name)].join(" ").toLowerCase().includes(w))) ?? [];
  return (
    <div class="wide">
      <div class="row head"><h1>{t("images")}</h1><button class="quiet" onClick={again}>{t("again")}</button></div>
      <p class="dim">{t("images.lead")}</p>
      <Problem of={problem} />
      {!list && !problem && <p class="dim">{t("loading")}</p>}
      {list?.quota && (
        <label class="quota">{list.quota.limit > 0 ? t("images.quota", bytes(list.quota.used), bytes(list.quota.limit)) : t("images.quota.none", bytes(list.quota.used))}{list.quota.limit > 0 && <meter min="0" max={list.quota.limit} high={0.9 * list.quota.limit} value={list.quota.used} />}</label>
      )}
      {list?.images.length === 0 && <div class="card empty"><p>{t("images.none")}</p><button class="primary" onClick={() => go("/")}>{t("images.make")}</button></div>}
      {list?.images.length > 6 && (
        <label class="search">
          <span class="hidden">{t("search")}</span>
          <input type="search" placeholder={t("search")} value={typed} onInput={(e) => type(e.target.value)} autocapitalize="none" spellcheck={false} />
          <span class="hidden" role="status">{typed && t("search.found", found.length)}</span>
        </label>
      )}
      {list?.images.length > 0 && found.length === 0 && <p class="dim">{t("search.none")}</p>}
      {found.map((image) => <Image key={image.repository} list={list} image={image} again={again} />)}
      {list?.shares && <Share project={list.project} members={list.members} again={again} />}
    </div>
  );
}

function Image({ list, image, again }) {
  const [problem, setProblem] = useState(null);
  const remove = async (tag) => {
    if (!confirm(t("images.delete.sure", `${image.name}:${tag.name}`))) return;
    try {
      await ask("DELETE", "/api/images/tag", { query: { repository: image.repository, tag: tag.name } });
      setProblem(null);
      again();
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <section class="card" aria-labelledby={image.repository}>
      <h2 id={image.repository}>{image.name}</h2>
      {image.description && <p>{image.description}</p>}
      <Problem of={problem} />
      <table class="list stacked">
        <thead><tr><th scope="col">{t("images.tag")}</th><th scope="col" class="right">{t("images.size")}</th><th scope="col">{t("images.pushed")}</th><th scope="col">{t("images.used")}</th><th scope="col">{t("images.scan")}</th><th scope="col"><span class="hidden">{t("images.actions")}</span></th></tr></thead>
        <tbody>
          {image.tags.map((tag) => (
            <tr key={tag.name}>
              <th scope="row"><code>{tag.name}</code></th>
              <td class="right" data-label={t("images.size")}>{bytes(tag.bytes)}</td>
              <td data-label={t("images.pushed")}>{date(tag.pushed)}</td>
              <td data-label={t("images.used")}>{date(tag.pulled) || t("images.never")}</td>
              <td data-label={t("images.scan")}><Scan scan={tag.scan} /></td>
              <td><div class="row tight">
                <button class="quiet" onClick={() => go(`/job?image=${encodeURIComponent(tag.reference)}`)}>{t("images.job")}</button>
                {list.harbor !== false && <button class="quiet danger" disabled={tag.immutable} title={tag.immutable ? t("images.immutable") : undefined} aria-label={t("images.delete.of", tag.name)} onClick={() => remove(tag)}>{t("images.delete")}</button>}
              </div></td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

// Share lets a colleague use the images of one's own project.
function Share({ project, members, again }) {
  const [problem, setProblem] = useState(null);
  const [done, setDone] = useState("");
  const submit = async (e) => {
    e.preventDefault();
    const form = e.target;
    const { user, role } = Object.fromEntries(new FormData(form));
    setDone("");
    try {
      await ask("POST", "/api/members", { body: { user, role } });
      setProblem(null);
      setDone(t("share.done", user));
      form.reset();
      again();
    } catch (error) {
      setProblem(error);
    }
  };
  const remove = (m) => confirm(t("share.remove.sure", m.name)) && ask("DELETE", "/api/members", { query: { id: m.id } }).then(again, setProblem);
  return (
    <section class="card" aria-labelledby="share">
      <h2 id="share">{t("share")}</h2>
      <p class="dim">{t("share.lead", project)}</p>
      <Problem of={problem} />
      <p role="status" class="good">{done}</p>
      {members?.length > 0 && (
        <ul class="listing">{members.map((m) => (
          <li key={m.id}><span class="name">{m.name}<span class="dim small">{m.role}</span></span>{!m.own && <button class="quiet danger" onClick={() => remove(m)} aria-label={t("share.remove.of", m.name)}>{t("share.remove")}</button>}</li>
        ))}</ul>
      )}
      <form class="row" onSubmit={submit}>
        <label>{t("share.user")}<input name="user" required autocapitalize="none" spellcheck={false} autocomplete="off" /></label>
        <label>{t("share.role")}<select name="role"><option value="guest">{t("share.guest")}</option><option value="developer">{t("share.developer")}</option></select></label>
        <button class="primary">{t("share.add")}</button>
      </form>
    </section>
  );
}
