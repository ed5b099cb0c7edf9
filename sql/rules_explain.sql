-- rules: can and explain.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set more :srcdir '/sql/rules.psql'
\set ECHO none
\i :helpers
\i :more
\set ECHO all

CREATE ROLE explain_a;
CREATE ROLE explain_team;
CREATE ROLE explain_group ROLE explain_team;
CREATE ROLE explain_b IN ROLE explain_team;
-- Whoever may become a member by SET ROLE, and whoever may make himself one.
CREATE ROLE explain_set NOINHERIT IN ROLE explain_team;
CREATE ROLE explain_admin;
SELECT pg_temp.run(CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'GRANT explain_team TO explain_admin WITH ADMIN TRUE, INHERIT FALSE, SET FALSE' ELSE 'ALTER ROLE explain_admin CREATEROLE' END);

-- About oneself anybody asks; about another who holds grant or audit on that name, or is a member of that role.
SELECT secrets.grant('read', 'e/x', 'explain_a') IS NOT NULL, secrets.grant('grant', 'e/*', 'explain_b') IS NOT NULL;
CREATE FUNCTION pg_temp.ask(who text, name text, role text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.as_role(who, 'secrets.can($1[1], $1[2], $1[3])', 'read', name, role) || ' ' || pg_temp.as_role(who, '(SELECT count(*) FROM secrets.explain($1[1], $1[2]))', name, role)
$$;
SELECT who, pg_temp.ask(who, 'e/x', NULL), pg_temp.ask(who, '**', NULL) FROM unnest(ARRAY['explain_a', 'explain_b', 'explain_set', 'pg_monitor']) who;
SELECT who, role, pg_temp.ask(who, 'e/x', role) FROM (VALUES ('explain_a', 'explain_a'), ('explain_a', 'explain_b'), ('explain_a', 'explain_team'), ('explain_a', 'canary'), ('explain_a', 'public'), ('explain_a', ''),
	('explain_team', 'explain_group'), ('explain_team', 'explain_b'), ('explain_set', 'explain_team'), ('explain_admin', 'explain_team'), ('pg_monitor', 'explain_a'), ('pg_read_all_data', 'explain_a')) t (who, role);
-- Who holds grant: on that name, not elsewhere; to him a role that is not there is 42704.
SELECT n, r, pg_temp.ask('explain_b', n, r) FROM unnest(ARRAY['e/x', 'e/none', 'e', 'e/x/y', 'f/x', '**']) n, unnest(ARRAY['explain_a', 'canary', 'public', 'Explain_a', '"explain_a"']) r ORDER BY n COLLATE "C", r COLLATE "C";
-- By membership without grant, where nothing is held.
SELECT n, r, pg_temp.ask('explain_b', n, r) FROM unnest(ARRAY['f/x', '**']) n, unnest(ARRAY['explain_b', 'explain_team', 'explain_group']) r;
SELECT pg_temp.try($$secrets.can('read', 'e/x', 'canary')$$);
SET ROLE explain_a;
SELECT pg_temp.try($$secrets.can('read', 'e/x', 'canary')$$) = pg_temp.try($$secrets.can('read', 'e/x', 'explain_b')$$), pg_temp.try($$secrets.can('read', 'e/none', 'canary')$$) = pg_temp.try($$secrets.can('read', 'e/x', 'explain_b')$$), pg_temp.try($$(SELECT count(*) FROM secrets.explain('e/x', 'canary'))$$) = pg_temp.try($$secrets.can('read', 'e/x', 'canary')$$);
SELECT pg_temp.try($$secrets.can('read', 'e/x', 'canary')$$);
RESET ROLE;
-- Words that are none, and names that are none.
SELECT quote_literal(w), pg_temp.state('secrets.can($1[1], $1[2])', w, 'e/x') FROM unnest(ARRAY['read', 'READ', 'Operate', 'all', '', 'read, list', '{read}', ' read', 'canary']) w;
SELECT quote_literal(n), pg_temp.state('secrets.can($1[1], $1[2])', 'read', n), pg_temp.state('(SELECT count(*) FROM secrets.explain($1[1]))', n) FROM unnest(ARRAY['**', '*', 'e/*', 'e/**', '**/x', '', 'the canary', 'e//x', '***']) n;
SELECT pg_temp.try('secrets.can($1[1], $1[2])', 'canary', 'e/x');
SELECT pg_temp.try('secrets.can($1[1], $1[2])', 'read', 'the canary');
SELECT pg_temp.forget_rules();

-- The columns.
CREATE FUNCTION pg_temp.explained(name text, role text, privileges text[]) RETURNS TABLE (privilege text, allowed bool, effect text, rule text, pattern text, grantee text, through text, could_obtain bool, needed text) LANGUAGE sql AS $$
	-- From 16 on a membership that is there says for itself whether it inherits.
	SELECT privilege, allowed, effect, pg_temp.number(rule_id), pattern, grantee, through, could_obtain, regexp_replace(needed, ' WITH INHERIT TRUE$', '')
	FROM secrets.explain(name, role) WHERE privilege = ANY (privileges)
$$;
-- One row a privilege, always all of them in this order.
SELECT privilege, allowed, effect, rule_id, pattern, grantee, through, could_obtain, needed FROM secrets.explain('e/x', 'explain_a');
SELECT privilege, needed FROM secrets.explain('**', 'explain_a') WHERE privilege IN ('read', 'operate');
SELECT DISTINCT allowed, effect, rule_id, pattern, grantee, through, could_obtain, needed FROM secrets.explain('e/x');
-- Allowed: by which rule, and which way; of several the narrowest speaks.
SELECT secrets.grant('read, list', 'e/**', 'explain_b') IS NOT NULL, secrets.grant('write', 'e/*', 'explain_team') IS NOT NULL, secrets.grant('rotate', 'e/x', 'explain_group') IS NOT NULL, secrets.grant('delete', '**', 'public') IS NOT NULL, secrets.grant('list', 'e/x', 'public') IS NOT NULL;
SELECT pg_temp.number_rules();
SELECT * FROM pg_temp.explained('e/x', 'explain_b', '{list,read,write,rotate,delete}');
SELECT * FROM pg_temp.explained('e/x', 'explain_team', '{list,read,write,rotate,delete}');
SELECT * FROM pg_temp.explained('e/x', 'explain_group', '{write,rotate}');
-- It is said to himself as to others.
SET ROLE explain_b;
SELECT privilege, allowed, pattern, grantee, through FROM secrets.explain('e/x') WHERE privilege IN ('list', 'read', 'write', 'rotate', 'delete');
RESET ROLE;
-- Denied: by which rule, whatever else there is.
SELECT secrets.deny('read', '**', 'explain_group') IS NOT NULL, secrets.deny('write', 'e/x', 'public') IS NOT NULL, secrets.deny('sign', 'e/x', 'explain_b') IS NOT NULL;
SELECT pg_temp.number_rules();
SELECT * FROM pg_temp.explained('e/x', 'explain_b', '{read,write,sign}');
-- Could be obtained: by SET ROLE, or by making oneself a member.
SELECT * FROM pg_temp.explained('e/x', 'explain_set', '{read,rotate,delete}');
SELECT * FROM pg_temp.explained('e/x', 'explain_admin', '{verify}');
-- Not where that role is denied it.
SELECT secrets.deny('rotate', 'e/*', 'explain_group') IS NOT NULL;
SELECT * FROM pg_temp.explained('e/x', 'explain_set', '{rotate}');
SELECT pg_temp.forget_rules();
SELECT secrets.grant('read', 'e/x', 'explain_team') IS NOT NULL, secrets.grant('write', 'e/x', 'explain_group') IS NOT NULL, secrets.grant('list', 'e/x', 'explain_team', valid_from => '2900-01-01') IS NOT NULL;
SELECT pg_temp.number_rules();
SELECT * FROM pg_temp.explained('e/x', 'explain_set', '{list,read,write}');
SELECT * FROM pg_temp.explained('e/x', 'explain_admin', '{list,read}');
-- By what is needed it is had indeed.
SET SESSION AUTHORIZATION explain_set;
SELECT secrets.can('read', 'e/x');
SET ROLE explain_team;
SELECT secrets.can('read', 'e/x');
RESET SESSION AUTHORIZATION;
BEGIN;
SELECT needed AS call FROM secrets.explain('e/x', 'explain_admin') WHERE privilege = 'read' \gset
SELECT pg_temp.run(:'call'), secrets.can('read', 'e/x', 'explain_admin');
ROLLBACK;
BEGIN;
SET SESSION AUTHORIZATION explain_admin;
SELECT pg_temp.run(:'call'), secrets.can('read', 'e/x', 'explain_admin');
RESET SESSION AUTHORIZATION;
ROLLBACK;
SELECT pg_temp.forget_rules();

-- His own, but not now, or not from here: what is missing.
SET TimeZone = 'UTC';
SELECT secrets.grant('list', 'e/x', 'explain_a', valid_from => '2900-01-01') IS NOT NULL, secrets.grant('read', 'e/x', 'explain_a', valid_until => '2900-01-01') IS NOT NULL, secrets.grant('write', 'e/x', 'explain_a', network => '10.0.0.0/8') IS NOT NULL, secrets.grant('sign', 'e/x', 'explain_a', options => '{"ssl": true}') IS NOT NULL, secrets.grant('verify', 'e/x', 'explain_a', network => '10.0.0.0/8', options => '{"ssl": false}') IS NOT NULL;
SELECT pg_temp.number_rules();
UPDATE secrets_catalog.rule SET valid_until = '2020-01-01' WHERE valid_until = '2900-01-01';
SELECT * FROM pg_temp.explained('e/x', 'explain_a', '{list,read,write,sign,verify}');
RESET TimeZone;
-- A deny counts from everywhere else too.
SELECT secrets.grant('read', 'e/x', 'explain_a') IS NOT NULL, secrets.deny('read', 'e/x', 'explain_a', network => '10.0.0.0/8') IS NOT NULL;
SELECT pg_temp.number_rules();
SELECT * FROM pg_temp.explained('e/x', 'explain_a', '{read}');
SELECT pg_temp.forget_rules();
-- Names are quoted in calls.
CREATE ROLE "explain'\";
SELECT needed FROM secrets.explain('e/x', 'explain''\') WHERE privilege = 'read';
SELECT pg_temp.state(needed || ' IS NOT NULL') FROM secrets.explain('e/x', 'explain''\') WHERE privilege = 'read';
SELECT secrets.can('read', 'e/x', 'explain''\');
SELECT secrets.deny('read', '**', 'explain''\') IS NOT NULL;
SELECT pg_temp.state(needed) FROM secrets.explain('e/x', 'explain''\') WHERE privilege = 'read';
SELECT secrets.can('read', 'e/x', 'explain''\');
SELECT pg_temp.forget_rules();
DROP ROLE "explain'\";

-- What explain says, for rules at random: allowed is what can says; the rule that it names decides, or would; and
-- what it says is needed, done by a superuser as often as it says so, gives the right.
CREATE TABLE public.explain_name (name text);
INSERT INTO public.explain_name VALUES ('a'), ('b'), ('a/a'), ('a/b'), ('b/a/a'), ('**');
CREATE FUNCTION pg_temp.check_one(who text, asked text, word text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	e record;
	r record;
	can bool = secrets.can(word, asked, who);
BEGIN
	FOR i IN 1..8 LOOP
		SELECT * INTO STRICT e FROM secrets.explain(asked, who) WHERE privilege = word;
		SELECT * INTO r FROM secrets.grants g WHERE g.rule_id = e.rule_id;
		IF e.allowed <> can OR coalesce(e.effect = 'allow', false) <> can OR (e.effect = 'deny') <> (NOT can) THEN RETURN 'allowed'; END IF;
		IF e.rule_id IS NOT NULL AND (r.pattern <> e.pattern OR r.grantee <> e.grantee OR NOT word = ANY (r.privileges) OR r.effect <> coalesce(e.effect, 'allow')) THEN RETURN 'rule'; END IF;
		IF e.effect IS NOT NULL AND (e.rule_id IS NULL OR e.could_obtain OR (e.through IS NULL) <> (e.grantee IN (who, 'public'))) THEN RETURN 'through'; END IF;
		IF e.effect IS NOT NULL AND r.effect = 'allow' AND e.needed IS NOT NULL THEN RETURN 'needed'; END IF;
		IF can THEN RETURN NULL; END IF;
		IF e.could_obtain THEN
			IF NOT secrets.can(word, asked, e.grantee) THEN RETURN 'could obtain'; END IF;
			RETURN NULL;
		END IF;
		EXECUTE 'SELECT ' || e.needed;
		can = secrets.can(word, asked, who);
		IF e.effect IS NULL AND NOT can THEN RETURN 'one call was enough'; END IF;
	END LOOP;
	RETURN 'not enough';
END
$$;
CREATE FUNCTION pg_temp.play(round int, OUT asked int, OUT wrong text) LANGUAGE plpgsql AS $$
DECLARE
	h bytea;
	n record;
	result text;
BEGIN
	DELETE FROM secrets_catalog.rule;
	FOR i IN 1..(2 + round % 6) LOOP
		h = decode(md5(round || ' rule ' || i), 'hex');
		EXECUTE format('SELECT secrets.%s(%L, %L, %L)', CASE WHEN get_byte(h, 0) % 2 = 0 THEN 'grant' ELSE 'deny' END, (ARRAY['read', 'list', 'read, list'])[1 + get_byte(h, 1) % 3],
			('{a,b,a/*,*,**,*/*,**/a,a/b,b/**}'::text[])[1 + get_byte(h, 2) % 9], (ARRAY['explain_a', 'explain_b', 'explain_team', 'explain_group', 'public', 'explain_set'])[1 + get_byte(h, 3) % 6]);
	END LOOP;
	asked = 0;
	FOR n IN SELECT who, name, word FROM public.explain_name, unnest(ARRAY['explain_a', 'explain_b', 'explain_set', 'explain_group']) who, unnest(ARRAY['read', 'list']) word LOOP
		asked = asked + 1;
		BEGIN
			result = pg_temp.check_one(n.who, n.name, n.word);
			RAISE EXCEPTION USING ERRCODE = 'PX000';
		EXCEPTION WHEN SQLSTATE 'PX000' THEN
			IF result IS NOT NULL THEN
				wrong = concat_ws(E'\n', wrong, concat_ws(' ', round, n.who, n.word, n.name, result));
			END IF;
		END;
	END LOOP;
END
$$;
SET client_min_messages = error;
SELECT sum(asked), string_agg(wrong, E'\n') FROM generate_series(1, 30) r, pg_temp.play(r);
SET client_min_messages = warning;
SELECT pg_temp.forget_rules();
DROP TABLE public.explain_name;

-- can says what the call will say: a role for each privilege alone, and a call for each.
SELECT pg_temp.run(format('CREATE ROLE explain_p_%s', privilege)) FROM secrets.explain('e/x') GROUP BY 1;
SELECT bool_and(secrets.grant(privilege, CASE privilege WHEN 'operate' THEN '**' ELSE 'v/**' END, 'explain_p_' || privilege) IS NOT NULL) FROM secrets.explain('e/x');
SELECT secrets.put('v/a', 'canary'), secrets.put('v/a', 'canary'), secrets.put('v/gone', 'canary'), secrets.delete('v/gone') > now();
CREATE TEMP TABLE verb (needs text, name text, call text);
INSERT INTO verb VALUES ('list', 'v/a', $$secrets.describe('v/a')$$), ('list', 'v/a', $$(SELECT 1 / count(*) FROM secrets.list('v/a'))$$), ('read', 'v/a', $$secrets.get('v/a')$$), ('read', 'v/a', $$secrets.try_get('v/a')$$), ('read', 'v/a', $$secrets.get_bytes('v/a')$$), ('read', 'v/a', $$(SELECT count(*) FROM secrets.get_many('{v/a}'))$$), ('read', 'v/a', $$(SELECT 1 / count(*) FROM secrets.get_all('v/a'))$$),
	('write', 'v/a', $$secrets.put('v/a', 'x')$$), ('write', 'v/new', $$secrets.put('v/new', 'x')$$), ('write', 'v/a', $$secrets.generate('v/a')$$), ('write', 'v/a', $$secrets.alter('v/a', 'x')$$), ('write', 'v/a', $$secrets.label('v/a', 'x', 1)$$), ('write', 'v/a', $$secrets.rollback('v/a')$$), ('write', 'v/a', $$secrets.disable('v/a')$$), ('write', 'v/a', $$secrets.enable('v/a')$$),
	('delete', 'v/a', $$secrets.delete('v/a')$$), ('delete', 'v/gone', $$secrets.undelete('v/gone')$$), ('destroy', 'v/a', $$secrets.destroy('v/a', 1)$$), ('destroy', 'v/gone', $$secrets.purge('v/gone')$$),
	('grant', 'v/a', $$secrets.grant('grant', 'v/a', 'explain_a')$$), ('grant', 'v/a', $$secrets.deny('all', 'v/a', 'explain_a')$$), ('grant', 'v/a', $$secrets.revoke('all', 'v/a', 'explain_a')$$), ('grant', 'v/a', $$secrets.undeny('all', 'v/a', 'explain_a')$$), ('operate', '**', $$secrets.rotate_master_key()$$), ('operate', '**', $$secrets.seal()$$);
CREATE FUNCTION pg_temp.disagrees(who text, v verb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	can bool = secrets.can(v.needs, v.name, who);
	outcome text;
BEGIN
	outcome = pg_temp.as_role(who, v.call);
	RAISE EXCEPTION USING ERRCODE = 'PX000';
EXCEPTION WHEN SQLSTATE 'PX000' THEN
	RETURN CASE WHEN can <> (outcome !~ '^(42501|22012)') OR can <> (who = 'explain_p_' || v.needs) THEN concat_ws(' ', who, v.call, can, outcome) END;
END
$$;
SELECT count(*), string_agg(pg_temp.disagrees('explain_p_' || privilege, v), E'\n') FROM verb v, secrets.explain('e/x') WHERE call NOT LIKE '%seal%';
SELECT count(*), string_agg(pg_temp.disagrees('explain_p_' || privilege, v), E'\n') FROM verb v, secrets.explain('e/x') WHERE call LIKE '%seal%' AND privilege <> 'operate';
SELECT pg_temp.forget_rules();
SELECT pg_temp.run(format('DROP ROLE explain_p_%s', privilege)) FROM secrets.explain('e/x') GROUP BY 1;

SELECT pg_temp.clean();
DROP ROLE explain_a, explain_b, explain_team, explain_group, explain_set, explain_admin;
