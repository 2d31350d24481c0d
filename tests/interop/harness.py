"""Running checks and processes: one line per check, nothing outlives the run, nothing waits for ever."""

import atexit
import codecs
import ctypes
import fnmatch
import os
import signal
import socket
import subprocess
import threading
import time


class Failure(Exception):
    """A check did not see what it must see."""


class OutOfTime(Exception):
    """The timer of a check ran out."""


def expect(condition, message):
    """Fail the running check unless `condition` holds."""
    if not condition:
        raise Failure(message)


def expect_equal(got, wanted, what):
    """Fail the running check unless both are equal."""
    expect(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")


class Suite:
    """Runs checks one after the other and counts them."""

    def __init__(self, only=None, seconds=600, verbose=False):
        self.only = only
        self.verbose = verbose
        self.started = time.monotonic()
        self.end = self.started + seconds
        self.passed = 0
        self.failed = 0
        signal.signal(signal.SIGALRM, self._alarm)

    def wants(self, name):
        """True if `name` was selected on the command line (always, in a full run)."""
        return not self.only or any(fnmatch.fnmatch(name, f"*{pattern}*") for pattern in self.only)

    def check(self, name, function, *arguments, seconds=30, **keywords):
        """Run one check under a timer and print its line."""
        if not self.wants(name):
            return
        begin = time.monotonic()
        left = min(seconds, self.end - begin)
        if left <= 0:
            return self._report(name, begin, "the time of the whole run is used up")
        before = len(_processes)
        signal.setitimer(signal.ITIMER_REAL, left)
        try:
            function(*arguments, **keywords)
            signal.setitimer(signal.ITIMER_REAL, 0)
            problem = None
        except OutOfTime:
            problem = f"no result within {left:.0f} s"
        except Failure as failure:
            problem = str(failure)
        except Exception as error:  # a check that breaks is a check that fails
            problem = f"{type(error).__name__}: {error}"
            if self.verbose:
                import traceback

                traceback.print_exc()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if problem and self.verbose:
            for process in _processes[before:]:
                print(process.story())
        for process in list(_processes[before:]):
            process.stop()
        return self._report(name, begin, problem)

    def setup(self, name, function, *arguments):
        """Start something the next checks need, which takes no time from them; a failure is reported like a failed check."""
        begin = time.monotonic()
        try:
            return function(*arguments)
        except Exception as error:
            self._report(name, time.monotonic(), f"{type(error).__name__}: {error}")
            return None
        finally:
            self.end += time.monotonic() - begin

    def summary(self):
        """Print the last line; the exit code of the run."""
        if self.passed + self.failed == 0:
            self.failed += 1
            print("FAILED no check was run")
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0

    def _report(self, name, begin, problem):
        if problem is None:
            self.passed += 1
            print(f"ok {name} ({time.monotonic() - begin:.1f} s)", flush=True)
        else:
            self.failed += 1
            print(f"FAILED {name}: {' '.join(str(problem).split())[:1500]}", flush=True)

    @staticmethod
    def _alarm(_signal, _frame):
        raise OutOfTime


_processes = []
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl  # looked up here: a forked child must not load anything


def _die_with_parent():
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A child process in a process group of its own whose output is read line by line."""

    def __init__(self, command, environment=None, directory=None):
        self.command = [str(word) for word in command]
        self.output = ""  # all of standard output, also what has no line end yet
        self.lines = []
        self.errors = []
        self._news = threading.Condition()
        self.child = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
            cwd=directory,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self._readers = [
            threading.Thread(target=self._read_output, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        _processes.append(self)

    def write(self, text):
        """Write to the child's standard input."""
        self.child.stdin.write(text.encode())
        self.child.stdin.flush()

    def wait_line(self, wanted, timeout=15):
        """The index of the first line for which `wanted(line)` is true."""
        seen = 0

        def found():
            nonlocal seen
            while seen < len(self.lines):
                if wanted(self.lines[seen]):
                    return True
                seen += 1
            return False

        self._wait(found, timeout)
        return seen

    def wait_text(self, text, after=0, timeout=15):
        """Wait until standard output contains `text` at or behind the offset `after`."""
        self._wait(lambda: text in self.output[after:], timeout)

    def finish(self, timeout=15):
        """Wait for the end of the process and of its output; its exit code."""
        try:
            code = self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name()} did not end within {timeout} s; {self.tail()}") from None
        for reader in self._readers:
            reader.join(2)
        return code

    def stop(self):
        """End the whole process group: politely, then not."""
        if self.child.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self.child.wait(3)
            except subprocess.TimeoutExpired:
                pass
        self._signal(signal.SIGKILL)
        self.child.wait()
        # Closed under a reader, the number of a pipe could be the next process's before the reader looks.
        for reader in self._readers:
            reader.join(2)
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            if stream is self.child.stdin or not self._reading():
                stream.close()
        if self in _processes:
            _processes.remove(self)

    def name(self):
        """The short name of the program."""
        return os.path.basename(self.command[0])

    def tail(self):
        """The end of what the process wrote, for a failure message."""
        return f"exit {self.child.poll()}, stdout ...{self.output[-700:]!r}, stderr {self.errors[-4:]}"

    def story(self):
        """Everything the process wrote, for --verbose."""
        text = ["  $ " + " ".join(self.command)]
        text += ["  | " + line for line in self.lines] + ["  ! " + line for line in self.errors]
        return "\n".join(text)

    def _wait(self, found, timeout):
        end = time.monotonic() + timeout
        with self._news:
            while not found():
                left = end - time.monotonic()
                if left <= 0 or (self.child.poll() is not None and not self._reading()):
                    raise Failure(f"{self.name()} never wrote what was expected; {self.tail()}")
                self._news.wait(min(left, 0.2))

    def _read_output(self):
        pending, decoder = "", codecs.getincrementaldecoder("utf-8")("replace")
        while data := self._read_some(self.child.stdout):
            text = decoder.decode(data)
            with self._news:
                self.output += text
                *whole, pending = (pending + text).split("\n")
                self.lines += whole
                self._news.notify_all()

    def _read_errors(self):
        # A line may be written in pieces.
        pending, decoder = "", codecs.getincrementaldecoder("utf-8")("replace")
        while data := self._read_some(self.child.stderr):
            *whole, pending = (pending + decoder.decode(data)).split("\n")
            self.errors += whole
        self.errors += [pending] if pending else []

    @staticmethod
    def _read_some(stream):
        return os.read(stream.fileno(), 65536)

    def _reading(self):
        return any(reader.is_alive() for reader in self._readers)

    def _signal(self, number):
        try:
            os.killpg(self.child.pid, number)
        except ProcessLookupError:
            pass


@atexit.register
def stop_everything():
    """Nothing outlives the run."""
    for process in reversed(list(_processes)):
        process.stop()


def free_port():
    """A TCP port on loopback nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, timeout=40):
    """Wait until `process` accepts connections on `port`."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            expect(process.child.poll() is None, f"{process.name()} ended early: {process.tail()}")
            time.sleep(0.05)
    raise Failure(f"{process.name()} does not listen on port {port}; {process.tail()}")


def listen():
    """A listening socket on a free port of 127.0.0.1, and the port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    listener.settimeout(15)
    return listener, listener.getsockname()[1]
