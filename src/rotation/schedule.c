/*
 * rotation/schedule.c: scheduling and its end, and rotating by hand.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "base/catalog.h"
#include "base/refuse.h"
#include "keyring/keyring.h"
#include "kv/common.h"
#include "policy/role.h"
#include "rotation/clock.h"
#include "rotation/local.h"
#include "rotation/managed.h"
#include "rotation/options.h"
#include "rotation/rotation.h"
#include "rotation/run.h"
#include "rotation/scheduler.h"
#include "rotation/span.h"
#include "rotation/tick.h"
#include "rotation/worker.h"
#include "store/name.h"

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
	run_count_next(&turn.rotation, &turn.secret, GetCurrentTimestamp());
	if (had)
		keep_history(&before, &turn.rotation);
	if (had && before.pending_version != turn.rotation.pending_version)
		run_tell_of_candidate(&before);
	if (had)
	{
		rotation_update(&turn.rotation);
		record_change(&turn);
	}
	else
		rotation_insert(&turn.rotation);
	if (request->rotate_now)
		(void) run_here(&turn);
	return turn.rotation.next_at;
}

pg_noreturn static void
refuse_unscheduled(void)
{
	REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		   errmsg("the secret has no schedule"),
		   errhint("secrets.schedule_rotation(name, 'manual', ...) says how it is rotated."));
}

/* The pass, the lock, the row. */
static Turn
begin_turn(const char *name)
{
	Turn		turn = {0};

	check_name(name);
	turn.pass = require_change(PRIV_ROTATE, name);
	lock_secret(name, LOCK_CHANGE, &turn.secret);
	if (!rotation_lock(&turn.secret.id, &turn.rotation))
		refuse_unscheduled();
	return turn;
}

void
rotation_unschedule(const char *name)
{
	Turn		turn = begin_turn(name);

	turn.is_scheduling = true;
	if (parts_from_role(&turn.rotation, NULL))
		(void) turn_require(&turn, PRIV_WRITE);
	run_tell_of_candidate(&turn.rotation);
	rotation_delete(&turn.secret.id);
}

/* ---- rotating ---- */

int64
rotation_rotate(const char *name)
{
	Turn		turn = begin_turn(name);

	return run_here(&turn);
}

/* One of those that rotate_all() is about. */
typedef struct Wanted
{
	pg_uuid_t	id;
	char	   *name;
} Wanted;

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(((Wanted *) lfirst(a))->name, ((Wanted *) lfirst(b))->name);
}

static bool
is_wanted(const char *pattern, const Secret *secret)
{
	return secret->deleted_at == NEVER && pattern_matches(pattern, strlen(pattern), secret->name, strlen(secret->name));
}

/* Which schedules, and the secrets that they are of. */
typedef bool (*Filter) (const char *pattern, const Rotation *rotation, const Secret *secret);

static bool
may_rotate(const char *pattern, const Rotation *rotation, const Secret *secret)
{
	return is_wanted(pattern, secret) && gate_allows(PRIV_ROTATE, secret->name, NULL);
}

/* Deleted ones too: they may come back. */
static bool
is_foreign(const char *pattern, const Rotation *rotation, const Secret *secret)
{
	return rotation_is_foreign(rotation) && pattern_matches(pattern, strlen(pattern), secret->name, strlen(secret->name));
}

/* In order of name: so that two who go through them do not lock each other out. */
static List *
find_wanted(const char *pattern, Filter filter)
{
	Snapshot	snapshot = catalog_snapshot();
	List	   *all = NIL;
	ListCell   *cell;

	foreach(cell, rotation_list(snapshot))
	{
		const Rotation *rotation = lfirst(cell);
		Wanted	   *wanted;
		Secret		secret;

		if (!store_find_by_id(&rotation->secret_id, snapshot, &secret) || !filter(pattern, rotation, &secret))
			continue;
		wanted = palloc(sizeof(Wanted));
		wanted->id = rotation->secret_id;
		wanted->name = secret.name;
		all = lappend(all, wanted);
	}
	UnregisterSnapshot(snapshot);
	list_sort(all, compare_names);
	return all;
}

/* False: it is gone by now, has no schedule any more, or another name. */
static bool
rotate_wanted(const char *pattern, const pg_uuid_t *id)
{
	Turn		turn = {0};

	if (!store_lock_by_id(id, true, &turn.secret) || !is_wanted(pattern, &turn.secret) || !rotation_lock(id, &turn.rotation))
		return false;
	turn.pass = gate_require(PRIV_ROTATE, turn.secret.name);
	(void) run_here(&turn);
	return true;
}

/* Of many it wants to be said which one it was. */
static bool
rotate_one_of_many(const char *pattern, const Wanted *wanted)
{
	MemoryContext mine = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		done = rotate_wanted(pattern, &wanted->id);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(mine);
		error = CopyErrorData();
		FlushErrorState();
		error->detail = psprintf("This was secret \"%s\".%s%s", wanted->name,
								 error->detail ? " " : "", error->detail ? error->detail : "");
		ReThrowError(error);
	}
	PG_END_TRY();
	return done;
}

int
rotation_rotate_all(const char *pattern)
{
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "secrets, one rotation", ALLOCSET_DEFAULT_SIZES);
	int			rotated = 0;
	ListCell   *cell;

	check_pattern(pattern);
	if (gate_scope(PRIV_ROTATE)->n == 0)
	{
		GatePass	pass = gate_ask(PRIV_ROTATE, pattern);

		gate_refuse(&pass);
	}
	gate_begin_change();
	foreach(cell, find_wanted(pattern, may_rotate))
	{
		MemoryContext before = MemoryContextSwitchTo(each);

		CHECK_FOR_INTERRUPTS();
		rotated += rotate_one_of_many(pattern, lfirst(cell));
		MemoryContextSwitchTo(before);
		MemoryContextReset(each);
	}
	MemoryContextDelete(each);
	return rotated;
}

/* ---- procedures ---- */

/* It says what went wrong as who rotates by hand is to hear it: as it is written down. */
pg_noreturn static void
raise_again(const ErrorData *error)
{
	REFUSE(error->sqlerrcode, errmsg("%s", error->message ? error->message : "the rotation failed"),
		   error->detail ? errdetail("%s", error->detail) : 0,
		   error->hint ? errhint("%s", error->hint) : 0);
}

void
rotation_rotate_now(const char *name)
{
	Turn		turn = begin_turn(name);
	Run			run = {.secret_id = turn.secret.id,.actor = GetUserId(),.wait = true};
	ErrorData  *error;
	RunResult	result;

	run_refuse_foreign(&turn.rotation);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	run_commit();				/* lets the lock go */
	result = run_apart(&run, &error);
	if (result == RUN_FAILED)
		raise_again(error);		/* before SPI takes its memory away */
	SPI_finish();
	if (result == RUN_PASSED)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the secret, or its schedule, was changed by somebody else meanwhile"),
			   errhint("Look at secrets.rotations, and repeat."));
}

void
rotation_tick(int max_work, const Interval *max_time)
{
	TimestampTz until;

	(void) gate_require_operator();
	if (!keyring_is_preloaded())
		gate_require_open();	/* sealed it does nothing; but this nobody will open */
	if (max_work < 1)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("max_work must be positive"));
	if (!RecoveryInProgress())
		PreventCommandIfReadOnly("secrets.tick()");
	until = GetCurrentTimestamp() + span_of(max_time, "max_time");
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	tick_all(max_work, until);
	SPI_finish();
}

/* ---- schedules from elsewhere ---- */

/* By tag, or, where nobody here bears it, by name: once. */
static bool
find_here(char **name, char **tag)
{
	Oid			role = role_of_tag(*tag, get_role_oid(*name, true));
	char		new_tag[NAMEDATALEN];

	if (!OidIsValid(role))
		role = get_role_oid(*name, true);
	if (!OidIsValid(role) || !role_lock(role))
		return false;
	role_make_tag(role, NULL, new_tag);
	*name = GetUserNameFromId(role, false);
	*tag = pstrdup(new_tag);
	return true;
}

/* Nobody schedules for one of them from here on. */
static void
lock_all(const Rotation *rotation)
{
	Oid			roles[2];

	if (!managed_find_roles(rotation, roles))
		return;
	local_lock(OidIsValid(roles[1]) ? Min(roles[0], roles[1]) : roles[0]);
	if (OidIsValid(roles[1]))
		local_lock(Max(roles[0], roles[1]));
}

static bool
find_all_here(Rotation *rotation)
{
	ListCell   *name;
	ListCell   *tag;

	if (!find_here(&rotation->scheduled_by, &rotation->scheduled_tag))
		return false;
	forboth(name, rotation->roles, tag, rotation->role_tags)
	{
		char	   *role_name = lfirst(name);
		char	   *role_tag = lfirst(tag);

		if (!find_here(&role_name, &role_tag))
			return false;
		lfirst(name) = role_name;
		lfirst(tag) = role_tag;
	}
	return true;
}

/* Neither database of one cluster sees the other's schedules. */
static void
warn_of_original(const Secret *secret, const Rotation *rotation)
{
	char	   *original = get_database_name(rotation->database_oid);

	if (rotation->roles != NIL && rotation->system_identifier == (int64) GetSystemIdentifier() && original)
		ereport(WARNING,
				(errmsg("\"%s\" is rotated in database \"%s\" of this cluster, too, for the same role", secret->name, original),
				 errhint("Unschedule one of the two: whoever rotates last has the role's password.")));
}

/* Its time is counted from now: what was missed on the way here is nobody's fault. */
static bool
adopt_one(const pg_uuid_t *secret_id)
{
	Secret		secret;
	Rotation	rotation;

	if (!store_lock_by_id(secret_id, true, &secret) || !rotation_lock(secret_id, &rotation) || !rotation_is_foreign(&rotation))
		return false;
	if (!find_all_here(&rotation))
	{
		ereport(WARNING,
				(errmsg("the schedule of \"%s\" was not adopted: a role that it is for is not here", secret.name),
				 errhint("secrets.schedule_rotation() makes another.")));
		return false;
	}
	lock_all(&rotation);
	if (rotation_has_other(secret_id, rotation.role_tags))
	{
		ereport(WARNING,
				(errmsg("the schedule of \"%s\" was not adopted: another secret's rotation changes the password of its role here",
						secret.name)));
		return false;
	}
	if (rotation.role_tags)
		rotation_delete_of_deleted(rotation.role_tags);
	warn_of_original(&secret, &rotation);
	rotation_make_native(&rotation);
	rotation.terminate_at = rotation.terminate_before = NEVER;
	rotation.terminate_role = NULL;
	run_count_next(&rotation, &secret, GetCurrentTimestamp());
	rotation_update(&rotation);
	return true;
}

int
rotation_adopt(const char *pattern)
{
	int			adopted = 0;
	ListCell   *cell;

	check_pattern(pattern);
	(void) gate_require(PRIV_OPERATE, NULL);
	gate_begin_change();
	foreach(cell, find_wanted(pattern, is_foreign))
		adopted += adopt_one(&((Wanted *) lfirst(cell))->id);
	return adopted;
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
