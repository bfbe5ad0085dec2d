import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { equal, type HubError, hub, models, save, type Tensor, tensor } from '../../lib/index.ts';
import { tmp } from '../helpers/index.ts';
import { type BadServer, cutOff, serve, startServer } from '../libtorch/bad-server.ts';

const REPOSITORY = 'XingangPan/IBN-Net';
let server: BadServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());
afterEach(() => vi.unstubAllEnvs());

async function failure(promise: Promise<unknown>): Promise<HubError> {
  return promise.then(
    () => Promise.reject(new Error('Expected an error, got none')),
    (error) => error as HubError,
  );
}

/** A checkpoint named by its own hash, as torch.hub names them. */
function publish(folder: string): { name: string; content: Buffer } {
  const path = join(folder, 'weights.pth');
  save(new Map([['weight', tensor([1, 2, 3])]]), path);
  const content = readFileSync(path);
  const name = `tiny-${createHash('sha256').update(content).digest('hex').slice(0, 8)}.pth`;
  renameSync(path, join(folder, name));
  return { name, content };
}

describe('hub', () => {
  it('lists the entry points', () => {
    expect(hub.list(REPOSITORY)).toEqual(models.listModels({ filter: 'ibn' }));
    expect(hub.list(REPOSITORY)).toHaveLength(20);
    expect(hub.list()).toContain('resnet50_ibn_a');
  });

  it('builds a model without weights', async () => {
    const model = await hub.load(REPOSITORY, 'resnet18_ibn_b', { numClasses: 5, widths: [8, 8, 8, 8] });
    expect(model.fc.weight.shape).toEqual([5, 8]);
  });

  it('refuses other repositories, unknown entries and weights that were never published', async () => {
    const errors = await Promise.all([
      failure(hub.load('pytorch/vision', 'resnet50')),
      failure(hub.load(REPOSITORY, 'resnet50_ibn_c')),
      failure(hub.load(REPOSITORY, 'resnet152_ibn_a', { pretrained: true })),
    ]);
    expect(errors.map((error) => `${error.name} ${error.code}: ${error.message}`)).toMatchInlineSnapshot(`
      [
        "HubError ERR_HUB_REPOSITORY: Expected the repository "XingangPan/IBN-Net" for hub, got "pytorch/vision"",
        "RangeError undefined: Unknown model "resnet50_ibn_c"; did you mean resnet50_ibn_a or resnet50_ibn_b?",
        "HubError ERR_HUB_NO_WEIGHTS: Expected pretrained to be false for resnet152_ibn_a, got true; weights were published for resnet18_ibn_a, resnet34_ibn_a, resnet50_ibn_a, resnet101_ibn_a, resnet18_ibn_b, resnet34_ibn_b, resnet50_ibn_b, resnet101_ibn_b, resnext101_ibn_a, se_resnet101_ibn_a, densenet121_ibn_a, densenet169_ibn_a",
      ]
    `);
  });

  it('puts its cache where torch.hub has it', () => {
    vi.stubEnv('TORCH_HOME', '/somewhere/torch');
    expect(hub.getDir()).toBe('/somewhere/torch/hub');
    vi.stubEnv('TORCH_HOME', undefined);
    vi.stubEnv('XDG_CACHE_HOME', '/cache');
    expect(hub.getDir()).toBe('/cache/torch/hub');
  });

  it('fetches a checkpoint once, going on after a cut, and finds it in the cache later', async () => {
    const { name, content } = publish(tmp());
    const home = tmp();
    vi.stubEnv('TORCH_HOME', home);
    server.handlers.set(`/${name}`, cutOff(content, 500));
    const first = (await hub.loadStateDictFromUrl(`${server.url}/${name}`, { progress: false })) as Map<
      string,
      Tensor
    >;
    expect(equal(first.get('weight') as Tensor, tensor([1, 2, 3]))).toBe(true);
    const requests = server.seen.length;
    await hub.loadStateDictFromUrl(`${server.url}/${name}`, { progress: false });
    expect(server.seen.length).toBe(requests);
    expect(readdirSync(join(home, 'hub', 'checkpoints'))).toEqual([name]);
  });

  it('keeps a file with the wrong hash out of the cache', async () => {
    const home = tmp();
    vi.stubEnv('TORCH_HOME', home);
    vi.stubEnv('IBN_NET_CHECKPOINT_BASE_URL', server.url);
    server.handlers.set('/resnet18_ibn_a-2f571257.pth', serve(Buffer.from('not the weights')));
    const error = await failure(
      hub.load(REPOSITORY, 'resnet18_ibn_a', { pretrained: true, progress: false }),
    );
    expect([error.name, error.code]).toEqual(['HubError', 'ERR_HUB_DOWNLOAD']);
    expect(error.message).toContain('2f571257');
    expect(existsSync(join(home, 'hub', 'checkpoints', 'resnet18_ibn_a-2f571257.pth'))).toBe(false);
  });

  it('says where a synchronous constructor looks for weights', () => {
    const home = tmp();
    vi.stubEnv('TORCH_HOME', home);
    mkdirSync(join(home, 'hub', 'checkpoints'), { recursive: true });
    const message = () => models.resnet18_ibn_a({ pretrained: true });
    expect(message).toThrow(
      /Expected .*resnet18_ibn_a-2f571257.pth for pretrained resnet18_ibn_a, got no such file/,
    );
  });

  it('wants a hash in the file name unless told otherwise', async () => {
    const { content } = publish(tmp());
    vi.stubEnv('TORCH_HOME', tmp());
    server.handlers.set('/plain.pth', serve(content));
    const error = await failure(hub.loadStateDictFromUrl(`${server.url}/plain.pth`, { progress: false }));
    expect(error.code).toBe('ERR_HUB_HASH');
    const loaded = await hub.loadStateDictFromUrl(`${server.url}/plain.pth`, {
      progress: false,
      checkHash: false,
    });
    expect(loaded).toBeInstanceOf(Map);
  });
});
