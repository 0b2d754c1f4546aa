import { useRef, useState } from "preact/hooks";
import { ask, save, send } from "../api.js";
import { store, useStore } from "../store.js";
import { bytes, date, shown, t } from "../text.js";
import { dropped, picked } from "./dropped.js";
import { Icon } from "./icon.jsx";
import { useLoad } from "./load.jsx";
import { Problem } from "./problem.jsx";

// sending is what goes on, whichever tab is open: null, or {name, done, all, files, of}.
const sending = store(null);
let stop = null;

// bring sends things into a folder, one after the other. It returns the problems.
async function bring(things, folder) {
  const all = things.reduce((sum, x) => sum + (x.file?.size ?? 0), 0);
  const files = things.filter((x) => x.file).length;
  let before = 0;
  let n = 0;
  let replace; // all or none of those that are there, when it has been asked
  let stopped = false;
  const problems = [];
  const failed = (path, error) => problems.push({ kind: error.kind, text: `${path}: ${error.message || t("problem")}`, why: error.why, next: error.next });
  for (const { path, file } of things) {
    if (stopped) break;
    const to = join(folder, path);
    if (!file) {
      await ask("POST", "/api/bench/folder", { body: { path: to } }).catch((error) => failed(path, error));
      continue;
    }
    n++;
    const put = (overwrite) => {
      sending.set({ name: path, done: before, all, files: n, of: files });
      const s = send("/api/bench/file", { path: to, overwrite: overwrite ? "yes" : "no" }, file, (done) => sending.set({ name: path, done: before + done, all, files: n, of: files }));
      stop = () => {
        stopped = true;
        s.stop();
      };
      return s.done;
    };
    try {
      await put(false).catch((error) => {
        if (error.kind !== "exists") throw error;
        replace ??= confirm(files > 1 ? t("files.overwrite.all", path) : t("files.overwrite", path));
        if (replace) return put(true);
        return undefined;
      });
    } catch (error) {
      if (error.name !== "AbortError") failed(path, error);
      if (["offline", "session", "no-room", "no-shell"].includes(error.kind)) break;
    }
    before += file.size;
  }
  sending.set(null);
  stop = null;
  return problems;
}

// Files are those in the workspace: drop some in, take some out.
export function Files() {
  const [path, setPath] = useState("/root");
  const [list, problem, again] = useLoad("/api/bench/files", { path });
  const [over, setOver] = useState(false);
  const [problems, setProblems] = useState([]);
  const [said, say] = useState("");
  const now = useStore(sending);
  const files = useRef(null);
  const folder = useRef(null);
  const add = async (things) => {
    if (things.length === 0 || sending.get()) return;
    setProblems([]);
    say("");
    const wrong = await bring(things, path);
    setProblems(wrong);
    if (wrong.length === 0) say(t("files.done"));
    again();
  };
  const drop = async (e) => {
    e.preventDefault();
    setOver(false);
    add(await dropped(e.dataTransfer));
  };
  const pick = async (e) => {
    const input = e.target;
    await add(picked([...input.files]));
    input.value = "";
  };
  const take = (f) => save("/api/bench/file", { path: join(path, f.name) }, shown(f.kind === "directory" ? `${f.name}.tar.gz` : f.name)).catch((error) => setProblems([error]));
  return (
    <div class={`files${over ? " over" : ""}`} onDragOver={(e) => { e.preventDefault(); setOver(true); }} onDragLeave={(e) => e.currentTarget.contains(e.relatedTarget) || setOver(false)} onDrop={drop}>
      <p class="dim">{t("files.lead")}</p>
      <div class="row">
        <button disabled={!!now} onClick={() => files.current.click()}>{t("files.add")}</button>
        <button disabled={!!now} onClick={() => folder.current.click()}>{t("files.add.folder")}</button>
        <button class="quiet" onClick={again}>{t("again")}</button>
        <input ref={files} hidden type="file" multiple onChange={pick} data-pick="files" />
        <input ref={folder} hidden type="file" webkitdirectory onChange={pick} data-pick="folder" />
      </div>
      {now && (
        <div class="sending">
          <p>{now.name} <span class="dim">{now.of > 1 && `${now.files} / ${now.of} · `}{bytes(now.done)} / {bytes(now.all)}</span></p>
          <div class="field"><progress aria-label={t("files.sending")} max={now.all || 1} value={now.done} /><button onClick={() => stop?.()}>{t("stop")}</button></div>
        </div>
      )}
      <p class="good" role="status">{said}</p>
      {problems.slice(0, 5).map((p, i) => <Problem key={i} of={p} />)}
      <Crumbs path={path} go={setPath} />
      <Problem of={problem} />
      {list && (
        <ul class="listing">
          {list.entries.map((f) => (
            <li key={f.name}>
              <Icon name={f.kind === "directory" ? "folder" : f.kind === "link" ? "link" : "file"} />
              <span class="name">
                {f.kind === "directory" ? <button class="link" onClick={() => setPath(join(path, f.name))}>{shown(f.name)}</button> : shown(f.name)}
                <span class="dim small">{[f.kind === "file" && bytes(f.bytes), date(f.modified)].filter(Boolean).join(" · ")}</span>
              </span>
              {(f.kind === "file" || f.kind === "directory") && <button class="quiet" aria-label={t("files.save.of", shown(f.name))} onClick={() => take(f)}>{t("files.save")}</button>}
            </li>
          ))}
          {list.entries.length === 0 && <li class="dim">{t("files.empty")}</li>}
          {list.more && <li class="dim">{t("files.more")}</li>}
        </ul>
      )}
    </div>
  );
}

const join = (dir, name) => (dir === "/" ? `/${name}` : `${dir}/${name}`);

function Crumbs({ path, go }) {
  const parts = path.split("/").filter(Boolean);
  return (
    <nav class="crumbs" aria-label={t("files.where")}>
      <button class="link" aria-label={t("files.top")} onClick={() => go("/")}>/</button>
      {parts.map((p, i) => <button key={i} class="link" aria-current={i === parts.length - 1 ? "location" : undefined} onClick={() => go(`/${parts.slice(0, i + 1).join("/")}`)}>{shown(p)}{i < parts.length - 1 && <span aria-hidden="true"> /</span>}</button>)}
    </nav>
  );
}
