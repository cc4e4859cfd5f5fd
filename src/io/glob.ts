/** Whether a path has glob characters. */
export const isGlob = (path: string): boolean => /[*?[\]{}]/.test(path);

/** The folders before the first glob character; `.` when there are none. */
export function literalPrefix(pattern: string): string {
  const parts = pattern.split("/");
  const first = parts.findIndex((part) => isGlob(part));
  const fixed = parts.slice(0, first < 0 ? parts.length - 1 : first).join("/");
  if (fixed !== "") return fixed;
  return pattern.startsWith("/") ? "/" : ".";
}

/**
 * A glob as a pattern for whole paths: `*` and `?` within a name, `**` across folders (also none), `{a,b}` alternatives, `[a-z]` and
 * `[!a-z]` classes. A backslash makes the next character literal.
 */
export function globToRegExp(pattern: string): RegExp {
  const text = pattern.replace(/^(?:\.\/)+/, "");
  let out = "";
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (c === "*" && text[i + 1] === "*") {
      const folders = text[i + 2] === "/";
      out += folders ? "(?:[^/]*/)*" : ".*";
      i += folders ? 2 : 1;
    } else if (c === "*") out += "[^/]*";
    else if (c === "?") out += "[^/]";
    else if (c === "[" && text.indexOf("]", i + 2) > 0) {
      const end = text.indexOf("]", i + 2);
      out += characterClass(text.slice(i + 1, end));
      i = end;
    } else if (c === "{" && text.indexOf("}", i) > 0) {
      depth++;
      out += "(?:";
    } else if (c === "}" && depth > 0) {
      depth--;
      out += ")";
    } else if (c === "," && depth > 0) out += "|";
    else if (c === "\\" && i + 1 < text.length) out += escaped(text[++i] as string);
    else out += escaped(c);
  }
  return new RegExp(`^${out}${")".repeat(depth)}$`, "u");
}

function characterClass(inside: string): string {
  const negated = /^[!^]/.test(inside);
  const members = (negated ? inside.slice(1) : inside).replace(/[\\\]^[]/g, "\\$&");
  return negated ? `[^/${members}]` : `[${members}]`;
}

const escaped = (c: string): string => c.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&").replace("\\-", "-");
