import "./styled.js";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal as Xterm } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { useEffect, useRef } from "preact/hooks";
import { session, socket } from "../api.js";
import { desk } from "../desk.js";
import { t } from "../text.js";

const ended = 4000;
const another = 4001;
const drawn = "jbuild.drawn"; // the shell whose output a page of this browser has drawn
const mostTyped = 32 << 10;
const page = crypto.getRandomValues(new Uint32Array(2)).join("-");

function theme() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { background: of("--terminal"), foreground: of("--terminal-text"), cursor: of("--terminal-text"), selectionBackground: of("--terminal-selection") };
}

// bound leaves out what no program needs and any can say: to do something so often that the
// page stands still (ECMA-48: REP, SU, SD, IL, DL, CHT, CBT), and links (OSC 8) that read
// like one address and lead to another.
const mostTimes = 1000;
function bound(x) {
  for (const final of "bSTLMIZ") x.parser.registerCsiHandler({ final }, ([times]) => times > mostTimes);
  x.parser.registerOscHandler(8, () => true);
}

// Terminal shows the shell's screen and types into it. hand gets what the page does with
// it: type, paste, focus, selection, text, and holds keys that are down: ctrl.
export function Terminal({ shell, hand, reader, size, leave }) {
  const place = useRef(null);
  const term = useRef(null);
  useEffect(() => {
    const x = new Xterm({
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches, fontFamily: "ui-monospace, 'Cascadia Mono', 'DejaVu Sans Mono', 'Noto Sans Mono CJK JP', monospace",
      fontSize: size, scrollback: 5000, screenReaderMode: reader, theme: theme(), macOptionIsMeta: true, minimumContrastRatio: 4.5,
    });
    term.current = x;
    bound(x);
    const fit = new FitAddon();
    x.loadAddon(fit);
    x.open(place.current);
    // The program wants Tab for itself, so that Tab must not lead in: a button does.
    x.textarea.tabIndex = -1;
    x.textarea.setAttribute("aria-label", t("terminal"));
    x.textarea.setAttribute("aria-describedby", "leave");
    fit.fit();
    let connection = null;
    let seen = 0;
    let past = false; // what is drawn was said before: questions in it have been answered
    let pause = 300;
    let over = false;
    let timer = 0;
    // What is typed without a connection is lost: the page must not say that all is well.
    const connected = (screen) => desk.get().screen !== screen && desk.set((d) => ({ ...d, screen }));
    const open = () => {
      clearTimeout(timer);
      if (over || connection || !session.get()) return;
      const s = socket("/api/screen", { page, shell, from: seen, columns: x.cols, rows: x.rows });
      connection = s;
      s.binaryType = "arraybuffer";
      s.onopen = () => {
        pause = 300;
        connected(true);
      };
      s.onmessage = ({ data }) => {
        if (typeof data === "string") { // what was typed last was refused
          desk.set((d) => ({ ...d, unread: true }));
          return;
        }
        const head = new DataView(data);
        const high = head.getUint32(0);
        const end = (high & 0x7fffffff) * 2 ** 32 + head.getUint32(4);
        if (high & 0x80000000) {
          x.reset();
          past = localStorage.getItem(drawn) === String(shell);
          localStorage.setItem(drawn, shell);
        }
        // Told when it is drawn: so the program is never faster than this page.
        x.write(new Uint8Array(data, 8), () => {
          seen = end;
          past = false;
          if (s.readyState === WebSocket.OPEN) s.send(JSON.stringify({ seen: end }));
        });
      };
      s.onclose = ({ code }) => {
        if (connection === s) connection = null;
        if (over || code === ended || code === another) return;
        connected(false);
        timer = setTimeout(open, pause);
        pause = Math.min(pause * 2, 5000);
      };
    };
    const send = (what) => connection?.readyState === WebSocket.OPEN && connection.send(what);
    const type = (text) => {
      const bytes = new TextEncoder().encode(text);
      for (let i = 0; i < bytes.length; i += mostTyped) send(bytes.slice(i, i + mostTyped));
    };
    x.onData((data) => {
      if (past && data[0] === "\x1b") return;
      // A key of the row below the terminal is held: Ctrl and a letter.
      if (hand.current.ctrl && /^[a-z@[\\\]^_ ]$/i.test(data)) {
        data = String.fromCharCode(data.toUpperCase().charCodeAt(0) & 31);
        hand.current.release();
      }
      type(data);
    });
    x.onBinary((data) => send(Uint8Array.from(data, (c) => c.charCodeAt(0))));
    x.onResize(({ cols, rows }) => send(JSON.stringify({ columns: cols, rows })));
    const selection = () => {
      const text = x.getSelection();
      x.clearSelection();
      return text;
    };
    // Ctrl-Shift-C and -V as in other terminals; Ctrl-C copies when something is selected;
    // Ctrl-Shift-period leaves, as the program inside wants Tab for itself.
    x.attachCustomKeyEventHandler((e) => {
      if (e.type !== "keydown" || !e.ctrlKey) return true;
      if (e.shiftKey && e.code === "Period") {
        e.preventDefault();
        leave();
        return false;
      }
      if (e.code === "KeyC" && (e.shiftKey || x.hasSelection())) {
        navigator.clipboard?.writeText(selection()).catch(() => {});
        e.preventDefault();
        return false;
      }
      return e.code !== "KeyV"; // the browser pastes
    });
    const watch = new ResizeObserver(() => fit.fit());
    watch.observe(place.current);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const recolor = () => {
      x.options.theme = theme();
    };
    dark.addEventListener("change", recolor);
    const wake = () => document.visibilityState === "visible" && open();
    document.addEventListener("visibilitychange", wake);
    addEventListener("online", open);
    // The session has its connection again: so can the terminal.
    const back = desk.watch((d) => d.connected && !connection && open());
    Object.assign(hand.current, {
      type,
      selection,
      focus: () => x.focus(),
      paste: (text) => x.paste(text),
      fit: () => fit.fit(),
      text() {
        const lines = [];
        const b = x.buffer.active;
        for (let i = 0; i < b.length; i++) {
          const line = b.getLine(i);
          const text = line.translateToString(true);
          if (line.isWrapped) lines[lines.length - 1] += text;
          else lines.push(text);
        }
        return lines.join("\n").trimEnd();
      },
    });
    open();
    x.focus();
    return () => {
      over = true;
      back();
      connected(true);
      clearTimeout(timer);
      connection?.close();
      watch.disconnect();
      dark.removeEventListener("change", recolor);
      document.removeEventListener("visibilitychange", wake);
      removeEventListener("online", open);
      x.dispose();
    };
  }, [shell, reader]);
  useEffect(() => {
    term.current.options.fontSize = size;
    hand.current.fit();
  }, [size]);
  return <div class="tty" ref={place} role="group" aria-label={t("terminal")} />;
}
