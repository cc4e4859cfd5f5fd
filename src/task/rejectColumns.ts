import { type Field, type Schema, types } from "../schema/types.js";

const column = (name: string, type: Field["type"], nullable = false): Field => ({ name, type, nullable });

/** Numbers of a reject that may be absent. */
export const rejectNumbers = ["line", "byte", "length", "row"] as const;
/** Texts of a reject of which a run has few. */
export const rejectTexts = ["file", "stage", "column", "code", "function", "function_hash", "raw_kind", "message"] as const;

/**
 * A reject as a task writes it: -1 stands for a number that is absent, and texts that repeat are numbers into the texts of the task's result,
 * which takes a fraction of the time. A message that is no such text stands in `own_message`, which else is empty. Lines count from the
 * partition's first. Behind the bytes of every `raw` stands one byte more, where whoever gathers records puts their line end.
 */
export const taskRejectSchema: Schema = [
  ...rejectNumbers.map((name) => column(name, types.float64)),
  ...rejectTexts.map((name) => column(name, types.int32)),
  column("attempt", types.int32),
  column("own_message", types.utf8),
  column("raw", types.binary, true),
];

/**
 * A reject as a run keeps it. Lines are the file's; `source` numbers the plan's sources from 0, null for rows of an earlier stage. `raw` holds
 * the record's bytes as they stand in its file (`raw_kind` "bytes"), or the row as one JSON object ("json") where rows have no bytes.
 */
export const rejectSchema: Schema = [
  column("run_id", types.utf8),
  column("source", types.int32, true),
  column("partition", types.int32),
  column("file", types.utf8),
  column("line", types.int64, true),
  column("byte", types.int64, true),
  column("length", types.int64, true),
  column("row", types.int64, true),
  column("stage", types.utf8),
  column("column", types.utf8, true),
  column("code", types.utf8),
  column("message", types.utf8),
  column("function", types.utf8, true),
  column("function_hash", types.utf8, true),
  column("attempt", types.int32),
  column("raw_kind", types.utf8, true),
  column("raw", types.binary, true),
];
