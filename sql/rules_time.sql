-- rules: rules that begin and end.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set more :srcdir '/sql/rules.psql'
\set ECHO none
\i :helpers
\i :more
\set ECHO all

CREATE ROLE time_a;
SELECT secrets.put('time/x', 'v'), secrets.put('time/y', 'v'), secrets.put('time/z', 'v');
-- What the role gets of the three, in one line: by the verb, by can, by the list and by all; in one plan that is kept.
PREPARE got AS SELECT string_agg(pg_temp.as_role('time_a', 'secrets.get($1[1])', name), ' ' ORDER BY name), string_agg(secrets.can('read', name, 'time_a')::text, ' ' ORDER BY name),
	pg_temp.as_role('time_a', '(SELECT count(*) FROM secrets.secrets)'), pg_temp.as_role('time_a', $$(SELECT count(*) FROM secrets.get_all('time/*'))$$)
	FROM unnest('{time/x,time/y,time/z}'::text[]) name;
-- By the server's clock, and by that alone, a rule ends and another begins.
SELECT clock_timestamp() + '2.5 seconds' AS first, clock_timestamp() + '5 seconds' AS second \gset
CREATE FUNCTION pg_temp.wait_for(moment timestamptz) RETURNS void LANGUAGE sql AS $$SELECT pg_sleep(extract(epoch FROM moment - clock_timestamp())::float8 + 0.02)$$;
SELECT secrets.grant('read, list', 'time/x', 'time_a', valid_until => :'first') IS NOT NULL, secrets.grant('read, list', 'time/y', 'time_a', valid_from => :'first') IS NOT NULL, secrets.grant('read, list', 'time/z', 'time_a', :'first', :'second') IS NOT NULL;
EXECUTE got;
SELECT pattern, state FROM secrets.grants ORDER BY pattern;
SELECT pg_temp.wait_for(:'first');
EXECUTE got;
SELECT pattern, state FROM secrets.grants ORDER BY pattern;
SELECT pg_temp.wait_for(:'second');
EXECUTE got;
SELECT pattern, state FROM secrets.grants ORDER BY pattern;
SELECT pg_temp.forget_rules();

-- Denies too: under an allow that stays, and one within a rule that ends itself.
SELECT clock_timestamp() + '2.5 seconds' AS first, clock_timestamp() + '5 seconds' AS second \gset
SELECT secrets.grant('read, list', 'time/*', 'time_a') IS NOT NULL, secrets.deny('all', 'time/x', 'time_a', valid_until => :'first') IS NOT NULL, secrets.deny('all', '**/y', 'public', valid_from => :'first') IS NOT NULL, secrets.deny('read', '*/z', 'time_a', :'first', :'second') IS NOT NULL;
EXECUTE got;
SELECT pg_temp.wait_for(:'first');
EXECUTE got;
SELECT pg_temp.wait_for(:'second');
EXECUTE got;
SELECT pg_temp.forget_rules();

-- In one transaction, one statement and one function: not by when they began.
SELECT clock_timestamp() + '2 seconds' AS first \gset
SELECT secrets.grant('read, list', 'time/x', 'time_a', valid_until => :'first') IS NOT NULL, secrets.grant('read, list', 'time/y', 'time_a', valid_from => :'first') IS NOT NULL;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SET LOCAL ROLE time_a;
SELECT secrets.can('read', 'time/x'), secrets.can('read', 'time/y'), pg_temp.wait_for(:'first'), secrets.can('read', 'time/x'), secrets.can('read', 'time/y');
SELECT pg_temp.state($$secrets.get('time/x')$$), pg_temp.state($$secrets.get('time/y')$$);
COMMIT;
-- Also what can be given on.
SELECT pg_temp.forget_rules();
SELECT clock_timestamp() + '2 seconds' AS first \gset
SELECT secrets.grant('read, grant', 'time/*', 'time_a', valid_until => :'first') IS NOT NULL;
CREATE FUNCTION pg_temp.give(ends timestamptz) RETURNS text LANGUAGE sql AS $$SELECT pg_temp.as_role('time_a', $call$secrets.grant('read', 'time/x', 'time_a', valid_until => $1[1]::timestamptz) IS NOT NULL$call$, ends::text)$$;
SELECT pg_temp.give(:'first'), pg_temp.give(:'first'::timestamptz + '1 microsecond'), pg_temp.give('infinity');
SELECT pg_temp.wait_for(:'first');
SELECT pg_temp.give(clock_timestamp() + '1 second'), pg_temp.as_role('time_a', $$secrets.revoke('read', 'time/x', 'time_a')$$), pg_temp.as_role('time_a', $$(SELECT count(*) FROM secrets.lint())$$);
-- Nothing is left of them but rows, which are told of and can be taken away.
SELECT problem, pattern FROM secrets.lint() ORDER BY pattern COLLATE "C";
SELECT count(secrets.revoke('all', pattern, grantee)) FROM secrets.lint();
SELECT count(*) FROM secrets.grants;

SELECT pg_temp.clean();
DROP ROLE time_a;
