import { type DType, isTensor, type Tensor } from '../tensor/index.ts';

/** An input of a network: its shape, batch first, or a tensor of that shape, whose numbers are not used. */
export type ExampleInput = readonly number[] | Tensor;

/** What example tensors must be; shapes are none of these. */
export interface ExampleKind {
  /** Names the function in messages. */
  owner: string;
  dtypes: readonly DType[];
  /** `cpu`, `cuda:1`, or `cuda` for any number. */
  devices: readonly string[];
}

/**
 * The shapes of inputs that may be example tensors; what is neither a shape nor a tensor is left as it is.
 *
 * @throws TypeError, RangeError for tensors of another dtype or device.
 */
export function shapesOf(inputs: readonly ExampleInput[], kind: ExampleKind): readonly (readonly number[])[] {
  if (isTensor(inputs)) {
    throw new TypeError(
      `Expected an array for ${kind.owner} inputs, got a Tensor; put it in one: inputs: [x]`,
    );
  }
  if (!Array.isArray(inputs)) return inputs as readonly (readonly number[])[];
  return inputs.map((input, i) => {
    if (!isTensor(input)) return input as readonly number[];
    checkExample(input, `${kind.owner} inputs[${i}]`, kind);
    return input.shape;
  });
}

function checkExample({ dtype, device }: Tensor, name: string, { dtypes, devices }: ExampleKind): void {
  if (!dtypes.includes(dtype)) {
    const wanted = dtypes.join(' or ');
    throw new TypeError(
      `Expected a ${wanted} Tensor for ${name}, got ${dtype}; pass x.to('${dtypes[0]}'), or its shape`,
    );
  }
  if (devices.some((known) => device === known || (known === 'cuda' && device.startsWith('cuda')))) return;
  const wanted = devices.map((known) => (known === 'cpu' ? 'the CPU' : known)).join(' or ');
  throw new RangeError(`Expected a Tensor on ${wanted} for ${name}, got one on ${device}; pass its shape`);
}
