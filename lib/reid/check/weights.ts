import { scope, type Tensor } from '../../tensor/index.ts';
import type { ReIDModel } from '../models/index.ts';
import type { Finding } from './findings.ts';
import { normsOf } from './moments.ts';

/** What the weights tell by themselves. */
export function checkWeights(model: ReIDModel): Finding[] {
  return [...brokenWeights(model), ...untouchedStatistics(model)];
}

function brokenWeights(model: ReIDModel): Finding[] {
  const broken = [...model.stateDict()].flatMap(([key, tensor]): [string, string][] => {
    const reason = scope(() => reasonOf(key, tensor));
    return reason === undefined ? [] : [[key, reason]];
  });
  const [first] = broken;
  if (first === undefined) return [];
  const more = broken.length > 1 ? `, and ${broken.length - 1} more` : '';
  return [
    {
      fault: 'broken-weights',
      message: `"${first[0]}" ${first[1]}${more}`,
      evidence: 'all weights were looked at',
      remedy: 'take an earlier checkpoint; training diverged, or the file was converted wrongly',
    },
  ];
}

function reasonOf(key: string, tensor: Tensor): string | undefined {
  if (!/^b?float/.test(tensor.dtype) || tensor.numel() === 0) return undefined;
  if (!tensor.isfinite().all().item<boolean>()) return 'has NaN or infinity';
  if (key.endsWith('running_var') && (tensor.min().item() as number) < 0) return 'has negative variances';
  const isUnused = /(^|\.)(fc|classifier)\.|^heads?\.weight$|_head\.weight$/.test(key);
  if (tensor.dim() >= 2 && !isUnused && !tensor.any().item<boolean>()) return 'is all zero';
  return undefined;
}

function untouchedStatistics(model: ReIDModel): Finding[] {
  const norms = normsOf(model);
  const untouched = norms.filter(([, { running_mean, running_var }]) =>
    scope(
      () => !(running_mean as Tensor).any().item() && (running_var as Tensor).eq(1).all().item<boolean>(),
    ),
  );
  const [first] = untouched;
  if (first === undefined) return [];
  const evidence = `running means are all 0 and variances all 1 in ${untouched.length} of ${norms.length} layers of batch normalisation`;
  if (untouched.length === norms.length) {
    return [
      {
        fault: 'untouched-statistics',
        message: 'No layer of batch normalisation has statistics of training',
        evidence,
        remedy:
          'take a file that has the buffers too (state_dict(), not parameters()), of a network that was trained',
      },
    ];
  }
  return [
    {
      fault: 'half-loaded',
      message: `Some layers are as before training, the first "${first[0]}"`,
      evidence,
      remedy:
        'the file was written by a program that had loaded only a part; take the original file, and load it with strict=True',
    },
  ];
}
