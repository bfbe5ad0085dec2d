const start = performance.now();
const { checkpoint, load, models, nn, noGrad, ones } = await import('../../dist/index.js');
const imported = performance.now();
const skip = process.argv[3] === 'skip-init';
const model = skip ? nn.utils.skipInit(() => models.resnet50_ibn_a()) : models.resnet50_ibn_a();
const built = performance.now();
if (skip) checkpoint.loadInto(model, process.argv[2], { mmap: process.argv[4] === 'mmap' });
else model.loadStateDict(load(process.argv[2]));
model.eval();
const loaded = performance.now();
noGrad(() => model.forward(ones([1, 3, 224, 224]))).toArray();
const end = performance.now();
console.log(
  JSON.stringify({
    import: imported - start,
    build: built - imported,
    load: loaded - built,
    forward: end - loaded,
    total: end - start,
    wall: process.uptime() * 1000,
  }),
);
