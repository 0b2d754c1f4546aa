import { useState } from "preact/hooks";
import { t } from "../text.js";

// Code is something to copy, as it is.
export function Code({ text, label }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // without TLS browsers allow it on loopback only; the text can be selected
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div class={`code${text.trimEnd().includes("\n") ? " lines" : ""}`}>
      <pre tabIndex={0} aria-label={label}><code>{text}</code></pre>
      <button class="quiet" onClick={copy}>{copied ? t("copied") : t("copy")}</button>
      <span class="hidden" role="status">{copied ? t("copied") : ""}</span>
    </div>
  );
}
