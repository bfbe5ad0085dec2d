import type { Tensor } from '../../../tensor/index.ts';
import { checkTensor, maybeTensor } from '../../arguments.ts';

const warned = new Set<string>();

/** Whether the shapes differ. A warning says so, once for each loss and pair of shapes. */
export function warnOfShapes(name: string, x: Tensor, target: Tensor): boolean {
  checkTensor(name, 'x', x);
  checkTensor(name, 'target', target);
  const [want, got] = [`[${x.shape}]`, `[${target.shape}]`];
  if (want === got) return false;
  const message =
    `${name}: the target's shape ${got} is not the input's ${want}; both are broadcast, which is probably not what ` +
    'was meant. Give both one shape';
  if (!warned.has(message)) process.emitWarning(message, { code: 'IBN_LOSS_BROADCAST' });
  warned.add(message);
  return true;
}

/** @throws RangeError naming the argument. */
export function checkSameShape(name: string, argument: string, given: Tensor, x: Tensor): void {
  checkTensor(name, 'x', x);
  checkTensor(name, argument, given);
  const [want, got] = [`[${x.shape}]`, `[${given.shape}]`];
  if (want === got) return;
  throw new RangeError(`Expected the input's shape ${want} for ${name} argument "${argument}", got ${got}`);
}

/** @throws RangeError. */
export function checkMargin(name: string, margin: number): number {
  if (margin > 0) return margin;
  throw new RangeError(`Expected a margin above 0 for ${name}, got ${margin}`);
}

/** @throws RangeError. */
export function checkMultiMargin(name: string, p: number, weight: Tensor | null): void {
  if (p !== 1 && p !== 2) throw new RangeError(`Expected 1 or 2 for ${name} p, got ${p}`);
  maybeTensor().read(name, 'weight', weight);
  if (weight === null || weight.dim() === 1) return;
  throw new RangeError(`Expected one dimension for ${name} weight, got shape [${weight.shape}]`);
}
