import { useEffect, useRef, useState } from "preact/hooks";
import { ask, save, send, there } from "../api.js";
import { store, useStore } from "../store.js";
import { bytes, date, shown, t } from "../text.js";
import { dropped, picked } from "./dropped.js";
import { Icon } from "./icon.jsx";
import { useLoad } from "./load.jsx";
import { Problem } from "./problem.jsx";

// What goes on, and what came of it, whichever tab is open: null, or {name, done, all, files, of}.
const sending = store(null);
const taking = store(null);
const outcome = store({ problems: [], said: "" });
const place = store("/root"); // the folder that is shown
const arrived = store(0); // how often something has come in
export const hover = store(false); // files are held over the page
const large = 1e6; // bytes: worth a question before
let stop = null;
let drop = null;
let workbench = 0;

// forgetFiles is for another shell: its folders are others.
export function forgetFiles(shell) {
  if (workbench !== shell) {
    place.set("/root");
    outcome.set({ problems: [], said: "" });
  }
  workbench = shell;
}

// Who closes the page would break off what goes on.
addEventListener("beforeunload", (e) => (sending.get() || taking.get()) && e.preventDefault());

async function add(things) {
  if (things.length === 0 || sending.get()) return;
  outcome.set({ problems: [], said: "" });
  const { problems, whole } = await bring(things, place.get());
  outcome.set({ problems, said: whole ? t("files.done") : "" });
  arrived.set((n) => n + 1);
}

export async function bringDropped(transfer) {
  await add(await dropped(transfer));
}

// take has the browser save a file, or a folder as one.
async function take(path, name) {
  const stopped = new AbortController();
  drop = () => stopped.abort();
  taking.set({ name, done: 0, all: 0 });
  outcome.set({ problems: [], said: "" });
  try {
    await save("/api/bench/file", { path }, name, (done, all) => taking.set({ name, done, all }), stopped.signal);
  } catch (error) {
    if (error.name !== "AbortError") outcome.set({ problems: [error], said: "" });
  } finally {
    taking.set(null);
    drop = null;
  }
}

// bring sends things into a folder, one after the other. It returns the problems, and
// whether all is there.
async function bring(things, folder) {
  const all = things.reduce((sum, x) => sum + (x.file?.size ?? 0), 0);
  const files = things.filter((x) => x.file).length;
  let before = 0;
  let n = 0;
  let replace; // all or none of those that are there, when it has been asked
  let stopped = false;
  let left = false; // one that was not to be replaced
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
      const again = () => {
        replace ??= confirm(files > 1 ? t("files.overwrite.all", path) : t("files.overwrite", path));
        if (replace) return put(true);
        left = true;
        return undefined;
      };
      // A browser hears that a file is there when it has sent all of its own.
      if (file.size > large && (await there(to))) await again();
      else await put(false).catch((error) => {
        if (error.kind !== "exists") throw error;
        return again();
      });
    } catch (error) {
      if (error.name !== "AbortError") failed(path, error);
      if (["offline", "session", "no-room", "no-shell"].includes(error.kind)) break;
    }
    before += file.size;
  }
  sending.set(null);
  stop = null;
  return { problems, whole: problems.length === 0 && !stopped && !left };
}

const most = 500; // names that are shown at first

// Files are those in the workspace: drop some in, take some out.
export function Files() {
  const path = useStore(place);
  const turn = useStore(arrived);
  const [list, problem, again] = useLoad("/api/bench/files", { path });
  const [all, setAll] = useState(false);
  const over = useStore(hover);
  const { problems, said } = useStore(outcome);
  const now = useStore(sending);
  const out = useStore(taking);
  const files = useRef(null);
  const folder = useRef(null);
  useEffect(() => turn > 0 && again(), [turn]);
  const pick = async (e) => {
    const input = e.target;
    await add(picked([...input.files]));
    input.value = "";
  };
  const go = (to) => {
    setAll(false);
    place.set(to);
  };
  // Until another folder's list has come, the one before stays where it is.
  const at = list?.path ?? path;
  return (
    <div class={`files${over ? " over" : ""}`}>
      <p class="dim">{t("files.lead")}</p>
      <div class="row">
        <button disabled={!!now} onClick={() => files.current.click()}>{t("files.add")}</button>
        <button disabled={!!now} onClick={() => folder.current.click()}>{t("files.add.folder")}</button>
        <input ref={files} hidden type="file" multiple onChange={pick} data-pick="files" />
        <input ref={folder} hidden type="file" webkitdirectory onChange={pick} data-pick="folder" />
      </div>
      {now && <Going of={now} label={t("files.sending")} stop={() => stop?.()} />}
      {out && <Going of={out} label={t("files.taking")} stop={() => drop?.()} />}
      <p class="good" role="status">{said}</p>
      {problems.slice(0, 5).map((p, i) => <Problem key={i} of={p} />)}
      <div class="row head where">
        <Crumbs path={path} go={go} />
        <button class="quiet" onClick={again}>{t("again")}</button>
      </div>
      <Problem of={problem} />
      {!list && !problem && <p class="dim">{t("loading")}</p>}
      {list && (
        <ul class="listing">
          {(all ? list.entries : list.entries.slice(0, most)).map((f) => (
            <li key={f.name}>
              <Icon name={f.kind === "directory" ? "folder" : f.kind === "link" ? "link" : "file"} />
              <span class="name">
                {f.kind === "directory" ? <button class="link" onClick={() => go(join(at, f.name))}>{shown(f.name)}</button> : shown(f.name)}
                <span class="dim small">{[f.kind === "file" && bytes(f.bytes), date(f.modified)].filter(Boolean).join(" · ")}</span>
              </span>
              {(f.kind === "file" || f.kind === "directory") && <button class="quiet" disabled={!!out} aria-label={t("files.save.of", shown(f.name))} onClick={() => take(join(at, f.name), shown(f.kind === "directory" ? `${f.name}.tar.gz` : f.name))}>{t("files.save")}</button>}
            </li>
          ))}
          {list.entries.length === 0 && <li class="dim">{t("files.empty")}</li>}
          {!all && list.entries.length > most && <li><button class="quiet" onClick={() => setAll(true)}>{t("start.all", list.entries.length)}</button></li>}
          {list.more && <li class="dim">{t("files.more")}</li>}
        </ul>
      )}
    </div>
  );
}

// Going is a file on its way, in or out.
function Going({ of: { name, done, all, files, of }, label, stop }) {
  return (
    <div class="sending">
      <p>{name} <span class="dim">{of > 1 && `${files} / ${of} · `}{bytes(done)}{all > 0 && ` / ${bytes(all)}`}</span></p>
      <div class="field"><progress aria-label={label} max={all || 1} value={all > 0 ? done : undefined} /><button onClick={stop}>{t("stop")}</button></div>
    </div>
  );
}

const join = (dir, name) => (dir === "/" ? `/${name}` : `${dir}/${name}`);

function Crumbs({ path, go }) {
  const parts = path.split("/").filter(Boolean);
  return (
    <nav class="crumbs" aria-label={t("files.where")}>
      <button class="link" aria-label={t("files.top")} onClick={() => go("/")}>/</button>
      {parts.map((p, i) => (
        <span key={i}>
          {i > 0 && <span class="dim" aria-hidden="true">/</span>}
          <button class="link" aria-current={i === parts.length - 1 ? "location" : undefined} onClick={() => go(`/${parts.slice(0, i + 1).join("/")}`)}>{shown(p)}</button>
        </span>
      ))}
    </nav>
  );
}
