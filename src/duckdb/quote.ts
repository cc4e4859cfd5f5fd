/** A name as a SQL identifier, whatever characters it holds. */
export const quoteIdent = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Text as a SQL expression of type VARCHAR; zero characters cannot stand in SQL text and are spelled `chr(0)`. */
export function quoteText(text: string): string {
  const quoted = (part: string) => `'${part.replaceAll("'", "''")}'`;
  if (!text.includes("\0")) return quoted(text);
  return `(${text.split("\0").map(quoted).join(" || chr(0) || ")})`;
}

/** A list of texts as a SQL list. */
export const quoteTextList = (texts: readonly string[]): string => `[${texts.map(quoteText).join(", ")}]`;
