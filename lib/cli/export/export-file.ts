import { existsSync } from 'node:fs';
import { type ExportedOnnx, type ExportOnnxOptions, exportOnnx } from '../../compile/index.ts';
import { loadNetwork, type NetworkFile } from './load-network.ts';

/** What `ibn-net export` was told. */
export interface ExportFileOptions extends NetworkFile {
  readonly size?: readonly [number, number] | undefined;
  readonly batch?: number | undefined;
  readonly opset?: number | undefined;
  readonly norms?: 'ops' | 'decomposed' | undefined;
  readonly externalData?: boolean | undefined;
  readonly force?: boolean | undefined;
}

/**
 * Loads a network and writes it as ONNX.
 *
 * @throws RangeError for a file that is there, or a size that nothing tells; what `loadNetwork` and `exportOnnx` throw.
 */
export async function exportFile(out: string, options: ExportFileOptions): Promise<ExportedOnnx> {
  if (!out.endsWith('.onnx'))
    throw new RangeError(`Expected a name that ends in .onnx for the output, got "${out}"`);
  const there = [out, `${out}.data`].find((path) => existsSync(path));
  if (there !== undefined && !options.force)
    throw new RangeError(`Expected a new file, got ${there}, which is there; pass --force to write over it`);
  const network = await loadNetwork(options);
  const size = options.size ?? network.size;
  if (size === undefined)
    throw new RangeError(
      'Expected --size for a network for segmentation, got none; pass --size HEIGHTxWIDTH',
    );
  const inputs = [[options.batch ?? 1, network.channels, ...size]];
  return await exportOnnx(network.model, out, {
    inputs,
    dynamicBatch: options.batch === undefined,
    ...given(options),
  });
}

function given({ opset, norms, externalData }: ExportFileOptions): Partial<ExportOnnxOptions> {
  const all = Object.entries({ opset, norms, externalData });
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}
