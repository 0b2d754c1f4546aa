import { lazy, Suspense } from "preact/compat";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, forget, session } from "./api.js";
import { desk } from "./desk.js";
import { useStore } from "./store.js";
import { language, loadTexts, t } from "./text.js";
import { Login } from "./views/login.jsx";
import { Make } from "./views/make.jsx";

const Images = lazy(() => import("./views/images.jsx"));
const Job = lazy(() => import("./views/job.jsx"));
const Help = lazy(() => import("./views/help.jsx"));

const views = { "/": Make, "/images": Images, "/job": Job, "/help": Help };
const names = { "/": "make", "/images": "images", "/job": "job", "/help": "help" };

// usePath is the address without the host, which is a view.
function usePath() {
  const [path, set] = useState(location.pathname);
  useEffect(() => {
    const look = () => set(location.pathname);
    addEventListener("popstate", look);
    return () => removeEventListener("popstate", look);
  }, []);
  return path;
}

export function go(path) {
  history.pushState(null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
}

function Link({ to, current, children }) {
  const click = (e) => {
    if (e.metaKey || e.ctrlKey || e.shiftKey) return;
    e.preventDefault();
    go(to);
  };
  return (
    <a href={to} onClick={click} aria-current={current === to ? "page" : undefined}>
      {children}
    </a>
  );
}

export function App({ refused, about }) {
  useStore(language);
  const proof = useStore(session);
  const { connected, known } = useStore(desk);
  const path = usePath();
  const main = useRef(null);
  const first = useRef(true);
  useEffect(() => {
    document.title = `${t(`nav.${names[path] ?? "make"}`)} · jbuild`;
    if (!first.current) main.current?.focus();
    first.current = false;
  }, [path]);

  if (!proof) return <Login refused={refused} about={about} />;
  const View = views[path] ?? Make;
  return (
    <>
      <a class="skip" href="#main">{t("skip")}</a>
      <header class="bar">
        <Link to="/" current=""><span class="logo" aria-label="jbuild">jbuild</span></Link>
        <nav aria-label={t("nav")}>
          {Object.entries(names).map(([to, name]) => (
            <Link key={to} to={to} current={path in views ? path : "/"}>{t(`nav.${name}`)}</Link>
          ))}
        </nav>
        <div class="tools">
          <LanguageSwitch about={about} />
          <button class="quiet" onClick={() => ask("POST", "/api/logout").catch(() => {}).finally(forget)}>{t("logout")}</button>
        </div>
      </header>
      {known && !connected && <p class="strip" role="status">{t("offline")}</p>}
      <main id="main" ref={main} tabIndex={-1}>
        <Suspense fallback={<p class="dim">{t("loading")}</p>}>
          <View about={about} />
        </Suspense>
      </main>
    </>
  );
}

export function LanguageSwitch({ about }) {
  const lang = useStore(language);
  const label = { en: "English", ja: "日本語" };
  return (
    <div class="languages" role="group" aria-label={t("language")}>
      {about.languages.map((l) => (
        <button key={l} class="quiet" lang={l} aria-pressed={l === lang} onClick={() => loadTexts(l)}>{label[l] ?? l}</button>
      ))}
    </div>
  );
}
