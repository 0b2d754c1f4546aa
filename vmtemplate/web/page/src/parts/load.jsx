import { useCallback, useEffect, useState } from "preact/hooks";
import { ask } from "../api.js";

// useLoad asks for something, and again when it is told to: [value, problem, again].
export function useLoad(path, query) {
  const [value, setValue] = useState(null);
  const [problem, setProblem] = useState(null);
  const [turn, setTurn] = useState(0);
  const key = JSON.stringify(query ?? {});
  useEffect(() => {
    const stop = new AbortController();
    ask("GET", path, { query: JSON.parse(key), signal: stop.signal }).then(
      (v) => {
        setValue(v);
        setProblem(null);
      },
      (error) => error.name !== "AbortError" && setProblem(error),
    );
    return () => stop.abort();
  }, [path, key, turn]);
  return [value, problem, useCallback(() => setTurn((n) => n + 1), [])];
}
