/*
 * trail/sort.h: records in order, more of them than memory holds.
 *
 * A record is bytes, and the order is that of the bytes: it begins with what it
 * is sorted by, numbers by sort_key().
 */
#ifndef SECRETS_TRAIL_SORT_H
#define SECRETS_TRAIL_SORT_H

typedef struct RecordSort RecordSort;

/* Takes work_mem, and files beyond. */
extern RecordSort *sort_begin(void);
extern void sort_put(RecordSort *sort, const void *record, Size len);

/* After the last sort_put(); then the records, which lie there until the next call.  NULL: no more. */
extern void sort_run(RecordSort *sort);
extern const void *sort_next(RecordSort *sort, Size *len);
extern void sort_end(RecordSort *sort);

/* Eight bytes in the order of the number, negative ones first; and back. */
extern uint64 sort_key(int64 number);
extern int64 sort_number(uint64 key);

#endif
