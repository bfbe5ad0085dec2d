import { describe, expect, it } from 'vitest';
import { CallWriter } from '../../../lib/compile/cuda/calls.ts';
import { lowerCudaGraph } from '../../../lib/compile/cuda/lower.ts';
import { fuseNorm } from '../../../lib/compile/cuda/passes/fuse-norm.ts';
import { moveBias } from '../../../lib/compile/cuda/passes/move-bias.ts';
import type { CudaCall } from '../../../lib/compile/cuda/plan.ts';
import { type ConvNode, type FusedNormNode, type Pass, sorted } from '../../../lib/compile/graph/graph.ts';
import { foldWholeBatchNorm } from '../../../lib/compile/passes/fold-batch-norm.ts';
import { fuseEpilogue } from '../../../lib/compile/passes/fuse-epilogue.ts';
import { joinNorms } from '../../../lib/compile/passes/join-norms.ts';
import * as models from '../../../lib/models/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import { type Tensor, tensor } from '../../../lib/tensor/index.ts';
import { describeGraph, disposeModel, prepared, withGraph } from '../../helpers/plans.ts';
import { disposePlan, largestError } from './plans.ts';

const INPUT = [1, 2, 8, 8];

/** The graph after some passes as lines; what becomes of it in the end agrees with the model. */
function linesAfter(model: nn.Module, ...passes: Pass[]): string[] {
  const lines = withGraph(model, INPUT, (graph) => {
    for (const pass of passes) pass(graph);
    const found = describeGraph(graph);
    const plan = lowerCudaGraph(graph, 'float32');
    expect(largestError(model, plan)).toBeLessThan(1e-5);
    disposePlan(plan);
    return found;
  });
  disposeModel(model);
  return lines;
}

function callsOf(model: nn.Module): CudaCall[] {
  const calls = withGraph(model, INPUT, (graph) => {
    const plan = lowerCudaGraph(graph, 'float32');
    expect(largestError(model, plan)).toBeLessThan(1e-5);
    return plan.calls.map((call) => ({ ...call, args: call.args.map(readable) }));
  });
  disposeModel(model);
  return calls;
}

const readable = (arg: CudaCall['args'][number]) =>
  'literal' in arg && typeof arg.literal === 'object' && arg.literal !== null && 'toArray' in arg.literal
    ? { literal: 'tensor' }
    : arg;

class Residual extends nn.Module {
  conv1 = new nn.Conv2d(2, 8, 3, { padding: 1 });
  conv2 = new nn.Conv2d(2, 8, 1);
  norm = new models.IBN(8);
  forward(x: Tensor) {
    return this.norm.forward(this.conv1.forward(x).add(this.conv2.forward(x))).relu();
  }
}

describe('fuseNorm', () => {
  it('joins addition, norm and ReLU', () => {
    const lines = linesAfter(prepared(new Residual()), joinNorms, fuseNorm);
    expect(lines).toEqual(['input()', 'conv(0)', 'conv(0)', 'fusedNorm(1, add 2) relu']);
  });

  it('leaves a sum and a ReLU alone that something else reads', () => {
    class Two extends Residual {
      override forward(x: Tensor): never {
        const sum = this.conv1.forward(x).add(this.conv2.forward(x));
        const normed = this.norm.forward(sum);
        return { sum, normed, relu: normed.relu() } as never;
      }
    }
    const lines = linesAfter(prepared(new Two()), joinNorms, fuseNorm);
    expect(lines).toEqual(['input()', 'conv(0)', 'conv(0)', 'add(1, 2)', 'fusedNorm(3)', 'relu(4)']);
  });

  it('keeps the batch half of instance-batch normalisation out of the convolution', () => {
    const model = prepared(new nn.Sequential(new nn.Conv2d(2, 8, 3, { bias: false }), new models.IBN(8)));
    withGraph(model, INPUT, (graph) => {
      for (const pass of [joinNorms, foldWholeBatchNorm, fuseNorm]) pass(graph);
      const norm = sorted(graph).at(-1) as FusedNormNode;
      expect(norm.norm.parts.map(({ kind }) => kind)).toEqual(['instance', 'constant']);
      expect((norm.inputs[0] as ConvNode).weightScale).toBeUndefined();
    });
    disposeModel(model);
  });
});

describe('moveBias', () => {
  it('drops it where the mean is taken away, and adds it to the other channels', () => {
    const model = prepared(new Residual());
    withGraph(model, INPUT, (graph) => {
      for (const pass of [joinNorms, fuseNorm]) pass(graph);
      const [before] = [(sorted(graph).at(-1) as FusedNormNode).norm.parts[1]];
      moveBias(graph);
      const node = sorted(graph).at(-1) as FusedNormNode;
      expect(node.inputs.map((input) => (input as ConvNode).bias)).toEqual([null, null]);
      const [part] = [node.norm.parts[1]];
      if (part?.kind !== 'constant' || before?.kind !== 'constant') throw new Error('Expected constants');
      const bias = [model.conv1, model.conv2].map(({ bias }) => (bias as Tensor).toArray() as number[]);
      const scale = before.affine?.scale as Float64Array;
      const shifts = part.affine?.shift ?? new Float64Array();
      expect(shifts).toHaveLength(4);
      for (const [i, shift] of shifts.entries()) {
        const added = (bias[0]?.[i + 4] as number) + (bias[1]?.[i + 4] as number);
        const wanted = (before.affine?.shift[i] as number) + (scale[i] as number) * added;
        expect(shift).toBeCloseTo(wanted, 12);
      }
    });
    disposeModel(model);
  });

  it('goes to the convolution that adds the map', () => {
    class Block extends nn.Module {
      conv1 = new nn.Conv2d(2, 8, 3, { padding: 1 });
      conv2 = new nn.Conv2d(2, 8, 1);
      forward(x: Tensor) {
        return this.conv1.forward(x).add(this.conv2.forward(x)).relu();
      }
    }
    const model = prepared(new Block());
    withGraph(model, INPUT, (graph) => {
      for (const pass of [fuseEpilogue, moveBias]) pass(graph);
      const last = sorted(graph).at(-1) as ConvNode;
      const [own, moved] = [last.bias, (last.inputs[1] as ConvNode).bias];
      expect(moved).toBeNull();
      const wanted = (model.conv1.bias as Tensor).add(model.conv2.bias as Tensor);
      expect(own?.sub(wanted).abs().max().item()).toBeLessThan(1e-6);
    });
    disposeModel(model);
    expect(linesAfter(prepared(new Block()), fuseEpilogue, moveBias)).toEqual([
      'input()',
      'conv(0)',
      'conv(0, add 1) relu',
    ]);
  });

  it('stays where something else reads the map', () => {
    class Two extends nn.Module {
      conv = new nn.Conv2d(2, 8, 3);
      norm = new nn.InstanceNorm2d(8);
      forward(x: Tensor) {
        const raw = this.conv.forward(x);
        return { raw, normed: this.norm.forward(raw) };
      }
    }
    const model = prepared(new Two());
    withGraph(model, INPUT, (graph) => {
      for (const pass of [fuseNorm, moveBias]) pass(graph);
      expect(sorted(graph).filter((node) => node.op === 'conv' && node.bias !== null)).toHaveLength(1);
    });
    disposeModel(model);
  });
});

describe('calls', () => {
  it('give cuDNN a bias always, for it fills one at each call else', () => {
    const model = new nn.Sequential(new nn.Conv2d(2, 8, 3, { bias: false }), new nn.ReLU());
    const [conv] = callsOf(prepared(model));
    expect([conv?.op, conv?.args[2]]).toEqual(['aten::cudnn_convolution_relu', { literal: 'tensor' }]);
  });

  it('leave depthwise convolutions to the kernels that libtorch has for them', () => {
    const model = new nn.Sequential(new nn.Conv2d(2, 8, 3, { groups: 2 }), new nn.ReLU());
    expect(callsOf(prepared(model)).map(({ op }) => op)).toEqual([
      'aten::conv2d',
      'aten::relu_',
      'aten::_to_copy',
    ]);
  });

  it('do a norm with two ranges by instance in two rounds', () => {
    const writer = new CallWriter('float32', 1);
    const instance = (channels: number) => ({
      kind: 'instance' as const,
      channels,
      weight: tensor(new Float32Array(channels).fill(2)),
      bias: null,
      eps: 1e-5,
    });
    const site = { module: 'norm', stack: {} };
    const input = { op: 'input', index: 0, order: 0, site, shape: [6, 8, 8], inputs: [], slots: [] } as const;
    const constants = { scale: Float64Array.of(3), shift: Float64Array.of(1) };
    const node: FusedNormNode = {
      ...{ op: 'fusedNorm', order: 1, site, shape: [6, 8, 8], slots: ['input'], relu: true },
      inputs: [{ ...input, inputs: [], slots: [] }],
      norm: {
        module: 'norm',
        parts: [instance(2), { kind: 'constant', channels: 1, affine: constants }, instance(3)],
      },
    };
    writer.write(node.inputs[0] as FusedNormNode);
    writer.write(node);
    const literals = writer.calls.map(({ args }) =>
      args.map((arg) => ('literal' in arg ? arg.literal : 'value')),
    );
    expect(literals.map(([, , start, end]) => [start, end])).toEqual([
      [0, 2],
      [3, 6],
    ]);
    expect(literals.map((args) => args.at(-1))).toEqual([false, true]);
    expect(literals.map((args) => args[8] === null)).toEqual([true, false]);
    const [, second] = literals as unknown[][];
    expect((second as Tensor[])[6]?.toArray()).toEqual([1, 1, 3]);
    for (const value of literals.flat()) if (typeof value === 'object') (value as Tensor | null)?.dispose?.();
  });
});
