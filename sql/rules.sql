-- rules: what grant and deny take, and what they make of it.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set more :srcdir '/sql/rules.psql'
\set ECHO none
\i :helpers
\i :more
\set ECHO all

CREATE ROLE rules_a;
CREATE ROLE rules_b;

-- What is stored of these words, or the SQLSTATE; no rule stays.
CREATE FUNCTION pg_temp.stored(verb text, words text, pattern text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	given text = pg_temp.state(format('secrets.%I($1[1], $1[2], $1[3])', verb), words, pattern, 'rules_a');
	kept text = (SELECT array_to_string(privileges, ' ') FROM secrets_catalog.rule WHERE id::text = given);
BEGIN
	DELETE FROM secrets_catalog.rule;
	RETURN coalesce(kept, given);
END
$$;

-- Privileges: words, parted by commas or spaces, in any case, in braces too; stored in one order.
SELECT w, pg_temp.stored('grant', w, 'r/*') FROM unnest(ARRAY['list', 'read', 'write', 'rotate', 'delete', 'destroy', 'grant', 'encrypt', 'decrypt', 'sign', 'verify', 'lease', 'audit']) w;
SELECT to_json(w), pg_temp.stored('grant', w, 'r/*') FROM unnest(ARRAY['READ', 'Read,LIST', 'read list', 'list, read', '  read  ,,  list  ', ',read,', '{read}', '{read,list}', '{ READ , list }', 'read read, READ', E'read\tlist\r\nwrite']) w;
-- 'all' is what it was on that day, spelled out, and never what gives on, ends for good, or concerns others.
SELECT w, pg_temp.stored('grant', w, 'r/*') FROM unnest(ARRAY['all', 'ALL', '{all}', 'all, read', 'all, grant', 'all destroy audit grant']) w;
SELECT w, pg_temp.stored('grant', w, '**') FROM unnest(ARRAY['all', 'operate', 'all, operate', 'all, grant, destroy, audit, operate']) w;
-- A deny of 'all' means everything; operate is nothing that a name has.
SELECT w, p, pg_temp.stored('deny', w, p) FROM (VALUES ('all', 'r/*'), ('all', '**'), ('{ALL}', 'r/x'), ('read', 'r/*'), ('grant destroy audit', 'r/*'), ('operate', '**')) v (w, p);
-- operate is for ** alone, however a pattern says everything.
SELECT w, p, pg_temp.stored(v, w, p) FROM (VALUES ('operate', 'r/*'), ('all, operate', 'r/*'), ('read operate', '**/*'), ('operate', '**/**'), ('operate', '*'), ('operate', 'operate')) t (w, p), unnest(ARRAY['grant', 'deny']) v ORDER BY v, w COLLATE "C", p COLLATE "C";
SELECT pg_temp.try($$secrets.grant('operate', $1[1], 'rules_a')$$, 'canary/**');
-- Words that are none.
SELECT quote_literal(w), pg_temp.stored('grant', w, 'r/*'), pg_temp.stored('deny', w, 'r/*') FROM unnest(ARRAY['', ' ', ',', '{}', '{,}', '{', '}', '{read', 'read}', '{{read}}', ' {read}', 'reads', 'rea', 'allow', 'al', 'read;list', 'read/list', 'read.list', '"read"', 'read, canary', 'canary', 're ad', U&'r\00e9ad', 'public', '*', 'none']) w;
SELECT pg_temp.try('secrets.grant($1[1], $1[2], $1[3])', 'read, canary', 'r/canary', 'rules_a');

-- Patterns.
SELECT p, pg_temp.state($$secrets.grant('read', $1[1], 'rules_a') IS NOT NULL$$, p), pg_temp.state($$secrets.deny('read', $1[1], 'rules_a') IS NOT NULL$$, p)
	FROM unnest(ARRAY['x', 'a/b/c', '*', '**', 'a*', '*a', 'a*b*c', '*/*', '**/a', 'a/**/b', '**/**', 'A-Za.z0-9_@+=', '...', repeat('x', 512)]) p;
SELECT pg_temp.forget_rules();
SELECT quote_literal(left(p, 10)), length(p), pg_temp.state($$secrets.grant('read', $1[1], 'rules_a') IS NOT NULL$$, p), pg_temp.state($$secrets.deny('read', $1[1], 'rules_a') IS NOT NULL$$, p),
		pg_temp.state($$secrets.revoke('read', $1[1], 'rules_a') IS NOT NULL$$, p), pg_temp.state($$secrets.undeny('read', $1[1], 'rules_a') IS NOT NULL$$, p)
	FROM unnest(ARRAY['', '/', 'a/', '/a', 'a//b', '.', '..', 'a/../b', '***', 'a**', '**a', 'a/**b', 'lis?', 'a b', ' a', 'a,b', 'canary!', U&'\00e4', repeat('x', 513)]) p;
SELECT pg_temp.try($$secrets.grant('read', $1[1], 'rules_a')$$, 'the canary');

-- Grantees: exact names, as in pg_roles.
CREATE ROLE "Rules Mixed Case";
CREATE ROLE "rules""; DROP";
CREATE ROLE "rules'\";
CREATE ROLE U&"rules_\00f4\20ac";
CREATE ROLE "PUBLIC";
CREATE ROLE "*";
CREATE ROLE rules_56789_123456789_123456789_123456789_123456789_123456789_1;
SELECT g, pg_temp.state($$secrets.grant('read', 'r/*', $1[1]) IS NOT NULL$$, g)
	FROM unnest(ARRAY['rules_a', 'Rules Mixed Case', 'rules"; DROP', 'rules''\', U&'rules_\00f4\20ac', 'PUBLIC', 'public', '*', 'rules_56789_123456789_123456789_123456789_123456789_123456789_1', 'pg_monitor', 'pg_read_all_data', 'pg_database_owner']) g;
SELECT grantee, state FROM pg_temp.rules();
SELECT quote_literal(g), pg_temp.state($$secrets.grant('read', 'r/*', $1[1])$$, g), pg_temp.state($$secrets.deny('read', 'r/*', $1[1])$$, g), pg_temp.state($$secrets.revoke('read', 'r/*', $1[1])$$, g), pg_temp.state($$secrets.undeny('read', 'r/*', $1[1])$$, g)
	FROM unnest(ARRAY['', 'canary', 'RULES_A', '"rules_a"', ' rules_a', 'rules_a ', 'rules mixed case', 'Public', '"PUBLIC"', 'rules_56789_123456789_123456789_123456789_123456789_123456789_12', 'rules_56789_123456789_123456789_123456789_123456789_123456789_', 'pg_nothing', 'rules_a, rules_b', '{rules_a}', 'current_user', 'none', '**']) g;
SELECT pg_temp.try($$secrets.grant('read', 'r/*', $1[1])$$, 'canary');
-- Each is taken back by the same name, and no other.
SELECT secrets.revoke('read', 'r/*', 'public');
SELECT grantee, secrets.revoke('read', 'r/*', grantee) FROM pg_temp.rules();
SELECT * FROM pg_temp.rules();
DROP ROLE "Rules Mixed Case", "rules""; DROP", "rules'\", U&"rules_\00f4\20ac", "PUBLIC", "*", rules_56789_123456789_123456789_123456789_123456789_123456789_1;

-- Times.
SELECT f, u, pg_temp.state($$secrets.grant('read', 'r/*', 'rules_a', now() + $1[1]::interval, now() + $1[2]::interval) IS NOT NULL$$, f, u), pg_temp.state($$secrets.deny('read', 'r/*', 'rules_a', now() + $1[1]::interval, now() + $1[2]::interval) IS NOT NULL$$, f, u)
	FROM (VALUES ('1 day', '2 days'), ('-1 day', '1 day'), ('1 day', NULL), (NULL, '1 day'), (NULL, NULL), ('1 day', '1 day'), ('2 days', '1 day'), ('-2 days', '-1 day'), (NULL, '-1 second')) t (f, u);
SELECT f, u, pg_temp.state($$secrets.grant('read', 'r/inf', 'rules_a', $1[1]::timestamptz, $1[2]::timestamptz) IS NOT NULL$$, f, u)
	FROM (VALUES ('-infinity', 'infinity'), ('infinity', 'infinity'), ('-infinity', '-infinity'), ('infinity', NULL), (NULL, '-infinity'), (NULL, 'infinity'), ('-infinity', NULL)) t (f, u);
-- What has no end is shown as such, and infinity is no end.
SELECT valid_from, valid_until, state FROM secrets.grants WHERE pattern = 'r/inf';
SELECT effect, valid_from IS NULL, valid_until IS NULL, state, count(*) FROM secrets.grants WHERE pattern = 'r/*' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT pg_temp.forget_rules();
SELECT pg_temp.try($$secrets.grant('read', 'r/*', 'rules_a', now() + '1 day', now() + '1 day')$$);
SELECT pg_temp.try($$secrets.grant('read', 'r/*', 'rules_a', valid_until => now() - interval '1 s')$$);

-- Networks and options.
SELECT pg_temp.state($$secrets.grant('read', 'r/*', 'rules_a', network => $1[1]::inet, options => $1[2]::jsonb) IS NOT NULL$$, n, o)
	FROM (VALUES ('10.0.0.0/8', '{}'), ('10.1.2.3', '{}'), ('::1', '{}'), ('0.0.0.0/0', '{}'), ('fd00::/8', '{"ssl": true}'), (NULL, '{"ssl": true}'), (NULL, '{"ssl": false}'), (NULL, '{}')) t (n, o);
SELECT network, ssl FROM secrets.grants ORDER BY network, ssl;
SELECT pg_temp.forget_rules();
SELECT o, pg_temp.state($$secrets.grant('read', 'r/*', 'rules_a', options => $1[1]::jsonb)$$, o), pg_temp.state($$secrets.deny('read', 'r/*', 'rules_a', options => $1[1]::jsonb)$$, o)
	FROM unnest(ARRAY['{"canary": true}', '{"ssl": "canary"}', '{"ssl": "true"}', '{"ssl": 1}', '{"ssl": null}', '{"ssl": [true]}', '{"ssl": {}}', '{"SSL": true}', '{"ssl": true, "canary": 1}', '[]', '"canary"', 'null', 'true']) o;
SELECT pg_temp.try($$secrets.grant('read', 'r/*', 'rules_a', options => $1[1]::jsonb)$$, '{"canary": true}');
SELECT count(*) FROM secrets.grants;

-- NULL.
SELECT c, pg_temp.state(c) FROM unnest(ARRAY[
	$$secrets.grant(NULL, 'canary/*', 'rules_a')$$, $$secrets.grant('read', NULL, 'rules_a')$$, $$secrets.grant('read', 'canary/*', NULL)$$, $$secrets.grant('read', 'canary/*', 'rules_a', options => NULL)$$,
	$$secrets.deny(NULL, 'canary/*', 'rules_a')$$, $$secrets.deny('read', NULL, 'rules_a')$$, $$secrets.deny('read', 'canary/*', NULL)$$, $$secrets.deny('read', 'canary/*', 'rules_a', options => NULL)$$,
	$$secrets.revoke(NULL, 'canary/*', 'rules_a')$$, $$secrets.revoke('read', NULL, 'rules_a')$$, $$secrets.revoke('read', 'canary/*', NULL)$$,
	$$secrets.undeny(NULL, 'canary/*', 'rules_a')$$, $$secrets.undeny('read', NULL, 'rules_a')$$, $$secrets.undeny('read', 'canary/*', NULL)$$,
	$$secrets.can(NULL, 'canary')$$, $$secrets.can('read', NULL)$$, $$secrets.can('read', 'canary', NULL)$$, $$(SELECT count(*) FROM secrets.explain(NULL))$$, $$(SELECT count(*) FROM secrets.explain('canary', NULL))$$]) c;
SELECT pg_temp.try($$secrets.grant('read', 'r/*', NULL)$$);
SELECT pg_temp.state($$secrets.grant('read', 'r/*', 'rules_a', NULL, NULL, NULL) IS NOT NULL$$);
SELECT pg_temp.forget_rules();

-- The same rule again: its id, and both their privileges.
CREATE TEMP TABLE given (n int, id uuid);
INSERT INTO given VALUES (1, secrets.grant('read', 'r/m', 'rules_a')), (2, secrets.grant('list, write', 'r/m', 'rules_a')), (3, secrets.grant('read', 'r/m', 'rules_a')), (4, secrets.grant('READ', 'r/m', 'rules_a', '-infinity', 'infinity', NULL, '{}'));
SELECT count(DISTINCT id), bool_and(id = rule_id), min(privileges::text) FROM given, secrets.grants;
-- Another effect, pattern, grantee, time, network or transport: another rule.
INSERT INTO given VALUES (5, secrets.deny('read', 'r/m', 'rules_a')), (6, secrets.grant('read', 'r/m2', 'rules_a')), (7, secrets.grant('read', 'r/m', 'rules_b')), (8, secrets.grant('read', 'r/m', 'public')),
	(9, secrets.grant('read', 'r/m', 'rules_a', valid_from => '2020-01-01')), (10, secrets.grant('read', 'r/m', 'rules_a', valid_until => '2999-01-01')), (11, secrets.grant('read', 'r/m', 'rules_a', valid_until => '2999-01-02')),
	(12, secrets.grant('read', 'r/m', 'rules_a', network => '10.0.0.0/8')), (13, secrets.grant('read', 'r/m', 'rules_a', network => '10.0.0.0/9')), (14, secrets.grant('read', 'r/m', 'rules_a', network => '10.0.0.0/32')),
	(15, secrets.grant('read', 'r/m', 'rules_a', options => '{"ssl": true}')), (16, secrets.grant('read', 'r/m', 'rules_a', options => '{"ssl": false}')), (17, secrets.grant('read', 'r/m', 'pg_monitor'));
SELECT count(DISTINCT id) FROM given;
-- And each of those again is that one.
INSERT INTO given VALUES (5, secrets.deny('list', 'r/m', 'rules_a')), (8, secrets.grant('list', 'r/m', 'public')), (9, secrets.grant('list', 'r/m', 'rules_a', valid_from => '2020-01-01')), (11, secrets.grant('list', 'r/m', 'rules_a', valid_until => '2999-01-02')),
	(12, secrets.grant('list', 'r/m', 'rules_a', network => '10.0.0.0/8')), (14, secrets.grant('list', 'r/m', 'rules_a', network => '10.0.0.0')), (16, secrets.grant('list', 'r/m', 'rules_a', options => '{"ssl": false}')), (17, secrets.grant('list', 'r/m', 'pg_monitor'));
SELECT n, count(*), count(DISTINCT given.id), min(privileges::text) FROM given JOIN secrets.grants ON rule_id = id WHERE n >= 5 GROUP BY n HAVING count(*) > 1 ORDER BY n;
-- The ids are those of the view.
SELECT count(DISTINCT id) = (SELECT count(*) FROM secrets.grants), bool_and(id IN (SELECT rule_id FROM secrets.grants)) FROM given;
SELECT granted_by = current_user, granted_at BETWEEN now() - interval '1 minute' AND now(), count(*) FROM secrets.grants WHERE pattern = 'r/m2' GROUP BY 1, 2;
SELECT pg_temp.forget_rules();

-- Whoever may nothing: what is wrong with the arguments themselves is said to him too; all else, and whether a role exists, is not.
SELECT r, v, pg_temp.as_role(r, format('secrets.%s(''read'', ''r/*'', ''rules_a'')', v)), pg_temp.as_role(r, format('secrets.%s(''read'', ''r/*'', ''canary'')', v)), pg_temp.as_role(r, format('secrets.%s(''read'', ''r/*'', ''public'')', v)),
		pg_temp.as_role(r, format('secrets.%s(''canary'', ''r/*'', ''rules_a'')', v)), pg_temp.as_role(r, format('secrets.%s(''read'', ''canary//'', ''rules_a'')', v)), pg_temp.as_role(r, format('secrets.%s(NULL, ''canary//'', ''rules_a'')', v))
	FROM unnest(ARRAY['rules_a', 'pg_monitor', 'pg_read_all_data', 'pg_write_all_data']) r, unnest(ARRAY['grant', 'deny', 'revoke', 'undeny']) v ORDER BY r, v;
SELECT pg_temp.as_role('rules_a', $$secrets.grant('read', 'r/*', 'rules_a', valid_until => '2000-01-01')$$), pg_temp.as_role('rules_a', $$secrets.grant('read', 'r/*', 'rules_a', options => '{"x": 1}')$$), pg_temp.as_role('rules_a', $$(SELECT count(*) FROM secrets.lint())$$);
SET ROLE rules_a;
SELECT pg_temp.try($$secrets.grant('read', 'r/canary', 'rules_a')$$);
RESET ROLE;
-- While sealed: nobody; but a stranger is refused as such.
SELECT secrets.seal();
SELECT c, pg_temp.state(c), pg_temp.as_role('rules_a', c) FROM unnest(ARRAY[$$secrets.grant('read', 'r/*', 'rules_a')$$, $$secrets.deny('read', 'r/*', 'rules_a')$$, $$secrets.revoke('read', 'r/*', 'rules_a')$$, $$secrets.undeny('read', 'r/*', 'rules_a')$$, $$secrets.can('read', 'x', 'rules_b')$$, $$(SELECT count(*) FROM secrets.explain('x', 'rules_b'))$$, $$(SELECT count(*) FROM secrets.lint())$$]) c;
SELECT secrets.unseal();
-- Where nothing can be written.
BEGIN READ ONLY;
SELECT pg_temp.state($$secrets.grant('read', 'r/*', 'rules_a')$$), pg_temp.state($$secrets.deny('read', 'r/*', 'rules_a')$$), pg_temp.state($$secrets.revoke('read', 'r/*', 'rules_a')$$), pg_temp.state($$secrets.undeny('read', 'r/*', 'rules_a')$$), pg_temp.state($$secrets.can('read', 'x', 'rules_a')$$);
ROLLBACK;
SELECT count(*) FROM secrets.grants;

DROP ROLE rules_a, rules_b;
