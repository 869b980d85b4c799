"""Namespaces of processes, mounts and networks, so that nothing of a run can outlive it.

    the script            outside; hands signals on and waits
      init                process 1 inside; reaps, and when it ends the kernel kills all that is left
        main              the run itself
          servers, nodes, their commands

Whatever kills the script, init dies with it (PR_SET_PDEATHSIG), and with init every process, and with
the last process the networks. What can be left is a folder.
"""
import ctypes
import os
import signal
import sys
import traceback

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """What a person is told; the exit status is 2."""


class Interrupted(Exception):
    """Somebody wants this to end."""


def call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def run_inside(main):
    """Runs main() in namespaces of its own; its exit status."""
    if os.geteuid() != 0:
        raise Failure("bin/torture makes network namespaces and mounts, and so must run as root")
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        call("unshare", CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET)
    except OSError as error:
        raise Failure(f"this system does not let root make namespaces: {error}") from None
    told = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # Blocked until there is somebody to hand them to.
    signal.pthread_sigmask(signal.SIG_BLOCK, told)
    init = os.fork()
    if init == 0:
        be_init(main, told)
    for number in told:
        signal.signal(number, lambda *_: os.kill(init, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, told)
    return os.waitstatus_to_exitcode(os.waitpid(init, 0)[1])


def be_init(main, told):
    status = 2
    try:
        call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.setsid()  # what the terminal sends comes through the script, once
        call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
        call("mount", b"proc", b"/proc", b"proc", 0, None)
        child = os.fork()
        if child == 0:
            be_main(main, told)
        for number in told:
            signal.signal(number, lambda *_: os.kill(child, signal.SIGTERM))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, told)
        while True:
            reaped, how = os.wait()
            if reaped == child:
                code = os.waitstatus_to_exitcode(how)
                status = code if code >= 0 else 128 - code
                break
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def be_main(main, told):
    def interrupt(*_):
        for number in told:
            signal.signal(number, signal.SIG_IGN)  # once is enough; the rest would disturb the end
        raise Interrupted()

    status = 2
    try:
        for number in told:
            signal.signal(number, interrupt)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, told)
        status = main()
    except Interrupted:
        print("torture: interrupted", file=sys.stderr)
        status = 130
    except Failure as failure:
        print(f"torture: {failure}", file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
