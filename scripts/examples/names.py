"""Names for PyTorch, as examples/names learns those of its test: losses of eight epochs.

  python scripts/examples/names.py > test/fixtures/examples/names.json
"""
import json
import math
import string
import unicodedata

import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

LETTERS = string.ascii_letters + " .,;'-"
STEMS = ['Ros', 'Mar', 'Ferr', 'Gall', 'Cont', 'Nov', 'Kow', 'Lew', 'Zíl', 'Bor']


def encode(name):
    plain = ''.join(c for c in unicodedata.normalize('NFD', name) if c in LETTERS)
    return nn.functional.one_hot(torch.tensor([LETTERS.index(c) for c in plain]), len(LETTERS)).float()


class NameClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(len(LETTERS), 16)
        self.output = nn.Linear(16, 2)

    def forward(self, names):
        _, (hidden, _) = self.lstm(names)
        return self.output(hidden.squeeze(0)).log_softmax(1)


torch.set_num_threads(1)
torch.manual_seed(0)
samples = [(encode(stem + vowel + ending), label) for label, ending in enumerate(['ini', 'wski'])
           for stem in STEMS for vowel in ['', 'a', 'e', 'o']]
samples = [samples[i] for i in torch.randperm(len(samples))]
train = samples[:math.ceil(0.85 * len(samples))]
model = NameClassifier()
optimizer = torch.optim.SGD(model.parameters(), lr=2, fused=True)
losses = []
for _ in range(8):
    loss_sum = 0
    for picked in torch.randperm(len(train)).split(8):
        names, labels = zip(*(train[i] for i in picked))
        loss = nn.functional.nll_loss(model(pack_sequence(names, enforce_sorted=False)), torch.tensor(labels))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 3)
        optimizer.step()
        loss_sum += loss.item() * len(picked)
    losses.append(round(loss_sum / len(train), 6))
print(json.dumps({'torch': torch.__version__, 'losses': losses}))
