-- gate: who asks, and that absent and forbidden sound alike.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

SELECT secrets.put('gate/a', 'there');
CREATE ROLE gate_stranger;
CREATE ROLE gate_super SUPERUSER;
CREATE ROLE gate_member IN ROLE gate_super;

-- In the same words, whether it exists or not; and without the name.
SET ROLE gate_stranger;
SELECT pg_temp.try('secrets.get($1[1])', 'gate/canary');
SELECT pg_temp.try('secrets.get($1[1])', 'gate/a') = pg_temp.try('secrets.get($1[1])', 'gate/canary'),
	pg_temp.try('secrets.try_get($1[1])', 'gate/a') = pg_temp.try('secrets.try_get($1[1])', 'gate/none'),
	pg_temp.try('secrets.describe($1[1])', 'gate/a') = pg_temp.try('secrets.describe($1[1])', 'gate/none'),
	pg_temp.try('secrets.put($1[1], $1[2], if_version => 0)', 'gate/a', 'canary') = pg_temp.try('secrets.put($1[1], $1[2], if_version => 0)', 'gate/none', 'canary'),
	pg_temp.try('secrets.delete($1[1])', 'gate/a') = pg_temp.try('secrets.delete($1[1])', 'gate/none'),
	pg_temp.try('secrets.rename($1[1], $1[2])', 'gate/a', 'gate/b') = pg_temp.try('secrets.rename($1[1], $1[2])', 'gate/none', 'gate/a');
-- What is wrong with the arguments themselves is said to anybody, and tells nothing.
SELECT pg_temp.state('secrets.get($1[1])', 'the canary'), pg_temp.state('secrets.get(NULL)'), pg_temp.state($$secrets.get('gate/a', version => 1, stage => 'current')$$);
-- While sealed, a stranger is still a stranger.
RESET ROLE;
SELECT secrets.seal();
SET ROLE gate_stranger;
SELECT pg_temp.state('secrets.get($1[1])', 'gate/a'), pg_temp.state('secrets.unseal()'), pg_temp.state('(SELECT state FROM secrets.status())');
RESET ROLE;
SELECT secrets.unseal();

-- A member of a superuser's role is none himself; SET ROLE makes him one, as it does everywhere.
SET SESSION AUTHORIZATION gate_member;
SELECT pg_temp.state($$secrets.get('gate/a')$$);
SET ROLE gate_super;
SELECT pg_temp.state($$secrets.get('gate/a')$$);
RESET ROLE;
RESET SESSION AUTHORIZATION;
-- A superuser who has put on a stranger's role asks as the stranger.
SET ROLE gate_stranger;
SELECT pg_temp.state($$secrets.get('gate/a')$$);
RESET ROLE;

-- A SECURITY DEFINER function asks as its owner; one without asks as its caller.
CREATE SCHEMA gate_test;
GRANT USAGE ON SCHEMA gate_test TO PUBLIC;
CREATE FUNCTION gate_test.lend() RETURNS text SECURITY DEFINER SET search_path = pg_catalog LANGUAGE sql RETURN secrets.get('gate/a');
CREATE FUNCTION gate_test.keep() RETURNS text LANGUAGE sql RETURN secrets.get('gate/a');
CREATE VIEW gate_test.through_view AS SELECT secrets.get('gate/a') AS value;
GRANT SELECT ON gate_test.through_view TO PUBLIC;
SET ROLE gate_stranger;
SELECT pg_temp.state('gate_test.lend()'), pg_temp.state('gate_test.keep()'), pg_temp.state('(SELECT value FROM gate_test.through_view)');
RESET ROLE;
-- The other way round: a stranger's SECURITY DEFINER function gives a superuser nothing.
CREATE FUNCTION gate_test.trap() RETURNS text SECURITY DEFINER SET search_path = pg_catalog LANGUAGE sql RETURN secrets.get('gate/a');
ALTER FUNCTION gate_test.trap() OWNER TO gate_stranger;
SELECT pg_temp.state('gate_test.trap()');

-- What the server itself runs on somebody's behalf asks for nothing, whoever that is.
CREATE FUNCTION gate_test.pretended(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN secrets.get('gate/a'); END$$;
CREATE TABLE gate_test.t (x text);
INSERT INTO gate_test.t VALUES ('x');
SELECT pg_temp.run('CREATE INDEX ON gate_test.t (gate_test.pretended(x))');
CREATE MATERIALIZED VIEW gate_test.m AS SELECT secrets.get('gate/a') AS value WITH NO DATA;
SELECT pg_temp.run('REFRESH MATERIALIZED VIEW gate_test.m');

-- The views filter before anybody's cheap and leaky function sees a row.
CREATE FUNCTION gate_test.leak(text) RETURNS bool COST 0.0001 LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'saw %', $1; RETURN true; END$$;
SET ROLE gate_stranger;
SELECT count(*) FROM secrets.secrets WHERE gate_test.leak(name);
SELECT count(*) FROM secrets.versions WHERE gate_test.leak(name);
SELECT count(*) FROM secrets.deleted WHERE gate_test.leak(name);
SELECT count(*) FROM secrets.root_keys WHERE gate_test.leak(source);
RESET ROLE;

-- Hostile default privileges and grants change nothing: the gate decides.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA secrets, secrets_catalog TO gate_stranger;
GRANT ALL ON ALL TABLES IN SCHEMA secrets TO gate_stranger;
SET ROLE gate_stranger;
SELECT pg_temp.state($$secrets.get('gate/a')$$), (SELECT count(*) FROM secrets.secrets), pg_temp.state('secrets.rotate_master_key()'), pg_temp.state($$secrets.add_root_key('file:/x')$$);
RESET ROLE;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA secrets, secrets_catalog FROM gate_stranger;
REVOKE ALL ON ALL TABLES IN SCHEMA secrets FROM gate_stranger;

-- Parallel workers are not asked.
SELECT count(*) FROM pg_proc WHERE pronamespace = 'secrets'::regnamespace AND proparallel <> 'u';

DROP SCHEMA gate_test CASCADE;
DROP ROLE gate_member, gate_super, gate_stranger;
SELECT pg_temp.clean();
