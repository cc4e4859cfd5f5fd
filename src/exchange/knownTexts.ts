import type { BytesColumn } from "../batch/column.js";

/** Lists longer than this are only what they are. */
const mostTexts = 4096;
/** The lists that this thread has read last: every file of an exchange has its own, of which most are alike. */
const mostLists = 16;
const lists: BytesColumn[] = [];

/** The list of texts that this thread knows with the same texts and nulls; else the list itself, which is known from then on. */
export function knownTexts(texts: BytesColumn): BytesColumn {
  if (texts.length > mostTexts) return texts;
  const known = lists.find((list) => areSame(list, texts));
  if (known !== undefined) return known;
  lists.push(texts);
  if (lists.length > mostLists) lists.shift();
  return texts;
}

function areSame(a: BytesColumn, b: BytesColumn): boolean {
  if (a.length !== b.length || a.type.kind !== b.type.kind) return false;
  for (let i = 0; i < a.length; i++) {
    const isNull = a.valid !== null && a.valid[i] === 0;
    if (isNull !== (b.valid !== null && b.valid[i] === 0)) return false;
    if (!isNull && textAt(a, i).compare(textAt(b, i)) !== 0) return false;
  }
  return true;
}

function textAt({ bytes, starts, ends }: BytesColumn, row: number): Buffer {
  const start = starts[row] as number;
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, (ends[row] as number) - start);
}
