"""How a peer in Python answers: a JSON object for each line of standard input, on lines that begin with @."""

import json
import os
import sys

# What libraries print must not mix with the answers.
_reply_to = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def _reply(**values):
    print("@" + json.dumps(values), file=_reply_to, flush=True)


def answer(commands):
    """Says that all is ready, then answers each {"do": .., ..} with what the command of that name returns."""
    _reply(ready=True)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            _reply(**commands[command.pop("do")](**command))
        except Exception as error:
            _reply(error=f"{type(error).__name__}: {error}"[:500])
