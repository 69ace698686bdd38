// Does a customer's main job with the types that openapi-typescript generated, and prints a line for each step.
//
//     node main_job.js http://127.0.0.1:8000

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import createClient from "openapi-fetch";

import type { components, paths } from "./bank_api.js";

type Account = components["schemas"]["Account"];
type AccountType = components["schemas"]["AccountType"];
type Problem = components["schemas"]["Problem"];

// Where an operation answers JSON or a file, these two are the media types that the client reads.
const clientOf = (url: string) =>
  createClient<paths, "application/json" | "application/problem+json">({ baseUrl: url });
type Bank = ReturnType<typeof clientOf>;

type Answer<T> = { data?: T; error?: Problem; response: Response };

const PASSWORD = "amber-heron-dances-41";
const FILES = {
  csv: "/v1/statements/{account_id}/csv",
  pdf: "/v1/statements/{account_id}/pdf",
  ofx: "/v1/statements/{account_id}/ofx",
  camt053: "/v1/statements/{account_id}/camt053",
  mt940: "/v1/statements/{account_id}/mt940",
} as const;

function show(step: string, result: string): void {
  console.log(`${step}: ${result}`);
}

/** Returns the body of a successful answer; a problem ends the run. */
function succeeded<T>(answer: Answer<T>): T {
  assert(answer.data !== undefined, `${answer.response.status} ${answer.error?.code}: ${answer.error?.detail}`);
  return answer.data;
}

async function signIn(bank: Bank): Promise<void> {
  const email = `${randomUUID()}@example.com`;
  const person = { first_name: "Ada", last_name: "Lovelace", dob: "1990-12-10" };
  const signedUp = succeeded(await bank.POST("/v1/auth/signup", { body: { email, password: PASSWORD, ...person } }));
  show("sign-up", `${signedUp.user.role} ${signedUp.account_holder?.first_name}`);
  const tokens = succeeded(await bank.POST("/v1/auth/login", { body: { email, password: PASSWORD } }));
  show("sign-in", `${tokens.token_type} for ${tokens.expires_in} s`);
  bank.use({
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${tokens.access_token}`);
      return request;
    },
  });
}

async function open(bank: Bank, type: AccountType): Promise<Account> {
  const account = succeeded(await bank.POST("/v1/accounts", { body: { type, currency: "EUR" } }));
  show("account", `${account.type} ${account.currency}, balance ${account.balance}`);
  return account;
}

async function pay(bank: Bank, source: Account, target: Account): Promise<void> {
  const cash = { account_id: source.id, type: "deposit", amount: 10_000, currency: "EUR" } as const;
  const deposit = succeeded(await bank.POST("/v1/transactions", { body: cash }));
  show("deposit", `${deposit.amount}, balance ${deposit.balance_after}`);

  const order = { from_account_id: source.id, to_account_id: target.id, amount: 2_500, currency: "EUR" };
  const body = { ...order, description: "Rent, Grüße" };
  const params = { header: { "Idempotency-Key": `rent-${randomUUID()}` } };
  const transfer = succeeded(await bank.POST("/v1/transfers", { params, body }));
  show("transfer", `${transfer.amount} ${transfer.currency}, ${transfer.description}`);
  const again = await bank.POST("/v1/transfers", { params, body });
  assert.deepEqual(succeeded(again), transfer);
  show("retry", `the same answer, replayed: ${again.response.headers.get("Idempotent-Replayed")}`);

  const { error } = await bank.POST("/v1/transfers", { body: { ...order, amount: 1_000_000 } });
  assert(error !== undefined);
  show("refusal", `${error.status} ${error.code}`);
}

async function walkPages(bank: Bank, account: Account): Promise<void> {
  const amounts: number[] = [];
  let cursor: string | null = null;
  do {
    const query = { account_id: account.id, limit: 1, ...(cursor === null ? {} : { cursor }) };
    const page: components["schemas"]["AnnotatedTransactionPage"] = succeeded(
      await bank.GET("/v1/transactions", { params: { query } }),
    );
    amounts.push(...page.items.map((item) => item.amount));
    cursor = page.next_cursor;
  } while (cursor !== null);
  show("pages", amounts.join(", "));
}

async function issue(bank: Bank, account: Account): Promise<void> {
  const card = succeeded(await bank.POST("/v1/cards", { body: { account_id: account.id, type: "virtual" } }));
  assert(card.pan !== null && card.pan.endsWith(card.last4));
  show("card", `${card.type}, ${card.status}, ${card.pan.length} digits`);
}

async function download(bank: Bank, account: Account): Promise<void> {
  const day = (moment: number): string => new Date(moment).toISOString().slice(0, 10);
  // The day may end between the payments and this call.
  const query = { from: day(Date.now() - 24 * 60 * 60 * 1000), to: day(Date.now()) };
  const params = { path: { account_id: account.id }, query };
  const statement = succeeded(await bank.GET("/v1/statements/{account_id}", { params }));
  const balances = `${statement.opening_balance} to ${statement.closing_balance}`;
  show("statement json", `${balances}, ${statement.entries.length} entries`);
  for (const [name, path] of Object.entries(FILES)) {
    const answer = await bank.GET(path, { params, parseAs: "arrayBuffer" });
    const beginning = Buffer.from(succeeded(answer)).toString("latin1", 0, 4);
    const ending = answer.response.headers.get("Content-Disposition")?.split(".").at(-1)?.replace('"', "");
    show(`statement ${name}`, `${beginning} in a file that ends in ${ending}`);
  }
}

async function main(url: string): Promise<void> {
  const bank = clientOf(url);
  await signIn(bank);
  const checking = await open(bank, "checking");
  const savings = await open(bank, "savings");
  await pay(bank, checking, savings);
  await walkPages(bank, checking);
  await issue(bank, checking);
  await download(bank, checking);
}

const [, , address] = process.argv;
assert(address !== undefined, "usage: node main_job.js URL");
await main(address);
