"""Writes the indices that torch's DistributedSampler gives: test/fixtures/distributed/sampler.json (torch 2.13).

    python scripts/distributed/sampler.py > test/fixtures/distributed/sampler.json
"""

import json

from torch.utils.data.distributed import DistributedSampler

cases = []
for length in [1, 2, 5, 10, 13]:
    for replicas in [1, 2, 3, 4]:
        for shuffle in [True, False]:
            for drop_last in [True, False]:
                for epoch in [0, 3]:
                    ranks = []
                    for rank in range(replicas):
                        if drop_last and length < replicas:
                            continue
                        sampler = DistributedSampler(
                            range(length), replicas, rank, shuffle=shuffle, seed=11, drop_last=drop_last
                        )
                        sampler.set_epoch(epoch)
                        ranks.append(list(sampler))
                    cases.append([length, replicas, shuffle, drop_last, epoch, ranks])
print(json.dumps(cases, separators=(",", ":")))
