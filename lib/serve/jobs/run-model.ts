import type { transforms } from '../../data/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import type { ServedModel } from '../served-model.ts';
import type { Preparer, ReceivedImage } from './preparer.ts';
import type { Task } from './task.ts';

/** How an image goes through a network. */
export interface ImageRun {
  readonly model: ServedModel;
  readonly transform: transforms.Transform;
  readonly preparer: Preparer;
  readonly task: Task;
}

/** Numbers of the network's output for an image; `work` may run it several times on the prepared image. */
export async function runImage<R>(
  { model, transform, preparer, task }: ImageRun,
  image: ReceivedImage,
  work: (x: Tensor, run: (x: Tensor) => Promise<Float32Array>) => Promise<R>,
): Promise<R> {
  const x = await preparer.prepare(image, transform);
  try {
    task.signal.throwIfAborted();
    return await work(x, (input) => numbersOf(model.run(input, { signal: task.signal })));
  } finally {
    x.dispose();
  }
}

async function numbersOf(running: Promise<Tensor>): Promise<Float32Array> {
  const output = await running;
  try {
    return Float32Array.from(output.data() as Float32Array);
  } finally {
    output.dispose();
  }
}
