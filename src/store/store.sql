-- store: secrets, their versions, and the stages that point at versions.
--
-- Nothing here is plaintext but names and metadata.  The columns that a read
-- needs come first.  There is no foreign key between the tables: every change
-- goes through one function that locks the secret's row, and a check at each
-- put would cost what it proves.
CREATE TABLE secrets_catalog.secret (
	id pg_catalog.uuid NOT NULL CONSTRAINT secret_pkey PRIMARY KEY,
	current_version pg_catalog.int8,
	previous_version pg_catalog.int8,
	last_version pg_catalog.int8 NOT NULL,
	disabled pg_catalog.bool NOT NULL,
	expires_at pg_catalog.timestamptz,
	created_at pg_catalog.timestamptz NOT NULL,
	changed_at pg_catalog.timestamptz NOT NULL,
	deleted_at pg_catalog.timestamptz,
	purge_after pg_catalog.timestamptz,
	watch_until pg_catalog.timestamptz,
	max_versions pg_catalog.int4,
	kind pg_catalog.text COLLATE "C" NOT NULL,
	name pg_catalog.text COLLATE "C" NOT NULL,
	content_type pg_catalog.text,
	description pg_catalog.text,
	tags pg_catalog.jsonb,
	deleted_by pg_catalog.text,
	watch_channel pg_catalog.text COLLATE "C",
	generator pg_catalog.jsonb
) USING heap WITH (fillfactor = 80);
COMMENT ON TABLE secrets_catalog.secret IS 'one row a secret, deleted ones too until they are purged';
-- The name of a deleted secret is free at once.
CREATE UNIQUE INDEX secret_name ON secrets_catalog.secret (name) WHERE deleted_at IS NULL;
CREATE INDEX secret_deleted ON secrets_catalog.secret (name) WHERE deleted_at IS NOT NULL;
-- Most secrets never end, and are not in it.
CREATE INDEX secret_expires ON secrets_catalog.secret (expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
ALTER TABLE secrets_catalog.secret ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.secret FROM PUBLIC;

CREATE TABLE secrets_catalog.version (
	secret_id pg_catalog.uuid NOT NULL,
	version pg_catalog.int8 NOT NULL,
	created_at pg_catalog.timestamptz NOT NULL,
	disabled pg_catalog.bool NOT NULL,
	destroyed_at pg_catalog.timestamptz,
	value secrets.ciphertext,
	created_by pg_catalog.text,
	request_id pg_catalog.uuid,
	public_half pg_catalog.text,
	CONSTRAINT version_pkey PRIMARY KEY (secret_id, version)
) USING heap;
COMMENT ON TABLE secrets_catalog.version IS 'the sealed values; one that was destroyed has none';
ALTER TABLE secrets_catalog.version ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.version FROM PUBLIC;

CREATE TABLE secrets_catalog.stage (
	secret_id pg_catalog.uuid NOT NULL,
	stage pg_catalog.text COLLATE "C" NOT NULL,
	version pg_catalog.int8 NOT NULL,
	CONSTRAINT stage_pkey PRIMARY KEY (secret_id, stage)
) USING heap;
COMMENT ON TABLE secrets_catalog.stage IS 'stages other than current and previous, which are columns of the secret';
ALTER TABLE secrets_catalog.stage ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.stage FROM PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('secrets_catalog.secret', '');
SELECT pg_catalog.pg_extension_config_dump('secrets_catalog.version', '');
SELECT pg_catalog.pg_extension_config_dump('secrets_catalog.stage', '');
