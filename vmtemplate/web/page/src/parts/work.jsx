import { useEffect, useState } from "preact/hooks";
import { stop } from "../desk.js";
import { useStore } from "../store.js";
import { askToTell, mayTell } from "../tell.js";
import { t } from "../text.js";

// Work is something that goes on, and how far it is. What is short is not worth a look.
export function Work({ work }) {
  const [age, setAge] = useState(0);
  const may = useStore(mayTell);
  useEffect(() => {
    const timers = [setTimeout(() => setAge(1), 250), setTimeout(() => setAge(2), 4000)];
    return () => timers.forEach(clearTimeout);
  }, []);
  const known = work.all > 0;
  const done = known ? Math.min(100, (100 * work.done) / work.all) : 0;
  if (age === 0) return <div class="card work waiting" aria-hidden="true" />;
  return (
    <section class="card work" aria-labelledby="work">
      <h2 id="work">{work.title}</h2>
      <p class="hidden" role="status">{work.title}</p>
      <div class="meter"><progress aria-labelledby="work" max="100" value={known ? done : undefined} />{known && <span class="percent">{Math.floor(done)} %</span>}</div>
      <p class="dim">{[work.phase, work.doneText, work.rateText, work.left > 1 && t("work.left", duration(work.left)), work.thereText].filter(Boolean).join(" · ") || "\u00a0"}</p>
      <p class={`dim${age > 1 ? "" : " waiting"}`}>{t("work.leave")}</p>
      <div class="row">
        <button onClick={() => stop(work.n)}>{t("stop")}</button>
        {age > 1 && may === "default" && <button class="quiet" onClick={askToTell}>{t("tell")}</button>}
      </div>
    </section>
  );
}

function duration(seconds) {
  const m = Math.floor(seconds / 60);
  return m > 0 ? t("work.minutes", m, Math.floor(seconds % 60)) : t("work.seconds", Math.ceil(seconds));
}
