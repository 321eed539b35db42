"""What goes over the wire: the request that the SDK would send, without what it tells about this machine."""

import asyncio
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracegen.teacher.asking import Asking
from tracegen.teacher.connection import Connection

HEADERS = st.dictionaries(
    st.sampled_from(["Authorization", "api-key", "User-Agent", "accept", "X-Title", "content-type"]), st.text("abc", min_size=1)
)
URLS = st.sampled_from(["http://a/v1", "https://b:8443/v1/", "http://a/openai/v1", "http://a/%7Ebatches/v1"])


def sent_over(asked: list[httpx2.Request], cookie: str) -> openai.DefaultAsyncHttpxClient:
    """Return a client that notes what is sent, and whose server sets a cookie."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json={}, headers={"Set-Cookie": cookie} if cookie else {})

    return openai.DefaultAsyncHttpxClient(transport=httpx2.MockTransport(handle))


def parts(request: httpx2.Request) -> tuple[Any, ...]:
    headers = {name: value for name, value in request.headers.items() if not name.startswith("x-stainless-")}
    return request.method, str(request.url), headers, request.content, request.extensions["timeout"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(URLS, HEADERS, st.binary(max_size=40), st.sampled_from(["", "a=b"]), st.sampled_from([None, "org-1"]))
def test_requests_are_those_of_the_sdk(
    monkeypatch: pytest.MonkeyPatch, base_url: str, extra: dict[str, str], body: bytes, cookie: str, organization: str | None
) -> None:
    monkeypatch.delenv("OPENAI_ORG_ID", raising=False)
    if organization:
        monkeypatch.setenv("OPENAI_ORG_ID", organization)
    ours: list[httpx2.Request] = []
    theirs: list[httpx2.Request] = []

    async def send() -> None:
        asking = Asking(timeout_s=9, extra_headers=extra)
        connection = Connection("m-1", base_url, "sk-long-enough", asking, 4, sent_over(ours, cookie))
        sdk = openai.AsyncOpenAI(
            api_key="sk-long-enough",
            base_url=base_url,
            timeout=openai.Timeout(None, connect=9),  # the whole has a limit of its own
            default_headers=extra,
            http_client=sent_over(theirs, cookie),
        )
        for _ in range(2):  # the second one carries the cookie
            await connection.post("/chat/completions", body)
            await sdk.post("/chat/completions", content=body, cast_to=httpx2.Response)
        await connection.close()
        await sdk.close()

    asyncio.run(send())
    assert [parts(request) for request in ours] == [parts(request) for request in theirs]
    assert not any(name.startswith("x-stainless-") for name in ours[0].headers)
