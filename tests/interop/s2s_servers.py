"""Prosody and ejabberd with other servers to talk to."""

import os
import pathlib

from debian_servers import ejabberd_library, wait_for_file
from harness import Process, expect, expect_equal, free_port, wait_for_port
from programs import PASSWORD

USER = "romeo"
COMPONENT_SECRET = "component secret"


class FederatedProsody:
    """Hosts `prosody.example` and the component `echo.prosody.example`; believes certificates and dialback."""

    name = "prosody"
    domain = "prosody.example"

    def __init__(self, directory, pki, dns):
        home = pathlib.Path(directory) / "s2s-prosody"
        home.mkdir(parents=True)
        self.starttls, self.s2s, self.component = free_port(), free_port(), free_port()
        dns.ports[self.domain] = self.s2s
        self.log = home / "debug.log"
        configuration = home / "prosody.cfg.lua"
        configuration.write_text(
            f"""
run_as_root = true
daemonize = false
data_path = "{home}"
pidfile = "{home}/prosody.pid"
plugin_paths = {{}}
modules_enabled = {{
  "roster"; "saslauth"; "tls"; "disco"; "ping"; "presence"; "message"; "iq"; "c2s";
  "s2s"; "s2s_auth_certs"; "dialback";
}}
modules_disabled = {{ "http"; "http_errors"; "posix" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.starttls} }}
s2s_ports = {{ {self.s2s} }}
component_ports = {{ {self.component} }}
c2s_require_encryption = true
s2s_require_encryption = true
s2s_secure_auth = false
use_ipv6 = false
unbound = {{
  resolvconf = false, hoststxt = false, forward = "127.0.0.1@{dns.port}",
  options = {{ ["do-not-query-localhost:"] = "no" }},
}}
ssl = {{
  protocol = "tlsv1_2+"; certificate = "{pki.chain(self.name)}"; key = "{pki.key(self.name)}";
  cafile = "{pki.ca}";
}}
log = {{ debug = "{self.log}" }}
VirtualHost "{self.domain}"
  authentication = "internal_plain"
Component "echo.{self.domain}"
  component_secret = "{COMPONENT_SECRET}"
"""
        )
        register = Process(["prosodyctl", "--config", configuration, "register", USER, self.domain, PASSWORD])
        expect(register.finish(20) == 0, f"prosodyctl register: {register.tail()}")
        self.process = Process(["prosody", "-F", "--config", configuration])
        for port in (self.starttls, self.s2s, self.component):
            wait_for_port(port, self.process)


class FederatedEjabberd:
    """Hosts `ejabberd.example`; believes certificates and dialback."""

    name = "ejabberd"
    domain = "ejabberd.example"

    def __init__(self, directory, pki, dns):
        home = pathlib.Path(directory) / "s2s-ejabberd"
        (home / "spool").mkdir(parents=True)
        self.starttls, self.s2s = free_port(), free_port()
        dns.ports[self.domain] = self.s2s
        configuration = home / "ejabberd.yml"
        configuration.write_text(
            f"""
hosts: [{self.domain}]
loglevel: debug
certfiles: ["{pki.all(self.name)}"]
ca_file: "{pki.ca}"
auth_method: internal
auth_password_format: plain
s2s_use_starttls: required
s2s_dns_timeout: 5
outgoing_s2s_families: [ipv4]
listen:
  - {{port: {self.starttls}, ip: "127.0.0.1", module: ejabberd_c2s, starttls: true, starttls_required: true}}
  - {{port: {self.s2s}, ip: "127.0.0.1", module: ejabberd_s2s_in}}
modules: {{mod_disco: {{}}, mod_ping: {{}}, mod_roster: {{}}, mod_s2s_dialback: {{}}}}
"""
        )
        resolver = home / "inetrc"
        resolver.write_text(
            f"""{{resolv_conf, ""}}.
{{hosts_file, ""}}.
{{host, {{127,0,0,1}}, ["localhost"]}}.
{{nameserver, {{127,0,0,1}}, {dns.port}}}.
{{lookup, [file, dns]}}.
"""
        )
        ready = home / "ready"
        self.log = home / "ejabberd.log"
        environment = dict(
            os.environ,
            HOME=str(home),
            ERL_LIBS=os.path.dirname(ejabberd_library()),
            ERL_INETRC=str(resolver),
            EJABBERD_CONFIG_PATH=str(configuration),
            EJABBERD_LOG_PATH=str(self.log),
            EJABBERD_PID_PATH=str(home / "ejabberd.pid"),
            SPOOL_DIR=str(home / "spool"),
            ERL_CRASH_DUMP=str(home / "crash.dump"),
        )
        register = f'ejabberd_auth:try_register(<<"{USER}">>,<<"{self.domain}">>,<<"{PASSWORD}">>)'
        command = ["erl", "+S", "1:1", "+sbwt", "none", "-noinput"]
        command += ["-mnesia", "dir", f'"{home}/spool"', "-s", "ejabberd"]
        command += ["-eval", f'R = {register}, file:write_file("{ready}", io_lib:format("~p", [R])).']
        self.process = Process(command, environment=environment, directory=home / "spool")
        for port in (self.starttls, self.s2s):
            wait_for_port(port, self.process)
        wait_for_file(ready)
        expect_equal(ready.read_text(), "ok", "account registered with ejabberd")
