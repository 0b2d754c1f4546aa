import { stop } from "../desk.js";
import { t } from "../text.js";

// Work is something that goes on, and how far it is.
export function Work({ work }) {
  const known = work.all > 0;
  const done = known ? Math.min(100, (100 * (work.done + work.there)) / Math.max(work.all, 1)) : 0;
  return (
    <section class="card work" aria-live="polite" aria-atomic="false">
      <h2>{work.title}</h2>
      <progress aria-label={work.title} max="100" value={known ? done : undefined} />
      <p class="dim">{[work.phase, work.doneText, work.rateText, work.left > 1 && t("work.left", duration(work.left)), work.thereText].filter(Boolean).join(" · ") || "\u00a0"}</p>
      <button class="quiet" onClick={() => stop(work.n)}>{t("stop")}</button>
    </section>
  );
}

function duration(seconds) {
  const m = Math.floor(seconds / 60);
  return m > 0 ? t("work.minutes", m, Math.floor(seconds % 60)) : t("work.seconds", Math.ceil(seconds));
}
