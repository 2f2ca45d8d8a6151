from __future__ import annotations

import itertools
import socket
from pathlib import Path

import pytest

from dashboard.serve import arguments, serve
from sim.shared.errors import InputError


def test_the_server_binds_where_told_and_sends_nothing_home() -> None:
    line = arguments("127.0.0.1", 8501)
    pairs = dict(itertools.pairwise(line))
    assert pairs["--server.address"] == "127.0.0.1"
    assert pairs["--server.port"] == "8501"
    assert pairs["--browser.gatherUsageStats"] == "false"
    assert Path(pairs["run"]).is_file()


def test_every_setting_is_one_that_streamlit_knows() -> None:
    from streamlit import config

    known = config.get_config_options()
    flags = [part[2:] for part in arguments("127.0.0.1", 8501) if part.startswith("--")]
    assert [name for name in flags if name not in known] == []


def test_a_port_in_use_is_one_message() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="free port"):
            serve("127.0.0.1", taken.getsockname()[1])


def test_a_port_out_of_range_is_one_message() -> None:
    with pytest.raises(InputError, match="65535"):
        serve("127.0.0.1", 70_000)
