import type { Engine } from "millrace";

type ArrowTable = Awaited<ReturnType<Engine["collect"]>>;

const plain = (value: unknown): string | null => (value === null || value === undefined ? null : String(value));

/** A row's values as text, so that rows of different libraries can be compared. */
export const cells = (row: readonly unknown[]): string => JSON.stringify(row.map(plain));

export const cellsOf = (table: ArrowTable): string[] =>
  Array.from({ length: table.numRows }, (_, i) => cells(table.schema.fields.map((field) => table.getChild(field.name)?.get(i))));
