import type { Command } from 'commander';
import { adviseInFlags } from '../flag-advice.ts';
import { wholeNumber } from '../flag-values.ts';
import { addNetworkOptions, type NetworkOptions } from '../network/network-options.ts';
import { addServerFlags, runOptions, type ServerFlags } from './serve-options.ts';

/** Options of {@link serveClassifier}, as commander gives them. */
export interface ServeClassifierOptions extends NetworkOptions, ServerFlags {
  model?: string;
  checkpoint?: string;
  pretrained?: boolean;
  top: number;
}

/** Adds the command `serve` to the program. */
export function registerServe(program: Command): void {
  const command = program
    .command('serve')
    .description('Classify images over HTTP')
    .option('--model <name>', 'the network; default: the one that the checkpoint names')
    .option('--checkpoint <file>', 'the weights, a .pth file; read again at SIGHUP and POST /reload')
    .option('--pretrained', 'the weights that are published for the model, fetched once')
    .option('--top <n>', 'how many classes are given where a request does not say', wholeNumber, 5);
  addServerFlags(addNetworkOptions(command))
    .addHelpText('after', EXAMPLES)
    .action(async (options: ServeClassifierOptions) => {
      await serveClassifier(options);
    });
}

const EXAMPLES = `
POST /classify takes an image as the body, files of a form, or base64 in JSON; GET /openapi.json describes all routes.
SIGHUP loads the checkpoint again, SIGTERM and SIGINT end the server, both without losing a request.

Examples:
  npx ibn-net serve --model resnet50_ibn_a --pretrained
  npx ibn-net serve --checkpoint model_best.pth.tar --port 8000 --max-batch 32
  curl --data-binary @photo.jpg -H 'content-type: image/jpeg' 'localhost:8080/classify?top=3'
  curl -F file=@a.jpg -F file=@b.jpg localhost:8080/classify`;

/** Serves a classifier until a signal ends it. */
export async function serveClassifier(options: ServeClassifierOptions): Promise<void> {
  checkWeights(options);
  const [{ classification }, { loadServed }, { runServer }] = await Promise.all([
    import('../../serve/index.ts'),
    import('./load-served.ts'),
    import('./run-server.ts'),
  ]);
  const load = () => loadServed(options, runOptions(options));
  const service = await classification({ load, top: options.top }).catch(adviseInFlags);
  try {
    await runServer(service, options);
  } finally {
    await service.close();
  }
}

function checkWeights({ model, checkpoint, pretrained }: ServeClassifierOptions): void {
  if (checkpoint !== undefined && pretrained) {
    throw new RangeError('Expected --checkpoint or --pretrained, got both; leave one out');
  }
  if (checkpoint !== undefined || (pretrained && model !== undefined)) return;
  throw new RangeError('Expected --checkpoint FILE, or --model NAME with --pretrained, got neither');
}
