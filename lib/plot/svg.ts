import type { PlotSpec } from './plots.ts';

/**
 * Draws a specification of vega-lite as SVG, without a browser and without the network.
 *
 * @throws Error where the specification is none
 */
export async function plotSvg(spec: PlotSpec): Promise<string> {
  const { drawSvg } = await import('./vega.ts');
  return await drawSvg(spec);
}
