-- rules: the view secrets.grants: who sees what.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set more :srcdir '/sql/rules.psql'
\set ECHO none
\i :helpers
\i :more
\set ECHO all

CREATE ROLE grants_a;
CREATE ROLE grants_team;
CREATE ROLE grants_b IN ROLE grants_team;
CREATE ROLE grants_set NOINHERIT IN ROLE grants_team;
CREATE ROLE grants_holder;
CREATE ROLE grants_auditor;
CREATE ROLE grants_gone;

SET TimeZone = 'UTC';
SELECT count(secrets.grant('read', p, g)) FROM (VALUES ('s/a', 'grants_a'), ('s/**', 'grants_team'), ('t/a', 'grants_team'), ('s/p', 'public'), ('t/*', 'grants_gone'), ('s/x/*', 'grants_gone'), ('**', 'pg_monitor')) t (p, g);
SELECT count(secrets.deny('write', p, g)) FROM (VALUES ('s/a', 'grants_a'), ('t/a', 'grants_team'), ('s/p', 'public')) t (p, g);
SELECT secrets.grant('list', 's/f', 'grants_a', valid_from => '2900-01-01') IS NOT NULL, secrets.grant('list', 's/e', 'grants_a', valid_until => '2900-01-01') IS NOT NULL, secrets.grant('list', 's/n', 'grants_a', network => '10.0.0.0/8', options => '{"ssl": true}') IS NOT NULL, secrets.grant('list', 't/e', 'grants_gone', valid_until => '2900-01-01') IS NOT NULL;
SELECT secrets.grant('grant', 's/**', 'grants_holder') IS NOT NULL, secrets.grant('audit', 't/*', 'grants_auditor') IS NOT NULL;
UPDATE secrets_catalog.rule SET valid_until = '2020-01-01' WHERE valid_until = '2900-01-01';
DROP ROLE grants_gone;

-- Who passes every check sees all; a rule of a role that is gone has the name that it was given under.
SELECT * FROM pg_temp.rules();
SELECT pattern, valid_from, valid_until, network, ssl, granted_by = current_user, granted_at <= now() FROM secrets.grants WHERE grantee = 'grants_a' AND effect = 'allow' ORDER BY pattern COLLATE "C";
-- Everybody else: what gives him something, by whatever way, now or not; and all where he holds grant or audit, denies and what is nobody's too.
CREATE FUNCTION pg_temp.seen(who text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', who, false);
	RETURN QUERY SELECT concat_ws(' ', effect, privileges, pattern, grantee, state) FROM pg_temp.rules();
	PERFORM set_config('role', 'none', false);
END
$$;
SELECT pg_temp.seen('grants_a');
SELECT pg_temp.seen('grants_b');
SELECT pg_temp.seen('grants_set');
SELECT pg_temp.seen('grants_team');
SELECT pg_temp.seen('grants_holder');
SELECT pg_temp.seen('grants_auditor');
SELECT pg_temp.seen('pg_read_all_data');
SELECT pg_temp.seen('pg_read_all_settings');
-- Where grant is denied, or covers a part of the rule's names only, it shows nothing of others.
SELECT secrets.deny('grant', 's/a', 'grants_holder') IS NOT NULL, secrets.grant('audit', 's/*/y', 'grants_auditor') IS NOT NULL;
SELECT pg_temp.seen('grants_holder');
SELECT pg_temp.seen('grants_auditor');

-- A cheap and leaky function sees no more, nor does EXPLAIN ANALYZE tell more.
CREATE FUNCTION pg_temp.leak(text) RETURNS bool COST 0.0000001 LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'saw %', $1; RETURN true; END$$;
CREATE FUNCTION pg_temp.explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ 'Removed by|actual rows' THEN RETURN NEXT regexp_replace(btrim(line), '.*(actual rows=[0-9]+).*', '\1'); END IF;
	END LOOP;
END $$;
SET ROLE grants_set;
SELECT count(*) FROM secrets.grants WHERE pg_temp.leak(pattern);
SELECT DISTINCT * FROM pg_temp.explained('SELECT * FROM secrets.grants') ORDER BY 1;
SELECT * FROM pg_temp.explained($$SELECT * FROM secrets.grants WHERE grantee = 'grants_a'$$) e ORDER BY e COLLATE "C";
RESET ROLE;
-- The planner knows as much of it for everybody.
CREATE FUNCTION pg_temp.planned() RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) SELECT * FROM secrets.grants' INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
SELECT count(DISTINCT pg_temp.as_role(who, 'pg_temp.planned()')) FROM unnest(ARRAY['grants_set', 'grants_holder', 'pg_monitor']) who;

-- While sealed: 58000 to whom it has something to show, and nothing to others.
SELECT secrets.seal();
SELECT who, pg_temp.as_role(who, '(SELECT count(*) FROM secrets.grants)') FROM unnest(ARRAY['grants_a', 'grants_holder']) who;
SELECT secrets.unseal();
SELECT pg_temp.forget_rules();
SELECT who, pg_temp.as_role(who, '(SELECT count(*) FROM secrets.grants)') FROM unnest(ARRAY['grants_a', 'grants_holder']) who;
-- What the server itself runs for somebody sees nothing.
SELECT secrets.grant('read', '**', 'public') IS NOT NULL;
CREATE MATERIALIZED VIEW public.grants_m AS SELECT count(*) FROM secrets.grants;
SELECT * FROM public.grants_m;
DROP MATERIALIZED VIEW public.grants_m;

SELECT pg_temp.forget_rules();
DROP ROLE grants_a, grants_team, grants_b, grants_set, grants_holder, grants_auditor;
