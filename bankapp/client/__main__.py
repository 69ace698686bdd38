"""The entry point: ``python -m bankapp.client``."""

from __future__ import annotations

from bankapp.client.main import bank

if __name__ == "__main__":
    bank(prog_name="python -m bankapp.client", complete_var="_BANKAPP_COMPLETE")
