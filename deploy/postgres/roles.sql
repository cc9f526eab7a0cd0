-- The database and its roles: one role and one schema per service, and a reader for Grafana.
-- Run once by a superuser with psql (see init.sh), with the variables indicators_password, alerts_password
-- and grafana_password set. Time-outs belong to the role: no client can forget them.

CREATE ROLE chiso_indicators LOGIN PASSWORD :'indicators_password';
CREATE ROLE chiso_alerts LOGIN PASSWORD :'alerts_password';
CREATE ROLE grafana_reader LOGIN PASSWORD :'grafana_password' CONNECTION LIMIT 20;

ALTER ROLE chiso_indicators SET lock_timeout = '10s';
ALTER ROLE chiso_indicators SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE chiso_alerts SET lock_timeout = '10s';
ALTER ROLE chiso_alerts SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE grafana_reader SET default_transaction_read_only = on;
ALTER ROLE grafana_reader SET statement_timeout = '15s';
ALTER ROLE grafana_reader SET lock_timeout = '2s';
ALTER ROLE grafana_reader SET idle_in_transaction_session_timeout = '15s';

CREATE DATABASE chiso TEMPLATE template0;
REVOKE ALL ON DATABASE chiso FROM PUBLIC;
-- CREATE: a service's first migration makes its own schema.
GRANT CONNECT, CREATE, TEMPORARY ON DATABASE chiso TO chiso_indicators, chiso_alerts;
GRANT CONNECT ON DATABASE chiso TO grafana_reader;
