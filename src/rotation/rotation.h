/*
 * rotation/rotation.h: secrets that change by themselves, as api has it.
 *
 * Names and patterns come as C strings; whoever calls has refused NULL.
 */
#ifndef SECRETS_ROTATION_ROTATION_H
#define SECRETS_ROTATION_ROTATION_H

#include "datatype/timestamp.h"

extern void rotation_init(void);

typedef struct ScheduleRequest
{
	const char *name;
	const char *schedule;
	const char *rotator;
	struct varlena *options;	/* jsonb: the clock's and the rotator's */
	bool		rotate_now;
} ScheduleRequest;

/* The next time; NEVER: manual. */
extern TimestampTz rotation_schedule(const ScheduleRequest *request);
extern void rotation_unschedule(const char *name);

/* In this transaction, or, for what is outside, marked: the version that is, or that is to come. */
extern int64 rotation_rotate(const char *name);
extern int	rotation_rotate_all(const char *pattern);

/* Outside a transaction block only: they commit. */
extern void rotation_rotate_now(const char *name);
extern void rotation_tick(int max_work, const Interval *max_time);

extern int	rotation_adopt(const char *pattern);

/* Rows for the view secrets.rotations, of what the effective role may list, by name. */
#define ROTATIONS_COLUMNS 12

typedef void (*rotation_emitter) (Datum *values, bool *nulls, void *arg);

extern void rotation_show(bool only_overdue, rotation_emitter emit, void *arg);

/* Rows of secrets.secrets that end within that time. */
extern void rotation_show_expiring(const Interval *within, rotation_emitter emit, void *arg);

#endif
