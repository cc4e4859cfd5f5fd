import { MillraceError } from "millrace";

/** The error of ours that an action ends in. @throws whatever else it throws, or an error where it does not fail */
export async function failureOf(action: () => unknown): Promise<MillraceError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error("expected a failure");
}
