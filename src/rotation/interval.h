/*
 * rotation/interval.h: an interval as its user wrote it.
 */
#ifndef SECRETS_ROTATION_INTERVAL_H
#define SECRETS_ROTATION_INTERVAL_H

#include "datatype/timestamp.h"

/*
 * In the current memory context; NULL where it is none.  Raises nothing about
 * it, and what it means does not hang on the session's IntervalStyle.
 */
extern Interval *interval_read(const char *text);

#endif
