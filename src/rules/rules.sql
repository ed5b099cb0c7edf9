-- rules: who may.  Rules are given, denied and taken back here, and explained.

CREATE FUNCTION secrets_catalog.visible_rules(OUT rule_id pg_catalog.uuid, OUT effect pg_catalog.text,
	OUT privileges pg_catalog.text[], OUT pattern pg_catalog.text, OUT grantee pg_catalog.text,
	OUT valid_from pg_catalog.timestamptz, OUT valid_until pg_catalog.timestamptz, OUT network pg_catalog.inet,
	OUT granted_by pg_catalog.text, OUT granted_at pg_catalog.timestamptz, OUT state pg_catalog.text, OUT ssl pg_catalog.bool)
	RETURNS SETOF record
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_visible_rules';
COMMENT ON FUNCTION secrets_catalog.visible_rules() IS 'what secrets.grants shows';

-- The function leaves out what the caller may not see: a filter here would be counted by EXPLAIN ANALYZE.
CREATE VIEW secrets.grants WITH (security_barrier) AS
	SELECT r.rule_id, r.effect, r.privileges, r.pattern, r.grantee, r.valid_from, r.valid_until, r.network,
		r.granted_by, r.granted_at, r.state, r.ssl
	FROM secrets_catalog.visible_rules() r;
COMMENT ON VIEW secrets.grants IS 'rules: those that give you something, and all where you hold grant or audit';
GRANT SELECT ON secrets.grants TO PUBLIC;

CREATE FUNCTION secrets.grant(privileges pg_catalog.text, pattern pg_catalog.text, grantee pg_catalog.text,
	valid_from pg_catalog.timestamptz = NULL, valid_until pg_catalog.timestamptz = NULL, network pg_catalog.inet = NULL,
	options pg_catalog.jsonb = '{}') RETURNS pg_catalog.uuid
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_grant';
COMMENT ON FUNCTION secrets.grant(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.inet, pg_catalog.jsonb)
	IS 'lets a role, or public, do that with all names that match; returns the rule''s id';

CREATE FUNCTION secrets.deny(privileges pg_catalog.text, pattern pg_catalog.text, grantee pg_catalog.text,
	valid_from pg_catalog.timestamptz = NULL, valid_until pg_catalog.timestamptz = NULL, network pg_catalog.inet = NULL,
	options pg_catalog.jsonb = '{}') RETURNS pg_catalog.uuid
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_deny';
COMMENT ON FUNCTION secrets.deny(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.inet, pg_catalog.jsonb)
	IS 'forbids it, whatever allows it; returns the rule''s id';

CREATE FUNCTION secrets.revoke(privileges pg_catalog.text, pattern pg_catalog.text, grantee pg_catalog.text) RETURNS pg_catalog.int4
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_revoke';
COMMENT ON FUNCTION secrets.revoke(pg_catalog.text, pg_catalog.text, pg_catalog.text)
	IS 'takes back what secrets.grant() gave on exactly that pattern, and warns of what the role still may';

CREATE FUNCTION secrets.undeny(privileges pg_catalog.text, pattern pg_catalog.text, grantee pg_catalog.text) RETURNS pg_catalog.int4
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_undeny';
COMMENT ON FUNCTION secrets.undeny(pg_catalog.text, pg_catalog.text, pg_catalog.text)
	IS 'takes back what secrets.deny() forbade on exactly that pattern, and warns of what still forbids it';

CREATE FUNCTION secrets.can(privilege pg_catalog.text, name pg_catalog.text, role pg_catalog.text = NULL) RETURNS pg_catalog.bool
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_can';
COMMENT ON FUNCTION secrets.can(pg_catalog.text, pg_catalog.text, pg_catalog.text)
	IS 'whether you, or another role, may do that with that name now; ** asks about everything';

CREATE FUNCTION secrets.explain(name pg_catalog.text, role pg_catalog.text = NULL)
	RETURNS TABLE (privilege pg_catalog.text, allowed pg_catalog.bool, effect pg_catalog.text, rule_id pg_catalog.uuid,
		pattern pg_catalog.text, grantee pg_catalog.text, through pg_catalog.text, could_obtain pg_catalog.bool, needed pg_catalog.text)
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_explain';
COMMENT ON FUNCTION secrets.explain(pg_catalog.text, pg_catalog.text)
	IS 'for each privilege: may you, or another role, by which rule, through which membership, and what would be needed';

CREATE FUNCTION secrets.lint()
	RETURNS TABLE (rule_id pg_catalog.uuid, problem pg_catalog.text, pattern pg_catalog.text, grantee pg_catalog.text, advice pg_catalog.text)
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_lint';
COMMENT ON FUNCTION secrets.lint()
	IS 'rules that match nothing, are shadowed, expired, unbound, reach public, or lock everybody out';
