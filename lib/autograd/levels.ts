import { native } from '../tensor/native.ts';

let current = -1;

/** The number of the running level of forward mode, -1 without one. */
export const currentLevel = (): number => current;

export function beginLevel(): number {
  current = native.enterDualLevel();
  return current;
}

export function endLevel(): void {
  current = -1;
  native.exitDualLevel();
}

/** Runs `fn` on values alone. */
export function withoutTangents<T>(fn: () => T): T {
  if (current < 0) return fn();
  const before = native.setForwardMode(false);
  try {
    return fn();
  } finally {
    native.setForwardMode(before);
  }
}
