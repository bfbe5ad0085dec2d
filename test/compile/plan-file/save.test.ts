import { createHash } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { CompiledModel } from '../../../lib/compile/compiled-model.ts';
import { loadCompiled } from '../../../lib/compile/index.ts';
import { fromJson, toJson } from '../../../lib/compile/plan-file/format.ts';
import {
  equal,
  manualSeed,
  randn,
  setNumThreads,
  type Tensor,
  UntypedStorage,
} from '../../../lib/tensor/index.ts';
import { errorOf, tmp } from '../../helpers/index.ts';
import { compilePlan, PlanMaker, rejection, smallNetwork } from '../plan-maker.ts';

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

/** A file with a saved model, and its bytes. */
async function saved(): Promise<{ path: string; bytes: Buffer }> {
  const path = join(tmp(), 'model.ibn');
  const model = await compilePlan(smallNetwork);
  model.save(path);
  model.dispose();
  return { path, bytes: readFileSync(path) };
}

async function outputOf(model: CompiledModel, x: Tensor): Promise<Tensor> {
  const y = await model.run(x);
  return y;
}

describe('save and load', () => {
  it.each(['float32', 'bfloat16'] as const)('give the same numbers (%s)', async (dtype) => {
    const path = join(tmp(), 'model.ibn');
    const model = await compilePlan(() => smallNetwork(dtype));
    model.save(path);
    model.save(path);
    const loaded = await loadCompiled(path, { threads: 2, keepWeights: true });
    const again = join(tmp(), 'again.ibn');
    loaded.save(again);
    expect(readFileSync(again).equals(readFileSync(path))).toBe(true);
    const x = randn([3, 3, 32, 32]);
    const [want, got] = [await outputOf(model, x), await outputOf(loaded, x)];
    expect(equal(want, got)).toBe(true);
    expect(loaded.explain()).toBe(model.explain());
    for (const tensor of [x, want, got]) tensor.dispose();
    model.dispose();
    loaded.dispose();
  });

  it('leave the event loop time between the pieces of a file', async () => {
    const { path } = await saved();
    let turns = 0;
    const turn = () => {
      turns++;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    const seen = new Set<number>();
    const { ofPages } = UntypedStorage;
    const spy = vi.spyOn(UntypedStorage, 'ofPages').mockImplementation((nbytes) => {
      seen.add(turns);
      return ofPages(nbytes);
    });
    const model = await loadCompiled(path, { threads: 1 });
    clearImmediate(next);
    expect(seen.size).toBe(spy.mock.calls.length);
    expect(seen.size).toBeGreaterThan(3);
    spy.mockRestore();
    model.dispose();
  });

  it('keep the batch size, and values that JSON has no words for', async () => {
    const path = join(tmp(), 'model.ibn');
    const make = () => {
      const maker = new PlanMaker('float32', [2, 3, 3]);
      const [x, y] = [maker.read(), maker.map(2, 3, 3)];
      const args = [{ value: x }, { literal: -0 }, { literal: Number.POSITIVE_INFINITY }];
      maker.step({ op: 'aten', operator: 'aten::hardtanh', args, output: y });
      return maker.outputs(y);
    };
    const model = await compilePlan(make, { batch: 2 });
    model.save(path);
    model.dispose();
    const loaded = await loadCompiled(path);
    const [two, one] = [randn([2, 2, 3, 3]), randn([1, 2, 3, 3])];
    const y = await outputOf(loaded, two);
    const relu = two.relu();
    expect(equal(y, relu)).toBe(true);
    expect((await rejection(loaded.run(one))).message).toContain('Expected shape [2, 2, 3, 3]');
    for (const tensor of [two, one, y, relu]) tensor.dispose();
    loaded.dispose();
    const value = { a: [1n, undefined, null, Number.NaN, -0, 'x', { b: true }] };
    expect(fromJson(JSON.parse(JSON.stringify(toJson(value))), () => null)).toEqual(value);
  });

  it('need the weights', async () => {
    const model = await compilePlan(smallNetwork, { keepWeights: false });
    const { code, message } = errorOf(() => model.save(join(tmp(), 'model.ibn')));
    expect({ code, message }).toMatchInlineSnapshot(`
      {
        "code": "ERR_COMPILED_NO_WEIGHTS",
        "message": "Expected a model that keeps its weights for save, got one of keepWeights: false or fromShared; save it where it was compiled, with keepWeights: true",
      }
    `);
    model.dispose();
    expect(errorOf(() => model.save('x')).code).toBe('ERR_COMPILED_DISPOSED');
  });

  it('leave nothing behind when the file cannot be written', async () => {
    const model = await compilePlan(smallNetwork);
    const folder = tmp();
    const { code } = errorOf(() => model.save(join(folder, 'none', 'model.ibn')));
    expect(code).toBe('ERR_COMPILED_FILE');
    chmodSync(folder, 0o700);
    expect(readdirSync(folder)).toEqual([]);
    model.dispose();
  });
});

describe('damaged files are refused', () => {
  async function refusal(path: string): Promise<string> {
    const { name, code, message } = await rejection(loadCompiled(path));
    return `${name} ${code}: ${message}`;
  }

  it('that are missing, empty, or something else', async () => {
    const folder = tmp();
    const write = (name: string, bytes: Uint8Array) => {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    };
    const paths = [
      write('empty.ibn', new Uint8Array(0)),
      write('short.ibn', Buffer.from('IBNPLAN\n')),
      write('other.ibn', Buffer.alloc(1000, 'x')),
    ];
    const messages: string[] = [];
    for (const path of paths) messages.push(await refusal(path));
    expect(messages).toMatchInlineSnapshot(`
      [
        "CompiledModelError ERR_COMPILED_CORRUPT: empty.ibn: no compiled model; compile() makes them and save() writes them",
        "CompiledModelError ERR_COMPILED_CORRUPT: short.ibn: no compiled model; compile() makes them and save() writes them",
        "CompiledModelError ERR_COMPILED_CORRUPT: other.ibn: no compiled model; compile() makes them and save() writes them",
      ]
    `);
    expect(await refusal(join(folder, 'none.ibn'))).toContain(
      'ERR_COMPILED_FILE: none.ibn: could not be read',
    );
    expect(await refusal(folder)).toContain('ERR_COMPILED_FILE');
  });

  it('that are cut short or longer', async () => {
    const { path, bytes } = await saved();
    for (const size of [0, 7, 31, 32, 63, 500, bytes.length - 33, bytes.length - 1]) {
      writeFileSync(path, bytes.subarray(0, size));
      expect(await refusal(path)).toContain('ERR_COMPILED_CORRUPT');
    }
    writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(1)]));
    expect(await refusal(path)).toContain('bytes where its header says');
  });

  it('with any bit changed', async () => {
    const { path, bytes } = await saved();
    const step = Math.ceil(bytes.length / 150);
    for (let at = 0; at < bytes.length; at += step) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      writeFileSync(path, changed);
      expect(await refusal(path)).toMatch(/ERR_COMPILED_(CORRUPT|VERSION)/);
    }
  });

  it('of another version', async () => {
    const { path, bytes } = await saved();
    bytes.writeUInt32LE(7, 8);
    writeFileSync(path, bytes);
    expect(await refusal(path)).toMatchInlineSnapshot(
      `"CompiledModelError ERR_COMPILED_VERSION: model.ibn: version 7 of the format, and this package reads 1; compile and save the model again"`,
    );
  });

  it('with a wrong plan under a right checksum', async () => {
    const { path, bytes } = await saved();
    const length = Number(bytes.readBigUInt64LE(16));
    const json = bytes.toString('utf8', 32, 32 + length);
    const changes: [RegExp, string][] = [
      [/"buffer":1,/, '"buffer":9,'],
      [/"offset":0,/, '"offset":1,'],
      [/"\$tensor":0/, '"$tensor":99'],
      [/"nbytes":\d/, '"nbytes":9'],
      [/"dtype":"float32","shape"/, '"dtype":"float99","shape"'],
      [/"shape":\[8/, '"shape":[7'],
      [/"arenaBytes":\d/, '"arenaBytes":1'],
      [/"steps":\[/, '"steps":{'],
      [/"op":"maxPool"/, '"op":"mixPool"'],
      [/"output":1,/, '"output":8,'],
      [/"name":"step0"/, '"name":123456 '],
    ];
    for (const [from, to] of changes) {
      const text = json.replace(from, to);
      expect(text, String(from)).not.toBe(json);
      const body = Buffer.concat([
        bytes.subarray(0, 32),
        Buffer.from(text.padEnd(length).slice(0, length)),
        bytes.subarray(32 + length, -32),
      ]);
      writeFileSync(path, Buffer.concat([body, createHash('sha256').update(body).digest()]));
      expect(await refusal(path), String(from)).toContain('ERR_COMPILED_CORRUPT');
    }
  });
});
