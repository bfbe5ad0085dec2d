import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadBinding } from '../../lib/binding.ts';
import { listOps, ops, type Tensor, tensor } from '../../lib/tensor/index.ts';
import { message, root, tmp } from '../helpers/index.ts';

/** Compiles test/fixtures/tensor/library.cpp against the loaded libtorch's headers. */
function compileLibrary(): string {
  const library = join(tmp(), 'libibn_test.so');
  const includes = loadBinding().libtorch.includeDirs.map((folder) => `-I${folder}`);
  const source = join(root, 'test', 'fixtures', 'tensor', 'library.cpp');
  execFileSync('g++', ['-shared', '-fPIC', '-std=c++20', '-O0', ...includes, source, '-o', library]);
  return library;
}

describe('ops of a loaded library', () => {
  it('are called by their schemas as soon as it is loaded', () => {
    expect(message(() => ops.ibn_test?.count)).toContain('ibn_test::count');
    ops.loadLibrary(compileLibrary());
    expect(listOps()).toContain('ibn_test::count');
    const { copy, count } = ops.ibn_test as Record<string, (...args: unknown[]) => unknown>;
    const x = tensor([1, 2]);
    const y = copy?.(x) as Tensor;
    expect([y.toArray(), y.isSame(x)]).toEqual([[1, 2], false]);
    expect([count?.(3), count?.(3, 5), count?.(3, { b: 5, one_more: false })]).toEqual([6, 9, 8]);
    const recorded = ops.ibn_test?.recorded as (x: Tensor) => Tensor;
    // Its Autograd kernel runs although nothing requires grad.
    expect(recorded(x).toArray()).toEqual([7, 7]);
    expect(message(() => count?.(3.5))).toMatchInlineSnapshot(
      `"TypeError: Expected an int for ibn_test::count argument "a", got 3.5"`,
    );
    expect(message(() => count?.(3, { two_more: true }))).toMatchInlineSnapshot(
      `"TypeError: Expected options of ibn_test::count (b, one_more), got "two_more""`,
    );
    x.dispose();
    y.dispose();
  });
});
