-- policy: the rules by path.
--
-- A rule is found by the folder that its pattern lies in, one for a single name
-- by that name, and by whom it is for: a decision looks at few, however many
-- there are.
--
-- Its grantee is who bears the tag (a random label on the role, see
-- src/README), not who bears the name.

CREATE FUNCTION secrets_catalog.rule_folder(pattern pg_catalog.text) RETURNS pg_catalog.text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'secrets_rule_folder';
COMMENT ON FUNCTION secrets_catalog.rule_folder(pg_catalog.text) IS 'the folder that all names lie in which a pattern matches';
CREATE FUNCTION secrets_catalog.rule_leaf(pattern pg_catalog.text) RETURNS pg_catalog.text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'secrets_rule_leaf';
COMMENT ON FUNCTION secrets_catalog.rule_leaf(pg_catalog.text) IS 'the last segment of a pattern without stars; empty where it has one';

CREATE FUNCTION secrets_catalog.rule_pattern_is_valid(pattern pg_catalog.text) RETURNS pg_catalog.bool
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'secrets_rule_pattern_is_valid';
COMMENT ON FUNCTION secrets_catalog.rule_pattern_is_valid(pg_catalog.text) IS 'whether it is a pattern';

CREATE FUNCTION secrets_catalog.rule_merge(pg_catalog.text[], pg_catalog.text[]) RETURNS pg_catalog.text[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'secrets_rule_merge';
COMMENT ON FUNCTION secrets_catalog.rule_merge(pg_catalog.text[], pg_catalog.text[]) IS 'privileges of two rules together';

CREATE TABLE secrets_catalog.rule (
	id pg_catalog.uuid NOT NULL CONSTRAINT rule_pkey PRIMARY KEY,
	effect pg_catalog.text COLLATE "C" NOT NULL
		CONSTRAINT rule_effect CHECK (effect OPERATOR(pg_catalog.=) 'allow' OR effect OPERATOR(pg_catalog.=) 'deny'),
	privileges pg_catalog.text[] COLLATE "C" NOT NULL,
	pattern pg_catalog.text COLLATE "C" NOT NULL
		CONSTRAINT rule_pattern CHECK (secrets_catalog.rule_pattern_is_valid(pattern)),
	grantee pg_catalog.text COLLATE "C" NOT NULL,
	grantee_oid pg_catalog.oid NOT NULL,
	grantee_tag pg_catalog.text COLLATE "C" NOT NULL,
	valid_from pg_catalog.timestamptz NOT NULL,
	valid_until pg_catalog.timestamptz NOT NULL,
	network pg_catalog.inet,
	ssl pg_catalog.bool,
	granted_by pg_catalog.text,
	granted_at pg_catalog.timestamptz NOT NULL,
	folder pg_catalog.text COLLATE "C" GENERATED ALWAYS AS (secrets_catalog.rule_folder(pattern)) STORED,
	leaf pg_catalog.text COLLATE "C" GENERATED ALWAYS AS (secrets_catalog.rule_leaf(pattern)) STORED
) USING heap;
COMMENT ON TABLE secrets_catalog.rule IS 'who may do what: a deny that matches beats every allow; made by secrets.grant() and secrets.deny()';
CREATE INDEX rule_folder ON secrets_catalog.rule (folder, leaf, grantee_tag);
CREATE INDEX rule_tag ON secrets_catalog.rule (grantee_tag, grantee);
-- The same rule again is the same row.
CREATE UNIQUE INDEX rule_same ON secrets_catalog.rule
	(pattern, grantee_tag, effect, valid_from, valid_until, (COALESCE(pg_catalog.text(network), '')), (COALESCE(pg_catalog.text(ssl), '')));
ALTER TABLE secrets_catalog.rule ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.rule FROM PUBLIC;

-- Not dumped: a restored database is not at home until it is first written to,
-- and up to then rules bind by name where their grantee's tag is nowhere here.
CREATE TABLE secrets_catalog.home (
	settled_at pg_catalog.timestamptz NOT NULL,
	system_identifier pg_catalog.int8 NOT NULL,
	database_oid pg_catalog.oid NOT NULL
) USING heap;
COMMENT ON TABLE secrets_catalog.home IS 'one row from the first change on that was made here; none while a restore may still be under way';
ALTER TABLE secrets_catalog.home ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.home FROM PUBLIC;

-- Whoever changes a rule, by whatever way: every session decides anew.
CREATE FUNCTION secrets_catalog.rules_changed() RETURNS pg_catalog.trigger
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_rules_changed';
COMMENT ON FUNCTION secrets_catalog.rules_changed() IS 'tells every session that decisions are to be made anew';
-- For each row: applying logical replication fires no other triggers, but at TRUNCATE.
CREATE TRIGGER rules_changed AFTER INSERT OR UPDATE OR DELETE ON secrets_catalog.rule
	FOR EACH ROW EXECUTE FUNCTION secrets_catalog.rules_changed();
ALTER TABLE secrets_catalog.rule ENABLE ALWAYS TRIGGER rules_changed;
CREATE TRIGGER rules_truncated AFTER TRUNCATE ON secrets_catalog.rule
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.rules_changed();
ALTER TABLE secrets_catalog.rule ENABLE ALWAYS TRIGGER rules_truncated;
CREATE TRIGGER rules_changed AFTER INSERT OR UPDATE OR DELETE ON secrets_catalog.home
	FOR EACH ROW EXECUTE FUNCTION secrets_catalog.rules_changed();
ALTER TABLE secrets_catalog.home ENABLE ALWAYS TRIGGER rules_changed;
CREATE TRIGGER rules_truncated AFTER TRUNCATE ON secrets_catalog.home
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.rules_changed();
ALTER TABLE secrets_catalog.home ENABLE ALWAYS TRIGGER rules_truncated;

-- A dump goes without the rules of roles that are gone: where it is restored the
-- name decides, and somebody else may have it by now.
SELECT pg_catalog.pg_extension_config_dump('secrets_catalog.rule',
	$$WHERE grantee_tag OPERATOR(pg_catalog.=) '' OR pg_catalog.starts_with(grantee_tag, 'pg_')
	OR NOT EXISTS (SELECT FROM secrets_catalog.home)
	OR EXISTS (SELECT FROM pg_catalog.pg_shseclabel l
		WHERE l.provider OPERATOR(pg_catalog.=) 'secrets' AND l.label OPERATOR(pg_catalog.=) grantee_tag)$$);
