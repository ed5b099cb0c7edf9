-- gate: what a view asks, once.  Everybody may call it through the view; it says
-- no more than the view then shows.
CREATE FUNCTION secrets_catalog.may_operate() RETURNS pg_catalog.bool
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_may_operate';
COMMENT ON FUNCTION secrets_catalog.may_operate() IS 'whether the effective role may operate secrets';
