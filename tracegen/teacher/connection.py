"""One client of the `openai` SDK for all rows. What sending raises becomes a Fault here, and only here.

The SDK reads the environment, and makes the HTTP client with its limits, proxies and certificates, the headers and the address.
Requests are put together once from these and go to that HTTP client at once: on the way through the SDK's own `post`, headers,
options and address are merged, copied and parsed anew for each one. CPU seconds for 1,000 requests: 0.85 with `post`, 0.63
without (in turns on a busy machine, 2026-11).
"""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from tracegen.errors import TeacherError
from tracegen.teacher.asking import Asking
from tracegen.teacher.faults import Fault, fault_of_connection, fault_of_status

if TYPE_CHECKING:
    import httpx2

CONNECT_S = 20.0
"""Limit of connecting alone."""
STOOD_STILL_S = 3.0
"""A timer that is so late says that this process stood still."""
GRACE_S = 5.0
"""So long is waited then for what has come meanwhile."""
SECRET_CHARS = 8
"""A shorter key is a word such as `none` or `EMPTY`, and no secret."""
_OPENAI = "https://api.openai.com/v1"
_GOOD_URL = (
    "Give --base-url or OPENAI_BASE_URL in the form http://localhost:8000/v1, without a password or a query; "
    "a key goes into OPENAI_API_KEY."
)


class Connection:
    """Sends requests and gives back bytes."""

    def __init__(
        self,
        model: str,
        base_url: str | None,
        api_key: str | None,
        asking: Asking,
        connections: int,
        http_client: "httpx2.AsyncClient | None",
    ) -> None:
        """Prepare a client; nothing is sent yet."""
        import httpx2
        import openai

        self._key = _usable_key(model, base_url, api_key)
        if not (base_url or os.environ.get("OPENAI_BASE_URL")):
            # The SDK takes an empty variable, as of an .env file that is not filled in, for an address.
            base_url = _OPENAI
        self._secrets = [text for text in (self._key, *asking.extra_headers.values()) if len(text) >= SECRET_CHARS]
        self._timeout_s = asking.timeout_s
        # As many connections as requests, all kept: a new one costs a handshake.
        limits = httpx2.Limits(max_connections=connections + 8, max_keepalive_connections=connections + 8, keepalive_expiry=30)
        # Waiting for a connection is not counted: the gate lets in no more than there are connections.
        timeout = openai.Timeout(asking.timeout_s, connect=min(CONNECT_S, asking.timeout_s), pool=None)
        # The whole of a request that is sent here has a limit of its own, `within`; this one is for the wait between two bytes.
        self._extensions = {"timeout": openai.Timeout(None, connect=min(CONNECT_S, asking.timeout_s)).as_dict()}
        try:
            self._http = http_client or openai.DefaultAioHttpClient(limits=limits)
            self.client = openai.AsyncOpenAI(
                api_key=self._key or "none",
                base_url=base_url,
                timeout=timeout,
                max_retries=0,
                default_headers={"Content-Type": "application/json", **asking.extra_headers},
                http_client=self._http,
            )
            url = httpx2.URL(str(self.client.base_url))
        except httpx2.InvalidURL as error:
            raise TeacherError(f"The base URL is no address ({error}). {_GOOD_URL}") from None
        except OSError as error:
            names = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
            if not names:
                raise
            raise TeacherError(
                f"The certificates in {' and '.join(names)} cannot be read: {error}. Correct the variable, or unset it."
            ) from None
        except ValueError as error:
            if not proxies():
                raise
            raise TeacherError(
                f"The proxy in {proxies()} cannot be used: {error}. Correct the variable, or unset it."
            ) from None
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
            # Not repeated here: it may hold a password.
            raise TeacherError(f"The base URL is no plain http address. {_GOOD_URL}")
        self._address = str(url).rstrip("/")
        if self._address.endswith(("/chat/completions", "/responses")):
            raise TeacherError("The base URL names one service of the endpoint. Leave out its end, behind /v1: that is added.")
        self._url_of = lru_cache(httpx2.URL)
        self._headers = httpx2.Headers(self._http.headers)
        for name, value in {**self.client.auth_headers, **self.client.default_headers}.items():
            # One by one: a later name replaces an earlier one in other letters. No service needs to know about this machine.
            if isinstance(value, str) and not name.startswith("X-Stainless-"):
                self._headers[name] = value

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return str(self.client.base_url)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()

    async def post(self, path: str, body: bytes) -> tuple[bytes, Mapping[str, str]] | Fault:
        """Return body and headers of the answer to a request, or why there is none."""
        import aiohttp
        import httpx2

        url, cookies = self._url_of(f"{self._address}{path}"), self._http.cookies
        request = httpx2.Request("POST", url, headers=self._headers, content=body, cookies=cookies, extensions=self._extensions)
        try:
            async with within(self._timeout_s):
                response = await self._http.send(request)
        except (httpx2.RequestError, ssl.SSLError) as error:
            fault = fault_of_connection(error)
        except TimeoutError:
            fault = Fault("broken", f"no whole answer within {self._timeout_s:g} s", sent=True)
        except aiohttp.ClientError as error:
            # An answer that is no HTTP, or a proxy's; the transport lets these through as they are.
            fault = Fault("broken", " ".join(str(getattr(error, "message", "") or error).split()), sent=True)
        else:
            lost = bool(response.history) and response.request.method != "POST"
            if response.is_success and not lost:
                return response.content, response.headers
            fault = (
                Fault("refused", "no answer to a POST", response.status_code)
                if response.is_success
                else fault_of_status(response)
            )
            if lost:
                # As HTTP has it of 301 and 302; said of http where https is wanted, or of a host that has moved.
                there = response.url.copy_with(query=None, username=None, password=None)
                fault = fault._replace(text=f"{fault.text[:200]} (redirected to {there}: give its address as the base URL)")
        return fault._replace(text=self.shown(fault.text), code=self.shown(fault.code))

    def shown(self, text: str) -> str:
        """Return a text without key and header values, which some servers repeat when they refuse them."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


@contextlib.asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError where the block takes longer, time left out in which this process, or its machine, stood still.

    After Ctrl-Z and `fg`, or a suspend, answers lie there that have not been read yet: giving them up would pay them twice.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:

        def look(due: float) -> None:
            if loop.time() - due < STOOD_STILL_S:
                limit.reschedule(loop.time())
            else:
                wait_for(GRACE_S)

        def wait_for(seconds: float) -> None:
            timers.append(loop.call_later(seconds, look, loop.time() + seconds))

        timers: list[asyncio.TimerHandle] = []
        wait_for(seconds)
        try:
            yield
        finally:
            timers[-1].cancel()


def proxies() -> str:
    """Return the names of the environment variables that set a proxy, or "": their values may hold a password."""
    names = ("http_proxy", "https_proxy", "all_proxy")
    return ", ".join(sorted(name for name, value in os.environ.items() if value and name.lower() in names))


def _usable_key(model: str, base_url: str | None, api_key: str | None) -> str:
    # A server of one's own often wants no key, but the SDK insists on one.
    has_url = base_url or os.environ.get("OPENAI_BASE_URL")
    key = (api_key or os.environ.get("OPENAI_API_KEY") or "").strip()
    if not key and not has_url:
        raise TeacherError(
            f"No key for the teacher {model!r}: set OPENAI_API_KEY, or give --base-url for a server of your own, "
            "or use --teacher builtin, which needs neither."
        )
    if not (key.isascii() and key.isprintable()):
        raise TeacherError("The key has a character that no key has, such as a line break or a curly quote: copy it again.")
    return key
