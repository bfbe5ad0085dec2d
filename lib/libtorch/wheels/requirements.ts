import { evaluateMarker, type MarkerVariables } from './marker.ts';
import { normalizeProject } from './wheel-name.ts';

/** One thing a wheel requires. */
export interface Requirement {
  project: string;
  extras: string[];
  /** For example `>=13.0.88,<14`; empty when any version will do. */
  specifiers: string;
}

/** What libtorch needs at run time; torch's other requirements are for Python. */
const NATIVE = /^(nvidia-|cuda-toolkit$)/;

/**
 * The requirements of a wheel's METADATA that libtorch needs on this system: the nvidia packages and the
 * `cuda-toolkit` that names them by extras. Triton, NumPy and the like are for Python and left out.
 */
export function nativeRequirements(
  metadata: string,
  extras: readonly string[],
  variables: MarkerVariables,
): Requirement[] {
  const headers = metadata.split(/\r?\n\r?\n/, 1)[0] ?? '';
  return [...headers.matchAll(/^Requires-Dist:\s*(.+)$/gm)]
    .map((line) => parseRequirement(line[1] ?? ''))
    .filter(({ project }) => NATIVE.test(project))
    .filter(({ marker }) => applies(marker, extras, variables))
    .map(({ marker: _, ...requirement }) => requirement);
}

function parseRequirement(line: string): Requirement & { marker: string } {
  const [left = '', marker = ''] = line.split(/;(.*)/s);
  const match = /^\s*([\w.-]+)\s*(?:\[([^\]]*)\])?\s*\(?([^)]*)\)?\s*$/.exec(left);
  if (!match) throw new SyntaxError(`Expected a requirement, got ${JSON.stringify(line)}`);
  const extras = (match[2] ?? '').split(',').map((extra) => extra.trim());
  return {
    project: normalizeProject(match[1] ?? ''),
    extras: extras.filter((extra) => extra !== ''),
    specifiers: (match[3] ?? '').replaceAll(/\s/g, ''),
    marker: marker.trim(),
  };
}

function applies(marker: string, extras: readonly string[], variables: MarkerVariables): boolean {
  if (marker === '') return true;
  return ['', ...extras].some((extra) => evaluateMarker(marker, { ...variables, extra }));
}

/** The marker variables of a system; `python` is the wheel's tag, for example `cp311`. */
export function markerVariables(platform: string, arch: string, python: string): MarkerVariables {
  const system = { linux: 'Linux', darwin: 'Darwin', win32: 'Windows' }[platform] ?? platform;
  const machines: Record<string, string> = {
    x64: 'x86_64',
    arm64: platform === 'linux' ? 'aarch64' : 'arm64',
  };
  const version = /^\D+(\d)(\d*)/.exec(python);
  const pythonVersion = `${version?.[1] ?? 3}.${version?.[2] || 12}`;
  return {
    sys_platform: platform,
    platform_system: system,
    platform_machine: platform === 'win32' && arch === 'x64' ? 'AMD64' : (machines[arch] ?? arch),
    os_name: platform === 'win32' ? 'nt' : 'posix',
    platform_release: '',
    platform_version: '',
    python_version: pythonVersion,
    python_full_version: `${pythonVersion}.0`,
    implementation_name: 'cpython',
    platform_python_implementation: 'CPython',
  };
}
