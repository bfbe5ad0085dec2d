import { checkOptions, checkPositions } from '../options.ts';
import type { TrainConfig } from './config/presets.ts';
import type { ConfigSources } from './config/resolve-config.ts';

/**
 * All options of a run of `ibn-net train`, from a preset, a YAML or JSON file and values, checked as the command checks
 * them. What is given nowhere has the published script's value.
 *
 * @throws RangeError for an unknown option, with the nearest name and the line of the file, or a value that the option
 *   cannot have; TypeError for a value of another kind
 * @example
 * const config = await train.resolveConfig({ preset: 'torchvision-v2', values: { epochs: 100 } });
 * config.lr; // 0.5
 */
export async function resolveConfig(sources: ConfigSources = {}): Promise<TrainConfig> {
  checkPositions('resolveConfig', arguments, 1);
  checkOptions('resolveConfig', sources, ['preset', 'file', 'values']);
  const { givenOptions, withDefaults } = await import('./config/resolve-config.ts');
  return withDefaults(givenOptions(sources));
}

/**
 * The text of a YAML file of these options, which `ibn-net train --config` and {@link resolveConfig} read.
 *
 * @example
 * const text = await train.configText(await train.resolveConfig({ values: { lr: 0.2 } }));
 */
export async function configText(config: TrainConfig): Promise<string> {
  checkPositions('configText', arguments, 1);
  const [{ configText: write }, { checkValues }] = await Promise.all([
    import('./config/config-file.ts'),
    import('./config/check-values.ts'),
  ]);
  checkValues(config);
  return write(config);
}
