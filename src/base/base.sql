-- base: the two schemas.  Made here, without IF NOT EXISTS: whoever made one of
-- them before must not get the extension installed into what is his.
CREATE SCHEMA secrets;
COMMENT ON SCHEMA secrets IS 'secrets: put, get, list, rotate; every function decides for itself who may do what';
GRANT USAGE ON SCHEMA secrets TO PUBLIC;

CREATE SCHEMA secrets_catalog;
COMMENT ON SCHEMA secrets_catalog IS 'secrets: the tables and everything internal; no grants to anyone, no changes by hand';
REVOKE ALL ON SCHEMA secrets_catalog FROM PUBLIC;
