/*
 * rotation/schedule.c: scheduling and its end.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "base/catalog.h"
#include "base/refuse.h"
#include "kv/common.h"
#include "policy/role.h"
#include "rotation/clock.h"
#include "rotation/managed.h"
#include "rotation/options.h"
#include "rotation/rotation.h"
#include "rotation/span.h"
#include "rotation/turn.h"
#include "rotation/worker.h"

#define MOST_WORDS		256
#define MOST_OPTIONS	16384

/* ---- rotators ---- */

static const Rotator *const rotators[] = {
	&rotator_generate, &rotator_role, &rotator_role_pair, &rotator_postgres
};

const Rotator *
rotator_find(const char *name)
{
	for (int i = 0; i < lengthof(rotators); i++)
		if (strcmp(name, rotators[i]->name) == 0)
			return rotators[i];
	return &rotator_function;
}

/* ---- scheduling ---- */

/* Its window and jitter, which clock_next() knows nothing of. */
static void
check_clock_options(const Rotation *rotation)
{
	int64		window = rotation->window ? span_read(rotation->window, "window") : 0;
	int64		jitter = rotation->jitter ? span_read(rotation->jitter, "jitter") : 0;

	if (rotation->window && window < USECS_PER_MINUTE)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("option \"window\" must be at least a minute"));
	if (rotation->window && jitter >= window)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("option \"jitter\" must be shorter than the window"),
			   errhint("It is a delay, of a random length up to this, after the time that the schedule says."));
}

/* What was on its way, how it went: that stays, where it is still about the same. */
static void
keep_history(const Rotation *before, Rotation *rotation)
{
	rotation->last_at = before->last_at;
	rotation->last_status = before->last_status;
	rotation->terminate_at = before->terminate_at;
	rotation->terminate_before = before->terminate_before;
	rotation->terminate_role = before->terminate_role;
	if (strcmp(before->rotator, rotation->rotator) == 0 && !rotation_is_foreign(before))
		rotation->pending_version = before->pending_version;
}

static void
sign(Rotation *rotation, Oid role)
{
	char		tag[NAMEDATALEN];

	if (!role_lock(role))
		REFUSE(ERRCODE_UNDEFINED_OBJECT, errmsg("the current role is being dropped"));
	role_make_tag(role, NULL, tag);
	rotation->scheduled_by = GetUserNameFromId(role, false);
	rotation->scheduled_tag = pstrdup(tag);
}

/* Whoever looks at schedules reads all of them. */
static void
check_size(const Rotation *rotation)
{
	const char *const words[] = {rotation->schedule, rotation->timezone, rotation->window, rotation->jitter, rotation->rotator};

	for (int i = 0; i < lengthof(words); i++)
		if (words[i] && strlen(words[i]) > MOST_WORDS)
			REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("the schedule, or one of its options, is too long"));
	if (VARSIZE_ANY(rotation->options) > MOST_OPTIONS)
		REFUSE(ERRCODE_PROGRAM_LIMIT_EXCEEDED, errmsg("the options are too large"),
			   errdetail("%d bytes are allowed.", MOST_OPTIONS));
}

static Rotation
read_request(const ScheduleRequest *request)
{
	Rotation	rotation = {
		.schedule = unconstify(char *, request->schedule),.rotator = unconstify(char *, request->rotator),
		.last_at = NEVER,.terminate_at = NEVER,.terminate_before = NEVER,.pending_version = NO_VERSION
	};

	rotation.options = options_take_text(request->options, "timezone", &rotation.timezone);
	rotation.options = options_take_text(rotation.options, "window", &rotation.window);
	rotation.options = options_take_text(rotation.options, "jitter", &rotation.jitter);
	check_size(&rotation);
	check_clock_options(&rotation);
	(void) clock_read(rotation.schedule, rotation.timezone);
	return rotation;
}

/* Also where nothing is another but the time: it can be put off so. */
static void
record_change(const Turn *turn)
{
	AuditRecord record = {
		.action = ACTION_CONFIG,.outcome = OUTCOME_ALLOWED,.role = turn->pass.role,.name = turn->secret.name,
		.id = &turn->secret.id
	};
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfoString(&detail, "{\"rotation\": \"scheduled\", \"schedule\": ");
	escape_json(&detail, turn->rotation.schedule);
	appendStringInfoString(&detail, ", \"rotator\": ");
	escape_json(&detail, turn->rotation.rotator);
	appendStringInfoChar(&detail, '}');
	record.detail = detail.data;
	audit_record_change(&record);
}

/* A value that nobody changes by hand is not parted from its role by who may rotate it only. */
static bool
parts_from_role(const Rotation *before, const char *rotator)
{
	return before->roles != NIL && !rotation_is_foreign(before) && (rotator == NULL || strcmp(before->rotator, rotator) != 0);
}

TimestampTz
rotation_schedule(const ScheduleRequest *request)
{
	const Rotator *rotator = rotator_find(request->rotator);
	Turn		turn = {.scheduler = GetUserId(),.is_scheduling = true,.rotates_at_once = request->rotate_now};
	Rotation	before;
	bool		had;

	check_name(request->name);
	turn.pass = require_change(PRIV_ROTATE, request->name);
	turn.rotation = read_request(request);
	lock_secret(request->name, LOCK_CHANGE, &turn.secret);
	require_plain_secret(&turn.secret);
	turn.rotation.secret_id = turn.secret.id;
	had = rotation_lock(&turn.secret.id, &before);
	if (had && parts_from_role(&before, turn.rotation.rotator))
		(void) turn_require(&turn, PRIV_WRITE);
	rotator->check(&turn, true);
	sign(&turn.rotation, turn.scheduler);
	rotation_make_native(&turn.rotation);
	turn_count_next(&turn.rotation, &turn.secret, GetCurrentTimestamp());
	if (had)
		keep_history(&before, &turn.rotation);
	if (had && before.pending_version != turn.rotation.pending_version)
		turn_tell_of_candidate(&before);
	if (had)
	{
		rotation_update(&turn.rotation);
		record_change(&turn);
	}
	else
		rotation_insert(&turn.rotation);
	if (request->rotate_now)
		(void) turn_rotate_here(&turn);
	return turn.rotation.next_at;
}

void
rotation_unschedule(const char *name)
{
	Turn		turn = turn_begin(name);

	turn.is_scheduling = true;
	if (parts_from_role(&turn.rotation, NULL))
		(void) turn_require(&turn, PRIV_WRITE);
	turn_tell_of_candidate(&turn.rotation);
	rotation_delete(&turn.secret.id);
}

/* ---- what kv asks ---- */

static void
forget_purged(const Secret *secret)
{
	rotation_delete(&secret->id);
}

static TimestampTz
next_rotation(const Secret *secret)
{
	Rotation	rotation;

	return rotation_find(&secret->id, &rotation) ? rotation.next_at : NEVER;
}

void
rotation_init(void)
{
	kv_watcher = (KvWatcher) {
		.before_value = managed_check_value,.purged = forget_purged,.next_rotation = next_rotation
	};
	worker_register();
}
