-- audit: the log, and its proof.  The install script inserts no row.
CREATE TABLE secrets_catalog.audit_event (
	event_id pg_catalog.int8 NOT NULL,
	at pg_catalog.timestamptz NOT NULL,
	batch pg_catalog.int8,
	txid pg_catalog.int8,
	version pg_catalog.int8,
	id pg_catalog.uuid,
	rule pg_catalog.uuid,
	pid pg_catalog.int4,
	key pg_catalog.int4,
	action pg_catalog.text COLLATE "C" NOT NULL,
	outcome pg_catalog.text COLLATE "C" NOT NULL,
	via pg_catalog.text COLLATE "C" NOT NULL,
	name pg_catalog.text COLLATE "C",
	login pg_catalog.text COLLATE "C",
	role pg_catalog.text COLLATE "C",
	actor pg_catalog.text COLLATE "C",
	client_addr pg_catalog.inet,
	application_name pg_catalog.text COLLATE "C",
	reason pg_catalog.text COLLATE "C",
	detail pg_catalog.jsonb,
	mac pg_catalog.bytea
) USING heap;
COMMENT ON TABLE secrets_catalog.audit_event IS 'the log: one row for each read, each refusal and each change; look at it through secrets.audit_log';
-- Lines that came with changes, for the worker to find; the many others are in no index.
CREATE INDEX audit_event_change ON secrets_catalog.audit_event (txid) WHERE batch IS NULL;
ALTER TABLE secrets_catalog.audit_event ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.audit_event FROM PUBLIC;

CREATE TABLE secrets_catalog.audit_digest (
	number pg_catalog.int8 NOT NULL CONSTRAINT audit_digest_pkey PRIMARY KEY,
	at pg_catalog.timestamptz NOT NULL,
	lines pg_catalog.int8 NOT NULL,
	unsigned_lines pg_catalog.int8 NOT NULL,
	system_id pg_catalog.int8 NOT NULL,
	database pg_catalog.int8 NOT NULL,
	timeline pg_catalog.int4 NOT NULL,
	key pg_catalog.int4 NOT NULL,
	queue pg_catalog.int8,
	queue_at pg_catalog.int8,
	through pg_catalog.int8,
	kind pg_catalog.text COLLATE "C" NOT NULL,
	hash pg_catalog.bytea NOT NULL,
	parents pg_catalog.bytea NOT NULL,
	events pg_catalog.int8[],
	snapshot pg_catalog.text,
	head pg_catalog.bytea NOT NULL,
	mac pg_catalog.bytea NOT NULL
) USING heap;
COMMENT ON TABLE secrets_catalog.audit_digest IS 'the chain of digests over the log, each with the head of the one before';
ALTER TABLE secrets_catalog.audit_digest ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.audit_digest FROM PUBLIC;

-- Told by the log, and kept apart for the column last_read_at of secrets.secrets.  It
-- proves nothing: no line is written when it changes.
CREATE TABLE secrets_catalog.last_read (
	id pg_catalog.uuid NOT NULL CONSTRAINT last_read_pkey PRIMARY KEY,
	at pg_catalog.timestamptz NOT NULL
) USING heap WITH (fillfactor = 60);
COMMENT ON TABLE secrets_catalog.last_read IS 'when each secret was read last, up to a second or so ago';
ALTER TABLE secrets_catalog.last_read ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.last_read FROM PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('secrets_catalog.last_read', '');
-- What came from standbys: up to which position of which queue of theirs it is in
-- the log.  Not dumped: it means something in this cluster alone.
CREATE TABLE secrets_catalog.audit_origin (
	run pg_catalog.int8 NOT NULL,
	database pg_catalog.int8 NOT NULL,
	at pg_catalog.int8 NOT NULL,
	key pg_catalog.int4 NOT NULL,
	mac pg_catalog.bytea NOT NULL,
	CONSTRAINT audit_origin_pkey PRIMARY KEY (run, database)
) USING heap;
COMMENT ON TABLE secrets_catalog.audit_origin IS 'how much of each standby''s queue is in the log';
ALTER TABLE secrets_catalog.audit_origin ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.audit_origin FROM PUBLIC;

CREATE FUNCTION secrets.receive_audit(packet pg_catalog.bytea) RETURNS pg_catalog.bytea
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_receive_audit';
COMMENT ON FUNCTION secrets.receive_audit(pg_catalog.bytea)
	IS 'for standbys of this server: takes their lines of the audit; accepts only what carries its MAC';

SELECT pg_catalog.pg_extension_config_dump('secrets_catalog.audit_event', '');
SELECT pg_catalog.pg_extension_config_dump('secrets_catalog.audit_digest', '');

CREATE FUNCTION secrets_catalog.audit_change() RETURNS pg_catalog.trigger
	LANGUAGE C AS 'MODULE_PATHNAME', 'secrets_audit_change';
COMMENT ON FUNCTION secrets_catalog.audit_change() IS 'writes a line of the audit for a change, in its transaction';
REVOKE ALL ON FUNCTION secrets_catalog.audit_change() FROM PUBLIC;

-- AFTER, so that the line tells what was done, and ALWAYS: session_replication_role
-- skips the others.  The log's own tables tell of statements, not of rows.
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON secrets_catalog.master_key
	FOR EACH ROW EXECUTE FUNCTION secrets_catalog.audit_change();
CREATE TRIGGER audit_truncate AFTER TRUNCATE ON secrets_catalog.master_key
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.audit_change();
ALTER TABLE secrets_catalog.master_key ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE secrets_catalog.master_key ENABLE ALWAYS TRIGGER audit_truncate;
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON secrets_catalog.root_key
	FOR EACH ROW EXECUTE FUNCTION secrets_catalog.audit_change();
CREATE TRIGGER audit_truncate AFTER TRUNCATE ON secrets_catalog.root_key
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.audit_change();
ALTER TABLE secrets_catalog.root_key ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE secrets_catalog.root_key ENABLE ALWAYS TRIGGER audit_truncate;
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON secrets_catalog.secret
	FOR EACH ROW EXECUTE FUNCTION secrets_catalog.audit_change();
CREATE TRIGGER audit_truncate AFTER TRUNCATE ON secrets_catalog.secret
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.audit_change();
ALTER TABLE secrets_catalog.secret ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE secrets_catalog.secret ENABLE ALWAYS TRIGGER audit_truncate;
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON secrets_catalog.version
	FOR EACH ROW EXECUTE FUNCTION secrets_catalog.audit_change();
CREATE TRIGGER audit_truncate AFTER TRUNCATE ON secrets_catalog.version
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.audit_change();
ALTER TABLE secrets_catalog.version ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE secrets_catalog.version ENABLE ALWAYS TRIGGER audit_truncate;
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON secrets_catalog.stage
	FOR EACH ROW EXECUTE FUNCTION secrets_catalog.audit_change();
CREATE TRIGGER audit_truncate AFTER TRUNCATE ON secrets_catalog.stage
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.audit_change();
ALTER TABLE secrets_catalog.stage ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE secrets_catalog.stage ENABLE ALWAYS TRIGGER audit_truncate;
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON secrets_catalog.rule
	FOR EACH ROW EXECUTE FUNCTION secrets_catalog.audit_change();
CREATE TRIGGER audit_truncate AFTER TRUNCATE ON secrets_catalog.rule
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.audit_change();
ALTER TABLE secrets_catalog.rule ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE secrets_catalog.rule ENABLE ALWAYS TRIGGER audit_truncate;
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON secrets_catalog.home
	FOR EACH ROW EXECUTE FUNCTION secrets_catalog.audit_change();
CREATE TRIGGER audit_truncate AFTER TRUNCATE ON secrets_catalog.home
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.audit_change();
ALTER TABLE secrets_catalog.home ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE secrets_catalog.home ENABLE ALWAYS TRIGGER audit_truncate;
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON secrets_catalog.audit_event
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.audit_change();
CREATE TRIGGER audit_truncate AFTER TRUNCATE ON secrets_catalog.audit_event
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.audit_change();
ALTER TABLE secrets_catalog.audit_event ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE secrets_catalog.audit_event ENABLE ALWAYS TRIGGER audit_truncate;
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON secrets_catalog.audit_digest
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.audit_change();
CREATE TRIGGER audit_truncate AFTER TRUNCATE ON secrets_catalog.audit_digest
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.audit_change();
ALTER TABLE secrets_catalog.audit_digest ENABLE ALWAYS TRIGGER audit_change;
ALTER TABLE secrets_catalog.audit_digest ENABLE ALWAYS TRIGGER audit_truncate;
