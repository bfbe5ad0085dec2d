import { checkPositions, describeValue } from '../options.ts';
import type { PlotSpec } from './plots.ts';

/**
 * Draws a specification of [vega-lite](https://vega.github.io/vega-lite/docs/spec.html) as SVG, without a browser and without
 * the network. Data stands in the specification (`data: { values }`).
 *
 * @throws TypeError for what is no object, RangeError with vega-lite's words where the specification is none
 * @example
 * const svg = await plotSvg({
 *   data: { values: [{ epoch: 1, loss: 2.1 }, { epoch: 2, loss: 1.4 }] },
 *   mark: 'line',
 *   encoding: { x: { field: 'epoch', type: 'quantitative' }, y: { field: 'loss', type: 'quantitative' } },
 * });
 */
export async function plotSvg(spec: PlotSpec): Promise<string> {
  checkPositions('plotSvg', arguments, 1);
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) {
    throw new TypeError(`Expected a specification of vega-lite for plotSvg, got ${describeValue(spec)}`);
  }
  const { drawSvg } = await import('./vega.ts');
  try {
    return await drawSvg(spec);
  } catch (cause) {
    const { message } = cause as Error;
    throw new RangeError(
      `Expected a specification that vega-lite draws for plotSvg, got one it refuses: ${message}`,
      {
        cause,
      },
    );
  }
}
