import { describeValue } from '../options.ts';

/** A complex number, as `item()` of a complex tensor returns it and ops take it for a Scalar. */
export class Complex {
  readonly re: number;
  readonly im: number;
  constructor(re: number, im = 0) {
    if (typeof re !== 'number' || typeof im !== 'number') {
      throw new TypeError(
        `Expected two numbers for Complex, got ${describeValue(re)} and ${describeValue(im)}`,
      );
    }
    this.re = re;
    this.im = im;
  }
  toString(): string {
    return `(${this.re}${this.im < 0 || Object.is(this.im, -0) ? '-' : '+'}${Math.abs(this.im)}j)`;
  }
}
