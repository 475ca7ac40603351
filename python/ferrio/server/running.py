"""`run()`: a server, a server that is reloaded, or workers, from start to end of the process."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from . import sockets
from .banner import log_running
from .config import STARTUP_FAILURE, Config
from .server import Server

if TYPE_CHECKING:
    from typing import Unpack

    from .options import Options

logger = logging.getLogger("uvicorn.error")


def run(app: Any, *, app_dir: str | None = None, **options: Unpack[Options]) -> None:
    """Serve `app`, an application or `"module:attribute"`; the options are those of `Config`.

    Returns after Ctrl-C. Ends the process with status 3 if the server could not start.
    """
    _fill_standard_descriptors()
    if app_dir is not None:
        sys.path.insert(0, app_dir)
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None and getattr(processes.current_process(), "_inheriting", False):
        raise RuntimeError("a worker imports the program: call run() below `if __name__ == '__main__':`")
    config = Config(app, **options)
    if config.use_subprocess:
        if not isinstance(app, str):
            logger.warning("You must pass the application as an import string to enable 'reload' or 'workers'.")
            sys.exit(STARTUP_FAILURE)
    else:
        config.load_app()
    server = Server(config)
    try:
        with _files(config) as files:
            if config.use_subprocess:
                _supervise(config, server)
            else:
                server.at_exit.push(files.pop_all())  # before a signal ends the process
                server.run(_handed_over(config) or None)
    except KeyboardInterrupt:
        pass
    except OSError as error:  # of a file or port that run() itself opens
        if server.started:
            raise
        logger.error(error)
        sys.exit(STARTUP_FAILURE)
    if not server.started and not config.use_subprocess:
        sys.exit(STARTUP_FAILURE)


def _supervise(config: Config, server: Server) -> None:
    from .supervisors import ChangeReload, Multiprocess

    listeners = _handed_over(config) or [config.bind_socket()]
    if config.metrics_port is not None:
        config.metrics_socket = sockets.bound_to(config.host, config.metrics_port)
    if config.should_reload:
        ChangeReload(config, target=server.run, sockets=listeners).run()
    else:
        Multiprocess(config, sockets=listeners).run()


def _handed_over(config: Config) -> Any:
    """systemd's sockets, if there are any."""
    listeners = sockets.handed_over()
    log_running([sockets.place(each, config) for each in listeners], config)
    return listeners


def _fill_standard_descriptors() -> None:
    """A daemon may have none. A socket in their place would get what a library or a child prints."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


def _files(config: Config) -> contextlib.ExitStack:
    """The files that are there while the server is: its number, and its Unix socket, which it makes itself."""
    files = contextlib.ExitStack()
    if config.pid_file is not None:
        with open(config.pid_file, "w") as file:
            file.write(f"{os.getpid()}\n")
        files.callback(_remove, config.pid_file)
    if config.use_subprocess and (config.metrics_port, config.metrics_path) != (None, None):
        from .metrics import shared_file

        config.metrics_file = shared_file()
        files.callback(_remove, config.metrics_file)
    if config.uds:
        files.callback(sockets.remove_path, config)
    return files


def _remove(path: str | os.PathLike[str]) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)
