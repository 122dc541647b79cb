"""How a run that writes is ended by others than the user."""

from __future__ import annotations

import signal


def end_in_order() -> None:
    """Write what is encoded, as for Ctrl-C, where batch systems or a closed terminal end a run."""
    for name in ("SIGTERM", "SIGHUP"):
        sign = getattr(signal, name, None)
        # One that is ignored, as nohup has it, stays ignored.
        if sign is not None and signal.getsignal(sign) == signal.SIG_DFL:
            signal.signal(sign, signal.default_int_handler)
