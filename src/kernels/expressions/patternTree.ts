/**
 * What a translated pattern (functions/pattern.ts) asks of a text, reduced to the question whether it matches anywhere. Groups and greed
 * are gone, since they only choose between matches. A set has an entry for each ASCII character; it says nothing of the others.
 */
export type PatternTree =
  | { readonly kind: "set"; readonly members: Uint8Array }
  | { readonly kind: "sequence"; readonly parts: readonly PatternTree[] }
  | { readonly kind: "choice"; readonly parts: readonly PatternTree[] }
  /** `most` null: without bound. */
  | { readonly kind: "repeat"; readonly part: PatternTree; readonly least: number; readonly most: number | null }
  /** The start of the text, and its end. */
  | { readonly kind: "start" }
  | { readonly kind: "end" };

export const asciiSize = 128;

const opening = /^\((?:\?:|\?<[A-Za-z_]\w*>)?(?!\?)/;
const escaped = /^\\(?:u\{[0-9A-Fa-f]+\}|x[0-9A-Fa-f]{2}|[pP]\{[^}]*\}|[^bBpPkux1-9])/u;
const characters = /^\[(?:\\.|[^\]\\])*\]/su;
const repetition = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/;

/** The tree of a pattern in JavaScript's syntax as `translatePattern` writes it; null for what a set of states cannot decide (`\b`, `\B`). */
export function patternTree(source: string, flags: string): PatternTree | null {
  const reader = new Reader(source, flags);
  const tree = reader.choice();
  return reader.failed || reader.rest !== "" ? null : tree;
}

class Reader {
  failed = false;

  constructor(
    public rest: string,
    private readonly flags: string,
  ) {}

  choice(): PatternTree {
    const parts = [this.sequence()];
    while (this.take("|")) parts.push(this.sequence());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: "choice", parts };
  }

  private sequence(): PatternTree {
    const parts: PatternTree[] = [];
    while (!this.failed && this.rest !== "" && !this.rest.startsWith("|") && !this.rest.startsWith(")")) {
      parts.push(this.repeated(this.atom()));
    }
    return { kind: "sequence", parts };
  }

  private repeated(part: PatternTree): PatternTree {
    const found = repetition.exec(this.rest);
    if (found === null) return part;
    this.rest = this.rest.slice(found[0].length);
    const [text, low, comma, high] = found;
    if (low !== undefined) {
      const least = Number(low);
      return { kind: "repeat", part, least, most: comma === "" ? least : high === "" ? null : Number(high) };
    }
    return { kind: "repeat", part, least: text.startsWith("+") ? 1 : 0, most: text.startsWith("?") ? 1 : null };
  }

  private atom(): PatternTree {
    if (this.take("^") || this.take("(?<![\\s\\S])")) return { kind: "start" };
    if (this.take("$") || this.take("(?![\\s\\S])")) return { kind: "end" };
    const group = opening.exec(this.rest);
    if (group !== null) {
      this.rest = this.rest.slice(group[0].length);
      const inner = this.choice();
      if (!this.take(")")) this.failed = true;
      return inner;
    }
    const one = characters.exec(this.rest) ?? escaped.exec(this.rest) ?? /^[^\\[(){}*+?]/su.exec(this.rest);
    if (one === null) {
      this.failed = true;
      return { kind: "sequence", parts: [] };
    }
    this.rest = this.rest.slice(one[0].length);
    return { kind: "set", members: membersOf(one[0], this.flags) };
  }

  private take(text: string): boolean {
    if (!this.rest.startsWith(text)) return false;
    this.rest = this.rest.slice(text.length);
    return true;
  }
}

/** Which ASCII characters an atom matches: asked of the engine that defines its meaning, so that folding of case and classes are exact. */
function membersOf(atom: string, flags: string): Uint8Array {
  const whole = new RegExp(`^(?:${atom})$`, flags);
  return Uint8Array.from({ length: asciiSize }, (_, code) => (whole.test(String.fromCharCode(code)) ? 1 : 0));
}
