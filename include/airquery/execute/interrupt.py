"""Notice Ctrl-C while DuckDB is busy.

Python runs signal handlers only between bytecodes of the main thread, and that thread is inside
DuckDB until the statement ends. The interpreter does write the signal's number to a file
descriptor at once; a thread of ours reads it and stops what is running.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import weakref

from airquery.execute.statement import Cancel


class Interrupts:
    """Hands out cancel flags that Ctrl-C sets."""

    def __init__(self) -> None:
        self._flags: weakref.WeakSet[Cancel] = weakref.WeakSet()
        self._lock = threading.Lock()

    def cancel(self) -> Cancel:
        """Return a fresh flag; it lives as long as the caller keeps it."""
        flag = Cancel()
        with self._lock:
            self._flags.add(flag)
        return flag

    def fire(self) -> None:
        """Set every flag that is in use."""
        with self._lock:
            flags = list(self._flags)
        for flag in flags:
            flag.set()

    def listen(self) -> bool:
        """Watch for signals from here on.

        Only the main thread may ask for it, and only one part of a process can have it: False
        when it is not to be had (an asyncio program, a server's worker thread), and Ctrl-C then
        takes effect after the chunk that is being answered.
        """
        if threading.current_thread() is not threading.main_thread():
            return False
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        if previous != -1:
            signal.set_wakeup_fd(previous)
            reader.close()
            writer.close()
            return False
        threading.Thread(
            target=self._watch, args=(reader, writer), name="airquery-interrupt", daemon=True
        ).start()
        return True

    def _watch(self, reader: socket.socket, writer: socket.socket) -> None:
        # `writer` is held here: the interpreter only knows its number.
        own = os.getpid()
        while numbers := reader.recv(64):
            if signal.SIGINT in numbers and os.getpid() == own:
                self.fire()
        writer.close()
