// Shows where a network looks: colours each place of an image by what it adds to a class.
//
//   node examples/grad-cam/cam.mjs assets/images/18-bag.png --output bag.png
//   node examples/grad-cam/cam.mjs photo.jpg --model resnet50_ibn_a --class tabby
//
// README.md beside this file tells the options.
import { parseArgs } from 'node:util';
import {
  checkpoint,
  decodeImage,
  hub,
  load,
  models,
  nn,
  save,
  setNumThreads,
  tensor,
  transforms,
  writePng,
} from 'ibn-net';

const { Compose, Grayscale, Normalize, Resize, ToTensor } = transforms;

/** What a layer gives for an image, weighed by the gradient of one class's logit there: (h, w), 0 to 1. */
function gradCam(model, layer, x, label) {
  let activation;
  let gradient;
  const hook = layer.registerForwardHook((_layer, _inputs, output) => {
    activation = output;
    output.registerHook((grad) => {
      gradient = grad;
    });
  });
  const logits = model.forward(x).squeeze(0);
  hook.remove();
  const target = label ?? logits.argmax().item();
  logits.select(0, target).backward();
  const weights = gradient.mean([2, 3], true); // (1, C, 1, 1)
  const heat = weights.mul(activation.detach()).sum([0, 1]).relu(); // (h, w)
  return {
    heat: heat.div(heat.max()).nanToNum(),
    target,
    probability: logits.softmax(0).select(0, target).item(),
  };
}

/** (h, w) of 0 to 1 to (3, height, width): blue, green, yellow, red. */
function colours(heat, size) {
  const large = nn.functional.interpolate(heat.unsqueeze(0).unsqueeze(0), { size, mode: 'bilinear' });
  const peaks = tensor([3, 2, 1]).view([3, 1, 1]);
  return large.squeeze(0).mul(4).sub(peaks).abs().neg().add(1.5).clamp(0, 1);
}

/** Half the image, half the colours. */
function overlay(image, heat) {
  const mixed = image
    .div(255)
    .add(colours(heat, image.shape.slice(1)))
    .mul(127.5);
  return mixed.round().to('uint8');
}

/** The network that the package carries: ten kinds of clothing in gray images of any size. */
function demoNetwork() {
  const saved = load(new URL('../../assets/fashion-mnist-resnet-ibn-a.pth', import.meta.url));
  const { layers, options, input } = saved.args;
  const model = new models.ResNet_IBN(models.BasicBlock_IBN, layers, options);
  model.loadStateDict(checkpoint.stateDictOf(saved));
  const prepare = new Compose([new Grayscale(1), new ToTensor(), new Normalize(input.mean, input.std)]);
  return { model, classes: saved.classes, resize: new Compose([]), prepare };
}

/** A network by its name, with the published weights or those of a file. */
async function namedNetwork(name, file) {
  const resize = new Resize(256);
  const prepare = new Compose([
    new ToTensor(),
    new Normalize(transforms.IMAGENET_MEAN, transforms.IMAGENET_STD),
  ]);
  if (file === undefined) {
    const model = await hub.load('XingangPan/IBN-Net', name, { pretrained: true });
    return { model, classes: hub.weights(name).classes, resize, prepare };
  }
  const saved = load(file);
  const state = checkpoint.stateDictOf(saved);
  const numClasses = (state.get('fc.weight') ?? state.get('classifier.weight')).shape[0];
  const model = models.getModel(name, { numClasses });
  model.loadStateDict(state);
  const classes = saved.classes ?? Array.from({ length: numClasses }, (_, i) => String(i));
  return { model, classes, resize, prepare };
}

/** The number of a class that is given by name or number. */
function classOf(classes, wanted) {
  if (wanted === undefined) return undefined;
  const index = classes.includes(wanted) ? classes.indexOf(wanted) : Number(wanted);
  if (index in classes) return index;
  throw new RangeError(`Expected one of ${classes.length} classes for --class, got ${wanted}`);
}

function parseOptions(argv) {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      model: { type: 'string' },
      checkpoint: { type: 'string' },
      layer: { type: 'string', default: 'layer4' },
      class: { type: 'string' },
      output: { type: 'string', default: 'cam.png' },
      heat: { type: 'string' },
      threads: { type: 'string' },
    },
  });
  if (positionals.length !== 1) throw new TypeError(`Expected one image, got ${positionals.length}`);
  if (values.checkpoint && !values.model)
    throw new TypeError('Expected --model beside --checkpoint, got none');
  return { ...values, image: positionals[0] };
}

async function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.threads) setNumThreads(Number(options.threads));
  const { model, classes, resize, prepare } = options.model
    ? await namedNetwork(options.model, options.checkpoint)
    : demoNetwork();
  const image = resize.forward(await decodeImage(options.image));
  const x = prepare.forward(image).unsqueeze(0);
  const layer = model.eval().getSubmodule(options.layer);
  const { heat, target, probability } = gradCam(model, layer, x, classOf(classes, options.class));
  await writePng(overlay(image, heat), options.output);
  if (options.heat) save(heat, options.heat);
  const [row, column] = [0, 1].map((dim) =>
    heat
      .amax(1 - dim)
      .argmax()
      .item(),
  );
  console.log(`${classes[target]} ${(100 * probability).toFixed(1)} %`);
  console.log(
    `hottest of ${heat.shape.join(' x ')} places: row ${row}, column ${column}; see ${options.output}`,
  );
}

await main();
