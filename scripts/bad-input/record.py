"""Which bad calls torch takes too, of those that the tests in test/bad-input note as taken.

    BAD_INPUT_DUMP=DUMP npx vitest run test/bad-input
    python scripts/bad-input/record.py DUMP test/fixtures/bad-input

The tests note what the fixtures do not have yet; remove those to begin anew. What torch refuses is printed: mend that, or give the reason
in test/bad-input/allowed.ts.
"""

import base64
import gzip
import inspect
import itertools
import json
import re
import resource
import signal
import sys
import warnings
from pathlib import Path

import torch
from torchvision.transforms import InterpolationMode, v2

MOST_BYTES = 12 << 30
SECONDS = 5


# Modules that stand in calls, as test/bad-input/module-calls.ts makes them.
MADE = {
    "Normal": lambda: torch.distributions.Normal(0, 1),
    "Linear": lambda: torch.nn.Linear(4, 4),
    "Generator": torch.Generator,
    "RandomHorizontalFlip": v2.RandomHorizontalFlip,
    "TensorDataset": lambda: torch.utils.data.TensorDataset(torch.ones(4, 2)),
    "SGD": lambda: torch.optim.SGD([torch.ones(2, 2, requires_grad=True)], lr=0.1, momentum=0.9),
    "Conv2d": lambda: torch.nn.Conv2d(3, 4, 2).eval(),
    "BatchNorm2d": lambda: torch.nn.BatchNorm2d(4).eval(),
    "BatchNorm1d": lambda: torch.nn.BatchNorm1d(4).eval(),
    "PackedSequence": lambda: torch.nn.utils.rnn.pack_sequence([torch.randn(3, 2), torch.randn(2, 2)]),
    "LayerNorm": lambda: torch.nn.LayerNorm(4),
    "TransformerEncoderLayer": lambda: torch.nn.TransformerEncoderLayer(4, 2, 6, batch_first=True),
    "TransformerDecoderLayer": lambda: torch.nn.TransformerDecoderLayer(4, 2, 6, batch_first=True),
}


class Unknown(Exception):
    """What this script has no way to make or to find."""


class Left:
    """Stands for undefined."""


LEFT = Left()


def decode_tensor(value):
    dtype = getattr(torch, value["dtype"])
    data = bytearray(base64.b64decode(value["tensor"]))
    made = torch.frombuffer(data, dtype=dtype).clone().reshape(value["shape"]) if data else torch.empty(value["shape"], dtype=dtype)
    needs = value["requiresGrad"] and (dtype.is_floating_point or dtype.is_complex)
    return made.requires_grad_() if needs else made


def decode(value):
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return decode_tensor(value)
    if "float" in value:
        return float(value["float"].replace("Infinity", "inf"))
    if "bigint" in value:
        return int(value["bigint"])
    if "undefined" in value:
        return LEFT
    if "function" in value:
        return lambda *args, **_: (args[0] - args[1]).abs().sum(-1) if len(args) > 1 else args[0]
    if "options" in value:
        return {key: decode(item) for key, item in value["options"].items()}
    if value["made"] in MADE:
        return MADE[value["made"]]()
    raise Unknown(f"a {value['made']}")


def snake(name):
    name = re.sub(r"^atleast(?=\dd$)", "atleast_", name)
    dashes, rest = re.fullmatch("(_*)(.*)", name).groups()
    return dashes + re.sub("(?<=.)([A-Z])", lambda found: f"_{found[1].lower()}", rest)


def option(name, value):
    if name == "interpolation" and value in [mode.value for mode in InterpolationMode]:
        return InterpolationMode(value)
    if name in ("memory_format", "memoryFormat") and isinstance(value, str):
        return getattr(torch, value, value)
    return getattr(torch, value, value) if name == "dtype" and isinstance(value, str) else value


def default(function, place):
    """What Python takes where that argument is left out."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        parameters = []
    if place < len(parameters) and parameters[place].default is not inspect.Parameter.empty:
        return parameters[place].default
    raise Unknown("undefined before others")


def split(args, function):
    """What stands in order, and the options."""
    given = list(args)
    while given and given[-1] is LEFT:
        given.pop()
    options = given.pop() if given and isinstance(given[-1], dict) else {}
    given = [default(function, place) if item is LEFT else item for place, item in enumerate(given)]
    return given, {snake(name): option(name, item) for name, item in options.items() if item is not LEFT}


def find(name):
    name = name.split(",")[0]
    if name.startswith("transforms."):
        return look(v2, name.removeprefix("transforms."))
    try:
        return look(torch, name)
    except Unknown:
        return look(torch.utils.data, name)


def look(space, name):
    found = space
    for part in name.split("."):
        here = part if hasattr(found, part) else snake(part)
        if not hasattr(found, here):
            raise Unknown(name)
        found = getattr(found, here)
    return found


def positional(name, args, options):
    """Options of functions that take them by name alone in Python, and in order here."""
    if name == "nn.functional.gelu" and len(args) == 2:
        return args[:1], {"approximate": args[1], **options}
    if name.lower().endswith("todtype"):
        return [getattr(torch, item, item) if isinstance(item, str) else item for item in args], options
    return args, options


def class_of(name):
    """The class whose method has that name, if it is one's."""
    try:
        return find(name.rpartition(".")[0])
    except (Unknown, AttributeError):
        return None


def with_gradients(args):
    """Functions of gradients take parameters that have one."""
    for parameter in args[0] if isinstance(args[0], list) else []:
        parameter.grad = torch.ones_like(parameter)
    return args


def run(call):
    name = call["name"].split(",")[0]
    function = find(name.removesuffix(".forward"))
    other = decode(call["other"])
    torch.manual_seed(1)
    if name.endswith(".forward"):
        made = in_order(function, other).train(call["training"])
        torch.manual_seed(1)
        in_order(made.forward, decode(call["args"]))
        return
    args = decode(call["args"])
    if isinstance(owner := class_of(name), type):
        in_order(getattr(in_order(owner, other), snake(name.rpartition(".")[2])), args)
        return
    made = in_order(function, with_gradients(args) if name.startswith("nn.utils.clip") else args, name)
    if isinstance(made, torch.utils.data.Sampler):
        list(itertools.islice(made, 3))
    if other and isinstance(made, torch.nn.Module):
        torch.manual_seed(1)
        in_order(made.train(call["training"]).forward, other)


def in_order(function, args, name=""):
    given, options = positional(name, *split(args, function))
    return function(*given, **options)


def too_long(*_):
    raise TimeoutError("took too long")


def is_taken(call):
    signal.alarm(SECONDS)
    try:
        run(call)
        return True
    except Exception as error:
        print(call["name"], "|", call["label"], "|", type(error).__name__, str(error).split("\n")[0][:200])
        return False
    finally:
        signal.alarm(0)


def record(source, target):
    taken = json.loads(gzip.decompress(target.read_bytes())) if target.exists() else {}
    calls = [json.loads(line) for line in source.read_text().splitlines()]
    for call in calls:
        if not call["hopeless"] and is_taken(call) and call["label"] not in taken.setdefault(call["name"], []):
            taken[call["name"]].append(call["label"])
    text = json.dumps(taken, separators=(",", ":"))
    target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    signal.signal(signal.SIGALRM, too_long)
    for path in sorted(Path(sys.argv[1]).glob("*.jsonl")):
        record(path, Path(sys.argv[2]) / f"{path.stem}.json.gz")
