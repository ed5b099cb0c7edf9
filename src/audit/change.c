/*
 * audit/change.c: a change of a catalog becomes a line of the log, in the
 * change's own transaction.
 *
 * The triggers see rows, whoever writes them; what was done is read off the row
 * as it was and as it is.  Where a statement of ours changes several rows for
 * one call, one of them tells: of a secret and its new version the secret, which
 * has the name.  Who goes round the API is shown every row.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/inet.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "audit/internal.h"
#include "audit/launch.h"
#include "base/compat.h"
#include "base/refuse.h"
#include "policy/policy.h"

static AuditVia via = VIA_API;
static bool rotating = false;
static bool told = false;		/* this transaction wrote a line */

bool
audit_has_home(void)
{
	return policy_is_settled();
}

void
audit_set_via(AuditVia now)
{
	via = now;
}

void
audit_begin_rotation(void)
{
	rotating = true;
}

void
audit_end_rotation(void)
{
	rotating = false;
}

/*
 * The worker looks for lines whose transaction has ended: it has to hear when
 * that may be.  Of a prepared one it hears now, and looks again until it ends.
 */
static void
on_end_of_transaction(XactEvent event, void *arg)
{
	Queue	   *queue;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	via = VIA_API;
	if (!told)
		return;
	told = false;
	if ((queue = queue_of(MyDatabaseId)) == NULL || event == XACT_EVENT_ABORT)
		return;
	queue_tell_change(queue);
	/* One that is awake looks for changes by itself. */
	if (launch_worker(queue) && queue_worker_sleeps(queue))
		queue_wake(queue);
}

void
change_init(void)
{
	RegisterXactCallback(on_end_of_transaction, NULL);
}

/* ---- the line ---- */

typedef struct Change
{
	AuditEvent	event;
	StringInfoData detail;		/* members of a JSON object, without its braces */
	const char *table;
	TupleDesc	desc;
	HeapTuple	before;			/* NULL: inserted */
	HeapTuple	after;			/* NULL: deleted */
	bool		ours;
} Change;

static void
write_event(AuditEvent *event)
{
	Queue	   *queue = queue_mine();
	AuditKey	key;
	bool		has_key = keyring_is_open() && keyring_find_audit_key(0, &key);
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS];
	uint8		leaf[HASH_LEN];
	RowWriter  *writer;

	event->event_id = queue_next_id(queue, event->at);
	event_seal(event, has_key ? &key : NULL, values, nulls, leaf);
	writer = rows_open(CATALOG_AUDIT_EVENT);
	rows_add(writer, values, nulls);
	rows_close(writer);
	told = true;
	if (queue)
		queue_tell_change(queue);
}

static void
fill_who(AuditEvent *event, Oid role)
{
	event->at = GetCurrentTimestamp();
	event->txid = (int64) U64FromFullTransactionId(GetTopFullTransactionId());
	event->pid = MyProcPid;
	event->login = audit_login();
	event->role = audit_role(role);
	event->actor = audit_actor();
	event->client_addr = audit_client_addr();
	event->application_name = audit_application_name();
}

static void
add_member(Change *change, const char *name)
{
	if (change->detail.len > 0)
		appendStringInfoString(&change->detail, ", ");
	escape_json(&change->detail, name);
	appendStringInfoString(&change->detail, ": ");
}

static void
add_text(Change *change, const char *name, const char *text)
{
	add_member(change, name);
	if (text)
		escape_json(&change->detail, text);
	else
		appendStringInfoString(&change->detail, "null");
}

static void
add_bool(Change *change, const char *name, bool value)
{
	add_member(change, name);
	appendStringInfoString(&change->detail, value ? "true" : "false");
}

static void
add_flag(Change *change, const char *name)
{
	add_bool(change, name, true);
}

static void
write_outcome(Change *change, AuditAction action, AuditOutcome outcome)
{
	AuditEvent *event = &change->event;

	event->action = action;
	event->outcome = outcome;
	event->via = change->ours ? via : VIA_DIRECT;
	fill_who(event, change->ours ? catalog_asker() : GetUserId());
	if (audit_authenticated())
		add_text(change, "authenticated", audit_authenticated());
	event->detail = change->detail.len > 0 ? psprintf("{%s}", change->detail.data) : NULL;
	write_event(event);
}

static void
write_change(Change *change, AuditAction action)
{
	write_outcome(change, action, OUTCOME_ALLOWED);
}

void
audit_record_change(const AuditRecord *record)
{
	AuditEvent	event = {
		.action = record->action,.outcome = record->outcome,.via = via,.name = record->name,
		.version = record->version,.reason = record->reason,.detail = record->detail,
		.has_id = record->id != NULL,.has_rule = record->rule != NULL
	};

	if (!audit_has_home())
		return;
	if (record->id)
		event.id = *record->id;
	if (record->rule)
		event.rule = *record->rule;
	fill_who(&event, record->role);
	write_event(&event);
}

/* ---- columns ---- */

static Datum
column(const Change *change, HeapTuple tuple, const char *name, bool *isnull)
{
	int			number = SPI_fnumber(change->desc, name);

	*isnull = true;
	if (tuple == NULL || number <= 0)
		return (Datum) 0;
	return heap_getattr(tuple, number, change->desc, isnull);
}

static char *
text_column(const Change *change, HeapTuple tuple, const char *name)
{
	bool		isnull;
	Datum		value = column(change, tuple, name, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static int64
number_column(const Change *change, HeapTuple tuple, const char *name)
{
	bool		isnull;
	Datum		value = column(change, tuple, name, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static int32
number32_column(const Change *change, HeapTuple tuple, const char *name)
{
	bool		isnull;
	Datum		value = column(change, tuple, name, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

static bool
is_null(const Change *change, HeapTuple tuple, const char *name)
{
	bool		isnull;

	(void) column(change, tuple, name, &isnull);
	return isnull;
}

static bool
bool_column(const Change *change, HeapTuple tuple, const char *name)
{
	bool		isnull;
	Datum		value = column(change, tuple, name, &isnull);

	return !isnull && DatumGetBool(value);
}

/* Bytes are compared as they are stored: what is equal and stored otherwise counts as changed, which is no harm. */
static bool
differs_at(const Change *change, int number)
{
	Form_pg_attribute attribute = TupleDescAttr(change->desc, number - 1);
	bool		was_null;
	bool		is_null;
	Datum		was = heap_getattr(change->before, number, change->desc, &was_null);
	Datum		is = heap_getattr(change->after, number, change->desc, &is_null);

	if (was_null || is_null)
		return was_null != is_null;
	return !datum_image_eq(was, is, attribute->attbyval, attribute->attlen);
}

static bool
differs(const Change *change, const char *name)
{
	int			number = SPI_fnumber(change->desc, name);

	return change->before && change->after && number > 0 && differs_at(change, number);
}

static bool
is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

/* "changed": the names of the columns that did, but for some; false: none did. */
static bool
add_changed(Change *change, const char *const *but)
{
	bool		any = false;

	for (int i = 1; i <= change->desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(change->desc, i - 1)->attname);

		if (TupleDescAttr(change->desc, i - 1)->attisdropped || is_one_of(name, but) || !differs_at(change, i))
			continue;
		if (!any)
			add_member(change, "changed");
		appendStringInfoString(&change->detail, any ? ", " : "[");
		escape_json(&change->detail, name);
		any = true;
	}
	if (any)
		appendStringInfoChar(&change->detail, ']');
	return any;
}

static HeapTuple
now_or_then(const Change *change)
{
	return change->after ? change->after : change->before;
}

static void
take_id(Change *change, const char *name)
{
	bool		isnull;
	Datum		value = column(change, now_or_then(change), name, &isnull);

	change->event.has_id = !isnull;
	if (!isnull)
		change->event.id = *DatumGetUUIDP(value);
}

static const char *const nothing[] = {NULL};

/* ---- secrets ---- */

/* Columns that the line tells of otherwise. */
static const char *const bookkeeping[] = {
	"current_version", "previous_version", "last_version", "changed_at", "deleted_at", "deleted_by", "purge_after",
	"name", "disabled", "watch_until", "watch_channel", NULL
};

static AuditAction
judge_secret(Change *change)
{
	if (change->after == NULL || change->before == NULL)
		return change->after ? ACTION_WRITE : ACTION_DESTROY;
	if (differs(change, "deleted_at"))
		return is_null(change, change->after, "deleted_at") ? ACTION_UNDELETE : ACTION_DELETE;
	return differs(change, "name") ? ACTION_RENAME : ACTION_WRITE;
}

/* Which version it is about: the one that came, or that became current. */
static int64
version_of_secret(const Change *change)
{
	if (change->before == NULL || differs(change, "last_version"))
		return number_column(change, change->after, "last_version");
	if (differs(change, "current_version"))
		return number_column(change, change->after, "current_version");
	if (differs(change, "previous_version"))
		return number_column(change, change->after, "previous_version");
	return 0;
}

static void
on_secret(Change *change)
{
	AuditAction action = judge_secret(change);
	bool		watched = differs(change, "watch_until") || differs(change, "watch_channel");
	bool		more = false;

	take_id(change, "id");
	change->event.name = text_column(change, now_or_then(change), "name");
	if (change->after)
		change->event.version = version_of_secret(change);
	if (change->before == NULL)
		add_flag(change, "created");
	else if (change->after == NULL)
		add_flag(change, "purged");
	else
		more = add_changed(change, change->ours ? bookkeeping : nothing);
	if (differs(change, "disabled"))
	{
		add_bool(change, "disabled", bool_column(change, change->after, "disabled"));
		more = true;
	}
	if (differs(change, "name"))
		add_text(change, "from", text_column(change, change->before, "name"));
	if (change->ours && rotating)
	{
		if (!differs(change, "current_version"))
			add_flag(change, "pending");
		action = ACTION_ROTATE;
	}
	else if (change->ours && action == ACTION_WRITE && change->before)
	{
		if (differs(change, "last_version") || more)
			;
		else if (differs(change, "current_version"))
			add_text(change, "stage", "current");
		else if (differs(change, "previous_version"))
			add_text(change, "stage", "previous");
		else if (watched)
		{
			add_flag(change, "watched");
			action = ACTION_CONFIG;
		}
		else
			return;				/* its version, or a stage, tells */
	}
	write_change(change, action);
}

/* The secret of a version or a stage: its name; false: it is gone.  *deleted: it is being purged. */
static bool
find_secret(Change *change, bool *deleted)
{
	Relation	rel = catalog_open(CATALOG_SECRET);
	TupleDesc	desc = RelationGetDescr(rel);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		isnull;
	bool		found;

	*deleted = false;
	ScanKeyInit(&key, (AttrNumber) SPI_fnumber(desc, "id"), BTEqualStrategyNumber, F_UUID_EQ,
				UUIDPGetDatum(&change->event.id));
	scan = systable_beginscan(rel, catalog_oid(CATALOG_SECRET_PKEY), true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
	{
		Datum		name = heap_getattr(tuple, SPI_fnumber(desc, "name"), desc, &isnull);

		change->event.name = isnull ? NULL : TextDatumGetCString(name);
		(void) heap_getattr(tuple, SPI_fnumber(desc, "deleted_at"), desc, &isnull);
		*deleted = !isnull;
	}
	systable_endscan(scan);
	table_close(rel, NoLock);
	return found;
}

/* One of ours that only a version tells of; else the secret's own row does. */
static bool
is_told_by_version(const Change *change)
{
	if (change->before == NULL)
		return false;
	if (change->after == NULL)
		return true;			/* pruned, or purged */
	return differs(change, "disabled") || is_null(change, change->before, "value") != is_null(change, change->after, "value");
}

static AuditAction
judge_version(Change *change)
{
	if (change->after == NULL)
		return ACTION_DESTROY;
	if (change->before && is_null(change, change->after, "value") && !is_null(change, change->before, "value"))
		return ACTION_DESTROY;
	return ACTION_WRITE;
}

static void
on_version(Change *change)
{
	bool		deleted;
	bool		there;

	if (change->ours && !is_told_by_version(change))
		return;
	take_id(change, "secret_id");
	change->event.version = number_column(change, now_or_then(change), "version");
	there = find_secret(change, &deleted);
	if (change->ours && change->after == NULL && (deleted || !there))
		return;					/* purged: the secret's row tells */
	if (change->ours && change->after == NULL)
		change->event.reason = "max_versions";
	if (!change->ours && change->before && change->after)
		(void) add_changed(change, nothing);
	if (differs(change, "disabled"))
		add_bool(change, "disabled", bool_column(change, change->after, "disabled"));
	write_change(change, judge_version(change));
}

static void
on_stage(Change *change)
{
	bool		deleted;
	bool		there;

	take_id(change, "secret_id");
	there = find_secret(change, &deleted);
	if (change->ours && (rotating || (change->after == NULL && (deleted || !there))))
		return;
	if (change->ours && change->before && change->after && !differs(change, "version"))
		return;					/* it is where it was */
	change->event.version = number_column(change, now_or_then(change), "version");
	add_text(change, "stage", text_column(change, now_or_then(change), "stage"));
	if (change->after == NULL)
		add_flag(change, "removed");
	write_change(change, ACTION_WRITE);
}

/* ---- rules ---- */

static PrivilegeSet
privileges_of(const Change *change, HeapTuple tuple)
{
	bool		isnull;
	Datum		value = column(change, tuple, "privileges", &isnull);

	return isnull ? 0 : rule_decode_privileges(value);
}

static void
add_privileges(Change *change, PrivilegeSet set)
{
	bool		first = true;

	add_member(change, "privileges");
	appendStringInfoChar(&change->detail, '[');
	for (int privilege = 0; privilege < NUM_PRIVILEGES; privilege++)
		if (set & PRIVILEGE(privilege))
		{
			appendStringInfoString(&change->detail, first ? "" : ", ");
			escape_json(&change->detail, privilege_name((Privilege) privilege));
			first = false;
		}
	appendStringInfoChar(&change->detail, ']');
}

static void
add_time(Change *change, HeapTuple row, const char *name)
{
	bool		isnull;
	TimestampTz at = DatumGetTimestampTz(column(change, row, name, &isnull));

	if (!isnull && !TIMESTAMP_NOT_FINITE(at))
		add_text(change, name, audit_time(at));
}

/* When and from where it holds, if not always and from everywhere. */
static void
add_conditions(Change *change, HeapTuple row)
{
	bool		isnull;
	Datum		network = column(change, row, "network", &isnull);

	if (!isnull)
		add_text(change, "network", DatumGetCString(DirectFunctionCall1(inet_out, network)));
	if (!is_null(change, row, "ssl"))
		add_bool(change, "ssl", bool_column(change, row, "ssl"));
	add_time(change, row, "valid_from");
	add_time(change, row, "valid_until");
}

static void
on_rule(Change *change)
{
	HeapTuple	row = now_or_then(change);
	char	   *effect = text_column(change, row, "effect");
	PrivilegeSet was = privileges_of(change, change->before);
	PrivilegeSet is = privileges_of(change, change->after);
	bool		isnull;
	Datum		id = column(change, row, "id", &isnull);

	if (change->ours && change->before && was == is)
		return;					/* whom it is for has got another name */
	change->event.name = text_column(change, row, "pattern");
	add_text(change, "grantee", text_column(change, row, "grantee"));
	add_privileges(change, was == is ? is : was ^ is);
	if (!isnull)
		add_text(change, "rule_id", DatumGetCString(DirectFunctionCall1(uuid_out, id)));
	add_text(change, "effect", effect);
	add_conditions(change, row);
	if (change->before && change->after && !change->ours)
		(void) add_changed(change, nothing);
	if (was & ~is)
		write_change(change, ACTION_REVOKE);
	else
		write_change(change, effect && strcmp(effect, "deny") == 0 ? ACTION_DENY : ACTION_GRANT);
}

/* ---- schedules ---- */

static const char *
operation(const Change *change)
{
	if (change->before == NULL)
		return "insert";
	return change->after ? "update" : "delete";
}

static bool
names_secret(Change *change)
{
	bool		deleted;

	take_id(change, "secret_id");
	return find_secret(change, &deleted);
}

static void
add_schedule(Change *change, const char *what)
{
	HeapTuple	row = now_or_then(change);

	add_text(change, "rotation", what);
	add_text(change, "schedule", text_column(change, row, "schedule"));
	add_text(change, "rotator", text_column(change, row, "rotator"));
}

/*
 * Of ours: that it was made, taken away, adopted, and that it failed.  That it
 * was changed rotation tells, who may have changed nothing but its time; a
 * rotation the secret's own row tells.
 */
static void
on_rotation(Change *change)
{
	bool		there = names_secret(change);

	if (!change->ours)
	{
		add_text(change, "rotation", operation(change));
		if (change->before && change->after)
			(void) add_changed(change, nothing);
		write_change(change, ACTION_CONFIG);
	}
	else if (change->after == NULL && !there)
		return;					/* purged: the secret's row tells */
	else if (change->before == NULL)
	{
		add_schedule(change, "scheduled");
		write_change(change, ACTION_CONFIG);
	}
	else if (change->after == NULL || differs(change, "system_identifier") || differs(change, "database_oid"))
	{
		add_schedule(change, change->after ? "adopted" : "unscheduled");
		write_change(change, ACTION_CONFIG);
	}
	else if (number32_column(change, change->after, "failures") > number32_column(change, change->before, "failures"))
	{
		change->event.reason = text_column(change, change->after, "last_error");
		write_outcome(change, ACTION_ROTATE, OUTCOME_FAILED);
	}
}

/* ---- the rest ---- */

/* Its wraps come and go with root keys, which tell. */
static void
on_master_key(Change *change)
{
	if (change->ours && change->before && change->after)
		return;
	change->event.version = number_column(change, now_or_then(change), "version");
	add_text(change, "master_key", change->ours ? "made" : operation(change));
	if (change->before && change->after)
		(void) add_changed(change, nothing);
	write_change(change, ACTION_CONFIG);
}

static void
on_root_key(Change *change)
{
	add_text(change, "root_key", !change->ours ? operation(change) : change->after ? "added" : "dropped");
	add_text(change, "id", text_column(change, now_or_then(change), "id"));
	write_change(change, ACTION_CONFIG);
}

static int64
count_rows(const char *table)
{
	int64		count;
	bool		isnull;

	if (SPI_execute(psprintf("SELECT pg_catalog.count(*) FROM secrets_catalog.%s", table), false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not count the rows of a catalog");
	count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	return count;
}

/* The end of a restore, or the beginning: what came without lines of its own is counted. */
static void
on_home(Change *change)
{
	static const char *const tables[] = {"secret", "version", "rule", "audit_event"};
	int64		counts[lengthof(tables)];
	int64		all = 0;

	/* As the owner, as whoever made it: see policy_settle(). */
	if (change->after && change->ours)
	{
		SPI_connect();
		for (int i = 0; i < lengthof(tables); i++)
			all += counts[i] = count_rows(tables[i]);
		SPI_finish();
		change->event.reason = all > 0 ? "restored" : "begun";
		for (int i = 0; all > 0 && i < lengthof(tables); i++)
		{
			add_member(change, tables[i]);
			appendStringInfo(&change->detail, INT64_FORMAT, counts[i]);
		}
	}
	else
		add_text(change, "home", operation(change));
	write_change(change, ACTION_CONFIG);
}

/* Of the log itself: by whoever it was, it was not the worker. */
static void
on_log(Change *change)
{
	if (change->ours)
		return;
	add_text(change, "table", change->table);
	write_change(change, ACTION_CONFIG);
}

static const struct
{
	Catalog		table;
	void		(*handle) (Change *change);
}			handlers[] = {
	{CATALOG_SECRET, on_secret},
	{CATALOG_VERSION, on_version},
	{CATALOG_STAGE, on_stage},
	{CATALOG_RULE, on_rule},
	{CATALOG_MASTER_KEY, on_master_key},
	{CATALOG_ROOT_KEY, on_root_key},
	{CATALOG_ROTATION, on_rotation},
	{CATALOG_HOME, on_home},
	{CATALOG_AUDIT_EVENT, on_log},
	{CATALOG_AUDIT_DIGEST, on_log},
};

/* Else whoever may make a trigger of it could write lines about a table of his own. */
pg_noreturn static void
refuse_other_table(void)
{
	REFUSE(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, errmsg("this function serves the catalogs of secrets only"));
}

static bool
is_handled(Oid relid)
{
	for (int i = 0; i < lengthof(handlers); i++)
		if (relid == catalog_oid(handlers[i].table))
			return true;
	return false;
}

static void
handle(Oid relid, Change *change)
{
	for (int i = 0; i < lengthof(handlers); i++)
		if (relid == catalog_oid(handlers[i].table))
		{
			handlers[i].handle(change);
			return;
		}
}

static void
handle_statement(Oid relid, TriggerData *trigger, Change *change)
{
	add_text(change, "operation", TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) ? "truncate"
			 : TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ? "delete"
			 : TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? "update" : "insert");
	if (relid == catalog_oid(CATALOG_AUDIT_EVENT) || relid == catalog_oid(CATALOG_AUDIT_DIGEST))
	{
		on_log(change);
		return;
	}
	add_text(change, "table", change->table);
	if (relid == catalog_oid(CATALOG_SECRET) || relid == catalog_oid(CATALOG_VERSION))
		write_change(change, ACTION_DESTROY);
	else
		write_change(change, relid == catalog_oid(CATALOG_RULE) ? ACTION_REVOKE : ACTION_CONFIG);
}

/*
 * A schedule says as whom it is done, and roles' passwords hang on it: past the
 * API it is for superusers alone, whatever may write everywhere and is under no
 * policy.
 */
static void
require_superuser(void)
{
	if (!superuser())
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
			   errmsg("permission denied: schedules of rotation are changed by the functions of extension \"secrets\" only"));
}

/*
 * While a restore may be under way, rows come in as they were elsewhere: no
 * lines, until the home is made, which counts them.  A restore only adds: who
 * takes the home away to change something else unseen is seen.
 */
void
audit_on_change(TriggerData *trigger)
{
	Relation	rel = trigger->tg_relation;
	Change		change = {
		.table = RelationGetRelationName(rel),.desc = RelationGetDescr(rel),.ours = catalog_change_is_ours()
	};

	if (!is_handled(RelationGetRelid(rel)))
		refuse_other_table();
	if (!change.ours && RelationGetRelid(rel) == catalog_oid(CATALOG_ROTATION))
		require_superuser();
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event) && !audit_has_home() && RelationGetRelid(rel) != catalog_oid(CATALOG_HOME))
		return;
	initStringInfo(&change.detail);
	if (!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
	{
		handle_statement(RelationGetRelid(rel), trigger, &change);
		return;
	}
	if (!TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		change.before = trigger->tg_trigtuple;
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		change.after = trigger->tg_trigtuple;
	else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		change.after = trigger->tg_newtuple;
	handle(RelationGetRelid(rel), &change);
}
