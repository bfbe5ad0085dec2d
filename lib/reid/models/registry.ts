import { checkOptions, checkPositions, checkText, suggestion } from '../../options.ts';
import type { FastReID, FastReIDOptions } from './fast-reid.ts';
import type { MGN } from './mgn.ts';
import * as osnet from './osnet.ts';
import { agw, bagtricks, mgn, sbs } from './presets.ts';
import { STRONG_BASELINE_BACKBONES, StrongBaseline, type StrongBaselineOptions } from './strong-baseline.ts';

/** Options of a network whose name is not known before the program runs. */
export type CreateOptions = Omit<StrongBaselineOptions, 'backbone'> & FastReIDOptions & osnet.OSNetOptions;

/** Any network that {@link create} builds. */
export type CreatedModel = StrongBaseline | FastReID | MGN | osnet.OSNet;

type Build = (options: CreateOptions) => CreatedModel;

const OSNETS: Readonly<Record<string, Build>> = {
  osnet_x1_0: osnet.osnet_x1_0,
  osnet_x0_75: osnet.osnet_x0_75,
  osnet_x0_5: osnet.osnet_x0_5,
  osnet_x0_25: osnet.osnet_x0_25,
  osnet_ibn_x1_0: osnet.osnet_ibn_x1_0,
  osnet_ain_x1_0: osnet.osnet_ain_x1_0,
  osnet_ain_x0_75: osnet.osnet_ain_x0_75,
  osnet_ain_x0_5: osnet.osnet_ain_x0_5,
  osnet_ain_x0_25: osnet.osnet_ain_x0_25,
};

const STRONG = STRONG_BASELINE_BACKBONES.map((backbone): [string, Build] => [
  `strong-baseline/${backbone}`,
  (options) => {
    checkOptions(`strong-baseline/${backbone}`, options, ['numClasses', 'lastStride', 'neck', 'neckFeat']);
    return new StrongBaseline({ ...options, backbone });
  },
]);

const ENTRIES = new Map<string, Build>([
  ...STRONG,
  ['fast-reid/bagtricks', bagtricks],
  ['fast-reid/agw', agw],
  ['fast-reid/sbs', sbs],
  ['fast-reid/mgn', mgn],
  ...Object.entries(OSNETS),
]);

/**
 * Names of the networks for re-identification.
 *
 * @example
 * reid.list(); // ['strong-baseline/resnet18', ..., 'fast-reid/sbs', ..., 'osnet_ain_x0_25']
 */
export function list(): string[] {
  checkPositions('reid.list', arguments, 0);
  return [...ENTRIES.keys()];
}

/**
 * Builds a network by name, with the options of its own function or class.
 *
 * @throws RangeError naming near ones if there is no such network.
 * @example
 * const model = reid.create('strong-baseline/resnet50_ibn_a', { numClasses: 751 });
 */
export function create(name: string, options: CreateOptions = {}): CreatedModel {
  checkPositions('reid.create', arguments, 2);
  checkText('reid.create', 'the name of a network', name);
  const build = ENTRIES.get(name);
  if (build === undefined)
    throw new RangeError(`Unknown network "${name}"${suggestion(name, list(), 'networks')}`);
  return build(options);
}
