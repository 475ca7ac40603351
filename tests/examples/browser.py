"""Drives a headless Chromium over its DevTools protocol: opens pages, runs JavaScript, clicks, types, waits.

Owns the browser's process and its profile folder; both are gone when `browsing()` ends. Keeps what pages report as
errors in `Page.errors`. Runs on stock asyncio, so that what is under test is the server alone.

Debian's package `chromium` is enough; where there is no browser, `browsing()` skips the test.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No sandbox, as tests may run as root in a container; the rest keeps it off the network and off the screen.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-quic", "--disable-sync", "--disable-background-networking", "--disable-component-update"),
    *("--disable-extensions", "--disable-renderer-backgrounding", "--disable-background-timer-throttling"),
    *("--window-size=1000,700", "--remote-debugging-port=0"),
)
PATIENCE = 60  # seconds, for a start and for a condition: a browser is slow where others keep the cores busy
KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13, "Tab": 9}


class Browser:
    """The connection to one Chromium, shared by its pages."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}

    async def listen(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if (answer := self._answers.pop(told.get("id"), None)) is not None:
                answer.set_result(told)
            elif (page := self._pages.get(told.get("sessionId"))) is not None:
                page.notice(told["method"], told["params"])

    async def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answered = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters}
        await self._socket.send_str(json.dumps(message | ({"sessionId": session} if session else {})))
        async with asyncio.timeout(PATIENCE):
            answer = await answered
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    async def open(self, url: str) -> "Page":
        """A new tab with that page, when it has been loaded."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = self._pages[attached["sessionId"]] = Page(self, attached["sessionId"], target["targetId"])
        for domain in ("Page", "Runtime", "Log"):
            await page.call(f"{domain}.enable")
        await page.call("Page.navigate", url=url)
        await page.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")
        return page


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target
        self.errors: list[str] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return await self._browser.call(method, self._session, **parameters)

    def notice(self, method: str, parameters: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(parameters["exceptionDetails"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"]["text"])

    async def evaluate(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{expression}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    async def wait_for(self, condition: str) -> None:
        """Until the JavaScript expression is true; fails with the page's text when it does not become so."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not await self.evaluate(f"Boolean({condition})"):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"not true in {PATIENCE} s: {condition}\n{await self.text()}\n{self.errors}")

    async def text(self, selector: str = "body") -> str:
        return await self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText")

    async def click(self, selector: str) -> None:
        """With the mouse, in the middle of it as soon as it is shown: what lies on top of it is hit."""
        await self.wait_for(f"document.querySelector({json.dumps(selector)}).getClientRects().length")
        box = await self.evaluate(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()")
        middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **middle)

    async def write(self, text: str) -> None:
        """Into what has the focus, as by typing."""
        await self.call("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        await self.key("keyDown", key)
        await self.key("keyUp", key)

    async def key(self, kind: str, key: str) -> None:
        """`keyDown` or `keyUp`, of one of KEYS."""
        code = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
        await self.call("Input.dispatchKeyEvent", type=kind, **code, **text)

    async def close(self) -> None:
        await self._browser.call("Target.closeTarget", targetId=self._target)

    async def screenshot(self, path: str) -> None:
        picture = await self.call("Page.captureScreenshot", format="png")
        Path(path).write_bytes(base64.b64decode(picture["data"]))


@contextlib.asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A browser of its own, with an empty profile."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no browser to test with: install the package chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            *[program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # to end its children with it
        )
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(await where(process), max_msg_size=0) as socket,
            ):
                browser = Browser(socket)
                listening = asyncio.create_task(browser.listen())
                yield browser
                listening.cancel()
                await asyncio.wait([listening])
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()


async def where(process: asyncio.subprocess.Process) -> str:
    """The address of its DevTools, which it prints when it is ready."""
    said = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while line := await process.stderr.readline():
                said += line
                if line.startswith(b"DevTools listening on "):
                    return line.split()[-1].decode()
        problem = "the browser ended"
    except TimeoutError:
        problem = f"the browser did not start in {PATIENCE} s"
    pytest.fail(f"{problem}: {said.decode(errors='replace')}")
