import { basename } from 'node:path';
import { compile, type RunOptions } from '../../compile/index.ts';
import { type LoadedReID, load, type ReIDModel } from '../../reid/index.ts';
import { reidGallery, type ServedReID, type Service } from '../../serve/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { runServer, type ServerStreams } from '../serve/run-server.ts';
import { runOptions, type ServerFlags } from '../serve/serve-options.ts';
import { entriesOf } from './import-features.ts';
import { type ReidNetworkOptions, singleCheckpoint } from './network.ts';

/** Options of {@link serveReid}, as commander gives them. */
export interface ReidServeOptions extends ReidNetworkOptions, ServerFlags {
  gallery: string;
  images?: string;
  import?: string[];
}

/** Serves a gallery until a signal ends it. */
export async function serveReid(options: ReidServeOptions, streams: ServerStreams = process): Promise<void> {
  const checkpoint = singleCheckpoint('serve', options);
  const service = await openService(checkpoint, options);
  try {
    await runServer(service, options, streams);
  } finally {
    await service.close();
  }
}

function openService(checkpoint: string, options: ReidServeOptions): Promise<Service> {
  const { gallery: folder, images, flip = false } = options;
  return reidGallery({
    load: () => loadServed(checkpoint, options, runOptions(options)),
    folder,
    flip,
    entries: (options.import ?? []).flatMap((file) => entriesOf(file, flip)),
    ...(images === undefined ? {} : { images }),
  });
}

async function loadServed(
  checkpoint: string,
  options: ReidServeOptions,
  run: RunOptions,
): Promise<ServedReID> {
  const { layout, device } = options;
  const loaded: LoadedReID<ReIDModel> = load(checkpoint, {
    ...(layout === undefined ? {} : { layout }),
    ...(device === 'cpu' ? {} : { device }),
  });
  const inputs = [[1, 3, ...loaded.size]];
  const network = loaded.model as ReIDModel & { forward(x: Tensor): Tensor };
  const model = await compile(network, { inputs, device: device as 'cpu', ...run });
  return {
    name: loaded.name,
    model,
    transform: loaded.transform,
    about: {
      checkpoint: basename(checkpoint),
      layout: loaded.layout,
      size: loaded.size,
      flip: options.flip ?? false,
    },
  };
}
