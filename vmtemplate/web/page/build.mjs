// Makes dist/ from src/: one script and one style sheet for the page, one more of each for
// the terminal, which is fetched when a shell runs. Names have a hash of the content.
import { build } from "esbuild";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

// Somewhere else than dist when it is said so: a test compares.
const dist = process.argv[2] ?? "dist";
rmSync(dist, { recursive: true, force: true });
mkdirSync(`${dist}/assets`, { recursive: true });
const result = await build({
  entryPoints: ["src/main.jsx"],
  outdir: `${dist}/assets`,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["chrome109", "firefox115", "safari16"],
  minify: true,
  legalComments: "eof",
  metafile: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
});
const find = (suffix) => {
  const [file] = Object.entries(result.metafile.outputs).find(([name, o]) => o.entryPoint === "src/main.jsx" && name.endsWith(suffix)) ?? [];
  return file && basename(file);
};
const script = find(".js");
const style = basename(Object.values(result.metafile.outputs).find((o) => o.entryPoint === "src/main.jsx").cssBundle);
const index = readFileSync("src/index.html", "utf8").replace("SCRIPT", `/assets/${script}`).replace("STYLE", `/assets/${style}`);
writeFileSync(`${dist}/index.html`, index);
