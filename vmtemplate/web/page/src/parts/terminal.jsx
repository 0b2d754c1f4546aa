import { FitAddon } from "@xterm/addon-fit";
import { Terminal as Xterm } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { useEffect, useRef } from "preact/hooks";
import { session, socket } from "../api.js";
import { t } from "../text.js";

const ended = 4000;
const another = 4001;
const mostTyped = 32 << 10;
const page = crypto.getRandomValues(new Uint32Array(2)).join("-");

// The Content-Security-Policy allows style sheets with the page's nonce only, and xterm.js
// makes some of its own.
const nonce = document.querySelector("meta[name=nonce]")?.content;
const styled = new Proxy(document, {
  get(target, name) {
    if (name === "createElement") {
      return (tag, options) => {
        const element = target.createElement(tag, options);
        if (tag === "style") element.nonce = nonce;
        return element;
      };
    }
    const value = Reflect.get(target, name);
    return typeof value === "function" ? value.bind(target) : value;
  },
});

function theme() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { background: of("--terminal"), foreground: of("--terminal-text"), cursor: of("--terminal-text"), selectionBackground: of("--terminal-selection") };
}

// Terminal shows the shell's screen and types into it. hand gets {type, focus}.
export function Terminal({ shell, hand, reader }) {
  const place = useRef(null);
  useEffect(() => {
    const term = new Xterm({ documentOverride: styled, cursorBlink: true, fontFamily: "ui-monospace, 'Cascadia Mono', 'Noto Sans Mono CJK JP', monospace", fontSize: 14, scrollback: 5000, screenReaderMode: reader, theme: theme(), macOptionIsMeta: true });
    const fit = new FitAddon();
    term.loadAddon(fit);
    term.open(place.current);
    fit.fit();
    let connection = null;
    let seen = 0;
    let pause = 300;
    let over = false;
    const open = () => {
      if (over || !session.get()) return;
      const s = socket("/api/screen", { page, shell, from: seen, columns: term.cols, rows: term.rows });
      connection = s;
      s.binaryType = "arraybuffer";
      s.onopen = () => {
        pause = 300;
      };
      s.onmessage = ({ data }) => {
        const head = new DataView(data);
        const high = head.getUint32(0);
        const end = (high & 0x7fffffff) * 2 ** 32 + head.getUint32(4);
        if (high & 0x80000000) term.reset();
        // Told when it is drawn: so the program is never faster than this page.
        term.write(new Uint8Array(data, 8), () => {
          seen = end;
          if (s.readyState === WebSocket.OPEN) s.send(JSON.stringify({ seen: end }));
        });
      };
      s.onclose = ({ code }) => {
        connection = null;
        if (over || code === ended || code === another) return;
        setTimeout(open, pause);
        pause = Math.min(pause * 2, 5000);
      };
    };
    const type = (text) => {
      const bytes = new TextEncoder().encode(text);
      if (connection?.readyState !== WebSocket.OPEN) return;
      for (let i = 0; i < bytes.length; i += mostTyped) connection.send(bytes.slice(i, i + mostTyped));
    };
    term.onData(type);
    term.onBinary((data) => connection?.readyState === WebSocket.OPEN && connection.send(Uint8Array.from(data, (c) => c.charCodeAt(0))));
    term.onResize(({ cols, rows }) => connection?.readyState === WebSocket.OPEN && connection.send(JSON.stringify({ columns: cols, rows })));
    // Ctrl-Shift-C and -V as in other terminals; Ctrl-C copies when something is selected.
    term.attachCustomKeyEventHandler((e) => {
      if (e.type !== "keydown" || !e.ctrlKey) return true;
      if (e.code === "KeyC" && (e.shiftKey || term.hasSelection())) {
        navigator.clipboard?.writeText(term.getSelection());
        term.clearSelection();
        e.preventDefault();
        return false;
      }
      return !(e.code === "KeyV"); // the browser pastes
    });
    const watch = new ResizeObserver(() => fit.fit());
    watch.observe(place.current);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const recolor = () => {
      term.options.theme = theme();
    };
    dark.addEventListener("change", recolor);
    const wake = () => document.visibilityState === "visible" && !connection && open();
    document.addEventListener("visibilitychange", wake);
    hand.current = { type, focus: () => term.focus(), copy: () => navigator.clipboard?.writeText(term.getSelection()), paste: (text) => term.paste(text) };
    open();
    term.focus();
    return () => {
      over = true;
      connection?.close();
      watch.disconnect();
      dark.removeEventListener("change", recolor);
      document.removeEventListener("visibilitychange", wake);
      term.dispose();
    };
  }, [shell, reader]);
  return <div class="terminal" ref={place} role="group" aria-label={t("terminal")} />;
}
