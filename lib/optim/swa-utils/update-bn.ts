import { BatchNorm1d, BatchNorm2d, BatchNorm3d, Module } from '../../nn/index.ts';
import { checkAsyncIterable, checkOptions, checkPositions, describeValue } from '../../options.ts';
import { type Device, isTensor, noGrad, scope, type Tensor } from '../../tensor/index.ts';

/** A batch: its inputs, or a list that begins with them. */
export type Inputs = Tensor | readonly [Tensor, ...unknown[]];

/**
 * Computes the running statistics of a model's batch norms anew, as the mean over all batches of a loader: averaged
 * weights have others than those they were trained with. torch.optim.swa_utils.update_bn (2.13).
 *
 * @param loader Batches, such as a `DataLoader` gives, or an array of them; a batch is a tensor or a list that begins
 *   with one.
 * @param options `device` takes the inputs to a device first.
 * @throws TypeError for a batch without a tensor; the momenta and the mode are as before then.
 * @example
 * const average = new optim.swaUtils.AveragedModel(model);
 * await optim.swaUtils.updateBn(loader, average);
 */
export async function updateBn(
  loader: Iterable<Inputs> | AsyncIterable<Inputs>,
  model: Module,
  options: { device?: Device } = {},
): Promise<void> {
  checkPositions('updateBn', arguments, 3);
  checkOptions('updateBn', options, ['device']);
  if (!(model instanceof Module))
    throw new TypeError(`Expected a Module for updateBn, got ${describeValue(model)}`);
  checkAsyncIterable('updateBn argument "loader"', 'an iterable of batches', loader);
  const norms = model.modules().filter(isBatchNorm);
  if (norms.length === 0) return;
  const momenta = norms.map((norm) => norm.momentum);
  const wasTraining = model.training;
  model.train();
  for (const norm of norms) {
    norm.resetRunningStats();
    norm.momentum = null;
  }
  try {
    for await (const batch of loader) forwardOnly(model, batch, options.device);
  } finally {
    for (const [i, norm] of norms.entries()) norm.momentum = momenta[i] as number | null;
    model.train(wasTraining);
  }
}

const isBatchNorm = (module: Module): module is BatchNorm1d | BatchNorm2d | BatchNorm3d =>
  module instanceof BatchNorm1d || module instanceof BatchNorm2d || module instanceof BatchNorm3d;

function forwardOnly(model: Module, batch: Inputs, device: Device | undefined): void {
  const inputs: unknown = Array.isArray(batch) ? batch[0] : batch;
  if (!isTensor(inputs)) {
    throw new TypeError(
      `Expected a Tensor, or a list that begins with one, for updateBn, got ${describeValue(batch)}`,
    );
  }
  noGrad(() =>
    scope(() => {
      model.forward(device === undefined ? inputs : inputs.to(device));
    }),
  );
}
