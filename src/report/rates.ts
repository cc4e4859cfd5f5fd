/** Per second over at least one millisecond, so that what took no measurable time has a finite rate. */
export const perSecond = (amount: number, ms: number): number => amount / (Math.max(1, ms) / 1000);

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
