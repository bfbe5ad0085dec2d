/** What Python made of a read or write: the elements, or the class of its error. */
export interface IndexOutcome {
  data?: unknown[];
  shape?: number[];
  view?: boolean;
  error?: string;
  message?: string;
}
/** A line of index_tuples.py. */
export interface IndexCase {
  shape: number[];
  dtype: string;
  index: unknown[];
  read: IndexOutcome;
  write: IndexOutcome;
}
/** The differences of one recorded case from Python: none, or one line for the read and one for the write. */
export function replayIndexCase(torch: object, item: IndexCase): string[];
/** Python's class of an error that this package throws. */
export function indexErrorKind(error: Error & { code?: string }): string;
