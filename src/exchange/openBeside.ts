import { BlockFile } from "./blockFile.js";

interface Closable {
  close(): void;
}

/** Opens files that are read beside another. Where one of them cannot be opened, none of them stays open, nor does the other. */
export function openBeside<T extends Closable>(other: Closable | null, paths: readonly string[], open: (path: string) => T): T[] {
  const opened: T[] = [];
  try {
    for (const path of paths) opened.push(open(path));
    return opened;
  } catch (thrown) {
    for (const one of [other, ...opened]) one?.close();
    throw thrown;
  }
}

/** What a block file says of itself. */
export function lookInto<T>(path: string, look: (file: BlockFile) => T): T {
  const file = new BlockFile(path);
  try {
    return look(file);
  } finally {
    file.close();
  }
}
