#!/bin/sh
# Runs once, when the postgres image creates an empty cluster: makes the database and its roles.
# The passwords reach psql as variables from the environment and are quoted there; none is in a file.
set -eu

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres \
    --set=indicators_password="$CHISO_INDICATORS_DB_PASSWORD" \
    --set=alerts_password="$CHISO_ALERTS_DB_PASSWORD" \
    --set=grafana_password="$CHISO_GRAFANA_DB_PASSWORD" \
    --file="${CHISO_ROLES_SQL:-/usr/local/share/chiso/roles.sql}"
