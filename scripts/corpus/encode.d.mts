/** A small tensor's numbers. */
export function plain(tensor: { toArray(): unknown } | undefined): unknown;
/** Python's whole floats as integers, since JavaScript has one kind of number. */
export function normalized(value: unknown): unknown;
/** The JSON form of a loaded value; `torch` is the package. */
export function encodeLoaded(value: unknown, torch: object): unknown;
