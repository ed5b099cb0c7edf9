/*
 * store/row.h: the columns of store.sql, inside the room.
 */
#ifndef SECRETS_STORE_ROW_H
#define SECRETS_STORE_ROW_H

#include "access/htup.h"
#include "access/tupdesc.h"

#include "store/store.h"

enum
{
	SECRET_ID = 1, SECRET_CURRENT_VERSION, SECRET_PREVIOUS_VERSION, SECRET_LAST_VERSION, SECRET_DISABLED,
	SECRET_EXPIRES_AT, SECRET_CREATED_AT, SECRET_CHANGED_AT, SECRET_DELETED_AT, SECRET_PURGE_AFTER,
	SECRET_WATCH_UNTIL, SECRET_MAX_VERSIONS, SECRET_KIND, SECRET_NAME, SECRET_CONTENT_TYPE,
	SECRET_DESCRIPTION, SECRET_TAGS, SECRET_DELETED_BY, SECRET_WATCH_CHANNEL, SECRET_GENERATOR,
	SECRET_COLUMNS = SECRET_GENERATOR
};

enum
{
	VERSION_SECRET_ID = 1, VERSION_VERSION, VERSION_CREATED_AT, VERSION_DISABLED, VERSION_DESTROYED_AT,
	VERSION_VALUE, VERSION_CREATED_BY, VERSION_REQUEST_ID, VERSION_PUBLIC_HALF,
	VERSION_COLUMNS = VERSION_PUBLIC_HALF
};

enum
{
	STAGE_SECRET_ID = 1, STAGE_STAGE, STAGE_VERSION
};

/* From a row of the table, or of a query that selects all its columns first and in order. */
extern void secret_decode(HeapTuple tuple, TupleDesc desc, void *secret);
extern void secret_decode_brief(HeapTuple tuple, TupleDesc desc, void *secret);
extern void version_decode(HeapTuple tuple, TupleDesc desc, void *version);
extern void version_decode_brief(HeapTuple tuple, TupleDesc desc, void *version);
extern void version_summarize(HeapTuple tuple, TupleDesc desc, bool with_public_half, VersionSummary *version);

/* To parameters: values[column - 1] and nulls[column - 1] (' ' or 'n', as SPI has them). */
extern void secret_encode(const Secret *secret, Datum *values, char *nulls);
extern void version_encode(const Secret *secret, const Version *version, Datum *values, char *nulls);

#endif
