const WHOLE_MODULE = 'save the state dict in Python instead: torch.save(model.state_dict(), path)';

const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [/^torch\.jit\b|^torch\._C\.(Script|_script)/, WHOLE_MODULE],
  [/^torch\.nn\.|^torchvision\.models\b|^timm\.models\b/, WHOLE_MODULE],
  [/^torch\._utils\._rebuild_qtensor$|^torch\.(cuda\.)?QU?Int/, 'save tensor.dequantize() in Python instead'],
  [/^torch\.(float4_\w+|bits\d\w*|u?int[1-7])$/, 'save tensor.view(torch.uint8) in Python instead'],
  [/^torch\._utils\._rebuild_sparse/, 'save tensor.to_dense() in Python instead'],
  [/^torch\._utils\._rebuild_nested/, 'save tensor.unbind() in Python instead'],
  [/^torch\._utils\._rebuild_(device|xla)_tensor/, 'save tensor.cpu() in Python instead'],
  [/^torch\._utils\._rebuild_meta_tensor/, 'a meta tensor holds no numbers; leave it out'],
  [/^torch\._utils\._rebuild_wrapper_subclass$/, 'save plain tensors in Python instead'],
  [
    /^numpy\.(ndarray$|_?core\.multiarray\._reconstruct$|_?core\.numeric\._frombuffer$)/,
    'save torch.from_numpy(array) in Python instead',
  ],
  [/^argparse\.Namespace$/, 'save vars(args) in Python instead'],
];

/** Advice for a global that is refused although its meaning is known; undefined for any other. */
export function adviceFor(global: string): string | undefined {
  return REFUSALS.find(([pattern]) => pattern.test(global))?.[1];
}

/** What to say of a class that nothing is known of where a whole module may stand. */
export function adviceForRoot(global: string): string | undefined {
  const isClass = /\.[A-Z]\w*$/.test(global);
  return isClass
    ? `only tensor data is read from checkpoints. For a whole module, ${WHOLE_MODULE}`
    : undefined;
}
