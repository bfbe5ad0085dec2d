import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, onTestFinished, vi } from 'vitest';
import { type HubError, hub, models, nn, save, tensor } from '../../lib/index.ts';
import { tmp } from '../helpers/index.ts';
import { type BadServer, startServer } from '../libtorch/bad-server.ts';

/** A file as a server has it, named by its own hash as torch.hub names them. */
export interface Published {
  name: string;
  content: Buffer;
}

function named(name: string, value: unknown): Published {
  const path = join(tmp(), 'weights.pth');
  save(value, path);
  const content = readFileSync(path);
  return { name: `${name}-${createHash('sha256').update(content).digest('hex').slice(0, 8)}.pth`, content };
}

/** A checkpoint of one tensor; about 1.5 kB. */
export function tinyCheckpoint(): Published {
  return named('tiny', new Map([['weight', tensor([1, 2, 3])]]));
}

/** Options that make an 18-layer network small. */
export const SMALL = { widths: [8, 8, 8, 8], numClasses: 5 } as const;

/** Lets the release have weights of a small `resnet18_ibn_b` until the test ends. */
export function publishSmallModel(): Published & { model: models.ResNet_IBN } {
  const model = models.resnet18_ibn_b(SMALL);
  nn.init.constant_(model.fc.bias as nn.Parameter, 0.25);
  const file = named('resnet18_ibn_b', model.stateDict());
  const release = models.publishedWeights as Record<string, models.PublishedWeights>;
  const before = release.resnet18_ibn_b as models.PublishedWeights;
  release.resnet18_ibn_b = { ...before, file: file.name, sha256Prefix: file.name.slice(15, 23) };
  onTestFinished(() => {
    release.resnet18_ibn_b = before;
  });
  return { ...file, model };
}

/** A server, and for each test of the file an empty cache and a checkpoint that the server may serve. */
export function hubTest(): { server: BadServer; folder: string; file: Published } {
  const state = {} as { server: BadServer; folder: string; file: Published };
  beforeAll(async () => {
    state.server = await startServer();
  });
  afterAll(() => state.server.close());
  beforeEach(() => {
    state.folder = emptyCache();
    state.file = tinyCheckpoint();
    state.server.seen.length = 0;
    state.server.handlers.clear();
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  return state;
}

/** An empty cache of torch.hub for one test; returns the folder of its checkpoints. */
export function emptyCache(): string {
  vi.stubEnv('TORCH_HOME', tmp());
  return join(hub.getDir(), 'checkpoints');
}

/** What the promise is rejected with. */
export async function failure(promise: Promise<unknown>): Promise<HubError> {
  return promise.then(
    () => Promise.reject(new Error('Expected an error, got none')),
    (error) => error,
  );
}
