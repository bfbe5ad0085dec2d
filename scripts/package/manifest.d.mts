export function published(text: string): string;
