import { PyDict, PyObject } from '../values.ts';

/** The text of an entry of the archive, by its path beneath `code/`; undefined where there is none. */
export type ReadCode = (path: string) => string | undefined;

/**
 * Gives modules of a TorchScript archive the parts that those of `torch.save` have: `_parameters`, `_buffers` and
 * `_modules`. An archive has one list of attributes instead, and names the parameters and buffers in the source of the
 * class, of which only these two lines are read.
 */
export function partScriptModules(root: unknown, readCode: ReadCode): void {
  const classes = new ScriptClasses(readCode);
  const waiting = [root];
  const seen = new Set<unknown>();
  for (let module = waiting.pop(); module !== undefined; module = waiting.pop()) {
    if (!isScriptModule(module) || seen.has(module)) continue;
    seen.add(module);
    waiting.push(...module.state.entries.values());
    module.state = parted(module.state, classes.names(module.className));
  }
}

type ScriptModule = PyObject & { state: PyDict };

function isScriptModule(value: unknown): value is ScriptModule {
  return (
    value instanceof PyObject && value.className.startsWith('__torch__.') && value.state instanceof PyDict
  );
}

interface Names {
  readonly parameters: ReadonlySet<unknown>;
  readonly buffers: ReadonlySet<unknown>;
}

function parted(state: PyDict, { parameters, buffers }: Names): PyDict {
  const kinds = ['_parameters', '_buffers', '_modules'] as const;
  const parts = new Map(kinds.map((kind) => [kind, new PyDict('OrderedDict')]));
  const whole = new PyDict('dict');
  for (const [kind, part] of parts) whole.set(kind, part);
  for (const [name, value] of state.entries) {
    if (parameters.has(name)) parts.get('_parameters')?.set(name, value);
    else if (buffers.has(name)) parts.get('_buffers')?.set(name, value);
    else if (isScriptModule(value)) parts.get('_modules')?.set(name, value);
    else whole.set(name, value);
  }
  return whole;
}

class ScriptClasses {
  readonly #readCode: ReadCode;
  readonly #files = new Map<string, ReadonlyMap<string, Names>>();

  constructor(readCode: ReadCode) {
    this.#readCode = readCode;
  }

  /** Parameters and buffers of a class such as `__torch__.torch.nn.modules.conv.Conv2d`. */
  names(className: string): Names {
    const end = className.lastIndexOf('.');
    const file = `${className.slice(0, end).replaceAll('.', '/')}.py`;
    const classes = this.#files.get(file) ?? parseClasses(this.#readCode(file) ?? '');
    this.#files.set(file, classes);
    return classes.get(className.slice(end + 1)) ?? { parameters: new Set(), buffers: new Set() };
  }
}

function parseClasses(code: string): Map<string, Names> {
  const classes = new Map<string, Names>();
  let names = { parameters: new Set<string>(), buffers: new Set<string>() };
  for (const line of code.split('\n')) {
    const name = /^class (\w+)\(/.exec(line)?.[1];
    if (name !== undefined) {
      names = { parameters: new Set(), buffers: new Set() };
      classes.set(name, names);
    }
    if (line.startsWith('  __parameters__ = ')) names.parameters = textsIn(line);
    if (line.startsWith('  __buffers__ = ')) names.buffers = textsIn(line);
  }
  return classes;
}

function textsIn(line: string): Set<string> {
  return new Set([...line.matchAll(/"([^"\\]*)"/g)].map((match) => match[1] as string));
}
