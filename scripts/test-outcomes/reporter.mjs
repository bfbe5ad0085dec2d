// Tells each test's outcome as soon as its file is done, so that a run that is stopped is not lost: one line of JSON for
// a file, to the file that TEST_OUTCOMES names.
import { appendFileSync } from 'node:fs';

const KEPT = 600;

/** Arguments for Node that run the tests and tell. */
export const VITEST = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--no-color',
  '--reporter=default',
  '--reporter=./scripts/test-outcomes/reporter.mjs',
];

export default class Reporter {
  onTestModuleEnd(module) {
    const tests = [...module.children.allTests()].map(outcome);
    const errors = module.errors().map(({ message }) => String(message).slice(0, KEPT));
    const { relativeModuleId: file } = module;
    appendFileSync(process.env.TEST_OUTCOMES, `${JSON.stringify({ file, tests, errors })}\n`);
  }
}

function outcome(test) {
  const { state, note, errors } = test.result();
  const reason = note ?? errors?.[0]?.message;
  return {
    name: test.fullName,
    state,
    ...(reason === undefined ? {} : { reason: String(reason).slice(0, KEPT) }),
  };
}
