import { type Generator, rand, randn, scope, type Tensor } from '../../tensor/index.ts';

/** Random numbers of one corruption, all from one generator. */
export class Draws {
  readonly generator: Generator | null;

  constructor(generator: Generator | null) {
    this.generator = generator;
  }

  /** From a normal distribution, float32. */
  normal(shape: readonly number[]): Tensor {
    return randn([...shape], { generator: this.generator });
  }

  /** From 0 to 1, float32. */
  uniform(shape: readonly number[]): Tensor {
    return rand([...shape], { generator: this.generator });
  }

  between(low: number, high: number): number {
    return low + (high - low) * (this.many(1)[0] as number);
  }

  /** Many numbers from 0 to 1. */
  many(count: number): Float32Array {
    return scope(() => this.uniform([count]).data() as Float32Array);
  }
}
