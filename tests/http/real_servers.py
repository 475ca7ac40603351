"""nginx and Apache as servers of a folder: `with Nginx(certificate) as server:`, at `server.url(path)`.

Owns how they are set up, and that they run as nobody in particular. Each has `/text` and `/bytes`, takes PUT below
`/put/`, moves `/moved` to `/text`, and packs texts. By `secure=True` it speaks TLS; by `brief=True` it ends connections
that were idle for a tenth of a second. `missing()` says why one cannot be here.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PATIENCE = 60
TEXT = b"".join(os.urandom(30).hex().encode() + b"\n" for _ in range(3000))
BYTES = os.urandom(300_000)
MODULES = Path("/usr/lib/apache2/modules")


class RealServer:
    """What both have in common."""

    program = ""

    def __init__(self, certificate):
        self.certificate = certificate

    @classmethod
    def missing(cls):
        return None if cls.path() else f"{cls.program} is not installed"

    @classmethod
    def path(cls):
        return shutil.which(cls.program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for name in ("root", "root/put", "logs"):
                (self.folder / name).mkdir()
            for name, content in (("text", TEXT), ("bytes", BYTES)):
                (self.folder / "root" / name).write_bytes(content)
            chain = [blob.bytes() for blob in self.certificate.cert_chain_pems]
            (self.folder / "cert.pem").write_bytes(b"".join(chain))
            (self.folder / "key.pem").write_bytes(self.certificate.private_key_pem.bytes())
            self.port, self.secure, self.brief = free_ports(3)
            (self.folder / "conf").write_text(self.configuration())
            # None of them is to run as root, and none can be told another user by one who is not.
            user = {}
            if os.geteuid() == 0:
                nobody = pwd.getpwnam("nobody")
                user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
                for path in (self.folder, *self.folder.rglob("*")):
                    os.chown(path, nobody.pw_uid, nobody.pw_gid)
            self.process = subprocess.Popen(self.command(), cwd=self.folder, stderr=subprocess.PIPE, **user)
            stack.callback(self.end)
            self.wait()
            self.ends = stack.pop_all()
        return self

    def __exit__(self, *error):
        self.ends.close()

    def end(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stderr.close()

    def wait(self):
        """Until it accepts."""
        until = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.secure)):
                return
            if self.process.poll() is not None or time.monotonic() > until:
                self.process.kill()
                raise RuntimeError(f"{self.program} does not start: {self.process.communicate()[1].decode()}")
            time.sleep(0.01)

    def url(self, path, *, secure=False, brief=False):
        if secure:
            return f"https://localhost:{self.secure}{path}"
        return f"http://127.0.0.1:{self.brief if brief else self.port}{path}"


class Nginx(RealServer):
    program = "nginx"

    def command(self):
        return [self.path(), "-p", self.folder, "-c", self.folder / "conf", "-e", "stderr"]

    def configuration(self):
        places = "".join(
            f"{name}_temp_path {self.folder}/logs/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return f"""
            daemon off;
            worker_processes 1;
            pid {self.folder}/pid;
            error_log stderr crit;
            events {{}}
            http {{
                access_log off;
                {places}
                default_type text/plain;
                gzip on;
                gzip_types text/plain;
                client_max_body_size 100m;
                server {{
                    listen 127.0.0.1:{self.port};
                    listen 127.0.0.1:{self.secure} ssl;
                    ssl_certificate {self.folder}/cert.pem;
                    ssl_certificate_key {self.folder}/key.pem;
                    root {self.folder}/root;
                    location = /bytes {{ gzip off; default_type application/octet-stream; }}
                    location = /moved {{ return 301 /text; }}
                    location /put/ {{ dav_methods PUT; }}
                }}
                server {{
                    listen 127.0.0.1:{self.brief};
                    root {self.folder}/root;
                    keepalive_timeout 100ms;
                }}
            }}
        """


class Apache(RealServer):
    program = "apache2"

    @classmethod
    def missing(cls):
        if not cls.path():
            return "apache2 is not installed"
        return None if MODULES.is_dir() else f"{MODULES} is not there"

    def command(self):
        return [self.path(), "-D", "FOREGROUND", "-d", self.folder, "-f", self.folder / "conf"]

    def configuration(self):
        modules = "mpm_event authz_core mime filter deflate alias dir dav dav_fs ssl setenvif"
        loads = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules.split())
        return f"""
            {loads}
            ServerName localhost
            ServerLimit 1
            MaxRequestWorkers 25
            StartServers 1
            PidFile {self.folder}/pid
            ErrorLog {self.folder}/logs/errors
            LogLevel error
            Mutex posixsem
            DavLockDB {self.folder}/logs/locks
            TypesConfig /dev/null
            Listen 127.0.0.1:{self.port}
            Listen 127.0.0.1:{self.secure}
            Listen 127.0.0.1:{self.brief}
            DocumentRoot {self.folder}/root
            FileETag MTime Size
            ForceType text/plain
            AddOutputFilterByType DEFLATE text/plain
            Redirect 301 /moved /text
            <Location /bytes>
                ForceType application/octet-stream
            </Location>
            <Location /put>
                Dav On
            </Location>
            <VirtualHost 127.0.0.1:{self.brief}>
                KeepAliveTimeout 100ms
            </VirtualHost>
            <VirtualHost 127.0.0.1:{self.secure}>
                SSLEngine on
                SSLCertificateFile {self.folder}/cert.pem
                SSLCertificateKeyFile {self.folder}/key.pem
            </VirtualHost>
        """


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]
