import { useState } from "preact/hooks";
import { t } from "../text.js";

const keys = [["Esc", "\x1b"], ["Tab", "\t"], null, ["←", "\x1b[D", "left"], ["↑", "\x1b[A", "up"], ["↓", "\x1b[B", "down"], ["→", "\x1b[C", "right"], ["|", "|"], ["/", "/"], ["-", "-"], ["~", "~"]];

// Keys are those that phones do not have. Ctrl holds until the next letter.
export function Keys({ hand }) {
  const [ctrl, setCtrl] = useState(false);
  hand.current.ctrl = ctrl;
  hand.current.release = () => setCtrl(false);
  const press = (text) => {
    hand.current.type(text);
    hand.current.focus();
  };
  // The keyboard of a phone stays when the terminal keeps the focus.
  const stay = (e) => e.preventDefault();
  return (
    <div class="keys" role="toolbar" aria-label={t("keys")} onMouseDown={stay}>
      {keys.map((k) => k === null
        ? <button key="ctrl" aria-pressed={ctrl} onClick={() => { setCtrl(!ctrl); hand.current.focus(); }}>Ctrl</button>
        : <button key={k[0]} aria-label={k[2] && t(`keys.${k[2]}`)} onClick={() => press(k[1])}>{k[0]}</button>)}
      <button onClick={() => press("\x03")}>Ctrl-C</button>
    </div>
  );
}
