-- gate: what the views ask for each row.  Everybody may call them through a
-- view; they say no more than the view then shows.
CREATE FUNCTION secrets_catalog.may_list(name pg_catalog.text) RETURNS pg_catalog.bool
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_may_list';
COMMENT ON FUNCTION secrets_catalog.may_list(pg_catalog.text) IS 'whether the effective role may list this name';
CREATE FUNCTION secrets_catalog.may_list_anything() RETURNS pg_catalog.bool
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_may_list_anything';
COMMENT ON FUNCTION secrets_catalog.may_list_anything() IS 'whether the effective role may list any name at all';
CREATE FUNCTION secrets_catalog.may_operate() RETURNS pg_catalog.bool
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_may_operate';
COMMENT ON FUNCTION secrets_catalog.may_operate() IS 'whether the effective role may operate secrets';
