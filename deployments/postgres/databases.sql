-- Run once, on an empty volume: a database and a role each for Prefect and MLflow, and neither sees the other's.
-- The passwords are read from the environment, so that they stand on no command line, and in no log when a statement fails.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
\getenv prefect_password PREFECT_DATABASE_PASSWORD
\getenv mlflow_password MLFLOW_DATABASE_PASSWORD
CREATE ROLE prefect LOGIN PASSWORD :'prefect_password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE DATABASE prefect OWNER prefect;
CREATE DATABASE mlflow OWNER mlflow;
REVOKE ALL ON DATABASE prefect, mlflow, postgres FROM PUBLIC;
