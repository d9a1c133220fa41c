"""Asks a model through Tencent's AIGC gateway with the token that is current: each line of stdin is a question.

The token comes from the secret on AWS that AIGC_SECRET names, and is kept for 30 seconds. Needs boto3, and nothing else.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

import boto3

SECRET = os.environ["AIGC_SECRET"]
URL = os.environ.get("AIGC_URL", "https://text-aigc.vod-qcloud.com")
KEEP_SECONDS = 30


class Tokens:
    """The tokens of the mirrored document, the one to use first."""

    def __init__(self, secret):
        self._secret = secret
        self._client = boto3.client("secretsmanager")
        self._lock = threading.Lock()
        self._tokens = []
        self._refused = set()
        self._read_at = -KEEP_SECONDS

    def _read(self):
        answer = self._client.get_secret_value(SecretId=self._secret, VersionStage="AWSCURRENT")
        document = json.loads(answer["SecretString"])
        tokens = [document["ApiToken"], *document["ApiTokens"]]
        self._tokens = [token for token in tokens if token]
        self._refused &= set(self._tokens)
        self._read_at = time.monotonic()

    def _best(self):
        good = [token for token in self._tokens if token not in self._refused]
        return next(iter(good or self._tokens), None)

    def get(self):
        """The token to use. While the secret cannot be read, the last one."""
        with self._lock:
            if time.monotonic() >= self._read_at + KEEP_SECONDS:
                try:
                    self._read()
                except Exception:
                    if not self._tokens:
                        raise
            token = self._best()
        if token is None:
            raise RuntimeError("the secret names no token")
        return token

    def other_than(self, refused):
        """Another token than the one that was refused, or None. Reads the secret again, once for all who ask."""
        with self._lock:
            if refused not in self._refused:
                self._refused.add(refused)
                try:
                    self._read()
                except Exception:
                    pass  # Another token may be at hand all the same.
            token = self._best()
        return None if token == refused else token


def send(token, body):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{URL}/v1/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def ask(tokens, question):
    body = {"model": "gpt-5.4", "messages": [{"role": "user", "content": question}]}
    token = tokens.get()
    try:
        answer = send(token, body)
    except urllib.error.HTTPError as error:
        # Not 403, which is arrears or a permission: no other token mends that.
        other = tokens.other_than(token) if error.code == 401 else None
        if other is None:
            raise
        answer = send(other, body)
    return answer["choices"][0]["message"]["content"]


if __name__ == "__main__":
    tokens = Tokens(SECRET)
    for line in sys.stdin:
        print(ask(tokens, line.rstrip("\n")), flush=True)
