"""What systemd puts around a service, put around a program by other means: as far as the unit asks.

    unit_host.py refuse NAME … -- PROGRAM …     a system call filter that says EPERM to these calls
"""

import ctypes
import errno
import os
import platform
import struct
import sys

# As linux/audit.h and the kernel's tables have them.
ARCHITECTURES = {
    "x86_64": (0xC000003E, {"sethostname": 170, "setdomainname": 171}),
    "aarch64": (0xC00000B7, {"sethostname": 161, "setdomainname": 162}),
}
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def refuse(names):
    """From now on these calls fail with EPERM, here and in all that is started from here."""
    architecture, numbers = ARCHITECTURES[platform.machine()]
    code = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, ALLOW), (LOAD, 0, 0, 0)]
    for name in names:
        code += [(EQUAL, 0, 1, numbers[name]), (RETURN, 0, 0, ERRNO | errno.EPERM)]
    code.append((RETURN, 0, 0, ALLOW))
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    program = Program(len(code), ctypes.addressof(text))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
            libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot set a filter")


if __name__ == "__main__":
    end = sys.argv.index("--")
    refuse(sys.argv[2:end])
    os.execvp(sys.argv[end + 1], sys.argv[end + 1:])
