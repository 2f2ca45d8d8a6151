"""Start the web application: Streamlit as a process of its own, bound to localhost unless told, telemetry off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from sim.shared.errors import InputError, MissingExtra

APP = Path(__file__).with_name("app.py")
HOST, PORT = "127.0.0.1", 8501
CATALOG_VARIABLE = "UNDERCUT_CATALOG"  # tells the server's process which catalog to show
# A wheel carries no .streamlit/config.toml, so every setting stands here.
SETTINGS: dict[str, str] = {
    "browser.gatherUsageStats": "false",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "server.maxUploadSize": "20",  # MB; what a page takes says its own limit
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "theme.light.primaryColor": "#0072B2",
    "theme.dark.primaryColor": "#56B4E9",
}


def arguments(host: str, port: int) -> list[str]:
    """The command line of the server."""
    settings = {"server.address": host, "server.port": str(port), **SETTINGS}
    flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags]


def serve(host: str = HOST, port: int = PORT, catalog: Path | None = None) -> int:
    """Serve until interrupted; returns the server's exit code, 130 after Ctrl-C.

    Raises:
        InputError: for a catalog that cannot be read, or a port out of range or in use.
        MissingExtra: where Streamlit is not installed.
    """
    import importlib.util
    import socket

    if importlib.util.find_spec("streamlit") is None:
        raise MissingExtra("streamlit", "dashboard")
    if not 1 <= port <= 65_535:
        raise InputError("--port", "", port, "a whole number from 1 to 65535", "correct the option")
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise InputError(
            "--host, --port", "", f"{host}:{port}", "an address of this machine with a free port",
            f"choose another one ({error.strerror or error})",
        ) from error  # fmt: skip
    environment = dict(os.environ)
    if catalog is not None:
        from sim.shared.catalog import read_catalog

        read_catalog(catalog)
        environment[CATALOG_VARIABLE] = str(catalog.resolve())
    process = subprocess.Popen(arguments(host, port), env=environment)
    # Asked to end, take the server along; it would outlive this process and keep the port.
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return 130
