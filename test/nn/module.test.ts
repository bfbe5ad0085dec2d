import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import {
  keep,
  memoryStats,
  noGrad,
  ones,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/tensor/index.ts';
import { message } from './messages.ts';
import { elements } from './numbers.ts';

class Net extends nn.Module {
  conv1: nn.Conv2d;
  bn: nn.BatchNorm2d;
  head: nn.Linear;
  scale: nn.Parameter;
  optional: nn.Linear | null;
  sizes = [1, 2];

  constructor() {
    super();
    this.conv1 = new nn.Conv2d(1, 2, 3);
    this.bn = new nn.BatchNorm2d(2);
    this.head = new nn.Linear(2, 3);
    this.scale = new nn.Parameter(tensor([2]));
    this.optional = null;
    this.registerBuffer('mean', tensor([0.5]));
    this.registerBuffer('cache', tensor([1]), { persistent: false });
  }

  forward(x: Tensor): Tensor {
    const features = this.bn.forward(this.conv1.forward(x)).mean([2, 3]);
    return this.head.forward(features).mul(this.scale);
  }
}

describe('Module', () => {
  it('finds parameters, buffers and submodules in the order of assignment', () => {
    const net = new Net();
    expect([...net.stateDict().keys()]).toEqual([
      'scale',
      'mean',
      'conv1.weight',
      'conv1.bias',
      'bn.weight',
      'bn.bias',
      'bn.running_mean',
      'bn.running_var',
      'bn.num_batches_tracked',
      'head.weight',
      'head.bias',
    ]);
    expect(net.namedParameters().map(([name]) => name)).toEqual([
      'scale',
      'conv1.weight',
      'conv1.bias',
      'bn.weight',
      'bn.bias',
      'head.weight',
      'head.bias',
    ]);
    expect(net.namedBuffers().map(([name]) => name)).toEqual([
      'mean',
      'cache',
      'bn.running_mean',
      'bn.running_var',
      'bn.num_batches_tracked',
    ]);
    expect(net.namedModules().map(([name]) => name)).toEqual(['', 'conv1', 'bn', 'head']);
    expect(net.namedChildren().map(([name]) => name)).toEqual(['conv1', 'bn', 'head']);
    expect(net.namedParameters('net', { recurse: false }).map(([name]) => name)).toEqual(['net.scale']);
    expect(net.stateDict('net.').has('net.bn.bias')).toBe(true);
    expect(net.stateDict()._metadata.get('bn')).toEqual({ version: 2 });
    expect(net.stateDict()._metadata.get('')).toEqual({ version: 1 });
  });

  it('lists shared parameters and modules once, and saves them under each name', () => {
    const shared = new nn.Linear(2, 2);
    const net = new nn.Sequential(shared, new nn.ReLU(), shared);
    expect(net.parameters()).toHaveLength(2);
    expect(net.modules()).toHaveLength(3);
    expect([...net.stateDict().keys()]).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
  });

  it('takes assignments and deletions after construction', () => {
    const net = new Net();
    net.optional = new nn.Linear(3, 1);
    net.head = new nn.Linear(2, 5);
    expect(net.getSubmodule('head').extraRepr()).toBe('in_features=2, out_features=5, bias=True');
    expect([...net.stateDict().keys()].at(-1)).toBe('optional.bias');
    delete (net as Partial<Net>).conv1;
    expect(net.namedChildren().map(([name]) => name)).toEqual(['bn', 'head', 'optional']);
  });

  it('gives state tensors that share memory with the module', () => {
    const fc = new nn.Linear(2, 1);
    noGrad(() => (fc.stateDict().get('weight') as Tensor).fill_(3));
    expect(elements(fc.weight)).toEqual([3, 3]);
    expect(fc.stateDict().get('weight')?.requiresGrad).toBe(false);
  });

  it('train and eval reach every module', () => {
    const net = new Net();
    expect(
      net
        .eval()
        .modules()
        .map((m) => m.training),
    ).toEqual([false, false, false, false]);
    expect(net.train().bn.training).toBe(true);
    expect(message(() => net.train(1 as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a boolean for train, got number"`,
    );
  });

  it('to changes floating-point tensors in place and keeps the parameter objects', () => {
    const net = new Net();
    const { weight } = net.conv1;
    net
      .forward(ones([2, 1, 4, 4]))
      .sum()
      .backward();
    net.double();
    expect(net.conv1.weight).toBe(weight);
    expect(weight.dtype).toBe('float64');
    expect(weight.grad?.dtype).toBe('float64');
    expect(net.bn.running_mean?.dtype).toBe('float64');
    expect(net.bn.num_batches_tracked?.dtype).toBe('int64');
    expect(net.bfloat16().conv1.weight.dtype).toBe('bfloat16');
    expect(net.to('float32').conv1.weight.dtype).toBe('float32');
    expect(net.to('cpu').conv1.weight.device).toBe('cpu');
    net.to({ memoryFormat: 'channels_last' });
    expect(net.conv1.weight.isContiguous('channels_last')).toBe(true);
    expect(message(() => net.to('int64'))).toMatchInlineSnapshot(
      `"RangeError: Expected a device, or a floating-point or complex dtype, for Module.to, got "int64""`,
    );
    expect(message(() => net.to({ memory_format: 'channels_last' } as never))).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for Module.to, got "memory_format"; did you mean memoryFormat?"`,
    );
  });

  it('requiresGrad_ and zeroGrad reach every parameter', () => {
    const net = new Net();
    net
      .forward(ones([2, 1, 4, 4]))
      .sum()
      .backward();
    net.zeroGrad({ setToNone: false });
    expect(elements(net.head.bias?.grad as Tensor)).toEqual([0, 0, 0]);
    net.zeroGrad();
    expect(net.head.bias?.grad).toBe(null);
    expect(
      net
        .requiresGrad_(false)
        .parameters()
        .some((p) => p.requiresGrad),
    ).toBe(false);
  });

  it('apply visits children before their parents', () => {
    const seen: string[] = [];
    new nn.Sequential(new nn.ReLU(), new nn.Sequential(new nn.Sigmoid())).apply((m) => {
      seen.push(m.constructor.name);
    });
    expect(seen).toEqual(['ReLU', 'Sigmoid', 'Sequential', 'Sequential']);
  });

  it('getSubmodule follows a path and names the part that is missing', () => {
    const net = new nn.Sequential(new nn.Sequential(new nn.ReLU()));
    expect(net.getSubmodule('0.0')).toBeInstanceOf(nn.ReLU);
    expect(net.getSubmodule('')).toBe(net);
    expect(message(() => net.getSubmodule('0.1'))).toMatchInlineSnapshot(
      `"RangeError: Sequential has no submodule "1" (path "0.1"); it has 0"`,
    );
    expect(message(() => net.getSubmodule('0.0.a'))).toMatchInlineSnapshot(
      `"RangeError: ReLU has no submodule "a" (path "0.0.a"); it has no submodules"`,
    );
  });

  it('refuses names and values that cannot be registered', () => {
    const net = new Net();
    expect(message(() => net.registerBuffer('a.b', null))).toMatchInlineSnapshot(
      `"RangeError: Expected a name without dots for a buffer, got "a.b""`,
    );
    expect(message(() => net.registerBuffer('train', null))).toMatchInlineSnapshot(
      `"RangeError: Expected a free name for a buffer, got "train", which the module already uses"`,
    );
    expect(message(() => net.registerBuffer('x', 3 as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a Tensor or null for buffer "x", got number"`,
    );
    expect(message(() => net.registerParameter('x', zeros([1]) as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a Parameter or null for parameter "x", got object; wrap a Tensor in new nn.Parameter(tensor)"`,
    );
    expect(message(() => net.registerModule('x', {} as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a Module or null for module "x", got object"`,
    );
  });

  it('parameters and buffers made inside a scope outlive it', () => {
    let net: Net | undefined;
    scope(() => {
      net = new Net();
    });
    expect((net as Net).forward(ones([2, 1, 4, 4])).shape).toEqual([2, 3]);
  });
});

describe('hooks', () => {
  it('run around forward in order, may replace input and output, and can be removed', () => {
    const seen: string[] = [];
    const relu = new nn.ReLU();
    const before = relu.registerForwardPreHook((_, [x]) => {
      seen.push('before');
      return x.neg();
    });
    const after = relu.registerForwardHook((module, _, output) => {
      seen.push(module.constructor.name);
      return output.add(1);
    });
    expect(elements(relu.forward(tensor([-2, 3])))).toEqual([3, 1]);
    before.remove();
    expect(elements(relu.forward(tensor([-2, 3])))).toEqual([1, 4]);
    after.remove();
    expect(elements(relu.forward(tensor([-2, 3])))).toEqual([0, 3]);
    expect(seen).toEqual(['before', 'ReLU', 'ReLU']);
  });

  it('run once where a subclass calls super.forward', () => {
    class Twice extends nn.ReLU {
      override forward(x: Tensor): Tensor {
        return super.forward(x).mul(2);
      }
    }
    const module = new Twice();
    let calls = 0;
    module.registerForwardHook(() => {
      calls++;
    });
    expect(elements(module.forward(tensor([3])))).toEqual([6]);
    expect(calls).toBe(1);
  });

  it('may store outputs of modules whose container frees its temporaries', () => {
    const net = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU(), new nn.Linear(3, 1));
    const stored: Tensor[] = [];
    for (const child of net.children())
      child.registerForwardHook((_, __, output) => void stored.push(output));
    noGrad(() => net.forward(ones([4, 2])));
    expect(stored.map((t) => t.shape)).toEqual([
      [4, 3],
      [4, 3],
      [4, 1],
    ]);
    expect(stored.every((t) => !t.disposed)).toBe(true);
  });
});

describe('temporaries', () => {
  const net = () =>
    new nn.Sequential(
      new nn.Linear(2, 3),
      new nn.Identity(),
      new nn.Sequential(new nn.ReLU()),
      new nn.Linear(3, 1),
    );

  it('are freed by library modules, and only the result is left', () => {
    const model = net();
    const x = ones([4, 2]);
    const before = memoryStats().tensors;
    const y = noGrad(() => model.forward(x));
    expect(memoryStats().tensors).toBe(before + 1);
    expect([x.disposed, y.disposed]).toEqual([false, false]);
  });

  it('do not take gradients with them', () => {
    const model = net();
    model
      .forward(randn([4, 2]))
      .sum()
      .backward();
    expect(model.parameters().every((p) => p.grad !== null)).toBe(true);
  });

  it('are kept where asked for, and inputs that pass through stay whole', () => {
    let kept: Tensor | undefined;
    class Spy extends nn.Module {
      forward(x: Tensor): Tensor {
        kept = keep(x.mul(2));
        return x;
      }
    }
    const model = new nn.Sequential(new Spy(), new nn.Identity());
    const x = ones([2]);
    expect(model.forward(x).isSame(x)).toBe(true);
    expect(x.disposed).toBe(false);
    expect(elements(kept as Tensor)).toEqual([2, 2]);
  });
});

describe('printing', () => {
  it('nests as PyTorch does, in toString and in the console', () => {
    const model = new nn.Sequential({
      conv: new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false }),
      norms: new nn.ModuleList([new nn.BatchNorm1d(2), new nn.BatchNorm1d(2), new nn.ReLU()]),
      heads: new nn.ModuleDict({ id: new nn.Linear(2, 3) }),
      empty: new nn.Sequential(),
    });
    expect(model.toString()).toMatchInlineSnapshot(`
      "Sequential(
        (conv): Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)
        (norms): ModuleList(
          (0-1): 2 x BatchNorm1d(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
          (2): ReLU()
        )
        (heads): ModuleDict(
          (id): Linear(in_features=2, out_features=3, bias=True)
        )
        (empty): Sequential()
      )"
    `);
    expect(inspect(model)).toBe(model.toString());
    expect(`${new nn.BatchNorm2d(4, { momentum: null, eps: 0.001 })}`).toMatchInlineSnapshot(
      `"BatchNorm2d(4, eps=0.001, momentum=None, affine=True, bias=True, track_running_stats=True)"`,
    );
  });
});

describe('containers', () => {
  it('Sequential is indexed, named, extended and changed', () => {
    const net = new nn.Sequential(new nn.Linear(1, 2), new nn.ReLU()).add(new nn.Linear(2, 3));
    expect(net.length).toBe(3);
    expect(net[0]).toBe(net.get(0));
    expect(net.get(-1)).toBe(net[2]);
    net[1] = new nn.Sigmoid();
    expect(net.get('1')).toBeInstanceOf(nn.Sigmoid);
    expect([...net].map((m) => m.constructor.name)).toEqual(['Linear', 'Sigmoid', 'Linear']);
    expect(
      new nn.Sequential({ b: new nn.ReLU(), a: new nn.ReLU() }).namedChildren().map(([name]) => name),
    ).toEqual(['b', 'a']);
    const numbered = new nn.Sequential([
      ['2', new nn.ReLU()],
      ['1', new nn.Sigmoid()],
    ]);
    expect(numbered.namedChildren().map(([name]) => name)).toEqual(['2', '1']);
    expect(message(() => net.get(3))).toMatchInlineSnapshot(
      `"RangeError: Expected an index of Sequential from 0 to 2, got 3"`,
    );
    expect(message(() => net.get('head'))).toMatchInlineSnapshot(
      `"RangeError: Expected the name of a module in Sequential, got "head"; it has 0, 1, 2"`,
    );
    expect(message(() => new nn.Sequential(3 as never))).toMatchInlineSnapshot(
      `"TypeError: Expected modules, or one object or list that names them, got 3"`,
    );
  });

  it('ModuleList and ModuleDict register their entries', () => {
    const list = new nn.ModuleList([new nn.Linear(1, 1)]).append(new nn.Linear(1, 1, { bias: false }));
    expect([...list.stateDict().keys()]).toEqual(['0.weight', '0.bias', '1.weight']);
    const dict = new nn.ModuleDict({ forward: new nn.Linear(1, 1) }).set('x', new nn.ReLU());
    expect(dict.get('forward')).toBeInstanceOf(nn.Linear);
    expect([...dict.stateDict().keys()]).toEqual(['forward.weight', 'forward.bias']);
    expect(dict.delete('x')).toBe(true);
    expect(dict.has('x')).toBe(false);
    expect(message(() => list.forward())).toMatchInlineSnapshot(
      `"TypeError: ModuleList has no forward; call its modules"`,
    );
  });
});
