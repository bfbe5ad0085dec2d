// The engines of ibn-net on a GPU: each takes settings and gives { feed, run, finish, free } as serve-gpu.mjs wants
// them. `device` may be the CPU, to try the benchmarks themselves.
async function load({ network, weights }) {
  const ibn = await import('../../dist/index.js');
  const model = ibn.nn.utils.skipInit(() => ibn.models.getModel(network));
  ibn.checkpoint.loadInto(model, weights);
  return { ibn, model };
}

const inference = (ibn, run, { device, dtype, layout }) => ({
  feed: (array, shape) =>
    ibn.fromBuffer(array, { dtype: 'float32', shape }).to({ device, dtype, memoryFormat: layout }),
  run,
  finish: (y) => y.to('float32').cpu().data(),
  free: (y) => y.dispose(),
});

async function eager(settings) {
  const { ibn, model } = await load(settings);
  const { device, dtype, layout } = settings;
  model.eval().to({ device, dtype, memoryFormat: layout });
  return inference(ibn, (x) => ibn.inferenceMode(() => model.forward(x)), settings);
}

async function compiled(settings) {
  const { ibn, model } = await load(settings);
  const { device, dtype } = settings;
  const fast = await ibn.compile(model.eval(), { device, dtype, inputs: [[1, 3, 224, 224]] });
  // On the CPU a compiled model takes float32.
  const given = device === 'cpu' ? { ...settings, dtype: 'float32' } : settings;
  return inference(ibn, (x) => fast.run(x), given);
}

/** A run is a step in mixed precision; what comes back is the loss. */
async function training(settings) {
  const { ibn, model } = await load(settings);
  const { device, dtype, layout } = settings;
  const { autocast, fromBuffer, GradScaler, nn, optim, scope, tensor } = ibn;
  model.train().to({ device, memoryFormat: layout });
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3, momentum: 0.9, weightDecay: 1e-4 });
  const scaler = new GradScaler(device, { enabled: dtype === 'float16' });
  const criterion = new nn.CrossEntropyLoss();
  const classes = (n) => Array.from({ length: n }, (_, i) => (i * 7) % 1000);
  return {
    steps: 5,
    feed: (array, shape) => ({
      x: fromBuffer(array, { dtype: 'float32', shape }).to({ device, memoryFormat: layout }),
      labels: tensor(classes(shape[0]), { dtype: 'int64', device }),
    }),
    run: ({ x, labels }) =>
      scope(() => {
        optimizer.zeroGrad();
        const loss = autocast(device, { dtype }, () => criterion.forward(model.forward(x), labels));
        scaler.scale(loss).backward();
        scaler.step(optimizer);
        scaler.update();
        return loss.detach();
      }),
    finish: (loss) => [loss.to('float32').item()],
    free: (loss) => loss.dispose(),
  };
}

export const GPU_ENGINES = { eager, compiled, training };
