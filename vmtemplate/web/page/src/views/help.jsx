import { Code } from "../parts/copy.jsx";
import { t } from "../text.js";

export default function Help({ about }) {
  return (
    <div class="wide narrow">
      <h1>{t("help")}</h1>
      <p class="dim">{t("help.lead")}</p>
      {["what", "root", "lost", "exit", "upload", "run"].map((name) => (
        <section key={name} class="card"><h2>{t(`help.${name}`)}</h2><p>{t(`help.${name}.text`, about.registry)}</p></section>
      ))}
      <section class="card">
        <h2>{t("help.keys")}</h2>
        <table class="facts"><tbody>
          {["copy", "paste", "stop", "complete", "history", "leave"].map((name) => <tr key={name}><th scope="row"><kbd>{t(`help.key.${name}`)}</kbd></th><td>{t(`help.key.${name}.text`)}</td></tr>)}
        </tbody></table>
      </section>
      <section class="card">
        <h2>{t("help.line")}</h2><p>{t("help.line.text")}</p><Code text="jbuild" label={t("help.line")} />
      </section>
      <p class="dim">jbuild {about.version}</p>
    </div>
  );
}
