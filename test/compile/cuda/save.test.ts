import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkCudaPlan } from '../../../lib/compile/cuda/check.ts';
import { CudaEngine } from '../../../lib/compile/cuda/engine.ts';
import type { CudaPlan } from '../../../lib/compile/cuda/plan.ts';
import { CompiledModel, loadCompiled } from '../../../lib/compile/index.ts';
import { cuda } from '../../../lib/index.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { errorOf, tmp } from '../../helpers/index.ts';
import { disposeModel, prepared } from '../../helpers/plans.ts';
import { compilePlan, rejection, smallNetwork } from '../plan-maker.ts';
import { CpuRuntime } from './cpu-runtime.ts';
import { cudaPlan, disposePlan } from './plans.ts';

const network = prepared(
  new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { bias: false }),
    new models.IBN(8),
    new nn.ReLU(),
    new nn.Conv2d(8, 4, 1),
  ),
);
afterAll(() => disposeModel(network));

/** A file with a model for CUDA. */
function saved(): string {
  const path = join(tmp(), 'model.ibn');
  const settings = { maxGraphs: 1, cudnnBenchmark: false, maxQueue: 1 };
  const engine = new CudaEngine(
    cudaPlan(network, { size: 8, dtype: 'float16' }),
    new CpuRuntime(),
    settings,
    2,
  );
  const model = CompiledModel.fromEngine(engine);
  model.save(path);
  model.dispose();
  return path;
}

/** The file with its JSON changed, under a checksum that fits. */
function changed(path: string, change: (plan: CudaPlan) => void): string {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(16));
  const content = JSON.parse(bytes.toString('utf8', 32, 32 + length));
  change(content.plan);
  const json = Buffer.from(JSON.stringify(content));
  const padded = Buffer.concat([json, Buffer.alloc((64 - ((32 + json.length) % 64)) % 64, ' ')]);
  const header = Buffer.from(bytes.subarray(0, 32));
  header.writeBigUInt64LE(BigInt(padded.length), 16);
  const body = Buffer.concat([header, padded, bytes.subarray(32 + length, -32)]);
  const target = join(tmp(), 'changed.ibn');
  writeFileSync(target, Buffer.concat([body, createHash('sha256').update(body).digest()]));
  return target;
}

describe('files of models on CUDA', () => {
  it('are for CUDA only', async () => {
    const path = saved();
    expect((await rejection(loadCompiled(path, { device: 'cpu' }))).message).toMatchInlineSnapshot(
      `"Expected CUDA for loadCompiled device, for which the model was compiled, got "cpu"; compile it for that device"`,
    );
    const cpu = join(tmp(), 'cpu.ibn');
    const model = await compilePlan(smallNetwork);
    model.save(cpu);
    model.dispose();
    expect((await rejection(loadCompiled(cpu, { device: 'cuda' }))).message).toMatchInlineSnapshot(
      `"Expected the CPU for loadCompiled device, for which the model was compiled, got "cuda"; compile it for that device"`,
    );
    expect((await rejection(loadCompiled(path, { threads: 2 }))).message).toMatchInlineSnapshot(
      `"Expected options for device "cuda" in loadCompiled, got "threads"; the GPU has no threads to set"`,
    );
  });

  it.skipIf(cuda.isAvailable())('need a device', async () => {
    const error = await rejection(loadCompiled(saved()));
    expect(error).toMatchObject({ name: 'TorchError', code: 'ERR_CUDA_UNAVAILABLE' });
  });

  it('are refused when the plan in them is none', async () => {
    const path = saved();
    const changes: Record<string, (plan: CudaPlan) => void> = {
      'an unknown op': ({ calls }) => Object.assign(calls[0] ?? {}, { op: 'aten::nothing' }),
      'an op that writes': ({ calls }) =>
        Object.assign(calls[0] ?? {}, { op: 'aten::fill_', overload: 'Scalar' }),
      'an op without a tensor': ({ calls }) => Object.assign(calls[0] ?? {}, { op: 'aten::equal' }),
      'a value that is not there yet': ({ calls }) => calls[0]?.args.splice(0, 1, { value: 3 }),
      'a value twice': ({ calls }) => Object.assign(calls[1] ?? {}, { output: 1 }),
      'an input as the output': ({ outputs }) => Object.assign(outputs[0] ?? {}, { value: 0 }),
      'no dtype': (plan) => Object.assign(plan, { dtype: 'int8' }),
      'no size': ({ inputs }) => Object.assign(inputs[0] ?? {}, { height: 0 }),
      'no list': (plan) => Object.assign(plan, { calls: {} }),
      'no argument': ({ calls }) => calls[0]?.args.splice(0, 1, {} as never),
    };
    const found: Record<string, string> = {};
    for (const [name, change] of Object.entries(changes)) {
      const error = await rejection(loadCompiled(changed(path, change)));
      expect(error.code, name).toBe('ERR_COMPILED_CORRUPT');
      found[name] = error.message;
    }
    expect(found).toMatchInlineSnapshot(`
      {
        "a value that is not there yet": "changed.ibn: value 3, which nothing made before",
        "a value twice": "changed.ibn: value 1 twice",
        "an input as the output": "changed.ibn: an output that no call made",
        "an op that writes": "changed.ibn: aten::fill_.Scalar writes to its arguments",
        "an op without a tensor": "changed.ibn: aten::equal gives no tensor",
        "an unknown op": "changed.ibn: unknown op aten::nothing",
        "no argument": "changed.ibn: an argument of no kind",
        "no dtype": "changed.ibn: dtype int8",
        "no list": "changed.ibn: calls that are no list",
        "no size": "changed.ibn: an input of no size",
      }
    `);
  });

  it('hold what the check lets pass', () => {
    const plan = cudaPlan(network, { size: 8 });
    checkCudaPlan(plan);
    expect(errorOf(() => checkCudaPlan({ ...plan, outputs: [{ name: 'y', value: 99 }] })).message).toBe(
      'an output that no call made',
    );
    disposePlan(plan);
  });
});
