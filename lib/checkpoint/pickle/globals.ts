import { NUMPY_GLOBALS } from './numpy-array.ts';
import { PyGlobal } from './py-global.ts';
import { PYTHON_GLOBALS } from './python-globals.ts';
import { TORCH_GLOBALS } from './torch-globals.ts';

const KNOWN = new Map<string, PyGlobal>();
for (const [module, name, meaning] of [...PYTHON_GLOBALS, ...NUMPY_GLOBALS, ...TORCH_GLOBALS]) {
  KNOWN.set(`${module} ${name}`, new PyGlobal(`${module}.${name}`, meaning));
}
KNOWN.set('builtins getattr', new PyGlobal('builtins.getattr', { kind: 'getattr' }));

/** The global `module.name` that is read as data, or undefined. */
export function findGlobal(module: string, name: string): PyGlobal | undefined {
  return KNOWN.get(`${module} ${name}`);
}
