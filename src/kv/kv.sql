-- kv: the verbs on values, and the views of what there is.
--
-- Everything is VOLATILE: what gives or takes a value must not be folded into
-- a plan, nor run by the planner.  Everything is PARALLEL UNSAFE: a read that
-- is audited belongs to its session.  Nothing is STRICT: NULL is refused, not
-- passed by.

-- Views first: functions return their rows.
--
-- They read foreign tables of our own (kv/scan.c), which give to each reader
-- what he may list and nothing else to filter: EXPLAIN ANALYZE counts the rows
-- that a filter removed, which tells a stranger what there is.  These tables
-- have no options, and none but these is served.

CREATE FUNCTION secrets_catalog.listing_handler() RETURNS pg_catalog.fdw_handler
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_listing_handler';
COMMENT ON FUNCTION secrets_catalog.listing_handler() IS 'how the foreign tables under the views are read';
REVOKE ALL ON FUNCTION secrets_catalog.listing_handler() FROM PUBLIC;
CREATE FUNCTION secrets_catalog.listing_validator(options pg_catalog.text[], catalog pg_catalog.oid) RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_listing_validator';
COMMENT ON FUNCTION secrets_catalog.listing_validator(pg_catalog.text[], pg_catalog.oid) IS 'refuses options: there are none';
REVOKE ALL ON FUNCTION secrets_catalog.listing_validator(pg_catalog.text[], pg_catalog.oid) FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER secrets_listing
	HANDLER secrets_catalog.listing_handler VALIDATOR secrets_catalog.listing_validator;
COMMENT ON FOREIGN DATA WRAPPER secrets_listing IS 'secrets: reads what the effective role may list';
REVOKE ALL ON FOREIGN DATA WRAPPER secrets_listing FROM PUBLIC;
CREATE SERVER secrets_listing FOREIGN DATA WRAPPER secrets_listing;
COMMENT ON SERVER secrets_listing IS 'secrets: this database itself; serves the views of extension secrets only';
REVOKE ALL ON FOREIGN SERVER secrets_listing FROM PUBLIC;

CREATE FOREIGN TABLE secrets_catalog.listed (
	id pg_catalog.uuid,
	name pg_catalog.text COLLATE "C",
	kind pg_catalog.text COLLATE "C",
	description pg_catalog.text,
	tags pg_catalog.jsonb,
	content_type pg_catalog.text,
	current_version pg_catalog.int8,
	created_at pg_catalog.timestamptz,
	changed_at pg_catalog.timestamptz,
	last_read_at pg_catalog.timestamptz,
	expires_at pg_catalog.timestamptz,
	disabled pg_catalog.bool,
	next_rotation_at pg_catalog.timestamptz
) SERVER secrets_listing;
COMMENT ON FOREIGN TABLE secrets_catalog.listed IS 'secrets that the effective role may list';
REVOKE ALL ON TABLE secrets_catalog.listed FROM PUBLIC;

CREATE FOREIGN TABLE secrets_catalog.listed_versions (
	id pg_catalog.uuid,
	name pg_catalog.text COLLATE "C",
	version pg_catalog.int8,
	stages pg_catalog.text[] COLLATE "C",
	state pg_catalog.text,
	created_at pg_catalog.timestamptz,
	created_by pg_catalog.text,
	size pg_catalog.int4,
	public_key pg_catalog.text
) SERVER secrets_listing;
COMMENT ON FOREIGN TABLE secrets_catalog.listed_versions IS 'versions of the secrets that the effective role may list';
REVOKE ALL ON TABLE secrets_catalog.listed_versions FROM PUBLIC;

CREATE FOREIGN TABLE secrets_catalog.listed_deleted (
	id pg_catalog.uuid,
	name pg_catalog.text COLLATE "C",
	deleted_at pg_catalog.timestamptz,
	purge_after pg_catalog.timestamptz,
	deleted_by pg_catalog.text
) SERVER secrets_listing;
COMMENT ON FOREIGN TABLE secrets_catalog.listed_deleted IS 'deleted secrets that the effective role may list';
REVOKE ALL ON TABLE secrets_catalog.listed_deleted FROM PUBLIC;

-- CROSS JOIN (SELECT) is for this alone: a view of one table is one that
-- PostgreSQL takes for one to write through.  The planner takes it away again.
-- ORDER BY costs nothing, the rows come in that order; it lets a query that asks
-- for the same go without sorting, and stop after its first rows.

CREATE VIEW secrets.secrets WITH (security_barrier) AS
	SELECT s.id, s.name, s.kind, s.description, s.tags, s.content_type, s.current_version,
		s.created_at, s.changed_at, s.last_read_at, s.expires_at, s.disabled, s.next_rotation_at
	FROM secrets_catalog.listed s CROSS JOIN (SELECT) AS not_writable
	ORDER BY s.name;
COMMENT ON VIEW secrets.secrets IS 'secrets that you may list: metadata, never a value';
GRANT SELECT ON secrets.secrets TO PUBLIC;

CREATE VIEW secrets.versions WITH (security_barrier) AS
	SELECT v.id, v.name, v.version, v.stages, v.state, v.created_at, v.created_by, v.size, v.public_key
	FROM secrets_catalog.listed_versions v CROSS JOIN (SELECT) AS not_writable
	ORDER BY v.name;
COMMENT ON VIEW secrets.versions IS 'versions of the secrets that you may list, with their stages, sizes and public keys';
GRANT SELECT ON secrets.versions TO PUBLIC;

CREATE VIEW secrets.deleted WITH (security_barrier) AS
	SELECT d.id, d.name, d.deleted_at, d.purge_after, d.deleted_by
	FROM secrets_catalog.listed_deleted d CROSS JOIN (SELECT) AS not_writable
	ORDER BY d.name;
COMMENT ON VIEW secrets.deleted IS 'deleted secrets that can be brought back, by secrets.undelete(), until purge_after';
GRANT SELECT ON secrets.deleted TO PUBLIC;

CREATE VIEW secrets.inbox AS
	SELECT NULL::pg_catalog.text AS name, NULL::pg_catalog.text AS value, NULL::pg_catalog.text AS description,
		NULL::pg_catalog.jsonb AS tags, NULL::pg_catalog.text AS content_type, NULL::pg_catalog.timestamptz AS expires_at
	WHERE false;
COMMENT ON VIEW secrets.inbox IS 'write-only: INSERT or COPY into it is secrets.put(), row by row';
GRANT INSERT ON secrets.inbox TO PUBLIC;

CREATE FUNCTION secrets_catalog.inbox_insert() RETURNS pg_catalog.trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_inbox_insert';
COMMENT ON FUNCTION secrets_catalog.inbox_insert() IS 'secrets.put() for each row of secrets.inbox';
CREATE TRIGGER inbox_insert INSTEAD OF INSERT ON secrets.inbox
	FOR EACH ROW EXECUTE FUNCTION secrets_catalog.inbox_insert();

-- Writing.

CREATE FUNCTION secrets.put(name pg_catalog.text, value pg_catalog.text, description pg_catalog.text = NULL,
	tags pg_catalog.jsonb = NULL, expires_at pg_catalog.timestamptz = NULL, if_version pg_catalog.int8 = NULL,
	options pg_catalog.jsonb = '{}') RETURNS pg_catalog.int8
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_put_text';
COMMENT ON FUNCTION secrets.put(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.jsonb, pg_catalog.timestamptz, pg_catalog.int8, pg_catalog.jsonb)
	IS 'stores a text as the secret''s new current version, and returns its number; if_version is check-and-set';

CREATE FUNCTION secrets.put(name pg_catalog.text, value pg_catalog.jsonb, description pg_catalog.text = NULL,
	tags pg_catalog.jsonb = NULL, expires_at pg_catalog.timestamptz = NULL, if_version pg_catalog.int8 = NULL,
	options pg_catalog.jsonb = '{}') RETURNS pg_catalog.int8
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_put_jsonb';
COMMENT ON FUNCTION secrets.put(pg_catalog.text, pg_catalog.jsonb, pg_catalog.text, pg_catalog.jsonb, pg_catalog.timestamptz, pg_catalog.int8, pg_catalog.jsonb)
	IS 'the same for JSON, with content type application/json';

CREATE FUNCTION secrets.put_bytes(name pg_catalog.text, value pg_catalog.bytea, description pg_catalog.text = NULL,
	tags pg_catalog.jsonb = NULL, expires_at pg_catalog.timestamptz = NULL, if_version pg_catalog.int8 = NULL,
	options pg_catalog.jsonb = '{}') RETURNS pg_catalog.int8
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_put_bytes';
COMMENT ON FUNCTION secrets.put_bytes(pg_catalog.text, pg_catalog.bytea, pg_catalog.text, pg_catalog.jsonb, pg_catalog.timestamptz, pg_catalog.int8, pg_catalog.jsonb)
	IS 'the same for bytes; read them with secrets.get_bytes()';

CREATE FUNCTION secrets.patch(name pg_catalog.text, changes pg_catalog.text) RETURNS pg_catalog.int8
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_patch_text';
COMMENT ON FUNCTION secrets.patch(pg_catalog.text, pg_catalog.text)
	IS 'JSON merge patch (RFC 7396) of the current value, as a new version';

CREATE FUNCTION secrets.patch(name pg_catalog.text, changes pg_catalog.jsonb) RETURNS pg_catalog.int8
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_patch_jsonb';
COMMENT ON FUNCTION secrets.patch(pg_catalog.text, pg_catalog.jsonb)
	IS 'JSON merge patch (RFC 7396) of the current value, as a new version';

CREATE FUNCTION secrets.generate(name pg_catalog.text, kind pg_catalog.text = 'password', options pg_catalog.jsonb = '{}')
	RETURNS pg_catalog.int8
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_generate';
COMMENT ON FUNCTION secrets.generate(pg_catalog.text, pg_catalog.text, pg_catalog.jsonb)
	IS 'the server makes the new version, which the caller never sees: password, token, bytes, uuid, ssh_ed25519, keypair or x509';

CREATE FUNCTION secrets.random_password(length pg_catalog.int4 = 32, exclude pg_catalog.text = '') RETURNS pg_catalog.text
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_random_password';
COMMENT ON FUNCTION secrets.random_password(pg_catalog.int4, pg_catalog.text)
	IS 'a random password, stored nowhere';

-- Reading.

CREATE FUNCTION secrets.get(name pg_catalog.text, field pg_catalog.text = NULL, version pg_catalog.int8 = NULL,
	stage pg_catalog.text = NULL) RETURNS pg_catalog.text
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_get';
COMMENT ON FUNCTION secrets.get(pg_catalog.text, pg_catalog.text, pg_catalog.int8, pg_catalog.text)
	IS 'the value, or one field of a JSON value; current, or of a version or stage';

CREATE FUNCTION secrets.try_get(name pg_catalog.text, field pg_catalog.text = NULL, version pg_catalog.int8 = NULL,
	stage pg_catalog.text = NULL) RETURNS pg_catalog.text
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_try_get';
COMMENT ON FUNCTION secrets.try_get(pg_catalog.text, pg_catalog.text, pg_catalog.int8, pg_catalog.text)
	IS 'like secrets.get(), with NULL for what is not there';

CREATE FUNCTION secrets.get_bytes(name pg_catalog.text, version pg_catalog.int8 = NULL, stage pg_catalog.text = NULL)
	RETURNS pg_catalog.bytea
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_get_bytes';
COMMENT ON FUNCTION secrets.get_bytes(pg_catalog.text, pg_catalog.int8, pg_catalog.text)
	IS 'the value as bytes; of a text its UTF-8';

CREATE FUNCTION secrets.get_many(names pg_catalog.text[])
	RETURNS TABLE (name pg_catalog.text, version pg_catalog.int8, value pg_catalog.text)
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_get_many';
COMMENT ON FUNCTION secrets.get_many(pg_catalog.text[])
	IS 'several current values, in the order given; the first that fails raises';

CREATE FUNCTION secrets.get_all(pattern pg_catalog.text)
	RETURNS TABLE (name pg_catalog.text, version pg_catalog.int8, value pg_catalog.text, problem pg_catalog.text)
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_get_all';
COMMENT ON FUNCTION secrets.get_all(pg_catalog.text)
	IS 'all current values that match and that you may read; problem says why one has no value';

CREATE FUNCTION secrets.current_version(name pg_catalog.text) RETURNS pg_catalog.int8
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_current_version';
COMMENT ON FUNCTION secrets.current_version(pg_catalog.text)
	IS 'number of the current version, for polling';

CREATE FUNCTION secrets.list(pattern pg_catalog.text = '**', after pg_catalog.text = NULL, max_rows pg_catalog.int4 = NULL)
	RETURNS SETOF secrets.secrets
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_list';
COMMENT ON FUNCTION secrets.list(pg_catalog.text, pg_catalog.text, pg_catalog.int4)
	IS 'secrets whose name matches, in order of name; after and max_rows page through them';

CREATE FUNCTION secrets.describe(name pg_catalog.text) RETURNS secrets.secrets
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_describe';
COMMENT ON FUNCTION secrets.describe(pg_catalog.text) IS 'metadata of one secret';

-- Metadata, stages.

CREATE FUNCTION secrets.alter(name pg_catalog.text, description pg_catalog.text = NULL, tags pg_catalog.jsonb = NULL,
	content_type pg_catalog.text = NULL, expires_at pg_catalog.timestamptz = NULL, max_versions pg_catalog.int4 = NULL,
	options pg_catalog.jsonb = '{}') RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_alter';
COMMENT ON FUNCTION secrets.alter(pg_catalog.text, pg_catalog.text, pg_catalog.jsonb, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.int4, pg_catalog.jsonb)
	IS 'changes metadata: NULL leaves, the empty string clears, tags replaces all, ''infinity'' never expires';

CREATE FUNCTION secrets.label(name pg_catalog.text, stage pg_catalog.text, version pg_catalog.int8) RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_label';
COMMENT ON FUNCTION secrets.label(pg_catalog.text, pg_catalog.text, pg_catalog.int8)
	IS 'moves a stage to a version; NULL takes it off';

CREATE FUNCTION secrets.rollback(name pg_catalog.text, version pg_catalog.int8 = NULL) RETURNS pg_catalog.int8
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_rollback';
COMMENT ON FUNCTION secrets.rollback(pg_catalog.text, pg_catalog.int8)
	IS 'makes an earlier version current again, by default the previous one';

CREATE FUNCTION secrets.disable(name pg_catalog.text, version pg_catalog.int8 = NULL) RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_disable';
COMMENT ON FUNCTION secrets.disable(pg_catalog.text, pg_catalog.int8)
	IS 'refuses reads of a secret, or of one version, without deleting it';

CREATE FUNCTION secrets.enable(name pg_catalog.text, version pg_catalog.int8 = NULL) RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_enable';
COMMENT ON FUNCTION secrets.enable(pg_catalog.text, pg_catalog.int8) IS 'undoes secrets.disable()';

-- Life and death.

CREATE FUNCTION secrets.rename(name pg_catalog.text, new_name pg_catalog.text) RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_rename';
COMMENT ON FUNCTION secrets.rename(pg_catalog.text, pg_catalog.text)
	IS 'gives a secret another name; its versions and stages stay';

CREATE FUNCTION secrets.delete(name pg_catalog.text, recovery pg_catalog.interval = '30 days') RETURNS pg_catalog.timestamptz
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_delete';
COMMENT ON FUNCTION secrets.delete(pg_catalog.text, pg_catalog.interval)
	IS 'deletes a secret, with a way back until the time it returns; the name is free at once';

CREATE FUNCTION secrets.undelete(name pg_catalog.text, id pg_catalog.uuid = NULL, new_name pg_catalog.text = NULL)
	RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_undelete';
COMMENT ON FUNCTION secrets.undelete(pg_catalog.text, pg_catalog.uuid, pg_catalog.text)
	IS 'brings a deleted secret back, under its name or another';

CREATE FUNCTION secrets.destroy(name pg_catalog.text, version pg_catalog.int8) RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_destroy';
COMMENT ON FUNCTION secrets.destroy(pg_catalog.text, pg_catalog.int8)
	IS 'removes one version''s ciphertext for good';

CREATE FUNCTION secrets.purge(name pg_catalog.text, id pg_catalog.uuid = NULL) RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_purge';
COMMENT ON FUNCTION secrets.purge(pg_catalog.text, pg_catalog.uuid)
	IS 'removes a deleted secret for good, with all its versions';

CREATE FUNCTION secrets.watch(name pg_catalog.text) RETURNS pg_catalog.text
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_watch';
COMMENT ON FUNCTION secrets.watch(pg_catalog.text)
	IS 'a channel to LISTEN on for changes of a secret, for 24 hours from the last call';
