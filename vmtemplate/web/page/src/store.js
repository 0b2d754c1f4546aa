// A store is a value that components watch.
import { useEffect, useState } from "preact/hooks";

export function store(value) {
  const watchers = new Set();
  return {
    get: () => value,
    set(next) {
      value = typeof next === "function" ? next(value) : next;
      for (const w of watchers) w(value);
    },
    watch(w) {
      watchers.add(w);
      return () => watchers.delete(w);
    },
  };
}

export function useStore(s) {
  const [value, set] = useState(s.get());
  useEffect(() => {
    set(s.get());
    return s.watch(set);
  }, [s]);
  return value;
}
