/*
 * kv/kv_sql.c: the doors of kv.sql.
 *
 * None of the functions is STRICT: an argument that must not be NULL is 22004.
 * Where a value comes in, errors carry no context until it is sealed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/compat.h"
#include "base/options.h"
#include "base/refuse.h"
#include "kv/kv.h"

#define NO_SUCH_VERSION (-1)

/* ---- arguments ---- */

static void
require_arg(FunctionCallInfo fcinfo, int n, const char *argument)
{
	if (PG_ARGISNULL(n))
		refuse_null(argument);
}

static char *
cstring_arg(FunctionCallInfo fcinfo, int n, const char *argument)
{
	require_arg(fcinfo, n, argument);
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static char *
cstring_or_null_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* Versions count from 1; what is below is no version, not "none given". */
static int64
version_or_null_arg(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		return NO_VERSION;
	return PG_GETARG_INT64(n) < 1 ? NO_SUCH_VERSION : PG_GETARG_INT64(n);
}

static int64
version_arg(FunctionCallInfo fcinfo, int n)
{
	require_arg(fcinfo, n, "version");
	return version_or_null_arg(fcinfo, n);
}

static pg_uuid_t *
uuid_or_null_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : PG_GETARG_UUID_P(n);
}

static Jsonb *
options_arg(FunctionCallInfo fcinfo, int n)
{
	require_arg(fcinfo, n, "options");
	return PG_GETARG_JSONB_P(n);
}

/* A copy that detoasting made is ours to wipe, also after an error; what came in is the caller's. */
static void
own_detoasted(Datum given, struct varlena *datum)
{
	if ((Pointer) datum != DatumGetPointer(given))
		buffer_wipe_later(datum, VARSIZE_ANY(datum));
}

static Plain
text_value_arg(FunctionCallInfo fcinfo, int n, const char *argument)
{
	text	   *value;

	require_arg(fcinfo, n, argument);
	value = PG_GETARG_TEXT_PP(n);
	own_detoasted(PG_GETARG_DATUM(n), value);
	return value_from_text(value);
}

static Plain
bytes_value_arg(FunctionCallInfo fcinfo, int n, const char *argument)
{
	bytea	   *value;

	require_arg(fcinfo, n, argument);
	value = PG_GETARG_BYTEA_PP(n);
	own_detoasted(PG_GETARG_DATUM(n), value);
	return value_from_bytes(value);
}

static Plain
jsonb_value_arg(FunctionCallInfo fcinfo, int n, const char *argument)
{
	Jsonb	   *value;

	require_arg(fcinfo, n, argument);
	value = PG_GETARG_JSONB_P(n);
	own_detoasted(PG_GETARG_DATUM(n), (struct varlena *) value);
	return value_from_jsonb(value);
}

static struct varlena *
tags_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : (struct varlena *) PG_GETARG_JSONB_P_COPY(n);
}

static void
read_expiry(FunctionCallInfo fcinfo, int n, Metadata *metadata)
{
	metadata->has_expires_at = !PG_ARGISNULL(n);
	metadata->expires_at = PG_ARGISNULL(n) ? NEVER : PG_GETARG_TIMESTAMPTZ(n);
}

/* ---- put ---- */

static pg_uuid_t *
parse_request_id(const char *text)
{
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	char		hex[33];
	int			n = 0;

	for (; *text; text++)
	{
		if (*text == '-')
			continue;
		if (!isxdigit((unsigned char) *text) || n == 32)
			break;
		hex[n++] = *text;
	}
	hex[n] = '\0';
	if (*text != '\0' || n != 32)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("option \"request_id\" must be a uuid"));
	for (int i = 0; i < UUID_LEN; i++)
		id->data[i] = (unsigned char) strtoul((char[]) {hex[2 * i], hex[2 * i + 1], '\0'}, NULL, 16);
	return id;
}

/*
 * All arguments but the value: they stand at the same places in every form of put.
 * The value is read first, so that it is known for one whatever is wrong with the others.
 */
static Datum
put(FunctionCallInfo fcinfo, Plain (*read_value) (FunctionCallInfo, int, const char *), const char *content_type)
{
	ErrorContextCallback *callbacks = hush();
	Plain		plain = read_value(fcinfo, 1, "value");
	char	   *request_id = NULL;
	Option		known[] = {{"content_type", OPTION_TEXT, &content_type}, {"request_id", OPTION_TEXT, &request_id}};
	PutRequest	request = {.name = cstring_arg(fcinfo, 0, "name")};
	int64		version;

	options_read(options_arg(fcinfo, 6), known, lengthof(known));
	request.metadata.description = cstring_or_null_arg(fcinfo, 2);
	request.metadata.tags = tags_arg(fcinfo, 3);
	request.metadata.content_type = content_type;
	read_expiry(fcinfo, 4, &request.metadata);
	request.has_if_version = !PG_ARGISNULL(5);
	request.if_version = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT64(5);
	request.request_id = request_id ? parse_request_id(request_id) : NULL;
	version = kv_put(&request, &plain);
	buffer_free(plain.bytes);
	unhush(callbacks);
	PG_RETURN_INT64(version);
}

SECRETS_FUNCTION(secrets_put_text);
Datum
secrets_put_text(PG_FUNCTION_ARGS)
{
	return put(fcinfo, text_value_arg, NULL);
}

SECRETS_FUNCTION(secrets_put_jsonb);
Datum
secrets_put_jsonb(PG_FUNCTION_ARGS)
{
	return put(fcinfo, jsonb_value_arg, "application/json");
}

SECRETS_FUNCTION(secrets_put_bytes);
Datum
secrets_put_bytes(PG_FUNCTION_ARGS)
{
	return put(fcinfo, bytes_value_arg, NULL);
}

/* ---- patch, generate ---- */

static Datum
patch(FunctionCallInfo fcinfo, Plain (*read_value) (FunctionCallInfo, int, const char *))
{
	ErrorContextCallback *callbacks = hush();
	Plain		changes = read_value(fcinfo, 1, "changes");
	int64		version = kv_patch(cstring_arg(fcinfo, 0, "name"), &changes);

	buffer_free(changes.bytes);
	unhush(callbacks);
	PG_RETURN_INT64(version);
}

SECRETS_FUNCTION(secrets_patch_text);
Datum
secrets_patch_text(PG_FUNCTION_ARGS)
{
	return patch(fcinfo, text_value_arg);
}

SECRETS_FUNCTION(secrets_patch_jsonb);
Datum
secrets_patch_jsonb(PG_FUNCTION_ARGS)
{
	return patch(fcinfo, jsonb_value_arg);
}

SECRETS_FUNCTION(secrets_generate);
Datum
secrets_generate(PG_FUNCTION_ARGS)
{
	char	   *name = cstring_arg(fcinfo, 0, "name");
	char	   *kind = cstring_arg(fcinfo, 1, "kind");

	PG_RETURN_INT64(kv_generate(name, kind, (struct varlena *) options_arg(fcinfo, 2)));
}

SECRETS_FUNCTION(secrets_random_password);
Datum
secrets_random_password(PG_FUNCTION_ARGS)
{
	require_arg(fcinfo, 0, "length");
	require_arg(fcinfo, 1, "exclude");
	PG_RETURN_TEXT_P(kv_random_password(PG_GETARG_INT32(0), PG_GETARG_TEXT_PP(1)));
}

/* ---- the inbox ---- */

static Datum
inbox_column(TriggerData *trigger, const char *column, bool *isnull)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);

	for (int number = 1; number <= desc->natts; number++)
		if (strcmp(NameStr(TupleDescAttr(desc, number - 1)->attname), column) == 0)
			return heap_getattr(trigger->tg_trigtuple, number, desc, isnull);
	*isnull = true;				/* somebody renamed it */
	return (Datum) 0;
}

static char *
inbox_text(TriggerData *trigger, const char *column)
{
	bool		isnull;
	Datum		value = inbox_column(trigger, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static void
inbox_put(TriggerData *trigger)
{
	PutRequest	request = {0};
	bool		isnull;
	Datum		datum = inbox_column(trigger, "value", &isnull);
	text	   *value;
	Plain		plain;

	if (isnull)
		refuse_null("value");
	value = DatumGetTextPP(datum);
	own_detoasted(datum, value);
	plain = value_from_text(value);
	if ((request.name = inbox_text(trigger, "name")) == NULL)
		refuse_null("name");
	request.metadata.description = inbox_text(trigger, "description");
	request.metadata.content_type = inbox_text(trigger, "content_type");
	datum = inbox_column(trigger, "tags", &isnull);
	request.metadata.tags = isnull ? NULL : (struct varlena *) DatumGetJsonbPCopy(datum);
	datum = inbox_column(trigger, "expires_at", &isnull);
	request.metadata.has_expires_at = !isnull;
	request.metadata.expires_at = isnull ? NEVER : DatumGetTimestampTz(datum);
	(void) kv_put(&request, &plain);
	buffer_free(plain.bytes);
}

SECRETS_FUNCTION(secrets_inbox_insert);
Datum
secrets_inbox_insert(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	ErrorContextCallback *callbacks;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_INSTEAD(trigger->tg_event)
		|| !TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		REFUSE(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
			   errmsg("this function serves the view secrets.inbox only"));
	callbacks = hush();
	inbox_put(trigger);
	unhush(callbacks);
	PG_RETURN_POINTER(trigger->tg_trigtuple);
}

/* ---- get ---- */

static Datum
get(FunctionCallInfo fcinfo, bool missing_ok)
{
	ReadRequest request = {
		.name = cstring_arg(fcinfo, 0, "name"),
		.field = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1),
		.version = version_or_null_arg(fcinfo, 2),
		.stage = cstring_or_null_arg(fcinfo, 3),
		.missing_ok = missing_ok
	};
	text	   *value;

	if (request.version != NO_VERSION && request.stage)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("give a version or a stage, not both"));
	if (!kv_get(&request, &value))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(value);
}

SECRETS_FUNCTION(secrets_get);
Datum
secrets_get(PG_FUNCTION_ARGS)
{
	return get(fcinfo, false);
}

SECRETS_FUNCTION(secrets_try_get);
Datum
secrets_try_get(PG_FUNCTION_ARGS)
{
	return get(fcinfo, true);
}

SECRETS_FUNCTION(secrets_get_bytes);
Datum
secrets_get_bytes(PG_FUNCTION_ARGS)
{
	ReadRequest request = {
		.name = cstring_arg(fcinfo, 0, "name"),
		.version = version_or_null_arg(fcinfo, 1),
		.stage = cstring_or_null_arg(fcinfo, 2)
	};

	if (request.version != NO_VERSION && request.stage)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("give a version or a stage, not both"));
	PG_RETURN_BYTEA_P(kv_get_bytes(&request));
}

SECRETS_FUNCTION(secrets_current_version);
Datum
secrets_current_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(kv_current_version(cstring_arg(fcinfo, 0, "name")));
}

/*
 * ---- several at once ----
 *
 * One row a call, opened when its turn comes: in a target list no two values
 * are in the clear at once.  (A function in FROM is stored by the executor, to
 * a temporary file if it must: README says so.)
 */

static Datum
read_next(FunctionCallInfo fcinfo, FuncCallContext *context, int ncolumns)
{
	Datum		values[4] = {0};
	bool		nulls[4] = {false};
	ReadItem	item;
	Datum		row;

	if (!kv_read_next(context->user_fctx, &item))
		SRF_RETURN_DONE(context);
	values[0] = CStringGetTextDatum(item.name);
	values[1] = Int64GetDatum(item.version);
	nulls[1] = item.version == NO_VERSION;
	values[2] = PointerGetDatum(item.value);
	nulls[2] = item.value == NULL;
	nulls[3] = item.problem == NULL;
	if (ncolumns == 4 && item.problem)
		values[3] = CStringGetTextDatum(item.problem);
	row = HeapTupleGetDatum(heap_form_tuple(context->tuple_desc, values, nulls));
	if (item.value)
		explicit_bzero(item.value, VARSIZE(item.value));	/* the row has it */
	SRF_RETURN_NEXT(context, row);
}

/* Leaves the current context in the one that lives as long as the set does. */
static MemoryContext
begin_set(FunctionCallInfo fcinfo, FuncCallContext *context)
{
	MemoryContext before = MemoryContextSwitchTo(context->multi_call_memory_ctx);
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	context->tuple_desc = BlessTupleDesc(desc);
	return before;
}

static const char **
names_arg(FunctionCallInfo fcinfo, int n, int *nnames)
{
	Datum	   *elements;
	bool	   *nulls;
	const char **names;

	require_arg(fcinfo, n, "names");
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, nnames);
	names = palloc(sizeof(char *) * (Size) (*nnames + 1));
	for (int i = 0; i < *nnames; i++)
	{
		if (nulls[i])
			refuse_null("a name of the list");
		names[i] = TextDatumGetCString(elements[i]);
	}
	return names;
}

SECRETS_FUNCTION(secrets_get_many);
Datum
secrets_get_many(PG_FUNCTION_ARGS)
{
	if (SRF_IS_FIRSTCALL())
	{
		FuncCallContext *context = SRF_FIRSTCALL_INIT();
		MemoryContext before = begin_set(fcinfo, context);
		int			n;
		const char **names = names_arg(fcinfo, 0, &n);

		context->user_fctx = kv_read_many(names, n);
		MemoryContextSwitchTo(before);
	}
	return read_next(fcinfo, SRF_PERCALL_SETUP(), 3);
}

SECRETS_FUNCTION(secrets_get_all);
Datum
secrets_get_all(PG_FUNCTION_ARGS)
{
	if (SRF_IS_FIRSTCALL())
	{
		FuncCallContext *context = SRF_FIRSTCALL_INIT();
		MemoryContext before = begin_set(fcinfo, context);

		context->user_fctx = kv_read_all(cstring_arg(fcinfo, 0, "pattern"));
		MemoryContextSwitchTo(before);
	}
	return read_next(fcinfo, SRF_PERCALL_SETUP(), 4);
}

/* ---- listing ---- */

static void
emit_row(Datum *values, bool *nulls, void *arg)
{
	ReturnSetInfo *result = arg;

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

SECRETS_FUNCTION(secrets_list);
Datum
secrets_list(PG_FUNCTION_ARGS)
{
	char	   *pattern = cstring_arg(fcinfo, 0, "pattern");
	int			max_rows = PG_ARGISNULL(2) ? PG_INT32_MAX : PG_GETARG_INT32(2);

	InitMaterializedSRF(fcinfo, 0);
	kv_list(pattern, cstring_or_null_arg(fcinfo, 1), max_rows, emit_row, fcinfo->resultinfo);
	return (Datum) 0;
}

SECRETS_FUNCTION(secrets_describe);
Datum
secrets_describe(PG_FUNCTION_ARGS)
{
	Datum		values[LIST_COLUMNS] = {0};
	bool		nulls[LIST_COLUMNS];
	TupleDesc	desc;

	kv_describe(cstring_arg(fcinfo, 0, "name"), values, nulls);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ---- the rest ---- */

SECRETS_FUNCTION(secrets_alter);
Datum
secrets_alter(PG_FUNCTION_ARGS)
{
	char	   *name = cstring_arg(fcinfo, 0, "name");
	Metadata	metadata = {
		.description = cstring_or_null_arg(fcinfo, 1),
		.tags = tags_arg(fcinfo, 2),
		.content_type = cstring_or_null_arg(fcinfo, 3)
	};

	read_expiry(fcinfo, 4, &metadata);
	if (!PG_ARGISNULL(5))
	{
		metadata.max_versions = PG_GETARG_INT32(5);
		if (metadata.max_versions == 0)
			metadata.max_versions = -1;	/* 0 stands for "not given"; -1 is refused as any other below 1 */
	}
	options_read(options_arg(fcinfo, 6), NULL, 0);
	kv_alter(name, &metadata);
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_label);
Datum
secrets_label(PG_FUNCTION_ARGS)
{
	char	   *name = cstring_arg(fcinfo, 0, "name");
	char	   *stage = cstring_arg(fcinfo, 1, "stage");

	kv_label(name, stage, version_or_null_arg(fcinfo, 2));
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_rollback);
Datum
secrets_rollback(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(kv_rollback(cstring_arg(fcinfo, 0, "name"), version_or_null_arg(fcinfo, 1)));
}

SECRETS_FUNCTION(secrets_rename);
Datum
secrets_rename(PG_FUNCTION_ARGS)
{
	char	   *name = cstring_arg(fcinfo, 0, "name");

	kv_rename(name, cstring_arg(fcinfo, 1, "new_name"));
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_disable);
Datum
secrets_disable(PG_FUNCTION_ARGS)
{
	kv_set_disabled(cstring_arg(fcinfo, 0, "name"), version_or_null_arg(fcinfo, 1), true);
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_enable);
Datum
secrets_enable(PG_FUNCTION_ARGS)
{
	kv_set_disabled(cstring_arg(fcinfo, 0, "name"), version_or_null_arg(fcinfo, 1), false);
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_delete);
Datum
secrets_delete(PG_FUNCTION_ARGS)
{
	char	   *name = cstring_arg(fcinfo, 0, "name");

	require_arg(fcinfo, 1, "recovery");
	PG_RETURN_TIMESTAMPTZ(kv_delete(name, PG_GETARG_INTERVAL_P(1)));
}

SECRETS_FUNCTION(secrets_undelete);
Datum
secrets_undelete(PG_FUNCTION_ARGS)
{
	kv_undelete(cstring_arg(fcinfo, 0, "name"), uuid_or_null_arg(fcinfo, 1), cstring_or_null_arg(fcinfo, 2));
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_destroy);
Datum
secrets_destroy(PG_FUNCTION_ARGS)
{
	char	   *name = cstring_arg(fcinfo, 0, "name");

	kv_destroy(name, version_arg(fcinfo, 1));
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_purge);
Datum
secrets_purge(PG_FUNCTION_ARGS)
{
	kv_purge(cstring_arg(fcinfo, 0, "name"), uuid_or_null_arg(fcinfo, 1));
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_watch);
Datum
secrets_watch(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(kv_watch(cstring_arg(fcinfo, 0, "name"))));
}
