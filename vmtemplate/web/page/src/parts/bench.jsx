import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../api.js";
import { t } from "../text.js";
import { Changes } from "./changes.jsx";
import { bringDropped, Files, forgetFiles, hover } from "./files.jsx";
import { Icon } from "./icon.jsx";
import { Install } from "./install.jsx";
import { Keys } from "./keys.jsx";
import { Problem } from "./problem.jsx";
import { Recipe } from "./recipe.jsx";
import { Terminal } from "./terminal.jsx";

const tabs = { install: Install, files: Files, changes: Changes, recipe: Recipe };
const sizes = [10, 12, 14, 16, 18, 21, 24];

// remembered is a choice that stays with the browser.
function useRemembered(name, first) {
  const key = `jbuild.${name}`;
  const [value, set] = useState(() => JSON.parse(localStorage.getItem(key) ?? "null") ?? first);
  return [value, (v) => {
    localStorage.setItem(key, JSON.stringify(v));
    set(v);
  }];
}

// Bench is the terminal in a workspace, with what one needs beside it.
export default function Bench({ shell, entries }) {
  const hand = useRef({ release() {} });
  const enter = useRef(null);
  const [tab, setTab] = useState("install");
  const [reader, setReader] = useRemembered("reader", false);
  const [size, setSize] = useRemembered("size", 14);
  const [sheet, setSheet] = useState(null);
  const [leaving, setLeaving] = useState(null);
  const told = entries.findLast((e) => e.id === "inside");
  const Tab = tabs[tab];
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  // What leaves the shell must not be typed into an editor: the server looks first.
  const finish = async (anyway) => {
    setLeaving(null);
    clearTimeout(timer.current);
    try {
      await ask("POST", "/api/bench/finish", { body: { anyway } });
      timer.current = setTimeout(() => setLeaving({ stuck: true }), 3000);
    } catch (error) {
      setLeaving({ error });
    }
  };
  // While a dialog is open nothing else takes the keyboard.
  const back = () => requestAnimationFrame(() => hand.current.focus?.());
  const beside = useRef(null);
  const show = (name) => {
    setTab(name);
    beside.current.scrollTop = 0;
  };
  useEffect(() => forgetFiles(shell), [shell]);
  // Files may be dropped anywhere here, on the terminal, too.
  const drag = (e) => {
    if (![...(e.dataTransfer?.types ?? [])].includes("Files")) return;
    e.preventDefault();
    if (tab !== "files") show("files");
    hover.set(true);
  };
  const left = (e) => e.currentTarget.contains(e.relatedTarget) || hover.set(false);
  const drop = (e) => {
    e.preventDefault();
    hover.set(false);
    bringDropped(e.dataTransfer);
  };
  const step = (by) => setSize(sizes[Math.min(sizes.length - 1, Math.max(0, sizes.indexOf(size) + by))] ?? 14);
  const copy = async () => {
    const text = hand.current.selection();
    try {
      if (!text) throw new Error("nothing is selected");
      await navigator.clipboard.writeText(text);
      hand.current.focus();
    } catch {
      setSheet({ copy: text || hand.current.text() });
    }
  };
  const paste = async () => {
    try {
      hand.current.paste(await navigator.clipboard.readText());
      hand.current.focus();
    } catch {
      setSheet({ paste: true });
    }
  };
  const choose = (e) => {
    const names = Object.keys(tabs);
    const to = { ArrowRight: names.indexOf(tab) + 1, ArrowLeft: names.indexOf(tab) - 1, Home: 0, End: names.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    const next = names[(to + names.length) % names.length];
    show(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <div class="bench" onDragOver={drag} onDragLeave={left} onDrop={drop}>
      <section class="screen" aria-label={t("terminal")}>
        <div class="row head">
          <p class="title">{told?.title}</p>
          <button class="primary" onClick={() => finish(false)}>{t("bench.finish")}</button>
        </div>
        <div class="frame">
          <div class="tray" role="toolbar" aria-label={t("terminal.tools")}>
            <button class="quiet" onClick={copy}><Icon name="copy" />{t("copy")}</button>
            <button class="quiet" onClick={paste}><Icon name="paste" />{t("paste")}</button>
            <span class="spring" />
            <button class="quiet" disabled={size === sizes[0]} onClick={() => step(-1)}>A−<span class="hidden"> {t("terminal.smaller")}</span></button>
            <button class="quiet" disabled={size === sizes.at(-1)} onClick={() => step(1)}>A+<span class="hidden"> {t("terminal.larger")}</span></button>
            <label class="check"><input type="checkbox" checked={reader} onChange={(e) => setReader(e.target.checked)} />{t("terminal.reader")}</label>
          </div>
          <button class="enter" ref={enter} onClick={() => hand.current.focus()}>{t("terminal.enter")}</button>
          <Terminal shell={shell} hand={hand} reader={reader} size={size} leave={() => enter.current.focus()} />
          <Keys hand={hand} />
        </div>
        <p class="dim small keyboard" id="leave">{t("terminal.leave")}</p>
      </section>
      <aside class="beside" ref={beside} aria-label={t("bench.beside")}>
        <div role="tablist" aria-label={t("bench.beside")} onKeyDown={choose}>
          {Object.keys(tabs).map((name) => (
            <button key={name} id={`tab-${name}`} role="tab" aria-selected={tab === name} aria-controls="tab" tabIndex={tab === name ? 0 : -1} onClick={() => show(name)}>{t(`bench.${name}`)}</button>
          ))}
        </div>
        <div id="tab" role="tabpanel" aria-labelledby={`tab-${tab}`} tabIndex={-1}><Tab hand={hand} told={told} /></div>
      </aside>
      {leaving && <Leaving of={leaving} finish={finish} close={() => { setLeaving(null); back(); }} />}
      {sheet && <Sheet sheet={sheet} close={(text) => {
        setSheet(null);
        if (text) hand.current.paste(text);
        back();
      }} />}
    </div>
  );
}

// Leaving says why the shell is not left, and what can be done.
function Leaving({ of: { error, stuck }, finish, close }) {
  const box = useRef(null);
  useEffect(() => box.current.showModal(), []);
  const program = error?.kind === "program";
  return (
    <dialog ref={box} class="card" aria-label={t("bench.finish")} onClose={close}>
      {error && !program ? <Problem of={error} /> : <h2>{stuck ? t("bench.stuck") : error.message}</h2>}
      {program && <p>{t("bench.program")}</p>}
      {stuck && <p>{t("bench.stuck.next")}</p>}
      <div class="row">
        <button class="primary" onClick={close}>{t("bench.stay")}</button>
        {program && <button class="danger" onClick={() => finish(true)}>{t("bench.anyway")}</button>}
      </div>
    </dialog>
  );
}

// Sheet is for browsers that do not let a page have the clipboard, and for phones, where
// nothing can be selected in a terminal.
function Sheet({ sheet, close }) {
  const box = useRef(null);
  const area = useRef(null);
  useEffect(() => {
    box.current.showModal();
    area.current.focus();
    if (sheet.copy) area.current.scrollTop = area.current.scrollHeight;
  }, []);
  const title = sheet.paste ? t("sheet.paste") : t("sheet.copy");
  return (
    <dialog ref={box} class="card" aria-label={title} onClose={() => close()}>
      <p>{title}</p>
      <textarea ref={area} rows={10} aria-label={title} readOnly={!sheet.paste} spellcheck={false} autocapitalize="none">{sheet.copy}</textarea>
      <div class="row">
        {sheet.paste && <button class="primary" onClick={() => close(area.current.value)}>{t("paste")}</button>}
        <button onClick={() => close()}>{t("close")}</button>
      </div>
    </dialog>
  );
}
