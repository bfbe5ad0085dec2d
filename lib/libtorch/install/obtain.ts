import { basename } from 'node:path';
import type { LibtorchError } from '../../errors.ts';
import { problemError } from '../../problem.ts';
import {
  discard,
  type Obtained,
  PYTORCH_SITE,
  Refusal,
  type Source,
  verifyPinned,
  type Wanted,
} from './sources.ts';
import type { PinnedFile } from './versions.ts';

/** Gets files from sources in turn, remembering which of them cannot be reached. */
export class Obtainer {
  readonly #sources: readonly Source[];
  readonly #pins: readonly PinnedFile[];
  readonly #log: (line: string) => void;
  readonly #unreachable = new Map<Source, string>();

  constructor(sources: readonly Source[], pins: readonly PinnedFile[], log: (line: string) => void) {
    this.#sources = sources;
    this.#pins = pins;
    this.#log = log;
  }

  /**
   * Gives the file from the first source that has it. `accept` may refuse a file, then the next source is
   * asked.
   *
   * @throws LibtorchError `ERR_LIBTORCH_INSTALL` that lists every source with its reason
   */
  async get(wanted: Wanted, accept: (path: string) => Promise<void> = async () => {}): Promise<Obtained> {
    const reasons: string[] = [];
    for (const source of this.#sources) {
      const known = this.#unreachable.get(source);
      if (known !== undefined) {
        reasons.push(known);
        continue;
      }
      try {
        return await this.#try(source, wanted, accept);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const reason = `${source.name}: ${error.message}`;
        if (error.unreachable) this.#unreachable.set(source, reason);
        reasons.push(reason);
        this.#log(`Not from ${reason}`);
      }
    }
    throw noSource(wanted, reasons);
  }

  async #try(source: Source, wanted: Wanted, accept: (path: string) => Promise<void>): Promise<Obtained> {
    const file = await source.get(wanted);
    try {
      const sha256 = await verifyPinned(file.path, this.#pins);
      await accept(file.path);
      if (sha256)
        this.#log(`${basename(file.path)} is not in the table of pinned files; its sha256 is ${sha256}`);
      return file;
    } catch (error) {
      await discard(file);
      throw error;
    }
  }
}

function noSource({ project, specifiers }: Wanted, reasons: string[]): LibtorchError {
  const flavour = specifiers.split('+')[1];
  const index = flavour === undefined ? '' : `--index-url ${PYTORCH_SITE}/${flavour} `;
  const solutions = [
    `Get the wheel on another machine: python3 -m pip download --no-deps ${index}'${project}${specifiers}'`,
    'Install from it: npx ibn-net install-libtorch --from FILE',
    'Use a proxy: export HTTPS_PROXY=http://proxy:port',
    'Use a mirror: export IBN_NET_LIBTORCH_MIRROR=URL_OR_FOLDER',
  ];
  const headline = `Could not get ${project}${specifiers}`;
  return problemError({ code: 'ERR_LIBTORCH_INSTALL', headline, details: reasons, solutions });
}
