import { useRef, useState } from "preact/hooks";
import { t } from "../text.js";
import { Changes } from "./changes.jsx";
import { Files } from "./files.jsx";
import { Install } from "./install.jsx";
import { Recipe } from "./recipe.jsx";
import { Terminal } from "./terminal.jsx";

const tabs = { install: Install, files: Files, changes: Changes, recipe: Recipe };

// Bench is the terminal in a workspace, with what one needs beside it.
export default function Bench({ shell, entries }) {
  const hand = useRef(null);
  const [tab, setTab] = useState("install");
  const [reader, setReader] = useState(localStorage.getItem("jbuild.reader") === "yes");
  const told = entries.findLast((e) => e.id === "inside");
  const Tab = tabs[tab];
  const finish = () => {
    hand.current?.type("\x03\nexit\n");
    hand.current?.focus();
  };
  const choose = (e) => {
    const names = Object.keys(tabs);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    const next = names[(names.indexOf(tab) + step + names.length) % names.length];
    setTab(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <div class="bench">
      <section class="screen">
        <div class="row head">
          <p class="title">{told?.title}</p>
          <label class="check"><input type="checkbox" checked={reader} onChange={(e) => {
            localStorage.setItem("jbuild.reader", e.target.checked ? "yes" : "no");
            setReader(e.target.checked);
          }} />{t("terminal.reader")}</label>
          <button class="primary" onClick={finish}>{t("bench.finish")}</button>
        </div>
        <Terminal shell={shell} hand={hand} reader={reader} />
      </section>
      <aside class="beside" aria-label={t("bench.beside")}>
        <div role="tablist" aria-label={t("bench.beside")} onKeyDown={choose}>
          {Object.keys(tabs).map((name) => (
            <button key={name} id={`tab-${name}`} role="tab" aria-selected={tab === name} aria-controls="tab" tabIndex={tab === name ? 0 : -1} onClick={() => setTab(name)}>{t(`bench.${name}`)}</button>
          ))}
        </div>
        <div id="tab" role="tabpanel" aria-labelledby={`tab-${tab}`}><Tab hand={hand} /></div>
      </aside>
    </div>
  );
}
