"""The example of docs/webhooks.md: a receiver that verifies messages and handles each event once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from flask import Flask

from config import ROOT
from tests.support.factories import Bank, ok
from tests.support.sinks import Message, Reply, Sink
from tests.support.streams import stream
from tests.support.webhooks import deliver, endpoint

CODE: Final = re.compile(r"\*\*example receiver\*\*\n\n```python\n(.*?)```", re.DOTALL)


def test_a_receiver_handles_every_event_once(new_database: Callable[[], str], make_app: Callable[..., Flask]) -> None:
    namespace: dict[str, Any] = {}
    [code] = CODE.findall((ROOT / "docs" / "webhooks.md").read_text())
    exec(code, namespace)
    bank = Bank(make_app(new_database(), WEBHOOKS_ALLOW_LOOPBACK="true"))
    ada = bank.customer()
    events: list[dict[str, Any]] = []
    handled: set[str] = set()
    with Sink() as sink:
        made = endpoint(ada, sink.url, event_types=["account.opened"])

        def answer(message: Message) -> Reply:
            status, event = namespace["receive"](message.headers, message.body, made["secret"], handled)
            if event is not None:
                events.append(event)
            return Reply(status)

        sink.answer = answer
        ada.account()
        deliver(bank)
        ok(ada.post(f"/webhook-endpoints/{made['id']}/rotate-secret"))
        ok(ada.post(f"/webhook-endpoints/{made['id']}/replay", {"from_position": 1}), 202)
        deliver(bank)
        assert len(sink.messages) == 2
        assert events == stream(bank.app, ada, "after=0&type=account.opened")
        [message, _] = sink.messages
        forged = message.body.replace(b"EUR", b"USD")
        assert namespace["receive"](message.headers, forged, made["secret"], set()) == (401, None)
        late = dict(message.headers) | {"webhook-timestamp": "1600000000"}
        assert namespace["receive"](late, message.body, made["secret"], set()) == (401, None)
