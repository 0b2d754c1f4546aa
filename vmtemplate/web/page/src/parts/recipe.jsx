import { t } from "../text.js";
import { Code } from "./copy.jsx";
import { useLoad } from "./load.jsx";
import { Problem } from "./problem.jsx";

// Recipe is the Dockerfile that would make the same.
export function Recipe() {
  const [r, problem, again] = useLoad("/api/bench/recipe");
  return (
    <div>
      <p class="dim">{t("recipe.lead")}</p>
      <button class="quiet again" onClick={again}>{t("again")}</button>
      <Problem of={problem} />
      {!r && !problem && <p class="dim">{t("loading")}</p>}
      {r && <Code text={r.text} label={t("bench.recipe")} />}
    </div>
  );
}
