// Pickles as lists of instructions: taken apart, edited in meaning, and put together again.
import { edgeNumber, editBytes, editList } from './random.mjs';

/** How the argument of each opcode lies in the file; opcodes that are not here have none. */
const ARGUMENTS = new Map([
  ...spread('JMrj', 'fixed4'),
  ...spread('Khq\x80\x82', 'fixed1'),
  ...spread('M\x83', 'fixed2'),
  ...spread('Jjr\x84', 'fixed4'),
  ...spread('G\x95', 'fixed8'),
  ...spread('ILFSVgpP', 'line'),
  ...spread('ci', 'lines'),
  ...spread('\x8a\x8cCU', 'sized1'),
  ...spread('\x8bXBT', 'sized4'),
  ...spread('\x8d\x8e\x96', 'sized8'),
]);

function spread(opcodes, kind) {
  return [...opcodes].map((opcode) => [opcode.charCodeAt(0), kind]);
}

const STOP = 0x2e;
const LONG1 = 0x8a;
const BINUNICODE = 0x58;
const GLOBAL = 0x63;

/** The instructions of a pickle that begins at `start`, and where it ends. */
export function disassemble(bytes, start = 0) {
  const instructions = [];
  let at = start;
  for (;;) {
    const opcode = bytes[at];
    const { argument, end } = readArgument(bytes, at + 1, ARGUMENTS.get(opcode));
    instructions.push({ opcode, argument });
    at = end;
    if (opcode === STOP) return { instructions, end };
  }
}

function readArgument(bytes, at, kind) {
  if (kind === undefined) return { argument: Buffer.alloc(0), end: at };
  if (kind.startsWith('fixed')) return slice(bytes, at, Number(kind.slice(5)));
  if (kind === 'line') return slice(bytes, at, bytes.indexOf(10, at) + 1 - at);
  if (kind === 'lines') return slice(bytes, at, bytes.indexOf(10, bytes.indexOf(10, at) + 1) + 1 - at);
  const width = Number(kind.slice(5));
  return slice(bytes, at + width, bytes.readUIntLE(at, Math.min(width, 6)));
}

function slice(bytes, at, length) {
  return { argument: bytes.subarray(at, at + length), end: at + length };
}

/** The bytes of instructions; `claim` in one is written in place of its argument's true length. */
export function assemble(instructions) {
  return Buffer.concat(instructions.flatMap(encode));
}

function encode({ opcode, argument, claim }) {
  const kind = ARGUMENTS.get(opcode);
  if (!kind?.startsWith('sized')) return [Buffer.of(opcode), argument];
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt.asUintN(64, claim ?? BigInt(argument.length)));
  return [Buffer.of(opcode), length.subarray(0, Number(kind.slice(5))), argument];
}

const TEXTS = [
  '',
  '0',
  '1',
  '2',
  '94',
  'cpu',
  'cuda:0',
  'meta',
  'storage',
  'module',
  '__proto__',
  'constructor',
  'toString',
  'latin1',
  '_metadata',
  'f8',
  'i8',
  'V8',
  'U5',
  'U0',
  'O8',
  'M8',
  'f16',
  'ns',
  'torch.sparse_coo',
  'torch.sparse_bsr',
  '\ud83d',
  '10',
  '<',
  '>',
  'conj',
  'x'.repeat(300),
  '\u2603',
  '../../etc/passwd',
  '1e9',
].map((text) => Buffer.from(text));

const GLOBALS = [
  'os system',
  'builtins eval',
  'collections OrderedDict',
  'collections Counter',
  'builtins set',
  'builtins bytes',
  'builtins complex',
  '_codecs encode',
  'torch Size',
  'torch device',
  'torch float32',
  'torch int64',
  'torch uint16',
  'torch FloatStorage',
  'torch LongStorage',
  'torch ByteStorage',
  'torch ComplexDoubleStorage',
  'torch.storage UntypedStorage',
  'torch._utils _rebuild_tensor',
  'torch._utils _rebuild_tensor_v2',
  'torch._utils _rebuild_tensor_v3',
  'torch._utils _rebuild_parameter',
  'torch._tensor _rebuild_from_type_v2',
  'torch._utils _rebuild_parameter_with_state',
  'numpy dtype',
  'numpy ndarray',
  'numpy.core.multiarray scalar',
  'numpy._core.multiarray _reconstruct',
  'numpy._core.numeric _frombuffer',
  'builtins getattr',
  'builtins object',
  'builtins dict',
  'builtins list',
  'collections defaultdict',
  'collections deque',
  'copy_reg _reconstructor',
  'copyreg __newobj__',
  'copyreg __newobj_ex__',
  'argparse Namespace',
  'datetime datetime',
  'datetime timezone',
  'pathlib PosixPath',
  'uuid UUID',
  'torch FloatTensor',
  'torch QInt8Storage',
  'torch.nn.parameter Parameter',
  'torch per_channel_affine',
  'torch.serialization _get_layout',
  'torch._utils _rebuild_sparse_tensor',
  'torch._utils _rebuild_qtensor',
  'torch._utils _rebuild_nested_tensor',
  'torch._utils _rebuild_meta_tensor_no_storage',
  'torch._utils _rebuild_device_tensor_from_numpy',
  'torch._utils _rebuild_wrapper_subclass',
  'package.module Class',
  '__proto__ toString',
].map((name) => Buffer.from(`${name.replace(' ', '\n')}\n`));

const OPCODES = [...'(.012FIJKLMNPQRSTUVXabcdeghijlopqrst})]uGBC'].map((opcode) => opcode.charCodeAt(0));
for (let opcode = 0x80; opcode <= 0x98; opcode++) OPCODES.push(opcode);

/** Other instructions, numbers, texts, globals, memo places and lengths in a few places. */
export function editPickle(instructions, random, pool) {
  if (random.chance(0.04)) return bomb(instructions, random);
  let edited = random.chance(0.5) ? editList(instructions, random, pool) : [...instructions];
  for (let edits = random.below(4); edits > 0 && edited.length > 0; edits--) {
    const at = random.below(edited.length);
    edited[at] = editInstruction(edited[at], random);
  }
  if (random.chance(0.1)) edited = edited.slice(0, random.below(edited.length + 1));
  return edited;
}

function editInstruction(instruction, random) {
  const { opcode, argument } = instruction;
  const kind = ARGUMENTS.get(opcode);
  if (kind === undefined || random.chance(0.15)) return { opcode: random.pick(OPCODES), argument };
  if (kind.startsWith('fixed')) return { opcode, argument: editNumber(argument, random) };
  if (kind === 'lines')
    return { opcode, argument: random.chance(0.7) ? random.pick(GLOBALS) : editBytes(argument, random) };
  if (kind === 'line') return { opcode, argument: editLine(argument, random) };
  if (random.chance(0.3)) return { opcode, argument, claim: edgeNumber(random, BigInt(argument.length)) };
  if (opcode === LONG1) return { opcode, argument: little(edgeNumber(random), 1 + random.below(9)) };
  return { opcode, argument: random.chance(0.6) ? random.pick(TEXTS) : editBytes(argument, random) };
}

function editNumber(argument, random) {
  if (argument.length === 0) return argument;
  const wide = argument.length >= 8;
  const value = wide
    ? argument.readBigUInt64LE()
    : BigInt(argument.readUIntLE(0, Math.min(argument.length, 6)));
  return little(edgeNumber(random, value), argument.length);
}

function editLine(argument, random) {
  const line = random.chance(0.5)
    ? Buffer.from(`${edgeNumber(random)}`)
    : editBytes(argument.subarray(0, -1), random);
  return Buffer.concat([line, Buffer.from('\n')]);
}

function little(value, length) {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  if (value < 0n) bytes.fill(0xff, 8);
  return bytes.subarray(0, length);
}

const simple = (opcodes) =>
  [...opcodes].map((opcode) => ({ opcode: opcode.charCodeAt(0), argument: Buffer.alloc(0) }));

/** Few bytes that ask for much: depth, doubling, repetition. */
function bomb(instructions, random) {
  const at = random.below(instructions.length);
  const before = instructions.slice(0, at);
  const rest = instructions.slice(at);
  const times = 10 ** (1 + random.below(4)) * (1 + random.below(5));
  const patterns = [
    simple('2\x86'),
    simple('(]'),
    simple(']('),
    simple('}('),
    simple('2a'),
    simple('2'),
    simple('(l'),
    rest.slice(0, 1 + random.below(6)),
    [text('k'), ...simple('}s')],
    [...global(random), ...simple(')R')],
    [...global(random), ...simple(')\x81}b')],
    [...global(random), ...simple('2\x85R')],
  ];
  const pattern = random.pick(patterns);
  return [...before, ...Array.from({ length: Math.min(times, 20_000) }, () => pattern).flat(), ...rest];
}

function text(value) {
  return { opcode: BINUNICODE, argument: Buffer.from(value) };
}

function global(random) {
  return [{ opcode: GLOBAL, argument: random.pick(GLOBALS) }];
}
