/**
 * Regular expressions in RE2's syntax (DuckDB's), translated to JavaScript's with the same meaning: classes and boundaries are
 * ASCII, `.` is anything but a line feed, `^` and `$` are the ends of the text. What JavaScript cannot say the same way is refused.
 */
export interface CompiledPattern {
  readonly source: string;
  readonly flags: string;
}

/** Thrown with a message that says what is wrong and where. */
class PatternError extends Error {}

const classEscapes: { readonly [letter: string]: string } = {
  d: "0-9",
  w: "0-9A-Za-z_",
  s: "\\t\\n\\f\\r ",
};
const negatedClasses: { readonly [letter: string]: string } = {
  D: "[^0-9]",
  W: "[^0-9A-Za-z_]",
  S: "[^\\t\\n\\f\\r ]",
};
const letterEscapes: { readonly [letter: string]: string } = { a: "\\x07", f: "\\f", n: "\\n", r: "\\r", t: "\\t", v: "\\v" };
const categories = /^(L[ulmot]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?|C[cf]?)$/;

class Translator {
  private at = 0;
  private out = "";

  constructor(
    private readonly text: string,
    private readonly dotAll: boolean,
  ) {}

  translate(): string {
    while (this.at < this.text.length) this.out += this.one();
    return this.out;
  }

  private refuse(what: string): never {
    throw new PatternError(`${what} at character ${this.at + 1} of the pattern ${JSON.stringify(this.text)}`);
  }

  private one(): string {
    const c = this.text[this.at] as string;
    switch (c) {
      case "\\":
        return this.escape(false);
      case "[":
        return this.charClass();
      case ".":
        this.at++;
        return this.dotAll ? "[\\s\\S]" : "[^\\n]";
      case "(":
        return this.group();
      case "{":
        return this.brace();
      case "}":
      case "]":
        this.at++;
        return `\\${c}`;
      case "*":
      case "+":
      case "?":
        return this.repeat(c);
      default:
        this.at++;
        return c;
    }
  }

  private repeat(c: string): string {
    this.at++;
    const lazy = this.text[this.at] === "?" ? "?" : "";
    this.at += lazy.length;
    if (/^[*+?]/.test(this.text.slice(this.at))) this.refuse("a repetition of a repetition");
    return c + lazy;
  }

  private brace(): string {
    const match = /^\{\d+(,\d*)?\}\??/.exec(this.text.slice(this.at));
    this.at += match === null ? 1 : match[0].length;
    if (match === null) return "\\{";
    const [least = 0, most = 0] = match[0].match(/\d+/g)?.map(Number) ?? [];
    if (least > 1000 || most > 1000) this.refuse("a repetition of more than 1000");
    return match[0];
  }

  private group(): string {
    const rest = this.text.slice(this.at);
    const named = /^\(\?P<([A-Za-z_]\w*)>/.exec(rest);
    if (named !== null) {
      this.at += named[0].length;
      return `(?<${named[1]}>`;
    }
    if (/^\(\?(=|!|<=|<!)/.test(rest)) this.refuse("lookaround is not supported");
    if (rest.startsWith("(?:")) {
      this.at += 3;
      return "(?:";
    }
    if (rest.startsWith("(?"))
      this.refuse("this kind of group is not supported (use (…), (?:…) or (?P<name>…); give flags as options)");
    this.at++;
    return "(";
  }

  /** An escape outside of a class (a whole atom) or inside of one (a member). */
  private escape(inClass: boolean): string {
    const c = this.text[this.at + 1];
    if (c === undefined) this.refuse("a backslash ends the pattern");
    if (c === "p" || c === "P") return this.property(c);
    if (c === "x") return this.hex();
    this.at += 2;
    const members = classEscapes[c];
    if (members !== undefined) return inClass ? members : `[${members}]`;
    const negated = negatedClasses[c];
    if (negated !== undefined) return inClass ? this.refuse(`\\${c} inside of a class is not supported`) : negated;
    const letter = letterEscapes[c];
    if (letter !== undefined) return letter;
    if (c === "0") return "\\x00";
    if (/[1-9]/.test(c)) this.refuse("a back reference is not supported");
    if (!inClass && (c === "b" || c === "B")) return `\\${c}`;
    if (!inClass && c === "A") return "(?<![\\s\\S])";
    if (!inClass && c === "z") return "(?![\\s\\S])";
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is meant
    if (/[A-Za-z]/.test(c) || !/[\x00-\x7f]/.test(c)) this.refuse(`the escape \\${c} is not supported`);
    return `\\u{${(c.codePointAt(0) as number).toString(16)}}`;
  }

  private property(c: string): string {
    const match = /^\\[pP](?:\{(\^?)(\w+)\}|([A-Z]))/.exec(this.text.slice(this.at));
    if (match === null) this.refuse("a broken \\p");
    const name = match[2] ?? match[3] ?? "";
    const negated = (c === "P") !== (match[1] === "^");
    this.at += match[0].length;
    const property = categories.test(name) ? name : `Script=${name}`;
    return `\\${negated ? "P" : "p"}{${property}}`;
  }

  private hex(): string {
    const match = /^\\x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))/.exec(this.text.slice(this.at));
    if (match === null) this.refuse("a broken \\x");
    this.at += match[0].length;
    return `\\u{${match[1] ?? match[2]}}`;
  }

  private charClass(): string {
    const start = /^\[\^?\]?/.exec(this.text.slice(this.at))?.[0] ?? "[";
    this.at += start.length;
    let members = start.replace("]", "\\]");
    for (;;) {
      const c = this.text[this.at];
      if (c === undefined) this.refuse("a class without its ]");
      if (c === "]") break;
      if (c === "[" && this.text[this.at + 1] === ":") members += this.posix();
      else if (c === "\\") members += this.escape(true);
      else {
        this.at++;
        members += c === "[" ? "\\[" : c;
      }
    }
    this.at++;
    return `${members}]`;
  }

  private posix(): string {
    const match = /^\[:(\w+):\]/.exec(this.text.slice(this.at));
    const members = match === null ? undefined : posixClasses[match[1] as string];
    if (match === null || members === undefined) this.refuse("an unknown [:class:]");
    this.at += match[0].length;
    return members;
  }
}

const posixClasses: { readonly [name: string]: string } = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7f",
  blank: "\\t ",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`\\{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};

/** The JavaScript form of a pattern (`flags`: `i` without regard to case, `s` lets `.` match a line feed), or what is wrong with it. */
export function translatePattern(pattern: string, flags = ""): CompiledPattern | string {
  const inline = /^\(\?([is]+)\)/.exec(pattern);
  const all = flags + (inline?.[1] ?? "");
  try {
    const source = new Translator(inline === null ? pattern : pattern.slice(inline[0].length), all.includes("s")).translate();
    const compiled = { source, flags: `u${all.includes("i") ? "i" : ""}` };
    new RegExp(compiled.source, compiled.flags);
    return compiled;
  } catch (error) {
    if (error instanceof PatternError || error instanceof SyntaxError) return error.message;
    throw error;
  }
}
