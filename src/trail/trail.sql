-- trail: the log, shown, proved and taken along.

-- As with the views of kv, a foreign table of our own gives to each reader what
-- he may see, and leaves nothing to filter, whose rows EXPLAIN ANALYZE would count.
CREATE FUNCTION secrets_catalog.audit_log_handler() RETURNS pg_catalog.fdw_handler
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_audit_log_handler';
COMMENT ON FUNCTION secrets_catalog.audit_log_handler() IS 'how the foreign table under secrets.audit_log is read';
REVOKE ALL ON FUNCTION secrets_catalog.audit_log_handler() FROM PUBLIC;
CREATE FUNCTION secrets_catalog.audit_log_validator(options pg_catalog.text[], catalog pg_catalog.oid) RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_audit_log_validator';
COMMENT ON FUNCTION secrets_catalog.audit_log_validator(pg_catalog.text[], pg_catalog.oid) IS 'refuses options: there are none';
REVOKE ALL ON FUNCTION secrets_catalog.audit_log_validator(pg_catalog.text[], pg_catalog.oid) FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER secrets_audit_log
	HANDLER secrets_catalog.audit_log_handler VALIDATOR secrets_catalog.audit_log_validator;
COMMENT ON FOREIGN DATA WRAPPER secrets_audit_log IS 'secrets: reads what the effective role may audit';
REVOKE ALL ON FOREIGN DATA WRAPPER secrets_audit_log FROM PUBLIC;
CREATE SERVER secrets_audit_log FOREIGN DATA WRAPPER secrets_audit_log;
COMMENT ON SERVER secrets_audit_log IS 'secrets: this database itself; serves the view secrets.audit_log only';
REVOKE ALL ON FOREIGN SERVER secrets_audit_log FROM PUBLIC;

CREATE FOREIGN TABLE secrets_catalog.audit_listed (
	event_id pg_catalog.int8,
	at pg_catalog.timestamptz,
	action pg_catalog.text COLLATE "C",
	id pg_catalog.uuid,
	name pg_catalog.text COLLATE "C",
	version pg_catalog.int8,
	outcome pg_catalog.text COLLATE "C",
	reason pg_catalog.text COLLATE "C",
	login pg_catalog.text COLLATE "C",
	role pg_catalog.text COLLATE "C",
	actor pg_catalog.text COLLATE "C",
	client_addr pg_catalog.inet,
	application_name pg_catalog.text COLLATE "C",
	pid pg_catalog.int4,
	txid pg_catalog.int8,
	via pg_catalog.text COLLATE "C",
	detail pg_catalog.jsonb
) SERVER secrets_audit_log;
COMMENT ON FOREIGN TABLE secrets_catalog.audit_listed IS 'lines of the log that the effective role may see';
REVOKE ALL ON TABLE secrets_catalog.audit_listed FROM PUBLIC;

-- CROSS JOIN (SELECT): a view of one table is one that PostgreSQL takes for one to write through.
CREATE VIEW secrets.audit_log WITH (security_barrier) AS
	SELECT e.event_id, e.at, e.action, e.id, e.name, e.version, e.outcome, e.reason, e.login, e.role, e.actor,
		e.client_addr, e.application_name, e.pid, e.txid, e.via, e.detail
	FROM secrets_catalog.audit_listed e CROSS JOIN (SELECT) AS not_writable;
COMMENT ON VIEW secrets.audit_log IS 'who read, changed or was refused what: lines of names on which you hold audit; in no order';
GRANT SELECT ON secrets.audit_log TO PUBLIC;

CREATE FUNCTION secrets.verify_audit(since pg_catalog.timestamptz = NULL, expected_head pg_catalog.text = NULL)
	RETURNS TABLE (kind pg_catalog.text, at pg_catalog.timestamptz, event_id pg_catalog.int8, problem pg_catalog.text)
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_verify_audit';
COMMENT ON FUNCTION secrets.verify_audit(pg_catalog.timestamptz, pg_catalog.text)
	IS 'what is wrong with the log, no rows where it is whole; kind: edited, deleted, inserted (lines), digest, chain (their proof), shortened, rewound (the end is not what was expected), key (of another database), sealed (lines without proof), uncovered (not yet proved)';

CREATE FUNCTION secrets.audit_head() RETURNS pg_catalog.text
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_audit_head';
COMMENT ON FUNCTION secrets.audit_head()
	IS 'a line that stands for the log up to now: keep it elsewhere, and give it to secrets.verify_audit() later; also in the server''s log';

CREATE FUNCTION secrets.export_audit(since pg_catalog.timestamptz = NULL, until pg_catalog.timestamptz = NULL)
	RETURNS SETOF pg_catalog.text
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_export_audit';
COMMENT ON FUNCTION secrets.export_audit(pg_catalog.timestamptz, pg_catalog.timestamptz)
	IS 'lines of JSON: the digests from since until before until, each with what it covers; tools/verify-audit checks them without a server';
