-- rotation: secrets that change by themselves, and what they are the password
-- of with them.
--
-- One row a secret that has a schedule.  It holds no value: what is on its way
-- to another server is a version of the secret, with the stage "pending".
-- Roles are known by their tags, as in rules: a name may be somebody else's by
-- the time.
CREATE TABLE secrets_catalog.rotation (
	secret_id pg_catalog.uuid NOT NULL CONSTRAINT rotation_pkey PRIMARY KEY,
	schedule pg_catalog.text NOT NULL,
	timezone pg_catalog.text,
	start_within pg_catalog.text,
	jitter pg_catalog.text,
	rotator pg_catalog.text NOT NULL,
	options pg_catalog.jsonb NOT NULL,
	due_at pg_catalog.timestamptz,
	next_at pg_catalog.timestamptz,
	counted_at pg_catalog.timestamptz NOT NULL,
	last_at pg_catalog.timestamptz,
	last_status pg_catalog.text,
	failures pg_catalog.int4 NOT NULL,
	last_error pg_catalog.text,
	pending_version pg_catalog.int8,
	terminate_at pg_catalog.timestamptz,
	terminate_before pg_catalog.timestamptz,
	terminate_role pg_catalog.text COLLATE "C",
	scheduled_by pg_catalog.text COLLATE "C" NOT NULL,
	scheduled_tag pg_catalog.text COLLATE "C" NOT NULL,
	roles pg_catalog.text[] COLLATE "C",
	role_tags pg_catalog.text[] COLLATE "C",
	system_identifier pg_catalog.int8 NOT NULL,
	database_oid pg_catalog.oid NOT NULL
) USING heap WITH (fillfactor = 70);
COMMENT ON TABLE secrets_catalog.rotation IS 'schedules of rotation, one a secret, and how each stands; made by secrets.schedule_rotation()';
CREATE INDEX rotation_next ON secrets_catalog.rotation (next_at, secret_id);
CREATE INDEX rotation_terminate ON secrets_catalog.rotation (terminate_at) WHERE terminate_at IS NOT NULL;
ALTER TABLE secrets_catalog.rotation ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.rotation FROM PUBLIC;

-- Not dumped: it is about this server.
CREATE TABLE secrets_catalog.tick (
	last_at pg_catalog.timestamptz NOT NULL
) USING heap;
COMMENT ON TABLE secrets_catalog.tick IS 'one row: when secrets.tick() began the last time';
ALTER TABLE secrets_catalog.tick ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON TABLE secrets_catalog.tick FROM PUBLIC;

CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON secrets_catalog.rotation
	FOR EACH ROW EXECUTE FUNCTION secrets_catalog.audit_change();
ALTER TABLE secrets_catalog.rotation ENABLE ALWAYS TRIGGER audit_change;
CREATE TRIGGER audit_truncate AFTER TRUNCATE ON secrets_catalog.rotation
	FOR EACH STATEMENT EXECUTE FUNCTION secrets_catalog.audit_change();
ALTER TABLE secrets_catalog.rotation ENABLE ALWAYS TRIGGER audit_truncate;

SELECT pg_catalog.pg_extension_config_dump('secrets_catalog.rotation', '');

-- Scheduling.

CREATE FUNCTION secrets.schedule_rotation(name pg_catalog.text, schedule pg_catalog.text,
	rotator pg_catalog.text = 'generate', options pg_catalog.jsonb = '{}', rotate_now pg_catalog.bool = false)
	RETURNS pg_catalog.timestamptz
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_schedule_rotation';
COMMENT ON FUNCTION secrets.schedule_rotation(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.jsonb, pg_catalog.bool)
	IS 'lets a secret be changed at every interval (''30 days''), by cron fields (''0 3 * * sun'') or ''manual''ly; returns the next time';

CREATE FUNCTION secrets.unschedule_rotation(name pg_catalog.text) RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_unschedule_rotation';
COMMENT ON FUNCTION secrets.unschedule_rotation(pg_catalog.text) IS 'takes the schedule away; the value stays as it is';

CREATE FUNCTION secrets.adopt(pattern pg_catalog.text = '**') RETURNS pg_catalog.int4
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_adopt';
COMMENT ON FUNCTION secrets.adopt(pg_catalog.text) IS 'lets schedules run here that were made in another database; returns how many';

-- Rotating.

CREATE FUNCTION secrets.rotate(name pg_catalog.text) RETURNS pg_catalog.int8
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_rotate';
COMMENT ON FUNCTION secrets.rotate(pg_catalog.text)
	IS 'a new value, and what it is the password of with it, in this transaction; returns the version. What has effects outside follows its commit';

CREATE FUNCTION secrets.rotate_all(pattern pg_catalog.text) RETURNS pg_catalog.int4
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_rotate_all';
COMMENT ON FUNCTION secrets.rotate_all(pg_catalog.text) IS 'rotates every scheduled secret that matches, all or none; returns how many';

CREATE PROCEDURE secrets.rotate_now(name pg_catalog.text)
	LANGUAGE C AS 'MODULE_PATHNAME', 'secrets_rotate_now';
COMMENT ON PROCEDURE secrets.rotate_now(pg_catalog.text) IS 'rotates and waits until it is done, on other servers too';

CREATE PROCEDURE secrets.tick(max_work pg_catalog.int4 = NULL, max_time pg_catalog.interval = '50 seconds')
	LANGUAGE C AS 'MODULE_PATHNAME', 'secrets_tick';
COMMENT ON PROCEDURE secrets.tick(pg_catalog.int4, pg_catalog.interval)
	IS 'does what is due: rotations, ends of sessions, purges; what the job of pg_cron calls';

-- The clock.

CREATE FUNCTION secrets.enable_scheduler(every pg_catalog.text = '* * * * *') RETURNS pg_catalog.int8
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_enable_scheduler';
COMMENT ON FUNCTION secrets.enable_scheduler(pg_catalog.text) IS 'has pg_cron call secrets.tick(); returns the number of its job';

CREATE FUNCTION secrets.disable_scheduler() RETURNS pg_catalog.void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_disable_scheduler';
COMMENT ON FUNCTION secrets.disable_scheduler() IS 'takes the job out of pg_cron';

-- Looking.

CREATE FUNCTION secrets_catalog.rotations(OUT id pg_catalog.uuid, OUT name pg_catalog.text, OUT schedule pg_catalog.text,
	OUT rotator pg_catalog.text, OUT next_at pg_catalog.timestamptz, OUT last_at pg_catalog.timestamptz,
	OUT last_status pg_catalog.text, OUT failures pg_catalog.int4, OUT last_error pg_catalog.text, OUT state pg_catalog.text,
	OUT due_at pg_catalog.timestamptz, OUT scheduled_by pg_catalog.text)
	RETURNS SETOF record
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_rotations';
COMMENT ON FUNCTION secrets_catalog.rotations() IS 'schedules of the secrets that the effective role may list';

CREATE VIEW secrets.rotations WITH (security_barrier) AS
	SELECT r.id, r.name, r.schedule, r.rotator, r.next_at, r.last_at, r.last_status, r.failures, r.last_error, r.state,
		r.due_at, r.scheduled_by
	FROM secrets_catalog.rotations() r;
COMMENT ON VIEW secrets.rotations IS 'schedules of the secrets that you may list: when, how, and how it went';
GRANT SELECT ON secrets.rotations TO PUBLIC;

CREATE FUNCTION secrets.overdue() RETURNS SETOF secrets.rotations
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_overdue';
COMMENT ON FUNCTION secrets.overdue() IS 'schedules whose time has passed without a rotation, among those that you may list';

CREATE FUNCTION secrets.expiring(within pg_catalog.interval) RETURNS SETOF secrets.secrets
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'secrets_expiring';
COMMENT ON FUNCTION secrets.expiring(pg_catalog.interval) IS 'secrets that you may list and that end within that time, or have ended';
