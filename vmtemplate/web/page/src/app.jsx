import { lazy, Suspense } from "preact/compat";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, forget, session } from "./api.js";
import { desk, understood } from "./desk.js";
import { useStore } from "./store.js";
import { language, loadTexts, t } from "./text.js";
import { tellWhenDone } from "./tell.js";
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

function Link({ to, current, children, ...rest }) {
  const click = (e) => {
    if (e.metaKey || e.ctrlKey || e.shiftKey) return;
    e.preventDefault();
    go(to);
  };
  return (
    <a href={to} onClick={click} aria-current={current === to ? "page" : undefined} {...rest}>
      {children}
    </a>
  );
}

tellWhenDone();

export function App({ refused, about }) {
  const lang = useStore(language);
  const proof = useStore(session);
  const { connected, known, restarted, screen, unread, work } = useStore(desk);
  const path = usePath();
  const main = useRef(null);
  const first = useRef(true);
  const name = names[path] ?? "make";
  const done = work?.all > 0 && Math.floor((100 * work.done) / work.all);
  useEffect(() => {
    document.title = [proof && done !== false && done !== undefined && `${done} %`, proof ? t(`nav.${name}`) : t("login"), "jbuild"].filter(Boolean).join(" · ");
  }, [name, lang, proof, done]);
  useEffect(() => {
    if (!first.current) {
      main.current?.focus();
      scrollTo(0, 0);
    }
    first.current = false;
  }, [path]);

  if (!proof) return <Login refused={refused} about={about} />;
  const View = views[path] ?? Make;
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current.focus(); }}>{t("skip")}</a>
      <header class="bar">
        <Link to="/" class="logo" aria-label={t("home")}><Mark /><span>jbuild</span></Link>
        <nav aria-label={t("nav")}>
          {Object.entries(names).map(([to, n]) => (
            <Link key={to} to={to} current={path in views ? path : "/"}>{t(`nav.${n}`)}</Link>
          ))}
        </nav>
        <div class="tools">
          <LanguageSwitch about={about} />
          <button class="quiet" onClick={() => ask("POST", "/api/logout").catch(() => {}).finally(forget)}>{t("logout")}</button>
        </div>
      </header>
      <div role="status" class="strips">
        {known && !(connected && screen) && <p class="strip">{t("offline")}</p>}
        {restarted && <p class="strip">{t("restarted")} <button class="link" onClick={understood}>{t("close")}</button></p>}
        {unread && <p class="strip">{t("unread")} <button class="link" onClick={understood}>{t("close")}</button></p>}
      </div>
      <main id="main" ref={main} tabIndex={-1}>
        <Suspense fallback={<p class="dim wide">{t("loading")}</p>}>
          <View about={about} />
        </Suspense>
      </main>
    </>
  );
}

// Mark is the sign of jbuild: layers.
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M6 13l10-5 10 5-10 5z" />
      <path d="M6 18l10 5 10-5" class="stroke" />
    </svg>
  );
}

export function LanguageSwitch({ about }) {
  const lang = useStore(language);
  const label = { en: "English", ja: "日本語" };
  return (
    <div class="languages" role="group" aria-label={t("language")}>
      {about.languages.filter((l) => l !== lang).map((l) => (
        <button key={l} class="quiet" lang={l} onClick={() => loadTexts(l)}>{label[l] ?? l}</button>
      ))}
    </div>
  );
}
