/*
 * audit/record.c: a read or a refusal becomes a line in the queue.
 *
 * This is on the way of every read, so it looks nothing up that it can
 * remember: names of roles, the client's address.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inet.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "audit/internal.h"
#include "audit/launch.h"
#include "base/compat.h"
#include "base/peer.h"
#include "base/refuse.h"

#define LONGEST_WAIT	5000	/* milliseconds */
#define LONGEST_LAG		1500	/* a queue whose first line is older has a worker that cannot write */
#define LOOK_AGAIN		20

typedef enum AuditMode
{
	AUDIT_ON, AUDIT_DURABLE
} AuditMode;

typedef enum OnFailure
{
	FAILURE_REFUSE, FAILURE_LOG
} OnFailure;

static int	mode = AUDIT_ON;
static int	on_failure = FAILURE_REFUSE;
static char *actor = NULL;

/* ---- settings ---- */

static bool
check_actor(char **value, void **extra, GucSource source)
{
	if (strlen(*value) <= ACTOR_LEN)
		return true;
	GUC_check_errdetail("It is longer than %d bytes.", ACTOR_LEN);
	return false;
}

static void
define_settings(void)
{
	static const struct config_enum_entry modes[] = {{"on", AUDIT_ON, false}, {"durable", AUDIT_DURABLE, false}, {NULL, 0, false}};
	static const struct config_enum_entry failures[] = {{"refuse", FAILURE_REFUSE, false}, {"log", FAILURE_LOG, false}, {NULL, 0, false}};

	DefineCustomEnumVariable("secrets.audit",
							 "Whether a read waits until its line of the audit is on disk.",
							 "on: it does not; killing a backend loses nothing, and a power failure the lines of the "
							 "last 200 ms. durable: no value is returned before its line is flushed; many readers "
							 "share one flush.",
							 &mode, AUDIT_ON, modes, PGC_SIGHUP, GUC_DISALLOW_IN_AUTO_FILE, NULL, NULL, NULL);
	DefineCustomEnumVariable("secrets.audit_on_failure",
							 "What a read does when its line of the audit cannot be written.",
							 "refuse: after 5 seconds it fails with 58030. log: the line goes to the server's log as "
							 "JSON, and the value is returned: for where availability counts more than proof.",
							 &on_failure, FAILURE_REFUSE, failures, PGC_SIGHUP, GUC_DISALLOW_IN_AUTO_FILE, NULL, NULL, NULL);
	DefineCustomStringVariable("secrets.actor",
							   "For whom the application says that it acts.",
							   "Recorded with each line of the audit, and never believed: the name of the "
							   "application's own user, or of a request. Up to 128 bytes.",
							   &actor, "", PGC_USERSET, 0, check_actor, NULL, NULL);
}

/* ---- what is remembered ---- */

typedef struct KnownRole
{
	Oid			role;
	char		name[NAMEDATALEN];
} KnownRole;

static KnownRole session_role;
static KnownRole asking_role;

static void
forget_roles(Datum arg, int cache, uint32 hash)
{
	session_role.role = asking_role.role = InvalidOid;
}

/*
 * Text of this database's encoding.  A role's name is of that of the database
 * where it was made, and what a session starts with is checked by nobody.
 */
static void
make_valid(char *text)
{
	if (pg_verify_mbstr(GetDatabaseEncoding(), text, (int) strlen(text), true))
		return;
	for (; *text; text++)
		if (IS_HIGHBIT_SET(*text))
			*text = '?';
}

static const char *
role_name(KnownRole *known, Oid role)
{
	if (known->role != role || !OidIsValid(role))
	{
		char	   *name = GetUserNameFromId(role, true);

		strlcpy(known->name, name ? name : "", NAMEDATALEN);
		make_valid(known->name);
		known->role = role;
	}
	return known->name;
}

const char *
audit_login(void)
{
	return role_name(&session_role, GetSessionUserId());
}

const char *
audit_role(Oid role)
{
	return role_name(&asking_role, role);
}

/* A superuser may have taken another's name since: the table of backends has it as it was. */
const char *
audit_authenticated(void)
{
	static KnownRole authenticated;
	Oid			role = MyBEEntry ? MyBEEntry->st_userid : InvalidOid;

	if (!OidIsValid(role) || role == GetSessionUserId())
		return NULL;
	authenticated.role = InvalidOid;	/* rare: looked up each time */
	return role_name(&authenticated, role);
}

/* {"authenticated": "..."}, where there is something to say; valid until the next call. */
static const char *
authenticated_detail(void)
{
	static StringInfoData json;
	const char *name = audit_authenticated();
	MemoryContext before;

	if (name == NULL)
		return NULL;
	before = MemoryContextSwitchTo(TopMemoryContext);
	if (json.data == NULL)
		initStringInfo(&json);
	resetStringInfo(&json);
	appendStringInfoString(&json, "{\"authenticated\": ");
	escape_json(&json, name);
	appendStringInfoChar(&json, '}');
	MemoryContextSwitchTo(before);
	return json.data;
}

const char *
audit_client_addr(void)
{
	static char text[64];
	static const inet *known = NULL;
	const inet *address = peer_get()->address;

	if (address && address != known)
	{
		strlcpy(text, DatumGetCString(DirectFunctionCall1(inet_out, InetPGetDatum(address))), sizeof(text));
		known = address;
	}
	return address ? text : NULL;
}

const char *
audit_actor(void)
{
	static char text[ACTOR_LEN + 1];

	if (actor == NULL || actor[0] == '\0')
		return NULL;
	strlcpy(text, actor, sizeof(text));
	make_valid(text);
	return text;
}

const char *
audit_application_name(void)
{
	return application_name && application_name[0] ? application_name : NULL;
}

static void log_what_is_left(int code, Datum arg);

void
record_init(void)
{
	define_settings();
	CacheRegisterSyscacheCallback(AUTHOID, forget_roles, (Datum) 0);
	if (process_shared_preload_libraries_in_progress)
		on_proc_exit(log_what_is_left, (Datum) 0);
}

/* ---- the line ---- */

static void
fill_event(const AuditRecord *record, AuditEvent *event)
{
	memset(event, 0, sizeof(*event));
	event->at = GetCurrentTimestamp();
	event->txid = (int64) U64FromFullTransactionId(GetTopFullTransactionIdIfAny());
	event->version = record->version;
	event->has_id = record->id != NULL;
	if (record->id)
		event->id = *record->id;
	event->has_rule = record->rule != NULL;
	if (record->rule)
		event->rule = *record->rule;
	event->pid = MyProcPid;
	event->action = record->action;
	event->outcome = record->outcome;
	event->via = VIA_API;
	event->name = record->name;
	event->login = audit_login();
	event->role = audit_role(record->role);
	event->actor = audit_actor();
	event->client_addr = audit_client_addr();
	event->application_name = audit_application_name();
	event->reason = record->reason;
	event->detail = record->detail ? record->detail : authenticated_detail();
}

/* The longest of each, so that none takes the room of another: together they fit into a line. */
static const int longest[NUM_STRINGS] = {
	[STRING_NAME] = 512,
	[STRING_LOGIN] = NAMEDATALEN,
	[STRING_ROLE] = NAMEDATALEN,
	[STRING_ACTOR] = ACTOR_LEN,
	[STRING_CLIENT_ADDR] = 64,
	[STRING_APPLICATION_NAME] = 256,
	[STRING_REASON] = 256,
	[STRING_DETAIL] = 2048,
};

StaticAssertDecl(sizeof(QueuedLine) + 512 + 2 * NAMEDATALEN + ACTOR_LEN + 64 + 256 + 256 + 2048 + NUM_STRINGS <= MAX_LINE,
				 "the longest line fits");

/* What is longer is cut; a detail, which would not be JSON any more, is left out. */
static char *
add_string(QueuedLine *line, int which, char *at, const char *text)
{
	size_t		len;

	if (text == NULL || (which == STRING_DETAIL && strlen(text) > longest[which]))
		return at;
	len = (size_t) pg_mbcliplen(text, (int) strlen(text), longest[which]);
	memcpy(at, text, len);
	at[len] = '\0';
	line->strings |= (uint8) (1 << which);
	return at + len + 1;
}

void
line_from_event(const AuditEvent *event, QueuedLine *line)
{
	char	   *at = (char *) (line + 1);

	memset(line, 0, sizeof(*line));
	line->event_id = event->event_id;
	line->at = event->at;
	line->txid = event->txid;
	line->version = event->version;
	line->id = event->id;
	line->rule = event->rule;
	line->pid = event->pid;
	line->action = (uint8) event->action;
	line->outcome = (uint8) event->outcome;
	line->via = (uint8) event->via;
	line->has_id = event->has_id;
	line->has_rule = event->has_rule;
	at = add_string(line, STRING_NAME, at, event->name);
	at = add_string(line, STRING_LOGIN, at, event->login);
	at = add_string(line, STRING_ROLE, at, event->role);
	at = add_string(line, STRING_ACTOR, at, event->actor);
	at = add_string(line, STRING_CLIENT_ADDR, at, event->client_addr);
	at = add_string(line, STRING_APPLICATION_NAME, at, event->application_name);
	at = add_string(line, STRING_REASON, at, event->reason);
	at = add_string(line, STRING_DETAIL, at, event->detail);
	line->len = (uint16) (at - (char *) line);
}

static void
log_event(const AuditEvent *event, const char *why)
{
	StringInfoData json;

	initStringInfo(&json);
	event_append_json(event, &json);
	ereport(LOG,
			(errmsg("secrets audit: %s", json.data),
			 why ? errdetail("It is not in the audit: %s.", why) : 0,
			 errhidestmt(true), errhidecontext(true)));
	pfree(json.data);
}

/* Also in the postmaster. */
void
record_log_queue(Queue *queue, const char *why)
{
	MemoryContext each = AllocSetContextCreate(TopMemoryContext, "secrets audit, one line", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(each);
	uint64		at = queue_done(queue);
	uint64		end = queue_end(queue);
	const QueuedLine *line;
	AuditEvent	event;
	size_t		len;

	while ((line = queue_peek(queue, &at, end, &len)) != NULL)
	{
		if (line_to_event(line, len, &event))
			log_event(&event, why);
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(each);
}

/*
 * In the postmaster, when nobody else is left: what could not be written or
 * handed over is in memory only.
 */
static void
log_what_is_left(int code, Datum arg)
{
	if (MyProcPid != PostmasterPid)
		return;
	for (int i = 0; queue_run() != 0 && i < MAX_QUEUES; i++)
		if (queue_depth(queue_number(i)) > 0)
			record_log_queue(queue_number(i), "the server stopped before it was known to be written");
}

void
audit_log_line(const AuditRecord *record)
{
	AuditEvent	event;

	fill_event(record, &event);
	log_event(&event, NULL);
}

/* ---- waiting ---- */

pg_noreturn static void
refuse_unrecorded(const char *why)
{
	REFUSE(ERRCODE_IO_ERROR,
		   errmsg("the audit cannot be written"),
		   errdetail("Nothing was read or given: %s.", why),
		   errhint("SELECT * FROM secrets.status() shows the queue; the server's log says more. Where max_worker_processes "
				   "is used up, raise it: the audit needs one for each database in use, beside max_parallel_workers."));
}

/* Why nothing can be written now; NULL: it can. */
static const char *
find_trouble(Queue *queue, bool wait_for_disk, char trouble[sizeof(((Post *) 0)->trouble)])
{
	TimestampTz oldest;
	Post		post;

	if (queue == NULL)
		return "more databases than the audit has queues for";
	oldest = queue_oldest(queue);
	if (!launch_worker(queue))
		return "no background worker can be started";
	/* Until its queue is full a standby does without the primary. */
	if (!wait_for_disk && RecoveryInProgress())
		return NULL;
	if (oldest == 0 || GetCurrentTimestamp() - oldest < LONGEST_LAG * INT64CONST(1000))
		return NULL;
	queue_get_post(queue, &post);
	if (post.holding && !wait_for_disk)
		return NULL;
	if (post.trouble[0] == '\0')
		return "its worker is behind";
	strlcpy(trouble, post.trouble, sizeof(post.trouble));
	return trouble;
}

typedef struct Waiting
{
	Queue	   *queue;
	bool		gives_nothing;	/* a refusal: it goes in if there is room, whatever the worker does */
	bool		never;
	TimestampTz until;
	char		trouble[128];
} Waiting;

/* False: the time is over. */
static bool
wait_a_moment(Waiting *waiting)
{
	TimestampTz now = GetCurrentTimestamp();

	if (waiting->until == 0)
		waiting->until = now + LONGEST_WAIT * INT64CONST(1000);
	if (now >= waiting->until || waiting->queue == NULL)
		return false;
	queue_wake(waiting->queue);
	queue_sleep(waiting->queue, LOOK_AGAIN, PG_WAIT_EXTENSION);
	return true;
}

/* Nobody can be given a value here, so nothing is lost to who asks for one: the server's log will do. */
static bool
is_before_first_key(Queue *queue)
{
	Post		post;

	if (queue == NULL)
		return false;
	queue_get_post(queue, &post);
	return post.holding;
}

/* What the worker waits for is more to the point. */
static const char *
why_full(Waiting *waiting)
{
	Post		post;

	queue_get_post(waiting->queue, &post);
	if (post.trouble[0] == '\0')
		return "its queue is full";
	strlcpy(waiting->trouble, post.trouble, sizeof(waiting->trouble));
	return waiting->trouble;
}

/* NULL: it is in the queue, and ends at *until. */
static const char *
push(Waiting *waiting, QueuedLine *line, bool durable, uint64 *until)
{
	const char *why;

	if (waiting->gives_nothing && waiting->queue && queue_push(waiting->queue, line, until))
	{
		(void) launch_worker(waiting->queue);
		return NULL;
	}
	do
	{
		why = find_trouble(waiting->queue, durable, waiting->trouble);
		if (why == NULL && queue_push(waiting->queue, line, until))
			return NULL;
		if (why == NULL)
			why = why_full(waiting);
	} while (!waiting->never && !is_before_first_key(waiting->queue) && wait_a_moment(waiting));
	return why;
}

/* NULL: it is on disk. */
static const char *
wait_for_disk(Waiting *waiting, uint64 until)
{
	const char *why = NULL;

	queue_wake(waiting->queue);
	while (queue_done(waiting->queue) < until)
	{
		if (!wait_a_moment(waiting))
			return why ? why : "its worker is behind";
		why = find_trouble(waiting->queue, true, waiting->trouble);
	}
	return NULL;
}

const char *
record_queue_line(QueuedLine *line, uint64 *until)
{
	Waiting		waiting = {.queue = queue_mine()};
	const char *why = push(&waiting, line, true, until);

	if (waiting.until != 0)
		queue_end_sleep();
	return why;
}

const char *
record_wait_for_disk(uint64 until)
{
	Waiting		waiting = {.queue = queue_mine()};
	const char *why = wait_for_disk(&waiting, until);

	if (waiting.until != 0)
		queue_end_sleep();
	return why;
}

static bool
gives_nothing(const AuditRecord *record)
{
	return record->outcome == OUTCOME_DENIED || record->outcome == OUTCOME_FAILED;
}

/* A listing gives no value away; a refusal neither, but who tries shall not get away by a power failure. */
static bool
is_durable(const AuditRecord *record)
{
	return mode == AUDIT_DURABLE && !record->optional && record->action != ACTION_LIST;
}

/* Single-user mode has no worker and nobody else: what is given away is written here and now. */
static void
record_alone(const AuditRecord *record, const AuditEvent *event)
{
	if (!gives_nothing(record) && audit_has_home() && !XactReadOnly)
		audit_record_change(record);
	else
		log_event(event, "there is no worker in single-user mode");
}

void
audit_record(const AuditRecord *record)
{
	union
	{
		QueuedLine	line;
		char		room[MAX_LINE];
	}			buffer;
	Waiting		waiting = {
		.queue = queue_mine(),.gives_nothing = gives_nothing(record),.never = record->optional
	};
	bool		durable = is_durable(record);
	AuditEvent	event;
	uint64		until;
	const char *why;

	fill_event(record, &event);
	if (!IsUnderPostmaster)
	{
		record_alone(record, &event);
		return;
	}
	if (queue_run() == 0 && gives_nothing(record))
	{
		log_event(&event, "secrets is not in shared_preload_libraries");
		return;
	}
	line_from_event(&event, &buffer.line);
	why = push(&waiting, &buffer.line, durable, &until);
	if (why == NULL && durable && waiting.gives_nothing)
	{
		/* It is in the queue: nobody need be told that it is not on disk. */
		if (!is_before_first_key(waiting.queue))
			(void) wait_for_disk(&waiting, until);
	}
	else if (why == NULL && durable)
		why = wait_for_disk(&waiting, until);
	else if (why == NULL && (queue_worker_sleeps(waiting.queue) || queue_is_half_full(waiting.queue)))
		queue_wake(waiting.queue);
	if (waiting.until != 0)
		queue_end_sleep();
	if (why == NULL)
		return;
	log_event(&event, why);
	if (on_failure == FAILURE_REFUSE && !record->optional && !is_before_first_key(waiting.queue))
		refuse_unrecorded(why);
}
