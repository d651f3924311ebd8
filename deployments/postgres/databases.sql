-- Run once, on an empty volume: a database and a role each for Prefect, MLflow and the ledger; none sees another's.
-- The passwords are read from the environment, so that they stand on no command line, and in no log when a statement fails.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
\getenv prefect_password PREFECT_DATABASE_PASSWORD
\getenv mlflow_password MLFLOW_DATABASE_PASSWORD
\getenv evenhand_password EVENHAND_DATABASE_PASSWORD
CREATE ROLE prefect LOGIN PASSWORD :'prefect_password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE ROLE evenhand LOGIN PASSWORD :'evenhand_password';
CREATE DATABASE prefect OWNER prefect;
CREATE DATABASE mlflow OWNER mlflow;
CREATE DATABASE evenhand;
REVOKE ALL ON DATABASE prefect, mlflow, evenhand, postgres FROM PUBLIC;
GRANT CONNECT ON DATABASE evenhand TO evenhand;
-- The ledger: whoever writes to it owns nothing of it, and can read and add, and neither change nor remove.
\connect evenhand
CREATE TABLE evenhand_ledger (
  sequence INTEGER PRIMARY KEY,
  previous VARCHAR(64) NOT NULL UNIQUE,
  hash VARCHAR(64) NOT NULL UNIQUE,
  at VARCHAR(40) NOT NULL,
  kind VARCHAR(20) NOT NULL,
  model VARCHAR(100) NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX ix_evenhand_ledger_model ON evenhand_ledger (model);
CREATE FUNCTION evenhand_ledger_only_grows() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the ledger only grows'; END $$;
CREATE TRIGGER evenhand_ledger_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON evenhand_ledger
FOR EACH STATEMENT EXECUTE FUNCTION evenhand_ledger_only_grows();
GRANT SELECT, INSERT ON evenhand_ledger TO evenhand;
