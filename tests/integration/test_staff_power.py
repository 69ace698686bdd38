"""Every use of staff power leaves an audit row that names the employee and the customer."""

from __future__ import annotations

from typing import Any

from tests.support.factories import Bank, Caller, ok, refused


def rows_of(bank: Bank, employee: Caller, event_type: str = "staff_access") -> list[dict[str, Any]]:
    admin = employee if ok(employee.get("/auth/me"))["role"] == "admin" else bank.employee("admin")
    query = f"/audit-logs?event_type={event_type}&user_id={employee.user_id}"
    return [row for row in ok(admin.get(query))["items"] if row["resource_type"] != "audit_log"]


def test_the_audit_row_of_a_read_names_the_customer(bank: Bank) -> None:
    customer, staff = bank.customer(), bank.employee("staff")
    source, target = customer.account(balance=500), customer.account()
    transfer = ok(customer.transfer(source, target, 100), 201)
    paths = {
        f"/accounts/{source['id']}": "account",
        f"/transfers/{transfer['id']}": "transfer",
        f"/statements/{source['id']}": "account",
        f"/accounts/{source['id']}/statements": "account",
    }
    for path in paths:
        ok(staff.get(path))
    rows = rows_of(bank, staff)
    assert [row["resource_type"] for row in reversed(rows)] == list(paths.values())
    assert {row["metadata"]["customer_id"] for row in rows} == {customer.user_id}


def test_the_audit_row_of_a_search_has_the_search_terms(bank: Bank) -> None:
    customer, staff = bank.customer(), bank.employee("staff")
    ok(staff.get(f"/account-holders?email={customer.email}"))
    [row] = rows_of(bank, staff)
    assert row["metadata"] == {"filters": {"email": customer.email}}


def test_the_audit_row_of_a_freeze_names_the_customer(bank: Bank) -> None:
    customer, staff = bank.customer(), bank.employee("staff")
    account = customer.account()
    ok(staff.post(f"/accounts/{account['id']}/freeze"))
    [change] = rows_of(bank, staff, "account_change")
    assert (change["resource_id"], change["metadata"]["change"]) == (account["id"], "freeze")
    [access] = rows_of(bank, staff)
    assert access["metadata"]["customer_id"] == customer.user_id


def test_a_customer_without_staff_power_leaves_no_staff_row(bank: Bank) -> None:
    customer = bank.customer()
    account = customer.account()
    refused(customer.post(f"/accounts/{account['id']}/freeze"), 403, "forbidden")
    assert rows_of(bank, customer) == []


def test_an_admins_read_of_the_audit_log_is_audited(bank: Bank) -> None:
    customer, admin = bank.customer(), bank.employee("admin")
    ok(admin.get(f"/audit-logs?user_id={customer.user_id}"))
    ok(admin.get("/audit-logs?event_type=login"))
    first, second, *_ = ok(admin.get(f"/audit-logs?event_type=staff_access&user_id={admin.user_id}"))["items"]
    assert second["resource_type"] == first["resource_type"] == "audit_log"
    assert second["metadata"] == {"customer_id": customer.user_id, "filters": {}}
    assert first["metadata"] == {"customer_id": None, "filters": {"event_type": "login"}}


def test_reading_ones_own_rows_leaves_no_staff_row(bank: Bank) -> None:
    for role in ("staff", "admin"):
        employee = bank.employee(role)
        ok(employee.get(f"/audit-logs?user_id={employee.user_id}"))
        assert all(
            row["event_type"] == "login" for row in ok(employee.get(f"/audit-logs?user_id={employee.user_id}"))["items"]
        )


def test_only_an_admin_reads_the_rows_of_others(bank: Bank) -> None:
    customer, staff = bank.customer(), bank.employee("staff")
    refused(staff.get(f"/audit-logs?user_id={customer.user_id}"), 403, "forbidden")
    assert {row["user_id"] for row in ok(staff.get("/audit-logs"))["items"]} == {staff.user_id}
