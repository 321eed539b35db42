"""The client of the SDK's requests: what it builds faster is what httpx2 builds."""

from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.teacher.http import HttpClient

HEADERS = st.lists(
    st.tuples(st.sampled_from(["Authorization", "accept", "User-Agent", "X-Title"]), st.text("ab c", max_size=5))
)
URLS = st.sampled_from(["http://a/v1/chat/completions", "https://b:8443/v1/x?y=1", "http://a/v1/%7Ebatches", "/relative"])


def parts(request: httpx2.Request) -> tuple[Any, ...]:
    return request.method, str(request.url), request.headers.raw, request.content, request.extensions


@given(st.lists(st.tuples(URLS, HEADERS, st.binary(max_size=40), st.sampled_from([None, 5.0, openai.Timeout(9, connect=1)]))))
def test_requests_are_those_of_httpx2(asked: list[tuple[str, Any, bytes, Any]]) -> None:
    """One client for all of them: what it remembers of one request must not get into another."""
    made, plain = HttpClient(base_url="http://c/"), httpx2.AsyncClient(base_url="http://c/")
    for url, headers, content, timeout in asked:
        words: dict[str, Any] = {"headers": headers, "content": content, "timeout": timeout}
        assert parts(made.build_request("POST", url, **words)) == parts(plain.build_request("POST", url, **words))


@pytest.mark.parametrize(
    "words", [{"params": {"limit": 3}}, {"json": {"a": 1}}, {"files": {"file": b"x"}}, {"cookies": {"a": "b"}}, {}]
)
def test_rare_requests_are_built_by_httpx2(words: dict[str, Any]) -> None:
    request = HttpClient().build_request("POST", "http://a/v1/files", timeout=1, **words)
    other = httpx2.AsyncClient().build_request("POST", "http://a/v1/files", timeout=1, **words)
    assert (request.url, len(request.headers)) == (other.url, len(other.headers))
