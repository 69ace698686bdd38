"""For developers: the user's API keys and webhook endpoints."""

from __future__ import annotations

from bankapp import context
from bankapp.listing import Window
from bankapp.services import webhook_endpoints
from bankapp.services.identity import api_keys
from bankapp.web.api_keys import state
from bankapp.web.pages import Pages, render

blueprint = Pages("developers", __name__)


@blueprint.page("/developers")
def developers() -> str:
    """Return the user's API keys and webhook endpoints."""
    keys = api_keys.search(Window(100)).items
    return render(
        "developers",
        keys=[(key, state(key)) for key in keys],
        endpoints=webhook_endpoints.of_caller(),
        docs_enabled=context.config().docs_enabled,
    )
