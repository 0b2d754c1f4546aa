import { useState } from "preact/hooks";
import { LanguageSwitch, Mark } from "../app.jsx";
import { begin, ended } from "../api.js";
import { useStore } from "../store.js";
import { language, t } from "../text.js";
import { Problem } from "../parts/problem.jsx";

// Login is for who has no session: with the registry's password, where the site allows it,
// or with a new link.
export function Login({ refused, about }) {
  const [problem, setProblem] = useState(refused);
  const over = useStore(ended);
  const [busy, setBusy] = useState(false);
  const submit = async (e) => {
    e.preventDefault();
    setBusy(true);
    setProblem(null);
    const { user, password } = Object.fromEntries(new FormData(e.target));
    try {
      const answer = await fetch(`/api/login?lang=${language.get()}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ user, password }),
      });
      const told = await answer.json();
      if (answer.ok) begin(told.session);
      else setProblem(told);
    } catch {
      setProblem({ error: "offline", text: t("problem.offline") });
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="door">
      <div class="card">
        <h1 class="logo"><Mark /><span>jbuild</span></h1>
        <p>{t("login.lead")}</p>
        {over && !problem && <p class="notice warning" role="status">{t("login.ended")}</p>}
        <Problem of={problem} />
        {about.password ? (
          <form onSubmit={submit}>
            <label>{t("login.user")}<input name="user" autocomplete="username" autocapitalize="none" spellcheck={false} required /></label>
            <label>{t("login.password")}<input name="password" type="password" autocomplete="current-password" required /></label>
            <p class="dim">{t("login.password.help", about.registry)}</p>
            <button class="primary" disabled={busy}>{busy ? t("login.trying") : t("login")}</button>
          </form>
        ) : (
          <>
            <p>{t("login.link")}</p>
            <pre class="code"><code>jbuild web</code></pre>
          </>
        )}
        <LanguageSwitch about={about} />
      </div>
    </main>
  );
}
