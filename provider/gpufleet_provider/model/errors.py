"""Every error of this project; each message is one line, shows no secret and tells what to do.

CloudError
├── MissingKey          no API key is set for this cloud
├── Unauthorized        401: the key is not accepted
├── Forbidden           403: the key's role does not reach this far
├── NotFound            404, 410: the API itself says that it has no such resource
├── Invalid             400, 422 and kin: the request can never work as it stands
├── Conflict            409 that does not speak of stock
├── OutOfCapacity       sold out; nothing was created
├── InsufficientFunds   402, or an answer that speaks of credit
├── RateLimited         429, longer than we are ready to wait
├── Unavailable         408, 5xx, no connection, no answer, or an answer that is not valid
├── Ambiguous           the same after a POST: it may have been carried out
├── Stopped             the run was cancelled or its engine is gone: nothing was sent
├── Refusal             it would lose or buy something that was not asked for: nothing was done
├── Unfinished          the resource exists and is not ready; its id is kept
└── WaitEnded           a wait ended before its resource was ready; the resource may exist and cost money
    ├── WaitFailed      the cloud shows that it will not become what was asked for
    ├── WaitBlocked     held up by something that neither waiting nor replacing would cure
    ├── WaitTimedOut    the time is up
    │   └── WaitUnanswered  no answer, or the key was refused, for too long to go on waiting
    └── WaitCancelled   the run was cancelled, or its engine is gone
"""

from __future__ import annotations

import json
import os
import re
import string
import traceback
from typing import Any, cast

from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.text import LONGEST_LINE, one_line
from gpufleet_provider.model.unfinished_wait import UnfinishedWait


class CloudError(Exception):
    """A call failed; `str()` is one line with what was asked, the answer, and what to do."""

    status: int | None
    """The HTTP status, or None when there was no answer."""
    code: str
    """The vendor's error code, or an empty string."""
    answer: str
    """The vendor's message, shortened and redacted, or an empty string."""
    may_be_done: bool = False
    """Whether what was asked for may have been carried out, by this attempt or by one before it."""

    def __init__(self, message: str, *, status: int | None = None, code: str = "", answer: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.answer = answer


class MissingKey(CloudError):
    """No API key is set for a cloud."""


class Unauthorized(CloudError):
    """The cloud does not accept the key."""


class Forbidden(CloudError):
    """The key is known, and may not do this."""


class NotFound(CloudError):
    """The API itself says that it has no such resource; a fault on the way is never one."""


class Invalid(CloudError):
    """The request can never work as it stands."""


class Conflict(CloudError):
    """The state of a resource forbids what was asked."""


class OutOfCapacity(CloudError):
    """Sold out: nothing was created."""


class InsufficientFunds(CloudError):
    """The account cannot pay for what was asked: nothing was created."""


class RateLimited(CloudError):
    """The cloud asks to be asked later than this call is ready to wait."""


class Unavailable(CloudError):
    """No connection, no answer, a fault of the cloud, or an answer that is not valid; nothing follows from it."""


class Ambiguous(CloudError):
    """A POST was sent and no readable answer came back: it may have been carried out."""

    reply: str = ""
    """The body of a reply that accepts and cannot be read; it is not redacted, and never shown."""


class Stopped(CloudError):
    """The run was cancelled, or its engine is gone: nothing was sent."""


class Refusal(CloudError):
    """It would lose or buy something that the user did not ask for: nothing was done."""


class WaitEnded(CloudError):
    """A wait ended before its resource was ready. The resource may exist and cost money: its id is to be kept."""

    last_message: str
    """What the last reply said."""
    raw: Properties | None
    """The last reply, or None when there was none."""

    def __init__(self, message: str, last_message: str = "", raw: Properties | None = None) -> None:
        super().__init__(message)
        self.last_message = last_message
        self.raw = raw


class WaitFailed(WaitEnded):
    """The cloud shows that the resource will not become what was asked for."""


class WaitBlocked(WaitEnded):
    """The resource is held up by something that neither waiting nor replacing it would cure; it is kept."""


class WaitTimedOut(WaitEnded):
    """The time is up; the resource may become ready all the same."""


class WaitUnanswered(WaitTimedOut):
    """The cloud did not answer, or refused the key, for too long to go on waiting."""


class WaitCancelled(WaitEnded):
    """The run was cancelled, or its engine is gone."""


class Unfinished(CloudError):
    """The resource exists and is not ready: a partial failure, which keeps its id and what is known of it."""

    def __init__(self, wait: UnfinishedWait, id: str, outputs: Properties, inputs: Properties | None = None) -> None:
        """Keep what is known; `inputs` are those that a read has corrected."""
        super().__init__(wait.message)
        self.wait = wait
        self.id = id
        self.outputs = outputs
        self.inputs = inputs


# --- Which error an answer is ---------------------------------------------------------------------------------------

_STOCK_CODES = re.compile(r"(?i)^(out_of_stock|sold_out|out_of_capacity|insufficient_capacity|no_capacity)$")
_STOCK_WORDS = re.compile(
    r"(?i)out of (stock|capacity)|sold out|(insufficient|not enough|no|no available) (gpu |compute |node )?"
    r"(capacity|stock|inventory)\b(?! pool)|(capacity|inventory) (is )?(exhausted|unavailable)"
)
_STOCK_WORDS_OF_A_409 = re.compile(
    r"(?i)(not |un)available in (the |this |that )?(region|zone|cloud)|"
    r"\bno [\w .-]{0,40}(gpus?|nodes?|instances?|servers?|clusters?) (are |is )?(currently )?available"
)
_FUNDS_CODES = re.compile(r"(?i)^(insufficient_(funds|credits?|balance)|payment_required|spending_limit\w*)$")
_FUNDS_WORDS = re.compile(
    r"(?i)insufficient (funds|credits?|balance)|not enough (funds|credits?)|out of credits?|"
    r"(spending|spend|credit) limit|payment method"
)


def error_for(cloud: Cloud, call: str, status: int, text: str, *, repeatable: bool, secret: str) -> CloudError:
    """Turn an answer that is no success into the error that it is.

    `call` is what was asked (`POST /compute/clusters`), `repeatable` whether asking twice would change nothing, `text`
    the reply's body, `secret` the API key, which never appears in the result. A 409 alone does not prove that anything
    is sold out: the code or the message decides.
    """
    code, answer = (redacted(part, secret) for part in _code_and_message(cloud, text))
    kind = _kind(status, code, answer, text)
    if (status == 408 or status >= 500) and not repeatable:
        kind = Ambiguous
    said = f"{status} {code}".rstrip() + (f": {answer}" if answer else "")
    message = f"{cloud.title}: {call} answered {said.rstrip('.')}. {advice(kind, cloud)}".rstrip(". ")
    return kind(message, status=status, code=code, answer=answer)


def _code_and_message(cloud: Cloud, text: str) -> tuple[str, str]:
    try:
        reply: Any = json.loads(text)
    except (ValueError, RecursionError):
        return "", "" if _is_page(text) else text
    if isinstance(reply, dict):
        return cloud.read_error(cast(Properties, reply))
    return "", text_of(reply)


def text_of(value: Any) -> str:
    """Return a string without the white space around it; empty for anything that is no string."""
    return value.strip() if isinstance(value, str) else ""


def _is_page(text: str) -> bool:
    """Whether a reply is a page of HTML: a proxy's or another server's, which says nothing of the account."""
    return text.lstrip().startswith("<")


def _kind(status: int, code: str, answer: str, text: str) -> type[CloudError]:
    if 400 <= status < 500 and status not in (401, 403, 404, 410):
        if _STOCK_CODES.match(code) or _STOCK_WORDS.search(answer):
            return OutOfCapacity
        if status == 402 or _FUNDS_CODES.match(code) or _FUNDS_WORDS.search(answer):
            return InsufficientFunds
        if status == 409 and _STOCK_WORDS_OF_A_409.search(answer):
            return OutOfCapacity
    if status in (404, 410):
        return Unavailable if _is_page(text) else NotFound
    named: dict[int, type[CloudError]] = {
        401: Unauthorized,
        403: Forbidden,
        408: Unavailable,
        409: Conflict,
        429: RateLimited,
    }
    return named.get(status, Unavailable if status >= 500 else Invalid)


def advice(kind: type[CloudError], cloud: Cloud) -> str:
    """Return what a user can do about an error of that kind, as a sentence without its full stop."""
    if kind is Unauthorized:
        return (
            f"Set a valid key with `pulumi config set --secret {cloud.api_key_config}`, "
            f"or in the environment variable {cloud.api_key_environment}"
        )
    if kind is Forbidden:
        return f"The key in {cloud.api_key_config} or {cloud.api_key_environment} needs a role that may do this"
    if kind is InsufficientFunds:
        return f"Add credits or raise the spending limit in the {cloud.title} console, then run it again"
    if kind is Unavailable:
        return f"Run it again in a few minutes; if it stays so, check {cloud.base_url_config}"
    return _ADVICE.get(kind, "")


_ADVICE: dict[type[CloudError], str] = {
    OutOfCapacity: "Try another region or GPU type, or run it again later",
    RateLimited: "Run it again later, or with a smaller `--parallel`",
    Invalid: "Correct what it names, and run it again",
    Conflict: "Run it again once the resource has come to rest",
    Ambiguous: "It may have been carried out all the same",
}


# --- Redaction ------------------------------------------------------------------------------------------------------

_LONGEST = 300
_SECRETS = (
    # Each takes time in proportion to the text. Nothing unbounded stands before the words that are looked for: from
    # every character of a long word the search for them would begin anew.
    # Whatever opens a block of key material cuts all that follows: the end of such a block is easily missing.
    (re.compile(r"-----BEGIN .*", re.DOTALL), "[redacted]"),
    (re.compile(r"apiVersion\W+v1\b.*", re.DOTALL), "[redacted]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 [redacted]"),
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|token|api[_-]?key|private[_-]?key|kube_?config|-key-data"
            r"|client-certificate-data|credential)[\w-]{0,64}[\"']?\s*[:=]\s*)(\"[^\"]*\"?|'[^']*'?|[^\s,;}]+)"
        ),
        r"\1[redacted]",
    ),
    (re.compile(r"[A-Za-z0-9+/_=-]{80,}"), "[redacted]"),
)


_OF_A_WORD = string.ascii_letters + string.digits + "+/_=-."


def redacted(text: str, secret: str = "") -> str:
    """Return text as one short line with keys, tokens and kubeconfigs cut out."""
    # No vendor's key is this short; the made-up ones of a simulator are words of any language.
    if len(secret) >= 6:
        text = text.replace(secret, "[redacted]")
    if len(text) > LONGEST_LINE:
        # Cut before anything is searched for, and not within a word, whose rest might not be known as a token.
        text = f"{text[:LONGEST_LINE].rstrip(_OF_A_WORD) or '[redacted]'}…"
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    line = one_line(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1].rstrip() + "…"


# --- Unexpected exceptions ------------------------------------------------------------------------------------------


def describe(error: BaseException) -> str:
    """Return an error as one line for users; one that nobody expected is named as a fault of ours, and where it is."""
    if isinstance(error, CloudError):
        return one_line(str(error))
    what = ": ".join(filter(None, (type(error).__name__, redacted(str(error)))))
    return (
        f"unexpected {what} (at {_where(error)}); this is a fault of pulumi-gpufleet: please report it with this line"
    )


def _where(error: BaseException) -> str:
    """Return the last three calls, as `operations.py:80 < dynamic.py:121`: enough for a report, and no values in it."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in reversed(frames[-3:])) or "?"
