import json
import os
import sys
import time

start = time.perf_counter()
import torch  # noqa: E402

imported = time.perf_counter()
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from models import build  # noqa: E402

skip = len(sys.argv) > 2 and sys.argv[2] == "skip-init"
if skip:
    with torch.device("meta"):
        model = build("resnet50_ibn_a")
else:
    model = build("resnet50_ibn_a")
built = time.perf_counter()
model.load_state_dict(torch.load(sys.argv[1], mmap=skip), assign=skip)
model.eval()
loaded = time.perf_counter()
with torch.no_grad():
    model(torch.ones(1, 3, 224, 224)).tolist()
end = time.perf_counter()


def process_age():
    ticks = float(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19])
    uptime = float(open("/proc/uptime").read().split()[0])
    return uptime - ticks / os.sysconf("SC_CLK_TCK")


ms = {
    "import": imported - start,
    "build": built - imported,
    "load": loaded - built,
    "forward": end - loaded,
    "total": end - start,
    "wall": process_age(),
}
print(json.dumps({key: value * 1000 for key, value in ms.items()}))
