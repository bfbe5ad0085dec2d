const start = performance.now();
const { load, models, noGrad, ones } = await import('../../dist/index.js');
const imported = performance.now();
const model = models.resnet50_ibn_a();
const built = performance.now();
model.loadStateDict(load(process.argv[2]));
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
