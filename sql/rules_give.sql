-- rules: giving on.  Whoever holds grant gives what he has, where he has it, for no longer; and nothing to himself.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set more :srcdir '/sql/rules.psql'
\set ECHO none
\i :helpers
\i :more
\set ECHO all

CREATE ROLE give_h;
CREATE ROLE give_x;
CREATE ROLE give_group ROLE give_h;

-- The outcome of a call as that role; and then it never was.
CREATE FUNCTION pg_temp.tried(who text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	result = pg_temp.as_role(who, 'secrets.' || call);
	RAISE EXCEPTION USING ERRCODE = 'PX000';
EXCEPTION WHEN SQLSTATE 'PX000' THEN
	RETURN CASE WHEN length(result) = 36 THEN 'ok' ELSE result END;
END
$$;
SET client_min_messages = error;

-- Inside the pattern, and nowhere else.
SELECT secrets.grant('read, write, grant', 'g/**', 'give_h') IS NOT NULL;
SELECT p, pg_temp.tried('give_h', format('grant(''read'', %L, ''give_x'')', p)), pg_temp.tried('give_h', format('deny(''read'', %L, ''give_x'')', p)), pg_temp.tried('give_h', format('revoke(''read'', %L, ''give_x'')', p)), pg_temp.tried('give_h', format('undeny(''read'', %L, ''give_x'')', p))
	FROM unnest(ARRAY['g/**', 'g/*', 'g/a', 'g/a*', 'g/*/b', 'g/a/**', 'g/**/*', 'g/**/b', 'g/a/b/c']) p;
SELECT p, pg_temp.tried('give_h', format('grant(''read'', %L, ''give_x'')', p)), pg_temp.tried('give_h', format('deny(''read'', %L, ''give_x'')', p)), pg_temp.tried('give_h', format('revoke(''read'', %L, ''give_x'')', p)), pg_temp.tried('give_h', format('undeny(''read'', %L, ''give_x'')', p))
	FROM unnest(ARRAY['g', '*', '**', 'h/*', 'h/a', 'g*', 'g*/**', '*/a', '*/**', '**/a', '**/g/**', '**/*', 'ga/**', 'G/a']) p;
-- Only what he has; what he has not he may deny and take, but not give back.
SELECT w, pg_temp.tried('give_h', format('grant(%L, ''g/*'', ''give_x'')', w)), pg_temp.tried('give_h', format('deny(%L, ''g/*'', ''give_x'')', w)), pg_temp.tried('give_h', format('revoke(%L, ''g/*'', ''give_x'')', w))
	FROM unnest(ARRAY['read', 'write', 'read, write', 'grant', 'read, write, grant', 'list', 'read, list', 'all', 'read, all', 'delete', 'destroy', 'audit', 'sign', 'lease']) w;
SELECT w, pg_temp.tried('give_h', format('grant(%L, ''**'', ''give_x'')', w)), pg_temp.tried('give_h', format('deny(%L, ''**'', ''give_x'')', w)), pg_temp.tried('give_h', format('revoke(%L, ''**'', ''give_x'')', w)), pg_temp.tried('give_h', format('undeny(%L, ''**'', ''give_x'')', w)) FROM unnest(ARRAY['operate', 'all', 'grant']) w;
-- Who is meant is said to whoever may, and to nobody else.
SELECT pg_temp.tried('give_h', $$grant('read', 'g/*', 'canary')$$), pg_temp.tried('give_h', $$grant('read', 'h/*', 'canary')$$), pg_temp.tried('give_h', $$deny('read', 'g/*', 'canary')$$), pg_temp.tried('give_h', $$deny('read', 'h/*', 'canary')$$), pg_temp.tried('give_h', $$revoke('read', 'g/*', 'canary')$$), pg_temp.tried('give_h', $$revoke('read', 'h/*', 'canary')$$);
-- Who gave it.
SELECT pg_temp.as_role('give_h', $$secrets.grant('read', 'g/a', 'give_x') IS NOT NULL$$);
SELECT grantee, granted_by = 'give_h' FROM secrets.grants WHERE pattern = 'g/a';
SELECT pg_temp.as_role('give_x', $$secrets.can('read', 'g/a')$$), pg_temp.as_role('give_x', $$secrets.can('read', 'g/b')$$), pg_temp.as_role('give_x', $$secrets.can('write', 'g/a')$$);
-- It stays when he who gave it may no more; and he cannot take it then.
SELECT secrets.revoke('all', 'g/**', 'give_h');
SELECT pg_temp.as_role('give_x', $$secrets.can('read', 'g/a')$$), pg_temp.tried('give_h', $$revoke('read', 'g/a', 'give_x')$$);
SELECT pg_temp.forget_rules();

-- 'all' needs all; and what 'all' is not needs itself.
SELECT secrets.grant('list, read, write, rotate, delete, encrypt, decrypt, sign, verify, grant', 'g/**', 'give_h') IS NOT NULL;
SELECT pg_temp.tried('give_h', $$grant('all', 'g/a', 'give_x')$$);
SELECT secrets.grant('lease', 'g/*', 'give_h') IS NOT NULL;
SELECT p, pg_temp.tried('give_h', format('grant(''all'', %L, ''give_x'')', p)) FROM unnest(ARRAY['g/a', 'g/*', 'g/**']) p;
SELECT w, pg_temp.tried('give_h', format('grant(%L, ''g/a'', ''give_x'')', w)) FROM unnest(ARRAY['all, grant', 'all, destroy', 'all, audit', 'destroy']) w;
SELECT pg_temp.forget_rules();

-- By whichever rule: one of a group's, everybody's; grant by one and the rest by others.
SELECT secrets.grant('grant', '**', 'give_group') IS NOT NULL, secrets.grant('read', 'g/**', 'public') IS NOT NULL, secrets.grant('write', 'g/a/*', 'give_h') IS NOT NULL, secrets.grant('list', 'g/a', 'give_x') IS NOT NULL;
SELECT w, p, pg_temp.tried('give_h', format('grant(%L, %L, ''give_x'')', w, p)) FROM (VALUES ('read', 'g/*'), ('read', '*/*'), ('write', 'g/a/b'), ('write', 'g/a/*'), ('write', 'g/*/*'), ('read, write', 'g/a/*'), ('list', 'g/a'), ('grant', '**'), ('grant', 'x')) t (w, p);
SELECT pg_temp.tried('give_x', $$grant('read', 'g/a', 'give_x')$$), pg_temp.tried('give_x', $$grant('list', 'g/a', 'give_x')$$);
-- But one rule for the whole of it: two halves are no whole.
SELECT secrets.grant('sign', 'g/*/a', 'give_h') IS NOT NULL, secrets.grant('sign', 'g/*/b', 'give_h') IS NOT NULL;
SELECT p, pg_temp.tried('give_h', format('grant(''sign'', %L, ''give_x'')', p)) FROM unnest(ARRAY['g/*/a', 'g/*/b', 'g/*/*']) p;
SELECT pg_temp.forget_rules();

-- For no longer than he has it, whoever is to get it.
SELECT secrets.grant('read, grant', 'g/**', 'give_h', valid_until => '2900-01-01') IS NOT NULL;
SELECT t, pg_temp.tried('give_h', format('grant(''read'', ''g/a'', ''give_x''%s)', t)), pg_temp.tried('give_h', format('grant(''read'', ''g/a'', ''give_h''%s)', t)), pg_temp.tried('give_h', format('grant(''read'', ''g/**'', ''give_h''%s)', t)), pg_temp.tried('give_h', format('grant(''read'', ''g/a'', ''public''%s)', t)), pg_temp.tried('give_h', format('grant(''grant'', ''g/a'', ''give_group''%s)', t))
	FROM unnest(ARRAY['', ', valid_until => ''infinity''', ', valid_until => ''2900-01-01 00:00:01''', ', valid_until => ''2900-01-01''', ', valid_until => ''2899-01-01''', ', ''2898-01-01'', ''2899-01-01''', ', ''2899-01-01''']) t;
-- He forbids for no longer either, and undoing that is for good; to take needs no time.
SELECT secrets.deny('read', 'g/d', 'give_x') IS NOT NULL;
SELECT pg_temp.tried('give_h', $$deny('read', 'g/a', 'give_x')$$), pg_temp.tried('give_h', $$revoke('read', 'g/a', 'give_x')$$), pg_temp.tried('give_h', $$undeny('read', 'g/d', 'give_x')$$);
-- But a deny that ends before his right does; taking it back would be for good.
SELECT pg_temp.as_role('give_h', $$secrets.deny('read', 'g/e', 'give_x', valid_until => '2800-01-01') IS NOT NULL$$), pg_temp.tried('give_h', $$undeny('read', 'g/e', 'give_x')$$);
-- Both must last, what is given and the right to give.
SELECT secrets.grant('read', '**', 'give_h') IS NOT NULL;
SELECT pg_temp.tried('give_h', $$grant('read', 'g/a', 'give_x')$$), pg_temp.tried('give_h', $$grant('read', 'g/a', 'give_x', valid_until => '2900-01-01')$$);
SELECT secrets.grant('grant', '**', 'give_h') IS NOT NULL;
SELECT pg_temp.tried('give_h', $$grant('read', 'g/a', 'give_x')$$), pg_temp.tried('give_h', $$undeny('read', 'g/d', 'give_x')$$);
SELECT pg_temp.forget_rules();
-- What has not begun, or has ended, is not his.
SELECT secrets.grant('read, grant', 'g/f/*', 'give_h', valid_from => '2900-01-01') IS NOT NULL, secrets.grant('read, grant', 'g/e/*', 'give_h', valid_until => '2900-01-01') IS NOT NULL;
UPDATE secrets_catalog.rule SET valid_until = now() WHERE pattern = 'g/e/*';
SELECT p, pg_temp.tried('give_h', format('grant(''read'', %L, ''give_x'', ''2900-01-01'', ''2901-01-01'')', p)), pg_temp.tried('give_h', format('deny(''read'', %L, ''give_x'')', p)), pg_temp.tried('give_h', format('revoke(''read'', %L, ''give_x'')', p)) FROM unnest(ARRAY['g/f/x', 'g/e/x']) p;
SELECT pg_temp.forget_rules();

-- With conditions of their own rules may be narrower, not wider.  Here, over a Unix socket, what hangs on a network or TLS is not held at all.
SELECT secrets.grant('read, grant', 'g/**', 'give_h') IS NOT NULL, secrets.grant('read, grant', 'n/**', 'give_h', network => '0.0.0.0/0') IS NOT NULL, secrets.grant('read, grant', 's/**', 'give_h', options => '{"ssl": true}') IS NOT NULL;
SELECT p, o, pg_temp.tried('give_h', format('grant(''read'', %L, ''give_x''%s)', p, o)) FROM unnest(ARRAY['g/a', 'n/a', 's/a']) p, unnest(ARRAY['', ', network => ''10.0.0.0/8''', ', options => ''{"ssl": true}''', ', options => ''{"ssl": false}''']) o ORDER BY p, o COLLATE "C";
SELECT pg_temp.forget_rules();

-- A deny that touches any of it stands in the way: for him, his group, everybody; also one at times, or from somewhere.
CREATE FUNCTION pg_temp.obstructed(deny text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE 'SELECT secrets.' || deny;
	result = pg_temp.tried('give_h', call);
	DELETE FROM secrets_catalog.rule WHERE effect = 'deny';
	RETURN result;
END
$$;
SELECT secrets.grant('read, write, grant', 'g/**', 'give_h') IS NOT NULL;
SELECT p, pg_temp.obstructed($$deny('read', 'g/s/*', 'give_h')$$, format('grant(''read'', %L, ''give_x'')', p)), pg_temp.obstructed($$deny('read', 'g/s/*', 'give_h')$$, format('grant(''write'', %L, ''give_x'')', p)), pg_temp.obstructed($$deny('grant', 'g/s/*', 'give_h')$$, format('grant(''write'', %L, ''give_x'')', p)), pg_temp.obstructed($$deny('grant', 'g/s/*', 'give_h')$$, format('deny(''write'', %L, ''give_x'')', p)), pg_temp.obstructed($$deny('grant', 'g/s/*', 'give_h')$$, format('revoke(''write'', %L, ''give_x'')', p))
	FROM unnest(ARRAY['g/**', 'g/*/*', 'g/s/*', 'g/s/x', 'g/**/x', 'g/*/x', 'g/s*/x', 'g/*', 'g/s', 'g/t/*', 'g/s/x/y']) p;
SELECT d, pg_temp.obstructed(d, $$grant('read', 'g/a', 'give_x')$$) FROM unnest(ARRAY[$$deny('read', '**', 'give_group')$$, $$deny('read', '*/a', 'public')$$, $$deny('all', 'g/a', 'give_h')$$, $$deny('read', 'g/a', 'give_h', valid_from => '2900-01-01')$$, $$deny('read', 'g/a', 'give_h', network => '10.0.0.0/8')$$, $$deny('read', 'g/a', 'give_h', options => '{"ssl": false}')$$,
	$$deny('read', 'g/a', 'give_x')$$, $$deny('read', 'h/a', 'give_h')$$, $$deny('write, list, audit', 'g/a', 'give_h')$$]) d;
SELECT pg_temp.forget_rules();

-- He cannot give himself more: not by himself, nor by a role that he is in, nor by everybody.
SELECT secrets.grant('read, grant', 'g/**', 'give_h', valid_until => '2900-01-01') IS NOT NULL, secrets.grant('write', 'g/w', 'give_h') IS NOT NULL, secrets.grant('list', 'g/x', 'give_h', valid_until => '2800-01-01') IS NOT NULL, secrets.deny('read', 'g/no/**', 'give_h') IS NOT NULL, secrets.deny('read', 'g/never', 'public') IS NOT NULL;
SELECT g, c, pg_temp.tried('give_h', replace(c, 'WHO', g)) FROM unnest(ARRAY['give_h', 'give_group', 'public']) g, unnest(ARRAY[
	$$grant('read', 'g/**', 'WHO')$$, $$grant('write', 'g/*', 'WHO')$$, $$grant('write', 'g/w', 'WHO', valid_until => '2899-01-01')$$, $$grant('read, write', 'g/x', 'WHO', valid_until => '2800-01-01')$$, $$grant('list', 'g/x', 'WHO', valid_until => '2800-01-01')$$,
	$$grant('read', 'g/no/x', 'WHO', valid_until => '2899-01-01')$$, $$grant('read', 'g/never', 'WHO', valid_until => '2899-01-01')$$, $$undeny('read', 'g/no/**', 'WHO')$$, $$undeny('all', 'g/never', 'WHO')$$, $$grant('read', '*/x', 'WHO', valid_until => '2899-01-01')$$]) c ORDER BY g COLLATE "C", c COLLATE "C";
-- Merged into a rule that is there it is what it is: his part is what he may give, and nothing more comes of it.
SELECT secrets.grant('delete', 'g/m', 'give_x', valid_until => '2850-01-01') IS NOT NULL;
SELECT pg_temp.as_role('give_h', $$secrets.grant('read', 'g/m', 'give_x', valid_until => '2850-01-01') IS NOT NULL$$), pg_temp.as_role('give_h', $$secrets.grant('read, delete', 'g/m', 'give_x', valid_until => '2850-01-01')$$);
SELECT privileges, valid_until = '2850-01-01' FROM secrets.grants WHERE pattern = 'g/m';
-- What he denied, merged into what was denied before, he does not undo with it.
SELECT secrets.deny('delete', 'h/m', 'give_x') IS NOT NULL, secrets.grant('read, grant', 'h/**', 'give_h') IS NOT NULL;
SELECT pg_temp.as_role('give_h', $$secrets.deny('read', 'h/m', 'give_x') IS NOT NULL$$), pg_temp.as_role('give_h', $$secrets.undeny('all', 'h/m', 'give_x')$$), pg_temp.as_role('give_h', $$secrets.undeny('delete', 'h/m', 'give_x')$$), pg_temp.as_role('give_h', $$secrets.undeny('read, delete', 'h/m', 'give_x')$$), pg_temp.as_role('give_h', $$secrets.undeny('read, write', 'h/m', 'give_x')$$);
SELECT privileges FROM secrets.grants WHERE pattern = 'h/m';
SELECT pg_temp.forget_rules();

-- Who holds grant alone denies and takes, and gives nothing but that.
SELECT secrets.grant('grant', 'g/**', 'give_h') IS NOT NULL, secrets.grant('read', 'g/a', 'give_x') IS NOT NULL, secrets.deny('read', 'g/a', 'give_x') IS NOT NULL, secrets.deny('grant', 'g/b', 'give_x') IS NOT NULL;
SELECT c, pg_temp.tried('give_h', c) FROM unnest(ARRAY[$$grant('read', 'g/a', 'give_x')$$, $$grant('grant', 'g/a', 'give_x')$$, $$deny('all', 'g/**', 'public')$$, $$revoke('read', 'g/a', 'give_x')$$, $$revoke('all', 'g/**', 'give_h')$$, $$undeny('read', 'g/a', 'give_x')$$, $$undeny('grant', 'g/b', 'give_x')$$]) c;
SELECT p, pg_temp.as_role('give_h', format('secrets.can(%L, ''g/a'')', p)) FROM unnest(ARRAY['read', 'list', 'grant']) p;
-- Who holds all but grant does nothing of that.
SELECT secrets.grant('all, destroy, audit, operate', '**', 'give_x') IS NOT NULL;
SELECT c, pg_temp.tried('give_x', c) FROM unnest(ARRAY[$$grant('read', 'g/a', 'give_x')$$, $$deny('read', 'g/a', 'give_h')$$, $$revoke('read', 'g/a', 'give_x')$$, $$undeny('read', 'g/a', 'give_x')$$]) c;
SELECT pg_temp.forget_rules();

-- An auditor looks at the rules and needs no grant for that; an operator reads nothing.
SELECT secrets.put('g/a', 'canary'), secrets.put('h/a', 'canary');
CREATE ROLE give_auditor;
CREATE ROLE give_operator;
SELECT secrets.grant('audit', 'g/**', 'give_auditor') IS NOT NULL, secrets.grant('operate', '**', 'give_operator') IS NOT NULL, secrets.grant('read', 'g/a', 'give_x') IS NOT NULL, secrets.grant('read', 'h/a', 'give_x') IS NOT NULL;
SELECT r, pg_temp.as_role(r, $$(SELECT string_agg(pattern || ' ' || grantee, ', ' ORDER BY pattern COLLATE "C", grantee) FROM secrets.grants)$$) FROM unnest(ARRAY['give_auditor', 'give_operator', 'give_x']) r;
SELECT r, c, pg_temp.as_role(r, c) FROM unnest(ARRAY['give_auditor', 'give_operator']) r, unnest(ARRAY[$$secrets.can('read', 'g/a', 'give_x')$$, $$secrets.can('read', 'h/a', 'give_x')$$, $$(SELECT count(*) FROM secrets.explain('g/a', 'give_x'))$$, $$(SELECT string_agg(problem, ' ') FROM secrets.lint())$$,
	$$secrets.get('g/a')$$, $$(SELECT count(*) FROM secrets.list())$$, $$secrets.put('g/a', 'x')$$, $$secrets.grant('audit', 'g/a', 'give_x')$$, $$secrets.grant('operate', '**', 'give_x')$$, $$secrets.deny('read', 'g/a', 'give_x')$$, $$secrets.revoke('read', 'g/a', 'give_x')$$, $$(SELECT state FROM secrets.status())$$]) c ORDER BY r, c COLLATE "C";
SELECT r, pg_temp.tried(r, 'rotate_master_key() > 0') FROM unnest(ARRAY['give_auditor', 'give_operator']) r;
SELECT pg_temp.forget_rules();
DROP ROLE give_auditor, give_operator;

-- Whatever he does: nobody has then what he had not, and he has no more himself.  Rules at random, calls at random.
CREATE TABLE public.give_name (name text);
INSERT INTO public.give_name SELECT a || coalesce('/' || b, '') || coalesce('/' || c, '') FROM unnest(ARRAY['a', 'b']) a, unnest(ARRAY['a', 'b', NULL]) b, unnest(ARRAY['a', NULL]) c WHERE b IS NOT NULL OR c IS NULL;
INSERT INTO public.give_name VALUES ('**');
CREATE FUNCTION pg_temp.held(who text) RETURNS SETOF text LANGUAGE sql VOLATILE AS $$
	SELECT p || ' ' || name FROM public.give_name, unnest(ARRAY['read', 'list', 'grant']) p WHERE secrets.can(p, name, who)
$$;
-- Denies are narrow, or there were nothing left to do.
CREATE FUNCTION pg_temp.call_of(seed text, verbs text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	h bytea = decode(md5(seed), 'hex');
	verb text = verbs[1 + get_byte(h, 0) % cardinality(verbs)];
	words text = (ARRAY['read', 'list', 'grant', 'read, grant', 'read, list, grant', 'all'])[1 + get_byte(h, 1) % 6];
	wide text[] = '{a/**,**,*,a/*,b/**,*/*,**/a,a*,*/a/**}';
	narrow text[] = '{a,b,a/a,a/b,b/a,a/a/a,a/b/*,b/*}';
	pattern text = CASE WHEN verb IN ('deny', 'undeny') OR get_byte(h, 2) % 3 = 0 THEN narrow[1 + get_byte(h, 3) % cardinality(narrow)] ELSE wide[1 + get_byte(h, 3) % cardinality(wide)] END;
	who text = (ARRAY['give_h', 'give_group', 'give_x', 'public', 'give_h'])[1 + get_byte(h, 4) % 5];
	ends text = CASE WHEN verb IN ('grant', 'deny') AND get_byte(h, 5) % 4 = 0 THEN ', valid_until => ''2900-01-01''' ELSE '' END;
BEGIN
	RETURN format('secrets.%s(%L, %L, %L%s)', verb, words, pattern, who, ends);
END
$$;
-- And what he holds when all that has an end has ended.
CREATE FUNCTION pg_temp.held_later(who text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	held text[];
BEGIN
	UPDATE secrets_catalog.rule SET valid_until = now() WHERE valid_until = '2900-01-01';
	held = ARRAY(SELECT pg_temp.held(who));
	RAISE EXCEPTION USING ERRCODE = 'PX000';
EXCEPTION WHEN SQLSTATE 'PX000' THEN
	RETURN held;
END
$$;
CREATE FUNCTION pg_temp.both(who text) RETURNS text[] LANGUAGE sql VOLATILE AS $$
	SELECT ARRAY(SELECT pg_temp.held(who) UNION ALL SELECT 'later ' || h FROM unnest(pg_temp.held_later(who)) h)
$$;
CREATE FUNCTION pg_temp.play(round int, OUT made int, OUT refused int, OUT extended text) LANGUAGE plpgsql AS $$
DECLARE
	h_before text[]; x_before text[]; h_after text[]; x_after text[];
	call text; result text;
BEGIN
	DELETE FROM secrets_catalog.rule;
	made = 0; refused = 0;
	FOR i IN 1..7 LOOP
		EXECUTE 'SELECT ' || pg_temp.call_of(round || ' rule ' || i, '{grant,grant,grant,deny}');
	END LOOP;
	PERFORM secrets.grant('grant', '**', 'give_h') WHERE round % 3 = 0;
	h_before = pg_temp.both('give_h');
	x_before = pg_temp.both('give_x');
	FOR i IN 1..12 LOOP
		call = pg_temp.call_of(round || ' call ' || i, '{grant,grant,deny,revoke,undeny,undeny}');
		result = pg_temp.as_role('give_h', call);
		made = made + (result !~ '^42501')::int;
		refused = refused + (result ~ '^42501')::int;
		CONTINUE WHEN result ~ '^42501';
		h_after = pg_temp.both('give_h');
		x_after = pg_temp.both('give_x');
		IF NOT h_after <@ h_before OR NOT ARRAY(SELECT unnest(x_after) EXCEPT SELECT unnest(x_before)) <@ h_before THEN
			extended = concat_ws(E'\n', extended, round || ': ' || call);
		END IF;
		h_before = h_after;
		x_before = x_after;
	END LOOP;
END
$$;
SELECT sum(made) > 100, sum(refused) > 100, string_agg(extended, E'\n') FROM generate_series(1, 50) r, pg_temp.play(r);

SELECT pg_temp.clean();
SELECT pg_temp.forget_rules();
DROP TABLE public.give_name;
DROP ROLE give_h, give_x, give_group;
