import { t } from "../text.js";

const known = ["critical", "high", "medium", "low", "negligible", "unknown", "none"];

// Scan is what a scanner has found in an image.
export function Scan({ scan }) {
  if (!scan) return <span class="dim">{t("scan.none")}</span>;
  if (scan.status === "Error") return <span class="dim">{t("scan.failed")}</span>;
  if (scan.status !== "Success") return <span class="dim">{t("scan.pending")}</span>;
  if (!scan.total) return <span class="badge good">{t("scan.clean")}</span>;
  const severity = (scan.severity ?? "").toLowerCase();
  const worst = known.includes(severity) ? t(`scan.severity.${severity}`) : scan.severity;
  return <span class={`badge ${known.includes(severity) ? severity : ""}`} title={scan.fixable > 0 ? t("scan.fixable", scan.fixable) : undefined}>{t("scan.found", scan.total, worst)}</span>;
}
