"""Screenshots of every page, wide and narrow, light and dark: python tests/browser/screenshots.py [FOLDER]

Starts a server of its own over the shipped data, waits until the intervals are there, and writes
docs/screenshots/PAGE-WIDTH-SCHEME.png.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from dashboard.serve import arguments

PAGES = {
    "answer": "", "market": "market", "compare": "compare", "regimes": "regimes", "models": "models",
    "distillation": "distillation", "claims": "claims", "data": "data", "run": "run",
}  # fmt: skip
WIDTHS_PX, SCHEMES = (1440, 390), ("light", "dark")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
TALLEST_PX = 4000


def shoot(browser: Any, url: str, width_px: int, scheme: str, target: Path) -> None:
    """One page, whole, once nothing moves any more."""
    context = browser.new_context(viewport={"width": width_px, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(
        "[data-testid=stVegaLiteChart] svg, [data-testid=stDataFrame], .stMain [data-testid=stButton]", timeout=120_000
    )
    page.wait_for_function("() => !/Bands follow|Intervals: draw/.test(document.body.innerText)", timeout=120_000)
    page.wait_for_timeout(800)
    height_px = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width_px, "height": min(max(int(height_px), 700), TALLEST_PX)})
    page.wait_for_timeout(1500)
    page.screenshot(path=target)
    context.close()


def main(folder: Path) -> None:
    """All pages, widths and schemes."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(arguments("127.0.0.1", port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(3.0)
        with sync_playwright() as playwright:
            program = shutil.which("chromium") or "/usr/bin/chromium"
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            for name, path in PAGES.items():
                for width_px in WIDTHS_PX:
                    for scheme in SCHEMES:
                        target = folder / f"{name}-{width_px}-{scheme}.png"
                        shoot(browser, f"http://127.0.0.1:{port}/{path}", width_px, scheme, target)
                        print(f"{target}: {target.stat().st_size / 1000:.0f} kB", file=sys.stderr)
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "docs" / "screenshots")
