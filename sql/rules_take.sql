-- rules: revoke and undeny.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set more :srcdir '/sql/rules.psql'
\set ECHO none
\i :helpers
\i :more
\set ECHO all

CREATE ROLE take_a;
CREATE ROLE take_b;
CREATE ROLE take_group;
CREATE ROLE take_outer;
GRANT take_group TO take_b;
GRANT take_outer TO take_group;

-- Exactly this pattern and this grantee; and allows alone.
CREATE FUNCTION pg_temp.give_all() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(secrets.grant('list, read, write, grant, destroy', p, g)) + count(secrets.deny('lease, sign', p, g))
	FROM unnest(ARRAY['t/a', 't/*', 't/**', '**', 'u/a']) p, unnest(ARRAY['take_a', 'take_b']) g
$$;
-- What is left of the rules, where it is not as it was given.
CREATE FUNCTION pg_temp.gone() RETURNS TABLE (was text) LANGUAGE sql AS $$
	SELECT format('%s on %s for %s: %s', e, p, g, coalesce(array_to_string(privileges, ' '), 'gone'))
	FROM (VALUES ('allow', '{list,read,write,destroy,grant}'), ('deny', '{sign,lease}')) given (e, all_of)
		CROSS JOIN unnest(ARRAY['t/a', 't/*', 't/**', '**', 'u/a']) p CROSS JOIN unnest(ARRAY['take_a', 'take_b']) g
		LEFT JOIN secrets.grants ON effect = e AND pattern = p AND grantee = g
	WHERE privileges::text IS DISTINCT FROM all_of
	ORDER BY e, p COLLATE "C", g
$$;
SELECT pg_temp.give_all();
SELECT * FROM pg_temp.gone();
SET client_min_messages = error;
BEGIN; SELECT secrets.revoke('read', 't/*', 'take_a'); SELECT * FROM pg_temp.gone(); ROLLBACK;
BEGIN; SELECT secrets.revoke('READ, list', 't/*', 'take_a'); SELECT secrets.revoke('{write}', 't/*', 'take_a'); SELECT secrets.revoke('destroy grant', 't/*', 'take_a'); SELECT * FROM pg_temp.gone(); ROLLBACK;
BEGIN; SELECT secrets.revoke('all', 't/**', 'take_b'); SELECT * FROM pg_temp.gone(); ROLLBACK;
BEGIN; SELECT secrets.revoke('sign, lease', 't/a', 'take_a'); SELECT secrets.revoke('audit', 't/a', 'take_a'); SELECT secrets.revoke('operate', 't/a', 'take_a'); SELECT * FROM pg_temp.gone(); ROLLBACK;
BEGIN; SELECT secrets.revoke('read, sign', 't/a', 'take_a'); SELECT * FROM pg_temp.gone(); ROLLBACK;
BEGIN; SELECT secrets.revoke('all', 't/b', 'take_a'); SELECT secrets.revoke('all', 't', 'take_a'); SELECT secrets.revoke('all', '*/a', 'take_a'); SELECT secrets.revoke('all', '**/**', 'take_a'); SELECT secrets.revoke('all', 't/a', 'take_group'); SELECT secrets.revoke('all', 't/a', 'public'); SELECT * FROM pg_temp.gone(); ROLLBACK;
BEGIN; SELECT secrets.undeny('sign', 't/*', 'take_a'); SELECT * FROM pg_temp.gone(); ROLLBACK;
BEGIN; SELECT secrets.undeny('all', '**', 'take_b'); SELECT * FROM pg_temp.gone(); ROLLBACK;
BEGIN; SELECT secrets.undeny('read, list', 't/a', 'take_a'); SELECT secrets.undeny('all', 't/b', 'take_a'); SELECT secrets.undeny('all', 't/a', 'public'); SELECT * FROM pg_temp.gone(); ROLLBACK;
SET client_min_messages = warning;
SELECT pg_temp.forget_rules();

-- Several rules of that pattern and grantee, apart by time, network or transport: all of them, and how many.
SELECT secrets.grant(p, 't/n', 'take_a', f::timestamptz, u::timestamptz, n::inet, o::jsonb) IS NOT NULL FROM (VALUES ('read', NULL, NULL, NULL, '{}'), ('read, list', '2020-01-01', NULL, NULL, '{}'), ('write', NULL, '2999-01-01', NULL, '{}'), ('read', NULL, NULL, '10.0.0.0/8', '{}'), ('all', NULL, NULL, NULL, '{"ssl": true}')) v (p, f, u, n, o);
SET client_min_messages = error;
SELECT secrets.revoke('list', 't/n', 'take_a'), secrets.revoke('read', 't/n', 'take_a'), secrets.revoke('write', 't/n', 'take_a'), (SELECT count(*) FROM secrets.grants);
SELECT secrets.revoke('all', 't/n', 'take_a'), secrets.revoke('all', 't/n', 'take_a'), (SELECT count(*) FROM secrets.grants);
SET client_min_messages = warning;
-- 'all' takes everything, also what 'all' would not give.
SELECT secrets.grant('all, grant, destroy, audit, operate', '**', 'take_a') IS NOT NULL, secrets.deny('all', '**', 'take_a') IS NOT NULL;
SELECT secrets.revoke('all', '**', 'take_a'), (SELECT count(*) FROM secrets.grants WHERE effect = 'allow'), secrets.undeny('ALL', '**', 'take_a'), (SELECT count(*) FROM secrets.grants);

-- A WARNING names each rule by which the grantee still may, or may not.
SELECT secrets.grant('read, list', 't/x', 'take_b') IS NOT NULL;
SELECT pg_temp.number_rules();
-- Nothing else holds: nothing is said.
BEGIN; SELECT secrets.revoke('all', 't/x', 'take_b'); ROLLBACK;
BEGIN; SELECT secrets.revoke('read', 't/x', 'take_b'); ROLLBACK;
BEGIN; SELECT secrets.revoke('write', 't/x', 'take_b'); ROLLBACK;
-- By a wider pattern, by a group, by a group of the group, by public, by a pattern that overlaps; and by what it lacks not.
SELECT secrets.grant('read, write', 't/*', 'take_b') IS NOT NULL;
SELECT secrets.grant('list', '**', 'take_group') IS NOT NULL;
SELECT secrets.grant('read', 't/x', 'take_outer') IS NOT NULL;
SELECT secrets.grant('read', '*/x', 'public') IS NOT NULL;
SELECT secrets.grant('sign', '*/x', 'public') IS NOT NULL;
SELECT secrets.grant('all', 't/y', 'take_b') IS NOT NULL, secrets.grant('all', 't/x', 'take_a') IS NOT NULL;
SELECT pg_temp.number_rules();
SELECT pg_temp.number(rule_id), effect, array_to_string(privileges, ' '), pattern, grantee FROM secrets.grants ORDER BY rule_id;
BEGIN; SELECT secrets.revoke('read', 't/x', 'take_b'); ROLLBACK;
BEGIN; SELECT secrets.revoke('list', 't/x', 'take_b'); ROLLBACK;
BEGIN; SELECT secrets.revoke('all', 't/x', 'take_b'); ROLLBACK;
BEGIN; SELECT secrets.revoke('lease, delete', 't/x', 'take_b'); ROLLBACK;
-- Of everybody only what is for everybody.
BEGIN; SELECT secrets.revoke('all', 't/x', 'public'); ROLLBACK;
BEGIN; SELECT secrets.revoke('all', '*/x', 'public'); ROLLBACK;
BEGIN; SELECT secrets.revoke('all', 't/x', 'take_group'); ROLLBACK;
BEGIN; SELECT secrets.deny('sign', '**', 'take_a') IS NOT NULL, secrets.deny('sign', '**', 'public') IS NOT NULL; SELECT secrets.revoke('all', 't/x', 'public'); ROLLBACK;
-- To operate is nothing that a name has.
BEGIN; SELECT secrets.grant('operate', '**', 'take_b') IS NOT NULL; SELECT secrets.revoke('all', 't/y', 'take_a'), secrets.revoke('operate, lease', 't/x', 'take_b'); ROLLBACK;
-- What is denied throughout does not hold, nor what has ended.
BEGIN;
SELECT secrets.deny('read, list', 't/**', 'take_b') IS NOT NULL;
SELECT secrets.revoke('read, list', 't/x', 'take_b');
ROLLBACK;
BEGIN;
UPDATE secrets_catalog.rule SET valid_until = now() WHERE pattern <> 't/x';
SELECT secrets.revoke('list', 't/x', 'take_b');
ROLLBACK;
-- Denied in part, or at times: it does.
BEGIN;
SELECT secrets.deny('list', 't/x/y', 'take_b') IS NOT NULL, secrets.deny('list', 't/x', 'take_b', network => '10.0.0.0/8') IS NOT NULL, secrets.deny('list', 't/x', 'take_b', valid_from => '2999-01-01') IS NOT NULL;
SELECT secrets.revoke('list', 't/x', 'take_b');
ROLLBACK;
-- Who takes learns of rules that he does not look after that they are there, by their ids, and nothing more.
CREATE ROLE take_holder;
SELECT secrets.grant('grant', 't/*', 'take_holder') IS NOT NULL;
SET ROLE take_holder;
SELECT secrets.revoke('read', 't/x', 'take_b');
RESET ROLE;
DROP ROLE take_holder;
-- undeny says what still forbids it.
SELECT pg_temp.forget_rules();
SELECT secrets.grant('read', '**', 'take_b') IS NOT NULL, secrets.deny('read', 't/x', 'take_b') IS NOT NULL, secrets.deny('read', 't/**', 'take_group') IS NOT NULL, secrets.deny('list', '**', 'public') IS NOT NULL;
SELECT pg_temp.number_rules();
BEGIN; SELECT secrets.undeny('read', 't/x', 'take_b'); ROLLBACK;
BEGIN; SELECT secrets.undeny('all', 't/x', 'take_b'); ROLLBACK;
BEGIN; SELECT secrets.undeny('write', 't/x', 'take_b'); ROLLBACK;
-- The warning is the whole of it: no statement, no input.
\set SHOW_CONTEXT always
SELECT secrets.undeny('read', 't/x', 'take_b') AS canary \g (format=unaligned) /dev/null
\set SHOW_CONTEXT errors
SELECT pg_temp.forget_rules();

-- No such role: 42704, whether there are rules or not.
SELECT secrets.grant('read', 't/x', 'take_a') IS NOT NULL, secrets.grant('read', 't/x', 'public') IS NOT NULL, secrets.deny('list', 't/x', 'take_a') IS NOT NULL;
SELECT v, pg_temp.state(format('secrets.%s(''read'', ''t/x'', ''canary'')', v)), pg_temp.state(format('secrets.%s(''read'', ''t/none'', ''canary'')', v)) FROM unnest(ARRAY['revoke', 'undeny']) v;
-- Of a role that is gone, by the name that the view shows; and it still has nothing, whatever everybody has.
DROP ROLE take_a;
SELECT * FROM pg_temp.rules();
SELECT pg_temp.state($$secrets.revoke('read', 't/y', 'take_a')$$), pg_temp.state($$secrets.grant('read', 't/x', 'take_a')$$), pg_temp.state($$secrets.deny('read', 't/x', 'take_a')$$);
BEGIN; SELECT secrets.revoke('list', 't/x', 'take_a'), secrets.undeny('read', 't/x', 'take_a'); ROLLBACK;
SELECT secrets.revoke('all', 't/x', 'take_a'), secrets.undeny('all', 't/x', 'take_a');
SELECT pg_temp.state($$secrets.revoke('read', 't/x', 'take_a')$$), pg_temp.state($$secrets.undeny('read', 't/x', 'take_a')$$);
SELECT * FROM pg_temp.rules();
-- A rule of a role that is gone, and another role of its name with a rule of its own: both bear that name, and both go.
CREATE ROLE take_a;
SELECT secrets.grant('read', 't/z', 'take_a') IS NOT NULL;
DROP ROLE take_a;
CREATE ROLE take_a;
SELECT secrets.grant('read', 't/z', 'take_a') IS NOT NULL;
SELECT state, grantee FROM pg_temp.rules() WHERE pattern = 't/z' ORDER BY state;
SET client_min_messages = error;
SELECT secrets.revoke('read', 't/z', 'take_a');
SET client_min_messages = warning;
SELECT * FROM pg_temp.rules();

SELECT pg_temp.forget_rules();
DROP ROLE take_a, take_b, take_group, take_outer;
