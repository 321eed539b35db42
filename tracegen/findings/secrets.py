"""Secrets with a form of their own, found by the detectors of Yelp's detect-secrets.

Left out are its detectors of random-looking strings, of assignments to names such as `password`, of addresses with a
password, and of public IP addresses: on documentation of code they strike examples (docs/findings.md has the count). Added are
private keys with the key in them, and three forms that it does not know, as gitleaks has them (config/gitleaks.toml, 2025).
"""

import re
from functools import lru_cache
from importlib import import_module

from tracegen.traces.chat import split_passages

_DETECTORS = (
    "aws.AWSKeyDetector",
    "azure_storage_key.AzureStorageKeyDetector",
    "discord.DiscordBotTokenDetector",
    "github_token.GitHubTokenDetector",
    "gitlab_token.GitLabTokenDetector",
    "jwt.JwtTokenDetector",
    "mailchimp.MailchimpDetector",
    "npm.NpmDetector",
    "openai.OpenAIDetector",
    "pypi_token.PypiTokenDetector",
    "sendgrid.SendGridDetector",
    "slack.SlackDetector",
    "square_oauth.SquareOAuthDetector",
    "stripe.StripeDetector",
    "telegram_token.TelegramBotTokenDetector",
    "twilio.TwilioKeyDetector",
)
_MORE = {
    # The key itself, not the line above it alone, which pages about keys have.
    "private key": re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n)*(?:[A-Za-z0-9+/=](?:\s|\\n)*){64}"),
    "Anthropic API key": re.compile(r"\bsk-ant-(?:api|admin)\d\d-[\w-]{80,120}"),
    "Google API key": re.compile(r"\bAIza[\w-]{35}(?![\w-])"),
    "Hugging Face token": re.compile(r"\bhf_[A-Za-z]{34}\b"),
}
_EXAMPLE = re.compile(
    r"example|your|xxxx|dummy|placeholder|fake|redacted|0000000|1234567|abcdefg|IxMjM0NTY3ODkw|\.\.\.", re.IGNORECASE
)


def secrets_of_return(text: str) -> list[tuple[str, str]]:
    """Return the secrets of a return, each with its kind."""
    return [found for passage in split_passages(text) for found in _secrets_of_passage(f"{passage.headings}\n{passage.text}")]


@lru_cache(maxsize=2_048)
def _secrets_of_passage(text: str) -> tuple[tuple[str, str], ...]:
    # The same passages come back in row after row.
    return secrets_in(text)


def secrets_in(text: str) -> tuple[tuple[str, str], ...]:
    """Return the secrets of a text, each with its kind."""
    found = [(kind, match[0]) for kind, pattern in _patterns() for match in pattern.finditer(text)]
    return tuple(dict.fromkeys((kind, value) for kind, value in found if not is_example(value)))


def is_example(value: str) -> bool:
    """Return whether a secret is plainly none: a vendor's example, a placeholder, few different characters."""
    return _EXAMPLE.search(value) is not None or (len(value) > 16 and len(set(value)) < 8)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    # The patterns rather than the detectors' own method, which gives of some secrets only the part that is a group.
    patterns = []
    for name in _DETECTORS:
        module, kind = name.split(".")
        detector = getattr(import_module(f"detect_secrets.plugins.{module}"), kind)
        patterns += [(str(detector.secret_type), pattern) for pattern in detector.denylist]
    return (*patterns, *_MORE.items())
