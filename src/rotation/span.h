/*
 * rotation/span.h: intervals in options, as text.
 */
#ifndef SECRETS_ROTATION_SPAN_H
#define SECRETS_ROTATION_SPAN_H

#include "datatype/timestamp.h"

/* In microseconds, a month having 30 days; 22023, quoting nothing, where it is none, negative, or above a century. */
extern int64 span_read(const char *text, const char *option);

/* The same of one that is an argument. */
extern int64 span_of(const Interval *interval, const char *argument);

/* Any point of it, none likelier than another. */
extern int64 span_random(int64 span);

#endif
