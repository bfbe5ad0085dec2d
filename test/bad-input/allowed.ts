/** Bad calls that are taken here and refused by torch, or are no bad calls: by name and label, with the reason. */
const ALLOWED: readonly (readonly [name: RegExp, label: RegExp, reason: string])[] = [
  [/^nn\.Identity$/, /./, 'takes any arguments, as torch does'],
  [/^nn\.Identity\.forward$/, /^\[0\]/, 'gives back what it is given, as torch does'],
  [/^nn\.(Module|Parameter)Dict$/, /^\[0\] (aq|optionThatNobodyHas)$/, 'the keys are names'],
  [
    /^nn\.(functional\.adaptive|Adaptive)(Avg|Max)Pool\dd(WithIndices)?$/i,
    /^\[[01]\] null$/,
    'null keeps the size of every dimension; torch has it for single ones',
  ],
  [/^nn\.(functional\.mseLoss)$/, /bool$/, 'with a weight torch subtracts, which it refuses for bool'],
  [
    /aussianN(ll|LL)Loss(\.forward)?$/,
    /^\[2\] a number$/,
    'a number is a variance; torch takes floats and not ints',
  ],
  [
    /^nn\.(functional\.ctcLoss|CTCLoss\.forward)$/,
    /^\[[0-3]\]/,
    'lengths may be an array and a tensor, which torch does not mix',
  ],
  [
    /^nn\.functional\.(softplus|hardtanh_|rrelu_|conv(Transpose)?\dd|cosineSimilarity|pairwiseDistance)$/,
    /^\[[12]\] undefined$/,
    'stands for the default',
  ],
  [
    /^nn\.Parameter(List|Dict)$|^nn\.Module(List|Dict)$/,
    /^\[0\] (undefined|empty|one more|a: )/,
    'a list or dictionary of others',
  ],
  [/^(?!nn\.)/, /undefined$/, 'stands for the default; the schemas say where there is none'],
  [
    /uantize|^sparseCompressedTensor$|^(hspmm|smm|linalg\.eigh|linalg\.eigvalsh|indicesCopy)$|^asStrided/,
    /^\[\d\]/,
    'record.py cannot make the call in Python, or Python ends with it',
  ],
  [/^optim\.lrScheduler\./, /: null$/, 'stands for the default, as undefined does'],
  [/^optim\.lrScheduler\./, /lastEpoch: huge$/, 'the optimizer has been scheduled before'],
  [
    /^optim\.lrScheduler\.CosineAnnealingWarmRestarts$/,
    /huge$|-7$/,
    'Python spells T_mult, which record.py cannot',
  ],
  [/^SequentialSampler$|^RandomSampler$/, /^\[0\] ending in a text$/, 'only the length is looked at'],
  [/^(SubsetRandom|Batch)Sampler$/, /^\[0\] ending in a text$/, 'gives what it is given, as torch does'],
  [/^DataLoader/, /sampler: ending in a text$/, 'read when its turn comes, as torch does'],
  [/^DataLoader|^corruptions/, /generator: null$|prefetchFactor: null$/, 'stands for the default'],
  [/^DataLoader/, /seed: (-7|huge)$/, 'a seed may be any whole number'],
  [/^DataLoader/, /(prefetch|timeout): .*(a fraction|huge)$/, 'torch has no such option, or whole seconds'],
  [/^StackDataset$/, /^\[0\] (left|right)q$/, 'the keys are names'],
  [/^decodeImage$/, /^\[0\] a text$|name: a text$|maxPixels: (huge|a fraction)$/, 'names a file or limit'],
  [/^writePng$/, /^\[1\] a text$/, 'a path'],
  [/^(encode|write)Png$|^corruptions/, /^\[0\] four more columns$/, 'a wider image'],
  [/^datasets\.fsEncode$/, /^\[0\] a text$/, 'a path'],
  [/^datasets\.findImages$/, /^\[0\] a text$/, 'the error says why the folder cannot be read'],
  [/^datasets\.EmojiStyles$/, /inAll: empty$/, 'no style in particular'],
  [/^datasets\.(EmojiStyles\.|splitEmoji)/, /^\[0\]( \w+:)? (empty|one more)$/, 'picks none, or one twice'],
  [/^datasets\.splitEmoji$/, /seed: (-7|huge)$/, 'a seed may be any whole number'],
  [/^datasets\./, /(\[1\]|extensions:) (empty|one more|ending in a text)$/, 'endings that no file has'],
  [
    /^transforms\.(AugMix|RandAugment)$/,
    /(chainDepth|mixtureWidth|numOps): huge$/,
    'does as much as it is told',
  ],
  [/^transforms\./, /: null$/, 'stands for the default, as undefined does'],
  [/^transforms\.RandomChoice$/, /p: with null$/, 'a weight of null is one of 0'],
  [/^transforms\.Compose$/, /^\[0\] empty$/, 'gives back what it is given'],
  [/^transforms\.(AugMix|CutMix|MixUp)$/, /alpha: huge$/, 'Python has whole numbers apart'],
  [
    /^transforms\.(AutoAugment(\.forward)?$|ToDtype\.forward$)/,
    /fill: (NaN|-7|huge|a fraction)$|^\[0\] (bool|float32|complex64|two|no d|one d|four|empty)/,
    'record.py cannot spell policies and the dtype of a step',
  ],
  [/^transforms\.imagenet/, /huge$|null$/, 'a size; torchvision has no such function'],
  [/^transforms\.functional\.adjustBrightness$/, /complex64$/, 'the real part, as for other colours'],
  [/^transforms\.Lambda\.forward$/, /^\[0\]/, 'the function sees what it is given'],
  [/^nn\.utils\.fuseLinearBnWeights$/, /^\[[56]\] null$/, 'a norm without weights, as of convolutions'],
  [/^distributions\.Bernoulli\.logProb$/, /bool$|int64$/, 'zeros and ones of any dtype'],
  [/^nn\.utils\.clipGradValue_$/, /^\[0\] empty$/, 'nothing to clip, as for norms'],
  [
    /^nn\.utils\.rnn\.unpadSequence$/,
    /^\[1\] (numbers|empty)$/,
    'the first sequences, or lengths in an array',
  ],
  [/^nn\.utils\.parametriz/, /: null$/, 'stands for the default'],
  [/^nn\.utils\.parametrize\.isParametrized$/, /^\[1\]/, 'asks whether there is one'],
  [/parametrizations\.spectralNorm$/, /nPowerIterations: huge$/, 'does as much as it is told'],
  [
    /^nn\.init\.calculateFanInAndFanOut$/,
    /bool|64|two more|four more/,
    'only the shape is read; private in torch',
  ],
];

/** Whether a bad call is none. */
export function allowed(name: string, label: string): boolean {
  return ALLOWED.some(([names, labels]) => names.test(name) && labels.test(label));
}
