"""Prosody and ejabberd as Debian packages them, on loopback with throw-away accounts."""

import glob
import os
import pathlib
import time

from harness import Process, expect, expect_equal, free_port, wait_for_port
from programs import PASSWORD

USERS = ["alice", "bob"]
HERE = pathlib.Path(__file__).resolve().parent
# Of prosody-modules. `sasl2_sm` is not among them: it needs functions that mod_smacks of Prosody 0.12.3 does not have.
SASL2_MODULES = ["interop_sasl2", "sasl2", "sasl2_bind2"]
FAST_MODULES = [*SASL2_MODULES, "interop_fast", "sasl2_fast"]


class Prosody:
    """Hosts `localhost`, `hashed.localhost` and `anon.localhost`, one certificate; `modules` beside the usual ones."""

    name = "prosody"

    def __init__(self, directory, pki, certificate, modules=()):
        self.home = pathlib.Path(directory) / f"prosody-{certificate}"
        self.home.mkdir(parents=True)
        self.pki, self.certificate = pki, certificate
        self.starttls, self.direct = free_port(), free_port()
        self.configuration = self.home / "prosody.cfg.lua"
        self._configure(modules, "")
        for host in ("localhost", "hashed.localhost"):
            for user in USERS:
                register = Process(["prosodyctl", "--config", self.configuration, "register", user, host, PASSWORD])
                code = register.finish(20)
                expect(code == 0, f"prosodyctl register {user} {host}: {register.tail()}")
        self._start()

    def restart(self, modules=(), settings=""):
        """Again, with the same accounts and ports, other modules, and `settings` in Lua. Returns this server."""
        self.process.stop()
        self._configure(modules, settings)
        self._start()
        return self

    def _configure(self, modules, settings):
        further = "".join(f'; "{module}"' for module in modules)
        home, pki, certificate = self.home, self.pki, self.certificate
        self.configuration.write_text(
            f"""
run_as_root = true
daemonize = false
data_path = "{home}"
pidfile = "{home}/prosody.pid"
plugin_paths = {{ "/usr/lib/prosody/modules", "{HERE}/prosody-plugins" }}
modules_enabled = {{ "roster"; "saslauth"; "tls"; "disco"; "ping"; "smacks"; "presence"; "message"; "iq"; "c2s"{further} }}
modules_disabled = {{ "s2s"; "http"; "http_errors"; "posix" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.starttls} }}
c2s_direct_tls_ports = {{ {self.direct} }}
c2s_require_encryption = true
ssl = {{ protocol = "tlsv1_2+"; certificate = "{pki.chain(certificate)}"; key = "{pki.key(certificate)}" }}
log = {{ debug = "{home}/debug.log" }}
{settings}
VirtualHost "localhost"
  authentication = "internal_plain"
VirtualHost "hashed.localhost"
  authentication = "internal_hashed"
  password_hash = "SHA-256"
VirtualHost "anon.localhost"
  authentication = "anonymous"
"""
        )

    def _start(self):
        self.process = Process(["prosody", "-F", "--config", self.configuration])
        wait_for_port(self.starttls, self.process)
        wait_for_port(self.direct, self.process)


class Ejabberd:
    """Hosts `localhost` (RSA certificate), `ecdsa.localhost`, `anon.localhost`, `nocert.localhost` (no certificate)."""

    name = "ejabberd"

    def __init__(self, directory, pki):
        home = pathlib.Path(directory) / "ejabberd"
        (home / "spool").mkdir(parents=True)
        self.starttls, self.direct = free_port(), free_port()
        configuration = home / "ejabberd.yml"
        configuration.write_text(
            f"""
hosts: [localhost, ecdsa.localhost, anon.localhost, nocert.localhost]
loglevel: debug
certfiles: ["{pki.all("ejabberd-rsa")}", "{pki.all("ejabberd-ecdsa")}"]
ca_file: "{pki.ca}"
c2s_protocol_options: [no_sslv3, no_tlsv1, no_tlsv1_1]
auth_method: internal
auth_password_format: plain
host_config:
  anon.localhost:
    auth_method: anonymous
    anonymous_protocol: sasl_anon
listen:
  - {{port: {self.starttls}, ip: "127.0.0.1", module: ejabberd_c2s, starttls: true, starttls_required: true}}
  - {{port: {self.direct}, ip: "127.0.0.1", module: ejabberd_c2s, tls: true}}
modules: {{mod_disco: {{}}, mod_ping: {{}}, mod_roster: {{}}, mod_stream_mgmt: {{}}}}
"""
        )
        pairs = ",".join(
            f'ejabberd_auth:try_register(<<"{user}">>,<<"{host}">>,<<"{PASSWORD}">>)'
            for host in ("localhost", "ecdsa.localhost")
            for user in USERS
        )
        ready = home / "ready"
        environment = dict(
            os.environ,
            HOME=str(home),
            ERL_LIBS=os.path.dirname(ejabberd_library()),
            EJABBERD_CONFIG_PATH=str(configuration),
            EJABBERD_LOG_PATH=str(home / "ejabberd.log"),
            EJABBERD_PID_PATH=str(home / "ejabberd.pid"),
            SPOOL_DIR=str(home / "spool"),
            ERL_CRASH_DUMP=str(home / "crash.dump"),
        )
        command = ["erl", "+S", "1:1", "+sbwt", "none", "-noinput"]
        command += ["-mnesia", "dir", f'"{home}/spool"', "-s", "ejabberd"]
        command += ["-eval", f'R = [{pairs}], file:write_file("{ready}", io_lib:format("~p", [R])).']
        self.process = Process(command, environment=environment, directory=home / "spool")
        wait_for_port(self.starttls, self.process)
        wait_for_port(self.direct, self.process)
        wait_for_file(ready)
        expect_equal(ready.read_text().count("ok"), 2 * len(USERS), "accounts registered with ejabberd")


def wait_for_file(path, timeout=20):
    end = time.monotonic() + timeout
    while not (path.exists() and path.read_text()):
        expect(time.monotonic() < end, f"{path} never appeared")
        time.sleep(0.05)


def ejabberd_library():
    """The directory of ejabberd's compiled modules, or None."""
    found = glob.glob("/usr/lib/*/ejabberd-*/ebin") + glob.glob("/usr/lib/ejabberd-*/ebin")
    found = [path for path in found if os.path.exists(os.path.join(path, "ejabberd.app"))]
    return os.path.dirname(found[0]) if found else None
