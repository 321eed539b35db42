"""What lies between a teacher and its endpoint: names, proxies, certificates, connections that break; over real sockets."""

import asyncio
import contextlib
import json
import ssl
import subprocess
from pathlib import Path

import pytest

from tracegen.errors import TeacherError
from tracegen.records import Response
from tracegen.teacher import Failure, pacing
from tracegen.teacher.asking import Asking
from tracegen.teacher.chat import ChatTeacher

MESSAGES = [{"role": "user", "content": "Print 1 to 3"}]
TOOLS = [{"type": "function", "function": {"name": "search_docs", "description": "d", "parameters": {"type": "object"}}}]
BODY = json.dumps({"choices": [{"message": {"role": "assistant", "content": "hello"}}]}).encode()
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "FIRST_WAIT_S", 0)


async def ask(base_url: str, timeout_s: float = 30) -> Response | Failure:
    """Return what a teacher at an address replies."""
    teacher = ChatTeacher("m-1", base_url=base_url, api_key="sk-long-enough", asking=Asking(timeout_s=timeout_s))
    try:
        return await teacher.reply(MESSAGES, TOOLS, "auto")
    finally:
        await teacher.close()


class Peer:
    """A server that answers connection after connection, each with one of these, the last one for ever; None says nothing."""

    def __init__(self, *answers: bytes | None, tls: ssl.SSLContext | None = None) -> None:
        self._answers = list(answers)
        self._tls = tls
        self.heads: list[bytes] = []
        self._tasks: set[asyncio.Task[None] | None] = set()

    async def __aenter__(self) -> "Peer":
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        await asyncio.gather(*(task for task in self._tasks if task), return_exceptions=True)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
            if answer is None:
                await reader.read(-1)
            else:
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def test_a_name_that_does_not_exist_is_a_sentence() -> None:
    with pytest.raises(
        TeacherError, match=r"No answer from http://no-such-host\.invalid/v1/: Cannot connect to host no-such-host"
    ):
        await ask("http://no-such-host.invalid/v1")


@pytest.mark.parametrize(
    "broken",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", b"HTTP/1.1 200 OK\r\nContent-Len", b"SSH-2.0-OpenSSH_9.6\r\n"],
)
async def test_a_connection_that_breaks_is_made_again(broken: bytes) -> None:
    async with Peer(broken, WHOLE) as peer:
        assert isinstance(await ask(f"http://127.0.0.1:{peer.port}/v1"), Response)
    assert len(peer.heads) == 2


async def test_a_server_that_closes_kept_connections_costs_nothing() -> None:
    async with Peer(WHOLE) as peer:
        teacher = ChatTeacher("m-1", base_url=f"http://127.0.0.1:{peer.port}/v1")
        for _ in range(3):
            assert isinstance(await teacher.reply(MESSAGES, TOOLS, "auto"), Response)
            await asyncio.sleep(0.01)
        await teacher.close()


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async with Peer(None) as peer:
        with pytest.raises(TeacherError, match=r"No answer from .*(no whole answer within 0.1 s|[Tt]ime)"):
            await ask(f"http://127.0.0.1:{peer.port}/v1", timeout_s=0.1)


async def test_a_redirect_that_makes_a_get_of_it_is_named() -> None:
    moved = b"HTTP/1.1 301 Moved Permanently\r\nLocation: /other/chat?q=1\r\nContent-Length: 0\r\n\r\n"
    refused = b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 2\r\n\r\nno"
    async with Peer(moved, refused) as peer:
        there = f"http://127.0.0.1:{peer.port}/other/chat"
        with pytest.raises(TeacherError, match=rf"said 405: no \(redirected to {there}: give its address as the base URL\)"):
            await ask(f"http://127.0.0.1:{peer.port}/v1")
    async with Peer(moved, WHOLE) as peer:
        with pytest.raises(TeacherError, match=r"no answer to a POST \(redirected to http://127\.0\.0\.1:\d+/other/chat: give"):
            await ask(f"http://127.0.0.1:{peer.port}/v1")


async def test_requests_go_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Peer(WHOLE) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert isinstance(await ask("http://teacher.invalid/v1"), Response)
    assert proxy.heads[0].startswith(b"POST http://teacher.invalid/v1/chat/completions HTTP/1.1\r\n")


async def test_a_proxy_that_is_none_or_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "nonsense://secret")
    with pytest.raises(TeacherError, match=r"The proxy in http_proxy cannot be used: .* Correct the variable"):
        await ask("http://127.0.0.1:1/v1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(TeacherError, match=r"asked through a proxy, as http_proxy says, unless NO_PROXY names it"):
        await ask("http://127.0.0.1:1/v1")


async def test_certificates_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    for name in ("missing.pem", "empty.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        with pytest.raises(TeacherError, match=r"The certificates in SSL_CERT_FILE cannot be read: .* Correct the variable"):
            await ask("https://127.0.0.1:1/v1")


async def test_a_proxy_that_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Peer(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(TeacherError, match=r"Proxy Authentication Required|407"):
            await ask("https://teacher.invalid/v1")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate that nobody has signed, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    words += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    try:
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    return cert, key


async def test_a_certificate_that_is_not_trusted_is_named_at_once_and_can_be_trusted(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with Peer(WHOLE, tls=context) as peer:
        url = f"https://localhost:{peer.port}/v1"
        with pytest.raises(TeacherError, match=r"The certificate of https://localhost:.* is not trusted: .* SSL_CERT_FILE"):
            await ask(url)
        assert peer.heads == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert isinstance(await ask(url), Response)
