-- operate: check.  What it says of this server is no matter here, and differs from one to the next:
-- only of what is made here (everything else is in the TAP suite).
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set more :srcdir '/sql/rules.psql'
\set ECHO none
\i :helpers
\i :more
\set ECHO all

-- Three severities, the worst first; a sentence, and what to type.
SELECT count(*) FILTER (WHERE severity NOT IN ('critical', 'warning', 'info')), count(*) FILTER (WHERE what IS NULL OR what = '' OR what ~ '\.$' OR advice IS NULL OR advice = ''), count(*) FILTER (WHERE what ~ E'\n') FROM secrets.check();
-- What it said before, and what it says of this.
CREATE TEMP TABLE said AS SELECT * FROM secrets.check();
CREATE FUNCTION pg_temp.news() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT severity || '|' || what || '|' || regexp_replace(advice, 'redact_functions = ''.*(public.check_store)''', 'redact_functions = ''... \1''') FROM secrets.check() WITH ORDINALITY c (severity, what, advice, n) WHERE NOT EXISTS (SELECT FROM said s WHERE s.what = c.what) ORDER BY n
$$;
SELECT pg_temp.news();

CREATE ROLE check_role;
CREATE ROLE "check ""quoted""" NOLOGIN;
GRANT pg_read_server_files TO check_role, "check ""quoted""";
SELECT secrets.grant('all', 'check/**', 'public') IS NOT NULL, secrets.grant('list, verify', 'check/a', 'public') IS NOT NULL, secrets.deny('read', 'check/b', 'public') IS NOT NULL;
ALTER ROLE check_role SET checked.api_key = 'canary';
ALTER ROLE check_role SET checked.chatty = 'on';
GRANT INSERT ON secrets_catalog.rule TO check_role;
CREATE FUNCTION public.check_store(name text, value text) RETURNS bigint LANGUAGE sql AS 'SELECT secrets.put($1, $2)';
CREATE FUNCTION public.check_literal() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN secrets.put(''check/a'', ''canary''); END';
CREATE VIEW public.check_view AS SELECT secrets.put_bytes('check/a', '\x63616e617279');
CREATE FUNCTION public.check_lend(name text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN secrets.try_get(name); END';
GRANT USAGE ON SCHEMA public TO PUBLIC;
-- The server may have no wal_level for it, and says so.
SET client_min_messages = error;
CREATE PUBLICATION check_publication FOR TABLE secrets_catalog.secret;
SET client_min_messages = warning;
SELECT pg_temp.news();
-- Never what it is, only whose.
SELECT count(*) FROM secrets.check() c WHERE c::text ~ 'canary|63616e';

-- By its own advice, all but what wants thinking.
SET client_min_messages = error;
DO $$
DECLARE
	statement text;
BEGIN
	FOR statement IN SELECT m[1] FROM pg_temp.news() n, regexp_matches(n, '((?:REVOKE|ALTER PUBLICATION|SELECT secrets\.revoke)[^;]*);', 'g') m LOOP
		EXECUTE statement;
	END LOOP;
	ALTER ROLE check_role RESET checked.api_key;
END
$$;
SET client_min_messages = warning;
DROP FUNCTION public.check_store, public.check_literal, public.check_lend;
DROP VIEW public.check_view;
SELECT pg_temp.news();
DROP PUBLICATION check_publication;

-- For whoever operates, or audits everything; sealed or not, and where nothing can be written.
SET client_min_messages = error;
SELECT r, pg_temp.state(format('secrets.grant(%L, %L, %L) IS NOT NULL', p, t, 'check_role')), pg_temp.as_role('check_role', '(SELECT count(*) >= 0 FROM secrets.check())'), secrets.revoke('all, grant, destroy, audit, operate', t, 'check_role')
	FROM (VALUES (1, 'list', '**'), (2, 'all, grant, destroy', '**'), (3, 'audit', 'check/**'), (4, 'audit', '**'), (5, 'operate', '**')) v (r, p, t) ORDER BY 1;
SET client_min_messages = warning;
GRANT pg_monitor TO check_role;
SELECT pg_temp.as_role('check_role', '(SELECT count(*) >= 0 FROM secrets.check())');
REVOKE pg_monitor FROM check_role;
SELECT secrets.grant('operate', '**', 'check_role') IS NOT NULL;
SELECT secrets.seal();
SELECT pg_temp.as_role('check_role', '(SELECT count(*) > 0 FROM secrets.check() WHERE what ~ ''^secrets is sealed'')');
SELECT secrets.unseal();
BEGIN READ ONLY;
SELECT count(*) >= 0 FROM secrets.check();
ROLLBACK;
SELECT secrets.revoke('operate', '**', 'check_role');
SELECT pg_temp.as_role('check_role', '(SELECT count(*) >= 0 FROM secrets.check())');

SET client_min_messages = error;
SELECT count(CASE effect WHEN 'allow' THEN secrets.revoke('all', pattern, grantee) ELSE secrets.undeny('all', pattern, grantee) END) FROM secrets.grants;
DROP ROLE check_role, "check ""quoted""";
SELECT pg_temp.clean();
