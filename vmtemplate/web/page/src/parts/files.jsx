import { useRef, useState } from "preact/hooks";
import { save, send } from "../api.js";
import { bytes, date, t } from "../text.js";
import { useLoad } from "./load.jsx";
import { Problem } from "./problem.jsx";

// Files are those in the workspace: drop some in, take some out.
export function Files() {
  const [path, setPath] = useState("/root");
  const [list, problem, again] = useLoad("/api/bench/files", { path });
  const [over, setOver] = useState(false);
  const [sending, setSending] = useState([]);
  const picker = useRef(null);
  const add = async (files) => {
    for (const file of files) {
      const entry = { name: file.name, done: 0, all: file.size, problem: null };
      const show = () => setSending((all) => [...all.filter((e) => e.name !== entry.name), { ...entry }]);
      show();
      const put = (overwrite) => send("/api/bench/file", { path: join(path, file.name), overwrite }, file, (done) => {
        entry.done = done;
        show();
      }).done;
      try {
        await put("no").catch((error) => {
          if (error.kind === "exists" && confirm(t("files.overwrite", file.name))) return put("yes");
          throw error;
        });
        setSending((all) => all.filter((e) => e.name !== entry.name));
      } catch (error) {
        entry.problem = error;
        show();
      }
    }
    again();
  };
  const drop = (e) => {
    e.preventDefault();
    setOver(false);
    add([...e.dataTransfer.files]);
  };
  return (
    <div class={`files${over ? " over" : ""}`} onDragOver={(e) => { e.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={drop}>
      <p class="dim">{t("files.lead")}</p>
      <div class="row">
        <button onClick={() => picker.current.click()}>{t("files.add")}</button>
        <input ref={picker} class="hidden" type="file" multiple tabIndex={-1} aria-hidden="true" onChange={(e) => add([...e.target.files]).then(() => { e.target.value = ""; })} />
        <button class="quiet" onClick={again}>{t("again")}</button>
      </div>
      <Crumbs path={path} go={setPath} />
      <Problem of={problem} />
      {sending.map((e) => (
        <div key={e.name}>
          <p>{e.name} <span class="dim">{bytes(e.done)} / {bytes(e.all)}</span></p>
          {e.problem ? <Problem of={e.problem} /> : <progress aria-label={e.name} max={e.all || 1} value={e.done} />}
        </div>
      ))}
      {list && (
        <ul class="listing">
          {list.entries.map((f) => (
            <li key={f.name}>
              {f.kind === "directory"
                ? <button class="link" onClick={() => setPath(join(path, f.name))}>{f.name}/</button>
                : <span>{f.name}</span>}
              <span class="dim">{f.kind === "file" && bytes(f.bytes)} {date(f.modified)}</span>
              {(f.kind === "file" || f.kind === "directory") && (
                <button class="quiet" aria-label={t("files.save.of", f.name)} onClick={() => save("/api/bench/file", { path: join(path, f.name) }, f.kind === "directory" ? `${f.name}.tar.gz` : f.name).catch(() => again())}>{t("files.save")}</button>
              )}
            </li>
          ))}
          {list.entries.length === 0 && <li class="dim">{t("files.empty")}</li>}
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
      <button class="link" onClick={() => go("/")}>/</button>
      {parts.map((p, i) => <button key={i} class="link" aria-current={i === parts.length - 1 ? "location" : undefined} onClick={() => go(`/${parts.slice(0, i + 1).join("/")}`)}>{p}/</button>)}
    </nav>
  );
}
