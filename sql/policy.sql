-- policy: what the rules say, and rules as rows.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set more :srcdir '/sql/rules.psql'
\set ECHO none
\i :helpers
\i :more
\set ECHO all

CREATE ROLE policy_a;
CREATE ROLE policy_b;
CREATE ROLE policy_group;
CREATE ROLE policy_team;
CREATE ROLE policy_outer;
GRANT policy_group, policy_team TO policy_b;
GRANT policy_outer TO policy_group;

-- Deny by default: without a rule, nothing for anybody.
SELECT r, count(*) FILTER (WHERE allowed) FROM unnest(ARRAY['policy_a', 'pg_monitor', 'pg_read_all_data', 'pg_write_all_data', 'pg_database_owner', 'pg_execute_server_program']) r, secrets.explain('p/x', r) GROUP BY r ORDER BY r COLLATE "C";
-- Superusers, and whoever owns the extension, need none.
SELECT bool_and(allowed), min(through), max(through) FROM secrets.explain('p/x');

-- One rule, and what it matches.
CREATE FUNCTION pg_temp.matches(patterns text[]) RETURNS TABLE (pattern text, matched text) LANGUAGE plpgsql AS $$
DECLARE
	names text[] = '{p,p/x,p/xy,p/y,p/x/y,p/x/y/z,q,q/x,q/p/x,x,x/p,p/x.y,p/-,P/X}';
BEGIN
	FOREACH pattern IN ARRAY patterns LOOP
		PERFORM secrets.grant('read', pattern, 'policy_a');
		matched = (SELECT string_agg(n, ' ' ORDER BY o) FROM unnest(names) WITH ORDINALITY t (n, o) WHERE secrets.can('read', n, 'policy_a'));
		DELETE FROM secrets_catalog.rule;
		RETURN NEXT;
	END LOOP;
END
$$;
SELECT * FROM pg_temp.matches('{p,p/x,x,p/x/y/z,nothing}');
SELECT * FROM pg_temp.matches('{*,p/*,*/x,*/*,p/*/y,*/*/*,p*,*p,p/x*,p/*y,*/*x*}');
SELECT * FROM pg_temp.matches('{**,p/**,**/x,**/*,p/**/y,**/**,*/**,p/**/*,p/x/**,**/p/**,p*/**,**/x*}');

-- A deny that matches beats every allow: given before or after, narrower or wider, of whomever.
CREATE FUNCTION pg_temp.decided(calls text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	call text;
	answer text;
BEGIN
	FOREACH call IN ARRAY calls LOOP
		EXECUTE 'SELECT secrets.' || call;
	END LOOP;
	answer = secrets.can('read', 'p/x', 'policy_b')::text;
	DELETE FROM secrets_catalog.rule;
	RETURN answer;
END
$$;
SELECT a, d, pg_temp.decided(ARRAY[format('grant(''read'', %L, %L)', a.p, a.g), format('deny(''read'', %L, %L)', d.p, d.g)]), pg_temp.decided(ARRAY[format('deny(''read'', %L, %L)', d.p, d.g), format('grant(''read'', %L, %L)', a.p, a.g)])
	FROM (VALUES ('p/x', 'policy_b'), ('**', 'policy_outer'), ('p/*', 'public')) a (p, g), (VALUES ('p/x', 'policy_b'), ('**', 'policy_outer'), ('p/**', 'public'), ('*/x', 'policy_group')) d (p, g) ORDER BY a.p COLLATE "C", d.p COLLATE "C";
-- One that does not match, or says something else, or is for somebody else, beats nothing.
SELECT d, pg_temp.decided(ARRAY['grant(''read'', ''p/x'', ''policy_b'')', 'deny(' || d || ')']) FROM unnest(ARRAY[$$'read', 'p/y', 'public'$$, $$'read', 'p', 'policy_b'$$, $$'read', 'p/x/**', 'policy_b'$$, $$'write, list', '**', 'policy_b'$$, $$'all', '**', 'policy_a'$$, $$'read', 'p/x', 'policy_b', valid_from => now() + '1 day'$$]) d;
-- A deny of 'all' is one of everything.
SELECT pg_temp.decided('{"grant(''read'', ''p/x'', ''policy_b'')","deny(''all'', ''p/**'', ''policy_b'')"}');
-- Two allows, and the deny of one privilege: the other stays.
SELECT secrets.grant('read, list', '**', 'policy_b') IS NOT NULL, secrets.grant('write', 'p/*', 'policy_b') IS NOT NULL, secrets.deny('read', 'p/*', 'policy_b') IS NOT NULL;
SELECT p, secrets.can(p, 'p/x', 'policy_b'), secrets.can(p, 'p/x/y', 'policy_b'), secrets.can(p, '**', 'policy_b') FROM unnest(ARRAY['read', 'list', 'write', 'delete']) p;
SELECT pg_temp.forget_rules();

-- Memberships: one's own, the groups', the groups' groups', everybody's.
SELECT g, pg_temp.decided(ARRAY[format('grant(''read'', ''p/*'', %L)', g)]) FROM unnest(ARRAY['policy_a', 'policy_b', 'policy_group', 'policy_team', 'policy_outer', 'public', 'pg_monitor']) g;
-- What is a group's is not its members' group's: nor upwards.
SELECT secrets.grant('read', 'p/*', 'policy_b') IS NOT NULL, secrets.grant('list', 'p/*', 'policy_group') IS NOT NULL;
SELECT r, secrets.can('read', 'p/x', r), secrets.can('list', 'p/x', r) FROM unnest(ARRAY['policy_a', 'policy_b', 'policy_group', 'policy_team', 'policy_outer']) r;
SELECT pg_temp.forget_rules();

-- ** as a question is about everything: rules for ** alone, whatever else comes near.
SELECT secrets.grant('read', '**/*', 'policy_a') IS NOT NULL, secrets.grant('read', '**/**', 'policy_a') IS NOT NULL;
SELECT secrets.can('read', 'p/x', 'policy_a'), secrets.can('read', '**', 'policy_a');
SELECT secrets.grant('read, operate', '**', 'policy_a') IS NOT NULL, secrets.deny('read', 'p/**', 'policy_a') IS NOT NULL;
SELECT secrets.can('read', 'p/x', 'policy_a'), secrets.can('read', '**', 'policy_a'), secrets.can('operate', '**', 'policy_a');
SELECT secrets.deny('read', '**', 'policy_a') IS NOT NULL;
SELECT secrets.can('read', '**', 'policy_a'), secrets.can('operate', '**', 'policy_a');
SELECT pg_temp.forget_rules();

-- Over a Unix socket, as here, no allow that asks for a network or for TLS holds, whatever it asks for, and each such deny does.
SELECT c, pg_temp.decided(ARRAY['grant(''read'', ''p/*'', ''policy_b''' || c || ')']), pg_temp.decided(ARRAY['grant(''read'', ''p/*'', ''policy_b'')', 'deny(''read'', ''p/*'', ''policy_b''' || c || ')'])
	FROM unnest(ARRAY[', network => ''0.0.0.0/0''', ', network => ''::/0''', ', network => ''127.0.0.1''', ', options => ''{"ssl": true}''', ', options => ''{"ssl": false}''', ', network => ''10.0.0.0/8'', options => ''{"ssl": true}''', '']) c;

-- The same by brute force: hundreds of rules at random, and the regular expressions that they stand for.
CREATE TABLE public.policy_name (name text);
INSERT INTO public.policy_name SELECT DISTINCT array_to_string(ARRAY(SELECT (ARRAY['a', 'b', 'ab', 'ba', 'aab'])[1 + get_byte(h, k) % 5] FROM generate_series(1, 1 + get_byte(h, 0) % 4) k), '/') FROM (SELECT decode(md5('name' || i), 'hex') FROM generate_series(1, 90) i) t (h);
SELECT count(*) > 50 FROM public.policy_name;
CREATE FUNCTION pg_temp.pattern_of(h bytea, narrow bool) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg((ARRAY['a', 'b', 'ab', 'a', 'b', 'ba', '*', '*', 'a*', '*b', '*a*', 'a*b', 'aa*', 'ab*', 'aab', '**', '**', '**'])[1 + get_byte(h, k) % CASE WHEN narrow THEN 15 ELSE 18 END], '/' ORDER BY k) FROM generate_series(1, 1 + get_byte(h, 0) % 4) k
$$;
CREATE FUNCTION pg_temp.regexp_of(pattern text) RETURNS text LANGUAGE sql AS $$
	SELECT '^' || string_agg(CASE WHEN s = '**' AND n = total THEN '[^/]+(/[^/]+)*' WHEN s = '**' THEN '([^/]+/)*' ELSE replace(s, '*', '[^/]*') || CASE WHEN n < total THEN '/' ELSE '' END END, '' ORDER BY n) || '$'
	FROM (SELECT s, n, count(*) OVER () FROM unnest(string_to_array(pattern, '/')) WITH ORDINALITY t (s, n)) t (s, n, total)
$$;
SELECT p, pg_temp.regexp_of(p) FROM unnest(ARRAY['a', 'a/*', '**', 'a/**', '**/a', 'a/**/b', '**/**']) p;
CREATE TABLE public.policy_oracle (deny bool, privileges text, regexp text, grantee text);
-- Who is who, by hand.
CREATE TABLE public.policy_is (role text, grantee text);
INSERT INTO public.policy_is VALUES ('policy_a', 'policy_a'), ('policy_a', 'public'), ('policy_b', 'policy_b'), ('policy_b', 'public'), ('policy_b', 'policy_group'), ('policy_b', 'policy_team'), ('policy_b', 'policy_outer'), ('policy_team', 'policy_team'), ('policy_team', 'public');
GRANT SELECT ON public.policy_name, public.policy_is, public.policy_oracle TO PUBLIC;
-- One round: some rules, and every decision about every name; how many were allowed, and what the two do not agree about.
CREATE FUNCTION pg_temp.play(round int, OUT rules int, OUT decisions int, OUT allowed int, OUT differ text) LANGUAGE plpgsql AS $$
DECLARE
	h bytea;
	pattern text; who text; words text; deny bool;
BEGIN
	DELETE FROM secrets_catalog.rule;
	DELETE FROM public.policy_oracle;
	-- In each tenth round many narrow ones, in few folders.
	FOR i IN 1..CASE WHEN round % 10 = 0 THEN 60 ELSE 3 + round % 8 END LOOP
		h = decode(md5(round || ' rule ' || i), 'hex');
		deny = get_byte(h, 10) % CASE WHEN round % 10 = 0 THEN 6 ELSE 3 END = 0;
		words = (ARRAY['read', 'list', 'read, list'])[1 + get_byte(h, 11) % 3];
		who = (ARRAY['policy_a', 'policy_b', 'public', 'policy_group', 'policy_team', 'policy_outer'])[1 + get_byte(h, 12) % 6];
		pattern = pg_temp.pattern_of(h, round % 10 = 0);
		EXECUTE format('SELECT secrets.%I($1, $2, $3)', CASE WHEN deny THEN 'deny' ELSE 'grant' END) USING words, pattern, who;
		INSERT INTO public.policy_oracle VALUES (deny, words, pg_temp.regexp_of(pattern), who);
	END LOOP;
	rules = (SELECT count(*) FROM public.policy_oracle);
	WITH expected AS (
		SELECT role, privilege, name, count(*) FILTER (WHERE NOT o.deny) > 0 AND count(*) FILTER (WHERE o.deny) = 0 AS yes
		FROM unnest(ARRAY['policy_a', 'policy_b', 'policy_team']) role CROSS JOIN unnest(ARRAY['read', 'list']) privilege CROSS JOIN public.policy_name
			LEFT JOIN public.policy_oracle o ON name ~ o.regexp AND position(privilege IN o.privileges) > 0 AND (role, o.grantee) IN (SELECT i.role, i.grantee FROM public.policy_is i)
		GROUP BY role, privilege, name
	)
	SELECT count(*), count(*) FILTER (WHERE yes), string_agg(concat_ws(' ', role, privilege, name, yes), E'\n') FILTER (WHERE yes <> secrets.can(privilege, name, role))
	INTO decisions, allowed, differ FROM expected;
END
$$;
SELECT sum(rules), sum(decisions) > 10000 AS decided, round(avg(allowed * 100.0 / decisions)) BETWEEN 10 AND 60 AS some_of_each, string_agg(differ, E'\n') FROM generate_series(1, 40) r, pg_temp.play(r);
-- What each may list is what he is shown, and what he may read is what he is given.
INSERT INTO secrets.inbox (name, value) SELECT name, 'canary' FROM public.policy_name;
CREATE FUNCTION pg_temp.shown(who text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE differ text;
BEGIN
	PERFORM set_config('role', who, false);
	SELECT string_agg(name, ' ') INTO differ FROM public.policy_name n WHERE
		secrets.can('list', name) <> (name IN (SELECT name FROM secrets.list())) OR secrets.can('list', name) <> (name IN (SELECT s.name FROM secrets.secrets s))
		OR secrets.can('read', name) <> (name IN (SELECT g.name FROM secrets.get_all('**') g)) OR secrets.can('read', name) <> (pg_temp.state('secrets.get($1[1])', n.name) = 'canary');
	PERFORM set_config('role', 'none', false);
	RETURN differ;
END
$$;
SELECT sum(rules), string_agg(shown, ' ') FROM generate_series(61, 70) r, pg_temp.play(r), LATERAL (SELECT string_agg(pg_temp.shown(who), ' ') FROM unnest(ARRAY['policy_a', 'policy_b', 'policy_team']) who WHERE rules > 0) s (shown);
SELECT pg_temp.clean();
SELECT pg_temp.forget_rules();

-- More folders than a session remembers, and forgotten in the middle of a decision: the narrowest rule speaks, as ever.
CREATE FUNCTION pg_temp.speaks(name text) RETURNS text LANGUAGE sql AS $$SELECT pattern FROM secrets.explain(name, 'policy_a') WHERE privilege = 'list'$$;
SELECT count(secrets.grant('list', '*none' || i, 'policy_a')) FROM generate_series(1, 300) i;
SELECT secrets.grant('list', '**/leaf-leaf-leaf', 'policy_a') IS NOT NULL;
SELECT count(secrets.grant('list', 'f' || i || '/g/**', 'policy_a')), count(secrets.grant('list', 'f' || i || '/g/leaf-leaf-lea*', 'policy_a')) FROM generate_series(1, 600) i;
SELECT count(*) FILTER (WHERE secrets.can('list', 'f' || i || '/g/leaf-leaf-leaf', 'policy_a')) FROM generate_series(1, 507) i;
SELECT pg_temp.speaks('f' || i || '/g/leaf-leaf-leaf') FROM generate_series(508, 516) i;
SELECT secrets.deny('list', 'f512/g/leaf*', 'policy_a') IS NOT NULL;
SELECT i FROM generate_series(1, 600) i WHERE NOT secrets.can('list', 'f' || i || '/g/leaf-leaf-leaf', 'policy_a');
SELECT pg_temp.forget_rules();
-- However long a name is: up to what is remembered, and to what a name may be.
SELECT secrets.grant('read', repeat('x', 119) || '*', 'policy_a') IS NOT NULL, secrets.grant('list', 'd/*/' || repeat('y', 508), 'policy_a') IS NOT NULL, secrets.deny('read', repeat('x', 512), 'policy_a') IS NOT NULL, secrets.grant('list', repeat('z/', 255) || 'zz', 'policy_a') IS NOT NULL;
SELECT n, secrets.can('read', repeat('x', n), 'policy_a') FROM unnest(ARRAY[118, 119, 120, 121, 500, 511, 512]) n;
SELECT secrets.can('list', 'd/x/' || repeat('y', 508), 'policy_a'), secrets.can('list', 'd/x/' || repeat('y', 507), 'policy_a'), secrets.can('list', repeat('z/', 255) || 'zz', 'policy_a'), secrets.can('list', repeat('z/', 255) || 'z', 'policy_a');
SELECT pg_temp.forget_rules();
-- Two who ask in turn about more names than a session remembers: no memory is lost.
SELECT secrets.grant('read', 'p/x', 'policy_a') IS NOT NULL, secrets.grant('read', 'p/y', 'policy_b') IS NOT NULL;
SELECT count(*) FILTER (WHERE secrets.can('read', 'p/n' || i, 'policy_a')), count(*) FILTER (WHERE secrets.can('read', 'p/n' || i, 'policy_b')) FROM generate_series(1, 5000) i;
SELECT sum(total_bytes) < 1000000 FROM pg_backend_memory_contexts WHERE name LIKE 'secrets,%';
SELECT secrets.can('read', 'p/x', 'policy_a'), secrets.can('read', 'p/x', 'policy_b'), secrets.can('read', 'p/y', 'policy_a'), secrets.can('read', 'p/y', 'policy_b');
-- A member of a hundred groups is one of each.
SELECT pg_temp.run(format('CREATE ROLE policy_many_%s ROLE policy_a', i)) FROM generate_series(1, 100) i GROUP BY 1;
SELECT count(secrets.grant('read', 'many/' || i || '/*', 'policy_many_' || i)), count(secrets.grant('read', 'many/' || i, 'policy_many_' || i)) FROM generate_series(1, 100) i;
SELECT count(*) FILTER (WHERE secrets.can('read', 'many/' || i || '/x', 'policy_a')), count(*) FILTER (WHERE secrets.can('read', 'many/' || i, 'policy_a')), count(*) FILTER (WHERE secrets.can('read', 'many/' || i, 'policy_b')) FROM generate_series(1, 100) i;
SELECT pg_temp.run(format('DROP ROLE policy_many_%s', i)) FROM generate_series(1, 100) i GROUP BY 1;
SELECT pg_temp.forget_rules();

-- Rules as rows: what a superuser changes by hand counts at once too.
SELECT secrets.grant('read', 'p/*', 'policy_a') IS NOT NULL;
SELECT secrets.can('read', 'p/x', 'policy_a'), secrets.can('read', 'q/x', 'policy_a');
UPDATE secrets_catalog.rule SET pattern = 'q/*';
SELECT secrets.can('read', 'p/x', 'policy_a'), secrets.can('read', 'q/x', 'policy_a');
UPDATE secrets_catalog.rule SET effect = 'deny';
SELECT secrets.can('read', 'q/x', 'policy_a');
UPDATE secrets_catalog.rule SET effect = 'allow', privileges = '{list}';
SELECT secrets.can('read', 'q/x', 'policy_a'), secrets.can('list', 'q/x', 'policy_a');
UPDATE secrets_catalog.rule SET valid_until = now();
SELECT secrets.can('list', 'q/x', 'policy_a');
UPDATE secrets_catalog.rule SET valid_until = 'infinity';
SELECT secrets.can('list', 'q/x', 'policy_a');
INSERT INTO secrets_catalog.rule (id, effect, privileges, pattern, grantee, grantee_oid, grantee_tag, valid_from, valid_until, granted_at) SELECT gen_random_uuid(), 'deny', '{list}', '**', 'public', 0, '', '-infinity', 'infinity', now();
SELECT secrets.can('list', 'q/x', 'policy_a');
DELETE FROM secrets_catalog.rule WHERE effect = 'deny';
SELECT secrets.can('list', 'q/x', 'policy_a');
TRUNCATE secrets_catalog.rule;
SELECT secrets.can('list', 'q/x', 'policy_a');
-- Also in replication's role, which skips triggers; and by COPY.
SELECT secrets.grant('read', 'p/*', 'policy_a') IS NOT NULL;
SELECT secrets.can('read', 'p/x', 'policy_a');
SET session_replication_role = replica;
DELETE FROM secrets_catalog.rule;
RESET session_replication_role;
SELECT secrets.can('read', 'p/x', 'policy_a');
COPY secrets_catalog.rule (id, effect, privileges, pattern, grantee, grantee_oid, grantee_tag, valid_from, valid_until, granted_at) FROM stdin;
00000000-0000-0000-0000-000000000001	allow	{read}	p/*	public	0		-infinity	infinity	2020-01-01
\.
SELECT secrets.can('read', 'p/x', 'policy_a');
-- Words that are none, twice or as NULL say nothing; an order of their own says the same.
UPDATE secrets_catalog.rule SET privileges = '{sign,canary,read,READ,all,read}';
SELECT p, secrets.can(p, 'p/x', 'policy_a') FROM unnest(ARRAY['list', 'read', 'sign', 'write']) p;
UPDATE secrets_catalog.rule SET privileges = '{}';
SELECT secrets.can('read', 'p/x', 'policy_a');
UPDATE secrets_catalog.rule SET privileges = '{NULL,read}';
SELECT secrets.can('read', 'p/x', 'policy_a');
UPDATE secrets_catalog.rule SET privileges = '{{list,read},{write,sign}}';
SELECT p, secrets.can(p, 'p/x', 'policy_a') FROM unnest(ARRAY['list', 'read', 'sign', 'delete']) p;
-- A tag that nobody bears is nobody's, a predefined role's name is that role's, and an OID alone says nothing.
UPDATE secrets_catalog.rule SET privileges = '{read}', grantee = 'policy_a', grantee_oid = 'policy_a'::regrole, grantee_tag = repeat('0', 32);
SELECT secrets.can('read', 'p/x', 'policy_a'), (SELECT state FROM secrets.grants);
UPDATE secrets_catalog.rule SET grantee_tag = 'policy_a';
SELECT secrets.can('read', 'p/x', 'policy_a'), (SELECT state FROM secrets.grants);
UPDATE secrets_catalog.rule SET grantee_tag = 'pg_monitor';
SELECT secrets.can('read', 'p/x', 'policy_a'), secrets.can('read', 'p/x', 'pg_monitor'), (SELECT grantee FROM secrets.grants);
-- What is no rule is refused by the table.
SELECT left(p, 10), pg_temp.run(format('UPDATE secrets_catalog.rule SET pattern = %L', p)) FROM unnest(ARRAY['p/**', 'a b', '', 'a**', '/a', 'a/', '***', repeat('x', 513)]) p;
SELECT pg_temp.run($$UPDATE secrets_catalog.rule SET effect = 'maybe'$$), pg_temp.run('UPDATE secrets_catalog.rule SET effect = NULL'), pg_temp.run('UPDATE secrets_catalog.rule SET pattern = NULL'), pg_temp.run('UPDATE secrets_catalog.rule SET grantee_tag = NULL'), pg_temp.run('UPDATE secrets_catalog.rule SET privileges = NULL'),
	pg_temp.run('UPDATE secrets_catalog.rule SET valid_until = NULL'), pg_temp.run($$UPDATE secrets_catalog.rule SET folder = ''$$), pg_temp.run($$INSERT INTO secrets_catalog.rule SELECT * FROM secrets_catalog.rule$$);
-- The folder and the last segment that a rule is found by.
SELECT p, secrets_catalog.rule_folder(p), secrets_catalog.rule_leaf(p) FROM unnest(ARRAY['x', 'a/x', 'a/b/c', '*', '**', 'a/*', 'a/**', 'a/b*', 'a/**/b', 'a/b/c*/d', '**/x']) p;
SELECT pg_temp.forget_rules();

-- Nobody else writes them, nor reads them.
GRANT pg_write_all_data, pg_read_all_data TO policy_a;
SELECT pg_temp.as_role('policy_a', '(SELECT count(*) FROM secrets_catalog.rule)'), pg_temp.as_role('policy_a', '(SELECT count(*) FROM secrets_catalog.home)');
SET ROLE policy_a;
SELECT pg_temp.run($$INSERT INTO secrets_catalog.rule (id, effect, privileges, pattern, grantee, grantee_oid, grantee_tag, valid_from, valid_until, granted_at) VALUES (gen_random_uuid(), 'allow', '{read}', '**', 'public', 0, '', '-infinity', 'infinity', now())$$), pg_temp.run('TRUNCATE secrets_catalog.rule'), pg_temp.state('(SELECT count(*) FROM secrets_catalog.visible_rules())'),
	pg_temp.run($$INSERT INTO secrets.grants (effect, pattern) VALUES ('allow', '**')$$), pg_temp.run($$UPDATE secrets.grants SET pattern = '**'$$), pg_temp.run($$DELETE FROM secrets.grants$$);
RESET ROLE;

DROP TABLE public.policy_name, public.policy_is, public.policy_oracle;
DROP ROLE policy_a, policy_b, policy_group, policy_team, policy_outer;
