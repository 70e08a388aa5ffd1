"""The virtual machine: starts it, reads what its tests say, and ends it in time.

The guest has two serial lines. The kernel's messages go to a file by the first; the second carries
the tests' output, in which lines that begin with "@@ " are for the host:

    @@ fact NAME VALUE
    @@ begin SUITE
    @@ result SUITE passed|failed|skipped TEST [| REASON]
    @@ end SUITE STATUS
    @@ done

A run without "@@ done", or with a panic, an oops or a warning among the kernel's messages, has
failed whatever else it said.
"""

import os
import re
import select
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

KVM_PATIENCE = 10  # seconds within which a kernel under a working KVM has long said something


class MachineError(Exception):
    """The machine could not be run to its end; the text says why."""


@dataclass
class Machine:
    kernel: Path
    initramfs: Path
    disk: Path
    kernel_log: Path
    arguments: str = ""
    deadline: float = field(default=0.0)

    def lines(self, accelerators: list[str]) -> Iterator[str]:
        """What the tests print, line by line. A KVM that starts no kernel is passed over."""
        for accelerator in accelerators:
            self.kernel_log.write_text("")
            process = self._start(accelerator)
            try:
                if accelerator == "kvm" and not self._speaks():
                    yield "(this host's KVM does not start a kernel: software emulation instead)"
                    continue
                yield f"(acceleration: {accelerator})"
                yield from self._read(process)
            finally:
                process.kill()
                process.wait()
            return
        raise MachineError("no way to accelerate or emulate the machine works here")

    def complaint(self) -> str:
        """The first message by which the kernel says that it is in trouble, or an empty string."""
        found = re.search(r"(Kernel panic|BUG: |Oops: |WARNING: ).*", self.kernel_messages())
        return found[0] if found else ""

    def kernel_messages(self) -> str:
        return self.kernel_log.read_text(errors="replace")

    def _start(self, accelerator: str) -> subprocess.Popen:
        # Without SMAP, since QEMU 7.2 takes the stack of a user's far return for the kernel's.
        cpu = ["-accel", "kvm", "-cpu", "host"] if accelerator == "kvm" else \
              ["-accel", "tcg,thread=multi", "-cpu", "max,smap=off"]
        command = ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "10", "qemu-system-x86_64", *cpu,
                   "-smp", "2", "-m", "2G", "-nodefaults", "-no-user-config", "-display", "none",
                   "-no-reboot", "-kernel", self.kernel, "-initrd", self.initramfs,
                   "-append", f"console=ttyS0 panic=-1 {self.arguments}",
                   "-serial", f"file:{self.kernel_log}",
                   "-chardev", "stdio,id=tests,signal=off", "-serial", "chardev:tests",
                   "-drive", f"if=none,id=home,format=raw,file={self.disk}",
                   "-device", "virtio-blk-pci,drive=home"]
        return subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def _speaks(self) -> bool:
        end = time.monotonic() + KVM_PATIENCE
        while time.monotonic() < end:
            if self.kernel_log.stat().st_size > 0:
                return True
            time.sleep(0.2)
        return False

    def _read(self, process: subprocess.Popen) -> Iterator[str]:
        descriptor, pending = process.stdout.fileno(), b""
        while True:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise MachineError("the machine did not finish in time")
            if not select.select([descriptor], [], [], min(left, 1.0))[0]:
                continue
            chunk = os.read(descriptor, 65536)
            if not chunk:
                break
            *complete, pending = (pending + chunk).split(b"\n")
            for line in complete:
                yield line.decode(errors="replace").rstrip("\r")
        if pending:
            yield pending.decode(errors="replace")
