export function numbersOf(
  values: Readonly<Record<string, string | boolean | undefined>>,
): (name: string, least?: number) => number | undefined;
