/** Arrow's own classes, as users get them. */
export type { RecordBatch as ArrowBatch, Table as ArrowTable } from "apache-arrow";
