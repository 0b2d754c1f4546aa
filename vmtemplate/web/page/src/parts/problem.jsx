import { t } from "../text.js";

// Problem is what went wrong, why, and what to do next.
export function Problem({ of: problem }) {
  if (!problem) return null;
  const kind = problem.kind ?? problem.error;
  const text = problem.text || problem.message || (kind === "offline" ? t("problem.offline") : t("problem"));
  return (
    <div class="notice failure" role="alert">
      <p class="title">{text}</p>
      {problem.why && <p>{problem.why}</p>}
      {problem.next?.length > 0 && <ul>{problem.next.map((n) => <li key={n}>{n}</li>)}</ul>}
    </div>
  );
}
