import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { compareVersions } from '../wheels/specifier.ts';

/** The oldest glibc that libtorch's libraries, and the prebuilt native module, load with. */
export const OLDEST_GLIBC = '2.28';

/** What is known of the system without loading anything; tests make their own. */
export interface System {
  platform: string;
  arch: string;
  libc: 'glibc' | 'musl' | 'none';
  /** glibc's version; empty for another C library. */
  libcVersion: string;
  /** As the distribution calls itself; empty where it does not say. */
  name: string;
  /** The distribution and those it is made from: `ubuntu debian`. */
  family: string;
}

/** Where facts come from, for tests. */
export interface SystemSources {
  platform?: string;
  arch?: string;
  /** glibc's version according to the running Node; `undefined` where there is no glibc. */
  glibc?: string | undefined;
  /** The text of /etc/os-release. */
  osRelease?: string;
  hasMusl?: boolean;
}

/** Asks the running process what it runs on. Takes some milliseconds: for messages, not for every start. */
export function readSystem(sources: SystemSources = {}): System {
  const { platform = process.platform, arch = process.arch } = sources;
  const text = sources.osRelease ?? readOsRelease();
  const field = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  const name = field('PRETTY_NAME') || field('NAME');
  const family = `${field('ID')} ${field('ID_LIKE')}`.trim();
  if (platform !== 'linux') return { platform, arch, libc: 'none', libcVersion: '', name, family };
  const glibc = 'glibc' in sources ? sources.glibc : runningGlibc();
  const isMusl = glibc === undefined && (sources.hasMusl ?? hasMuslLoader());
  const libc = glibc === undefined ? (isMusl ? 'musl' : 'none') : 'glibc';
  return { platform, arch, libc, libcVersion: glibc ?? '', name, family };
}

/** Whether libtorch can be loaded on the system, as far as its C library goes. */
export function hasRightLibc({ platform, libc, libcVersion }: System): boolean {
  if (platform !== 'linux') return true;
  return libc === 'glibc' && compareVersions(libcVersion, OLDEST_GLIBC) >= 0;
}

function runningGlibc(): string | undefined {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  // Looking up the names of open connections would take seconds; Node 20 has no such setting.
  const before = report.excludeNetwork ?? false;
  report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime;
  } finally {
    report.excludeNetwork = before;
  }
}

function hasMuslLoader(): boolean {
  return existsSync('/lib') && readdirSync('/lib').some((name) => name.startsWith('ld-musl-'));
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}
