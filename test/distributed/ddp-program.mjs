// One rank of scripts/distributed/ddp.py with this package: node ddp-program.mjs DIST START OUT
const [, , dist, start, out] = process.argv;
const { distributed, load, nn, optim, save, setNumThreads } = await import(`${dist}/index.js`);

const STEPS = 6;
const BATCH = 4;

const network = () =>
  new nn.Sequential(
    new nn.Conv2d(3, 6, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(6),
    new nn.ReLU(),
    new nn.Conv2d(6, 8, 3, { stride: 2 }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(8, 5),
  );

setNumThreads(1);
await distributed.initProcessGroup();
const rank = distributed.getRank();
const data = load(start);
const model = network();
if (rank === 0) model.loadStateDict(data.state_dict);
const ddp = new nn.parallel.DistributedDataParallel(model, { bucketCapMb: 0.001 });
const optimizer = new optim.SGD(ddp.parameters(), { lr: 0.1, momentum: 0.9 });
const losses = [];
const lossOf = (step) => {
  const begin = (step * 2 + rank) * BATCH;
  const [images, labels] = [data.images, data.labels].map((all) => all.narrow(0, begin, BATCH));
  return nn.functional.crossEntropy(ddp.forward(images), labels);
};
for (let step = 0; step < STEPS; step++) {
  if (step === 3) {
    ddp.noSync(() => lossOf(step).backward());
    continue;
  }
  const loss = lossOf(step);
  loss.backward();
  optimizer.step();
  optimizer.zeroGrad();
  losses.push(loss.item());
}
save({ state_dict: ddp.stateDict(), losses, buckets: ddp.buckets }, `${out}.${rank}.pth`);
const gathered = await distributed.allGatherObject({ rank, losses });
if (gathered.some((entry, i) => entry.rank !== i)) throw new Error(JSON.stringify(gathered));
await distributed.barrier();
await distributed.destroyProcessGroup();
