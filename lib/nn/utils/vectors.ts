import { checkPositions } from '../../options.ts';
import { checkTensor, listOfTensors } from '../../tensor/check-tensor.ts';
import { ops, type Tensor } from '../../tensor/index.ts';

/** All parameters in one vector, one after the other. */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  checkPositions('parametersToVector', arguments, 1);
  const list = listOfTensors('parametersToVector', 'parameters', parameters);
  checkOneDevice('parametersToVector', list);
  if (list.length === 0)
    throw new RangeError('Expected at least one parameter for parametersToVector, got an empty list');
  return ops.aten.cat(list.map((parameter) => parameter.reshape([-1])));
}

/**
 * Makes the parameters views of one vector; they stay the same objects.
 *
 * @throws RangeError unless the vector has as many elements as they.
 */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  checkPositions('vectorToParameters', arguments, 2);
  checkTensor('vectorToParameters', 'vector', vector);
  const list = listOfTensors('vectorToParameters', 'parameters', parameters);
  checkOneDevice('vectorToParameters', list);
  const count = list.reduce((sum, parameter) => sum + parameter.numel(), 0);
  if (vector.dim() !== 1 || vector.numel() !== count) {
    throw new RangeError(
      `Expected shape [${count}] for vectorToParameters argument "vector", got [${vector.shape}]`,
    );
  }
  let start = 0;
  for (const parameter of list) {
    const size = parameter.numel();
    parameter.setData(vector.detach().narrow(0, start, size).view(parameter.shape));
    start += size;
  }
}

function checkOneDevice(name: string, parameters: readonly Tensor[]): void {
  const devices = [...new Set(parameters.map(({ device }) => device))];
  if (devices.length < 2) return;
  throw new RangeError(`Expected parameters on one device for ${name}, got ${devices.join(' and ')}`);
}
