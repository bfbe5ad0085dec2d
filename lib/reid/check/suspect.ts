import type { Fault } from './findings.ts';
import type { Deviation } from './subject.ts';

/** A fault, and how a program that has it works. */
export interface Suspect extends Deviation {
  readonly fault: Fault;
  /** What it does, behind "the program" or "training". */
  readonly what: string;
  readonly remedy: string;
  /** Whether running statistics may tell it, as a fault of the training's program against this one. */
  readonly showsInStatistics: boolean;
}
