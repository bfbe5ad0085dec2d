/** What a wheel's file name says. */
export interface WheelName {
  /** Normalized as in package indexes: `nvidia-cublas`. */
  project: string;
  version: string;
  python: string;
  abi: string;
  /** The platform tags, one or several. */
  platforms: string[];
}

/** Normalizes a project's name as package indexes do. */
export function normalizeProject(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-');
}

/** Reads a wheel's file name; gives `undefined` for other files. */
export function parseWheelName(fileName: string): WheelName | undefined {
  const parts = /^([^-]+)-([^-]+)(?:-\d[^-]*)?-([^-]+)-([^-]+)-([^-]+)\.whl$/.exec(fileName);
  if (!parts) return undefined;
  const [, project = '', version = '', python = '', abi = '', platform = ''] = parts;
  return { project: normalizeProject(project), version, python, abi, platforms: platform.split('.') };
}

const MACHINES: Readonly<Record<string, string>> = {
  'linux-x64': 'x86_64',
  'linux-arm64': 'aarch64',
  'darwin-x64': 'x86_64',
  'darwin-arm64': 'arm64',
  'win32-x64': 'amd64',
};

/** Whether the wheel's libraries are for the system (`linux-x64` and the like); musl builds are not. */
export function wheelRunsOn(wheel: WheelName, target: string): boolean {
  const system = { linux: /^(manylinux|linux)/, darwin: /^macosx/, win32: /^win/ }[
    target.split('-')[0] ?? ''
  ];
  const machine = MACHINES[target];
  return wheel.platforms.some(
    (tag) => tag === 'any' || (system?.test(tag) && machine !== undefined && tag.endsWith(machine)),
  );
}
