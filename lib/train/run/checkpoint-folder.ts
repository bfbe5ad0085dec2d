import { copyFileSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { save } from '../../checkpoint/index.ts';

const NUMBERED = /^checkpoint-(\d+)\.pth$/;
/** The newest, under the published script's name. */
const NEWEST = 'checkpoint.pth';
const BEST = 'model_best.pth';

/** The checkpoints of a run: `checkpoint-<step>.pth`, the newest also as `checkpoint.pth`, the best as `model_best.pth`. */
export class CheckpointFolder {
  readonly path: string;
  readonly #keepLast: number;

  constructor(path: string, keepLast: number) {
    this.path = path;
    this.#keepLast = keepLast;
  }

  /** @throws CheckpointError where it cannot be written; what was there before stays. */
  save(state: Record<string, unknown>, step: number, isBest: boolean): string {
    mkdirSync(this.path, { recursive: true });
    const target = join(this.path, `checkpoint-${String(step).padStart(9, '0')}.pth`);
    save(state, target);
    this.#alias(target, NEWEST);
    if (isBest) this.#alias(target, BEST);
    for (const old of this.numbered().slice(this.#keepLast)) rmSync(join(this.path, old), { force: true });
    return target;
  }

  /** The numbered files, the newest first. */
  numbered(): string[] {
    if (!statSync(this.path, { throwIfNoEntry: false })?.isDirectory()) return [];
    const steps = readdirSync(this.path).flatMap((name) => {
      const step = NUMBERED.exec(name)?.[1];
      return step === undefined ? [] : [{ name, step: Number(step) }];
    });
    return steps.sort((a, b) => b.step - a.step).map(({ name }) => name);
  }

  /** Paths to go on from, the newest first. */
  candidates(): string[] {
    const numbered = this.numbered();
    const names = numbered.length > 0 ? numbered : [NEWEST];
    return names
      .map((name) => join(this.path, name))
      .filter((path) => statSync(path, { throwIfNoEntry: false }));
  }

  /** A second name of the same bytes where the file system has links; others see the old file or the new one. */
  #alias(target: string, name: string): void {
    const temporary = join(this.path, `.${name}.tmp`);
    rmSync(temporary, { force: true });
    try {
      linkSync(target, temporary);
    } catch {
      copyFileSync(target, temporary);
    }
    renameSync(temporary, join(this.path, name));
  }
}
