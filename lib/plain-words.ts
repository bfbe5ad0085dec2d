const DTYPES: Record<string, string> = {
  'c10::complex<float>': 'complex64',
  'c10::complex<double>': 'complex128',
  'c10::Half': 'float16',
  'c10::BFloat16': 'bfloat16',
};

/** What libtorch says in terms of its own insides, and what it means. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\(sparse_coo\): /, ': '],
  [
    /could not construct a memory descriptor using a format tag/,
    'Expected sizes that oneDNN can address, got larger ones',
  ],
  [
    /Dimension specified as (-?\d+) but tensor has no dimensions/,
    'Expected a tensor with a dimension $1, got one without dimensions',
  ],
  [
    /value cannot be converted to type int(\w*) without overflow/,
    'Expected whole numbers that fit an int$1 of C++, got a larger one',
  ],
  [
    /^grad can be implicitly created only for scalar outputs/,
    'grad can be implicitly created only for scalar outputs: expected a gradient for an output of several elements, got ' +
      'none; give one, or take the sum of the output',
  ],
  [
    /^For complex Tensors, both grad_output and output are required to have the same dtype[\s\S]*/,
    'Expected a gradient of the dtype of its output, as complex outputs need, got another',
  ],
  [
    /^grad can be computed only for real scalar outputs but got (\w+)/,
    'Expected a gradient for an output of $1, since one is made only for real outputs, got none',
  ],
  [/self\.is_sparse\(\) INTERNAL ASSERT .*/, 'Expected a sparse tensor, got a dense one'],
  [/cannot create std::vector larger than max_size\(\)/, 'Expected sizes that fit together, got others'],
  [
    /^only Tensors of floating point dtype can require gradients/,
    'Expected a floating-point or complex tensor for requiresGrad_, got one of whole numbers or booleans',
  ],
];

/** A message of libtorch's without the names that only its authors know. */
export function plainWords(message: string): string {
  const named = message.replace(/c10::(complex<\w+>|Half|BFloat16)/g, (name) => DTYPES[name] ?? name);
  return WORDS.reduce((text, [pattern, meaning]) => text.replace(pattern, meaning), named);
}
