// What peers read and write: weights and inputs that are the same for all, outputs that are compared. They lie in the
// folder that PEERS names, by default ibn-net-peers in the system's temporary folder, and stay there.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../harness.mjs';
import { noise } from '../peers/noise.mjs';

process.env.PEERS ??= join(tmpdir(), 'ibn-net-peers');
export const folder = process.env.PEERS;

/** The path of a file of a kind, made where it is not there yet. */
export function made(kind, file, make) {
  const path = join(folder, kind, file);
  mkdirSync(join(folder, kind), { recursive: true });
  if (!existsSync(path)) make(path);
  return path;
}

/** Weights of a network, the same for every peer. */
export const weightsOf = (network) =>
  made('weights', `${network}.pth`, (path) =>
    execFileSync(process.execPath, [join(root, 'bench/peers/make-weights.mjs'), network, path]),
  );

/** A batch of images, float32. */
export const inputOf = (batch) =>
  made('inputs', `noise-${batch}.bin`, (path) => writeFileSync(path, Buffer.from(noise(batch).buffer)));

/** Photographs that are quantised with, (N, 3, 224, 224) float32. */
export const calibrationImages = () =>
  made('inputs', 'calibration.bin', (path) =>
    execFileSync(process.execPath, [join(root, 'bench/peers/make-calibration.mjs'), path]),
  );

export const floats = (path) => {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
};

/** Largest difference, as a share of the largest value; NaN where there is one. */
export function relativeError(actual, expected) {
  let [difference, largest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const off = Math.abs(actual[i] - expected[i]);
    if (!(off <= difference)) difference = off;
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return actual.length === expected.length ? difference / largest : Number.NaN;
}
