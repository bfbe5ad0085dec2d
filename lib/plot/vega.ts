import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** Draws a specification of vega-lite. The build puts vega into this module: nobody installs its 79 packages. */
export async function drawSvg(specification: object): Promise<string> {
  const { spec } = compile(specification as TopLevelSpec);
  const view = new View(parse(spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
