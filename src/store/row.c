/*
 * store/row.c: rows to structs and back.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/row.h"

/* A row whose columns can be asked for by number; what is NULL has a meaning of its own. */
typedef struct Row
{
	Datum		values[SECRET_COLUMNS + 8];
	bool		nulls[SECRET_COLUMNS + 8];
} Row;

static void
deform(HeapTuple tuple, TupleDesc desc, Row *row)
{
	if (desc->natts > lengthof(row->values))
		elog(ERROR, "a catalog of extension \"secrets\" has more columns than this library knows");
	heap_deform_tuple(tuple, desc, row->values, row->nulls);
}

static int64
get_int64(const Row *row, int column)
{
	return row->nulls[column - 1] ? 0 : DatumGetInt64(row->values[column - 1]);
}

static TimestampTz
get_time(const Row *row, int column)
{
	return row->nulls[column - 1] ? NEVER : DatumGetTimestampTz(row->values[column - 1]);
}

static char *
get_text(const Row *row, int column)
{
	return row->nulls[column - 1] ? NULL : TextDatumGetCString(row->values[column - 1]);
}

static struct varlena *
get_varlena(const Row *row, int column)
{
	return row->nulls[column - 1] ? NULL : PG_DETOAST_DATUM_COPY(row->values[column - 1]);
}

static void
decode_head(const Row *row, Secret *secret)
{
	secret->id = *DatumGetUUIDP(row->values[SECRET_ID - 1]);
	secret->current_version = get_int64(row, SECRET_CURRENT_VERSION);
	secret->previous_version = get_int64(row, SECRET_PREVIOUS_VERSION);
	secret->last_version = get_int64(row, SECRET_LAST_VERSION);
	secret->disabled = DatumGetBool(row->values[SECRET_DISABLED - 1]);
	secret->expires_at = get_time(row, SECRET_EXPIRES_AT);
	secret->created_at = get_time(row, SECRET_CREATED_AT);
	secret->changed_at = get_time(row, SECRET_CHANGED_AT);
	secret->deleted_at = get_time(row, SECRET_DELETED_AT);
	secret->purge_after = get_time(row, SECRET_PURGE_AFTER);
	secret->watch_until = get_time(row, SECRET_WATCH_UNTIL);
	secret->max_versions = row->nulls[SECRET_MAX_VERSIONS - 1] ? 0 : DatumGetInt32(row->values[SECRET_MAX_VERSIONS - 1]);
	secret->kind = get_text(row, SECRET_KIND);
	secret->name = get_text(row, SECRET_NAME);
}

void
secret_decode_brief(HeapTuple tuple, TupleDesc desc, void *out)
{
	Secret	   *secret = out;
	Row			row;

	deform(tuple, desc, &row);
	decode_head(&row, secret);
	secret->content_type = secret->description = secret->deleted_by = secret->watch_channel = NULL;
	secret->tags = secret->generator = NULL;
}

void
secret_decode(HeapTuple tuple, TupleDesc desc, void *out)
{
	Secret	   *secret = out;
	Row			row;

	deform(tuple, desc, &row);
	decode_head(&row, secret);
	secret->content_type = get_text(&row, SECRET_CONTENT_TYPE);
	secret->description = get_text(&row, SECRET_DESCRIPTION);
	secret->tags = get_varlena(&row, SECRET_TAGS);
	secret->deleted_by = get_text(&row, SECRET_DELETED_BY);
	secret->watch_channel = get_text(&row, SECRET_WATCH_CHANNEL);
	secret->generator = get_varlena(&row, SECRET_GENERATOR);
}

static void
decode_version(const Row *row, Version *version)
{
	version->version = get_int64(row, VERSION_VERSION);
	version->created_at = get_time(row, VERSION_CREATED_AT);
	version->disabled = DatumGetBool(row->values[VERSION_DISABLED - 1]);
	version->destroyed_at = get_time(row, VERSION_DESTROYED_AT);
	version->value = (SealedBox *) get_varlena(row, VERSION_VALUE);
	version->created_by = version->public_half = NULL;
	version->request_id = NULL;
}

void
version_decode_brief(HeapTuple tuple, TupleDesc desc, void *out)
{
	Row			row;

	deform(tuple, desc, &row);
	decode_version(&row, out);
}

void
version_decode(HeapTuple tuple, TupleDesc desc, void *out)
{
	Version    *version = out;
	Row			row;

	deform(tuple, desc, &row);
	decode_version(&row, version);
	version->created_by = get_text(&row, VERSION_CREATED_BY);
	if (!row.nulls[VERSION_REQUEST_ID - 1])
	{
		version->request_id = palloc(sizeof(pg_uuid_t));
		*version->request_id = *DatumGetUUIDP(row.values[VERSION_REQUEST_ID - 1]);
	}
	version->public_half = get_text(&row, VERSION_PUBLIC_HALF);
}

void
version_summarize(HeapTuple tuple, TupleDesc desc, bool with_public_half, VersionSummary *version)
{
	Row			row;

	deform(tuple, desc, &row);
	version->version = get_int64(&row, VERSION_VERSION);
	version->created_at = get_time(&row, VERSION_CREATED_AT);
	version->disabled = DatumGetBool(row.values[VERSION_DISABLED - 1]);
	version->destroyed = row.nulls[VERSION_VALUE - 1];
	version->size = version->destroyed ? 0 : (int) box_plain_size(row.values[VERSION_VALUE - 1]);
	version->created_by = get_text(&row, VERSION_CREATED_BY);
	version->public_half = with_public_half ? get_text(&row, VERSION_PUBLIC_HALF) : NULL;
}

/* ---- the way back ---- */

static void
set(Datum *values, char *nulls, int column, Datum value, bool isnull)
{
	values[column - 1] = value;
	nulls[column - 1] = isnull ? 'n' : ' ';
}

static void
set_time(Datum *values, char *nulls, int column, TimestampTz time)
{
	set(values, nulls, column, TimestampTzGetDatum(time), time == NEVER);
}

static void
set_version(Datum *values, char *nulls, int column, int64 version)
{
	set(values, nulls, column, Int64GetDatum(version), version == NO_VERSION);
}

static void
set_text(Datum *values, char *nulls, int column, const char *text)
{
	set(values, nulls, column, text ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

static void
set_pointer(Datum *values, char *nulls, int column, const void *pointer)
{
	set(values, nulls, column, PointerGetDatum(pointer), pointer == NULL);
}

void
secret_encode(const Secret *secret, Datum *values, char *nulls)
{
	set_pointer(values, nulls, SECRET_ID, &secret->id);
	set_version(values, nulls, SECRET_CURRENT_VERSION, secret->current_version);
	set_version(values, nulls, SECRET_PREVIOUS_VERSION, secret->previous_version);
	set(values, nulls, SECRET_LAST_VERSION, Int64GetDatum(secret->last_version), false);
	set(values, nulls, SECRET_DISABLED, BoolGetDatum(secret->disabled), false);
	set_time(values, nulls, SECRET_EXPIRES_AT, secret->expires_at);
	set_time(values, nulls, SECRET_CREATED_AT, secret->created_at);
	set_time(values, nulls, SECRET_CHANGED_AT, secret->changed_at);
	set_time(values, nulls, SECRET_DELETED_AT, secret->deleted_at);
	set_time(values, nulls, SECRET_PURGE_AFTER, secret->purge_after);
	set_time(values, nulls, SECRET_WATCH_UNTIL, secret->watch_until);
	set(values, nulls, SECRET_MAX_VERSIONS, Int32GetDatum(secret->max_versions), secret->max_versions == 0);
	set_text(values, nulls, SECRET_KIND, secret->kind);
	set_text(values, nulls, SECRET_NAME, secret->name);
	set_text(values, nulls, SECRET_CONTENT_TYPE, secret->content_type);
	set_text(values, nulls, SECRET_DESCRIPTION, secret->description);
	set_pointer(values, nulls, SECRET_TAGS, secret->tags);
	set_text(values, nulls, SECRET_DELETED_BY, secret->deleted_by);
	set_text(values, nulls, SECRET_WATCH_CHANNEL, secret->watch_channel);
	set_pointer(values, nulls, SECRET_GENERATOR, secret->generator);
}

void
version_encode(const Secret *secret, const Version *version, Datum *values, char *nulls)
{
	set_pointer(values, nulls, VERSION_SECRET_ID, &secret->id);
	set_version(values, nulls, VERSION_VERSION, version->version);
	set_time(values, nulls, VERSION_CREATED_AT, version->created_at);
	set(values, nulls, VERSION_DISABLED, BoolGetDatum(version->disabled), false);
	set_time(values, nulls, VERSION_DESTROYED_AT, version->destroyed_at);
	set_pointer(values, nulls, VERSION_VALUE, version->value);
	set_text(values, nulls, VERSION_CREATED_BY, version->created_by);
	set_pointer(values, nulls, VERSION_REQUEST_ID, version->request_id);
	set_text(values, nulls, VERSION_PUBLIC_HALF, version->public_half);
}
