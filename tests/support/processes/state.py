"""What belongs to a whole process, which a library that is a guest in it leaves as it was."""

from __future__ import annotations

import csv
import gc
import locale
import logging
import multiprocessing
import os
import random
import signal
import sys
import threading
import warnings
from typing import Any

import numpy as np
import torch
import transformers
from huggingface_hub.utils import logging as hub
from huggingface_hub.utils.tqdm import progress_bar_states


def state() -> dict[str, Any]:
    """Name -> what it is now, in a form that is compared."""
    umask = os.umask(0)
    os.umask(umask)
    return {
        "csv": csv.field_size_limit(),
        "logging": _logging(),
        "warnings": [str(each) for each in warnings.filters] + [repr(warnings.showwarning)],
        "environment": dict(os.environ),
        "streams": [id(each) for each in (sys.stdin, sys.stdout, sys.stderr)],
        "hooks": [sys.excepthook, threading.excepthook, sys.unraisablehook, sys.displayhook],
        "signals": {each: signal.getsignal(each) for each in signal.valid_signals()},
        "locale": locale.setlocale(locale.LC_ALL),
        "random": [random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()],
        "numpy": [np.geterr(), np.get_printoptions()],
        "torch": [
            torch.get_num_threads(),
            torch.get_num_interop_threads(),
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            torch.get_float32_matmul_precision(),
        ],
        "transformers": [
            transformers.logging.get_verbosity(),
            transformers.logging.is_progress_bar_enabled(),
            transformers.utils.logging._tqdm_hook,
        ],
        "hub": [hub.get_verbosity(), dict(progress_bar_states)],
        "interpreter": [
            sys.getrecursionlimit(),
            sys.getswitchinterval(),
            gc.isenabled(),
            gc.get_threshold(),
            list(sys.path),
            os.getcwd(),
            umask,
            multiprocessing.get_start_method(allow_none=True),
        ],
    }


def _logging() -> dict[str, Any]:
    """Of every logger that is set in any way, torch's own aside, which it makes as it goes."""
    loggers = {"": logging.root, **logging.root.manager.loggerDict}
    known = {
        name: each
        for name, each in loggers.items()
        if isinstance(each, logging.Logger) and not name.startswith("torch.")
    }
    told = {
        name: (each.level, each.propagate, each.disabled, list(each.handlers), list(each.filters))
        for name, each in known.items()
        if each.level or each.handlers or each.filters or each.disabled or not each.propagate
    }
    inner = [
        (handler.level, list(handler.filters)) for each in told.values() for handler in each[3]
    ]
    return {**told, "*": (logging.root.manager.disable, logging.getLoggerClass(), inner)}
