import { decodeText } from "../../batch/text.js";
import { type DataType, valueForm } from "../../schema/types.js";
import { blankOf } from "./codegenBlank.js";
import type { Narrow, Piece, RowStatements, TextPiece, Want } from "./codegenPiece.js";
import { narrowOf } from "./codegenRange.js";

interface Taken {
  readonly hole: number;
  readonly piece: Piece;
  readonly inside: string;
  readonly after: string;
}

/**
 * A result that comes from one of several pieces, on different ways through the row. How it is held (as a plain number, as bytes, as
 * a value) is known only when all of them are, so its statements are filled in at the end.
 */
export class Merge {
  readonly #row: RowStatements;
  readonly #type: DataType;
  readonly #want: Want;
  readonly #declaration: number;
  readonly #taken: Taken[] = [];

  constructor(row: RowStatements, type: DataType, want: Want = "value") {
    this.#row = row;
    this.#type = type;
    this.#want = want;
    this.#declaration = row.hole();
  }

  /** The result is this piece here. `inside` is done only where it is not null, `after` in any case. */
  take(piece: Piece, inside = "", after = ""): void {
    this.#taken.push({ hole: this.#row.hole(), piece, inside, after });
  }

  /** The result; `mayMiss`: some way takes no piece, and leaves it null. */
  finish(mayMiss: boolean): Piece {
    const form = this.#form();
    const nullable = mayMiss || this.#taken.some(({ piece }) => piece.isNull !== null);
    const isNull = nullable ? this.#row.scope.fresh("n") : null;
    const known = isNull === null ? "" : ` ${isNull} = false;`;
    this.#row.fill(this.#declaration, `${form.declaration}${isNull === null ? "" : ` let ${isNull} = true;`}`);
    for (const { hole, piece, inside, after } of this.#taken) {
      const set = piece.isNull === "true" ? "" : `${form.set(piece)}${known} ${inside}`;
      const guarded = piece.isNull === null || set === "" ? set : `if (!${piece.isNull}) { ${set} }`;
      this.#row.fill(hole, `${guarded} ${after}`);
    }
    return { ...form.piece, isNull };
  }

  #form(): Form {
    const pieces = this.#taken.filter(({ piece }) => piece.isNull !== "true").map(({ piece }) => piece);
    if (this.#want === "text") {
      const texts = pieces.flatMap((piece) => (piece.text === undefined ? [] : [piece.text]));
      if (texts.length === pieces.length && texts.length > 0) return this.#textForm();
    }
    const narrow = pieces.flatMap((piece) => narrowOf(piece, this.#type) ?? []);
    return narrow.length === pieces.length && narrow.length > 0 ? this.#narrowForm(narrow) : this.#valueForm();
  }

  #valueForm(): Form {
    const value = this.#row.scope.fresh("v");
    return {
      declaration: `let ${value} = ${blankOf(this.#type)};`,
      set: (piece) => `${value} = ${piece.value};`,
      piece: { value },
    };
  }

  #narrowForm(all: readonly Narrow[]): Form {
    const name = this.#row.scope.fresh("v");
    const [min, max] = [Math.min(...all.map((one) => one.min)), Math.max(...all.map((one) => one.max))];
    const wide = valueForm(this.#type) === "bigint";
    return {
      declaration: `let ${name} = 0;`,
      set: (piece) => `${name} = ${piece.narrow?.text ?? piece.value};`,
      piece: { value: wide ? `BigInt(${name})` : name, narrow: { text: name, min, max } },
    };
  }

  #textForm(): Form {
    const { scope } = this.#row;
    const text: TextPiece = { bytes: scope.fresh("b_"), start: scope.fresh("s_"), end: scope.fresh("e_") };
    const { bytes, start, end } = text;
    const none = scope.constant("no bytes", new Uint8Array(0));
    const set = (from: TextPiece): string => `${bytes} = ${from.bytes}; ${start} = ${from.start}; ${end} = ${from.end};`;
    return {
      declaration: `let ${bytes} = ${none}, ${start} = 0, ${end} = 0;`,
      set: (piece) => (piece.text === undefined ? "" : set(piece.text)),
      piece: { value: decodedText(this.#row, text), text },
    };
  }
}

interface Form {
  readonly declaration: string;
  set(piece: Piece): string;
  readonly piece: Omit<Piece, "isNull">;
}

/** A text's bytes as a string. */
export function decodedText(row: RowStatements, { bytes, start, end }: TextPiece): string {
  return `${row.scope.constant("decodeText", decodeText)}(${bytes}, ${start}, ${end})`;
}
