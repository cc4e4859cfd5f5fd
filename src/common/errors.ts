/**
 * Errors as part of the product: a stable code, whose fault it is, what was expected and found, where, and what to do.
 * They travel between threads as plain data, because structured clone strips a subclass.
 */

/** Whose fault an error is; decides retry and exit code. */
export type ErrorCategory =
  | "Plan" // the plan is wrong: unknown column, wrong type, unserialisable function
  | "Data" // the input is wrong: bad bytes, a cut file, too many rejects
  | "Resource" // memory, disk, file descriptors
  | "Config" // options, paths and targets as given
  | "External" // the file system or another system failed
  | "Cancelled" // stopped on request
  | "Internal"; // our bug

/** Where in the input or the plan an error happened. Every part is optional. */
export interface ErrorPlace {
  readonly file?: string;
  /** 1-based line of the first byte of the record. */
  readonly line?: number;
  /** 0-based byte offset in the file. */
  readonly byte?: number;
  readonly length?: number;
  readonly column?: string;
  readonly stage?: string;
  readonly partition?: number;
  readonly rowGroup?: number;
}

/** An error as data. */
export interface ErrorData extends ErrorPlace {
  /** Stable, SCREAMING_SNAKE, documented in docs/ERRORS.md. */
  readonly code: string;
  readonly category: ErrorCategory;
  readonly message: string;
  /** What to do about it, as one sentence. */
  readonly hint?: string;
  readonly cause?: string;
  readonly stack?: string;
}

export interface ErrorOptionsData extends ErrorPlace {
  readonly hint?: string;
  readonly cause?: unknown;
}

/** Every error that Millrace throws on purpose. */
export class MillraceError extends Error {
  readonly code: string;
  readonly category: ErrorCategory;
  readonly hint: string | undefined;
  readonly place: ErrorPlace;

  constructor(category: ErrorCategory, code: string, message: string, options: ErrorOptionsData = {}) {
    const { hint, cause, ...place } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.name = "MillraceError";
    this.category = category;
    this.code = code;
    this.hint = hint;
    this.place = place;
  }

  toData(): ErrorData {
    const cause = this.cause;
    return {
      code: this.code,
      category: this.category,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(cause === undefined ? {} : { cause: cause instanceof Error ? cause.message : String(cause) }),
      ...(this.stack === undefined ? {} : { stack: this.stack }),
      ...this.place,
    };
  }

  static fromData(data: ErrorData): MillraceError {
    const { code, category, message, hint, cause, stack, ...place } = data;
    const error = new MillraceError(category, code, message, {
      ...place,
      ...(hint === undefined ? {} : { hint }),
      ...(cause === undefined ? {} : { cause }),
    });
    if (stack !== undefined) error.stack = stack;
    return error;
  }
}

export const planError = (code: string, message: string, options?: ErrorOptionsData) =>
  new MillraceError("Plan", code, message, options);
export const dataError = (code: string, message: string, options?: ErrorOptionsData) =>
  new MillraceError("Data", code, message, options);
export const configError = (code: string, message: string, options?: ErrorOptionsData) =>
  new MillraceError("Config", code, message, options);
export const resourceError = (code: string, message: string, options?: ErrorOptionsData) =>
  new MillraceError("Resource", code, message, options);
export const externalError = (code: string, message: string, options?: ErrorOptionsData) =>
  new MillraceError("External", code, message, options);
export const internalError = (message: string, options?: ErrorOptionsData) =>
  new MillraceError("Internal", "INTERNAL", message, options);

/** Whatever was thrown, as data; an error that is not ours becomes the given category. */
export function toErrorData(thrown: unknown, category: ErrorCategory = "Internal", code = "INTERNAL"): ErrorData {
  if (thrown instanceof MillraceError) return thrown.toData();
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return { code, category, message: error.message, ...(error.stack === undefined ? {} : { stack: error.stack }) };
}
