import { render } from "preact";
import { App } from "./app.jsx";
import { begin } from "./api.js";
import { loadTexts } from "./text.js";
import "./style.css";

// An invitation stands behind the #, which is sent to nobody, and does not stay there.
async function redeem() {
  const word = new URLSearchParams(location.hash.slice(1)).get("invitation");
  if (!word) return null;
  history.replaceState(null, "", location.pathname);
  const answer = await fetch("/api/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ invitation: word }),
  });
  const told = await answer.json();
  if (answer.ok) begin(told.session);
  return answer.ok ? null : told;
}

// A file that is dropped where nothing takes it would otherwise take the place of the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (e) => [...(e.dataTransfer?.types ?? [])].includes("Files") && e.preventDefault());

const place = document.getElementById("app");
try {
  const [refused, about] = await Promise.all([redeem(), fetch("/api/about").then((r) => r.json()), loadTexts()]);
  render(<App refused={refused} about={about} />, place);
} catch {
  // Without the server there are no texts either: index.html has these.
  place.append(document.getElementById("unreachable").content);
  place.querySelector("button").onclick = () => location.reload();
}
