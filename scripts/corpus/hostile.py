"""Objects whose pickles call what does harm; each would leave a file `canary` beside the corpus if it ran."""

import builtins
import importlib
import operator
import os
import pickle
import runpy
import shutil
import socket
import subprocess
import sys
import webbrowser

import torch

from . import stubs

COMMAND = "touch canary"
CODE = "open('canary', 'w').write('')"


class Calls:
    def __init__(self, function, *args):
        self.reduced = (function, args)

    def __reduce__(self):
        return self.reduced


def harmless_name(text):
    """Not known to do harm by its name: it must be described and not called."""
    open("canary", "w").write(text)


harmless_name.__module__, harmless_name.__qualname__ = "research.project", "harmless_name"
sys.modules["research.project"].harmless_name = harmless_name


def objects():
    """(name, object, whether the load must stop)."""
    calls = {
        "os-system": (os.system, COMMAND),
        "os-popen": (os.popen, COMMAND),
        "os-remove": (os.remove, "expected.json"),
        "subprocess-popen": (subprocess.Popen, ["touch", "canary"]),
        "subprocess-run": (subprocess.run, ["touch", "canary"]),
        "subprocess-output": (subprocess.check_output, ["touch", "canary"]),
        "eval": (builtins.eval, CODE),
        "exec": (builtins.exec, CODE),
        "compile": (builtins.compile, CODE, "x", "exec"),
        "open": (open, "canary", "w"),
        "import": (builtins.__import__, "antigravity"),
        "getattr": (getattr, "x", "__class__"),
        "setattr": (setattr, stubs.Settings, "lr", 1),
        "globals": (builtins.globals,),
        "input": (builtins.input, "?"),
        "breakpoint": (builtins.breakpoint,),
        "runpy": (runpy.run_path, "canary.py"),
        "importlib": (importlib.import_module, "antigravity"),
        "pickle-loads": (pickle.loads, b"cos\nsystem\n(S'touch canary'\ntR."),
        "shutil-rmtree": (shutil.rmtree, "/nonexistent"),
        "socket": (socket.create_connection, ("localhost", 1)),
        "webbrowser": (webbrowser.open, "http://localhost"),
        "attrgetter": (operator.attrgetter, "system"),
        "methodcaller": (operator.methodcaller, "system", COMMAND),
        "torch-load": (torch.load, "canary.pth"),
        "torch-hub": (torch.hub.load, "a/b", "c"),
        "load-from-bytes": (torch.storage._load_from_bytes, b"x"),
        "jit-load": (torch.jit.load, "canary.pt"),
        "load-library": (torch.serialization.load, "x"),
        "sys-exit": (sys.exit, 1),
        "nested": (stubs.Settings, Calls(os.system, COMMAND)),
    }
    made = [(name, Calls(*call), True) for name, call in calls.items()]
    return [*made, ("described", Calls(harmless_name, "x"), False)]
