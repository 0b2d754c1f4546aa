import { t } from "../text.js";

// Help answers what beginners ask.
export default function Help({ about }) {
  return (
    <div class="wide">
      <h1>{t("help")}</h1>
      {["what", "root", "lost", "exit", "upload", "run", "keys"].map((name) => (
        <section key={name} class="card"><h2>{t(`help.${name}`)}</h2><p>{t(`help.${name}.text`, about.registry)}</p></section>
      ))}
      <p class="dim">jbuild {about.version}</p>
    </div>
  );
}
