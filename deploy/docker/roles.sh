#!/usr/bin/env bash
# Makes the two roles and the database. PostgreSQL's image runs it once, on an empty data folder.
set -euo pipefail
: "${OWNER_PASSWORD:?}" "${APP_PASSWORD:?}"
psql --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
CREATE ROLE bank_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE bank_app LOGIN PASSWORD :'app_password';
CREATE DATABASE bank OWNER bank_owner;
SQL
