/** Makes closures of one generated function over given values. */
export type Factory = (...values: readonly unknown[]) => unknown;

/** Texts whose functions are kept; tasks of a few plans take turns on one thread. */
const mostTexts = 256;
/** Longer texts are rare, and would hold much memory. */
const longestText = 1 << 16;

const kept = new Map<string, Factory>();

/**
 * The function with these parameters and this body, made once a thread for all tasks that ask for the same text: what the JIT has learnt and
 * compiled belongs to the text, while every call gives a closure with state of its own. A fresh function would begin each task in the interpreter.
 * @throws SyntaxError
 */
export function factoryOf(names: readonly string[], body: string): Factory {
  const key = `${names.join()}\n${body}`;
  const known = kept.get(key);
  if (known !== undefined) {
    // The latest stands last.
    kept.delete(key);
    kept.set(key, known);
    return known;
  }
  const made = new Function(...names, body) as Factory;
  if (key.length > longestText) return made;
  if (kept.size >= mostTexts)
    for (const oldest of kept.keys()) {
      kept.delete(oldest);
      break;
    }
  kept.set(key, made);
  return made;
}
