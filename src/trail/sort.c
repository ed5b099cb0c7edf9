/*
 * trail/sort.c
 */
#include "postgres.h"

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "base/compat.h"
#include "trail/sort.h"

struct RecordSort
{
	Tuplesortstate *state;
	StringInfoData record;		/* with its header, aligned: what goes in, and what came out */
	MemoryContext taken;
};

RecordSort *
sort_begin(void)
{
	RecordSort *sort = palloc0(sizeof(RecordSort));

	sort->state = tuplesort_begin_datum(BYTEAOID, ByteaLessOperator, InvalidOid, false, work_mem, NULL, 0);
	initStringInfo(&sort->record);
	sort->taken = AllocSetContextCreate(CurrentMemoryContext, "record", ALLOCSET_DEFAULT_SIZES);
	return sort;
}

void
sort_put(RecordSort *sort, const void *record, Size len)
{
	resetStringInfo(&sort->record);
	enlargeStringInfo(&sort->record, (int) (VARHDRSZ + len));
	SET_VARSIZE(sort->record.data, VARHDRSZ + len);
	memcpy(VARDATA(sort->record.data), record, len);
	tuplesort_putdatum(sort->state, PointerGetDatum(sort->record.data), false);
}

void
sort_run(RecordSort *sort)
{
	tuplesort_performsort(sort->state);
}

const void *
sort_next(RecordSort *sort, Size *len)
{
	MemoryContext before = MemoryContextSwitchTo(sort->taken);
	Datum		value;
	bool		isnull;
	bool		found;

	MemoryContextReset(sort->taken);
	found = GET_SORTED_DATUM(sort->state, &value, &isnull);
	MemoryContextSwitchTo(before);
	if (!found)
		return NULL;
	*len = VARSIZE_ANY_EXHDR(DatumGetPointer(value));
	return VARDATA_ANY(DatumGetPointer(value));
}

void
sort_end(RecordSort *sort)
{
	tuplesort_end(sort->state);
	MemoryContextDelete(sort->taken);
	pfree(sort->record.data);
	pfree(sort);
}

#define SIGN_BIT (UINT64CONST(1) << 63)

uint64
sort_key(int64 number)
{
	return pg_hton64((uint64) number ^ SIGN_BIT);
}

int64
sort_number(uint64 key)
{
	return (int64) (pg_ntoh64(key) ^ SIGN_BIT);
}
