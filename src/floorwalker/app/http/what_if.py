"""The route that says what other settings of identity would do. For admin keys of the whole shop.

In: a `Call` with settings by dotted key, and the worker's `Live`. Out: what `floorwalker identity what-if --json`
prints. A process of its own works it out, seconds to minutes, with memory of its own; of one worker only one at a time.

    {"settings": {"identity.levels.crm": 0.98}, "pairs": 5}
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from floorwalker.app.amending import amend
from floorwalker.app.config import load_config
from floorwalker.app.http.answers import Answer, Call, Problem
from floorwalker.errors import ConfigError

if TYPE_CHECKING:
    from floorwalker.app.http.live import Live

LONGEST = 900.0
"""Seconds after which the answer is given up."""
POLITE = 20.0
"""Seconds a process has to clean up after itself."""


class AskedWhatIf(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`settings`: of `[identity]`, by dotted key. `pairs`: examples of customers that would be joined, and parted."""

    settings: Annotated[dict[str, Any], msgspec.Meta(min_length=1)]
    pairs: Annotated[int, msgspec.Meta(ge=0, le=100)] = 5


class Trial:
    """The process of one worker that works something out; no second one beside it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def work_out(self, root: str, asked: AskedWhatIf) -> bytes:
        """What the command prints. Raises Problem: 503 where one is at work or fails, 504 after LONGEST."""
        command = [sys.executable, "-m", "floorwalker.app.cli", "-p", root, "identity", "what-if", "--json"]
        command += ["--pairs", str(asked.pairs)]
        for key, value in asked.settings.items():
            command += ["--set", f"{key}={msgspec.json.encode(value).decode()}"]
        if not self._lock.acquire(blocking=False):
            raise Problem(503, "busy", "another what-if is being worked out", fix="ask again in a minute")
        try:
            # What it says on stderr may quote a person's data: it goes nowhere.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            out, _ = self._process.communicate(timeout=LONGEST)
            code = self._process.returncode
        except subprocess.TimeoutExpired:
            self.close()
            raise Problem(
                504, "too_slow", f"no answer within {LONGEST:.0f} s", fix="floorwalker identity what-if"
            ) from None
        finally:
            self._process = None
            self._lock.release()
        if code:
            raise Problem(
                503, "not_worked_out", "that could not be worked out", f"exit code {code}",
                "floorwalker identity what-if says why; before the first run there is nothing to compare with",
            )  # fmt: skip
        return out

    def close(self) -> None:
        """End what is at work; it cleans up after itself."""
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=POLITE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def post_what_if(live: Live, call: Call) -> Answer:
    """`POST /v1/identity/what-if`"""
    asked = call.said(AskedWhatIf)
    if call.key.market:
        raise Problem(
            403, "other_market", "what-if is about the whole shop", f"this is a key of {call.key.market}",
            "use an admin key without a market",
        )  # fmt: skip
    try:
        # Said at once, and in our words, not those of a process that failed.
        amend(load_config(live.project).settings, asked.settings)
    except ConfigError as error:
        raise Problem(400, "invalid_settings", error.what, error.why, error.fix) from error
    return Answer(200, live.trial.work_out(str(live.project.root), asked))
