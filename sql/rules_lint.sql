-- rules: lint.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set more :srcdir '/sql/rules.psql'
\set reload :srcdir '/sql/reload.psql'
\set ECHO none
\i :helpers
\i :more
\set ECHO all

CREATE ROLE lint_a;
CREATE ROLE lint_b;
CREATE ROLE lint_team ROLE lint_b;
CREATE ROLE lint_gone;
SELECT secrets.put('l/a', 'x'), secrets.put('l/a/b', 'x'), secrets.put('m/gone', 'x'), secrets.delete('m/gone') > now();

-- What lint says of some rules, made by these calls; they go again.
CREATE FUNCTION pg_temp.linted(VARIADIC calls text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..cardinality(calls) LOOP
		EXECUTE 'SELECT secrets.' || calls[i];
	END LOOP;
	RETURN QUERY SELECT concat_ws(' ', problem, pattern, grantee) AS line FROM secrets.lint() ORDER BY line;
	DELETE FROM secrets_catalog.rule;
END
$$;
-- Nothing to say where there is nothing, and of rules that are as they should be.
SELECT problem FROM secrets.lint();
SELECT pg_temp.linted($$grant('read', 'l/*', 'lint_a')$$, $$grant('read', 'l/**', 'lint_b')$$, $$grant('all', 'l/a', 'lint_team')$$, $$deny('read', 'l/a/b', 'lint_a')$$, $$deny('write', '**', 'lint_a')$$);

-- Matches nothing: of what is there now, not of what was deleted.
SELECT p, pg_temp.linted(format($$grant('read', %L, 'lint_a')$$, p)) FROM unnest(ARRAY['l/none', 'l/*/x', 'none/**', 'l/a/b/**', 'm/*', 'm/gone', 'L/A']) p;
SELECT p, pg_temp.linted(format($$grant('read', %L, 'lint_a')$$, p)) FROM unnest(ARRAY['l/a', 'l/*', '**', '*/a', '**/b', 'l/a/**', 'l*/**']) p;
SELECT pg_temp.linted($$deny('read', 'l/none', 'lint_a')$$);
-- What operates matches no names, and needs none.
BEGIN;
SELECT pg_temp.clean();
SELECT pg_temp.linted($$grant('read', '**', 'lint_a')$$);
SELECT pg_temp.linted($$grant('operate', '**', 'lint_a')$$);
ROLLBACK;

-- Shadowed: by a deny, or by a rule of the same kind that says as much.
SELECT pg_temp.linted($$grant('read', 'l/a', 'lint_a')$$, $$deny('read', 'l/*', 'lint_a')$$);
SELECT pg_temp.linted($$grant('read', 'l/a', 'lint_a')$$, $$deny('all', '**', 'public')$$);
SELECT pg_temp.linted($$grant('read', 'l/a', 'lint_b')$$, $$deny('read, list', '*/a', 'lint_team')$$);
SELECT pg_temp.linted($$grant('read', 'l/a', 'lint_b')$$, $$grant('read, list', 'l/*', 'lint_team')$$);
SELECT pg_temp.linted($$grant('read', 'l/a', 'lint_b')$$, $$grant('read', 'l/**', 'public')$$);
SELECT pg_temp.linted($$deny('read', 'l/a', 'lint_b')$$, $$deny('read', 'l/**', 'lint_b')$$);
SELECT pg_temp.linted($$grant('read', 'l/a', 'lint_a')$$, $$grant('read', 'l/a', 'lint_a', valid_until => '2900-01-01')$$);
SELECT pg_temp.linted($$grant('read', 'l/a', 'lint_a')$$, $$grant('read', 'l/a', 'lint_a', network => '10.0.0.0/8')$$);
-- Two that say the same, of which one is enough.
SELECT count(*) FROM pg_temp.linted($$grant('read', 'l/**', 'lint_a')$$, $$grant('read', 'l/**/*', 'lint_a')$$);
-- Not by less: fewer privileges, fewer names, others' rules, at times, from somewhere; nor a deny by an allow.
SELECT o, pg_temp.linted($$grant('read, list', 'l/*', 'lint_b')$$, o) FROM unnest(ARRAY[$$grant('read', '**', 'lint_b')$$, $$grant('read, list', 'l/a', 'lint_a')$$, $$grant('read, list, write', '*/a', 'lint_b')$$, $$grant('all', '**', 'lint_a')$$, $$grant('all', '**', 'lint_b', valid_until => '2900-01-01')$$, $$grant('all', '**', 'lint_b', valid_from => '2900-01-01')$$, $$grant('all', '**', 'lint_b', network => '0.0.0.0/0')$$, $$grant('all', '**', 'lint_b', options => '{"ssl": true}')$$,
	$$deny('read', '**', 'lint_b')$$, $$deny('all', '**', 'lint_b', network => '10.0.0.0/8')$$, $$deny('all', '**', 'lint_b', valid_until => '2900-01-01')$$]) o;
SELECT pg_temp.linted($$deny('read', 'l/*', 'lint_b')$$, $$grant('all', '**', 'lint_b')$$);
SELECT pg_temp.linted($$grant('read', 'l/*', 'lint_team')$$, $$grant('all', '**', 'lint_b')$$);
-- One that is for nobody, or over, makes nothing void.
SELECT secrets.deny('read', '**', 'lint_gone') IS NOT NULL, secrets.grant('read', 'l/a', 'lint_a') IS NOT NULL, secrets.deny('read', 'l/*', 'lint_a', valid_until => '2900-01-01') IS NOT NULL;
DROP ROLE lint_gone;
UPDATE secrets_catalog.rule SET valid_until = '2020-01-01' WHERE valid_until = '2900-01-01';
SELECT problem, pattern, grantee FROM secrets.lint() ORDER BY rule_id = (SELECT rule_id FROM secrets.grants WHERE grantee = 'lint_gone'), problem;
SELECT pg_temp.forget_rules();

SET TimeZone = 'UTC';
-- Expired, unbound, public, locks out; with its advice, and the call in it does what it says.
CREATE ROLE lint_gone;
SELECT secrets.grant('read', 'l/a', 'lint_a', valid_until => '2900-01-01') IS NOT NULL;
SELECT secrets.grant('read', 'l/*', 'lint_gone') IS NOT NULL;
SELECT secrets.grant('read', 'l/a/b', 'public') IS NOT NULL;
SELECT secrets.deny('read, sign', '**', 'public') IS NOT NULL;
SELECT secrets.deny('write', 'l/none', 'lint_gone') IS NOT NULL;
SELECT pg_temp.number_rules();
DROP ROLE lint_gone;
UPDATE secrets_catalog.rule SET valid_until = '2020-01-01' WHERE valid_until = '2900-01-01';
SELECT pg_temp.number(rule_id), problem, pattern, grantee, advice FROM secrets.lint() ORDER BY rule_id, problem;
SET client_min_messages = error;
SELECT pg_temp.number(rule_id), pg_temp.state(substring(advice FROM 'secrets\..*\)')) FROM secrets.lint() WHERE problem IN ('expired', 'unbound', 'public') ORDER BY rule_id, problem;
SET client_min_messages = warning;
SELECT pg_temp.number(rule_id), problem FROM secrets.lint();
SELECT pg_temp.forget_rules();
-- Where that call takes more than what is odd, it is said.
SELECT secrets.grant('read', 'l/a', 'lint_a', valid_until => '2900-01-01') IS NOT NULL, secrets.grant('list', 'l/a', 'lint_a') IS NOT NULL, secrets.grant('write', 'l/a', 'lint_a', network => '10.0.0.0/8') IS NOT NULL,
	secrets.deny('read', 'l/a', 'lint_a') IS NOT NULL, secrets.grant('write', 'l/a', 'lint_b') IS NOT NULL, secrets.grant('write', 'l/*', 'lint_a') IS NOT NULL;
UPDATE secrets_catalog.rule SET valid_until = '2020-01-01' WHERE valid_until = '2900-01-01';
SELECT problem, advice FROM secrets.lint() WHERE problem = 'expired';
SELECT pg_temp.forget_rules();
-- public is told of allows alone, and locks_out of denies of everything that hold now, from everywhere.
SELECT d, pg_temp.linted(d) FROM unnest(ARRAY[$$deny('read', 'l/*', 'public')$$, $$deny('read', '**', 'lint_a')$$, $$deny('read', '**', 'public', network => '0.0.0.0/0')$$, $$deny('read', '**', 'public', valid_from => '2900-01-01')$$, $$deny('read', '*/**', 'public')$$]) d;
SELECT d, pg_temp.linted(d) FROM unnest(ARRAY[$$deny('read', '**', 'public')$$, $$deny('all', '**/*', 'public')$$, $$grant('list', 'l/*', 'public')$$, $$grant('list', 'l/*', 'public', valid_from => '2900-01-01')$$]) d;

-- For whoever looks after the rules, and of those that he looks after: holder of grant or audit on all of a pattern.
SELECT count(secrets.grant('read', p, 'lint_b')) FROM unnest(ARRAY['x/a', 'x/b/c', 'y/a', '**/q']) p;
SELECT who, pg_temp.as_role(who, '(SELECT count(*) FROM secrets.lint())') FROM unnest(ARRAY['lint_a', 'lint_b', 'lint_team', 'pg_monitor', 'pg_read_all_data']) who;
SELECT secrets.grant('grant, list', 'x/**', 'lint_a') IS NOT NULL, secrets.grant('audit, list', '*/*', 'lint_team') IS NOT NULL;
SELECT who, pg_temp.as_role(who, $$(SELECT string_agg(problem || ' ' || pattern, ', ' ORDER BY pattern COLLATE "C") FROM secrets.lint())$$) FROM unnest(ARRAY['lint_a', 'lint_b', 'lint_team']) who;
-- Without list nobody is told whether something is there; and it is the same to him.
SELECT secrets.revoke('list', 'x/**', 'lint_a'), secrets.revoke('list', '*/*', 'lint_team');
SELECT who, pg_temp.as_role(who, $$(SELECT string_agg(problem || ' ' || pattern, ', ' ORDER BY pattern COLLATE "C") FROM secrets.lint())$$) FROM unnest(ARRAY['lint_a', 'lint_team']) who;
SELECT secrets.put('x/a', 'x');
SELECT who, pg_temp.as_role(who, $$(SELECT string_agg(problem || ' ' || pattern, ', ' ORDER BY pattern COLLATE "C") FROM secrets.lint())$$) FROM unnest(ARRAY['lint_a', 'lint_team']) who;
-- Nor who may list only a part of what could match.
SELECT secrets.grant('list', 'x/b/*', 'lint_a') IS NOT NULL, secrets.deny('list', 'x/b/d', 'lint_a') IS NOT NULL;
SELECT pg_temp.as_role('lint_a', $$(SELECT string_agg(problem || ' ' || pattern, ', ' ORDER BY pattern COLLATE "C") FROM secrets.lint())$$);
SELECT pg_temp.forget_rules();

-- Without the bypass somebody must hold grant on everything.
SELECT rule_id, problem, pattern, grantee FROM secrets.lint();
ALTER SYSTEM SET secrets.superuser_bypass = off;
\set ECHO none
\set setting secrets.superuser_bypass
\set wanted off
\i :reload
\set ECHO all
-- Now a superuser looks after rules as everybody else.
SELECT pg_temp.state('(SELECT count(*) FROM secrets.lint())');
INSERT INTO secrets_catalog.rule (id, effect, privileges, pattern, grantee, grantee_oid, grantee_tag, valid_from, valid_until, granted_at) SELECT gen_random_uuid(), 'allow', '{grant,list}', 'l/**', 'public', 0, '', '-infinity', 'infinity', now();
SELECT rule_id IS NOT NULL, problem, pattern, grantee, advice FROM secrets.lint() ORDER BY 1 DESC, 2;
UPDATE secrets_catalog.rule SET pattern = '**';
SELECT rule_id IS NOT NULL, problem, pattern, grantee FROM secrets.lint() ORDER BY 1 DESC, 2;
UPDATE secrets_catalog.rule SET valid_until = '2020-01-01';
SELECT pg_temp.state('(SELECT count(*) FROM secrets.lint())');
ALTER SYSTEM RESET secrets.superuser_bypass;
\set ECHO none
\set wanted on
\i :reload
\set ECHO all
SELECT problem, pattern, grantee FROM secrets.lint() ORDER BY problem;

SELECT pg_temp.forget_rules();
SELECT pg_temp.clean();
DROP ROLE lint_a, lint_b, lint_team;
