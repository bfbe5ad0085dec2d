// Trains an LSTM that tells from which language a family name is.
//
//   node examples/names/train.mjs --data data/names
//   node examples/names/train.mjs --data data/names --predict Satoshi
//
// README.md beside this file tells the options and where the data is.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { inferenceMode, manualSeed, nn, optim, randperm, scope, setNumThreads, tensor, zeros } from 'ibn-net';
import { numbersOf } from '../numbers.mjs';

const { packSequence } = nn.utils.rnn;
const LETTERS = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;'-"];

/** `Ślusàrski` -> `Slusarski`: letters without their accents, and no others. */
function toAscii(name) {
  const plain = name.normalize('NFD').replaceAll(/\p{Mn}/gu, '');
  return [...plain].filter((letter) => LETTERS.includes(letter)).join('');
}

/** One row for each letter, one-hot: (length, letters). */
function encode(name) {
  const rows = zeros([name.length, LETTERS.length]);
  const index = tensor(
    [...name].map((letter) => LETTERS.indexOf(letter)),
    { dtype: 'int64' },
  );
  return rows.scatter_(1, index.unsqueeze(1), 1);
}

/** Names of each language from files `Italian.txt`, `Polish.txt`, a name a line. */
function readNames(folder) {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.txt'))
    .sort();
  if (files.length === 0) throw new Error(`Expected .txt files with a name a line in ${folder}, got none`);
  const languages = files.map((file) => basename(file, '.txt'));
  const samples = files.flatMap((file, label) =>
    readFileSync(join(folder, file), 'utf8')
      .split('\n')
      .map((line) => toAscii(line.trim()))
      .filter((name) => name !== '')
      .map((name) => ({ name, label })),
  );
  return { languages, samples };
}

class NameClassifier extends nn.Module {
  constructor(classes, hiddenSize) {
    super();
    this.lstm = new nn.LSTM(LETTERS.length, hiddenSize);
    this.output = new nn.Linear(hiddenSize, classes);
  }

  /** Packed names to logarithms of probabilities (N, classes), read from the state after each name's last letter. */
  forward(names) {
    const [, [hidden]] = this.lstm.forward(names); // (1, N, hidden)
    return nn.functional.logSoftmax(this.output.forward(hidden.squeeze(0)), 1);
  }
}

function batchOf(samples) {
  const names = packSequence(
    samples.map(({ name }) => encode(name)),
    { enforceSorted: false },
  );
  return {
    names,
    labels: tensor(
      samples.map(({ label }) => label),
      { dtype: 'int64' },
    ),
  };
}

function trainEpoch(model, optimizer, samples, options) {
  const criterion = new nn.NLLLoss();
  const order = randperm(samples.length).toArray();
  let lossSum = 0;
  for (let start = 0; start < order.length; start += options.batchSize) {
    const picked = order.slice(start, start + options.batchSize).map((i) => samples[i]);
    scope(() => {
      const { names, labels } = batchOf(picked);
      const loss = criterion.forward(model.forward(names), labels);
      optimizer.zeroGrad();
      loss.backward();
      nn.utils.clipGradNorm_(model.parameters(), 3);
      optimizer.step();
      lossSum += loss.item() * picked.length;
    });
  }
  return lossSum / samples.length;
}

function accuracy(model, samples) {
  return scope(() =>
    inferenceMode(() => {
      const { names, labels } = batchOf(samples);
      return (100 * model.forward(names).argmax(1).eq(labels).sum().item()) / samples.length;
    }),
  );
}

/** The three likeliest languages of a name. */
function predict(model, name, languages) {
  const [values, indices] = scope(() =>
    inferenceMode(() => {
      const { names } = batchOf([{ name: toAscii(name), label: 0 }]);
      const top = model.forward(names).squeeze(0).topk(Math.min(3, languages.length));
      return [top[0].exp().toArray(), top[1].toArray()];
    }),
  );
  return indices.map((index, i) => `${languages[index]} ${(100 * values[i]).toFixed(1)} %`);
}

function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      data: { type: 'string', default: 'data/names' },
      epochs: { type: 'string', default: '12' },
      'batch-size': { type: 'string', default: '64' },
      hidden: { type: 'string', default: '128' },
      lr: { type: 'string', default: '2' },
      seed: { type: 'string', default: '0' },
      threads: { type: 'string' },
      predict: { type: 'string', multiple: true, default: [] },
    },
  });
  const number = numbersOf(values);
  return {
    ...values,
    epochs: number('epochs'),
    batchSize: number('batch-size', 1),
    hidden: number('hidden'),
    lr: number('lr'),
    seed: number('seed'),
    threads: number('threads'),
  };
}

function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.threads) setNumThreads(options.threads);
  manualSeed(options.seed);
  const { languages, samples } = readNames(options.data);
  const shuffled = randperm(samples.length)
    .toArray()
    .map((i) => samples[i]);
  const trainCount = Math.ceil(0.85 * shuffled.length);
  const [train, test] = [shuffled.slice(0, trainCount), shuffled.slice(trainCount)];
  const model = new NameClassifier(languages.length, options.hidden);
  const optimizer = new optim.SGD(model.parameters(), { lr: options.lr });
  console.log(`${train.length} names of ${languages.length} languages`);
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const loss = trainEpoch(model, optimizer, train, options);
    console.log(
      `epoch ${epoch}  loss ${loss.toFixed(4)}  test accuracy ${accuracy(model, test).toFixed(2)} %`,
    );
  }
  for (const name of options.predict) console.log(`${name}: ${predict(model, name, languages).join(', ')}`);
}

main();
