// Protocols 0 to 2 spell modules and names as Python 2 had them (_compat_pickle.py of Python 3).
const MODULES: Readonly<Record<string, string>> = {
  __builtin__: 'builtins',
  copy_reg: 'copyreg',
  cPickle: 'pickle',
  UserDict: 'collections',
  UserList: 'collections',
  UserString: 'collections',
  StringIO: 'io',
  cStringIO: 'io',
  Queue: 'queue',
  exceptions: 'builtins',
  repr: 'reprlib',
};

const NAMES: Readonly<Record<string, string>> = {
  '__builtin__ xrange': 'builtins range',
  '__builtin__ long': 'builtins int',
  '__builtin__ unicode': 'builtins str',
  '__builtin__ basestring': 'builtins str',
  '__builtin__ unichr': 'builtins chr',
  '__builtin__ reduce': 'functools reduce',
  '__builtin__ intern': 'sys intern',
  'itertools izip': 'builtins zip',
  'itertools imap': 'builtins map',
  'itertools ifilter': 'builtins filter',
  'UserDict IterableUserDict': 'collections UserDict',
  'exceptions StandardError': 'builtins Exception',
};

/** Module and name as Python 3 spells them. */
export function modernName(module: string, name: string): readonly [module: string, name: string] {
  const known = Object.hasOwn(NAMES, `${module} ${name}`) ? NAMES[`${module} ${name}`] : undefined;
  if (known !== undefined) return known.split(' ') as [string, string];
  return [Object.hasOwn(MODULES, module) ? (MODULES[module] as string) : module, name];
}
