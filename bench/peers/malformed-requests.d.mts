/** Requests from number `from`, each with its kind. */
export function malformedRequests(from: number, count: number): Generator<{ name: string; bytes: Buffer }>;
