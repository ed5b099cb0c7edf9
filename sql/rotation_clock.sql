-- rotation: what is a schedule, and what is a time zone.
\set VERBOSITY terse
SET client_min_messages = warning;

CREATE FUNCTION try_schedule(schedule text, timezone text = NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	options jsonb = CASE WHEN timezone IS NULL THEN '{}' ELSE jsonb_build_object('timezone', timezone) END;
BEGIN
	RETURN CASE WHEN secrets.schedule_rotation('clock/a', schedule, options => options) > now() THEN 'taken' ELSE 'in the past' END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || CASE WHEN length(schedule) > 4 AND strpos(SQLERRM, schedule) > 0 THEN ' and quotes it' ELSE '' END;
END $$;

SELECT secrets.put('clock/a', 'x');

SELECT quote_literal(s) AS "no schedule", try_schedule(s) FROM unnest(ARRAY[
	'', '  ', 'never', '90', '1.5', '59 seconds', '59.999999 s', '0 days', '-1 day', '1 day ago', '1 day -1 hour', '36526 days',
	'100 years 1 s', '2 centuries', '999999999 days', '99999999999999 days', 'infinity', '-infinity', 'tomorrow', '2024-01-01',
	'@reboot', '@every 5m', '* * * *', '* * * * * *', '60 * * * *', '0 24 1 1 mon', '0 3 1 1 8', '*/0 * * * *', '*/90 * * * *',
	'5/10 * * * *', '5-4 * * * *', '0 0 * dec-jan *', '0 3 * * sunday', '0 3 * * 5-0', '0 3 l * *', '0 0 30 2 *',
	'0 0 31 4,6,9,11 *', '@ 1 day', '1 day, 2 hours']) s;

SELECT quote_literal(s) AS schedule, try_schedule(s) FROM unnest(ARRAY[
	'30 days', '1 month', 'P30D', '1-2', '1 minute', '00:01', '1.5 days', '100 years', '36525 days', ' @Daily ', '@hourly',
	'0 3 * * sun', '0 3 * * 7', '0 3 * * fri-SUN', '0 0 29 2 *', '0 0 30 2 mon', '*/5 8-18 * jan,jul mon-fri', E'30 days\n']) s;

SELECT secrets.schedule_rotation('clock/a', ' MANUAL ') IS NULL AS manual;

SELECT left(quote_literal(z), 30) AS "no time zone", try_schedule('0 3 * * *', z) FROM unnest(ARRAY[
	'', ' UTC', 'CEST', 'UTC+2', '+02', '+02:00', '2', '<+02>-2', 'FOO-168', 'right/Europe/Berlin', '../UTC', 'Europe', 'zone.tab',
	repeat('x', 300)]) z;

SELECT quote_literal(z) AS "time zone", try_schedule('0 3 * * *', z) FROM unnest(ARRAY[
	'UTC', 'Europe/Berlin', 'europe/berlin', 'Etc/GMT+2']) z;

-- The session's own settings change nothing.
SET TimeZone = 'Asia/Tokyo';
SET IntervalStyle = 'sql_standard';
SET DateStyle = 'German';
SELECT secrets.schedule_rotation('clock/a', '0 3 * * *') AT TIME ZONE 'UTC'
	= date_trunc('day', now() AT TIME ZONE 'UTC' - interval '3 hours') + interval '1 day 3 hours' AS "three o'clock UTC";
SELECT try_schedule('-1 day'), try_schedule('1-2'), try_schedule('30 days');
RESET TimeZone;
RESET IntervalStyle;
RESET DateStyle;

SELECT secrets.unschedule_rotation('clock/a');
SELECT secrets.delete('clock/a') IS NOT NULL AS deleted;
SELECT secrets.purge('clock/a');
DROP FUNCTION try_schedule;
