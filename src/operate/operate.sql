-- operate: the server's keys and state.

CREATE FUNCTION secrets.status(OUT version pg_catalog.text, OUT state pg_catalog.text, OUT why pg_catalog.text,
	OUT root_key_source pg_catalog.text, OUT root_key_id pg_catalog.text, OUT master_key_version pg_catalog.int8,
	OUT secrets pg_catalog.int8, OUT rekey_remaining pg_catalog.int8, OUT audit_pid pg_catalog.int4,
	OUT audit_queue pg_catalog.int8, OUT audit_lag pg_catalog.interval, OUT scheduler_job pg_catalog.int8,
	OUT scheduler_last pg_catalog.timestamptz)
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_status';
COMMENT ON FUNCTION secrets.status() IS 'state of the extension: ready, sealed (and why) or no_preload; its keys and their progress';

CREATE FUNCTION secrets.check() RETURNS TABLE (severity pg_catalog.text, what pg_catalog.text, advice pg_catalog.text)
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_check';
COMMENT ON FUNCTION secrets.check() IS 'what endangers secrets in this server and database, and what to do about it; no rows where all is well';

CREATE FUNCTION secrets.seal() RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_seal';
COMMENT ON FUNCTION secrets.seal() IS 'drops all keys from memory, for the whole server, at once';

CREATE FUNCTION secrets.unseal() RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_unseal';
COMMENT ON FUNCTION secrets.unseal() IS 'takes the root key again from the place that secrets.root_key names';

CREATE FUNCTION secrets.add_root_key(source pg_catalog.text) RETURNS pg_catalog.text
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_add_root_key';
COMMENT ON FUNCTION secrets.add_root_key(pg_catalog.text) IS 'wraps every master key for another root key too, and returns its id';
REVOKE ALL ON FUNCTION secrets.add_root_key(pg_catalog.text) FROM PUBLIC;

CREATE FUNCTION secrets.drop_root_key(id pg_catalog.text) RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_drop_root_key';
COMMENT ON FUNCTION secrets.drop_root_key(pg_catalog.text) IS 'removes a root key''s wraps; never those of the one in use';
REVOKE ALL ON FUNCTION secrets.drop_root_key(pg_catalog.text) FROM PUBLIC;

CREATE FUNCTION secrets.rotate_master_key() RETURNS pg_catalog.int8
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_rotate_master_key';
COMMENT ON FUNCTION secrets.rotate_master_key() IS 'makes a new master key, which seals from now on; secrets.rekey() carries the old values over';

CREATE PROCEDURE secrets.rekey(batch pg_catalog.int4 = 1000)
	LANGUAGE C AS 'MODULE_PATHNAME', 'secrets_rekey';
COMMENT ON PROCEDURE secrets.rekey(pg_catalog.int4)
	IS 'seals every value again under the newest master key, online; not what Vault calls rekey, which deals out new unseal shares';

CREATE FUNCTION secrets_catalog.wrap_root_key(wrap secrets.ciphertext) RETURNS pg_catalog.text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'secrets_wrap_root_key';
COMMENT ON FUNCTION secrets_catalog.wrap_root_key(secrets.ciphertext) IS 'id of the root key that opens a master key''s wrap';

CREATE FUNCTION secrets_catalog.root_key_in_use() RETURNS pg_catalog.text
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_root_key_in_use';
COMMENT ON FUNCTION secrets_catalog.root_key_in_use() IS 'id of the root key in memory';

-- Not writable, like the views of kv.sql: what is in source is run by the server.
CREATE VIEW secrets.root_keys WITH (security_barrier) AS
	SELECT r.id, r.source, r.added_at,
		(SELECT pg_catalog.count(*) FROM secrets_catalog.master_key m
		 WHERE EXISTS (SELECT FROM pg_catalog.unnest(m.wraps) w
			WHERE secrets_catalog.wrap_root_key(w) OPERATOR(pg_catalog.=) r.id)) AS wraps,
		COALESCE(r.id OPERATOR(pg_catalog.=) secrets_catalog.root_key_in_use(), false) AS in_use
	FROM secrets_catalog.root_key r CROSS JOIN (SELECT) AS not_writable
	WHERE (SELECT secrets_catalog.may_operate());
COMMENT ON VIEW secrets.root_keys IS 'root keys that open this database, the places they came from, and which is in use';
GRANT SELECT ON secrets.root_keys TO PUBLIC;

-- Last of all: the library is loaded by now, and knows whether the server will do.
CREATE FUNCTION secrets_catalog.check_preload() RETURNS pg_catalog.void
	LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'secrets_check_preload';
COMMENT ON FUNCTION secrets_catalog.check_preload() IS 'warns where the library was not preloaded';
SELECT secrets_catalog.check_preload();
