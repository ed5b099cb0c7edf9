-- keyring: the master keys, each wrapped by one root key or more.  The install
-- script inserts no row: the first write makes the first key, a restore brings
-- its own.
CREATE TABLE secrets_catalog.master_key (
	key_id pg_catalog.uuid NOT NULL CONSTRAINT master_key_pkey PRIMARY KEY,
	version pg_catalog.int8 NOT NULL,
	created_at pg_catalog.timestamptz NOT NULL,
	wraps secrets.ciphertext[] NOT NULL
) USING heap;
COMMENT ON TABLE secrets_catalog.master_key IS 'master keys, each with one wrap for every root key that opens it; the highest version seals';
ALTER TABLE secrets_catalog.master_key ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.master_key FROM PUBLIC;

CREATE TABLE secrets_catalog.root_key (
	id pg_catalog.text COLLATE "C" NOT NULL CONSTRAINT root_key_pkey PRIMARY KEY,
	source pg_catalog.text NOT NULL,
	added_at pg_catalog.timestamptz NOT NULL
) USING heap;
COMMENT ON TABLE secrets_catalog.root_key IS 'root keys that wrap the master keys, and the place each was taken from; never a key';
ALTER TABLE secrets_catalog.root_key ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.root_key FROM PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('secrets_catalog.master_key', '');
SELECT pg_catalog.pg_extension_config_dump('secrets_catalog.root_key', '');
