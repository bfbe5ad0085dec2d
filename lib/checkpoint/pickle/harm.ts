/**
 * Names that have no place in a checkpoint but to do harm: they run programs or text, read or write files, load code,
 * or reach such a name from another. Nothing that a pickle names is ever called here; these names stop the load because
 * a file that holds one is not what its user takes it for.
 */
const MODULES = [
  'os|posix|nt|sys|subprocess|commands|popen2|pty|_posixsubprocess|_winapi|winreg|msvcrt|antigravity',
  'runpy|importlib|imp|zipimport|pkgutil|pkg_resources|site|code|codeop|bdb|pdb|IPython|distutils|setuptools|pip',
  'pickle|_pickle|cPickle|marshal|shelve|dill|cloudpickle|joblib|pickletools',
  'shutil|tempfile|fileinput|mmap|fcntl|socket|_socket|ssl|socketserver|asyncio|webbrowser|ctypes|_ctypes|cffi',
  'urllib2|urllib3|httplib|requests|ftplib|smtplib|poplib|imaplib|telnetlib|xmlrpc',
  '_thread|multiprocessing|concurrent|ensurepip|venv|timeit|cProfile|profile|doctest|pydoc|sqlite3|atexit',
].join('|');

// A user's package may be called like a small module of Python's library: only the module itself counts.
const EXACT = /^(code|site|profile|commands)$/;
const HARMFUL_MODULE = new RegExp(`^(${MODULES})$`);

const HARMFUL_NAMES = new RegExp(
  `^(${[
    'builtins\\.(eval|exec|execfile|compile|open|file|__import__|reload|input|raw_input|breakpoint|apply|help|exit|quit)',
    'builtins\\.(setattr|delattr|hasattr|globals|locals|vars|dir|memoryview|callable|__build_class__)',
    '_?operator\\.(attrgetter|methodcaller|itemgetter|call)',
    'functools\\.(reduce|_reconstruct)',
    'types\\.(FunctionType|CodeType|LambdaType|MethodType|ModuleType|BuiltinFunctionType|new_class|prepare_class)',
    'platform\\.(popen|_syscmd_\\w+)|trace\\.Trace|pathlib\\.(_\\w+\\.)?[A-Z]\\w+\\.\\w+|glob\\.glob',
    '_?io\\.(open\\w*|FileIO|OpenWrapper)|urllib\\.request\\..+|http\\.(client|server)\\..+|codecs\\.open',
    'torch\\.(load|save|compile|package\\..+|hub\\..+|jit\\.(_serialization\\.)?(jit_)?load|jit\\.CompilationUnit|jit\\.script)',
    'torch\\.(_load_global_deps|import_ir_module\\w*|(_?ops|_?classes)\\.(\\w+\\.)?load_library|utils\\.model_zoo\\..+)',
    'torch\\.storage\\._load_from_bytes|torch\\.serialization\\.(load|save|_load\\w*|_legacy_load)',
    'torch\\.utils\\.(cpp_extension|collect_env|bundled_inputs|show_pickle)\\..+|torch\\.distributed\\.(rpc|run|launch).*',
    'torch\\.(_inductor|_dynamo)\\.(codecache|debug_utils|test_case|repro)\\..+|torch\\._C\\._?(jit_)?import\\w*',
    'numpy\\.(load|loadtxt|genfromtxt|fromfile|save|savez|f2py\\..+|testing\\..+|distutils\\..+|lib\\.npyio\\..+)',
    'pandas\\.(read_\\w+|io\\..+|eval)|yaml\\.(load|unsafe_load|full_load)\\w*|nltk\\..+|sympy\\.(sympify|parsing\\..+)',
  ].join('|')})$`,
);

// Modules that others import, so that a dotted name gets at them: `torch`, `serialization.os.system`.
const REACHED = new Set([
  ...['os', 'posix', 'nt', 'sys', 'subprocess', 'builtins', '__builtin__', 'shutil', 'runpy', 'importlib'],
  ...['ctypes', 'pickle', '_pickle', 'marshal', 'pty', 'socket', 'webbrowser', 'tempfile'],
]);

/** Whether a global, by its module and qualified name, stops the load whatever the options say. */
export function isHarmful(module: string, name: string): boolean {
  if (HARMFUL_NAMES.test(`${module}.${name}`)) return true;
  const packages = module.split('.');
  const root = packages[0] as string;
  if (HARMFUL_MODULE.test(root) && (packages.length === 1 || !EXACT.test(root))) return true;
  const steps = name.split('.');
  return [...packages, ...steps].some(isDunder) || steps.slice(0, -1).some((step) => REACHED.has(step));
}

/** `__globals__`, `__subclasses__` and the like lead from any object to any other. */
function isDunder(step: string): boolean {
  return /^__\w+__$/.test(step) && step !== '__main__' && step !== '__torch__';
}
