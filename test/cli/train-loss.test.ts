import { describe, expect, it } from 'vitest';
import { runLoss } from '../../lib/cli/train/run-loss.ts';
import { nn, type Tensor, tensor } from '../../lib/index.ts';
import { resolveConfig } from '../../lib/train/index.ts';
import { fixture } from '../helpers/files.ts';

// By scripts/fixtures/bce.py.
const recorded = fixture<{
  scores: number[][];
  labels: number[];
  shares: number[][];
  cases: {
    labelSmoothing: number;
    bceTargetThreshold: number | null;
    ofClasses: number;
    ofShares: number;
  }[];
}>('train/bce.json');

/** A network whose scores are known. */
class Known extends nn.Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

describe('--loss bce', () => {
  it.each(recorded.cases)(
    "is timm's BinaryCrossEntropy with $labelSmoothing and $bceTargetThreshold",
    async ({ ofClasses, ofShares, ...values }) => {
      const config = await resolveConfig({ values: { loss: 'bce', ...values } });
      const lossOf = runLoss(new Known(), 7, config);
      const scores = () => tensor(recorded.scores);
      const classes = tensor(recorded.labels, { dtype: 'int64' });
      expect(Number(lossOf([scores(), classes]).loss.item())).toBeCloseTo(ofClasses, 6);
      const { loss } = lossOf([scores(), tensor(recorded.shares)]);
      expect(Number(loss.item())).toBeCloseTo(ofShares, 6);
    },
  );
});
